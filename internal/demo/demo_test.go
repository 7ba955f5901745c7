package demo

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/app"
	"github.com/eroam/eroam/internal/config"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/afdc"
)

// TestMain lets the test binary be the hub, so that the tests run the real one in
// a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		if err := serve(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	hub, err := app.New(cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		return err
	}
	if err := hub.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return hub.Stop(context.WithoutCancel(ctx))
}

// small is a demo of some networks with few drivers, of both versions and with
// and without tax.
func small(t *testing.T) Options {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Command: []string{program, "serve"}, Seed: 7, Speed: 40_000, Drivers: 48, Dir: t.TempDir(), States: []string{"WA"},
		Networks: []string{"Tesla", "EVgo Network", "Electrify America", "Blink Network", "EVCS", "RED_E", "LOOP"},
	}
}

func run(t *testing.T, opt Options) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	d, err := New(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Run(ctx)
	if cerr := d.Close(); cerr != nil {
		t.Error("closing:", cerr)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK {
		log, _ := os.ReadFile(d.hub.logFile())
		t.Errorf("%v:\n%s\n%s", r.Err(), strings.Join(r.Problems, "\n"), log[max(0, len(log)-2000):])
	}
	return r
}

func TestEverySessionEndsInOneBill(t *testing.T) {
	r := run(t, small(t))
	checkLedger(t, r)
	if o := r.Ledger.Overcharge; o.Sessions != 4 || o.Overcharged == 0 || o.Overcharged == o.Sessions {
		t.Errorf("overcharged: %+v", o)
	}
	if r.Drivers != 48 || r.Sessions != 39 || r.CDRs != r.Sessions || r.Refused != 9 {
		t.Errorf("%d drivers, %d refused, %d sessions, %d CDRs", r.Drivers, r.Refused, r.Sessions, r.CDRs)
	}
	for name, n := range r.StationsByEMSP {
		if n != r.Locations || n < 200 {
			t.Errorf("%s has %d of %d stations", name, n, r.Locations)
		}
	}
	if r.Relayed == 0 || r.RelayP99 < r.RelayP50 || r.HubP50 <= 0 || r.HubP99 < r.HubP50 {
		t.Errorf("latency of %d requests: %v, %v; in the hub %v, %v", r.Relayed, r.RelayP50, r.RelayP99, r.HubP50, r.HubP99)
	}
	if len(r.Money) != 1 || r.Money[0].Currency != "USD" || !r.EnergyKWh.IsPos() || r.Money[0].Gross.Cmp(r.Money[0].Net.Decimal) <= 0 {
		t.Errorf("energy %v, money %v", r.EnergyKWh, r.Money)
	}
	var table bytes.Buffer
	r.Print(&table)
	for _, want := range []string{"Blink Network (US-BLK)", "Nordwind Fahrstrom", "exactly one CDR", "held: delivered, but not posted",
		dishonestName + " (US-PTN), which is made up", "the hub computed", "of tariff PLUSTEN-DC", "0 faults in"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
	// The same seed again, with other timing.
	opt := small(t)
	opt.Speed = 30_000
	again := run(t, opt)
	if again.EnergyKWh.Cmp(r.EnergyKWh.Decimal) != 0 || again.Money[0] != r.Money[0] || fmt.Sprint(again.SessionsByNetwork) != fmt.Sprint(r.SessionsByNetwork) {
		t.Errorf("the run cannot be repeated: %v %v, then %v %v", r.EnergyKWh, r.Money, again.EnergyKWh, again.Money)
	}
}

// The hub is killed in the middle: nothing that it had accepted is lost.
func TestTheHubIsKilled(t *testing.T) {
	opt := small(t)
	opt.KillHub = true
	r := run(t, opt)
	checkLedger(t, r)
	if o := r.Outage; o == nil || o.CommandsAnswered != heldCommands || o.StatusChanges != changes {
		t.Errorf("outage: %+v", r.Outage)
	}
	if r.CDRs != r.Sessions || r.Sessions < 30 {
		t.Errorf("%d sessions, %d CDRs", r.Sessions, r.CDRs)
	}
}

// What the demo would not notice proves nothing: each of these must be found.
func TestWrongResultsAreFound(t *testing.T) {
	opt := small(t)
	opt.Drivers, opt.Seed = 32, 3 // one of whom is overcharged
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	d, err := New(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	if r, err := d.Run(ctx); err != nil || !r.OK {
		t.Fatal(err, r)
	}
	if r := d.check(); !r.OK || r.Ledger.Overcharge.Overcharged == 0 {
		t.Fatalf("checked again: %+v, %+v", r.Problems, r.Ledger.Overcharge)
	}
	t.Run("books", func(t *testing.T) { wrongBooks(t, d) })
	found := func(what string) {
		t.Helper()
		d.problems = nil
		if r := d.check(); r.OK || r.Mismatches == 0 {
			t.Errorf("%s: not found", what)
		}
	}
	// A provider that is asked for its bills has none of them.
	other, err := sim.NewEMSP(sim.EMSPConfig{Party: d.emsps[0].Party()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	first := d.emsps[0]
	d.emsps[0] = other
	found("missing bills")
	d.emsps[0] = first
	// A station changes, and the hub is not there to tell.
	site := d.spare[0].places[0]
	d.hub.kill()
	gone, stop := context.WithCancel(ctx)
	stop()
	if err := d.cpos[d.spare[0].platform].SetStatus(gone, site, sim.Blocked); err == nil {
		t.Fatal("a hub that is not there has acknowledged a change")
	}
	found("a lost change")
}

func TestThePlanIsTheSameForTheSameSeed(t *testing.T) {
	res, err := afdc.Stations(afdc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ps := platforms(res.Operators, nil)
	if len(ps) != ownPlatforms+2 || len(ps[ownPlatforms].operators) != len(res.Operators)-ownPlatforms {
		t.Errorf("%d platforms", len(ps))
	}
	for _, o := range res.Operators {
		if o.Party == dishonest {
			t.Errorf("the made-up operator has the id of %s", o.Name)
		}
	}
	versions := make(map[ocpi.Version]int)
	for _, p := range ps {
		versions[p.version]++
	}
	if versions[ocpi.V230] != 2 {
		t.Errorf("versions: %v", versions)
	}
	of := func(seed uint64) plan { return newPlan(320, seed, ps, providers()) }
	a, b, c := of(1), of(1), of(2)
	if len(a.drivers) != 320 || !slices.Equal(a.drivers, b.drivers) || slices.Equal(a.drivers, c.drivers) {
		t.Errorf("%d attempts; the same again: %v; the same for another seed: %v",
			len(a.drivers), slices.Equal(a.drivers, b.drivers), slices.Equal(a.drivers, c.drivers))
	}
	// Every driver has an EVSE and a token of its own, and nobody goes to spare EVSEs.
	seen := make(map[string]bool)
	baits := 0
	for _, x := range a.drivers {
		if seen[name(x.place)] || seen[x.uid] {
			t.Errorf("two drivers at %s or with %s", name(x.place), x.uid)
		}
		seen[name(x.place)], seen[x.uid] = true, true
		if x.place.Operator == dishonest {
			baits++
		}
	}
	if baits != 27 {
		t.Errorf("%d of 320 drivers go to the operator that overcharges", baits)
	}
	for _, n := range a.spare {
		for _, p := range n.places {
			if seen[name(p)] {
				t.Errorf("%s is spare and has a driver", name(p))
			}
		}
	}
}

func TestQuantiles(t *testing.T) {
	const text = `# HELP eroam_relay_hub_seconds Time.
# TYPE eroam_relay_hub_seconds histogram
eroam_relay_hub_seconds_bucket{module="cdrs",outcome="ok",le="0.001"} 10
eroam_relay_hub_seconds_bucket{module="cdrs",outcome="ok",le="0.01"} 40
eroam_relay_hub_seconds_bucket{module="cdrs",outcome="ok",le="+Inf"} 50
eroam_relay_hub_seconds_sum{module="cdrs",outcome="ok"} 1
eroam_relay_hub_seconds_bucket{module="tokens",outcome="ok",le="0.001"} 30
eroam_relay_hub_seconds_bucket{module="tokens",outcome="ok",le="0.01"} 50
eroam_relay_hub_seconds_bucket{module="tokens",outcome="ok",le="+Inf"} 50
eroam_other_bucket{le="0.5"} 7
`
	b, err := readBuckets(strings.NewReader(text), "eroam_relay_hub_seconds_bucket")
	if err != nil {
		t.Fatal(err)
	}
	for q, want := range map[float64]float64{0.2: 0.0005, 0.4: 0.001, 0.65: 0.0055, 0.9: 0.01, 0.99: 0.01} {
		if got := b.quantile(q); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if _, err := readBuckets(strings.NewReader("x_bucket{module=\"a\"} 1\n"), "x_bucket"); err == nil {
		t.Error("a bucket without a bound was read")
	}
	if got := (buckets{}).quantile(0.5); got != 0 {
		t.Errorf("no histogram has the median %v", got)
	}
}

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for i := 100; i > 0; i-- {
		list = append(list, time.Duration(i))
	}
	if got := percentile(list, 50); got != 51 {
		t.Errorf("p50 is %d", got)
	}
	if got := percentile(list, 99); got != 100 {
		t.Errorf("p99 is %d", got)
	}
	if got := percentile(nil, 99); got != 0 {
		t.Errorf("p99 of nothing is %d", got)
	}
}
