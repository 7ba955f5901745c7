package simulation

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	partner "github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/simulation/virtualnet"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

const (
	// I4: how long a change may take to a receiver that is well. It is what the
	// biggest burst takes through a lane of 8 requests at a time to the slowest
	// of them, with or without others that are ill.
	maxLag = time.Second
	// I6: requests that a receiver may get in an hour in which it fails all.
	maxFailing = 60
	// I7: when a receiver that fails has to be OFFLINE, and CONNECTED once it is
	// back. Five minutes, or a pause of the lane, and what noticing takes.
	offlineAfter = 7 * time.Minute
	backAfter    = recovery
)

func (w *world) fallIll(r *receiver, ill illness) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.since, r.came, r.back = ill, time.Now(), nil, 0
	switch ill.fault {
	case away:
		r.host.Set(virtualnet.Refuses)
	case silent:
		r.host.Set(virtualnet.Silent)
	case refuses:
		for o := range w.model {
			if w.rng.IntN(3) == 0 {
				r.refuses[o] = true
			}
		}
	}
}

func (w *world) getWell(r *receiver) {
	w.mu.Lock()
	markers := w.markers
	w.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	ill := r.now
	r.now = illness{}
	r.host.Set(virtualnet.Up)
	clear(r.refuses)
	if ill.empty {
		clear(r.holds)
		r.lost = markers
	}
	if ill.fault == away || ill.fault == silent {
		r.back, r.backAt, r.caught = markers, time.Now(), make(map[objectID]int)
	}
	if !ill.fault.total() {
		return
	}
	// I6, in windows that begin with a request.
	for i, from := range r.came {
		n := 0
		for _, at := range r.came[i:] {
			if at.Sub(from) < time.Hour {
				n++
			}
		}
		if n > maxFailing {
			w.violation("I6: %s (%s) got %d requests in an hour", r.id, ill.fault, n)
			break
		}
	}
}

// watch makes the checks of I7 for an illness in which nothing is answered.
func (w *world) watch(r *receiver, ill illness) []event {
	check := func(after time.Duration, from time.Duration, want partner.Status) event {
		return event{from + after, func() {
			if w.upSince.Add(after).After(time.Now()) {
				return // the hub was started in between
			}
			if got := w.find(r).Status; got != want {
				w.violation("I7: %s is %s, not %s, %s after (%s)", r.id, got, want, after, ill.fault)
			}
		}}
	}
	out := []event{check(backAfter, ill.to, partner.Connected)}
	if ill.to-ill.from > offlineAfter {
		out = append(out, check(offlineAfter, ill.from, partner.Offline))
	}
	return out
}

// checkEnd looks at what everybody has in the end.
func (w *world) checkEnd() {
	for _, r := range w.receivers {
		w.checkReceiver(r)
	}
	w.replayed = w.replay()
	for _, r := range w.receivers {
		if n := len(w.letters(r)); n > 0 && r.settings[len(r.settings)-1].Pushes() {
			w.violation("I1: %d dead letters of %s are left", n, r.id)
		}
		w.checkReceiver(r)
		if r.lag > maxLag {
			w.violation("I4: a change took %s to %s", r.lag, r.id)
		}
		if got := w.find(r).Status; got != partner.Connected {
			w.violation("I7: %s is %s in the end", r.id, got)
		}
	}
	w.checkOwners()
}

// checkReceiver is I1 and I2: r has the newest state of everything that it is to
// have.
func (w *world) checkReceiver(r *receiver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	letters := w.letters(r)
	w.checkLetters(r, letters)
	missing := 0
	for o, e := range w.model {
		last := r.settings[len(r.settings)-1]
		if o.owner == r.id || !w.entitled(o.module, o.owner, r.id) || !last.admits(o) {
			continue
		}
		n := newest(o, e.doc)
		held := r.holds[o]
		switch {
		case e.deleted && held == nil,
			held == nil && r.lost >= n,
			!e.deleted && held != nil && len(w.compare(r, o, held, e.doc)) == 0:
			continue
		case r.answer[o].refused && r.answer[o].n >= n && letters[o]:
			continue
		}
		if missing++; missing > 3 {
			continue
		}
		switch {
		case e.deleted:
			w.violation("I1: %s still has %s, which was deleted", r.id, o)
		case held == nil:
			w.violation("I1: %s lacks %s of n%d", r.id, o, n)
		default:
			w.violation("I2: %s has %s of n%d, not n%d: %s", r.id, o, newest(o, held), n,
				strings.Join(w.compare(r, o, held, e.doc), "; "))
		}
	}
	if missing > 3 {
		w.violation("I1: … and %d more of %s", missing-3, r.id)
	}
	if missing > 0 {
		for _, l := range w.hub.delivery.Lanes() {
			if l.Platform == r.platform {
				w.violation("… its lane: %+v; illnesses %+v", l, r.illness)
			}
		}
	}
}

// compare says in what held, at r, differs from d in the owner's version.
func (w *world) compare(r *receiver, o objectID, held, d doc) []string {
	if owner := w.byID[o.owner]; owner.version != r.version {
		country, name := party(o.owner)
		b, _, err := convert.Body(convert.Message{
			Module: o.module, Interface: ocpi.Receiver, Method: http.MethodPut, Path: []string{country, name, o.id},
		}, owner.version, r.version, encode(d))
		if err != nil {
			return []string{err.Error()}
		}
		d = decode(b)
	}
	return differences("", seen(held), seen(d))
}

// checkOwners compares what the hub gives to owners with what they published.
func (w *world) checkOwners() {
	for o, e := range w.model {
		owner := w.byID[o.owner]
		country, name := party(o.owner)
		b, _, err := w.hub.catalog.Get(context.Background(), w.find(owner), owner.version, o.module, ocpi.Receiver,
			[]string{country, name, o.id}, map[string][]string{"type": {"RFID"}})
		switch {
		case e.deleted && err == nil:
			w.violation("I1: the hub still has %s, which was deleted", o)
		case e.deleted:
		case err != nil:
			w.violation("I1: the hub has lost %s: %v", o, err)
		default:
			if d := differences("", any(decode(b)), any(e.doc)); len(d) > 0 {
				w.violation("I1: the hub has %s with %s", o, strings.Join(d, "; "))
			}
		}
	}
}

// summarise says how much happened.
func (w *world) summarise() {
	requests, lag, held := 0, time.Duration(0), 0
	faults := make(map[fault]int)
	for _, r := range w.receivers {
		requests += r.requests
		held += len(r.holds)
		lag = max(lag, r.lag)
		for _, i := range r.illness {
			faults[i.fault]++
		}
	}
	states := make(map[string]int)
	for _, l := range w.hub.delivery.Lanes() {
		states[l.State]++
		if l.State != delivery.LaneIdle {
			w.t.Logf("lane %+v", l)
		}
	}
	w.t.Logf("%d markers, %d accepted, %d objects, %d agreements; %d requests, %d held; %d dead letters; lag of the healthy %s; illnesses %s; lanes %v",
		w.markers, len(w.committed), len(w.model), len(w.deals), requests, held, w.replayed, lag, counts(faults), states)
}

func counts(m map[fault]int) string {
	var out []string
	for f := range maps.Keys(m) {
		out = append(out, fmt.Sprintf("%s %d", f, m[f]))
	}
	return strings.Join(out, ", ")
}
