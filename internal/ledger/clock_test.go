package ledger

import (
	"context"
	"time"
)

// SetClock is for what tests want to have happened before.
func (l *Ledger) SetClock(now func() time.Time) { l.now = now }

// ApproveDue is approveDue.
func (l *Ledger) ApproveDue(ctx context.Context) error { return l.approveDue(ctx) }
