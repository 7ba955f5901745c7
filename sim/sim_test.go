package sim_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

var (
	cpoParty  = ocpi.PartyID{CountryCode: "US", ID: "CPI"}
	cpoParty2 = ocpi.PartyID{CountryCode: "US", ID: "BLK"}
	emspParty = ocpi.PartyID{CountryCode: "DE", ID: "NWF"}
)

// operator returns an operator with n sites of two EVSEs.
func operator(id ocpi.PartyID, n int) sim.Operator {
	t0 := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	op := sim.Operator{Party: id, Name: "Operator " + id.ID, Tariffs: []sim.Tariff{
		{ID: "AC", Currency: "USD", Text: "0.30 a kWh, 0.99 to start, 2.00 an hour when full", TaxPercent: decimal.MustParse("8.875"), Updated: t0,
			Components: []sim.Component{
				{Dimension: sim.Energy, Price: decimal.MustParse("0.30"), StepSize: 100},
				{Dimension: sim.Flat, Price: decimal.MustParse("0.99"), StepSize: 1},
				{Dimension: sim.ParkingTime, Price: decimal.MustParse("2.00"), StepSize: 60},
			}},
		{ID: "FREE", Currency: "USD", Updated: t0, Components: []sim.Component{{Dimension: sim.Flat, StepSize: 1}}},
	}}
	for i := range n {
		s := sim.Site{
			ID: fmt.Sprintf("L%d", i), Name: "Site", Address: "1 Main St", City: "Seattle", State: "WA", PostalCode: "98101", Country: "USA",
			Lat: 47.6, Lon: -122.3, TimeZone: "America/Los_Angeles", Public: true, Opening: sim.Opening{Always: true}, Updated: t0,
		}
		for j := range 2 {
			tariff := "AC"
			if i%3 == 2 {
				tariff = "FREE"
			}
			s.EVSEs = append(s.EVSEs, sim.EVSE{
				UID: fmt.Sprintf("L%d-%d", i, j), EVSEID: fmt.Sprintf("US*%s*E%d*%d", id.ID, i, j), Status: sim.Available, RFID: true, Remote: true, Updated: t0,
				Connectors: []sim.Connector{{ID: "1", Plug: sim.PlugNACS, Volts: 240, Amps: 48, Watts: 11520, TariffID: tariff, Updated: t0}},
			})
		}
		op.Sites = append(op.Sites, s)
	}
	return op
}

func tokens() []sim.Token {
	return []sim.Token{
		{UID: "CARD1", Type: "RFID", ContractID: "DE-NWF-C00001", Valid: true},
		{UID: "CARD2", Type: "RFID", ContractID: "DE-NWF-C00002", Valid: false},
		{UID: "APP1", Type: "APP_USER", ContractID: "DE-NWF-C00003", Valid: true},
	}
}

// fast is a clock on which hours pass in a blink.
func fast() *sim.Clock { return sim.NewClock(time.Now().Add(-48*time.Hour), 100_000) }

// pair returns a CPO and an eMSP that are connected without a hub.
func pair(t *testing.T, v ocpi.Version, clock *sim.Clock, sites int, push func(sim.SessionPush)) (*sim.CPO, *sim.EMSP) {
	t.Helper()
	cpo, err := sim.NewCPO(sim.CPOConfig{
		Config:    sim.Config{Version: v, Seed: 1, Clock: clock, RetryFor: 10 * time.Second},
		Operators: []sim.Operator{operator(cpoParty, sites)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cpo.Close)
	emsp, err := sim.NewEMSP(sim.EMSPConfig{
		Config: sim.Config{Version: v, Seed: 1, Clock: clock}, Party: emspParty, Title: "Nordwind", Tokens: tokens(), OnSession: push,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(emsp.Close)
	cpo.Expect("token-a")
	if err := emsp.Register(t.Context(), cpo.VersionsURL(), "token-a"); err != nil {
		t.Fatal(err)
	}
	return cpo, emsp
}

func place(site int) sim.Place {
	return sim.Place{Operator: cpoParty, Location: fmt.Sprintf("L%d", site), EVSE: fmt.Sprintf("L%d-0", site)}
}

func settle(t *testing.T, cpo *sim.CPO) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := cpo.Wait(ctx); err != nil {
		t.Fatal("sessions do not end:", err)
	}
}

// checkSettled checks that every session of the operator is billed once at the
// eMSP, and returns the bills.
func checkSettled(t *testing.T, cpo *sim.CPO, emsp *sim.EMSP) []sim.Billed {
	t.Helper()
	bills := cpo.Sessions()
	got := make(map[string]sim.CDR)
	for _, c := range emsp.CDRs() {
		got[c.SessionID] = c
	}
	if len(got) != len(bills) || emsp.Received().CDRs != len(bills) {
		t.Errorf("%d sessions, the eMSP has %d CDRs of %d sessions", len(bills), emsp.Received().CDRs, len(got))
	}
	for _, b := range bills {
		c, ok := got[b.Session.ID]
		switch {
		case !ok || b.CDR == nil || !b.Bill.Acknowledged:
			t.Errorf("session %s is not billed: %+v", b.Session.ID, b.Bill)
		case c.Cost.Total.Net.Cmp(b.CDR.Cost.Total.Net) != 0 || c.Cost.Total.Gross.Cmp(b.CDR.Cost.Total.Gross) != 0:
			t.Errorf("session %s costs %v at the operator, %v at the eMSP", b.Session.ID, b.CDR.Cost.Total, c.Cost.Total)
		}
	}
	for _, m := range emsp.Mismatches() {
		t.Errorf("%s %s: %s", m.Module, m.Object, m.What)
	}
	return bills
}

func TestSessionsFromTapAndAppToTheBill(t *testing.T) {
	for _, v := range ocpi.Versions() {
		t.Run(string(v), func(t *testing.T) {
			cpo, emsp := pair(t, v, fast(), 4, nil)
			ctx := t.Context()
			if err := cpo.Publish(ctx, nil); err != nil {
				t.Fatal(err)
			}
			if err := emsp.PublishTokens(ctx); err != nil {
				t.Fatal(err)
			}
			if r := emsp.Received(); r.Locations != 4 || r.EVSEs != 8 || r.Tariffs != 2 || cpo.Tokens() != 3 {
				t.Fatalf("eMSP has %+v, CPO has %d tokens", r, cpo.Tokens())
			}
			out, err := cpo.Tap(ctx, place(0), "CARD1")
			if err != nil || out.Allowed != "ALLOWED" || out.SessionID == "" {
				t.Fatalf("tap: %+v, %v", out, err)
			}
			if out, err := cpo.Tap(ctx, place(1), "CARD2"); err != nil || out.Allowed != "BLOCKED" || out.SessionID != "" {
				t.Fatalf("tap of a blocked card: %+v, %v", out, err)
			}
			if out, err := cpo.Tap(ctx, place(1), "NOBODY"); err != nil || out != (sim.Outcome{}) {
				t.Fatalf("tap of an unknown card: %+v, %v", out, err)
			}
			cmd, err := emsp.StartSession(ctx, place(2), "APP1", "APP_USER")
			if err != nil || cmd.Response != "ACCEPTED" {
				t.Fatalf("start: %+v, %v", cmd, err)
			}
			if res, err := cmd.Wait(ctx); err != nil || res != "ACCEPTED" {
				t.Fatalf("result of the start: %s, %v", res, err)
			}
			settle(t, cpo)
			bills := checkSettled(t, cpo, emsp)
			if len(bills) != 2 || bills[0].Session.AuthMethod != "AUTH_REQUEST" || bills[1].Session.AuthMethod != "COMMAND" {
				t.Fatalf("sessions: %+v", bills)
			}
			for _, s := range cpo.Sites() {
				l, ok := emsp.Location(s.Operator, s.Site.ID)
				if !ok || !s.Acknowledged || l.LastUpdated != ocpi.NewDateTime(s.Site.Updated) {
					t.Errorf("location %s: the eMSP has %v of %s, the operator %v", s.Site.ID, ok, l.LastUpdated, s.Site.Updated)
				}
				for i, e := range s.Site.EVSEs {
					if string(l.EVSEs[i].Status) != string(e.Status) || e.Status != sim.Available {
						t.Errorf("EVSE %s is %s, the eMSP has %s", e.UID, e.Status, l.EVSEs[i].Status)
					}
				}
			}
		})
	}
}

func TestStopEndsASessionEarly(t *testing.T) {
	// Hours take long on this clock, so that the stop comes first.
	clock := sim.NewClock(time.Now().Add(-48*time.Hour), 500)
	cpo, emsp := pair(t, ocpi.V221, clock, 1, nil)
	ctx := t.Context()
	if err := cpo.Publish(ctx, nil); err != nil {
		t.Fatal(err)
	}
	out, err := cpo.Tap(ctx, place(0), "CARD1")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cpo.Tap(ctx, place(0), "CARD1"); err == nil {
		t.Fatalf("two sessions at one EVSE: %+v", out)
	}
	cmd, err := emsp.StopSession(ctx, cpoParty, out.SessionID)
	if err != nil || cmd.Response != "ACCEPTED" {
		t.Fatalf("stop: %+v, %v", cmd, err)
	}
	if res, err := cmd.Wait(ctx); err != nil || res != "ACCEPTED" {
		t.Fatalf("result of the stop: %s, %v", res, err)
	}
	settle(t, cpo)
	checkSettled(t, cpo, emsp)
	if cmd, err = emsp.StopSession(ctx, cpoParty, out.SessionID); err != nil || cmd.Response != "UNKNOWN_SESSION" {
		t.Fatalf("stop of a session that is over: %+v, %v", cmd, err)
	}
}

func TestReservations(t *testing.T) {
	clock := sim.NewClock(time.Now().Add(-48*time.Hour), 500)
	cpo, emsp := pair(t, ocpi.V230, clock, 2, nil)
	ctx := t.Context()
	if err := cpo.Publish(ctx, nil); err != nil {
		t.Fatal(err)
	}
	result := func(cmd *sim.Command, err error) string {
		t.Helper()
		if err != nil || cmd.Response != "ACCEPTED" {
			t.Fatalf("command: %+v, %v", cmd, err)
		}
		res, err := cmd.Wait(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return string(res)
	}
	status := func() string {
		l, _ := emsp.Location(cpoParty, "L0")
		return string(l.EVSEs[0].Status)
	}
	until := clock.Now().Add(24 * time.Hour)
	first, err := emsp.Reserve(ctx, place(0), "CARD1", "RFID", until)
	if got := result(first, err); got != "ACCEPTED" || status() != "RESERVED" {
		t.Fatalf("reservation: %s, EVSE is %s", got, status())
	}
	if got := result(emsp.Reserve(ctx, place(0), "APP1", "APP_USER", until)); got != "EVSE_OCCUPIED" {
		t.Fatalf("second reservation: %s", got)
	}
	if got := result(emsp.CancelReservation(ctx, cpoParty, first.ID)); got != "ACCEPTED" || status() != "AVAILABLE" {
		t.Fatalf("cancellation: %s, EVSE is %s", got, status())
	}
	if got := result(emsp.CancelReservation(ctx, cpoParty, first.ID)); got != "UNKNOWN_RESERVATION" {
		t.Fatalf("second cancellation: %s", got)
	}
	// Dropped by the operator: a second result at the same response_url.
	second, err := emsp.Reserve(ctx, place(0), "CARD1", "RFID", until)
	result(second, err)
	if !cpo.DropReservation(ctx, cpoParty, second.ID) {
		t.Fatal("the operator knows no such reservation")
	}
	if got := second.Results(); len(got) != 2 || got[1] != "CANCELED_RESERVATION" {
		t.Fatalf("results: %v", got)
	}
	// Used by its driver.
	third, err := emsp.Reserve(ctx, place(0), "CARD1", "RFID", until)
	result(third, err)
	out, err := cpo.Tap(ctx, place(0), "CARD1")
	if err != nil || out.SessionID == "" {
		t.Fatalf("tap at the reserved EVSE: %+v, %v", out, err)
	}
	if got := result(emsp.StopSession(ctx, cpoParty, out.SessionID)); got != "ACCEPTED" {
		t.Fatalf("stop: %s", got)
	}
	if got := result(emsp.Unlock(ctx, sim.Place{Operator: cpoParty, Location: "L1", EVSE: "L1-1", Connector: "1"})); got != "ACCEPTED" {
		t.Fatalf("unlock: %s", got)
	}
	settle(t, cpo)
	checkSettled(t, cpo, emsp)
}

// The same seed gives the same energy and money, whatever happens at the same
// time.
func TestARunCanBeRepeated(t *testing.T) {
	run := func() map[string]string {
		cpo, emsp := pair(t, ocpi.V221, fast(), 6, nil)
		if err := cpo.Publish(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			if _, err := cpo.Tap(t.Context(), place(i), "CARD1"); err != nil {
				t.Fatal(err)
			}
		}
		settle(t, cpo)
		out := make(map[string]string)
		for _, b := range checkSettled(t, cpo, emsp) {
			out[b.Session.ID] = b.CDR.Usage.Energy.String() + " kWh " + b.CDR.Cost.Total.Gross.String()
		}
		return out
	}
	a, b := run(), run()
	if len(a) != 6 || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("first run %v\nsecond run %v", a, b)
	}
}

func TestOnSessionSeesEveryPush(t *testing.T) {
	pushes := make(chan sim.SessionPush, 100)
	cpo, emsp := pair(t, ocpi.V221, fast(), 1, func(p sim.SessionPush) { pushes <- p })
	if err := cpo.Publish(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := cpo.Tap(t.Context(), place(0), "CARD1"); err != nil {
		t.Fatal(err)
	}
	settle(t, cpo)
	checkSettled(t, cpo, emsp)
	close(pushes)
	var last sim.SessionPush
	n := 0
	for p := range pushes {
		n++
		if p.Pushes != n {
			t.Errorf("push %d is counted as %d", n, p.Pushes)
		}
		last = p
	}
	if n != 5 || last.Session.Status != sim.SessionCompleted { // PUT, three steps, PUT
		t.Errorf("%d pushes, the last says %s", n, last.Session.Status)
	}
}
