package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/eroam/eroam/internal/store"
)

func nodes(t testing.TB, s *store.Store) (all []store.Node, revision int64) {
	t.Helper()
	all, revision, err := s.Nodes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return all, revision
}

func leases(t testing.TB, s *store.Store) map[string]store.Lease {
	t.Helper()
	all, err := s.Leases(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]store.Lease{}
	for _, l := range all {
		by[l.Kind+" "+l.Name] = l
	}
	return by
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testNodes(t *testing.T, fresh func(testing.TB) store.Options) {
	ctx := context.Background()
	s := Open(t, fresh(t))
	must(t, s.JoinNode(ctx, store.Node{ID: "a", Place: "here", Name: "first"}))
	must(t, s.JoinNode(ctx, store.Node{ID: "b"}))
	must(t, s.JoinNode(ctx, store.Node{ID: "c"})) // no place is not the same place
	must(t, s.BeatNode(ctx, "a"))
	must(t, s.RetireNode(ctx, "b"))
	all, before := nodes(t, s)
	same(t, all, []store.Node{{ID: "a", Place: "here", Name: "first", Beat: 1}, {ID: "b", Leaving: true}, {ID: "c"}})

	must(t, s.BeatNode(ctx, "c"))
	_, after := nodes(t, s)
	same(t, after, before) // beats change nothing for the others

	if buried, err := s.BuryNode(ctx, "c", 0); buried || err != nil {
		t.Errorf("a node that has beaten since was buried: %v, error %v", buried, err)
	}
	if buried, err := s.BuryNode(ctx, "c", 1); !buried || err != nil {
		t.Errorf("a node that stands still was not buried, error %v", err)
	}
	if buried, err := s.BuryNode(ctx, "c", 1); buried || err != nil {
		t.Errorf("buried twice: %v, error %v", buried, err)
	}
	if err := s.BeatNode(ctx, "c"); !errors.Is(err, store.ErrGone) {
		t.Errorf("beating after the burial: %v; want ErrGone", err)
	}
	_, err := s.TakeLeases(ctx, "a", []store.Lease{{Kind: "lane", Name: "x"}})
	must(t, err)
	must(t, s.JoinNode(ctx, store.Node{ID: "d", Place: "here"})) // a is dead
	all, _ = nodes(t, s)
	same(t, all, []store.Node{{ID: "b", Leaving: true}, {ID: "d", Place: "here"}})
	same(t, leases(t, s), map[string]store.Lease{})
	must(t, s.RemoveNode(ctx, "b"))
	must(t, s.RemoveNode(ctx, "b"))
	all, _ = nodes(t, s)
	same(t, len(all), 1)
}

func testLeases(t *testing.T, fresh func(testing.TB) store.Options) {
	ctx := context.Background()
	s := Open(t, fresh(t))
	for _, id := range []string{"a", "b"} {
		must(t, s.JoinNode(ctx, store.Node{ID: id}))
	}
	take := func(node string, names ...string) []store.Lease {
		t.Helper()
		var jobs []store.Lease
		for _, n := range names {
			jobs = append(jobs, store.Lease{Kind: "lane", Name: n})
		}
		taken, err := s.TakeLeases(ctx, node, jobs)
		must(t, err)
		return taken
	}
	_, before := nodes(t, s)
	mine := take("a", "1", "2")
	_, after := nodes(t, s)
	same(t, len(mine), 2)
	same(t, after > before, true)
	theirs := take("b", "2", "3")
	same(t, theirs, []store.Lease{{Kind: "lane", Name: "3", Node: "b", Epoch: theirs[0].Epoch}})
	same(t, theirs[0].Epoch > mine[0].Epoch, true)

	must(t, s.EndLeases(ctx, []store.Lease{{Kind: "lane", Name: "1", Node: "b", Epoch: mine[0].Epoch}})) // not its own
	must(t, s.EndLeases(ctx, mine[1:]))
	must(t, s.EndLeases(ctx, mine[1:])) // twice
	again := take("b", "1", "2")
	same(t, again, []store.Lease{{Kind: "lane", Name: "2", Node: "b", Epoch: again[0].Epoch}})
	must(t, s.EndLeases(ctx, mine)) // the second is b's by now
	same(t, leases(t, s), map[string]store.Lease{"lane 2": again[0], "lane 3": theirs[0]})

	must(t, s.RemoveNode(ctx, "b"))
	same(t, leases(t, s), map[string]store.Lease{})
	if _, err := s.TakeLeases(ctx, "b", []store.Lease{{Kind: "lane", Name: "1"}}); !errors.Is(err, store.ErrGone) {
		t.Errorf("a node that is gone took a job: %v; want ErrGone", err)
	}
	same(t, leases(t, s), map[string]store.Lease{})
}

func testRevision(t *testing.T, fresh func(testing.TB) store.Options) {
	ctx := context.Background()
	s := Open(t, fresh(t))
	changed := s.RegistryChanged()
	write(t, s, func(tx *store.Tx) error { return tx.RaiseRegistry(0) })
	select {
	case <-changed:
	default:
		t.Error("raising the revision woke nobody")
	}
	err := s.Write(ctx, func(tx *store.Tx) error {
		_ = tx.SetMeta("stale", []byte{1})
		return tx.RaiseRegistry(0)
	})
	if !errors.Is(err, store.ErrStale) {
		t.Errorf("raising from an old revision: %v; want ErrStale", err)
	}
	if v, err := s.Meta(ctx, "stale"); v != nil || err != nil {
		t.Errorf("what a stale write wrote is there: %v, error %v", v, err)
	}
	write(t, s, func(tx *store.Tx) error { return tx.CheckRegistry(1) })
	if err := s.Write(ctx, func(tx *store.Tx) error { return tx.CheckRegistry(0) }); !errors.Is(err, store.ErrStale) {
		t.Errorf("checking an old revision: %v; want ErrStale", err)
	}
	n, err := s.RegistryRevision(ctx)
	must(t, err)
	r, err := s.Registry(ctx)
	must(t, err)
	same(t, []int64{n, r.Revision}, []int64{1, 1})
}

func testNews(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	write(t, s, func(tx *store.Tx) error { return tx.AddNews("p", store.News{Heard: 1}) })
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.AddNews("p", store.News{Heard: 1, Failed: 1}), tx.AddNews("q", store.News{Failed: 1}))
	})
	news, err := s.News(context.Background())
	must(t, err)
	same(t, news, map[string]store.News{"p": {Heard: 2, Failed: 1}, "q": {Failed: 1}})
	write(t, s, func(tx *store.Tx) error { return tx.DeletePlatform("p") })
	news, err = s.News(context.Background())
	must(t, err)
	same(t, news, map[string]store.News{"q": {Failed: 1}})
}
