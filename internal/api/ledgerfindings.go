package api

import (
	"context"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// LedgerFinding is something that did not come.
type LedgerFinding struct {
	ID      string     `json:"id" example:"f4711"`
	Kind    string     `json:"kind" enum:"missing_cdr,silent_session" example:"missing_cdr" doc:"missing_cdr: the session has ended and there is no CDR; silent_session: it has neither ended nor been heard of"`
	CPO     string     `json:"cpo" example:"NL-CP1"`
	EMSP    string     `json:"emsp" example:"DE-EM1"`
	Session string     `json:"session" example:"s1" doc:"Session id, in lower case"`
	At      time.Time  `json:"at" example:"2026-01-02T03:04:05Z"`
	Cleared *time.Time `json:"cleared,omitempty" example:"2026-01-03T03:04:05Z" doc:"When it was no longer so; absent: it still is"`
	Text    string     `json:"text" example:"The session has ended, its last update came 4h0m0s ago, and there is no CDR."`
}

type ledgerFindingList struct {
	Body struct {
		Items []LedgerFinding `json:"items"`
		Next  string          `json:"next,omitempty" example:"f4711" doc:"Value of cursor for the next page; absent on the last one"`
	}
}

type ledgerFindingQuery struct {
	For
	Between
	Kind    string `query:"kind" enum:"missing_cdr,silent_session" example:"missing_cdr"`
	Session string `query:"session" maxLength:"40" example:"S1" doc:"Session id"`
	All     bool   `query:"all" example:"false" doc:"Also those that are cleared"`
	Cursor  string `query:"cursor" maxLength:"40" example:"f4711" doc:"The value of next in the answer before"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

func (a *API) listLedgerFindings(ctx context.Context, in *ledgerFindingQuery) (*ledgerFindingList, error) {
	who, err := callerOf(ctx).one(in.Party, "query.party")
	if err != nil {
		return nil, err
	}
	cpo, emsp, err := in.ids()
	if err != nil {
		return nil, err
	}
	rows, err := a.findings(ctx, who, store.FindingQuery{
		CPO: cpo, EMSP: emsp, Kind: in.Kind, Session: ocpi.FoldID(in.Session), Open: !in.All, AfterID: in.Cursor, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &ledgerFindingList{}
	out.Body.Items = []LedgerFinding{}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.Next = rows[in.Limit-1].ID
	}
	for _, f := range rows {
		out.Body.Items = append(out.Body.Items, LedgerFinding{
			f.ID, f.Kind, f.CPO.String(), f.EMSP.String(), f.Session, moment(f.At), momentOrNil(f.Cleared), f.Text,
		})
	}
	return out, nil
}

// findings reads a page of the findings that an actor may see.
func (a *API) findings(ctx context.Context, who actor, q store.FindingQuery) ([]store.LedgerFinding, error) {
	return merged(who.pairs(q.CPO, q.EMSP), q.Limit, func(a, b store.LedgerFinding) int { return strings.Compare(a.ID, b.ID) },
		func(cpo, emsp *ocpi.PartyID) ([]store.LedgerFinding, error) {
			q := q
			q.CPO, q.EMSP = cpo, emsp
			return a.store.Findings(ctx, q)
		})
}
