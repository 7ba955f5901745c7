package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// ErrTampered says that the log has lost or changed what was in it before. The hub
// signs nothing more of such a log.
var ErrTampered = errors.New("the log is not what it was")

// witness is what a process remembers of the log, so that it notices what
// somebody takes out of the database below it. The zero value is ready.
type witness struct {
	mu   sync.Mutex
	past remembered
}

type remembered struct {
	events int64            // one more than the newest that this process has written
	last   store.Checkpoint // the newest that it has seen
}

func (w *witness) look() remembered {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.past
}

// wrote notes a committed event.
func (w *witness) wrote(event int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past.events = max(w.past.events, event+1)
}

// signed notes a checkpoint that is in the database.
func (w *witness) signed(c store.Checkpoint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.Size > w.past.last.Size {
		w.past.last = c
	}
}

// compare says what of the past is no longer in a database whose newest checkpoint
// and size were read in this order, after it.
func (p *remembered) compare(last store.Checkpoint, size int64) error {
	switch {
	case last.Size > size:
		return fmt.Errorf("%w: it has %d events, and a checkpoint was signed over %d", ErrTampered, size, last.Size)
	case p.events > size:
		return fmt.Errorf("%w: it has %d events, and this process has written event %d", ErrTampered, size, p.events-1)
	case p.last.Size > last.Size:
		return fmt.Errorf("%w: the checkpoint over %d events is gone", ErrTampered, p.last.Size)
	case p.last.Size == last.Size && string(p.last.Note) != string(last.Note):
		return fmt.Errorf("%w: the checkpoint over %d events is another", ErrTampered, last.Size)
	}
	return nil
}

// grew checks that the log as it is now holds all that was signed last. One that
// another key has signed cannot be compared.
func (l *Ledger) grew(ctx context.Context, last store.Checkpoint) error {
	signed, err := receipt.Open(string(last.Note), l.VerifierKey())
	if e, ok := errors.AsType[*receipt.Error](err); ok && e.Fault == receipt.FaultKey {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: the checkpoint over %d events: %w", ErrTampered, last.Size, err)
	}
	root, err := l.tree(ctx).Root(last.Size)
	if err != nil {
		return err
	}
	if root != signed.Root {
		return fmt.Errorf("%w: its first %d events are not those that a checkpoint was signed over", ErrTampered, last.Size)
	}
	return nil
}

// promise signs that the reception of a CDR stays where it is in the log; "" when
// that is not possible now: the same CDR again brings it.
func (l *Ledger) promise(ctx context.Context, k Key) string {
	text, err := func() (string, error) {
		c, found, err := l.o.Store.CDR(ctx, k.Owner, ocpi.FoldID(k.ID))
		if err != nil || !found {
			return "", err
		}
		events, err := l.o.Store.Events(ctx, c.Evidence, 1)
		if err != nil || len(events) == 0 {
			return "", err
		}
		return l.o.Signer.Promise(receipt.Promise{Index: c.Evidence, Leaf: tlog.RecordHash(events[0].Leaf)})
	}()
	if err != nil {
		l.log.Warn("no promise could be made about a CDR", "party", k.Owner.String(), "err", err)
	}
	return text
}
