package api

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/ocpi"
)

// QualityReport is what is odd in the published data, by owner.
type QualityReport struct {
	AsOf     time.Time      `json:"as_of" example:"2026-01-02T03:04:05Z" doc:"A report stands for ten seconds"`
	Complete bool           `json:"complete" example:"true" doc:"False soon after a start: the hub is still reading what was published"`
	Twins    QualityTwins   `json:"twins"`
	Total    QualityOwner   `json:"total" doc:"Of all owners; its score is the mean of theirs, weighted by EVSEs"`
	Items    []QualityOwner `json:"items"`
	Codes    []QualityCode  `json:"codes"`
}

// QualityTwins counts EVSE ids that are published more than once.
type QualityTwins struct {
	IDs           int `json:"evse_ids" example:"26368"`
	Stale         int `json:"live_and_stale" example:"25897" doc:"Of these: one copy has not changed for 90 days, another has"`
	StatusDiffers int `json:"status_differs" example:"11227" doc:"Of these: the copies disagree on the status"`
}

// QualityOwner is the data of one party.
type QualityOwner struct {
	CountryCode string         `json:"country_code,omitempty" example:"NL"`
	PartyID     string         `json:"party_id,omitempty" example:"CP1"`
	Locations   int            `json:"locations" example:"120"`
	EVSEs       int            `json:"evses" example:"310"`
	Connectors  int            `json:"connectors" example:"312"`
	References  int            `json:"tariff_references" example:"300" doc:"Tariff ids in connectors"`
	Largest     int            `json:"largest" example:"24" doc:"EVSEs of the largest Location"`
	Score       int            `json:"score" minimum:"0" maximum:"100" example:"87"`
	Counts      map[string]int `json:"counts" example:"{\"Q01\":3,\"Q16\":40}" doc:"Findings by code; what is not there is 0"`
}

// QualityCode says what a code means.
type QualityCode struct {
	Code     string `json:"code" example:"Q01"`
	Severity string `json:"severity" enum:"error,warning,info" example:"error"`
	Weight   int    `json:"weight" example:"15" doc:"Points of the score that go when everything is affected"`
	Title    string `json:"title" example:"the EVSE id is elsewhere too, and newer there"`
}

// QualityFinding is one thing that is odd. It is never a reason to drop an object.
type QualityFinding struct {
	Code        string     `json:"code" example:"Q04"`
	Severity    string     `json:"severity" enum:"error,warning,info" example:"error"`
	CountryCode string     `json:"country_code" example:"NL"`
	PartyID     string     `json:"party_id" example:"CP1"`
	Object      string     `json:"object,omitempty" example:"LOC1" doc:"Location id; absent when it is about the party"`
	Pointer     string     `json:"pointer,omitempty" example:"/evses/0/connectors/0/max_electric_power" doc:"JSON pointer into the Location; absent: the whole"`
	Message     string     `json:"message" example:"7590000 W at 230 V and 33 A, AC_3_PHASE, which give 22770 W"`
	Since       *time.Time `json:"since,omitempty" example:"2026-01-02T03:04:05Z" doc:"last_updated of the part that shows it"`
}

type qualityReport struct {
	Body QualityReport
}

type findingQuery struct {
	Party  string `query:"party" example:"NL-CP1"`
	Code   string `query:"code" pattern:"^(Q[0-9]{2})?$" example:"Q01"`
	Object string `query:"object" maxLength:"100" example:"LOC1" doc:"Location id"`
	Cursor string `query:"cursor" maxLength:"100" example:"c2xhYwACBg" doc:"The value of next in the answer before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

type findingList struct {
	Body struct {
		Items    []QualityFinding `json:"items"`
		Next     string           `json:"next,omitempty" example:"c2xhYwACBg" doc:"Value of cursor for the next page; absent on the last one"`
		Complete bool             `json:"complete" example:"true" doc:"False soon after a start: the hub is still reading what was published"`
	}
}

func errNoQuality() error {
	return huma.Error503ServiceUnavailable("This hub does not judge data quality.")
}

func (a *API) getQuality(context.Context, *struct{}) (*qualityReport, error) {
	if a.quality == nil {
		return nil, errNoQuality()
	}
	return &qualityReport{QualityView(a.quality.Report())}, nil
}

// QualityView is how a report is written as JSON.
func QualityView(r quality.Report) QualityReport {
	out := QualityReport{
		AsOf: r.AsOf, Complete: r.Complete, Total: ownerView(&r.Total), Items: []QualityOwner{},
		Twins: QualityTwins{IDs: r.Twins.IDs, Stale: r.Twins.Stale, StatusDiffers: r.Twins.StatusDiffer},
	}
	for i := range r.Owners {
		out.Items = append(out.Items, ownerView(&r.Owners[i]))
	}
	for _, c := range quality.Codes() {
		k := c.Kind()
		out.Codes = append(out.Codes, QualityCode{c.String(), string(k.Severity), k.Weight, k.Title})
	}
	return out
}

func ownerView(o *quality.Owner) QualityOwner {
	out := QualityOwner{
		CountryCode: o.Party.CountryCode, PartyID: o.Party.ID, Locations: o.Locations, EVSEs: o.EVSEs, Connectors: o.Connectors,
		References: o.References, Largest: o.Largest, Score: o.Score, Counts: map[string]int{},
	}
	for _, c := range quality.Codes() {
		if n := o.Counts[c]; n > 0 {
			out.Counts[c.String()] = n
		}
	}
	return out
}

func (a *API) listFindings(ctx context.Context, in *findingQuery) (*findingList, error) {
	if a.quality == nil {
		return nil, errNoQuality()
	}
	q := quality.Query{Object: in.Object, Cursor: in.Cursor, Limit: in.Limit}
	if in.Party != "" {
		var err error
		if q.Party, err = ocpi.ParsePartyString(in.Party); err != nil {
			return nil, queryProblem(ocpi.Invalid("party", "must be a party such as NL-CP1"))
		}
	}
	if in.Code != "" {
		var ok bool
		if q.Code, ok = quality.ParseCode(in.Code); !ok {
			return nil, queryProblem(ocpi.Invalid("code", "is not one of those that GET /quality lists"))
		}
	}
	page, err := a.quality.Findings(ctx, q)
	if err != nil {
		if e := ocpi.AsError(err); e.Status < 3000 {
			return nil, queryProblem(e)
		}
		return nil, a.problem(ctx, err)
	}
	out := &findingList{}
	out.Body.Items, out.Body.Next, out.Body.Complete = []QualityFinding{}, page.Next, page.Complete
	for i := range page.Findings {
		out.Body.Items = append(out.Body.Items, FindingView(&page.Findings[i]))
	}
	return out, nil
}

// FindingView is how a finding is written as JSON.
func FindingView(f *quality.Finding) QualityFinding {
	return QualityFinding{
		Code: f.Code.String(), Severity: string(f.Code.Kind().Severity), CountryCode: f.Party.CountryCode, PartyID: f.Party.ID,
		Object: f.Object, Pointer: f.Pointer, Message: f.Message, Since: timeOrNil(f.Since),
	}
}
