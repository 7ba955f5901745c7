package store

import (
	"context"
	"time"
)

// WriteLater is [Store.Write] for what is in no hurry: fn runs in the next group
// commit that somebody else needs, so that nobody waits for a commit of its own.
// When there is none within that time it is written like everything else, together
// with all that waits in the same way. Its errors are those of Write.
func (s *Store) WriteLater(ctx context.Context, within time.Duration, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{fn: fn, done: make(chan error, 1)}
	select {
	case s.writer.later <- j:
	default: // the queue is full
		return s.Write(ctx, fn)
	}
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.claim() {
			return ctx.Err()
		}
	case <-t.C:
		if j.claim() {
			return s.Write(ctx, fn)
		}
	}
	return <-j.done
}

// join adds the writes that are in no hurry to a batch of some that are. Those
// whose callers have given up waiting leave the queue here.
func (w *writer) join(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-w.later:
			if j.claim() {
				batch = append(batch, j)
			}
		default:
			return batch
		}
	}
	return batch
}
