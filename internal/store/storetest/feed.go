package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
)

func feed(t testing.TB, s *store.Store, after int64, limit int) []store.Object {
	t.Helper()
	objects, err := s.Feed(context.Background(), after, limit)
	if err != nil {
		t.Fatalf("reading the feed: %v", err)
	}
	return objects
}

func testFeed(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	same(t, seq(t, s), int64(0))
	same(t, len(feed(t, s, 0, 10)), 0)
	tariff := location(cpo2, "t")
	tariff.Kind = "tariffs"
	gone := location(cpo1, "b")
	gone.Deleted = true
	put(t, s, location(cpo1, "a"), location(cpo1, "b"), tariff, location(cpo1, "c"), location(cpo1, "a"), gone)
	same(t, seq(t, s), int64(6))
	check := func(got []store.Object, want ...string) {
		t.Helper()
		var have []string
		for _, o := range got {
			have = append(have, fmt.Sprintf("%d %s %v", o.Seq, o.ID, o.Deleted))
		}
		same(t, have, want)
	}
	heads := func(after int64, limit int) {
		t.Helper()
		want := feed(t, s, after, limit)
		for i := range want {
			want[i].Body = nil
		}
		got, err := s.FeedHeads(context.Background(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
	}
	check(feed(t, s, 0, 10), "3 t false", "4 c false", "5 a false", "6 b true")
	check(feed(t, s, 4, 10), "5 a false", "6 b true")
	check(feed(t, s, 2, 2), "3 t false", "4 c false")
	check(feed(t, s, 6, 2))
	heads(0, 10)
	heads(2, 2)
	heads(6, 2)
	o, _ := object(t, s, tariff.ObjectKey)
	same(t, feed(t, s, 0, 1)[0], o)
}

var errRefused = errors.New("refused")

// Many write at once, some of them several objects, some fail, and a reader
// follows the feed: it must never see a number below one that it has seen, and
// at the end it must have seen the last state of everything.
func testFeedOrder(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	const writers, rounds = 16, 15
	var wg sync.WaitGroup
	last := make([]int64, writers)
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				var n int64
				err := s.Write(context.Background(), func(tx *store.Tx) error {
					for i := range 1 + w%3 {
						o := location(cpo1, fmt.Sprint(w, "-", i))
						if err := tx.PutObject(&o); err != nil {
							return err
						}
						n = o.Seq
					}
					if r%5 == w%5 {
						return errRefused
					}
					return nil
				})
				switch {
				case r%5 == w%5 && !errors.Is(err, errRefused), r%5 != w%5 && err != nil:
					t.Errorf("writer %d, round %d: %v", w, r, err)
				case err == nil && n <= last[w]:
					t.Errorf("writer %d got %d after %d", w, n, last[w])
				case err == nil:
					last[w] = n
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()

	seen := map[string]int64{}
	used := map[int64]string{}
	var cursor int64
	for ended := false; ; {
		wake := s.Committed()
		objects := feed(t, s, cursor, 7)
		for _, o := range objects {
			if o.Seq <= cursor {
				t.Fatalf("%d came after %d", o.Seq, cursor)
			}
			if other := used[o.Seq]; other != "" {
				t.Fatalf("%d is %s and %s", o.Seq, other, o.ID)
			}
			cursor, seen[o.ID], used[o.Seq] = o.Seq, o.Seq, o.ID
		}
		if len(objects) > 0 {
			continue
		}
		if ended {
			break
		}
		select {
		case <-wake:
		case <-finished:
			ended = true
		}
	}
	for _, o := range feed(t, s, 0, 1000) {
		if seen[o.ID] != o.Seq {
			t.Errorf("%s: saw %d; want %d", o.ID, seen[o.ID], o.Seq)
		}
	}
	if n := seq(t, s); n != cursor {
		t.Errorf("the feed ends at %d; the last change is %d", n, cursor)
	}
}

// However writes share commits and fail, the counter is the last number in
// use, so that a cursor that has read everything is not behind.
func testFeedHoles(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	for _, fail := range []bool{false, true} {
		release := hold(t, s)
		var results []<-chan error
		for i := range 6 {
			results = append(results, queue(context.Background(), t, s, func(tx *store.Tx) error {
				if i == 1 {
					return tx.SetMeta("no", []byte("feed"))
				}
				for k := range i { // more than were reserved for it
					o := location(cpo1, fmt.Sprint(i, k))
					if err := tx.PutObject(&o); err != nil {
						return err
					}
				}
				if fail && i%2 == 0 {
					return errRefused
				}
				return nil
			}))
		}
		release()
		for _, r := range results {
			if err := <-r; err != nil && !errors.Is(err, errRefused) {
				t.Error(err)
			}
		}
		objects := feed(t, s, 0, 1000)
		if n := objects[len(objects)-1].Seq; n != seq(t, s) {
			t.Errorf("the feed ends at %d; the last change is %d", seq(t, s), n)
		}
	}
	same(t, seq(t, s), int64(2+3+4+5+3+5)) // numbers of failed writes are used again
}

func testCommitted(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	isClosed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	wake := s.Committed()
	write(t, s, func(tx *store.Tx) error { return tx.SetMeta("a", []byte("b")) })
	_ = s.Write(context.Background(), func(tx *store.Tx) error {
		o := location(cpo1, "a")
		return errors.Join(tx.PutObject(&o), errRefused)
	})
	if isClosed(wake) {
		t.Error("woken without a change of the feed")
	}
	o := location(cpo1, "a")
	put(t, s, o)
	select {
	case <-wake:
	case <-time.After(10 * time.Second):
		t.Fatal("not woken by a change of the feed")
	}
	if _, found := object(t, s, o.ObjectKey); !found {
		t.Error("woken before the change was visible")
	}
	if isClosed(s.Committed()) && s.Engine() == "sqlite" { // PostgreSQL may wake once more
		t.Error("the next channel is closed already")
	}
}
