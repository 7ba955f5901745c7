package simulation

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// How many objects an owner has at most.
const (
	sitesPerOwner   = 6
	tariffsPerOwner = 3
	tokensPerOwner  = 5
)

// intent is a push that is about to be made.
type intent struct {
	push
	n int
}

// invent makes up the next push of an owner, from what it has published.
func (w *world) invent(r *receiver) intent {
	n := w.marker()
	in := intent{n: n}
	switch {
	case r.role != ocpi.RoleCPO:
		in.push = w.inventToken(r.id, n)
	case w.rng.IntN(6) == 0:
		in.push = w.inventTariff(r.id, n)
	default:
		in.push = w.inventLocation(r.id, w.rng.IntN(sitesPerOwner), n)
	}
	if in.body == nil || w.rng.IntN(12) > 0 {
		return in
	}
	// What is too old, what says nothing new, and what comes from the future.
	e := w.model[in.object]
	switch {
	case w.rng.IntN(3) == 0:
		in.body["last_updated"] = format(time.Now().Add(6 * time.Minute))
	case e == nil || e.deleted || in.method != http.MethodPut || len(in.parts) > 0:
	case w.rng.IntN(2) == 0:
		in.body["last_updated"] = format(stamp(e.doc).Add(-time.Second))
	default:
		in.body = clone(e.doc)
		in.body["last_updated"] = format(time.Now())
	}
	return in
}

func (w *world) inventToken(owner string, n int) push {
	o := objectID{ocpi.Tokens, owner, fmt.Sprintf("U%d", w.rng.IntN(tokensPerOwner))}
	now := time.Now()
	if e := w.model[o]; e == nil || w.rng.IntN(2) == 0 {
		return push{o, http.MethodPut, nil, newToken(o, w.rng.IntN(3) > 0, n, now)}
	}
	return push{o, http.MethodPatch, nil, doc{"valid": w.rng.IntN(3) == 0, "visual_number": mark(n), "last_updated": format(now)}}
}

func (w *world) inventTariff(owner string, n int) push {
	o := objectID{ocpi.Tariffs, owner, fmt.Sprintf("T%d", w.rng.IntN(tariffsPerOwner))}
	if e := w.model[o]; e != nil && !e.deleted && w.rng.IntN(3) == 0 {
		return push{o, http.MethodDelete, nil, nil}
	}
	return push{o, http.MethodPut, nil, newTariff(o, n, time.Now())}
}

func (w *world) inventLocation(owner string, number, n int) push {
	o := objectID{ocpi.Locations, owner, fmt.Sprintf("L%d", number)}
	now := time.Now()
	at := format(now)
	e := w.model[o]
	if e == nil {
		var evses []doc
		for i := range 1 + w.rng.IntN(3) {
			evses = append(evses, newEVSE(fmt.Sprintf("E%d", i), "AVAILABLE", n, now))
		}
		return push{o, http.MethodPut, nil, newLocation(o, n, number, published(number), now, evses...)}
	}
	var live []doc
	for _, d := range list(e.doc, "evses") {
		if d["status"] != "REMOVED" {
			live = append(live, d)
		}
	}
	if len(live) == 0 {
		uid := fmt.Sprintf("E%d", w.rng.IntN(4))
		return push{o, http.MethodPut, []string{uid}, newEVSE(uid, "AVAILABLE", n, now)}
	}
	evse := live[w.rng.IntN(len(live))]
	uid, _ := evse["uid"].(string)
	switch k := w.rng.IntN(20); {
	case k < 9:
		status := []string{"AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER"}[w.rng.IntN(4)]
		return push{o, http.MethodPatch, []string{uid}, doc{"status": status, "physical_reference": mark(n), "last_updated": at}}
	case k < 11:
		return push{o, http.MethodPatch, nil, doc{"name": mark(n), "city": fmt.Sprint("Gent ", n), "last_updated": at}}
	case k < 13:
		uid = fmt.Sprintf("E%d", w.rng.IntN(4))
		return push{o, http.MethodPut, []string{uid}, newEVSE(uid, "AVAILABLE", n, now)}
	case k < 15:
		return push{o, http.MethodPatch, []string{uid, "1"}, doc{"max_amperage": 16.0 + float64(n%16), "terms_and_conditions": "https://terms.example/" + mark(n), "last_updated": at}}
	case k < 16:
		return push{o, http.MethodPut, []string{uid, "2"}, newConnector("2", 63, n, now)}
	case k < 17:
		live = slices.DeleteFunc(live, func(d doc) bool { return d["uid"] == uid })
	}
	next := clone(e.doc)
	delete(next, "evses")
	for _, d := range live {
		next["evses"] = append(elements(next, "evses"), clone(d))
	}
	next["name"], next["last_updated"] = mark(n), at
	return push{o, http.MethodPut, nil, next}
}

// pushes has owners push at this instant, each object once, side by side.
func (w *world) pushes(count int) {
	var owners []*receiver
	for _, r := range w.receivers {
		if r.role == ocpi.RoleCPO || strings.HasSuffix(r.id, "1") {
			owners = append(owners, r)
		}
	}
	taken := make(map[objectID]bool)
	var side sync.WaitGroup
	for range count {
		in := w.invent(owners[w.rng.IntN(len(owners))])
		if taken[in.object] {
			continue
		}
		taken[in.object] = true
		defer side.Wait() // the model is read until all are made up
		defer side.Go(func() { w.publish(in.push, in.n) })
	}
}

// change has an owner change one of its locations.
func (w *world) change(r *receiver, number int) {
	n := w.marker()
	w.publish(w.inventLocation(r.id, number, n), n)
}
