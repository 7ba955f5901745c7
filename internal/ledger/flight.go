package ledger

import (
	"context"
	"slices"
	"sync"
)

// flights lets one caller at a time work on what a key names. The zero value is
// ready.
type flights struct {
	mu sync.Mutex
	by map[string]*flight
}

type flight struct {
	turn    chan struct{} // cap 1: full while somebody works on it
	waiting int
}

// enter waits for its turn at all of the keys, and returns what ends it.
func (f *flights) enter(ctx context.Context, keys ...string) (leave func(), err error) {
	slices.Sort(keys) // one order for all, so that nobody waits for each other
	keys = slices.Compact(keys)
	for i, k := range keys {
		if err := f.one(ctx, k); err != nil {
			f.leave(keys[:i])
			return nil, err
		}
	}
	return func() { f.leave(keys) }, nil
}

func (f *flights) one(ctx context.Context, key string) error {
	f.mu.Lock()
	if f.by == nil {
		f.by = make(map[string]*flight)
	}
	w := f.by[key]
	if w == nil {
		w = &flight{turn: make(chan struct{}, 1)}
		f.by[key] = w
	}
	w.waiting++
	f.mu.Unlock()
	select {
	case w.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		f.forget(key, w)
		return ctx.Err()
	}
}

func (f *flights) leave(keys []string) {
	for _, k := range keys {
		f.mu.Lock()
		w := f.by[k]
		f.mu.Unlock()
		<-w.turn
		f.forget(k, w)
	}
}

func (f *flights) forget(key string, w *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w.waiting--; w.waiting == 0 {
		delete(f.by, key)
	}
}
