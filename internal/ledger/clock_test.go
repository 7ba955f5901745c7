package ledger

import (
	"context"
	"time"

	"github.com/tidwall/gjson"

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

// LearnUsual is learnUsual.
func (l *Ledger) LearnUsual(ctx context.Context) error { return l.learnUsual(ctx) }

// ErrStale is errStale.
var ErrStale = errStale

// ExamineAndEnter takes a CDR in as Intake does, with something that happens
// between its checks and its commit.
func (l *Ledger) ExamineAndEnter(ctx context.Context, s Submission, between func()) error {
	x := s.Exchange
	e, err := l.examine(ctx, x, Key{x.Request.From.ID, gjson.GetBytes(x.Body, "id").Str})
	if err != nil {
		return err
	}
	between()
	return l.enter(ctx, e)
}
