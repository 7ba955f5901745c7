package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// Errors of starting a session.
var (
	// ErrOccupied: the EVSE is not free for this token.
	ErrOccupied = errors.New("the EVSE is not available")
)

// Outcome is what came of a driver who held a token to a reader.
type Outcome struct {
	Allowed   string // of the eMSP: ALLOWED, BLOCKED, …; empty where the token is unknown
	SessionID string // empty where no session has started
}

// Tap is a driver who holds an RFID token to the reader of an EVSE. The operator
// asks for authorisation without naming an eMSP, since it does not know whose
// token it is, and starts a session if it is allowed. An error means that there
// was no answer; nothing has started then.
func (c *CPO) Tap(ctx context.Context, at Place, uid string) (Outcome, error) {
	if _, _, _, err := c.find(at); err != nil {
		return Outcome{}, err
	}
	a, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.Tokens, ocpi.Sender}, method: http.MethodPost, path: []string{uid, "authorize"},
		query: query("type", string(v221.RFID)),
		body:  encode(v221.LocationReferences{LocationID: at.Location, EVSEUIDs: []string{at.EVSE}}),
		from:  at.Operator,
	})
	if f := (*ExchangeError)(nil); errors.As(err, &f) && (f.Status == ocpi.StatusUnknownToken || f.Status == ocpi.StatusUnknownReceiver) {
		return Outcome{}, nil
	}
	if err != nil {
		return Outcome{}, fmt.Errorf("asking for authorisation: %w", err)
	}
	var info v221.AuthorizationInfo
	if err := json.Unmarshal(a.Data, &info); err != nil {
		return Outcome{}, fmt.Errorf("reading the authorisation: %w", err)
	}
	out := Outcome{Allowed: string(info.Allowed)}
	if info.Allowed != v221.Allowed {
		return out, nil
	}
	t, err := readToken(info.Token)
	if err != nil {
		return out, fmt.Errorf("reading the authorised token: %w", err)
	}
	out.SessionID, err = c.begin(at, t, string(v221.AuthRequest), info.AuthorizationReference)
	return out, err
}

// running is a session at the operator, from its start on.
type running struct {
	op      *operator
	site    *site
	evse    int
	tariff  Tariff
	plan    plan
	session Session
	cdr     *CDR   // when it has ended
	fair    Amount // what it costs by the tariff, when it has ended
	bill    BillState
	visit   []string      // names the session, for what is drawn later
	stop    chan struct{} // closed by a stop
	stopped bool
}

// BillState is how far the CDR of a session has come.
type BillState struct {
	Acknowledged bool
	Location     string // where the receiver keeps it
	Err          error  // why it was not acknowledged
}

// plan is what a vehicle will do. It depends on the seed, the EVSE, the token and
// how often they have met, so that a run can be repeated.
type plan struct {
	energy  decimal.Decimal // kWh
	charge  time.Duration
	parking time.Duration
}

// tick is the resolution of simulated meters: 0.01 h, so that hours have few
// decimals and prices by the hour can be checked exactly.
const tick = 36 * time.Second

func newPlan(rng *rand.Rand, watts int, fast bool) plan {
	kw := float64(max(watts, 1000)) / 1000 * (0.6 + 0.35*rng.Float64())
	kwh := 4 + 36*rng.Float64()
	if fast {
		kwh = 12 + 48*rng.Float64()
		kw = min(kw, 120)
	}
	kwh = min(kwh, kw*8)
	p := plan{charge: time.Duration(kwh/kw*3600) * time.Second}
	p.charge = max(tick, p.charge.Round(tick))
	p.energy = decimal.MustNew(int64(kwh*1000), 3).Trim(0)
	if rng.IntN(3) > 0 {
		p.parking = time.Duration(rng.IntN(60)) * tick
	}
	return p
}

// hours returns whole ticks in hours.
func hours(d time.Duration) decimal.Decimal {
	return decimal.MustNew(int64(d/tick), 2).Trim(0)
}

// begin starts a session of t at a place and returns its id.
func (c *CPO) begin(at Place, t Token, auth, reference string) (string, error) {
	op, s, i, err := c.find(at)
	if err != nil {
		return "", err
	}
	e, err := c.occupy(s, i, t)
	if err != nil {
		return "", err
	}
	k := 0
	for n, conn := range e.Connectors {
		if conn.ID == at.Connector {
			k = n
		}
	}
	conn := e.Connectors[k]
	c.mu.Lock()
	visit := op.Party.ID + "/" + e.UID + "/" + t.UID
	c.visits[visit]++
	names := []string{visit, strconv.Itoa(c.visits[visit])}
	rng := random(c.cfg.Seed, names...)
	now := c.cfg.Clock.Now().Truncate(time.Second)
	r := &running{
		op: op, site: s, evse: i, tariff: op.tariffs[conn.TariffID], plan: newPlan(rng, conn.Watts, conn.DC),
		visit: names, stop: make(chan struct{}),
		session: Session{
			Operator: op.Party, ID: newID(rng), Start: now, Token: t.ref(), AuthMethod: auth, AuthorizationReference: reference,
			LocationID: s.ID, EVSEUID: e.UID, ConnectorID: conn.ID, Currency: "USD", Status: SessionActive, Updated: now,
		},
	}
	if r.tariff.Currency != "" {
		r.session.Currency = r.tariff.Currency
	}
	c.sessions[r.session.ID] = r
	c.order = append(c.order, r)
	c.mu.Unlock()
	c.work(func(ctx context.Context) { c.run(ctx, r) })
	return r.session.ID, nil
}

// newID returns an id of 20 characters. It is drawn from the session's own source,
// so that it is the same in a repeated run.
func newID(rng *rand.Rand) string {
	return fmt.Sprintf("%08X-%011X", rng.Uint32(), rng.Uint64()>>20)
}

// occupy makes an EVSE charge for t if it is free or reserved for t.
func (c *CPO) occupy(s *site, i int, t Token) (EVSE, error) {
	c.mu.Lock()
	var mine *reservation
	for _, res := range c.reservations {
		if res.site == s && res.evse == i && res.token.ref() == t.ref() {
			mine = res
		}
	}
	c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := &s.EVSEs[i]
	if e.Status != Available && (e.Status != Reserved || mine == nil) {
		return *e, ErrOccupied
	}
	c.mark(s, i, Charging)
	if mine != nil {
		c.forget(mine)
	}
	return *e, nil
}

// run is the life of a session from the first report to the bill.
func (c *CPO) run(ctx context.Context, r *running) {
	tell := func(err error) {
		if err != nil && ctx.Err() == nil {
			c.log.Warn("a partner was not told", "session", r.session.ID, "err", err)
		}
	}
	tell(c.pushStatus(ctx, r.op, r.site, r.evse))
	tell(c.putSession(ctx, r))
	charged, stopped := c.charge(ctx, r, tell)
	var parked time.Duration
	if !stopped {
		parked = c.park(ctx, r)
	}
	if ctx.Err() != nil {
		return
	}
	c.finish(r, charged, parked)
	tell(c.putSession(ctx, r))
	c.setFree(r)
	tell(c.pushStatus(ctx, r.op, r.site, r.evse))
	c.postCDR(ctx, r)
}

// charge lets the planned energy flow in steps and reports each. It ends early
// at a stop.
func (c *CPO) charge(ctx context.Context, r *running, tell func(error)) (charged time.Duration, stopped bool) {
	for n := 1; n <= c.steps; n++ {
		until := r.plan.charge
		if n < c.steps {
			until = (r.plan.charge * time.Duration(n) / time.Duration(c.steps)).Truncate(tick)
		}
		if until == charged {
			continue
		}
		if stopped = c.pause(ctx, r, until-charged); stopped {
			break
		}
		p := c.meter(r, charged, until)
		charged = until
		tell(c.patchSession(ctx, r, p))
	}
	return charged, stopped
}

// park keeps a full vehicle connected for its planned time, or until the session
// is stopped, and returns the time to bill. On an accelerated clock that is the
// planned time in either case, since the moment of a stop cannot be repeated.
func (c *CPO) park(ctx context.Context, r *running) time.Duration {
	began := time.Now()
	if c.pause(ctx, r, r.plan.parking) && c.cfg.Clock == nil {
		return min(time.Since(began).Truncate(tick), r.plan.parking)
	}
	return r.plan.parking
}

// pause waits and reports whether the session was stopped meanwhile.
func (c *CPO) pause(ctx context.Context, r *running, d time.Duration) bool {
	t := time.NewTimer(c.cfg.Clock.Real(d))
	defer t.Stop()
	select {
	case <-t.C:
		return false
	case <-r.stop:
		return true
	case <-ctx.Done():
		return true
	}
}

// meter adds the period from one duration to another to the session.
func (c *CPO) meter(r *running, from, to time.Duration) Period {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := r.session.Energy
	r.session.Energy = share(r.plan.energy, to, r.plan.charge)
	used, err := r.session.Energy.Sub(before)
	if err != nil {
		used = decimal.Zero // kWh of a session are far from 19 digits
	}
	p := Period{
		Start: r.session.Start.Add(from), TariffID: r.tariff.ID,
		Usage: Usage{Energy: used, Charging: hours(to - from)},
	}
	r.session.Periods = append(r.session.Periods, p)
	c.touch(r, to)
	return p
}

// share returns the part of all that flows in the first d of whole, to the Wh.
func share(all decimal.Decimal, d, whole time.Duration) decimal.Decimal {
	if d >= whole {
		return all
	}
	part, err := all.Mul(decimal.MustNew(int64(d/tick), 0))
	if err == nil {
		part, err = part.Quo(decimal.MustNew(int64(whole/tick), 0))
	}
	if err != nil {
		return decimal.Zero // as above
	}
	return part.Round(3).Trim(0)
}

// touch prices the session as it stands and dates it at its simulated time, or
// later where the last change was later; c.mu is held.
func (c *CPO) touch(r *running, elapsed time.Duration) {
	u := Usage{Energy: r.session.Energy}
	for _, p := range r.session.Periods {
		u.Charging = sum(u.Charging, p.Usage.Charging)
		u.Parking = sum(u.Parking, p.Usage.Parking)
	}
	if cost, err := Price(r.tariff, u); err == nil {
		r.session.Cost = &cost.Total
	}
	t := r.session.Start.Add(elapsed)
	if now := time.Now().UTC(); t.After(now) {
		t = now.Truncate(time.Millisecond)
	}
	if !t.After(r.session.Updated) {
		t = r.session.Updated.Add(time.Millisecond)
	}
	r.session.Updated = t
}

func sum(a, b decimal.Decimal) decimal.Decimal {
	s, err := a.Add(b)
	if err != nil {
		return a // hours of a session are far from 19 digits
	}
	return s
}

// finish ends the session and makes its CDR.
func (c *CPO) finish(r *running, charged, parked time.Duration) {
	site := r.site.snapshot()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &r.session
	if parked > 0 {
		s.Periods = append(s.Periods, Period{
			Start: s.Start.Add(charged), TariffID: r.tariff.ID, Usage: Usage{Parking: hours(parked)},
		})
	}
	if len(s.Periods) == 0 { // stopped at once
		s.Periods = []Period{{Start: s.Start, TariffID: r.tariff.ID}}
	}
	s.Status = SessionCompleted
	s.End = s.Start.Add(charged + parked)
	c.touch(r, charged+parked)
	e := site.EVSEs[r.evse]
	for _, conn := range e.Connectors {
		if conn.ID == s.ConnectorID {
			e.Connectors = []Connector{conn}
		}
	}
	site.EVSEs = []EVSE{e}
	r.cdr = &CDR{
		Operator: s.Operator, ID: "CDR-" + s.ID, SessionID: s.ID, Start: s.Start, End: s.End, Token: s.Token,
		AuthMethod: s.AuthMethod, AuthorizationReference: s.AuthorizationReference, Site: site, Currency: s.Currency,
		Periods: s.Periods, Usage: Usage{Energy: s.Energy, Charging: hours(charged), Parking: hours(parked)}, Updated: s.Updated,
	}
	if r.tariff.ID != "" {
		r.cdr.Tariffs = []Tariff{r.tariff}
	}
	cost, err := Price(r.tariff, r.cdr.Usage)
	if err == nil {
		r.fair = cost.Total
		cost, err = r.op.Overcharge.bill(cost, c.cfg.Seed, r.visit...)
	}
	if err != nil {
		c.log.Error("a session cannot be priced", "session", s.ID, "err", err)
	}
	r.cdr.Cost = cost
}

// setFree makes the EVSE of a session available again.
func (c *CPO) setFree(r *running) {
	r.site.mu.Lock()
	defer r.site.mu.Unlock()
	c.mark(r.site, r.evse, Available)
}

// stopSession ends a session early; it is false where none runs under the id.
func (c *CPO) stopSession(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.sessions[id]
	if r == nil || r.session.Status != SessionActive || r.stopped {
		return false
	}
	r.stopped = true
	close(r.stop)
	return true
}
