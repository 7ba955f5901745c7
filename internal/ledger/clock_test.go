package ledger

import (
	"context"
	"time"

	"github.com/eroam/eroam/internal/store"
)

// SetClock is for what tests want to have happened before.
func (l *Ledger) SetClock(now func() time.Time) { l.now = now }

// ApproveDue is approveDue.
func (l *Ledger) ApproveDue(ctx context.Context) error { return l.approveDue(ctx) }

// AwaitAnswer is awaitAnswer.
func (l *Ledger) AwaitAnswer(ctx context.Context, c *store.LedgerCDR) error {
	return l.awaitAnswer(ctx, c)
}

// Watch is watch.
func (l *Ledger) Watch(ctx context.Context) error { return l.watch(ctx) }
