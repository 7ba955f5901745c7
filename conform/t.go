package conform

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// T is what a check works with: the fixture, the ways to send and to look, and
// the record of both. A check ends at its first failure.
type T struct {
	*Suite
	check Check
	ctx   context.Context
	began time.Time

	mu      sync.Mutex
	outcome Outcome
	reason  string
	steps   []string
	cleanup []func()
}

// run calls the check in a goroutine of its own, so that failing can end it.
func (t *T) run() {
	if t.check.Run == nil {
		t.outcome, t.reason = Skip, "not in scope yet"
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if e := recover(); e != nil {
				t.outcome, t.reason = Fail, fmt.Sprintf("the check itself panicked: %v", e)
			}
		}()
		t.check.Run(t)
	}()
	<-done
	for _, f := range slices.Backward(t.cleanup) {
		f()
	}
}

func (t *T) end(o Outcome, reason string) {
	t.mu.Lock()
	t.outcome, t.reason = o, reason
	t.mu.Unlock()
	runtime.Goexit()
}

// failf ends the check as failed.
func (t *T) failf(format string, args ...any) { t.end(Fail, fmt.Sprintf(format, args...)) }

// skip ends the check as one that could not be done here.
func (t *T) skip(reason string) { t.end(Skip, reason) }

// diverges ends the check: the hub does something else than the specification
// wants. That is a failure unless the hub documents it.
func (t *T) diverges(saw string) {
	if why, ok := t.o.Divergences[t.check.ID]; ok {
		t.end(Divergent, why+" (saw: "+saw+")")
	}
	t.failf("%s", saw)
}

// notef records what was seen.
func (t *T) notef(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = append(t.steps, fmt.Sprintf("%6.0f ms  ", float64(time.Since(t.began).Microseconds())/1000)+fmt.Sprintf(format, args...))
}

// require fails unless ok.
func (t *T) require(ok bool, format string, args ...any) {
	if !ok {
		t.failf(format, args...)
	}
}

// equal fails unless got is want.
func (t *T) equal(what, got, want string) {
	t.require(got == want, "%s: got %q, want %q", what, got, want)
}

// id returns an object id that no other check uses.
func (t *T) id() string { return NewID(t.check.ID) }

// send makes a call to the hub on behalf of a party, with FROM set to it unless
// the call says otherwise. It fails the check when the hub does not answer.
func (t *T) send(from *Party, c Call) *Response {
	if c.From == nil {
		c.From = from
	}
	return t.as(from.Platform, c)
}

// as makes a call on behalf of a platform, without routing headers unless the
// call has them.
func (t *T) as(p *Platform, c Call) *Response {
	resp, err := t.try(p, c)
	if err != nil {
		t.failf("%v", err)
	}
	return resp
}

// try makes a call and leaves it to the caller what no answer means. It may be
// called from any goroutine.
func (t *T) try(p *Platform, c Call) (*Response, error) {
	resp, err := t.client.do(t.ctx, p, c)
	if err != nil {
		t.notef("%s → hub: %v", p.Name, err)
		return nil, err
	}
	line := fmt.Sprintf("%s → hub: %s %s", p.Name, c.Method, resp.URL)
	if c.From != nil || c.To != nil {
		line += fmt.Sprintf(" FROM=%s TO=%s", nameOf(c.From), nameOf(c.To))
	}
	if c.Body != "" {
		line += " " + short(c.Body)
	}
	t.notef("%s", line)
	t.notef("  hub → %s: %s", p.Name, resp)
	return resp, nil
}

func nameOf(p *Party) string {
	if p == nil {
		return "(none)"
	}
	return p.String()
}

// ok fails unless the answer is HTTP 200 or 201 with status 1000.
func (t *T) ok(r *Response) *Response {
	t.require((r.HTTP == http.StatusOK || r.HTTP == http.StatusCreated) && r.Status == ocpi.StatusSuccess,
		"%s %s: want status 1000, got %s", r.Call.Method, r.URL, r)
	return r
}

// status fails unless the answer has one of the OCPI status codes.
func (t *T) status(r *Response, want ...int) *Response {
	t.require(slices.Contains(want, r.Status), "%s %s: want status %v, got %s", r.Call.Method, r.URL, want, r)
	return r
}

// httpStatus fails unless the answer has one of the HTTP status codes.
func (t *T) httpStatus(r *Response, want ...int) *Response {
	t.require(slices.Contains(want, r.HTTP), "%s %s: want HTTP %v, got %s", r.Call.Method, r.URL, want, r)
	return r
}

// refused fails when the answer is a success.
func (t *T) refused(r *Response) *Response {
	t.require(r.Status >= 2000 || r.HTTP >= 400, "%s %s: want an error, got %s", r.Call.Method, r.URL, r)
	return r
}

// receives waits until the party's platform has got a matching request whose
// TO headers name the party, and returns it.
func (t *T) receives(at *Party, ms ...Match) *Request {
	return t.receivesN(at, 1, ms...)[0]
}

// receivesN waits for n such requests.
func (t *T) receivesN(at *Party, n int, ms ...Match) []*Request {
	match := All(ms...)
	got, err := at.Platform.Wait(t.ctx, n, t.o.Patience, All(match, Addressed(at)))
	if err != nil {
		for _, r := range at.Platform.Seen(match) {
			t.notef("  hub → %s, not addressed to %s: %s", at.Platform.Name, at, r)
		}
		t.failf("%s: %v", at, err)
	}
	for _, r := range got {
		t.notef("  hub → %s: %s", at, r)
	}
	return got
}

// arrives waits until a platform has got a matching request, whoever it is for.
func (t *T) arrives(at *Platform, ms ...Match) *Request {
	got, err := at.Wait(t.ctx, 1, t.o.Patience, All(ms...))
	if err != nil {
		t.failf("%v", err)
	}
	t.notef("  hub → %s: %s", at.Name, got[0])
	return got[0]
}

// nothing fails when one of the platforms has got, or gets in a little while, a
// matching request. Without platforms it looks at all of the fixture.
func (t *T) nothing(match Match, at ...*Platform) {
	t.pause(quiet)
	t.nothingSoFar(match, at...)
}

// nothingSoFar is nothing without waiting.
func (t *T) nothingSoFar(match Match, at ...*Platform) {
	if len(at) == 0 {
		at = t.Platforms
	}
	for _, p := range at {
		if got := p.Seen(match); len(got) > 0 {
			t.failf("%s must not receive this: %s", p.Name, got[0])
		}
	}
	names := make([]string, 0, len(at))
	for _, p := range at {
		names = append(names, p.Name)
	}
	t.notef("  nothing at %s", strings.Join(names, ", "))
}

// never fails when a party gets, or has got, a matching request addressed to it.
func (t *T) never(match Match, at ...*Party) {
	t.pause(quiet)
	for _, p := range at {
		if got := p.Platform.Seen(All(match, Addressed(p))); len(got) > 0 {
			t.failf("%s must not receive this: %s", p, got[0])
		}
		t.notef("  nothing at %s", p)
	}
}

// pause waits.
func (t *T) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
		t.failf("the check took too long")
	}
}

// eventually fails unless f becomes true in time.
func (t *T) eventually(limit time.Duration, what string, f func() bool) {
	for end := time.Now().Add(limit); ; {
		if f() {
			return
		}
		if time.Now().After(end) {
			t.failf("not within %s: %s", limit, what)
		}
		t.pause(25 * time.Millisecond)
	}
}

// wait skips the check when it would have to wait for longer than the options
// allow, and returns d.
func (t *T) mayWait(d time.Duration) time.Duration {
	if d > t.o.MaxWait {
		t.skip(fmt.Sprintf("would take %s; this run waits for %s at most", d, t.o.MaxWait))
	}
	return d
}

// operator fails the check on an error, or skips it when the operator of this
// hub cannot do such a thing.
func (t *T) operator(what string, err error) {
	switch {
	case isByHand(err):
		t.skip(what + ": " + err.Error())
	case err != nil:
		t.failf("%s: %v", what, err)
	}
	t.notef("operator: %s", what)
}

// fresh says what a platform of a check's own is like.
type fresh struct {
	roles    []ocpi.Role
	version  ocpi.Version // "" means 2.2.1
	encoding ocpi.TokenEncoding
	with     []*Party        // gets an agreement with each that is on the other side
	prepare  func(*Platform) // before it registers
}

// invited makes a platform that has not registered yet. It is removed when the
// check ends.
func (t *T) invited(f fresh) *Platform {
	if f.version == "" {
		f.version = ocpi.V221
	}
	inv := Invitation{Encoding: f.encoding}
	for _, r := range f.roles {
		inv.Roles = append(inv.Roles, t.freshRole(r))
	}
	inv.Name = fmt.Sprintf("%s %s", t.check.ID, inv.Roles[0])
	p, err := t.platform(t.ctx, f.version, inv)
	t.operator("invite "+inv.Name, err)
	t.cleanup = append(t.cleanup, func() {
		_ = t.o.Operator.Remove(context.WithoutCancel(t.ctx), p.ID) // the check may have removed it
		p.Stop()
	})
	for _, q := range p.Parties {
		for _, w := range f.with {
			if (q.Role == ocpi.RoleCPO) != (w.Role == ocpi.RoleCPO) {
				t.operator(fmt.Sprintf("agreement of %s and %s", q, w), t.agree(t.ctx, q, w))
			}
		}
	}
	if f.prepare != nil {
		f.prepare(p)
	}
	return p
}

// registered makes a platform that has done the handshake.
func (t *T) registered(f fresh) *Platform {
	p := t.invited(f)
	if err := p.Register(t.ctx); err != nil {
		t.failf("registering %s: %v", p.Name, err)
	}
	t.notef("%s registered", p.Name)
	return p
}

// freshCPO makes a registered CPO that talks to the given providers.
func (t *T) freshCPO(with ...*Party) *Party {
	return t.registered(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, with: with}).Parties[0]
}

// freshEMSP makes a registered eMSP that talks to the given CPOs.
func (t *T) freshEMSP(with ...*Party) *Party {
	return t.registered(fresh{roles: []ocpi.Role{ocpi.RoleEMSP}, with: with}).Parties[0]
}

// circle makes a CPO and some receivers that talk to it and to nobody else.
func (t *T) circle() (cpo *Party, receivers []*Party) {
	cpo = t.freshCPO()
	for _, role := range []ocpi.Role{ocpi.RoleEMSP, ocpi.RoleEMSP, ocpi.RoleNSP} {
		p := t.registered(fresh{roles: []ocpi.Role{role}, with: []*Party{cpo}})
		receivers = append(receivers, p.Parties[0])
	}
	return cpo, receivers
}

// on scripts a platform of the fixture until the check ends.
func (t *T) on(p *Party, match Match, change func(*Request, *Reply)) {
	t.cleanup = append(t.cleanup, p.Platform.On(match, change))
}
