package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// job is what one object's turn sends: the step, or, without one, the whole
// object in its present state.
type job struct {
	ctx      context.Context
	lane     *lane // only what does not change is read
	to       *party.Party
	object   *object // belongs to the lane; only handed back. nil: only put the status of the receiver right
	key      store.ObjectKey
	step     *step
	upTo     int64
	noticed  int64
	until    time.Time // see charge
	attempts int       // with this one
	replay   bool
	letter   bool // a dead letter of the object is open
	poison   bool // when the receiver itself refuses it once more it is given up
	overdue  bool // the lane has been failing for so long that the receiver is OFFLINE
	had      *party.DeliverySettings
}

// Reasons for which a job is not sent although it was about to be.
var (
	errNotEntitled = errors.New("the receiver is not entitled to it any more")
	errHalted      = errors.New("the receiver is not sent anything at present")
	errStale       = errors.New("the object has changed since it was read")
)

// maxFresh is how often an object that changes faster than its requests leave is
// read again before one.
const maxFresh = 3

// exchange is a request and what became of it.
type exchange struct {
	outcome  outcome
	answered bool
	after    time.Duration
	err      error
	view     *view
	method   string
	asked    egress.Request
	request  []byte
	response egress.Response
	ocpi     int // status of the answer, 0 for none
}

// send does a job, and notes in x what became of it. It is safe to call concurrently.
func (d *Delivery) send(ctx context.Context, j *job, x *exchange) result {
	if j.object == nil {
		d.setOffline(ctx, j.to, false)
		return result{outcome: alive}
	}
	r := result{object: j.object, seq: j.upTo, noticed: j.noticed, letter: j.letter}
	*x = exchange{}
	w, err := d.inside(ctx, j)
	switch {
	case err != nil:
		x.outcome, x.err = retry, err
	case w != nil && !passes(&j.to.Delivery, w), w != nil && j.had != nil && passes(j.had, w):
		x.outcome, r.seq = filtered, max(j.upTo, w.seq)
	case j.step != nil:
		d.deliver(ctx, j, j.step.message, nil, x)
		r.requests++
		if x.outcome == rejected && j.step.message.partial {
			d.whole(ctx, j, &r, x) // it lacks what the change applies to
		}
	default:
		d.whole(ctx, j, &r, x)
	}
	if ctx.Err() != nil && x.outcome == retry {
		x.outcome = stopped
	}
	if x.outcome == retry && x.answered && j.poison {
		x.outcome = rejected // others get through: it is this object
	}
	d.park(ctx, j, &r, x)
	r.outcome, r.answered, r.after, r.err, r.view = x.outcome, x.answered, x.after, x.err, x.view
	switch {
	case r.outcome == retry && j.overdue:
		d.setOffline(ctx, j.to, true)
	case (r.outcome == delivered || r.outcome == rejected && x.answered) && j.to.Status == party.Offline:
		d.setOffline(ctx, j.to, false)
	}
	return r
}

// inside returns the object where the receiver's filter looks at it, and drops
// the step where it may have moved into what the filter lets through.
func (d *Delivery) inside(ctx context.Context, j *job) (*whole, error) {
	m := ocpi.Module(j.key.Kind)
	if !looksInside(&j.to.Delivery, m) && (j.had == nil || !looksInside(j.had, m)) {
		return nil, nil
	}
	w, err := d.presents.get(ctx, j.key, j.upTo)
	if err != nil || w.missing {
		return nil, err
	}
	if s := j.step; s != nil && (w.seq != s.seq || s.message.depth == 3) {
		j.step = nil
	}
	return w, nil
}

// whole sends the object in its present state: also when it changes while the
// request waits for its place or its connection.
func (d *Delivery) whole(ctx context.Context, j *job, r *result, x *exchange) {
	for n := 1; ; n++ {
		w, err := d.presents.get(ctx, j.key, j.upTo)
		switch {
		case err != nil:
			*x = exchange{outcome: retry, err: err}
			return
		case w.missing:
			*x = exchange{outcome: gone}
			return
		}
		seq, fresh := max(r.seq, w.seq), w
		if n == maxFresh {
			fresh = nil
		}
		if d.deliver(ctx, j, w.message, fresh, x); !errors.Is(x.err, errStale) {
			r.seq = seq
			r.requests++
			return
		}
	}
}

// setOffline writes that a receiver takes what it is sent, or does not.
func (d *Delivery) setOffline(ctx context.Context, p *party.Party, offline bool) {
	if p.Platform.Hub {
		return // what is behind another hub is its to tell
	}
	if err := d.o.Registry.SetOffline(ctx, p.Platform.ID, p.ID, p.Role, offline); err != nil && ctx.Err() == nil {
		d.log.Error("cannot write the status of a receiver", "party", p.ID.String(), "err", err)
	}
}

// permit reports whether the receiver may be sent the object at this moment. It
// is asked when everything else is done, immediately before a request leaves.
// Of the state w, unless nil, there must not be a newer one.
func (j *job) permit(x *exchange, w *whole) error {
	x.view = j.lane.d.look()
	now := time.Now()
	at := j.lane.at(x.view, now)
	me := at.me
	switch {
	case me == nil || !me.Reachable() || !me.Delivery.Pushes() || j.lane.leave.Load():
		return errHalted
	case !at.wants(j.key, now):
		return errNotEntitled
	case w != nil && w.stale.Load():
		return errStale
	}
	return nil
}

// deliver sends one message and notes what became of it. w is the state that it
// is, unless it may be old by now.
func (d *Delivery) deliver(ctx context.Context, j *job, m *message, w *whole, x *exchange) {
	start := time.Now()
	pl := j.to.Platform
	f := m.in(pl.Version)
	*x = exchange{method: m.method, request: f.body}
	q, err := d.request(j, m, f)
	if err != nil {
		x.outcome, x.err = rejected, err
		d.record(j, m, f, x, start, start, "")
		return
	}
	q.Permit = func() error { return j.permit(x, w) }
	x.asked = q
	sent := time.Now()
	x.response, err = d.o.Egress.Do(ctx, q)
	d.judge(ctx, j, m, x, err)
	d.record(j, m, f, x, start, sent, q.Fields[0].Value)
}

// record hands the exchange to the trace.
func (d *Delivery) record(j *job, m *message, f *form, x *exchange, start, sent time.Time, id string) {
	switch x.outcome {
	case busy, stopped, withdrawn:
		return
	}
	pl := j.to.Platform
	t := trace.Message{
		Time: start, Way: "tell", Mode: "delivery", RequestID: id, CorrelationID: m.correlation, OutRequestID: id,
		ToPlatform: pl.ID, From: m.from, To: j.lane.to, Version: string(pl.Version),
		Module: j.key.Kind, Interface: string(ocpi.Receiver), Method: m.method, Object: m.name,
		PartnerOCPI: x.ocpi, OCPIStatus: x.ocpi, PartnerHTTP: x.response.Status, HTTPStatus: x.response.Status,
		HubMicros: sent.Sub(start).Microseconds(), Losses: f.losses, RequestBody: f.body, ResponseBody: x.response.Body,
	}
	if id != "" {
		t.PartnerMicros = time.Since(sent).Microseconds()
	}
	if m.module == ocpi.Tokens {
		t.Object = d.o.Trace.Hash(t.Object)
	}
	if len(x.response.Body) > 0 && pl.Echoed(x.response.Body) {
		t.ResponseBody = nil
	}
	if x.err != nil {
		t.Error = x.err.Error()
	}
	d.o.Trace.Record(t)
}

// request builds what goes out (OCPI 2.2.1 §4.1.8.6: TO is the receiver, FROM
// the hub; no routing headers for HubClientInfo, §4.1.8.2).
func (d *Delivery) request(j *job, m *message, f *form) (egress.Request, error) {
	if f.err != nil {
		return egress.Request{}, f.err
	}
	a, err := j.lane.address(j.to, m.module)
	if err != nil {
		return egress.Request{}, err
	}
	fields := make([]egress.Field, 0, 2)
	q := egress.Request{
		Platform: j.to.Platform.ID, Method: m.method, To: a.recipient, Body: f.body, Timeout: d.o.Timeout, NotAfter: j.until, Lean: true, Lasting: true,
		Fields: append(fields, egress.Field{Name: ocpi.HeaderRequestID, Value: ocpi.NewMessageID()},
			egress.Field{Name: ocpi.HeaderCorrelationID, Value: m.correlation}),
	}
	if q.To != nil {
		q.URL = f.target
		return q, nil
	}
	q.Header = a.header
	q.URL, err = f.at(a.endpoint)
	return q, err
}

// judge says what an exchange means. A receiver that cannot take anything now
// gets it again; one that does not want this object, does not.
func (d *Delivery) judge(ctx context.Context, j *job, m *message, x *exchange, err error) {
	platform := j.to.Platform.ID
	if err != nil {
		x.err = err
		e, _ := errors.AsType[*egress.Error](err)
		switch {
		case errors.Is(err, errNotEntitled):
			x.outcome = withdrawn
		case errors.Is(err, errHalted), errors.Is(err, errStale), e != nil && e.Failure == egress.Busy:
			x.outcome = busy
		case ctx.Err() != nil || over(j.until, time.Now()):
			x.outcome = stopped
		default:
			x.outcome = retry
			d.o.Registry.Failed(platform)
		}
		return
	}
	d.o.Registry.Succeeded(platform)
	x.answered = true
	status := x.response.Status
	env, envErr := ocpi.ParseEnvelope(x.response.Body)
	x.ocpi = env.StatusCode
	x.outcome, x.err = verdict(m.method, status, env, envErr)
	if x.outcome == retry {
		x.after = retryAfter(x.response.Fields(), time.Now())
	}
}

// verdict says what an answer means: delivered, rejected, or retry.
func verdict(method string, status int, env ocpi.Envelope, envErr error) (outcome, error) {
	switch {
	case status == http.StatusNotFound && method == http.MethodDelete:
		return delivered, nil // it is gone
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusRequestTimeout,
		status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return retry, fmt.Errorf("the receiver answered HTTP %d", status)
	case status >= 400 && status < 500:
		return rejected, fmt.Errorf("the receiver answered HTTP %d", status)
	case status < 200 || status >= 300:
		return retry, fmt.Errorf("the receiver answered HTTP %d", status)
	case envErr != nil:
		return retry, fmt.Errorf("the receiver answered HTTP %d: %w", status, envErr)
	case env.Success():
		return delivered, nil
	case env.StatusCode >= 2000 && env.StatusCode < 3000:
		return rejected, fmt.Errorf("the receiver answered status %d", env.StatusCode)
	}
	return retry, fmt.Errorf("the receiver answered status %d", env.StatusCode)
}
