package sim_test

import (
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// dishonest runs n sessions with an operator who overcharges, and returns them and
// what the eMSP thinks of them.
func dishonest(t *testing.T, v ocpi.Version, o sim.Overcharge, n int) ([]sim.Billed, *sim.EMSP) {
	t.Helper()
	clock := fast()
	op := operator(cpoParty, n)
	op.Overcharge = o
	cpo, err := sim.NewCPO(sim.CPOConfig{
		Config: sim.Config{Version: v, Seed: 1, Clock: clock, RetryFor: 10 * time.Second}, Operators: []sim.Operator{op},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cpo.Close)
	emsp, err := sim.NewEMSP(sim.EMSPConfig{Config: sim.Config{Version: v, Seed: 1, Clock: clock}, Party: emspParty, Tokens: tokens()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(emsp.Close)
	cpo.Expect("token-a")
	if err := emsp.Register(t.Context(), cpo.VersionsURL(), "token-a"); err != nil {
		t.Fatal(err)
	}
	if err := cpo.Publish(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := emsp.PublishTokens(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if out, err := cpo.Tap(t.Context(), place(i), "CARD1"); err != nil || out.SessionID == "" {
			t.Fatal(out, err)
		}
	}
	settle(t, cpo)
	return cpo.Sessions(), emsp
}

// Some bills are higher than the tariff, and only they; the eMSP notices each and
// tells it from what goes wrong on the way. The same seed overcharges the same
// sessions.
func TestAnOperatorOvercharges(t *testing.T) {
	const n = 18
	tenth := sim.Overcharge{Share: 0.5, Percent: decimal.MustParse("10")}
	same := make(map[string]bool)
	for round, v := range ocpi.Versions() {
		bills, emsp := dishonest(t, v, tenth, n)
		found := make(map[string]int)
		for _, m := range emsp.Mismatches() {
			if !m.Price || m.Module != ocpi.CDRs {
				t.Errorf("%s: %+v", v, m)
			}
			found[m.Object]++
		}
		over := 0
		for _, b := range bills {
			if b.Overcharged() {
				over++
			}
			id := b.Session.ID
			if round == 0 {
				same[id] = b.Overcharged()
			} else if same[id] != b.Overcharged() {
				t.Errorf("%s: session %s is overcharged: %v, before: %v", v, id, b.Overcharged(), same[id])
			}
			key := b.CDR.Operator.String() + "/" + b.CDR.ID
			if got := found[key] > 0; got != b.Overcharged() {
				t.Errorf("%s: %s is overcharged: %v, found: %v", v, key, b.Overcharged(), got)
			}
			checkOver(t, &b)
		}
		if over == 0 || over >= n*2/3 { // a third is free
			t.Errorf("%s: %d of %d are overcharged", v, over, n)
		}
	}
}

// checkOver checks the amounts of a bill: the session is fair, the CDR is a tenth
// above that or equal, and its parts make up its total.
func checkOver(t *testing.T, b *sim.Billed) {
	t.Helper()
	if b.Session.Cost == nil || b.Session.Cost.Net.Cmp(b.Fair.Net) != 0 || b.Session.Cost.Gross.Cmp(b.Fair.Gross) != 0 {
		t.Errorf("session %s was reported with %+v, fair is %+v", b.Session.ID, b.Session.Cost, b.Fair)
	}
	c := b.CDR.Cost
	sum := decimal.Zero
	for _, part := range []sim.Amount{c.Energy, c.Time, c.Parking, c.Flat} {
		sum, _ = sum.Add(part.Net)
	}
	if sum.Cmp(c.Total.Net) != 0 {
		t.Errorf("the parts of %s sum to %s, its total is %s", b.CDR.ID, sum, c.Total.Net)
	}
	factor := decimal.One
	if b.Overcharged() {
		factor = decimal.MustParse("1.1")
	}
	for _, pair := range [][2]decimal.Decimal{{b.Fair.Net, c.Total.Net}, {b.Fair.Gross, c.Total.Gross}} {
		want, _ := pair[0].Mul(factor)
		if off, _ := pair[1].Sub(want); off.Abs().Cmp(decimal.MustParse("0.0003")) > 0 {
			t.Errorf("%s asks for %s, want %s", b.CDR.ID, pair[1], want)
		}
	}
}

// A share of 0 is an honest operator, one of 1 always asks for more.
func TestTheShareOfOverchargedSessions(t *testing.T) {
	for share, want := range map[float64]int{0: 0, 1: 2} { // of three sessions, one free
		bills, _ := dishonest(t, ocpi.V221, sim.Overcharge{Share: share, Percent: decimal.MustParse("10")}, 3)
		over := 0
		for _, b := range bills {
			if b.Overcharged() {
				over++
			}
		}
		if over != want {
			t.Errorf("share %v: %d of %d are overcharged, want %d", share, over, len(bills), want)
		}
	}
}
