// Package feed holds what everybody who reads the feed of published objects
// shares: the form in which a change is kept beside its object ([Step]), and the
// loop that keeps something in memory in step with the feed ([Follow]).
package feed

import (
	"context"
	"time"

	"github.com/eroam/eroam/internal/store"
)

const (
	followPage  = 512
	followRetry = time.Second
	// followEvery is how long Follow waits for a commit before it looks by
	// itself.
	followEvery = 5 * time.Second
)

// Follow hands over the heads of changed objects, without bodies, in order of
// Seq, beginning behind after, until ctx ends; then it returns ctx.Err(). fn gets
// one page at a time, at most 512, on the goroutine of the caller. An object that
// changed several times since it was last handed over stands in a page once, at
// its last change; its Prev says whether anything was missed.
//
// Reading again after a failure of the database is Follow's own affair: it tells
// report when the failures begin, and with nil when they end. An error of fn ends
// Follow and is returned.
func Follow(ctx context.Context, s *store.Store, after int64, fn func(heads []store.Object) error, report func(error)) error {
	failing := false
	for {
		committed := s.Committed()
		wait := followEvery
		heads, err := s.FeedHeads(ctx, after, followPage)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if (err != nil) != failing {
			failing = err != nil
			report(err)
		}
		if n := len(heads); n > 0 {
			if err := fn(heads); err != nil {
				return err
			}
			after = heads[n-1].Seq
			continue
		}
		if failing {
			wait, committed = followRetry, nil
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-committed:
		case <-t.C:
		}
		t.Stop()
	}
}
