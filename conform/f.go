package conform

import (
	"net/http"
	"slices"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// checksF: broadcast pushes. F17 to F20 are in f_state.go.
func checksF() []Check {
	return []Check{
		must("F01", "4.1.8.3", "CPO1 PUT location TO=hub → 1000, the answer has TO=CPO1", f01),
		must("F02", "4.1.8.3", "… EMSP1, EMSP2 and EMSP3 each get PUT with FROM=hub and TO=their own id", f02),
		must("F03", "4.1.8.3", "… the path they get is still /NL/CP1/…", f03),
		must("F04", "4.1.8.3", "… NSP1 and OTHER1 receive it", f04),
		must("F05", "4.1.8.3", "… CPO2 and CPO1 do not", f05),
		must("F06", "4.1.8.3", "EMSP1 PUT token TO=hub → CPO1 and CPO2 get it, no EMSP and no NSP", f06),
		must("F07", "4.1.8.3", "OTHER1 push TO=hub → CPOs only", f07),
		must("F08", "4.1.8.3", "a party without the module → is not called", f08),
		must("F09", "5", "one receiver fails (401, 500, timeout) → the sender still gets 1000, the others are served", f09),
		should("F10", "4.1.8.3", "one receiver is very slow → the sender is answered in less than 2 s", f10),
		must("F11", "4.1.8.3", "GET TO=hub on a RECEIVER interface → never sent to all", f11),
		must("F12", "4.1.8.3", "PATCH EVSE status TO=hub → all receivers get the same PATCH", f12),
		must("F13", "4.1.8.3", "session PUT or CDR POST TO=hub → nobody but the party of its cdr_token sees it", f13),
		must("F14", "13", "command TO=hub → one CPO at most, or an error", f14),
		must("F15", "4.1.8.6", "P3 hosts EMSP1 and EMSP3 → P3 gets one request per party", f15),
		must("F16", "4.1.8.5", "F01, then GET all by EMSP2 → the object is there", f16),
		must("F17", "15.1", "the receiver is OFFLINE → skipped, not replayed later", f17),
		should("F18", "8.2", "PATCH TO=hub without last_updated → 2001, not sent on", f18),
		should("F19", "4.1.4.3", "PATCH TO=hub for an object that the hub never got → not 1000", f19),
		should("F20", "11", "DELETE tariff TO=hub → sent to all, and gone from GET all", f20),
	}
}

func f01(t *T) {
	_, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	t.equal("TO of the answer", r.To(), t.CPO1.String())
	t.require(r.From() == "" || r.From() == t.Hub.String(), "FROM of the answer is %s", r.From())
}

func f02(t *T) {
	id, body, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	for _, e := range []*Party{t.EMSP1, t.EMSP2, t.EMSP3} {
		got := t.receives(e, About(id))
		t.equal("method", got.Method, http.MethodPut)
		t.equal("FROM", got.From(), t.Hub.String())
		t.equal("TO", got.To(), e.String())
		t.same("body", string(got.Body), body)
	}
	if t.Stranger != nil {
		t.never(About(id), t.Stranger)
	}
}

func f03(t *T) {
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	for _, e := range []*Party{t.EMSP1, t.EMSP2, t.EMSP3} {
		got := t.receives(e, About(id))
		t.equal("path", got.Path, t.CPO1.Path(id))
		t.require(got.Module == ocpi.Locations && got.Interface == ocpi.Receiver, "%s is not at the advertised endpoint", got)
	}
}

func f04(t *T) {
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	t.receives(t.NSP1, About(id))
	t.receives(t.OTHER1, About(id))
}

func f05(t *T) {
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	t.receives(t.EMSP2, About(id)) // on the platform of CPO2
	t.never(About(id), t.CPO1, t.CPO2, t.TwofoldCPO)
	t.nothingSoFar(About(id), t.CPO1.Platform)
}

func f06(t *T) {
	uid := t.id()
	t.ok(t.send(t.EMSP1, put(ocpi.Tokens, t.EMSP1, uid, token(t.EMSP1, uid), t.Hub)))
	t.receives(t.CPO1, About(uid))
	t.receives(t.CPO2, About(uid))
	t.never(About(uid), t.EMSP1, t.EMSP2, t.EMSP3, t.TwofoldEMSP, t.NSP1, t.OTHER1)
}

func f07(t *T) {
	uid := t.id()
	t.ok(t.send(t.OTHER1, put(ocpi.Tokens, t.OTHER1, uid, with(token(t.OTHER1, uid), "type", `"OTHER"`), t.Hub)))
	t.receives(t.CPO1, About(uid))
	t.receives(t.CPO2, About(uid))
	t.never(About(uid), t.EMSP1, t.EMSP2, t.EMSP3, t.NSP1, t.OTHER1)
}

func f08(t *T) {
	p := t.registered(fresh{
		roles: []ocpi.Role{ocpi.RoleEMSP}, with: []*Party{t.CPO1},
		prepare: func(p *Platform) { p.Without(ocpi.Locations) },
	})
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	t.receives(t.EMSP1, About(id))
	t.nothing(About(id), p)
}

func f09(t *T) {
	refuses, breaks, hangs := t.freshEMSP(t.CPO1), t.freshEMSP(t.CPO1), t.freshEMSP(t.CPO1)
	refuses.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.HTTP, reply.Status = 401, 2000 })
	breaks.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.HTTP, reply.Body = 500, "oops" })
	hangs.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.Hang = true })
	for range 2 {
		id, _, r := t.pushLocation(t.CPO1, t.Hub)
		t.ok(r)
		t.receives(t.EMSP1, About(id))
		t.receives(t.EMSP2, About(id))
	}
}

func f10(t *T) {
	slow := t.freshEMSP(t.CPO1)
	slow.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.Delay = 20 * time.Second })
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	t.require(r.Took < 2*time.Second, "answered after %s", r.Took)
	t.receives(t.EMSP1, About(id))
}

func f11(t *T) {
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	t.receives(t.EMSP1, About(id))
	t.send(t.CPO1, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: t.CPO1.Path(id), To: t.Hub})
	t.nothing(All(About(id), With(http.MethodGet)))
}

// f12 has parties of its own, for the reason that b06 has.
func f12(t *T) {
	cpo, receivers := t.circle()
	id, _, r := t.pushLocation(cpo, t.Hub)
	t.ok(r)
	for _, e := range receivers {
		t.receives(e, About(id), With(http.MethodPut))
	}
	patch := `{"status":"CHARGING","last_updated":"2024-03-01T10:05:00Z"}`
	t.ok(t.send(cpo, Call{
		Method: http.MethodPatch, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: cpo.Path(id, "E1"), Body: patch, To: t.Hub,
	}))
	for _, e := range receivers {
		got := t.receives(e, About(id), With(http.MethodPatch))
		t.equal("path", got.Path, cpo.Path(id, "E1"))
		t.same("body", string(got.Body), patch)
	}
}

// f13 accepts an error as well: then nobody at all may see it.
func f13(t *T) {
	sid, cid := t.id(), t.id()
	for id, c := range map[string]Call{
		sid: put(ocpi.Sessions, t.CPO1, sid, session(t.CPO1, t.EMSP1, sid), t.Hub),
		cid: {Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: cdr(t.CPO1, t.EMSP1, cid), To: t.Hub},
	} {
		r := t.send(t.CPO1, c)
		if r.Status == ocpi.StatusSuccess {
			t.receives(t.EMSP1, About(id))
		}
		t.never(About(id), t.EMSP2, t.EMSP3, t.TwofoldEMSP, t.CPO2, t.NSP1, t.OTHER1)
		for _, p := range t.Platforms {
			if p != t.EMSP1.Platform {
				t.nothingSoFar(About(id), p)
			}
		}
	}
}

func f14(t *T) {
	id := t.id()
	r := t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, responseURL(t.EMSP1, id), id), t.Hub))
	t.pause(quiet)
	n := 0
	for _, p := range t.Platforms {
		n += len(p.Seen(About(id)))
	}
	t.require(n <= 1, "%d platforms got the command", n)
	t.require(n == 1 || r.Status >= 2000 || r.HTTP >= 400, "nobody got the command and the answer is %s", r)
}

func f15(t *T) {
	id, _, r := t.pushLocation(t.CPO1, t.Hub)
	t.ok(r)
	for _, e := range []*Party{t.EMSP1, t.EMSP3, t.TwofoldEMSP} {
		t.receives(e, About(id))
	}
	t.pause(quiet)
	for _, e := range []*Party{t.EMSP1, t.EMSP3} {
		n := len(e.Platform.Seen(All(About(id), Addressed(e))))
		t.require(n == 1, "%s was addressed %d times", e, n)
	}
}

func f16(t *T) {
	w, id := newWindow(), t.id()
	body := with(location(t.CPO1, id), "last_updated", quote(w.at(1)))
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, t.Hub)))
	r := t.ok(t.send(t.EMSP2, list(ocpi.Locations, w.query(), t.Hub)))
	t.require(slices.Contains(idsOf(r), id), "%s is not in GET all: %s", id, r)
	for _, item := range r.Data.Array() {
		if item.Get("id").String() == id {
			t.same("object in GET all", item.Raw, body)
		}
	}
}
