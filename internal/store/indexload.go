package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

const (
	sqlHeads      = `SELECT ` + headColumns + ` FROM object ORDER BY born`
	sqlHeadsAfter = `SELECT ` + headColumns + ` FROM object WHERE seq > $1 ORDER BY seq`
)

// loadAtOnce is how many heads are read before the index takes them.
const loadAtOnce = 1024

// load fills the index from the database. Reading and indexing go on at the
// same time.
func (s *Store) load(ctx context.Context) error {
	x := newIndex(s.engine.shared)
	read := make(chan []change, 4)
	indexed := make(chan struct{})
	go func() {
		defer close(indexed)
		for part := range read {
			for i := range part {
				x.apply(&part[i])
			}
		}
	}()
	err := s.readHeads(ctx, &x.at, read)
	close(read)
	<-indexed
	if err != nil {
		return fmt.Errorf("reading what is published: %w", err)
	}
	if x.order != nil {
		slices.SortFunc(x.order.steps, func(a, b step) int { return cmp.Compare(a.seq, b.seq) })
	}
	s.index.replace(x)
	s.recent.begin(x.at)
	return nil
}

func (s *Store) readHeads(ctx context.Context, at *int64, to chan<- []change) error {
	return s.engine.read.snapshot(ctx, []string{sqlSeq, sqlHeads}, func(run queryFunc) error {
		if err := run(0, nil, func(scan scanFunc) error { return scan(at) }); err != nil {
			return err
		}
		part := make([]change, 0, loadAtOnce)
		err := run(1, nil, s.eachHead(func(c *change) {
			if part = append(part, *c); len(part) == loadAtOnce {
				to <- part
				part = make([]change, 0, loadAtOnce)
			}
		}))
		to <- part
		return err
	})
}

// replace makes x the index, in place.
func (x *index) replace(by *index) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seeds, x.at, x.places, x.kinds = by.seeds, by.at, by.places, by.kinds
	x.owners, x.audiences, x.order = by.owners, by.audiences, by.order
}

// eachHead reads one head.
func (s *Store) eachHead(do func(c *change)) func(scanFunc) error {
	var c change
	fields := []any{&c.born, &c.key.Kind, &c.key.Party.CountryCode, &c.key.Party.ID, &c.key.ID, &c.seq, &c.loud,
		&c.deleted, &c.audience, &c.updated}
	return func(scan scanFunc) error {
		if err := scan(fields...); err != nil {
			return err
		}
		do(&c)
		return nil
	}
}

// catchUp brings the index up to what is committed. With one process the writer
// keeps it so, and is about to.
func (s *Store) catchUp(ctx context.Context) error {
	if !s.engine.shared {
		return ctx.Err()
	}
	s.following.Lock()
	defer s.following.Unlock()
	from := s.index.end()
	var at int64
	var changes []change
	err := s.engine.read.snapshot(ctx, []string{sqlSeq, sqlHeadsAfter}, func(run queryFunc) error {
		if err := run(0, nil, func(scan scanFunc) error { return scan(&at) }); err != nil || at == from {
			return err
		}
		return run(1, []any{from}, s.eachHead(func(c *change) { changes = append(changes, *c) }))
	})
	if err != nil {
		return fmt.Errorf("following the feed after %d: %w", from, err)
	}
	s.index.follow(changes, from+1, at)
	return nil
}
