package sim

import (
	"context"
	"net/http"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// putSession reports the whole session to the eMSP of its token, until it
// arrives.
func (c *CPO) putSession(ctx context.Context, r *running) error {
	s := c.sessionNow(r)
	_, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.Sessions, ocpi.Receiver}, method: http.MethodPut,
		path: []string{s.Operator.CountryCode, s.Operator.ID, s.ID}, body: encode(c.wire.session(s)),
		from: s.Operator, to: s.Token.Issuer, retry: untilDone,
	})
	return err
}

// sessionPatch is an update of a running session: what has changed, and the
// charging periods that are new.
type sessionPatch struct {
	KWh             ocpi.Number           `json:"kwh"`
	ChargingPeriods []v221.ChargingPeriod `json:"charging_periods,omitzero"`
	TotalCost       any                   `json:"total_cost,omitzero"`
	LastUpdated     ocpi.DateTime         `json:"last_updated"`
}

// patchSession reports progress: a period of charging. A patch that adds periods
// must not be sent twice (OCPI 2.2.1 §9.2.2), so the whole session follows where
// it is not acknowledged.
func (c *CPO) patchSession(ctx context.Context, r *running, p Period) error {
	s := c.sessionNow(r)
	patch := sessionPatch{
		KWh: ocpi.NumberOf(s.Energy), ChargingPeriods: periodsOf([]Period{p}), LastUpdated: ocpi.NewDateTime(s.Updated),
	}
	if s.Cost != nil {
		patch.TotalCost = c.wire.price(*s.Cost)
	}
	_, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.Sessions, ocpi.Receiver}, method: http.MethodPatch,
		path: []string{s.Operator.CountryCode, s.Operator.ID, s.ID}, body: encode(patch),
		from: s.Operator, to: s.Token.Issuer, retry: once,
	})
	if err != nil {
		return c.putSession(ctx, r)
	}
	return nil
}

func (c *CPO) sessionNow(r *running) Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.session.copy()
}

// copy returns s with lists that later changes do not touch.
func (s Session) copy() Session {
	s.Periods = append([]Period(nil), s.Periods...)
	return s
}

// postCDR sends the bill until it is acknowledged. Its id makes sure that it
// counts once, however often it arrives.
func (c *CPO) postCDR(ctx context.Context, r *running) {
	corr := ocpi.NewMessageID()
	a, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.CDRs, ocpi.Receiver}, method: http.MethodPost, body: encode(c.wire.cdr(*r.cdr)),
		from: r.cdr.Operator, to: r.cdr.Token.Issuer, corr: corr, retry: untilDone,
	})
	if err != nil && ctx.Err() == nil {
		c.log.Warn("a CDR was not acknowledged", "cdr", r.cdr.ID, "err", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.bill = BillState{Acknowledged: err == nil, Err: err, Location: a.header.Get(ocpi.HeaderLocation)}
}

// Billed is a session of an operator with its bill.
type Billed struct {
	Session Session
	CDR     *CDR // nil while the session runs
	Bill    BillState
	// Fair is what the session costs by its tariff. An operator that overcharges
	// has more in the CDR.
	Fair Amount
}

// Overcharged reports whether the CDR is above the tariff; see [Overcharge].
func (b *Billed) Overcharged() bool {
	return b.CDR != nil && (b.CDR.Cost.Total.Net.Cmp(b.Fair.Net) > 0 || b.CDR.Cost.Total.Gross.Cmp(b.Fair.Gross) > 0)
}

// Sessions returns the sessions of all operators in order of their start.
func (c *CPO) Sessions() []Billed {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Billed, 0, len(c.order))
	for _, r := range c.order {
		out = append(out, Billed{Session: r.session.copy(), CDR: r.cdr, Bill: r.bill, Fair: r.fair})
	}
	return out
}

// Running returns how many sessions have not ended.
func (c *CPO) Running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, r := range c.order {
		if r.cdr == nil {
			n++
		}
	}
	return n
}
