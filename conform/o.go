package conform

import (
	"net/http"

	"github.com/eroam/eroam/ocpi"
)

// checksO: a second hub behind this one.
func checksO() []Check {
	return []Check{
		must("O01", "4.1.8", "another hub hosts EMSP9: CPO1 TO=EMSP9 → forwarded to that hub, FROM and TO unchanged, new X-Request-ID, same correlation", o01),
		must("O02", "4.1.8", "the other hub answers 4001, 4002 or 4003 → relayed unchanged", o02),
		should("O03", "4.1.8.3", "a broadcast received from a hub → not sent back to it, no loop", o03),
	}
}

func o01(t *T) {
	t.has(t.EMSP9)
	id := t.id()
	t.ok(t.send(t.CPO1, withIDs(put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP9), id)))
	got := t.receives(t.EMSP9, About(id))
	t.equal("FROM", got.From(), t.CPO1.String())
	t.equal("TO", got.To(), t.EMSP9.String())
	t.equal("X-Correlation-ID", got.CorrelationID(), "c-"+id)
	t.require(got.RequestID() != "" && got.RequestID() != "r-"+id, "X-Request-ID is %q", got.RequestID())
}

func o02(t *T) {
	t.has(t.EMSP9)
	for _, status := range []int{ocpi.StatusUnknownReceiver, ocpi.StatusHubTimeout, ocpi.StatusHubConnection} {
		id := t.id()
		t.on(t.EMSP9, About(id), func(_ *Request, reply *Reply) { reply.Status, reply.Message = status, "said by the other hub" })
		r := t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP9))
		t.status(r, status)
		t.httpStatus(r, http.StatusOK)
		t.equal("status_message", r.Message, "said by the other hub")
	}
}

// o03 sends what the other hub would send for a broadcast of CPO9, who is
// behind it.
func o03(t *T) {
	t.has(t.CPO9)
	id := t.id()
	c := put(ocpi.Locations, t.CPO9, id, location(t.CPO9, id), t.Hub)
	r := t.send(t.CPO9, c)
	t.pause(2 * quiet)
	t.nothingSoFar(About(id), t.HUB2.Platform)
	if r.Status == ocpi.StatusSuccess {
		t.receives(t.EMSP1, About(id))
		t.require(len(t.EMSP1.Platform.Seen(All(About(id), Addressed(t.EMSP1)))) == 1, "EMSP1 got it more than once")
	}
}
