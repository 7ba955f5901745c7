package storetest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// model is what a store should hold, kept in the plainest way.
type model struct {
	seq     int64
	objects map[store.ObjectKey]store.Object
}

// put is what Tx.PutObject, or PutQuiet, should make of o.
func (m *model) put(o store.Object, loud bool) store.Object {
	old, found := m.objects[o.ObjectKey]
	m.seq++
	o.Seq, o.Loud, o.Prev, o.Born = m.seq, m.seq, old.Seq, m.seq
	if found && !loud && old.Deleted == o.Deleted {
		o.Loud = old.Loud
	}
	if found && (!old.Deleted || o.Deleted) {
		o.Born = old.Born
	}
	m.objects[o.ObjectKey] = o
	return o
}

func (m *model) list(q store.ListQuery) (page []store.Object, total int) {
	for _, o := range m.objects {
		if !o.Deleted && o.Kind == q.Kind && (q.Owners == nil || slices.Contains(q.Owners, o.Party)) &&
			(q.Audience == "" || o.Audience == "" || o.Audience == q.Audience) &&
			(q.From == 0 || o.LastUpdated >= q.From) && (q.To == 0 || o.LastUpdated < q.To) {
			page = append(page, o)
		}
	}
	total = len(page)
	slices.SortFunc(page, func(a, b store.Object) int { return cmp.Compare(a.Born, b.Born) })
	page = slices.DeleteFunc(page, func(o store.Object) bool { return o.Born <= q.AfterBorn })
	page = page[min(q.Offset, len(page)):]
	if q.Limit > 0 {
		page = page[:min(q.Limit, len(page))]
	}
	return page, total
}

func (m *model) feed(after int64, limit int) []store.Object {
	var all []store.Object
	for _, o := range m.objects {
		if o.Seq > after {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(a, b store.Object) int { return cmp.Compare(a.Seq, b.Seq) })
	return all[:min(limit, len(all))]
}

var (
	modelParties   = []ocpi.PartyID{cpo1, cpo2, cpo3}
	modelKinds     = []string{"locations", "tokens"}
	modelAudiences = []string{"", "", "DE-EM1", "DE-EM2"}
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func randomObject(r *rand.Rand) store.Object {
	o := store.Object{
		ObjectKey: store.ObjectKey{Kind: pick(r, modelKinds), Party: pick(r, modelParties), ID: fmt.Sprint(r.IntN(40))},
		Version:   pick(r, []string{"2.2.1", "2.3.0"}), LastUpdated: 1 + r.Int64N(50), Deleted: r.IntN(5) == 0,
		Audience: pick(r, modelAudiences), Body: bytes.Repeat([]byte(`{"status":"AVAILABLE"}`), r.IntN(40)),
	}
	o.Name = "N" + o.ID
	if r.IntN(2) == 0 {
		o.Hash, o.Step = []byte(o.Name), bytes.Repeat([]byte("step"), 1+r.IntN(60))
	}
	return o
}

func randomQuery(r *rand.Rand, m *model) store.ListQuery {
	q := store.ListQuery{Kind: pick(r, modelKinds)}
	if r.IntN(2) == 0 {
		for range 1 + r.IntN(2) {
			q.Owners = append(q.Owners, pick(r, modelParties))
		}
	}
	if r.IntN(3) == 0 {
		q.Audience = pick(r, append(modelAudiences, "DE-EM3"))
	}
	if r.IntN(3) == 0 {
		q.From = r.Int64N(50)
	}
	if r.IntN(3) == 0 {
		q.To = r.Int64N(50)
	}
	if r.IntN(2) == 0 {
		q.AfterBorn = r.Int64N(m.seq + 2)
	}
	if r.IntN(2) == 0 {
		q.Offset = r.IntN(40)
	}
	if r.IntN(2) == 0 {
		q.Limit = 1 + r.IntN(30)
	}
	return q
}

// Random writes, some of which fail alone or after having changed something;
// after each, what every way of reading returns is what the model says. On a
// shared database two stores take turns. Now and then they are opened again.
func testModel(t *testing.T, fresh func(testing.TB) store.Options) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed-", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 4711))
			o := fresh(t)
			m := &model{objects: map[store.ObjectKey]store.Object{}}
			stores := []*store.Store{Open(t, o)}
			if stores[0].Shared() {
				stores = append(stores, Open(t, o))
			}
			for round := range 45 {
				for range r.IntN(4) {
					randomWrite(t, r, pick(r, stores), m)
				}
				if round%15 == 14 {
					for i, s := range stores {
						if err := s.Close(); err != nil {
							t.Fatal(err)
						}
						stores[i] = Open(t, o)
					}
				}
				compare(t, r, pick(r, stores), m)
				if t.Failed() {
					t.Fatalf("in round %d", round)
				}
			}
		})
	}
}

// randomWrite puts a few objects, in writes that share a commit.
func randomWrite(t *testing.T, r *rand.Rand, s *store.Store, m *model) {
	t.Helper()
	release := hold(t, s)
	var results []<-chan error
	var fail []bool
	for range 1 + r.IntN(3) {
		n, refused := 1+r.IntN(4), r.IntN(6) == 0
		var objects []store.Object
		var loud []bool
		for range n {
			objects, loud = append(objects, randomObject(r)), append(loud, r.IntN(3) > 0)
		}
		var want []store.Object
		for i := range objects {
			if !refused {
				want = append(want, m.put(objects[i], loud[i]))
			}
		}
		fail = append(fail, refused)
		results = append(results, queue(context.Background(), t, s, func(tx *store.Tx) error {
			for i, o := range objects {
				put := tx.PutObject
				if !loud[i] {
					put = tx.PutQuiet
				}
				if err := put(&o); err != nil {
					return err
				}
				if got, found, err := tx.Object(o.ObjectKey); err != nil || !found || got.Seq != o.Seq {
					return fmt.Errorf("in its transaction: found %v, seq %d; want %d: %w", found, got.Seq, o.Seq, err)
				}
				if !refused && (o.Seq != want[i].Seq || o.Born != want[i].Born || o.Loud != want[i].Loud || o.Prev != want[i].Prev) {
					return fmt.Errorf("put as %d %d %d %d; want %d %d %d %d", o.Seq, o.Born, o.Loud, o.Prev,
						want[i].Seq, want[i].Born, want[i].Loud, want[i].Prev)
				}
			}
			if refused {
				return errRefused
			}
			return nil
		}))
	}
	release()
	for i, result := range results {
		if err := <-result; (err != nil) != fail[i] {
			t.Fatalf("writing: %v", err)
		}
	}
}

func compare(t *testing.T, r *rand.Rand, s *store.Store, m *model) {
	t.Helper()
	ctx := context.Background()
	for range 5 {
		q := randomQuery(r, m)
		want, total := m.list(q)
		got, n, err := s.List(ctx, q)
		if err != nil || n != total {
			t.Errorf("%+v: total %d, error %v; want %d", q, n, err, total)
		}
		same(t, got, append([]store.Object{}, want...))
		samePage(t, r, s, q, want, total)
	}
	after, limit := r.Int64N(m.seq+2), 1+r.IntN(50)
	same(t, feed(t, s, after, limit), m.feed(after, limit))
	o := randomObject(r)
	want, there := m.objects[o.ObjectKey]
	got, found := object(t, s, o.ObjectKey)
	same(t, found, there)
	same(t, got, want)
	same(t, seq(t, s), m.seq)
}
