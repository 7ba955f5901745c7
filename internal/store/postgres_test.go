package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

func TestUnsafePostgresIsRefused(t *testing.T) {
	o := store.Options{Database: storetest.PostgresServer(t)}
	db := raw(t, o)
	set := func(name, value string) {
		t.Helper()
		execute(t, db, "ALTER SYSTEM SET "+name+" = "+value)
		execute(t, db, "SELECT pg_reload_conf()")
		for now := ""; now != value; {
			if err := db.QueryRow("SELECT current_setting($1)", name).Scan(&now); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		set(name, "off")
		s, err := store.Open(t.Context(), o)
		if err == nil {
			s.Close()
			t.Errorf("opened with %s = off", name)
		} else if !strings.Contains(err.Error(), "PostgreSQL has "+name+" = off") {
			t.Errorf("with %s = off: %v", name, err)
		}
		set(name, "on")
	}
	if s, err := store.Open(t.Context(), store.Options{Database: o.Database + "&synchronous_commit=off"}); err == nil {
		s.Close()
		t.Error("opened with synchronous_commit = off in the URL")
	}

	// A connection made later is checked too.
	s := storetest.Open(t, o)
	set("fsync", "off")
	disconnect(t, o)
	if err := put(s, "a"); err == nil || !strings.Contains(err.Error(), "fsync = off") {
		t.Errorf("writing after fsync was turned off: %v", err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("Ping sees nothing of it")
	}
	set("fsync", "on")
	// Each connection that was cut is found out once.
	for range 10 {
		if s.Ping(t.Context()) == nil {
			break
		}
	}
	if err := errors.Join(s.Ping(t.Context()), put(s, "a")); err != nil {
		t.Errorf("after fsync was turned on again: %v", err)
	}
}

// disconnect ends all connections of stores to the database.
func disconnect(t *testing.T, o store.Options) {
	t.Helper()
	execute(t, raw(t, o), "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'eroam'")
}

func TestBrokenIdleConnection(t *testing.T) {
	o := store.Options{Database: storetest.Postgres(t)}
	s := storetest.Open(t, o)
	if err := put(s, "before"); err != nil {
		t.Fatal(err)
	}
	disconnect(t, o)
	if err := put(s, "after"); err != nil {
		t.Error(err)
	}
}

// A connection that breaks in the middle of a commit costs nobody his write,
// nor does one that breaks again when all of them are tried once more.
func TestBrokenConnection(t *testing.T) {
	for _, breaks := range []int32{1, 2} {
		o := store.Options{Database: storetest.Postgres(t)}
		s := storetest.Open(t, o)
		begun, end := make(chan struct{}), make(chan struct{})
		first := make(chan error, 1)
		go func() {
			first <- s.Write(context.Background(), func(*store.Tx) error { close(begun); <-end; return nil })
		}()
		<-begun
		var runs atomic.Int32
		results := make(chan error, 10)
		for i := range 10 {
			go func() {
				object := object(fmt.Sprint(i))
				results <- s.Write(context.Background(), func(tx *store.Tx) error {
					if err := tx.PutObject(&object); err != nil {
						return err
					}
					if i == 5 && runs.Add(1) <= breaks {
						disconnect(t, o)
					}
					return nil
				})
			}()
			for s.QueueLength() <= i { // the fifth must not be the last
				time.Sleep(time.Millisecond)
			}
		}
		close(end)
		if err := <-first; err != nil {
			t.Error(err)
		}
		for range 10 {
			if err := <-results; err != nil {
				t.Errorf("a write of a commit that broke %d times: %v", breaks, err)
			}
		}
		_, total, err := s.List(t.Context(), store.ListQuery{Kind: "locations"})
		if total != 10 || err != nil || runs.Load() != breaks+1 {
			t.Errorf("%d objects are there after %d runs, error %v; want 10", total, runs.Load(), err)
		}
	}
}

// When the commit itself fails nobody is told that his write is there.
func TestFailedCommit(t *testing.T) {
	o := store.Options{Database: storetest.Postgres(t)}
	s := storetest.Open(t, o)
	db := raw(t, o)
	execute(t, db, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`)
	execute(t, db, `CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON lane_cursor DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION refuse()`)
	wake := s.Committed()
	runs := 0
	a := object("a")
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		runs++
		_, _, err := tx.ClaimCursor("a", 1, 1)
		return errors.Join(tx.PutObject(&a), err)
	})
	if !errors.Is(err, store.ErrUnknownOutcome) || runs != 1 {
		t.Errorf("after %d runs: %v; want ErrUnknownOutcome after one", runs, err)
	}
	if _, found, err := s.Object(t.Context(), a.ObjectKey); found || err != nil {
		t.Errorf("the object is there: %v, error %v", found, err)
	}
	select {
	case <-wake:
		t.Error("the feed woke its readers")
	default:
	}
	if err := errors.Join(s.Ping(t.Context()), put(s, "b")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// Two stores on one database are two processes as far as the server can tell:
// their writes make one feed, none of them blocks another for good, and each
// hears of the other's changes.
func TestSharedPostgres(t *testing.T) {
	o := store.Options{Database: storetest.Postgres(t)}
	var wg sync.WaitGroup
	stores := make([]*store.Store, 2)
	for i := range stores { // at the same time: one of them migrates
		wg.Go(func() {
			s, err := store.Open(context.Background(), o)
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil {
			t.FailNow()
		}
		t.Cleanup(func() { s.Close() })
	}

	const rounds = 40
	var used int
	var mu sync.Mutex
	token := func(i int) []byte { return fmt.Append(nil, i) }
	for i := range rounds {
		if err := stores[0].Write(t.Context(), func(tx *store.Tx) error {
			return tx.PutCredential(store.CredentialRow{Hash: token(i)})
		}); err != nil {
			t.Fatal(err)
		}
	}
	p := ocpi.PartyID{CountryCode: "NL", ID: "CPO"}
	for which, s := range stores {
		for w := range 4 {
			wg.Go(func() {
				for i := range rounds {
					var first bool
					a, b := fmt.Sprint("t", which), fmt.Sprint("t", 1-which) // in opposite orders
					err := s.Write(context.Background(), func(tx *store.Tx) (err error) {
						o := object(fmt.Sprint(which, w, i%5))
						if first, err = tx.DeleteCredential(token(i)); err != nil {
							return err
						}
						return errors.Join(
							tx.PutOwner(store.OwnerRow{Kind: "token", ID: a, Party: p, Seen: int64(i)}),
							tx.PutObject(&o),
							tx.PutOwner(store.OwnerRow{Kind: "token", ID: b, Party: p, Seen: int64(i)}))
					})
					if err != nil {
						t.Errorf("store %d, writer %d: %v", which, w, err)
					}
					mu.Lock()
					if first {
						used++
					}
					mu.Unlock()
				}
			})
		}
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	var cursor int64
	seen := map[string]int64{}
	for ended := false; ; {
		objects, err := stores[0].Feed(t.Context(), cursor, 5)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			cursor, seen[o.ID] = o.Seq, o.Seq
		}
		if len(objects) > 0 {
			continue
		}
		if ended {
			break
		}
		select {
		case <-finished:
			ended = true
		default:
		}
	}
	last, err := stores[1].Feed(t.Context(), 0, 1000)
	if err != nil || len(last) != 40 {
		t.Fatalf("%d objects, error %v; want 40", len(last), err)
	}
	for _, o := range last {
		if seen[o.ID] != o.Seq {
			t.Errorf("a reader that followed the feed saw %s at %d; it is at %d", o.ID, seen[o.ID], o.Seq)
		}
	}
	if used != rounds {
		t.Errorf("%d single-use credentials were used %d times", rounds, used)
	}

	for i := 0; ; i++ { // a late wake-up for earlier changes may come first
		wake := stores[0].Committed()
		if err := put(stores[1], fmt.Sprint("wake", i)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-wake:
		case <-time.After(20 * time.Second):
			t.Fatal("a change by the other process woke nobody")
		}
		if i == 2 {
			break
		}
	}
}

// What is written costs no round trip: CDRs of a commit take one each, for what is
// read of them, and a few for numbers of the feed.
func TestWritesCostNoRoundTrip(t *testing.T) {
	s := storetest.Open(t, store.Options{Database: storetest.Postgres(t)})
	const n = 10
	trips := 0
	err := s.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.AppendEvent(&store.LedgerEvent{Kind: store.EventOpened, Leaf: []byte("{}")}); err != nil {
			return err
		}
		trips = store.RoundTrips(tx)
		for i := range n {
			if err := newIntake(i).receive(tx); err != nil {
				return err
			}
		}
		trips = store.RoundTrips(tx) - trips
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if trips > n+4 {
		t.Errorf("%d round trips for %d CDRs", trips, n)
	}
}
