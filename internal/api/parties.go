package api

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/party"
)

// PartyRef names a party.
type PartyRef struct {
	CountryCode string `json:"country_code" pattern:"^[A-Za-z]{2}$" patternDescription:"two letters" example:"NL"`
	PartyID     string `json:"party_id" pattern:"^[A-Za-z0-9]{3}$" patternDescription:"three letters or digits" example:"CP1"`
}

// Party is one role that the operator granted to a platform.
type Party struct {
	PartyRef
	Role        string     `json:"role" example:"CPO"`
	Name        string     `json:"name,omitempty" example:"Example Charging"`
	Platform    string     `json:"platform_id" example:"4q7xk2m9p1ab"`
	Status      string     `json:"status" enum:"CONNECTED,OFFLINE,PLANNED,SUSPENDED" example:"CONNECTED" doc:"As HubClientInfo tells it"`
	Confirmed   bool       `json:"confirmed" example:"true" doc:"The platform named this role when it last exchanged credentials"`
	LastUpdated *time.Time `json:"last_updated,omitempty" example:"2026-01-02T03:04:05Z" doc:"When the status last changed"`
}

type partyList struct {
	Body struct {
		Items []Party `json:"items"`
	}
}

type partyQuery struct {
	Role     string `query:"role" example:"CPO" doc:"Only this role"`
	Platform string `query:"platform_id" example:"4q7xk2m9p1ab" doc:"Only parties of this platform"`
}

func (a *API) listParties(_ context.Context, in *partyQuery) (*partyList, error) {
	out := &partyList{}
	out.Body.Items = []Party{}
	for _, p := range a.registry.Snapshot().Platforms() {
		if in.Platform != "" && p.ID != in.Platform {
			continue
		}
		for _, q := range p.Parties {
			if in.Role == "" || strings.EqualFold(in.Role, string(q.Role)) {
				out.Body.Items = append(out.Body.Items, partyView(q))
			}
		}
	}
	slices.SortFunc(out.Body.Items, func(a, b Party) int {
		return cmp.Or(cmp.Compare(a.CountryCode, b.CountryCode), cmp.Compare(a.PartyID, b.PartyID), cmp.Compare(a.Role, b.Role))
	})
	return out, nil
}

func partyView(q *party.Party) Party {
	return Party{
		PartyRef: PartyRef{q.ID.CountryCode, q.ID.ID}, Role: string(q.Role), Name: q.Name, Platform: q.Platform.ID,
		Status: string(q.Status), Confirmed: q.Confirmed, LastUpdated: timeOrNil(q.LastUpdated),
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
