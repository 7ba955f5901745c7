package conform

import (
	"net/http"
	"slices"

	"github.com/eroam/eroam/ocpi"
)

// f17 distinguishes three ways: nothing is sent when the receiver is back (what
// OCPI wants), the present state is sent once (a divergence), old messages are
// replayed (a failure in any case).
func f17(t *T) {
	back := t.backWithin()
	cpo, receivers := t.circle()
	e, other := receivers[0], receivers[1]
	before, _, r := t.pushLocation(cpo, t.Hub)
	t.ok(r)
	t.receives(e, About(before))

	e.Platform.Stop()
	t.eventually(back, e.String()+" is OFFLINE", func() bool { return t.statusOf(cpo.Platform, e) == "OFFLINE" })
	id := t.id()
	for i, name := range []string{`"one"`, `"two"`, `"three"`} {
		body := with(location(cpo, id), "name", name, "last_updated", quote(newMinute(i)))
		t.ok(t.send(cpo, put(ocpi.Locations, cpo, id, body, t.Hub)))
	}
	t.receives(other, About(id), func(r *Request) bool { return jsonField(r, "name") == "three" })
	if err := e.Platform.Start(); err != nil {
		t.failf("%v", err)
	}
	t.notef("%s is back", e)
	_, err := e.Platform.Wait(t.ctx, 1, back, About(id))
	after, _, r := t.pushLocation(cpo, t.Hub)
	t.ok(r)
	t.receives(e, About(after))
	if err != nil {
		t.notef("nothing of what happened meanwhile came within %s", back)
		return
	}
	t.pause(quiet)
	got := e.Platform.Seen(About(id))
	for _, r := range got {
		t.notef("  hub → %s, name %s, at %s: %s", e, jsonField(r, "name"), r.At.Format("05.000"), r)
	}
	t.require(len(got) == 1, "%d messages about one object after the receiver was back", len(got))
	t.equal("method", got[0].Method, http.MethodPut)
	t.equal("name of the object that was sent", jsonField(got[0], "name"), "three")
	t.diverges("one PUT with the present state after the receiver was back")
}

// newMinute is a last_updated that grows with n.
func newMinute(n int) string {
	return "2024-03-01T10:0" + string(rune('0'+n)) + ":00Z"
}

func f18(t *T) {
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	t.receives(t.EMSP1, About(id))
	t.status(t.send(t.CPO1, Call{
		Method: http.MethodPatch, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: t.CPO1.Path(id), Body: `{"name":"new"}`, To: t.Hub,
	}), ocpi.StatusInvalidParameters)
	t.nothing(All(About(id), With(http.MethodPatch)))
}

func f19(t *T) {
	id := t.id()
	t.refused(t.send(t.CPO1, Call{
		Method: http.MethodPatch, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: t.CPO1.Path(id),
		Body: `{"name":"new","last_updated":"` + lastUpdated + `"}`, To: t.Hub,
	}))
	t.nothing(About(id))
}

func f20(t *T) {
	w, id := newWindow(), t.id()
	body := with(tariff(t.CPO1, id), "last_updated", quote(w.at(1)))
	t.ok(t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, id, body, t.Hub)))
	t.receives(t.EMSP1, About(id))
	r := t.ok(t.send(t.EMSP2, list(ocpi.Tariffs, w.query(), t.Hub)))
	t.require(slices.Contains(idsOf(r), id), "%s is not in GET all: %s", id, r)

	t.ok(t.send(t.CPO1, Call{Method: http.MethodDelete, Module: ocpi.Tariffs, Interface: ocpi.Receiver, Path: t.CPO1.Path(id), To: t.Hub}))
	for _, e := range []*Party{t.EMSP1, t.EMSP2, t.NSP1} {
		t.receives(e, About(id), With(http.MethodDelete))
	}
	r = t.ok(t.send(t.EMSP2, list(ocpi.Tariffs, w.query(), t.Hub)))
	t.require(!slices.Contains(idsOf(r), id), "%s is still in GET all", id)
}
