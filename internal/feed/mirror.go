package feed

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/internal/store"
)

// mirrorPage bounds how many bodies are in memory at once.
const mirrorPage = 256

// Mirror keeps something in memory in step with the published objects of some
// kinds: it reads all of them with bodies once, then only what changes. The
// functions are called on the goroutine of [Mirror.Run], one at a time.
type Mirror struct {
	Store *store.Store
	Kinds []string
	// Step is offered the head of a changed object, without a body, and reports
	// whether it needs none: what was changed stands in head.Step and was applied,
	// or a state at least as new is held already.
	Step func(head *store.Object) bool
	// Apply gets objects with bodies, or deleted ones. One may be newer than the
	// head that was seen of it; its head then follows.
	Apply func(objects []store.Object)
	// Report is told when the database begins to fail, and with nil when it
	// answers again.
	Report func(error)

	done, total atomic.Int64
	loaded      atomic.Bool
}

// Loaded says how far the first reading is, in places of the feed, and whether it
// has come to the end that the feed had when it began.
func (m *Mirror) Loaded() (done, total int64, complete bool) {
	return m.done.Load(), m.total.Load(), m.loaded.Load()
}

// Run works until ctx ends and returns ctx.Err().
func (m *Mirror) Run(ctx context.Context) error {
	after, err := m.load(ctx)
	if err != nil {
		return err
	}
	m.loaded.Store(true)
	return Follow(ctx, m.Store, after, func(heads []store.Object) error { return m.follow(ctx, heads) }, m.Report)
}

// load reads up to the end that the feed has now.
func (m *Mirror) load(ctx context.Context) (after int64, err error) {
	var end int64
	if err := m.retry(ctx, func() (err error) {
		end, err = m.Store.Seq(ctx)
		return err
	}); err != nil {
		return 0, err
	}
	m.total.Store(end)
	for after < end {
		var page []store.Object
		if err := m.retry(ctx, func() (err error) {
			page, err = m.Store.Feed(ctx, after, mirrorPage)
			return err
		}); err != nil {
			return 0, err
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].Seq
		m.Apply(slices.DeleteFunc(page, func(o store.Object) bool { return !slices.Contains(m.Kinds, o.Kind) }))
		m.done.Store(min(after, end))
	}
	m.done.Store(end)
	return after, nil
}

// follow applies one page of changes.
func (m *Mirror) follow(ctx context.Context, heads []store.Object) error {
	var keys []store.ObjectKey
	var gone []store.Object
	for i := range heads {
		h := &heads[i]
		switch {
		case !slices.Contains(m.Kinds, h.Kind):
		case h.Deleted:
			gone = append(gone, *h)
		case !m.Step(h):
			keys = append(keys, h.ObjectKey)
		}
	}
	if len(gone) > 0 {
		m.Apply(gone)
	}
	for chunk := range slices.Chunk(keys, mirrorPage) {
		var objects []store.Object
		if err := m.retry(ctx, func() (err error) {
			objects, err = m.Store.Objects(ctx, chunk)
			return err
		}); err != nil {
			return err
		}
		m.Apply(objects)
	}
	return nil
}

// retry calls read until it succeeds or ctx ends.
func (m *Mirror) retry(ctx context.Context, read func() error) error {
	for failing := false; ; failing = true {
		err := read()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if (err != nil) != failing {
			m.Report(err)
		}
		if err == nil {
			return nil
		}
		t := time.NewTimer(followRetry)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}
