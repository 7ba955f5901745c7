package store

import (
	"context"
	"fmt"
	"time"
)

// AuditRow is something that a person did to what the hub keeps. Rows are never
// changed and never deleted.
type AuditRow struct {
	ID     string // given by the store, in the order of At
	At     int64
	Who    string // the credential that was used
	Action string // such as dead-letter.replay
	Reason string // as the caller tells it, not verified; may be empty
	Detail []byte // JSON: what was meant
	Count  int    // how many things were changed
}

const auditColumns = `id, at, who, action, reason, detail, count`

const sqlPutAudit = `INSERT INTO audit (` + auditColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7)`

// PutAudit notes a, as done now; ID and At of a are not read. It belongs into
// the write that does it.
func (tx *Tx) PutAudit(a AuditRow) error {
	now := time.Now().UnixMicro()
	if err := tx.send(sqlPutAudit, orderedID(), now, a.Who, a.Action, a.Reason, blob(a.Detail), a.Count); err != nil {
		return fmt.Errorf("storing an audit row: %w", err)
	}
	return nil
}

const sqlAudit = `SELECT ` + auditColumns + ` FROM audit WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2`

// Audit returns at most limit rows with ids before the given one, the newest
// first; before is empty for the first page.
func (s *Store) Audit(ctx context.Context, before string, limit int) ([]AuditRow, error) {
	var rows []AuditRow
	err := s.engine.read.rows(ctx, sqlAudit, []any{before, limit}, func(scan scanFunc) error {
		return appendRow(&rows, scan, func(a *AuditRow) []any {
			return []any{&a.ID, &a.At, &a.Who, &a.Action, &a.Reason, (*blob)(&a.Detail), &a.Count}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("reading the audit: %w", err)
	}
	return rows, nil
}
