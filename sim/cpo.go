package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// CPOConfig is a simulated platform of one or several charge point operators.
type CPOConfig struct {
	Config
	Operators []Operator
	// Steps is how often a running session is updated; default 3.
	Steps int
	// PullOnly is a platform that never pushes locations and tariffs: partners
	// have to fetch its lists.
	PullOnly bool
}

// CPO is a platform of charge point operators.
type CPO struct {
	*Platform
	steps     int
	pullOnly  bool
	operators []*operator
	byParty   map[ocpi.PartyID]*operator

	mu           sync.Mutex // of what follows
	tokens       map[tokenKey]Token
	clients      map[ocpi.PartyID]string
	sessions     map[string]*running // by id
	order        []*running          // by start
	visits       map[string]int      // sessions so far, by EVSE and token
	reservations map[string]*reservation
	busy         int
	idle         chan struct{} // closed when busy falls to 0
	held         chan struct{} // closed when results may go out; nil: not held
}

type operator struct {
	Operator
	sites   []*site
	byID    map[string]*site
	tariffs map[string]Tariff
}

// site is a site in its present state. push orders what is sent about it and is
// taken before mu.
type site struct {
	push sync.Mutex
	mu   sync.Mutex
	Site
	acknowledged time.Time // the last_updated that the peer has acknowledged
}

type tokenKey struct {
	issuer    ocpi.PartyID
	uid, kind string
}

// Place is where a driver plugs in. An empty Connector is the first of the EVSE.
type Place struct {
	Operator  ocpi.PartyID
	Location  string
	EVSE      string
	Connector string
}

// NewCPO starts a platform of charge point operators. It listens when NewCPO
// returns; nobody knows it before it is registered.
func NewCPO(cfg CPOConfig) (*CPO, error) {
	var parties []Party
	c := &CPO{
		steps: cfg.Steps, pullOnly: cfg.PullOnly, byParty: make(map[ocpi.PartyID]*operator), tokens: make(map[tokenKey]Token),
		clients: make(map[ocpi.PartyID]string), sessions: make(map[string]*running), visits: make(map[string]int),
		reservations: make(map[string]*reservation),
	}
	if c.steps <= 0 {
		c.steps = 3
	}
	for _, o := range cfg.Operators {
		parties = append(parties, Party{ID: o.Party, Role: ocpi.RoleCPO, Name: o.Name})
		op := &operator{Operator: o, byID: make(map[string]*site, len(o.Sites)), tariffs: make(map[string]Tariff, len(o.Tariffs))}
		for _, s := range o.Sites {
			st := &site{Site: s}
			st.EVSEs = slices.Clone(s.EVSEs)
			op.sites = append(op.sites, st)
			op.byID[ocpi.FoldID(s.ID)] = st
		}
		for _, t := range o.Tariffs {
			op.tariffs[t.ID] = t
		}
		c.operators = append(c.operators, op)
		c.byParty[o.Party] = op
	}
	var err error
	if c.Platform, err = newPlatform(cfg.Config, parties); err != nil {
		return nil, err
	}
	c.handlers[endpoint{ocpi.Locations, ocpi.Sender}] = c.serveLocations
	c.handlers[endpoint{ocpi.Tariffs, ocpi.Sender}] = c.serveTariffs
	c.handlers[endpoint{ocpi.Sessions, ocpi.Sender}] = c.serveSessions
	c.handlers[endpoint{ocpi.CDRs, ocpi.Sender}] = c.serveCDRs
	c.handlers[endpoint{ocpi.Tokens, ocpi.Receiver}] = c.serveTokens
	c.handlers[endpoint{ocpi.Commands, ocpi.Receiver}] = c.serveCommand
	c.handlers[endpoint{ocpi.HubClientInfo, ocpi.Receiver}] = c.serveClientInfo
	return c, c.start()
}

// publishers is how many objects a CPO publishes at a time.
const publishers = 8

// Publish pushes all tariffs and sites to the peer: to all partners where the
// peer is a hub. done, which may be nil, is called after each object from several
// goroutines. The error joins the first failures; the others are in the journal.
// A platform that is pull-only does nothing.
func (c *CPO) Publish(ctx context.Context, done func()) error {
	if c.pullOnly {
		return nil
	}
	var jobs []func() error
	for _, op := range c.operators {
		for _, t := range op.Tariffs {
			jobs = append(jobs, func() error { return c.putTariff(ctx, op, t) })
		}
	}
	for _, op := range c.operators {
		for _, s := range op.sites {
			jobs = append(jobs, func() error {
				s.push.Lock()
				defer s.push.Unlock()
				return c.putSite(ctx, op, s)
			})
		}
	}
	return parallel(jobs, publishers, done)
}

// parallel runs jobs, n at a time and in order of their start, and joins the first
// ten errors.
func parallel(jobs []func() error, n int, done func()) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	work := make(chan func() error)
	for range n {
		wg.Go(func() {
			for job := range work {
				if err := job(); err != nil {
					mu.Lock()
					if len(errs) < 10 {
						errs = append(errs, err)
					}
					mu.Unlock()
				}
				if done != nil {
					done()
				}
			}
		})
	}
	for _, job := range jobs {
		work <- job
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}

func (c *CPO) putTariff(ctx context.Context, op *operator, t Tariff) error {
	_, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.Tariffs, ocpi.Receiver}, method: http.MethodPut,
		path: []string{op.Party.CountryCode, op.Party.ID, t.ID}, body: encode(c.wire.tariff(op.Party, t)),
		from: op.Party, to: c.peerParty(), retry: untilDone,
	})
	if err != nil {
		return fmt.Errorf("publishing tariff %s of %s: %w", t.ID, op.Party, err)
	}
	return nil
}

// putSite pushes the present state of a site; s.push is held.
func (c *CPO) putSite(ctx context.Context, op *operator, s *site) error {
	now := s.snapshot()
	_, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.Locations, ocpi.Receiver}, method: http.MethodPut,
		path: []string{op.Party.CountryCode, op.Party.ID, now.ID}, body: encode(locationOf(c.wire, op.Operator, now)),
		from: op.Party, to: c.peerParty(), retry: untilDone,
	})
	if err != nil {
		return fmt.Errorf("publishing location %s of %s: %w", now.ID, op.Party, err)
	}
	s.acknowledge(now.Updated)
	return nil
}

func (s *site) acknowledge(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acknowledged = t
}

// snapshot returns a copy that no later change touches. Connectors never change.
func (s *site) snapshot() Site {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.Site
	out.EVSEs = slices.Clone(s.EVSEs)
	return out
}

// SetStatus changes the status of an EVSE and tells the partners: by PATCH, and
// where that fails by PUT of the whole site, tried until it arrives.
func (c *CPO) SetStatus(ctx context.Context, at Place, status Status) error {
	op, s, i, err := c.find(at)
	if err != nil {
		return err
	}
	s.mu.Lock()
	c.mark(s, i, status)
	s.mu.Unlock()
	return c.pushStatus(ctx, op, s, i)
}

// mark changes a status and the times of EVSE and site; s.mu is held.
func (c *CPO) mark(s *site, i int, status Status) {
	e := &s.EVSEs[i]
	e.Status = status
	e.Updated = c.cfg.Clock.after(e.Updated)
	if e.Updated.After(s.Updated) {
		s.Updated = e.Updated
	}
}

func (c *CPO) pushStatus(ctx context.Context, op *operator, s *site, i int) error {
	if c.pullOnly {
		return nil
	}
	s.push.Lock()
	defer s.push.Unlock()
	now := s.snapshot()
	e := now.EVSEs[i]
	_, err := c.send(ctx, request{
		endpoint: endpoint{ocpi.Locations, ocpi.Receiver}, method: http.MethodPatch,
		path: []string{op.Party.CountryCode, op.Party.ID, now.ID, e.UID},
		body: encode(statusPatch{Status: e.Status, LastUpdated: ocpi.NewDateTime(e.Updated)}),
		from: op.Party, to: c.peerParty(), retry: once,
	})
	if err != nil {
		return c.putSite(ctx, op, s)
	}
	s.acknowledge(now.Updated)
	return nil
}

type statusPatch struct {
	Status      Status        `json:"status"`
	LastUpdated ocpi.DateTime `json:"last_updated"`
}

// find returns the site of a place and the index of its EVSE.
func (c *CPO) find(at Place) (*operator, *site, int, error) {
	op := c.byParty[at.Operator]
	if op == nil {
		return nil, nil, 0, fmt.Errorf("%s is not an operator of %s", at.Operator, c.Name())
	}
	s := op.byID[ocpi.FoldID(at.Location)]
	if s == nil {
		return nil, nil, 0, fmt.Errorf("%s has no location %q", at.Operator, at.Location)
	}
	i := slices.IndexFunc(s.EVSEs, func(e EVSE) bool { return ocpi.FoldID(e.UID) == ocpi.FoldID(at.EVSE) })
	if i < 0 {
		return nil, nil, 0, fmt.Errorf("location %s of %s has no EVSE %q", at.Location, at.Operator, at.EVSE)
	}
	return op, s, i, nil
}

// SiteState is a site as the operator knows it.
type SiteState struct {
	Operator ocpi.PartyID
	Site     Site
	// Acknowledged reports whether the peer has acknowledged this very state.
	Acknowledged bool
}

// Sites returns the present state of every site.
func (c *CPO) Sites() []SiteState {
	var out []SiteState
	for _, op := range c.operators {
		for _, s := range op.sites {
			now := s.snapshot()
			s.mu.Lock()
			ack := s.acknowledged
			s.mu.Unlock()
			out = append(out, SiteState{op.Party, now, !ack.IsZero() && ack.Equal(now.Updated)})
		}
	}
	return out
}

// Tokens returns how many tokens the platform has received.
func (c *CPO) Tokens() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.tokens)
}

// KnownTokens returns the tokens that the platform has received, in no order.
func (c *CPO) KnownTokens() []Token {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.tokens))
}

// Free returns the EVSEs that a driver can start with a card now.
func (c *CPO) Free() []Place {
	var out []Place
	for _, op := range c.operators {
		for _, s := range op.sites {
			for _, e := range s.snapshot().EVSEs {
				if e.RFID && e.Status == Available {
					out = append(out, Place{Operator: op.Party, Location: s.ID, EVSE: e.UID})
				}
			}
		}
	}
	return out
}

// Wait returns when no session is running and no CDR is on its way, or with the
// error of ctx.
func (c *CPO) Wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		busy, idle := c.busy, c.idle
		c.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// work runs f in the background and counts it as busy.
func (c *CPO) work(f func(ctx context.Context)) {
	c.mu.Lock()
	if c.busy++; c.busy == 1 {
		c.idle = make(chan struct{})
	}
	c.mu.Unlock()
	end := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.busy--; c.busy == 0 {
			close(c.idle)
		}
	}
	if !c.do(func(ctx context.Context) {
		defer end()
		f(ctx)
	}) {
		end()
	}
}

// query returns the values of the given names and values in turn.
func query(kv ...string) url.Values {
	q := make(url.Values)
	for i := 0; i+1 < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	return q
}
