package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

// inDatabase is what FeedHeads would say without memory.
func inDatabase(t *testing.T, s *store.Store, after int64, limit int) []store.Object {
	t.Helper()
	objects, err := s.Feed(context.Background(), after, limit)
	if err != nil {
		t.Fatal(err)
	}
	for i := range objects {
		objects[i].Body = nil
	}
	return objects
}

func heads(t *testing.T, s *store.Store, after int64, limit int) []store.Object {
	t.Helper()
	got, err := s.FeedHeads(context.Background(), after, limit)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func equal(t *testing.T, what string, got, want []store.Object) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %+v; want %+v", what, got, want)
	}
}

// The end of the feed in memory says what the database says, whatever was
// changed, refused, deleted or changed several times in one commit.
func TestRecentIsTheFeed(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, fresh func(testing.TB) store.Options) {
		s := storetest.Open(t, fresh(t))
		refused := errors.New("refused")
		var ends []int64
		for round := range 60 {
			var wg sync.WaitGroup
			for range 4 { // some of them share a commit
				wg.Go(func() {
					n, fail := 1+rand.IntN(3), rand.IntN(5) == 0
					err := s.Write(context.Background(), func(tx *store.Tx) error {
						for range n {
							o := object(fmt.Sprint(rand.IntN(8)))
							o.Version, o.Name, o.LastUpdated = "2.2.1", "N", rand.Int64N(1e15)
							o.Deleted = rand.IntN(6) == 0
							if rand.IntN(3) > 0 {
								o.Step, o.Hash = bytes.Repeat([]byte{'s'}, rand.IntN(99)), make([]byte, rand.IntN(2)*16)
							}
							put := tx.PutObject
							if rand.IntN(3) == 0 {
								put = tx.PutQuiet
							}
							if err := put(&o); err != nil {
								return err
							}
						}
						if fail {
							return refused
						}
						return nil
					})
					if err != nil && !errors.Is(err, refused) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			end, err := s.Seq(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			ends = append(ends, end)
			for _, after := range []int64{end, max(0, end-1), max(0, end-5), ends[rand.IntN(len(ends))], 0} {
				limit := 1 + rand.IntN(20)
				got, known := store.Recent(s, after, limit)
				if !known {
					t.Fatalf("round %d: what is behind %d is not in memory", round, after)
				}
				want := inDatabase(t, s, after, limit)
				equal(t, fmt.Sprintf("round %d, %d behind %d in memory", round, limit, after), got, want)
				equal(t, "FeedHeads", heads(t, s, after, limit), want)
			}
		}
	})
}

// What was committed before this process began, or so long ago that memory has
// forgotten it, comes from the database.
func TestRecentForgets(t *testing.T) {
	o := storetest.SQLite(t)
	s := storetest.Open(t, o)
	for i := range 4 {
		if err := put(s, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = storetest.Open(t, o)
	if _, known := store.Recent(s, 3, 10); known {
		t.Error("memory knows what it has not seen")
	}
	equal(t, "after a restart", heads(t, s, 2, 10), inDatabase(t, s, 2, 10))
	for n := 0; n < store.MaxRecent; n += 512 {
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			for i := range 512 {
				o := object(fmt.Sprint(i % 300))
				if err := tx.PutObject(&o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, known := store.Recent(s, 4, 10); !known {
		t.Error("memory has forgotten too early")
	}
	if err := put(s, "one more"); err != nil {
		t.Fatal(err)
	}
	if _, known := store.Recent(s, 4, 10); known {
		t.Error("memory knows more than it may hold")
	}
	for _, after := range []int64{4, 5, store.MaxRecent} {
		equal(t, fmt.Sprint("behind ", after), heads(t, s, after, 400), inDatabase(t, s, after, 400))
	}
	// Steps too large to be kept together.
	for i := range 5 {
		o := object(fmt.Sprint(i))
		o.Step = make([]byte, 3<<20)
		if err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.PutObject(&o) }); err != nil {
			t.Fatal(err)
		}
	}
	end, _ := s.Seq(t.Context())
	if _, known := store.Recent(s, end-3, 10); known {
		t.Error("memory holds more bytes than it may")
	}
	if got, known := store.Recent(s, end-2, 10); !known || len(got) != 2 {
		t.Errorf("behind %d memory has %d, %v", end-2, len(got), known)
	}
}

// On a shared database, what another process has committed is never left out:
// neither between this one's changes nor behind them.
func TestRecentOfOneOfTwo(t *testing.T) {
	o := store.Options{Database: storetest.Postgres(t)}
	one, two := storetest.Open(t, o), storetest.Open(t, o)
	check := func(what string) {
		t.Helper()
		end, err := one.Seq(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for after := range end + 1 {
			equal(t, fmt.Sprint(what, ", behind ", after), heads(t, one, after, 3), inDatabase(t, one, after, 3))
		}
	}
	for _, step := range []struct {
		s  *store.Store
		id string
	}{{one, "a"}, {two, "b"}, {one, "c"}, {one, "d"}, {two, "c"}, {two, "e"}, {one, "e"}, {one, "f"}, {one, "e"}} {
		if err := put(step.s, step.id); err != nil {
			t.Fatal(err)
		}
		check("put " + step.id)
	}
}
