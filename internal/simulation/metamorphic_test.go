package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

// TestMetamorphic pushes at random and compares, after each step, what the model
// says, what the owner and a viewer get from the hub, and what receivers of both
// OCPI versions have been sent. Besides:
//   - a push that is made twice does what it does once;
//   - pushes in small steps leave the same as one PUT of the outcome;
//   - a restart of the hub in between changes nothing;
//   - the order of pushes for different objects makes no difference;
//   - a receiver that comes last holds what one holds that was there all the time.
func TestMetamorphic(t *testing.T) {
	storetest.Engines(t, func(t *testing.T, fresh func(testing.TB) store.Options) {
		o := fresh(t)
		synctest.Test(t, func(t *testing.T) {
			l := newLab(t, o)
			rapid.Check(plain{t}, l.check)
			l.late()
		})
	})
}

// plain hides that a test is a *testing.T, whose Deadline cannot be asked for in
// a bubble.
type plain struct{ testing.TB }

// lab is a world with one owner of each kind and two receivers.
type lab struct {
	*world
	cpo, emsp, modern *receiver
	runs              int
}

func newLab(t *testing.T, o store.Options) *lab {
	w := newWorld(t, 1, o)
	l := &lab{
		world: w, cpo: w.join("NL-C00", ocpi.RoleCPO, ocpi.V221),
		emsp: w.join("DE-E00", ocpi.RoleEMSP, ocpi.V221), modern: w.join("DE-E01", ocpi.RoleEMSP, ocpi.V230),
	}
	for _, r := range w.receivers {
		r.unordered = true
		if r != l.cpo {
			w.agree(&deal{cpo: l.cpo.id, emsp: r.id})
		}
	}
	l.settle()
	return l
}

// settle gives everything the time to arrive.
func (l *lab) settle() {
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

// check is one case: a random sequence of pushes for objects of its own.
func (l *lab) check(t *rapid.T) {
	l.runs++
	run := fmt.Sprint(l.runs)
	base := time.Now()
	var made []push
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		if rapid.IntRange(0, 19).Draw(t, "restart") == 0 {
			l.restart(rapid.Bool().Draw(t, "kill"))
		}
		p := l.draw(t, run, base)
		made = append(made, p)
		l.step(t, p)
		if rapid.IntRange(0, 3).Draw(t, "twice") == 0 {
			before := encodeEntry(l.model[p.object])
			if v := l.step(t, p); v > quiet || before != encodeEntry(l.model[p.object]) {
				t.Fatalf("%s: a second time it is %d", p, v)
			}
		}
	}
	l.shuffled(t, run, made, rapid.Uint64().Draw(t, "order"))
	l.merged(t, run)
	l.list(t)
}

// shuffled makes the same pushes for other objects, in another order of the
// objects.
func (l *lab) shuffled(t *rapid.T, run string, made []push, seed uint64) {
	byObject := make(map[objectID][]push)
	var order []objectID
	for _, p := range made {
		byObject[p.object] = append(byObject[p.object], p)
		order = append(order, p.object)
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, o := range order {
		p := byObject[o][0]
		byObject[o] = byObject[o][1:]
		l.publish(renamed(p, "s"), l.marker())
	}
	l.settle()
	for o := range byObject {
		l.equal(t, o, renamed(push{object: o}, "s").object)
	}
}

// merged puts what has come of each object under another name.
func (l *lab) merged(t *rapid.T, run string) {
	for o, e := range maps.Clone(l.model) {
		if e.deleted || !strings.HasPrefix(o.id, "R"+run+"-") || strings.HasSuffix(o.id, "s") {
			continue
		}
		p := renamed(push{o, http.MethodPut, nil, clone(e.doc)}, "m")
		l.publish(p, l.marker())
		l.settle()
		l.equal(t, o, p.object)
	}
}

// equal compares two objects that should differ in their ids only: in the hub
// and at all receivers.
func (l *lab) equal(t *rapid.T, a, b objectID) {
	l.compareAll(t, a)
	l.compareAll(t, b)
	x, y := l.model[a], l.model[b]
	if (x == nil || x.deleted) != (y == nil || y.deleted) {
		t.Fatalf("%s and %s: only one is there", a, b)
	}
	if x == nil || x.deleted {
		return
	}
	if d := differences("", anonymous(x.doc), anonymous(y.doc)); len(d) > 0 {
		t.Fatalf("%s and %s differ: %s", a, b, strings.Join(d, "; "))
	}
	for _, r := range l.receivers {
		if d := differences("", seen(anonymous(r.holds[a])), seen(anonymous(r.holds[b]))); len(d) > 0 {
			t.Fatalf("%s: %s and %s differ: %s", r.id, a, b, strings.Join(d, "; "))
		}
	}
}

func anonymous(d doc) doc {
	out := maps.Clone(d)
	delete(out, "id")
	if out["type"] == "RFID" {
		delete(out, "uid")
	}
	return out
}

// renamed is p for another object of the same owner.
func renamed(p push, suffix string) push {
	p.object.id += suffix
	if p.body != nil && len(p.parts) == 0 {
		p.body = clone(p.body)
		for _, name := range [...]string{"id", "uid"} {
			if _, ok := p.body[name]; ok {
				p.body[name] = p.object.id
			}
		}
	}
	return p
}

// step makes a push and compares everything with the model.
func (l *lab) step(t *rapid.T, p push) verdict {
	before := make(map[*receiver]int)
	for _, r := range l.receivers {
		before[r] = r.requests
	}
	v := l.publish(p, l.marker())
	l.settle()
	if len(l.failures) > 0 {
		f := strings.Join(l.failures, "\n")
		l.failures = nil
		clear(l.violations)
		t.Fatalf("%s", f)
	}
	for _, r := range l.receivers {
		if v <= quiet && r.requests != before[r] {
			t.Fatalf("%s: %s was sent something, verdict %d", p, r.id, v)
		}
	}
	l.compareAll(t, p.object)
	return v
}

// compareAll compares an object in the hub and at all receivers with the model.
func (l *lab) compareAll(t *rapid.T, o objectID) {
	e := l.model[o]
	there := e != nil && !e.deleted
	owner := l.byID[o.owner]
	country, name := party(o.owner)
	b, _, err := l.hub.catalog.Get(context.Background(), l.find(owner), owner.version, o.module, ocpi.Receiver, []string{country, name, o.id}, nil)
	if there != (err == nil) {
		t.Fatalf("%s: it is there: %v; the hub says %v", o, there, err)
	}
	if there {
		if d := differences("", any(decode(b)), any(e.doc)); len(d) > 0 {
			t.Fatalf("%s in the hub: %s", o, strings.Join(d, "; "))
		}
	}
	for _, r := range l.receivers {
		if !l.entitled(o.module, o.owner, r.id) {
			continue
		}
		held := r.holds[o]
		switch {
		case there != (held != nil):
			t.Fatalf("%s: it is there: %v; %s has %v", o, there, r.id, held)
		case there:
			if d := l.compare(r, o, held, e.doc); len(d) > 0 {
				t.Fatalf("%s at %s: %s", o, r.id, strings.Join(d, "; "))
			}
		}
	}
}

// list compares all that a viewer can page through with the model.
func (l *lab) list(t *rapid.T) {
	for _, m := range [...]ocpi.Module{ocpi.Locations, ocpi.Tariffs} {
		got := make(map[string]doc)
		query, total := url.Values{"limit": {"7"}}, 0
		for pages := 0; ; pages++ {
			res, err := l.hub.catalog.List(context.Background(), catalog.ListRequest{
				Viewer: l.find(l.emsp), Version: ocpi.V221, Module: m, Query: query, SelfURL: "http://hub.example/list",
			})
			var page []doc
			if err == nil {
				err = json.Unmarshal(res.Data(), &page)
			}
			if err != nil || pages > 1000 {
				t.Fatalf("page %d of the list of %s: %v", pages, m, err)
			}
			for _, d := range page {
				got[d["id"].(string)] = d
			}
			total = res.Total
			if res.Next == "" {
				break
			}
			next, _ := url.Parse(res.Next)
			query = next.Query()
		}
		want := make(map[string]doc)
		for o, e := range l.model {
			if o.module == m && !e.deleted {
				want[o.id] = e.doc
			}
		}
		if total != len(want) {
			t.Fatalf("the list of %s has %d in all, want %d", m, total, len(want))
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("the list of %s: %s", m, strings.Join(differences("", any(asDoc(got)), any(asDoc(want))), "; "))
		}
	}
}

func asDoc(m map[string]doc) doc {
	out := make(doc, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}

// late has a receiver join in the end.
func (l *lab) late() {
	r := l.join("DE-E02", ocpi.RoleEMSP, ocpi.V221)
	r.unordered = true
	l.agree(&deal{cpo: l.cpo.id, emsp: r.id})
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	if len(r.holds) != len(l.emsp.holds) {
		l.t.Errorf("one that came late has %d objects, one that was there %d", len(r.holds), len(l.emsp.holds))
	}
	for o, d := range l.emsp.holds {
		if x := differences("", seen(r.holds[o]), seen(d)); len(x) > 0 {
			l.t.Errorf("one that came late has another %s: %s", o, strings.Join(x, "; "))
		}
	}
	l.report()
	l.t.Logf("%d runs, %d pushes, %d objects", l.runs, l.markers, len(l.model))
}

func encodeEntry(e *entry) string {
	if e == nil {
		return ""
	}
	return fmt.Sprint(e.deleted, string(encode(e.doc)))
}
