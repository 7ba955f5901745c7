package store

import (
	"context"
	"fmt"
	"slices"
)

const sqlFeed = `SELECT ` + objectColumns + ` FROM object WHERE seq > $1 ORDER BY seq LIMIT $2`

// Feed returns at most limit objects, deleted ones included, with Seq > after,
// in order of Seq. An object stands in it once, at its last change. Numbers
// may be missing, but none appears later below one that was seen: a reader
// that goes on from the last Seq misses nothing.
func (s *Store) Feed(ctx context.Context, after int64, limit int) ([]Object, error) {
	return s.readFeed(ctx, after, limit, true)
}

// FeedHeads is Feed without bodies: Body is nil. What this process has committed
// last comes from memory. Hash and Step belong to all who read them: they must
// not be changed.
func (s *Store) FeedHeads(ctx context.Context, after int64, limit int) ([]Object, error) {
	if heads, end, known := s.recent.after(after, limit); known {
		if !s.engine.shared {
			return heads, ctx.Err()
		}
		// With nothing of others behind it, it is what the database would say.
		now, err := s.Seq(ctx)
		if err != nil {
			return nil, err
		}
		if now == end {
			return heads, nil
		}
	}
	return s.readFeed(ctx, after, limit, false)
}

func (s *Store) readFeed(ctx context.Context, after int64, limit int, body bool) (objects []Object, err error) {
	if s.engine.shared {
		err = s.engine.read.rows(ctx, sqlFeed, []any{after, limit}, s.appendObject(&objects, body))
	} else {
		objects, err = s.readOrder(ctx, after, limit, body)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the feed after %d: %w", after, err)
	}
	return objects, nil
}

// readOrder reads the feed by its order in the index. What has changed since
// the index said where it stands is left out: it stands further on now.
func (s *Store) readOrder(ctx context.Context, after int64, limit int, body bool) ([]Object, error) {
	for {
		steps := s.index.after(after, limit)
		if len(steps) == 0 {
			return nil, nil
		}
		objects, err := s.readSteps(ctx, steps, body)
		if err != nil || len(objects) > 0 {
			return objects, err
		}
		after = steps[len(steps)-1].seq
	}
}

func (s *Store) readSteps(ctx context.Context, steps []step, body bool) ([]Object, error) {
	at := make(map[int64]int, len(steps)) // by row
	born := make([]int64, len(steps))
	for i, st := range steps {
		at[st.born], born[i] = i, st.born
	}
	objects := make([]Object, 0, len(steps))
	queries := queriesAt(nil, objectColumns, len(born))
	err := s.engine.read.snapshot(ctx, queries, func(run queryFunc) error {
		for i := range queries {
			if err := run(i, partOf(born, i), s.appendObject(&objects, body)); err != nil {
				return err
			}
		}
		return nil
	})
	objects = slices.DeleteFunc(objects, func(o Object) bool { return steps[at[o.Born]].seq != o.Seq })
	slices.SortFunc(objects, func(a, b Object) int { return at[a.Born] - at[b.Born] })
	return objects, err
}
