package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/api/client"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/afdc"
)

// Options say how a demo runs.
type Options struct {
	// Command runs a hub, which the demo configures by its environment: the
	// program and its arguments.
	Command []string
	Seed    uint64
	// Speed is how fast simulated time runs, as a factor; default 9600: a day in
	// nine seconds.
	Speed float64
	// Drivers is how many try to charge; default 320.
	Drivers int
	// States and Networks narrow the stations; empty: all.
	States, Networks []string
	// KillHub kills the hub in the middle of the run and starts it again.
	KillHub bool
	// Dir is where data and log of the hub stay. Empty: a temporary directory that
	// Close removes.
	Dir      string
	Progress Progress
	Log      *slog.Logger // of the simulators; nil: silent
}

// The defaults of Options.
const (
	defaultSpeed   = 9600
	defaultDrivers = 320
)

// past is how far back the simulated day begins: enough that it does not reach
// the present on a slow machine.
const past = 20 * 24 * time.Hour

// Demo is a hub with partners around it.
type Demo struct {
	opt       Options
	dir       string
	temporary bool
	hub       *hub
	admin     *client.Client
	imported  *afdc.Result
	platforms []platform
	providers []provider
	clock     *sim.Clock
	cpos      []*sim.CPO
	emsps     []*sim.EMSP
	plan
	size  size
	began time.Time
	kept  kept
	books books

	mu       sync.Mutex
	stops    map[sessionKey]stopper // sessions that their drivers stop by app
	outcomes []outcome
	problems []string
}

// size is how much there is to publish.
type size struct{ sites, evses, tariffs, tokens int }

// New starts a hub and the simulators. Close must be called, whatever happens
// next.
func New(ctx context.Context, opt Options) (*Demo, error) {
	if opt.Speed <= 0 {
		opt.Speed = defaultSpeed
	}
	if opt.Drivers <= 0 {
		opt.Drivers = defaultDrivers
	}
	if opt.Progress == nil {
		opt.Progress = silent{}
	}
	d := &Demo{opt: opt, dir: opt.Dir, providers: providers(), began: time.Now(), stops: make(map[sessionKey]stopper)}
	var err error
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "eroam-demo-"); err != nil {
			return nil, fmt.Errorf("making a directory for the hub: %w", err)
		}
		d.temporary = true
	} else if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making a directory for the hub: %w", err)
	}
	if err := d.open(ctx); err != nil {
		d.temporary = false // the log says more
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Demo) open(ctx context.Context) error {
	stage := d.opt.Progress.Stage("reading stations", 0)
	var err error
	d.imported, err = afdc.Stations(afdc.Options{States: d.opt.States, Networks: d.opt.Networks})
	if err != nil {
		return err
	}
	r := d.imported.Report
	stage.Done(fmt.Sprintf("%d stations of %d networks: %d sites, %d EVSEs", r.Stations, len(d.imported.Operators), r.Sites, r.EVSEs))
	d.platforms = platforms(d.imported.Operators, d.opt.States)
	stage = d.opt.Progress.Stage("starting the hub", 0)
	d.hub = &hub{command: d.opt.Command, dir: d.dir, token: "demo-" + rand.Text()}
	if err := d.hub.start(ctx); err != nil {
		return err
	}
	if d.admin, err = client.New(d.hub.url(), d.hub.token); err != nil {
		return err
	}
	stage.Done("at " + d.hub.url())
	return d.startPartners()
}

// startPartners starts the simulators; nobody is connected yet.
func (d *Demo) startPartners() error {
	d.plan = newPlan(d.opt.Drivers, d.opt.Seed, d.platforms, d.providers)
	d.measure()
	d.clock = sim.NewClock(time.Now().Add(-past), d.opt.Speed)
	config := func(name string, v ocpi.Version) sim.Config {
		return sim.Config{Name: name, Version: v, Seed: d.opt.Seed, Clock: d.clock, Log: d.opt.Log}
	}
	for _, p := range d.platforms {
		var operators []sim.Operator
		for _, o := range p.operators {
			operators = append(operators, o.Operator)
		}
		c, err := sim.NewCPO(sim.CPOConfig{Config: config(p.name, p.version), Operators: operators, Steps: steps})
		if err != nil {
			return err
		}
		d.cpos = append(d.cpos, c)
	}
	for i, p := range d.providers {
		e, err := sim.NewEMSP(sim.EMSPConfig{
			Config: config(p.name, p.version), Party: p.party, Title: p.name, Tokens: d.tokens[i],
			OnSession: func(s sim.SessionPush) { d.onSession(i, s) },
		})
		if err != nil {
			return err
		}
		d.emsps = append(d.emsps, e)
	}
	return nil
}

// measure counts what there is to publish.
func (d *Demo) measure() {
	for _, p := range d.platforms {
		for _, o := range p.operators {
			d.size.sites += len(o.Sites)
			d.size.tariffs += len(o.Tariffs)
			for _, s := range o.Sites {
				d.size.evses += len(s.EVSEs)
			}
		}
	}
	for _, t := range d.tokens {
		d.size.tokens += len(t)
	}
}

// Run does everything and returns what came of it. The error is only about what
// kept the run from ending; what went wrong on the way is in the result.
func (d *Demo) Run(ctx context.Context) (*Result, error) {
	for _, step := range []func(context.Context) error{d.connect, d.publish, d.drive, d.settle, d.audit} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return d.check(), nil
}

// connect invites all platforms, agrees on everything between every operator and
// every provider, and registers the platforms.
func (d *Demo) connect(ctx context.Context) error {
	agreements := 0
	for _, p := range d.platforms {
		agreements += len(p.operators) * len(d.providers)
	}
	if err := d.pin(ctx); err != nil {
		return err
	}
	stage := d.opt.Progress.Stage("connecting partners", len(d.cpos)+len(d.emsps)+agreements)
	for i, c := range d.cpos {
		if err := d.register(ctx, d.platforms[i].name, c.Platform); err != nil {
			return err
		}
		stage.Step()
	}
	for i, e := range d.emsps {
		if err := d.register(ctx, d.providers[i].name, e.Platform); err != nil {
			return err
		}
		stage.Step()
	}
	for _, p := range d.platforms {
		for _, o := range p.operators {
			for _, e := range d.providers {
				id := o.Party.String() + "_" + e.party.String()
				if _, err := d.admin.PutAgreement(ctx, id, terms(o.Party, e.party)); err != nil {
					return fmt.Errorf("agreeing %s with %s: %w", o.Party, e.party, err)
				}
				stage.Step()
			}
		}
	}
	stage.Done(fmt.Sprintf("%d operators on %d platforms and %d providers, %d agreements",
		agreements/len(d.providers), len(d.cpos), len(d.emsps), agreements))
	return nil
}

func ref(p ocpi.PartyID) api.PartyRef {
	return api.PartyRef{CountryCode: p.CountryCode, PartyID: p.ID}
}

// register invites a platform and has it exchange credentials.
func (d *Demo) register(ctx context.Context, name string, p *sim.Platform) error {
	in := api.Invitation{Name: name}
	for _, party := range p.Parties() {
		in.Parties = append(in.Parties, api.Grant{PartyRef: ref(party.ID), Role: string(party.Role), Name: party.Name})
	}
	invited, err := d.admin.Invite(ctx, in)
	if err != nil {
		return fmt.Errorf("inviting %s: %w", name, err)
	}
	if err := p.Register(ctx, invited.VersionsURL, invited.TokenA); err != nil {
		return fmt.Errorf("registering %s: %w", name, err)
	}
	return nil
}

// publish has every platform push what it has, and waits until everybody has it.
func (d *Demo) publish(ctx context.Context) error {
	all := d.size
	stage := d.opt.Progress.Stage("publishing stations and tokens", all.sites+all.tariffs)
	began := time.Now()
	var wg sync.WaitGroup
	for i, e := range d.emsps {
		wg.Go(func() { d.note(d.providers[i].name, e.PublishTokens(ctx)) })
	}
	for i, c := range d.cpos {
		wg.Go(func() { d.note(d.platforms[i].name, c.Publish(ctx, stage.Step)) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	took := time.Since(began)
	stage.Done(fmt.Sprintf("%d sites, %d tariffs and %d tokens in %.1f s", all.sites, all.tariffs, all.tokens, took.Seconds()))
	stage = d.opt.Progress.Stage("waiting for the broadcasts", 0)
	began = time.Now()
	complete := d.waitFor(ctx, broadcastLimit, func() bool {
		for _, e := range d.emsps {
			if got := e.Received(); got.Locations < all.sites || got.Tariffs < all.tariffs {
				return false
			}
		}
		for _, c := range d.cpos {
			if c.Tokens() < all.tokens {
				return false
			}
		}
		return true
	})
	if !complete && ctx.Err() == nil {
		d.problem("the broadcasts did not arrive within %s", broadcastLimit)
	}
	stage.Done(fmt.Sprintf("%d providers have all of it after %.1f s more", len(d.emsps), time.Since(began).Seconds()))
	return ctx.Err()
}

// broadcastLimit is how long publications may take to reach everybody.
const broadcastLimit = 60 * time.Second

// waitFor waits until f is true, for limit at most.
func (d *Demo) waitFor(ctx context.Context, limit time.Duration, f func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if f() {
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return f()
		}
	}
}

// maxProblems bounds the list of problems.
const maxProblems = 50

func (d *Demo) problem(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.problems) < maxProblems {
		d.problems = append(d.problems, fmt.Sprintf(format, args...))
	}
}

func (d *Demo) note(who string, err error) {
	if err != nil {
		d.problem("%s: %v", who, err)
	}
}

// Hub says where the hub is and how to administer it.
func (d *Demo) Hub() (url, metricsURL, adminToken, dir string) {
	return d.hub.url(), "http://" + d.hub.metrics + "/metrics", d.hub.token, d.dir
}

// Close ends the partners and the hub, and removes the hub's data unless it was to
// be kept.
func (d *Demo) Close() error {
	var wg sync.WaitGroup
	for _, c := range d.cpos {
		wg.Go(c.Close)
	}
	for _, e := range d.emsps {
		wg.Go(e.Close)
	}
	wg.Wait()
	var err error
	if d.hub != nil {
		err = d.hub.stop()
	}
	if d.temporary {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}
