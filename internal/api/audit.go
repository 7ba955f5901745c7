package api

import (
	"context"
	"encoding/json"
	"time"
)

// adminCredential is how the audit calls whoever has the admin token. The hub
// cannot tell people apart who share it.
const adminCredential = "admin"

// AuditEntry is something that was done through this API.
type AuditEntry struct {
	ID     string          `json:"id" example:"18c2a7f0e3b1d4005kq2mz7a"`
	At     time.Time       `json:"at" example:"2026-01-02T03:04:05Z"`
	Who    string          `json:"who" example:"admin" doc:"The credential that was used: the admin token, whoever has it"`
	Action string          `json:"action" example:"dead-letter.replay"`
	Reason string          `json:"reason,omitempty" example:"DE-EM1 mended its parser" doc:"As it was told; not verified"`
	Detail json.RawMessage `json:"detail" doc:"What was meant: the filter, or the id"`
	Count  int             `json:"count" example:"12" doc:"How many things were changed"`
}

type auditQuery struct {
	Cursor string `query:"cursor" maxLength:"40" pattern:"^([0-9a-f]{16}[a-z2-7]{8})?$" patternDescription:"the value of next in the answer before" example:"18c2a7f0e3b1d4005kq2mz7a" doc:"The value of next in the answer before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

type auditList struct {
	Body struct {
		Items []AuditEntry `json:"items"`
		Next  string       `json:"next,omitempty" example:"18c2a7f0e3b1d4005kq2mz7a" doc:"Value of cursor for the next page; absent on the last one"`
	}
}

func (a *API) listAudit(ctx context.Context, in *auditQuery) (*auditList, error) {
	rows, err := a.store.Audit(ctx, in.Cursor, in.Limit+1)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &auditList{}
	out.Body.Items = []AuditEntry{}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.Next = rows[in.Limit-1].ID
	}
	for _, r := range rows {
		out.Body.Items = append(out.Body.Items, AuditEntry{
			ID: r.ID, At: time.UnixMicro(r.At).UTC(), Who: r.Who, Action: r.Action, Reason: r.Reason, Detail: r.Detail, Count: r.Count,
		})
	}
	return out, nil
}
