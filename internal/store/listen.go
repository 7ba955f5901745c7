package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// How other processes' commits are noticed on a shared PostgreSQL: each group
// commit that changed the feed or the registry sends a notification with it, and
// a connection of its own listens. Polling is the safety net: seldom while the
// listener is connected, often while it is not.
const (
	pollUnheard  = 500 * time.Millisecond
	pollHeard    = 2 * time.Second
	relistenWait = time.Second
	connectTime  = 10 * time.Second
)

const (
	sqlListen = `LISTEN eroam`
	// Channels belong to the whole database, the tables to a schema of it.
	sqlSchema = `SELECT current_schema()`
	sqlNotify = `SELECT pg_notify('eroam', current_schema() || ' ' || $1::text)`
)

// watch is what one store needs to notice the others.
type watch struct {
	id      string // of this store, in its notifications
	heard   atomic.Bool
	seq     atomic.Int64  // the end of the feed, and the revision of the registry, of
	reg     atomic.Int64  // which everybody here was told
	poll    time.Duration // between looks while nothing is heard
	connect func(ctx context.Context) (*pgx.Conn, error)
}

func newWatch(connect func(ctx context.Context) (*pgx.Conn, error), poll time.Duration) *watch {
	return &watch{id: rand.Text(), poll: cmp.Or(poll, pollUnheard), connect: connect}
}

// committed notes what this process has committed itself.
func (w *watch) committed(tx *Tx) {
	if tx.block.used {
		raise(&w.seq, tx.block.next-1)
	}
	raise(&w.reg, tx.registry)
}

// raise makes v at least n, and reports whether it was less.
func raise(v *atomic.Int64, n int64) bool {
	for {
		old := v.Load()
		if n <= old {
			return false
		}
		if v.CompareAndSwap(old, n) {
			return true
		}
	}
}

// look wakes those who wait for what has changed since anybody was told.
func (s *Store) look(ctx context.Context) error {
	seq, err := s.Seq(ctx)
	if err != nil {
		return err
	}
	reg, err := s.RegistryRevision(ctx)
	if err != nil {
		return err
	}
	if raise(&s.watch.seq, seq) {
		s.feed.wake()
	}
	if raise(&s.watch.reg, reg) {
		s.registry.wake()
	}
	return nil
}

// notify tells the others, at the commit of tx, what it changed.
func (w *watch) notify(tx *Tx) error {
	what := w.id
	if tx.block.used {
		what += " feed"
	}
	if tx.registry > 0 {
		what += " registry"
	}
	if what == w.id {
		return nil
	}
	return tx.send(sqlNotify, what)
}

// listen wakes those who wait for what other processes commit, until ctx ends.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := s.listenOnce(ctx)
		if s.watch.heard.Swap(false) && ctx.Err() == nil {
			s.log.Warn("no longer notified of what other processes write: looking for it", "err", err)
		}
		pause(ctx, relistenWait)
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	connecting, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	c, err := s.watch.connect(connecting)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = c.Close(closing) // nothing was written
	}()
	var schema string
	if err := c.QueryRow(connecting, sqlSchema).Scan(&schema); err != nil {
		return err
	}
	if _, err := c.Exec(connecting, sqlListen); err != nil {
		return err
	}
	if err := s.look(connecting); err != nil { // for what was missed
		return err
	}
	s.watch.heard.Store(true)
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		s.hear(schema, n.Payload)
	}
}

// hear wakes whom a notification concerns: "schema sender feed registry".
func (s *Store) hear(schema, payload string) {
	rest, ok := strings.CutPrefix(payload, schema+" ")
	words := strings.Fields(rest)
	if !ok || len(words) == 0 || words[0] == s.watch.id {
		return
	}
	for _, word := range words[1:] {
		switch word {
		case "feed":
			s.feed.wake()
		case "registry":
			s.registry.wake()
		}
	}
}

// poll notices what no notification told, until ctx ends.
func (s *Store) poll(ctx context.Context) {
	for ctx.Err() == nil {
		_ = s.look(ctx) // an error shows in Ping and in every other read
		end := time.Now().Add(pollHeard)
		for time.Now().Before(end) && ctx.Err() == nil {
			pause(ctx, s.watch.poll)
			if !s.watch.heard.Load() {
				break
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
