package store

import (
	"context"
	"fmt"
	"sync"
)

// Committed returns a channel that is closed at the next commit that changed
// the feed. Take it before reading the feed, and wait on it when there was
// nothing to read; call again afterwards. Changes that another process commits
// on a shared PostgreSQL close it within milliseconds, and within two seconds
// while notifications do not arrive.
func (s *Store) Committed() <-chan struct{} { return s.feed.wait() }

// Seq returns the last place of the feed that is in use, 0 for an empty feed.
func (s *Store) Seq(ctx context.Context) (int64, error) {
	var seq int64
	found, err := s.engine.read.row(ctx, sqlSeq, nil, &seq)
	if err == nil && !found {
		err = fmt.Errorf("its counter is missing")
	}
	if err != nil {
		return 0, fmt.Errorf("reading the end of the feed: %w", err)
	}
	return seq, nil
}

const sqlSeq = `SELECT seq FROM feed WHERE id = 1`

// broadcast wakes everybody who waits.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{ch: make(chan struct{})} }

func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ch
}

func (b *broadcast) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.ch)
	b.ch = make(chan struct{})
}
