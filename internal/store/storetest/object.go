package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func testObject(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	a := location(cpo1, "a")
	if _, found := object(t, s, a.ObjectKey); found {
		t.Fatal("found before it was put")
	}
	put(t, s, location(cpo1, "first"))
	// All that one write puts is visible in it at once.
	write(t, s, func(tx *store.Tx) error {
		if _, found, err := tx.Object(a.ObjectKey); found || err != nil {
			return fmt.Errorf("found %v, %w", found, err)
		}
		if err := tx.PutObject(&a); err != nil {
			return err
		}
		got, found, err := tx.Object(a.ObjectKey)
		if !found || err != nil {
			return fmt.Errorf("found %v, %w", found, err)
		}
		same(t, got, a)
		return nil
	})
	same(t, []int64{a.Seq, a.Loud, a.Prev, a.Born}, []int64{2, 2, 0, 2})
	got, _ := object(t, s, a.ObjectKey)
	same(t, got, a)

	// Every column but Born is replaced, and Prev is the Seq before.
	change := func(o store.Object, seq, born int64) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error { return tx.PutObject(&o) })
		same(t, []int64{o.Seq, o.Loud, o.Prev, o.Born}, []int64{seq, seq, seq - 1, born})
		got, _ := object(t, s, o.ObjectKey)
		same(t, got, o)
	}
	changed := store.Object{ObjectKey: a.ObjectKey, Name: "A", Version: "2.3.0", LastUpdated: 5, Audience: "DE-EM1",
		Hash: []byte{0, 255}, Step: []byte("step"), Body: []byte("{}")}
	change(changed, 3, 2)
	deleted := changed
	deleted.Deleted, deleted.Hash, deleted.Step, deleted.Body = true, nil, nil, []byte{}
	change(deleted, 4, 2)
	change(deleted, 5, 2)
	change(changed, 6, 6) // again: a new one
	change(changed, 7, 6)

	// The key is all of kind, country, party and id.
	for _, k := range []store.ObjectKey{
		{Kind: "tariffs", Party: cpo1, ID: "a"}, {Kind: "locations", Party: cpo3, ID: "a"},
		{Kind: "locations", Party: ocpi.PartyID{CountryCode: "DE", ID: "CP1"}, ID: "a"}, {Kind: "locations", Party: cpo1, ID: "A"},
	} {
		if _, found := object(t, s, k); found {
			t.Errorf("found %v", k)
		}
	}
}

// A quiet change keeps Loud, unless it makes or ends an object.
func testQuiet(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	change := func(put func(*store.Tx, *store.Object) error, deleted bool, wantLoud int64) {
		t.Helper()
		old, _ := object(t, s, location(cpo1, "a").ObjectKey)
		o := location(cpo1, "a")
		o.Deleted = deleted
		write(t, s, func(tx *store.Tx) error { return put(tx, &o) })
		same(t, []int64{o.Seq, o.Loud, o.Prev}, []int64{old.Seq + 1, wantLoud, old.Seq})
		got, _ := object(t, s, o.ObjectKey)
		same(t, got, o)
	}
	change((*store.Tx).PutQuiet, false, 1) // a new object
	change((*store.Tx).PutQuiet, false, 1)
	change((*store.Tx).PutObject, false, 3)
	change((*store.Tx).PutQuiet, false, 3)
	change((*store.Tx).PutQuiet, false, 3)
	change((*store.Tx).PutQuiet, true, 6) // it ends
	change((*store.Tx).PutQuiet, true, 6)
	change((*store.Tx).PutQuiet, false, 8) // it is there again
}

func testObjects(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	gone := location(cpo2, "gone")
	gone.Deleted = true
	put(t, s, location(cpo1, "a"), location(cpo1, "b"), location(cpo2, "b"), gone)
	one := func(party ocpi.PartyID, id string) store.ObjectKey { return location(party, id).ObjectKey }
	many := make([]store.ObjectKey, 1200)
	for i := range many {
		many[i] = one(cpo3, fmt.Sprint(i))
	}
	many[700] = one(cpo1, "b")
	for _, c := range []struct {
		keys, want []store.ObjectKey
	}{
		{nil, nil},
		{[]store.ObjectKey{one(cpo3, "a")}, nil},
		{[]store.ObjectKey{one(cpo2, "b"), one(cpo1, "x"), one(cpo1, "a"), one(cpo2, "gone")},
			[]store.ObjectKey{one(cpo2, "b"), one(cpo1, "a"), one(cpo2, "gone")}},
		{[]store.ObjectKey{one(cpo1, "a"), one(cpo1, "a")}, []store.ObjectKey{one(cpo1, "a"), one(cpo1, "a")}},
		{many, []store.ObjectKey{one(cpo1, "b")}},
	} {
		objects, err := s.Objects(context.Background(), c.keys)
		if err != nil {
			t.Fatal(err)
		}
		var got []store.ObjectKey
		for _, o := range objects {
			got = append(got, o.ObjectKey)
			single, _ := object(t, s, o.ObjectKey)
			same(t, o, single)
		}
		same(t, got, c.want)
	}
	if _, err := s.Objects(context.Background(), []store.ObjectKey{one(cpo1, "nul\x00")}); !errors.Is(err, store.ErrText) {
		t.Errorf("a key that is no text: %v; want ErrText", err)
	}
}

func testBytes(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	all := make([]byte, 0, 1<<20)
	for i := range cap(all) {
		all = append(all, byte(i))
	}
	for _, body := range [][]byte{all, []byte(`{"x": 1.10 , "é":"\u00e9\u0000"}`), {}} {
		o := location(cpo1, "a")
		o.Body = body
		put(t, s, o)
		got, _ := object(t, s, o.ObjectKey)
		if !slices.Equal(got.Body, body) {
			t.Errorf("%d bytes became other %d bytes", len(body), len(got.Body))
		}
	}
}

func testText(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	for _, id := range []string{"nul\x00", "bad\xff"} {
		o := location(cpo1, id)
		err := s.Write(context.Background(), func(tx *store.Tx) error { return tx.PutObject(&o) })
		if !errors.Is(err, store.ErrText) {
			t.Errorf("putting %q: %v; want ErrText", id, err)
		}
		if _, _, err := s.Object(context.Background(), o.ObjectKey); !errors.Is(err, store.ErrText) {
			t.Errorf("reading %q: %v; want ErrText", id, err)
		}
	}
	// What looks like SQL, a wild card or an escape is text.
	for _, id := range []string{"'; DROP TABLE object; --", "%", "_", `\`, "$1", "?", "ß⚡𝄞", " a ", ""} {
		o := location(cpo1, id)
		put(t, s, o)
		if got, found := object(t, s, o.ObjectKey); !found || got.ID != id {
			t.Errorf("%q came back as %q, found %v", id, got.ID, found)
		}
	}
}

func testListPages(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	ids, total := list(t, s, store.ListQuery{Kind: "locations"})
	same(t, total, 0)
	same(t, len(ids), 0)
	for i := range 7 {
		put(t, s, location([]ocpi.PartyID{cpo1, cpo2}[i%2], fmt.Sprint("l", 9-i)))
	}
	tariff := location(cpo1, "t")
	tariff.Kind = "tariffs"
	gone := location(cpo1, "gone")
	put(t, s, tariff, gone)
	gone.Deleted = true
	put(t, s, gone)
	put(t, s, location(cpo1, "l9")) // a change does not move it

	all := []string{"l9", "l8", "l7", "l6", "l5", "l4", "l3"}
	for _, c := range []struct {
		q    store.ListQuery
		want []string
	}{
		{store.ListQuery{}, all},
		{store.ListQuery{Limit: 3}, all[:3]},
		{store.ListQuery{Limit: 3, Offset: 3}, all[3:6]},
		{store.ListQuery{Limit: 3, Offset: 6}, all[6:]},
		{store.ListQuery{Limit: 3, Offset: 7}, nil},
		{store.ListQuery{Offset: 5}, all[5:]},
		{store.ListQuery{Limit: 2, AfterBorn: 4}, all[4:6]},
		{store.ListQuery{AfterBorn: 4, Offset: 1}, all[5:]},
		{store.ListQuery{AfterBorn: 99}, nil},
	} {
		c.q.Kind = "locations"
		got, total := list(t, s, c.q)
		if !slices.Equal(got, c.want) || total != 7 {
			t.Errorf("%+v: %v of %d; want %v of 7", c.q, got, total, c.want)
		}
	}
}

func testListFilters(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	for _, c := range []struct {
		id       string
		updated  int64
		audience string
	}{{"all", 10, ""}, {"em1", 20, "DE-EM1"}, {"em2", 30, "DE-EM2"}, {"late", 40, ""}} {
		o := location(cpo1, c.id)
		o.LastUpdated, o.Audience = c.updated, c.audience
		put(t, s, o)
	}
	for _, c := range []struct {
		q     store.ListQuery
		want  []string
		total int
	}{
		{store.ListQuery{}, []string{"all", "em1", "em2", "late"}, 4},
		{store.ListQuery{From: 20}, []string{"em1", "em2", "late"}, 3},
		{store.ListQuery{From: 21}, []string{"em2", "late"}, 2},
		{store.ListQuery{To: 30}, []string{"all", "em1"}, 2},
		{store.ListQuery{To: 31}, []string{"all", "em1", "em2"}, 3},
		{store.ListQuery{From: 20, To: 40, Limit: 1}, []string{"em1"}, 2},
		{store.ListQuery{From: 30, To: 30}, nil, 0},
		{store.ListQuery{Audience: "DE-EM1"}, []string{"all", "em1", "late"}, 3},
		{store.ListQuery{Audience: "DE-EM2", From: 20, Offset: 1}, []string{"late"}, 2},
		{store.ListQuery{Audience: "DE-EM3"}, []string{"all", "late"}, 2},
	} {
		c.q.Kind = "locations"
		got, total := list(t, s, c.q)
		if !slices.Equal(got, c.want) || total != c.total {
			t.Errorf("%+v: %v of %d; want %v of %d", c.q, got, total, c.want, c.total)
		}
	}
}

func testListOwners(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	put(t, s, location(cpo1, "a"), location(cpo2, "b"), location(cpo3, "c"), location(cpo1, "d"))
	many := make([]ocpi.PartyID, 8192)
	for i := range many {
		many[i] = ocpi.PartyID{CountryCode: "XX", ID: fmt.Sprintf("%03X", i)}
	}
	many[8191] = cpo3
	for _, c := range []struct {
		owners []ocpi.PartyID
		want   []string
	}{
		{nil, []string{"a", "b", "c", "d"}},
		{[]ocpi.PartyID{}, nil},
		{[]ocpi.PartyID{emsp}, nil},
		{[]ocpi.PartyID{cpo1}, []string{"a", "d"}},
		{[]ocpi.PartyID{cpo2, cpo1}, []string{"a", "b", "d"}}, // not NL-CP2
		{[]ocpi.PartyID{cpo2, cpo1, cpo2}, []string{"a", "b", "d"}},
		{[]ocpi.PartyID{cpo1, cpo2, cpo3}, []string{"a", "b", "c", "d"}},
		{many, []string{"c"}},
	} {
		got, total := list(t, s, store.ListQuery{Kind: "locations", Owners: c.owners})
		if !slices.Equal(got, c.want) || total != len(c.want) {
			t.Errorf("%d owners: %v of %d; want %v", len(c.owners), got, total, c.want)
		}
		got, total = list(t, s, store.ListQuery{Kind: "locations", Owners: c.owners, AfterBorn: 1, Limit: 1})
		if len(c.want) > 1 && (len(got) != 1 || got[0] != c.want[1] || total != len(c.want)) {
			t.Errorf("%d owners after the first: %v of %d; want %v", len(c.owners), got, total, c.want[1])
		}
	}
	if _, _, err := s.List(context.Background(), store.ListQuery{Kind: "locations", Owners: slices.Concat(many, []ocpi.PartyID{cpo1})}); err == nil {
		t.Error("8193 owners: no error")
	}
}

// A walk from page to page shows each object that is there all the time once,
// whatever changes meanwhile.
func testListWalk(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	for i := range 20 {
		put(t, s, location(cpo1, fmt.Sprint(i)))
	}
	seen := map[string]int{}
	var after int64
	for page := 0; ; page++ {
		objects, _, err := s.List(context.Background(), store.ListQuery{Kind: "locations", AfterBorn: after, Limit: 4})
		if err != nil {
			t.Fatal(err)
		}
		if len(objects) == 0 {
			break
		}
		for _, o := range objects {
			seen[o.ID]++
			after = o.Born
		}
		// Behind and ahead of the walk one is changed, and one goes.
		gone := location(cpo1, fmt.Sprint(page))
		gone.Deleted = true
		put(t, s, location(cpo1, "19"), location(cpo1, fmt.Sprint(page+1)), gone)
	}
	for i := range 20 {
		if n := seen[fmt.Sprint(i)]; n != 1 {
			t.Errorf("object %d was seen %d times", i, n)
		}
	}
}

// While others write, what one call returns is of one moment: the total of a
// list is the number of its objects, and each credential has its platform.
func testOneMoment(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	var writers sync.WaitGroup
	stop := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				err := s.Write(context.Background(), func(tx *store.Tx) error {
					o := location(cpo1, fmt.Sprint(w))
					o.Deleted = i%2 == 0
					if o.Deleted {
						return errors.Join(tx.PutObject(&o), tx.DeletePlatform(o.ID))
					}
					return errors.Join(tx.PutObject(&o), tx.PutPlatform(store.PlatformRow{ID: o.ID}),
						tx.PutCredential(store.CredentialRow{Hash: []byte(o.ID), Platform: o.ID}))
				})
				if err != nil {
					t.Errorf("writing: %v", err)
					return
				}
			}
		})
	}
	defer writers.Wait()
	defer close(stop)
	for range 300 {
		if ids, total := list(t, s, store.ListQuery{Kind: "locations"}); len(ids) != total {
			t.Errorf("a list of %d says that there are %d", len(ids), total)
		}
		if r := registry(t, s); len(r.Platforms) != len(r.Credentials) {
			t.Errorf("%d platforms have %d credentials", len(r.Platforms), len(r.Credentials))
		}
	}
}
