package simulation

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	partner "github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

// corpus are seeds that once found something, or that go where others do not.
var corpus = []uint64{1}

// seeds returns the seeds to run: EROAM_SIM_SEED alone, or EROAM_SIM_SEEDS new
// ones after the corpus.
func seeds(t *testing.T) []uint64 {
	if s := os.Getenv("EROAM_SIM_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{n}
	}
	out := slices.Clone(corpus)
	if s := os.Getenv("EROAM_SIM_SEEDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		first := uint64(time.Now().Unix())
		for i := range n {
			out = append(out, first+uint64(i))
		}
	}
	return out
}

// TestSimulation runs 50 receivers for hours, 14 of them with faults, on both
// engines.
func TestSimulation(t *testing.T) {
	all := seeds(t)
	storetest.Engines(t, func(t *testing.T, fresh func(testing.TB) store.Options) {
		for _, seed := range all {
			t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
				o := fresh(t)
				start := time.Now()
				synctest.Test(t, func(t *testing.T) { simulate(t, seed, o) })
				t.Logf("took %s", time.Since(start).Round(time.Millisecond))
				if t.Failed() {
					t.Logf("again: EROAM_SIM_SEED=%d go test -count=5 -run 'TestSimulation/%s' ./internal/simulation", seed, engine(o))
				}
			})
		}
	})
}

const settling = time.Hour

// hours is how long a run is in simulated time: more than a day on SQLite, some
// hours on PostgreSQL, each of which takes six times as long as one on SQLite.
func hours(t *testing.T, o store.Options) time.Duration {
	if s := os.Getenv("EROAM_SIM_HOURS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 2 {
			t.Fatalf("EROAM_SIM_HOURS is %q: want a number of hours, 2 or more", s)
		}
		return time.Duration(n) * time.Hour
	}
	if o.Database != "" {
		return 3 * time.Hour
	}
	return 26 * time.Hour
}

// event is something that happens at a time after the beginning.
type event struct {
	at time.Duration
	do func()
}

func simulate(t *testing.T, seed uint64, o store.Options) {
	w := newWorld(t, seed, o)
	length := hours(t, o)
	w.people()
	events := w.plan(length)
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	for _, e := range events {
		time.Sleep(time.Until(w.begin.Add(e.at)))
		e.do()
	}
	time.Sleep(time.Until(w.begin.Add(length + settling)))
	synctest.Wait()
	w.checkEnd()
	w.report()
	w.summarise()
}

// people has 10 CPOs and 40 providers join, and gives each provider agreements
// with some of the CPOs.
func (w *world) people() {
	for i := range 10 {
		country := "NL"
		if i%2 == 1 {
			country = "BE"
		}
		w.join(fmt.Sprintf("%s-C%02d", country, i), ocpi.RoleCPO, ocpi.V221)
	}
	w.pushes(60) // the others find something when they come
	for i := range 40 {
		w.join(fmt.Sprintf("DE-E%02d", i), ocpi.RoleEMSP, ocpi.V221)
	}
	for i, r := range w.receivers[10:] {
		for _, k := range w.rng.Perm(10)[:2+w.rng.IntN(5)] {
			w.agree(&deal{cpo: w.receivers[k].id, emsp: r.id})
		}
		r.picky = i%7 == 3
	}
}

// plan makes up what happens.
func (w *world) plan(length time.Duration) []event {
	var out []event
	add := func(at time.Duration, do func()) { out = append(out, event{at, do}) }
	between := func() time.Duration { return time.Minute + upTo(w.rng, length-time.Minute) }
	times := func(perHour float64) int { return int(perHour * length.Hours()) }
	for range times(9) {
		add(between(), func() { w.pushes(1) })
	}
	for range times(1) {
		at := between()
		for range 1 + w.rng.IntN(4) {
			add(at, func() { w.pushes(12) })
			at += upTo(w.rng, 10*time.Second)
		}
	}
	for range times(3) { // one location changes faster than it can be sent
		at, owner, number := between(), w.receivers[w.rng.IntN(10)], w.rng.IntN(sitesPerOwner)
		for range 2 + w.rng.IntN(15) {
			add(at, func() { w.change(owner, number) })
			at += upTo(w.rng, [...]time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 3 * time.Second}[w.rng.IntN(3)])
		}
	}
	for range times(6) {
		add(between(), w.changeDeal)
	}
	for range 4 {
		kill := w.rng.IntN(2) == 0
		add(between(), func() { w.restart(kill) })
	}
	for i, r := range w.receivers {
		if r.picky {
			for range 4 {
				add(between(), func() { w.set(r, w.inventSettings()) })
			}
		}
		if i%7 == 1 || i%7 == 5 {
			r.illness = illnesses(w.rng, length, i%14 == 1 && length > 25*time.Hour)
		}
		for _, ill := range r.illness {
			add(ill.from, func() { w.fallIll(r, ill) })
			add(ill.to, func() { w.getWell(r) })
			if ill.fault == away || ill.fault == silent || ill.fault == hangs && !ill.versions {
				out = append(out, w.watch(r, ill)...)
			}
		}
	}
	return out
}

// changeDeal ends an agreement or makes one: for everything or one module, from
// now on or later, for ever or some time.
func (w *world) changeDeal() {
	if w.rng.IntN(2) == 0 {
		d := w.deals[w.rng.IntN(len(w.deals))]
		for range 50 { // rather of one for whom something waits
			if r := w.byID[d.emsp]; d.ended.IsZero() && r.now.fault.total() {
				break
			}
			d = w.deals[w.rng.IntN(len(w.deals))]
		}
		if d.ended.IsZero() {
			w.end(d)
		}
		return
	}
	d := &deal{cpo: w.receivers[w.rng.IntN(10)].id, emsp: w.receivers[10+w.rng.IntN(40)].id}
	if w.rng.IntN(3) == 0 {
		d.scope = []ocpi.Module{[]ocpi.Module{ocpi.Locations, ocpi.Tariffs, ocpi.Tokens}[w.rng.IntN(3)]}
	}
	if w.rng.IntN(3) == 0 {
		d.from = time.Now().Add(upTo(w.rng, time.Hour))
	}
	if w.rng.IntN(3) == 0 {
		d.to = time.Now().Add(time.Hour + upTo(w.rng, 5*time.Hour))
	}
	w.agree(d)
}

func (w *world) inventSettings() partner.DeliverySettings {
	var s partner.DeliverySettings
	off := false
	switch w.rng.IntN(8) {
	case 0:
		s.Push = &off
	case 1:
		s.Countries = []string{"NL"}
	case 2:
		s.Parties = []string{w.receivers[w.rng.IntN(10)].id, w.receivers[w.rng.IntN(10)].id}
	case 3:
		s.BBox = &[4]float64{3, 50, 4.25, 51.25}
	case 4:
		s.PublishOnly = true
	case 5:
		s.Rate = 0.2 + w.rng.Float64()
	case 6:
		s.InFlight = 1
	}
	return s
}

func engine(o store.Options) string {
	if o.Database == "" {
		return "sqlite"
	}
	return "postgres"
}
