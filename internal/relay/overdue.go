package relay

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// overdueGrace is how long after the time that an operator named for its
// result the hub still waits for it.
const overdueGrace = 60 * time.Second

// overdueResult is what a provider is told when no result came. The hub says it
// in the operator's place, so that no driver stands before a station without
// knowing (OCPI 2.2.1 §13.4.2, CommandResultType TIMEOUT).
const overdueResult = `{"result":"TIMEOUT","message":[{"language":"en","text":"The operator sent no result in time."}]}`

// expectResult notes when the result of an accepted command is overdue.
func (r *Relay) expectResult(ctx context.Context, x *Exchange, a Answer) {
	c := x.capability
	if c == nil || x.Request.Module != ocpi.Commands || !a.Accepted {
		return
	}
	answer := gjson.GetManyBytes(a.Body, "data.result", "data.timeout")
	if answer[0].String() != "ACCEPTED" {
		return
	}
	seconds := min(max(answer[1].Int(), 0), 3600)
	due := time.Now().Add(time.Duration(seconds)*time.Second + r.Grace).UnixMicro()
	err := r.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.ExpectResult(c.ID, due) })
	if err != nil {
		r.Log.Warn("the time of an expected result could not be stored", "command", x.Request.Path[0], "err", err)
	}
}

// maxTimeouts is how many overdue results are reported at once, so that a
// partner that hangs does not hold up the others' reports.
const maxTimeouts = 32

// Run reports overdue results to those who wait for them and removes expired
// capabilities, until ctx ends. What it and Ask started has ended when it
// returns.
func (r *Relay) Run(ctx context.Context) error {
	defer r.started.Wait()
	places := make(chan struct{}, maxTimeouts)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := r.reportOverdue(ctx, places); err != nil && ctx.Err() == nil {
			r.Log.Warn("overdue results could not be reported", "err", err)
		}
	}
}

func (r *Relay) reportOverdue(ctx context.Context, places chan struct{}) error {
	for ctx.Err() == nil {
		c, found, err := r.takeOverdue(ctx)
		if err != nil || !found {
			return err
		}
		if c.ID == "" {
			continue // its result has just come in
		}
		places <- struct{}{}
		r.started.Go(func() {
			defer func() { <-places }()
			defer r.busy.leave(c.ID)
			r.sendTimeout(ctx, c)
		})
	}
	return nil
}

// takeOverdue ends one capability whose result is overdue, and holds it: no
// result can be delivered on it any more. One whose result is on its way is
// left, with the zero Capability, until it is known how that ended. When none is
// overdue, expired ones are removed.
func (r *Relay) takeOverdue(ctx context.Context) (c store.Capability, found bool, err error) {
	held := ""
	err = r.Store.Write(ctx, func(tx *store.Tx) error {
		if held != "" { // by an attempt that was undone
			r.busy.leave(held)
			held = ""
		}
		now := time.Now()
		var err error
		if c, found, err = tx.TakeOverdue(now.UnixMicro()); err != nil {
			return err
		}
		if !found {
			return removeExpired(tx, now)
		}
		if r.busy.enter(c.ID, true) {
			held = c.ID
			return nil
		}
		later := c
		later.Due = now.Add(r.Timeout).UnixMicro()
		later.Expires = c.Created + resultLife(c.Kind).Microseconds()
		c = store.Capability{}
		return tx.PutCapability(later)
	})
	if held != "" && err != nil {
		r.busy.leave(held)
	}
	return c, found, err
}

func removeExpired(tx *store.Tx, now time.Time) error {
	const atOnce, rounds = 100, 10
	for range rounds {
		if n, err := tx.DeleteExpiredCapabilities(now.UnixMicro(), atOnce); err != nil || n < atOnce {
			return err
		}
	}
	return nil
}

// sendTimeout tells the owner of a response_url once that no result came. The
// capability has ended already: at most one of result and TIMEOUT is delivered.
func (r *Relay) sendTimeout(ctx context.Context, c store.Capability) {
	p := r.Registry.Snapshot().Platform(c.Owner)
	if p == nil || p.State != party.StateConnected || !registeredHost(p, c.URL) {
		return
	}
	m := trace.Message{
		Time: time.Now(), Way: "ask", Mode: "timeout", OutRequestID: ocpi.NewMessageID(), CorrelationID: ocpi.NewMessageID(),
		From: c.CallerParty.String(), FromPlatform: c.Caller, To: c.OwnerParty.String(), ToPlatform: c.Owner,
		Version: string(p.Version), Module: c.Module, Interface: c.Interface, Method: http.MethodPost, RequestBody: []byte(overdueResult),
	}
	h := headers(m.CorrelationID, m.OutRequestID, p, ocpi.ClaimOf(c.OwnerParty), ocpi.ClaimOf(c.CallerParty))
	res, took, err := r.exchange(ctx, egress.Request{
		Platform: c.Owner, Method: http.MethodPost, URL: c.URL, Header: h, Body: []byte(overdueResult), Timeout: r.Timeout,
	})
	m.PartnerMicros, m.PartnerHTTP = took.Microseconds(), res.Status
	a := Answer{HTTP: res.Status}
	if err == nil {
		env, bad := ocpi.ParseEnvelope(res.Body)
		m.PartnerOCPI = env.StatusCode
		if bad != nil || !env.Success() {
			err = errors.Join(hubError("receiver did not take the TIMEOUT"), bad)
		}
	}
	r.finish(m.Time, &m, a, err)
}
