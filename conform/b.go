package conform

import (
	"net/http"

	"github.com/eroam/eroam/ocpi"
)

// checksB: X-Request-ID and X-Correlation-ID.
func checksB() []Check {
	return []Check{
		must("B01", "4.2", "a request with X-Request-ID r → the answer has r", b01),
		must("B02", "4.2", "a request with X-Correlation-ID c → the answer has c", b02),
		must("B03", "4.2", "forwarded → another X-Request-ID than r", b03),
		must("B04", "4.2", "forwarded → X-Correlation-ID is c", b04),
		must("B05", "4.2", "the receiver answers with ids of its own → the sender still gets r and c", b05),
		must("B06", "4.2", "broadcast to n parties → n different X-Request-IDs, all with c", b06),
		must("B07", "4.2", "requests of the hub itself (ping, hubclientinfo, call-back) → both ids, X-Request-ID never twice", b07).when(last),
		must("B08", "4.2", "the answer is 4001, 4002 or 4003 → it still has both ids", b08),
	}
}

// ids are the message ids of one exchange.
func withIDs(c Call, id string) Call {
	c.RequestID, c.CorrelationID = "r-"+id, "c-"+id
	return c
}

// echoed fails unless the answer has the ids that the call had.
func (t *T) echoed(r *Response) {
	t.equal("X-Request-ID of the answer", r.Header.Get(ocpi.HeaderRequestID), r.Call.RequestID)
	t.equal("X-Correlation-ID of the answer", r.Header.Get(ocpi.HeaderCorrelationID), r.Call.CorrelationID)
}

// b01 and b02 ask the hub itself and another party.
func b01(t *T) { bothEchoed(t, ocpi.HeaderRequestID, "r-") }

func b02(t *T) { bothEchoed(t, ocpi.HeaderCorrelationID, "c-") }

func bothEchoed(t *T, header, prefix string) {
	id := t.id()
	for _, c := range []Call{
		put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1),
		put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.Hub),
		{Method: http.MethodGet, URL: t.CPO1.Platform.HubVersionsURL},
		{Method: http.MethodGet, Module: ocpi.HubClientInfo, Interface: ocpi.Sender},
	} {
		if c.To != nil {
			c.From = t.CPO1
		}
		r := t.ok(t.as(t.CPO1.Platform, withIDs(c, id)))
		t.equal(header+" of the answer", r.Header.Get(header), prefix+id)
	}
}

func b03(t *T) {
	id := t.id()
	t.ok(t.send(t.CPO1, withIDs(put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1), id)))
	got := t.receives(t.EMSP1, About(id)).RequestID()
	t.require(got != "" && got != "r-"+id, "X-Request-ID at the receiver is %q; the sender's was %q", got, "r-"+id)
}

func b04(t *T) {
	id := t.id()
	t.ok(t.send(t.CPO1, withIDs(put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1), id)))
	t.equal("X-Correlation-ID at the receiver", t.receives(t.EMSP1, About(id)).CorrelationID(), "c-"+id)
}

func b05(t *T) {
	id := t.id()
	t.on(t.EMSP1, About(id), func(_ *Request, reply *Reply) {
		reply.Header.Set(ocpi.HeaderRequestID, "another-request")
		reply.Header.Set(ocpi.HeaderCorrelationID, "another-correlation")
	})
	r := t.ok(t.send(t.CPO1, withIDs(put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1), id)))
	t.echoed(r)
}

// b06 has parties of its own: a hub may repeat objects to a receiver that is
// just getting more rights, which other checks do to the fixture all the time.
func b06(t *T) {
	cpo, receivers := t.circle()
	id, _, r := t.pushLocation(cpo, t.Hub) // from now on everybody is up to date
	t.ok(r)
	for _, p := range receivers {
		t.receives(p, About(id))
	}
	id = t.id()
	t.ok(t.send(cpo, withIDs(put(ocpi.Locations, cpo, id, location(cpo, id), t.Hub), id)))
	seen := map[string]bool{"r-" + id: true}
	for _, p := range receivers {
		r := t.receives(p, About(id))
		t.equal("X-Correlation-ID at "+p.String(), r.CorrelationID(), "c-"+id)
		t.require(r.RequestID() != "" && !seen[r.RequestID()], "X-Request-ID %q at %s was used before", r.RequestID(), p)
		seen[r.RequestID()] = true
	}
}

func b07(t *T) {
	p := t.registered(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, with: []*Party{t.EMSP1}})
	t.arrives(t.EMSP1.Platform, Of(ocpi.HubClientInfo), func(r *Request) bool {
		return r.Path == p.Parties[0].Path()
	})
	seen := map[string]*Request{}
	own := 0
	for _, r := range t.everything(func(*Request) bool { return true }) {
		id := r.RequestID()
		if !functional(r) {
			own++
			t.require(id != "" && r.CorrelationID() != "", "%s: X-Request-ID %q, X-Correlation-ID %q", r, id, r.CorrelationID())
		}
		if first := seen[id]; id != "" && first != nil {
			t.failf("X-Request-ID %s was used twice:\n  %s\n  %s", id, first, r)
		}
		seen[id] = r
	}
	t.notef("%d requests of the hub itself, %d in all, each with an X-Request-ID of its own", own, len(seen))
}

func b08(t *T) {
	nobody := &Party{CountryCode: "ZZ", ID: "ZZZ"}
	hangs, gone := t.freshEMSP(t.CPO1), t.freshEMSP(t.CPO1)
	hangs.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.Hang = true })
	gone.Platform.Stop()
	t.mayWait(t.o.ForwardTimeout)
	for _, c := range []struct {
		to   *Party
		want int
	}{{nobody, ocpi.StatusUnknownReceiver}, {hangs, ocpi.StatusHubTimeout}, {gone, ocpi.StatusHubConnection}} {
		id := t.id()
		r := t.send(t.CPO1, withIDs(put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), c.to), id))
		t.status(r, c.want)
		t.echoed(r)
	}
}
