package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// samePage compares a page with the list of the same query; at random it is
// bounded by its size.
func samePage(t *testing.T, r *rand.Rand, s *store.Store, q store.ListQuery, want []store.Object, total int) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = len(want) + 1
	}
	most := 1 << 20
	if r.IntN(2) == 0 {
		most = 1 + r.IntN(200)
	}
	size, n := 0, 0
	for ; n < len(want) && size < most; n++ {
		size += len(want[n].Body)
	}
	p, err := s.Page(context.Background(), q, most)
	if err != nil {
		t.Fatalf("a page of %+v: %v", q, err)
	}
	defer p.Release()
	if len(p.Objects) != n || p.Total != total {
		t.Errorf("%+v up to %d bytes: %d objects of %d; want %d of %d", q, most, len(p.Objects), p.Total, n, total)
		return
	}
	for i, o := range p.Objects {
		if w := &want[i]; o.Born != w.Born || o.Seq != w.Seq || o.Version != w.Version || !bytes.Equal(o.Body, w.Body) {
			t.Errorf("%+v: object %d is %d of %d, %.40q; want %d of %d, %.40q", q, i, o.Seq, o.Born, o.Body, w.Seq, w.Born, w.Body)
		}
	}
}

// The pages of a list follow each other, whatever lies between their rows, and
// say whether there is another one.
func testPages(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	var want []string
	put(t, s, location(cpo2, "first"))
	for i := range 60 {
		o := location(cpo1, fmt.Sprint(i))
		o.Body = bytes.Repeat([]byte("x"), 100+i)
		put(t, s, o)
		want = append(want, string(o.Body))
		// Sparse to begin with, then with hidden rows of deleted objects, then dense.
		for k := range max(0, 20-i) {
			other := location(cpo2, fmt.Sprint(i, "-", k))
			put(t, s, other)
			if i >= 10 {
				other.Deleted = true
				put(t, s, other)
			}
		}
	}
	for _, c := range []struct{ limit, bytes int }{{1, 1 << 20}, {7, 1 << 20}, {60, 1 << 20}, {61, 1 << 20}, {60, 1}, {60, 1000}} {
		var got []string
		q := store.ListQuery{Kind: "locations", Owners: []ocpi.PartyID{cpo1}, Limit: c.limit}
		for more := true; more; {
			p, err := s.Page(context.Background(), q, c.bytes)
			if err != nil {
				t.Fatal(err)
			}
			if p.Total != len(want) || len(p.Objects) == 0 || len(p.Objects) > c.limit {
				t.Fatalf("%+v: a page of %d objects of %d", c, len(p.Objects), p.Total)
			}
			for _, o := range p.Objects {
				got = append(got, string(o.Body))
				q.AfterBorn = o.Born
			}
			more = p.More
			p.Release()
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v: got %d objects, want %d", c, len(got), len(want))
		}
	}
	p, err := s.Page(context.Background(), store.ListQuery{Kind: "locations", Owners: []ocpi.PartyID{}, Limit: 5}, 1)
	if err != nil || len(p.Objects) != 0 || p.Total != 0 || p.More {
		t.Errorf("a page of nobody's: %+v, error %v", p, err)
	}
}

// A page is not touched by pages that are read while it is used, nor by what was
// in its memory before.
func testPagesShareNothing(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	for i := range 30 {
		o := location(cpo1, fmt.Sprint(i))
		o.Body = bytes.Repeat([]byte{byte('a' + i%26)}, 1+i*i*40)
		put(t, s, o)
	}
	read := func() *store.Page {
		p, err := s.Page(context.Background(), store.ListQuery{Kind: "locations", Limit: 30}, 1<<30)
		if err != nil || len(p.Objects) != 30 {
			t.Fatalf("%d objects, error %v", len(p.Objects), err)
		}
		return p
	}
	check := func(p *store.Page) {
		t.Helper()
		for i, o := range p.Objects {
			if len(o.Body) != 1+i*i*40 || bytes.Count(o.Body, o.Body[:1]) != len(o.Body) || o.Body[0] != byte('a'+i%26) {
				t.Errorf("object %d is %.20q…, %d bytes", i, o.Body, len(o.Body))
			}
		}
	}
	first := read()
	first.Release()
	var pages []*store.Page
	for range 3 {
		pages = append(pages, read())
	}
	for _, p := range pages {
		check(p)
		p.Release()
	}
}
