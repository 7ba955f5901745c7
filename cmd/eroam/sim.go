package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/afdc"
)

// SimCmd runs a simulated partner.
type SimCmd struct {
	CPO  SimCPOCmd  `cmd:"" name:"cpo" help:"Charge point operators with real US stations: publish them, answer commands, charge, send bills."`
	EMSP SimEMSPCmd `cmd:"" name:"emsp" help:"A provider: publish tokens, start sessions, keep and check what arrives."`
}

// Help is shown under the usage line.
func (SimCmd) Help() string {
	return `Simulated partners speak OCPI over HTTP with any hub or partner. They run until Ctrl-C and end with a summary.

Examples:

  $ eroam sim cpo --versions-url http://127.0.0.1:8080/ocpi/versions --token TOKEN_A --network 'Blink Network' --state WA
  $ eroam sim emsp --versions-url http://127.0.0.1:8080/ocpi/versions --token TOKEN_A --party 'US*EGM' --ocpi 2.3.0`
}

// simFlags are the flags of both kinds of partner.
type simFlags struct {
	VersionsURL string  `name:"versions-url" placeholder:"URL" help:"Versions URL of the hub or partner to register with."`
	Token       string  `env:"EROAM_SIM_TOKEN" placeholder:"TOKEN_A" help:"Its registration token. Without --versions-url: the token with which others may register here."`
	OCPI        string  `name:"ocpi" enum:"2.2.1,2.3.0" default:"2.2.1" help:"OCPI version: ${enum}."`
	Encoding    string  `enum:"base64,raw" default:"base64" help:"How tokens are written in the Authorization header: ${enum}."`
	Listen      string  `default:"127.0.0.1:0" help:"Address and port to listen on."`
	Seed        uint64  `default:"1" help:"Another seed gives other sessions and faults."`
	Speed       float64 `default:"60" help:"How fast simulated time runs, as a factor; 1 is real time."`
	Verbose     bool    `short:"v" help:"Log what the partner notices."`

	Slow      float64       `help:"Probability of a slow answer."`
	SlowFor   time.Duration `default:"10s" help:"How slow."`
	Refuse    float64       `help:"Probability of closing the connection without an answer."`
	Error     float64       `help:"Probability of HTTP 500."`
	TooMany   float64       `help:"Probability of HTTP 429."`
	Garbage   float64       `help:"Probability of an answer that is not OCPI."`
	Truncated float64       `help:"Probability of an answer that is cut off."`
	Shift     float64       `help:"Probability that the objects of a list have moved between its pages."`
	PageLimit int           `default:"100" help:"Most objects on a page of a list."`
	Vanish    time.Duration `help:"Stop listening for half a minute, again and again after this time."`
}

func (f *simFlags) config(s Streams, name string) sim.Config {
	c := sim.Config{
		Name: name, Version: ocpi.Version(f.OCPI), Encoding: ocpi.TokenEncoding(f.Encoding), Listen: f.Listen, Seed: f.Seed,
		Faults: sim.Faults{
			Slow: f.Slow, SlowFor: f.SlowFor, Refuse: f.Refuse, Error: f.Error, TooMany: f.TooMany, Garbage: f.Garbage, Truncated: f.Truncated, Shift: f.Shift,
		},
		PageLimit: f.PageLimit,
	}
	if f.Speed > 1 {
		// Simulated time reaches the present after a day of running.
		c.Clock = sim.NewClock(time.Now().Add(-time.Duration(24*float64(time.Hour)*min(f.Speed, 10_000))), f.Speed)
	}
	if f.Verbose {
		c.Log = slog.New(slog.NewTextHandler(s.Err, nil))
	}
	return c
}

// connect registers the partner, or waits until somebody has registered with it.
func (f *simFlags) connect(ctx context.Context, p *sim.Platform, s Streams) error {
	fmt.Fprintf(s.Out, "%s listens at %s\n", p.Name(), p.VersionsURL())
	if f.Token == "" {
		return errors.New("--token is missing")
	}
	if f.VersionsURL != "" {
		return p.Register(ctx, f.VersionsURL, f.Token)
	}
	p.Expect(f.Token)
	fmt.Fprintln(s.Out, "waiting to be registered")
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !p.Registered() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// away is how long a partner that vanishes is gone.
const away = 30 * time.Second

// work does something again and again until ctx ends: act perMinute times in a
// minute, tell every ten seconds.
func (f *simFlags) work(ctx context.Context, p *sim.Platform, perMinute float64, act, tell func()) error {
	report := time.NewTicker(10 * time.Second)
	defer report.Stop()
	actions := ticks(perMinute)
	vanish := time.NewTicker(orNever(f.Vanish))
	defer vanish.Stop()
	var back <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-actions:
			act()
		case <-report.C:
			tell()
		case <-vanish.C:
			p.Disappear()
			back = time.After(away)
		case <-back:
			if err := p.Return(); err != nil {
				return err
			}
		}
	}
}

func ticks(perMinute float64) <-chan time.Time {
	if perMinute <= 0 {
		return nil
	}
	return time.Tick(time.Duration(float64(time.Minute) / perMinute))
}

func orNever(d time.Duration) time.Duration {
	if d <= 0 {
		return 1 << 62
	}
	return d
}

// SimCPOCmd is a platform of charge point operators.
type SimCPOCmd struct {
	simFlags `embed:""`
	Network  []string `placeholder:"NAME" help:"Networks of the register, such as 'Blink Network'; default: all. Several are several parties on this platform."`
	State    []string `placeholder:"WA" help:"States of the register."`
	Data     string   `type:"existingfile" placeholder:"FILE" help:"Another export of the AFDC station register (CSV, may be gzip). Default: Washington and New York of 2025."`
	Party    string   `placeholder:"US*BLK" help:"Party of the operator, where there is one network; default: of the network."`
	Taps     float64  `default:"6" help:"How many drivers a minute hold a card to a reader."`
	Oddities bool     `help:"Print what is odd in the register."`
	PullOnly bool     `help:"Push no locations and tariffs: partners have to fetch the lists."`

	Overcharge float64 `help:"Share of sessions, from 0 to 1, that are billed 10 % above their tariff."`
}

// Help is shown under the usage line.
func (SimCPOCmd) Help() string {
	return `The stations are real, of the register of the US Department of Energy; what they charge is stated there or made up.
Drivers come with the cards that providers have published.

Examples:

  $ eroam sim cpo --versions-url http://127.0.0.1:8080/ocpi/versions --token TOKEN_A --network 'Blink Network' --state WA
  $ eroam sim cpo --token TOKEN_A --listen 127.0.0.1:9001 --network Tesla --ocpi 2.3.0 --error 0.1 --slow 0.05
  $ eroam sim cpo --versions-url http://127.0.0.1:8080/ocpi/versions --token TOKEN_A --state WA --pull-only --page-limit 20 --shift 0.1`
}

// Run runs the operators.
func (c *SimCPOCmd) Run(ctx context.Context, s Streams) error {
	res, err := c.stations()
	if err != nil {
		return err
	}
	var operators []sim.Operator
	for _, o := range res.Operators {
		o.Overcharge = sim.Overcharge{Share: c.Overcharge, Percent: decimal.MustNew(10, 0)}
		operators = append(operators, o.Operator)
	}
	switch {
	case c.Overcharge < 0 || c.Overcharge > 1:
		return fmt.Errorf("--overcharge is a share from 0 to 1, not %v", c.Overcharge)
	case len(operators) == 0:
		return errors.New("the register has no such stations")
	case c.Party != "" && len(operators) > 1:
		return fmt.Errorf("--party is for one network, these are %d", len(operators))
	case c.Party != "":
		if operators[0].Party, err = ocpi.ParsePartyString(c.Party); err != nil {
			return err
		}
	}
	if c.Oddities {
		printOddities(s.Out, res.Report)
	}
	cpo, err := sim.NewCPO(sim.CPOConfig{Config: c.config(s, operators[0].Name), Operators: operators, PullOnly: c.PullOnly})
	if err != nil {
		return err
	}
	defer cpo.Close()
	for _, o := range operators {
		fmt.Fprintf(s.Out, "%s %s: %d sites, %d tariffs\n", o.Party, o.Name, len(o.Sites), len(o.Tariffs))
	}
	if err := c.connect(ctx, cpo.Platform, s); err != nil {
		return err
	}
	if c.PullOnly {
		fmt.Fprintln(s.Out, "registered; its lists can be fetched")
	} else {
		fmt.Fprintln(s.Out, "registered; publishing")
		if err := cpo.Publish(ctx, nil); err != nil {
			fmt.Fprintln(s.Err, "eroam:", err)
		}
		fmt.Fprintln(s.Out, "published; drivers are coming")
	}
	rng := rand.New(rand.NewPCG(c.Seed, 1))
	tell := func() { printOperator(s.Out, cpo) }
	err = c.work(ctx, cpo.Platform, c.Taps, func() { c.tap(ctx, cpo, rng, s.Out) }, tell)
	tell()
	printJournal(s.Out, cpo.Journal())
	return err
}

func (c *SimCPOCmd) stations() (*afdc.Result, error) {
	opt := afdc.Options{States: c.State, Networks: c.Network}
	if c.Data == "" {
		return afdc.Stations(opt)
	}
	f, err := os.Open(c.Data)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return afdc.Import(f, opt)
}

// tap has a driver with a known card start at a free EVSE.
func (c *SimCPOCmd) tap(ctx context.Context, cpo *sim.CPO, rng *rand.Rand, w io.Writer) {
	var cards []sim.Token
	for _, t := range cpo.KnownTokens() {
		if t.Type == "RFID" {
			cards = append(cards, t)
		}
	}
	free := cpo.Free()
	if len(cards) == 0 || len(free) == 0 {
		return
	}
	at, card := free[rng.IntN(len(free))], cards[rng.IntN(len(cards))]
	out, err := cpo.Tap(ctx, at, card.UID)
	switch {
	case err != nil:
		fmt.Fprintf(w, "card of %s at %s: %v\n", card.Issuer, at.EVSE, err)
	case out.SessionID != "":
		fmt.Fprintf(w, "card of %s at %s: session %s\n", card.Issuer, at.EVSE, out.SessionID)
	default:
		fmt.Fprintf(w, "card of %s at %s: %s\n", card.Issuer, at.EVSE, strings.ToLower(out.Allowed))
	}
}

func printOperator(w io.Writer, cpo *sim.CPO) {
	sessions := cpo.Sessions()
	billed := 0
	for _, b := range sessions {
		if b.Bill.Acknowledged {
			billed++
		}
	}
	fmt.Fprintf(w, "%d sessions, %d of them running, %d CDRs acknowledged; %d tokens known\n", len(sessions), cpo.Running(), billed, cpo.Tokens())
}

func printOddities(w io.Writer, r afdc.Report) {
	fmt.Fprintf(w, "%d rows, %d stations, %d sites, %d EVSEs, %d connectors, %d tariffs\n", r.Rows, r.Stations, r.Sites, r.EVSEs, r.Connectors, r.Tariffs)
	for _, f := range r.Findings() {
		fmt.Fprintf(w, "%6d  %s, for example %q\n", f.Count, f.Oddity, f.Examples[0])
	}
}

func printJournal(w io.Writer, j *sim.Journal) {
	for _, c := range j.Counts() {
		direction, end := "received", "answered with success"
		if c.Sent {
			direction = "sent"
		}
		if !c.Success {
			end = "failed"
		}
		fmt.Fprintf(w, "%8d  %-8s %-7s %-16s %s\n", c.N, direction, c.Method, c.Module, end)
	}
}

// SimEMSPCmd is an e-mobility service provider.
type SimEMSPCmd struct {
	simFlags `embed:""`
	Party    string  `default:"US*EGM" help:"Party of the provider."`
	Title    string  `default:"Evergreen Mobility" help:"Its name for people."`
	Cards    int     `default:"20" help:"How many RFID cards its drivers have; every twelfth is blocked."`
	Apps     int     `default:"10" help:"How many drivers start by app."`
	Starts   float64 `default:"6" help:"How many drivers a minute start by app."`
}

// Help is shown under the usage line.
func (SimEMSPCmd) Help() string {
	return `Keeps all stations, tariffs, sessions and CDRs that it gets, and says what is not right: a CDR of a session that it
does not know, twice the same, or with a cost that does not follow from the published tariff.

Example:

  $ eroam sim emsp --versions-url http://127.0.0.1:8080/ocpi/versions --token TOKEN_A --party 'US*EGM' --ocpi 2.3.0`
}

// Run runs the provider.
func (c *SimEMSPCmd) Run(ctx context.Context, s Streams) error {
	party, err := ocpi.ParsePartyString(c.Party)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(c.Seed, 2))
	emsp, err := sim.NewEMSP(sim.EMSPConfig{Config: c.config(s, c.Title), Party: party, Title: c.Title, Tokens: c.tokens(party, rng)})
	if err != nil {
		return err
	}
	defer emsp.Close()
	if err := c.connect(ctx, emsp.Platform, s); err != nil {
		return err
	}
	fmt.Fprintln(s.Out, "registered; publishing tokens")
	if err := emsp.PublishTokens(ctx); err != nil {
		fmt.Fprintln(s.Err, "eroam:", err)
	}
	tell := func() {
		r := emsp.Received()
		fmt.Fprintf(s.Out, "%d locations, %d EVSEs, %d tariffs, %d sessions, %d CDRs, %d not right\n",
			r.Locations, r.EVSEs, r.Tariffs, r.Sessions, r.CDRs, len(emsp.Mismatches()))
	}
	err = c.work(ctx, emsp.Platform, c.Starts, func() { c.start(ctx, emsp, rng, s.Out) }, tell)
	tell()
	for _, m := range emsp.Mismatches() {
		fmt.Fprintf(s.Out, "not right: %s %s: %s\n", m.Module, m.Object, m.What)
	}
	printJournal(s.Out, emsp.Journal())
	return err
}

func (c *SimEMSPCmd) tokens(party ocpi.PartyID, rng *rand.Rand) []sim.Token {
	var out []sim.Token
	for i := range c.Cards + c.Apps {
		t := sim.Token{
			UID: fmt.Sprintf("%08X", rng.Uint32()), Type: "RFID", Valid: i%12 != 11,
			ContractID: fmt.Sprintf("%s-%s-C%08d", party.CountryCode, party.ID, i+1),
		}
		if i >= c.Cards {
			t.Type, t.Valid = "APP_USER", true
			t.UID = "app-" + strings.ToLower(t.UID)
		}
		out = append(out, t)
	}
	return out
}

// start has a driver start by app at an EVSE that is free as far as is known.
func (c *SimEMSPCmd) start(ctx context.Context, emsp *sim.EMSP, rng *rand.Rand, w io.Writer) {
	free := emsp.Free()
	tokens := emsp.Tokens("APP_USER")
	if len(free) == 0 || len(tokens) == 0 {
		return
	}
	at := free[rng.IntN(len(free))]
	cmd, err := emsp.StartSession(ctx, at, tokens[rng.IntN(len(tokens))].UID, "APP_USER")
	switch {
	case err != nil:
		fmt.Fprintf(w, "start at %s/%s: %v\n", at.Operator, at.EVSE, err)
	default:
		fmt.Fprintf(w, "start at %s/%s: %s\n", at.Operator, at.EVSE, strings.ToLower(string(cmd.Response)))
	}
}
