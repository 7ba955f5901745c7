package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func testCrawl(t *testing.T, fresh func(testing.TB) store.Options) {
	ctx := context.Background()
	s := Open(t, fresh(t))
	read := func() store.CrawlRow {
		t.Helper()
		c, err := s.Crawl(ctx, "job")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	set := func(revision int64, state string) error {
		return s.Write(ctx, func(tx *store.Tx) error {
			return tx.PutCrawl(store.CrawlRow{Job: "job", Revision: revision, State: []byte(state)})
		})
	}
	same(t, read(), store.CrawlRow{Job: "job"})
	for i, state := range []string{"a", "b", "c"} {
		if err := set(int64(i), state); err != nil {
			t.Fatal(err)
		}
		same(t, read(), store.CrawlRow{Job: "job", Revision: int64(i) + 1, State: []byte(state)})
	}
	for _, revision := range []int64{0, 1, 2, 4} { // read before somebody else wrote
		if err := set(revision, "late"); !errors.Is(err, store.ErrMoved) {
			t.Errorf("revision %d: %v", revision, err)
		}
	}
	rows, err := s.Crawls(ctx)
	if err != nil || len(rows) != 1 || string(rows[0].State) != "c" {
		t.Errorf("all: %v, error %v", rows, err)
	}

	// What was seen.
	x, y, z, foreign := location(cpo1, "x"), location(cpo1, "y"), location(cpo1, "z"), location(cpo2, "f")
	put(t, s, z, y, x, foreign)
	see := func(job string, keys ...store.ObjectKey) (n int) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.SeeCrawled(job, keys)
			return err
		})
		return n
	}
	unseen := func(owner ocpi.PartyID, after string, limit int) []string {
		t.Helper()
		ids, err := s.Unseen(ctx, "job", "locations", owner, after, limit)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	same(t, unseen(cpo1, "", 9), []string{"x", "y", "z"})
	same(t, unseen(cpo1, "", 2), []string{"x", "y"})
	same(t, unseen(cpo1, "x", 9), []string{"y", "z"})
	same(t, see("job", y.ObjectKey, y.ObjectKey, foreign.ObjectKey), 2)
	same(t, see("job", y.ObjectKey), 0)
	same(t, see("other", x.ObjectKey), 1)
	same(t, unseen(cpo1, "", 9), []string{"x", "z"})
	same(t, len(unseen(cpo2, "", 9)), 0)
	z.Deleted = true
	put(t, s, z)
	same(t, unseen(cpo1, "", 9), []string{"x"})
	write(t, s, func(tx *store.Tx) error { return tx.ForgetCrawled("job") })
	same(t, unseen(cpo1, "", 9), []string{"x", "y"})
	same(t, see("other", x.ObjectKey), 0)

	// What was asked for.
	asked := func() map[string]bool {
		t.Helper()
		a, err := s.AskedCrawls(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ask := func(job string, whole bool) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error { return tx.AskCrawl(job, whole) })
	}
	ask("a", false)
	ask("b", true)
	ask("b", false) // the whole was asked for as well
	ask("job", false)
	same(t, asked(), map[string]bool{"a": false, "b": true, "job": false})
	write(t, s, func(tx *store.Tx) error { return tx.TakeAsked("a") })
	write(t, s, func(tx *store.Tx) error { return tx.DeleteCrawl("job") })
	same(t, asked(), map[string]bool{"b": true})
	same(t, read(), store.CrawlRow{Job: "job"})
}
