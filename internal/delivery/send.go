package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// job is what one object's turn sends: the steps, or, without any, the whole
// object in its present state.
type job struct {
	to      *party.Party
	object  *object // belongs to the lane; only handed back
	key     store.ObjectKey
	steps   []step
	upTo    int64
	noticed int64
}

// outcome is what became of a job.
type outcome uint8

const (
	delivered outcome = iota + 1
	rejected          // the receiver does not want it: passed over
	gone              // nothing is left to be sent
	retry             // to be sent again
	busy              // nothing was sent, for want of a free connection
	stopped           // given up, because the hub stops
)

func (o outcome) String() string {
	return [...]string{"", "delivered", "rejected", "gone", "retry", "busy", "stopped"}[o]
}

type result struct {
	object   *object
	outcome  outcome
	seq      int64 // the receiver has this state, where the outcome says so
	answered bool  // the receiver itself said that it cannot
	err      error
	noticed  int64
}

// message is one request to a receiver.
type message struct {
	method      string
	path        []string
	query       url.Values
	version     ocpi.Version // of body and query
	body        []byte
	correlation string
	partial     bool // means something only to a receiver that has the object
}

// send does a job. It is safe to call concurrently.
func (d *Delivery) send(ctx context.Context, j job) result {
	r := result{object: j.object, seq: j.upTo, noticed: j.noticed}
	for _, s := range j.steps {
		r.outcome, r.answered, r.err = d.deliver(ctx, j, pushed(s.push))
		if r.outcome == rejected && partial(s.push) {
			j.steps = nil // it lacks what the change applies to
			break
		}
		if r.outcome != delivered {
			return r
		}
	}
	if len(j.steps) > 0 {
		return r
	}
	o, ok, err := d.o.Store.Object(ctx, j.key)
	switch {
	case err != nil:
		r.outcome, r.err = retry, err
		if ctx.Err() != nil {
			r.outcome = stopped
		}
		return r
	case !ok:
		r.outcome = gone
		return r
	}
	r.seq = max(r.seq, o.Seq)
	r.outcome, r.answered, r.err = d.deliver(ctx, j, present(&o))
	return r
}

// pushed is the message that the owner sent, for another receiver.
func pushed(p *Push) message {
	m := message{
		method: p.Method, path: p.Path, version: p.Version, body: p.Body,
		correlation: p.CorrelationID, partial: partial(p),
	}
	if t := p.Query["type"]; p.Module == ocpi.Tokens && len(t) == 1 {
		m.query = url.Values{"type": t}
	}
	return m
}

// partial reports whether p changes a part of an object.
func partial(p *Push) bool { return p.Method == http.MethodPatch || len(p.Path) > 3 }

// present is the message that brings a receiver to the state of o, whatever it
// has.
func present(o *store.Object) message {
	m := message{
		method: http.MethodPut, path: []string{o.Party.CountryCode, o.Party.ID, o.Name},
		version: ocpi.Version(o.Version), body: o.Body, correlation: ocpi.NewMessageID(),
	}
	switch ocpi.Module(o.Kind) {
	case ocpi.HubClientInfo:
		m.path = m.path[:2]
	case ocpi.Tokens:
		if t := o.ID[strings.LastIndexByte(o.ID, '/')+1:]; t != "RFID" {
			m.query = url.Values{"type": {t}}
		}
	}
	if o.Deleted {
		m.method, m.body = http.MethodDelete, nil
	}
	return m
}

// deliver sends one message and says what became of it.
func (d *Delivery) deliver(ctx context.Context, j job, m message) (outcome, bool, error) {
	start := time.Now()
	pl := j.to.Platform
	module := ocpi.Module(j.key.Kind)
	t := trace.Message{
		Time: start, Way: "tell", Mode: "delivery", CorrelationID: m.correlation, OutRequestID: ocpi.NewMessageID(),
		ToPlatform: pl.ID, From: j.key.Party.String(), To: j.to.ID.String(), Version: string(pl.Version),
		Module: j.key.Kind, Interface: string(ocpi.Receiver), Method: m.method, Object: m.path[len(m.path)-1],
	}
	t.RequestID = t.OutRequestID
	if module == ocpi.Tokens {
		t.Object = d.o.Trace.Hash(t.Object)
	}
	q, err := d.request(j, m, &t)
	if err != nil {
		t.Error = err.Error()
		d.o.Trace.Record(t)
		return rejected, false, err
	}
	sent := time.Now()
	res, err := d.o.Egress.Do(ctx, q)
	t.PartnerMicros = time.Since(sent).Microseconds()
	t.HubMicros = sent.Sub(start).Microseconds()
	o, answered, err := d.judge(ctx, pl.ID, m, res, err)
	if env, perr := ocpi.ParseEnvelope(res.Body); perr == nil {
		t.PartnerOCPI, t.OCPIStatus = env.StatusCode, env.StatusCode
	}
	t.PartnerHTTP, t.HTTPStatus, t.RequestBody, t.ResponseBody = res.Status, res.Status, q.Body, res.Body
	if pl.Echoed(res.Body) {
		t.ResponseBody = nil
	}
	if err != nil {
		t.Error = err.Error()
	}
	if o != busy && o != stopped {
		d.o.Trace.Record(t)
	}
	return o, answered, err
}

// request builds what goes out (OCPI 2.2.1 §4.1.8.6: TO is the receiver, FROM
// the hub; no routing headers for HubClientInfo, §4.1.8.2).
func (d *Delivery) request(j job, m message, t *trace.Message) (egress.Request, error) {
	module, pl := ocpi.Module(j.key.Kind), j.to.Platform
	endpoint, ok := pl.Endpoint(module, ocpi.Receiver)
	if !ok {
		return egress.Request{}, fmt.Errorf("the receiver has no endpoint for %s", module)
	}
	target, err := ocpi.JoinPath(endpoint, m.path...)
	if err != nil {
		return egress.Request{}, err
	}
	body, query := m.body, m.query
	if m.version != pl.Version {
		as := convert.Message{Module: module, Interface: ocpi.Receiver, Method: m.method, Path: m.path}
		query = convert.Query(as, m.version, pl.Version, query)
		if len(body) > 0 {
			var losses []convert.Loss
			if body, losses, err = convert.Body(as, m.version, pl.Version, body); err != nil {
				return egress.Request{}, fmt.Errorf("converting from %s to %s: %w", m.version, pl.Version, err)
			}
			for _, l := range losses {
				t.Losses = append(t.Losses, l.Pointer+": "+l.Problem)
			}
		}
	}
	if len(query) > 0 {
		sep := "?"
		if strings.Contains(target, "?") {
			sep = "&"
		}
		target += sep + query.Encode()
	}
	h := http.Header{
		ocpi.HeaderAuthorization: {ocpi.FormatAuthorization(pl.Token, pl.Encoding)},
		ocpi.HeaderRequestID:     {t.OutRequestID},
		ocpi.HeaderCorrelationID: {m.correlation},
	}
	if module != ocpi.HubClientInfo {
		ocpi.SetRouting(h, ocpi.ClaimOf(j.to.ID), ocpi.ClaimOf(d.o.Hub))
	}
	if len(body) > 0 {
		h["Content-Type"] = []string{"application/json"}
	}
	return egress.Request{
		Platform: pl.ID, Method: m.method, URL: target, Header: h, Body: body, Timeout: d.o.Timeout,
	}, nil
}

// judge says what an exchange means. A receiver that cannot take the message
// now gets it again; one that does not want it, does not.
func (d *Delivery) judge(ctx context.Context, platform string, m message, res egress.Response, err error) (outcome, bool, error) {
	if err != nil {
		if ctx.Err() != nil {
			return stopped, false, err
		}
		if e, ok := errors.AsType[*egress.Error](err); ok && e.Failure == egress.Busy {
			return busy, false, err
		}
		d.o.Registry.Failed(platform)
		return retry, false, err
	}
	d.o.Registry.Succeeded(platform)
	switch s := res.Status; {
	case s == http.StatusNotFound && m.method == http.MethodDelete:
		return delivered, true, nil // it is gone
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusRequestTimeout,
		s == http.StatusTooEarly, s == http.StatusTooManyRequests:
		return retry, true, fmt.Errorf("the receiver answered HTTP %d", s)
	case s >= 400 && s < 500:
		return rejected, true, fmt.Errorf("the receiver answered HTTP %d", s)
	case s < 200 || s >= 300:
		return retry, true, fmt.Errorf("the receiver answered HTTP %d", s)
	}
	env, err := ocpi.ParseEnvelope(res.Body)
	switch {
	case err != nil:
		return rejected, true, fmt.Errorf("the receiver answered HTTP %d: %w", res.Status, err)
	case env.Success():
		return delivered, true, nil
	case env.StatusCode >= 3000:
		return retry, true, fmt.Errorf("the receiver answered status %d", env.StatusCode)
	}
	return rejected, true, fmt.Errorf("the receiver answered status %d", env.StatusCode)
}
