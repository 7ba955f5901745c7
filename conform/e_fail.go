package conform

import (
	"net/http"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// The receivers that fail are platforms of the check's own: the hub may well
// take them for OFFLINE afterwards.

func e18(t *T) {
	e := t.freshEMSP(t.CPO1)
	e.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.HTTP, reply.Status = http.StatusUnauthorized, 2000 })
	_, _, r := t.pushLocation(t.CPO1, e)
	t.require(r.HTTP != http.StatusUnauthorized && r.Status/1000 == 4, "want a 4xxx envelope, got %s", r)
}

func e19(t *T) {
	for _, answer := range []Reply{
		{HTTP: 500, Body: "oops"},
		{HTTP: 200, Body: "<html>hello</html>"},
		{HTTP: 200, Body: `{"status_code":1000,"data":`},
		{HTTP: 200, Body: `{"hello":"world"}`},
	} {
		e := t.freshEMSP(t.CPO1)
		e.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.HTTP, reply.Body = answer.HTTP, answer.Body })
		t.notef("given: the receiver answers HTTP %d %s", answer.HTTP, answer.Body)
		_, _, r := t.pushLocation(t.CPO1, e)
		t.require(r.Status >= 3000 && r.problem() == "", "want an envelope with status ≥ 3000, got %s %s", r, r.problem())
	}
}

// hanging is an eMSP that takes every functional request and never answers.
func (t *T) hanging() *Party {
	t.mayWait(t.o.ForwardTimeout)
	e := t.freshEMSP(t.CPO1)
	e.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.Hang = true })
	return e
}

// refusing is an eMSP where nobody listens any more.
func (t *T) refusing() *Party {
	e := t.freshEMSP(t.CPO1)
	e.Platform.Stop()
	return e
}

func e20(t *T) {
	_, _, r := t.pushLocation(t.CPO1, t.hanging())
	t.status(r, ocpi.StatusHubTimeout)
	t.require(r.Took < t.o.ForwardTimeout+2*time.Second, "answered after %s; the limit is %s", r.Took, t.o.ForwardTimeout)
	t.notef("answered after %s", r.Took.Round(time.Millisecond))
}

func e21(t *T) {
	_, _, r := t.pushLocation(t.CPO1, t.refusing())
	t.status(r, ocpi.StatusHubConnection)
}

func e22(t *T) {
	for _, to := range []*Party{{CountryCode: "ZZ", ID: "ZZZ"}, t.hanging(), t.refusing()} {
		_, _, r := t.pushLocation(t.CPO1, to)
		t.status(r, ocpi.StatusUnknownReceiver, ocpi.StatusHubTimeout, ocpi.StatusHubConnection)
		t.httpStatus(r, http.StatusOK)
	}
}

func e23(t *T) {
	planned := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleEMSP}, with: []*Party{t.CPO1}})
	id, _, r := t.pushLocation(t.CPO1, planned.Parties[0])
	t.status(r, ocpi.StatusHubConnection, ocpi.StatusUnknownReceiver)
	t.nothing(About(id), planned)

	suspended := t.freshEMSP(t.CPO1)
	t.operator("suspend "+suspended.Platform.Name, t.o.Operator.Suspend(t.ctx, suspended.Platform.ID, true))
	id, _, r = t.pushLocation(t.CPO1, suspended)
	t.status(r, ocpi.StatusHubConnection, ocpi.StatusUnknownReceiver)
	t.nothing(About(id), suspended.Platform)
}

func e24(t *T) {
	hung := t.mayWait(t.o.ForwardTimeout)
	e := t.freshEMSP(t.CPO1)
	p := e.Platform
	recover := p.On(Functional(), func(_ *Request, reply *Reply) { reply.Hang = true })
	first, _, r := t.pushLocation(t.CPO1, e)
	t.status(r, ocpi.StatusHubTimeout)
	recover()

	p.Stop()
	second, _, r := t.pushLocation(t.CPO1, e)
	t.status(r, ocpi.StatusHubConnection)
	if err := p.Start(); err != nil {
		t.failf("%v", err)
	}
	t.notef("%s is back", e)
	t.eventually(t.backWithin(), "the hub sends again", func() bool {
		_, _, r := t.pushLocation(t.CPO1, e)
		return r.Status == ocpi.StatusSuccess
	})
	t.pause(max(quiet, hung/2))
	t.require(len(p.Seen(About(first))) == 1, "%s was replayed", first)
	t.nothingSoFar(About(second), p)
}

// backWithin is how long the hub may take to see that a platform is back: it
// asks when a still-alive period has passed, or tries at the next message.
func (t *T) backWithin() time.Duration { return t.mayWait(2*t.o.StillAlive + t.o.Patience) }

func e25(t *T) {
	t.mayWait(3 * t.o.ForwardTimeout)
	for what, answer := range map[string]Reply{"never answers": {Hang: true}, "closes the connection": {Cut: true}} {
		e := t.freshEMSP(t.CPO1)
		answering := e.Platform.On(Functional(), func(_ *Request, reply *Reply) {})
		t.pushLocation(t.CPO1, e) // so that a connection is kept open, which tempts clients to try again
		answering()
		e.Platform.On(Functional(), func(_ *Request, reply *Reply) { reply.Hang, reply.Cut = answer.Hang, answer.Cut })
		t.notef("given: %s %s", e, what)
		id := t.id()
		for _, c := range []Call{
			put(ocpi.Locations, t.CPO1, id+"-1", location(t.CPO1, id+"-1"), e),
			{Method: http.MethodPatch, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: t.CPO1.Path(id + "-2"), To: e,
				Body: `{"name":"new","last_updated":"` + lastUpdated + `"}`},
			{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: cdr(t.CPO1, e, id+"-3"), To: e},
		} {
			t.refused(t.send(t.CPO1, c))
		}
		t.pause(quiet)
		for _, n := range []string{"-1", "-2", "-3"} {
			got := len(e.Platform.Seen(About(id + n)))
			t.require(got <= 1, "%s received %d times", id+n, got)
		}
	}
}
