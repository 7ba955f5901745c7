package sim

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// reservation keeps an EVSE for a token until it expires.
type reservation struct {
	id          string
	op          *operator
	site        *site
	evse        int
	token       Token
	responseURL string
	from        ocpi.PartyID // who reserved
	corr        string
	over        chan struct{} // closed when it is used or cancelled
}

// resultTimeout is how long an eMSP shall wait for the result of a command, in
// seconds.
const resultTimeout = 60

// serveCommand answers a command at once and does it afterwards (OCPI 2.2.1
// §13.2.1).
func (c *CPO) serveCommand(_ context.Context, k *call) (*reply, error) {
	if k.method != http.MethodPost || len(k.path) != 1 {
		return nil, wrongMethod()
	}
	op := c.addressee(k)
	if op == nil {
		return nil, ocpi.Invalid("OCPI-to-party-id", "is not an operator here")
	}
	var head struct {
		ResponseURL string `json:"response_url"`
	}
	if err := unmarshal(k.body, &head); err != nil {
		return nil, err
	}
	if head.ResponseURL == "" {
		return nil, ocpi.Invalid("response_url", "is required")
	}
	act, response := c.command(op, k)
	if act != nil {
		c.work(func(ctx context.Context) {
			c.waitForRelease(ctx)
			// A charge point takes its time; an accelerated clock shortens it.
			if c.cfg.Clock.Sleep(ctx, 5*time.Second) == nil {
				c.sendResult(ctx, op.Party, k.from, head.ResponseURL, k.header.CorrelationID, act(ctx))
			}
		})
	}
	return &reply{data: encode(v221.CommandResponse{Result: response, Timeout: resultTimeout})}, nil
}

// addressee returns the operator that a request is for, nil where it is not
// clear.
func (c *CPO) addressee(k *call) *operator {
	if k.to.IsZero() && len(c.operators) == 1 {
		return c.operators[0]
	}
	return c.byParty[k.to]
}

// command checks a command and returns what to do about it, nil where nothing
// will be done, and the immediate response.
func (c *CPO) command(op *operator, k *call) (act func(context.Context) v221.CommandResultType, response v221.CommandResponseType) {
	switch v221.CommandType(k.path[0]) {
	case v221.CommandStartSession:
		var b v221.StartSession
		if unmarshal(k.body, &b) != nil {
			return nil, v221.ResponseRejected
		}
		t, err := readToken(b.Token)
		at, ok := c.place(op, b.LocationID, b.EVSEUID, b.ConnectorID)
		if err != nil || !ok {
			return nil, v221.ResponseRejected
		}
		return func(context.Context) v221.CommandResultType {
			_, err := c.begin(at, t, string(v221.AuthCommand), b.AuthorizationReference)
			return resultOf(err)
		}, v221.ResponseAccepted
	case v221.CommandStopSession:
		var b v221.StopSession
		if unmarshal(k.body, &b) != nil {
			return nil, v221.ResponseRejected
		}
		if !c.active(op, b.SessionID) {
			return nil, v221.ResponseUnknownSession
		}
		return func(context.Context) v221.CommandResultType {
			if !c.stopSession(b.SessionID) {
				return v221.ResultFailed
			}
			return v221.ResultAccepted
		}, v221.ResponseAccepted
	case v221.CommandReserveNow:
		return c.reserveCommand(op, k)
	case v221.CommandCancelReservation:
		var b v221.CancelReservation
		if unmarshal(k.body, &b) != nil {
			return nil, v221.ResponseRejected
		}
		return func(ctx context.Context) v221.CommandResultType {
			res := c.reservation(op, b.ReservationID)
			if res == nil {
				return "UNKNOWN_RESERVATION"
			}
			c.release(ctx, res)
			return v221.ResultAccepted
		}, v221.ResponseAccepted
	case v221.CommandUnlockConnector:
		var b v221.UnlockConnector
		if unmarshal(k.body, &b) != nil {
			return nil, v221.ResponseRejected
		}
		if _, ok := c.place(op, b.LocationID, b.EVSEUID, b.ConnectorID); !ok {
			return nil, v221.ResponseRejected
		}
		return func(context.Context) v221.CommandResultType { return v221.ResultAccepted }, v221.ResponseAccepted
	}
	return nil, v221.ResponseNotSupported
}

func resultOf(err error) v221.CommandResultType {
	switch {
	case err == nil:
		return v221.ResultAccepted
	case errors.Is(err, ErrOccupied):
		return v221.ResultEVSEOccupied
	}
	return v221.ResultFailed
}

// place returns a place of op that takes commands. Without an EVSE it is the
// first available one of the location.
func (c *CPO) place(op *operator, location, evse, connector string) (Place, bool) {
	s := op.byID[ocpi.FoldID(location)]
	if s == nil {
		return Place{}, false
	}
	for _, e := range s.snapshot().EVSEs {
		if e.Remote && (ocpi.FoldID(e.UID) == ocpi.FoldID(evse) || evse == "" && e.Status == Available) {
			return Place{op.Party, s.ID, e.UID, connector}, true
		}
	}
	return Place{}, false
}

func (c *CPO) active(op *operator, id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.sessions[id]
	return r != nil && r.op == op && r.session.Status == SessionActive
}

func (c *CPO) reserveCommand(op *operator, k *call) (func(context.Context) v221.CommandResultType, v221.CommandResponseType) {
	var b v221.ReserveNow
	if unmarshal(k.body, &b) != nil {
		return nil, v221.ResponseRejected
	}
	t, err1 := readToken(b.Token)
	expiry, err2 := b.ExpiryDate.Time()
	at, ok := c.place(op, b.LocationID, b.EVSEUID, "")
	if err1 != nil || err2 != nil || !ok || b.ReservationID == "" {
		return nil, v221.ResponseRejected
	}
	return func(ctx context.Context) v221.CommandResultType {
		op, s, i, err := c.find(at)
		if err != nil {
			return v221.ResultFailed
		}
		res := &reservation{
			id: b.ReservationID, op: op, site: s, evse: i, token: t, responseURL: b.ResponseURL,
			from: k.from, corr: k.header.CorrelationID, over: make(chan struct{}),
		}
		s.mu.Lock()
		free := s.EVSEs[i].Status == Available
		if free {
			c.mark(s, i, Reserved)
		}
		s.mu.Unlock()
		if !free {
			return v221.ResultEVSEOccupied
		}
		c.mu.Lock()
		c.reservations[op.Party.String()+"/"+b.ReservationID] = res
		c.mu.Unlock()
		c.do(func(ctx context.Context) { c.expire(ctx, res, expiry) })
		if err := c.pushStatus(ctx, op, s, i); err != nil {
			c.log.Warn("a partner was not told", "location", s.ID, "err", err)
		}
		return v221.ResultAccepted
	}, v221.ResponseAccepted
}

func (c *CPO) reservation(op *operator, id string) *reservation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reservations[op.Party.String()+"/"+id]
}

// forget ends a reservation; it is false where it has ended already.
func (c *CPO) forget(res *reservation) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := res.op.Party.String() + "/" + res.id
	if c.reservations[key] != res {
		return false
	}
	delete(c.reservations, key)
	close(res.over)
	return true
}

// release ends a reservation and frees its EVSE.
func (c *CPO) release(ctx context.Context, res *reservation) bool {
	if !c.forget(res) {
		return false
	}
	res.site.mu.Lock()
	if res.site.EVSEs[res.evse].Status == Reserved {
		c.mark(res.site, res.evse, Available)
	}
	res.site.mu.Unlock()
	if err := c.pushStatus(ctx, res.op, res.site, res.evse); err != nil && ctx.Err() == nil {
		c.log.Warn("a partner was not told", "location", res.site.ID, "err", err)
	}
	return true
}

func (c *CPO) expire(ctx context.Context, res *reservation, at time.Time) {
	t := time.NewTimer(c.cfg.Clock.Real(at.Sub(c.cfg.Clock.Now())))
	defer t.Stop()
	select {
	case <-t.C:
		c.release(ctx, res)
	case <-res.over:
	case <-ctx.Done():
	}
}

// DropReservation cancels a reservation from the operator's side and tells the
// eMSP so at the response_url of the command that made it (OCPI 2.2.1 §13.1).
// It is false where there is no such reservation.
func (c *CPO) DropReservation(ctx context.Context, operator ocpi.PartyID, id string) bool {
	op := c.byParty[operator]
	if op == nil {
		return false
	}
	res := c.reservation(op, id)
	if res == nil || !c.release(ctx, res) {
		return false
	}
	c.sendResult(ctx, operator, res.from, res.responseURL, res.corr, v221.ResultCanceledReservation)
	return true
}

// sendResult posts the result of a command. It is tried again only while it is
// certain that it has not arrived.
func (c *CPO) sendResult(ctx context.Context, from, to ocpi.PartyID, responseURL, corr string, result v221.CommandResultType) {
	_, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.Commands, ocpi.Sender}, method: http.MethodPost, url: responseURL,
		body: encode(v221.CommandResult{Result: result}), from: from, to: to, corr: corr, retry: untilSent,
	})
	if err != nil && ctx.Err() == nil {
		c.log.Warn("the result of a command was not acknowledged", "err", err)
	}
}

// HoldResults makes commands wait before they are done and their results are
// sent, until release is called.
func (c *CPO) HoldResults() (release func()) {
	ch := make(chan struct{})
	c.mu.Lock()
	c.held = ch
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held == ch {
			c.held = nil
			close(ch)
		}
	}
}

func (c *CPO) waitForRelease(ctx context.Context) {
	c.mu.Lock()
	ch := c.held
	c.mu.Unlock()
	if ch == nil {
		return
	}
	select {
	case <-ch:
	case <-ctx.Done():
	}
}
