package api

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Object is the present state of something a party published.
type Object struct {
	Kind        string          `json:"kind" example:"locations"`
	CountryCode string          `json:"country_code" example:"NL"`
	PartyID     string          `json:"party_id" example:"CP1"`
	ID          string          `json:"id" example:"LOC1" doc:"As its owner spells it"`
	Seq         int64           `json:"seq" example:"4711" doc:"Place in the feed: grows with every accepted change"`
	Version     string          `json:"version" example:"2.2.1" doc:"OCPI version of the body"`
	LastUpdated time.Time       `json:"last_updated" example:"2026-01-02T03:04:05Z" doc:"As its owner says"`
	Audience    string          `json:"audience,omitempty" example:"DE-EM1" doc:"The one party that may see it; absent: everybody with an agreement"`
	Body        json.RawMessage `json:"body" doc:"The object as its owner wrote it"`
}

type objectQuery struct {
	Kind        string `query:"kind" required:"true" enum:"locations,tariffs,tokens,sessions,cdrs,hubclientinfo" example:"locations" doc:"Module id of what to list"`
	CountryCode string `query:"country_code" example:"NL" doc:"Only objects of this party; needs party_id"`
	PartyID     string `query:"party_id" example:"CP1" doc:"Only objects of this party; needs country_code"`
	After       int64  `query:"after" minimum:"0" example:"0" doc:"The value of next in the answer before"`
	Limit       int    `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

type objectList struct {
	Body struct {
		Items []Object `json:"items"`
		Total int      `json:"total" example:"1" doc:"How many there are, on all pages"`
		Next  string   `json:"next,omitempty" example:"4711" doc:"Value of after for the next page; absent on the last one"`
	}
}

func (a *API) listObjects(ctx context.Context, in *objectQuery) (*objectList, error) {
	q := store.ListQuery{Kind: in.Kind, AfterBorn: in.After, Limit: in.Limit + 1}
	if in.CountryCode != "" || in.PartyID != "" {
		id, err := partyID("query", PartyRef{in.CountryCode, in.PartyID})
		if err != nil {
			return nil, err
		}
		q.Owners = []ocpi.PartyID{id}
	}
	objects, total, err := a.store.List(ctx, q)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &objectList{}
	out.Body.Items, out.Body.Total = []Object{}, total
	if len(objects) > in.Limit {
		objects = objects[:in.Limit]
		out.Body.Next = strconv.FormatInt(objects[in.Limit-1].Born, 10)
	}
	for _, o := range objects {
		out.Body.Items = append(out.Body.Items, Object{
			Kind: o.Kind, CountryCode: o.Party.CountryCode, PartyID: o.Party.ID, ID: o.Name, Seq: o.Seq,
			Version: o.Version, LastUpdated: time.UnixMicro(o.LastUpdated).UTC(), Audience: o.Audience, Body: o.Body,
		})
	}
	return out, nil
}

// partyID reads the two parts of a party's id; where says which part of the
// request they came from.
func partyID(where string, ref PartyRef) (ocpi.PartyID, error) {
	id, err := ocpi.ParsePartyID(ref.CountryCode, ref.PartyID)
	if err != nil {
		return id, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: where, Message: ocpi.AsError(err).Message})
	}
	return id, nil
}
