package sim

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// billable returns an eMSP that has a completed session and its tariff, and the
// CDR that belongs to it.
func billable(t *testing.T) (*EMSP, CDR) {
	t.Helper()
	us := ocpi.PartyID{CountryCode: "US", ID: "EGM"}
	op := ocpi.PartyID{CountryCode: "US", ID: "BLK"}
	e, err := NewEMSP(EMSPConfig{Party: us, Tokens: []Token{{UID: "CARD", Type: "RFID", ContractID: "C1", Valid: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	e.mu.Lock()
	ref := e.reference(e.order[0])
	e.mu.Unlock()
	t0 := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	tariff := Tariff{ID: "AC", Currency: "USD", TaxPercent: d("10"), Updated: t0, Components: []Component{{Energy, d("0.50"), 1}, {Flat, d("1"), 1}}}
	usage := Usage{Energy: d("10"), Charging: d("1.5")}
	cost, err := Price(tariff, usage)
	if err != nil {
		t.Fatal(err)
	}
	token := TokenRef{Issuer: us, UID: "CARD", Type: "RFID", ContractID: "C1"}
	s := Session{
		Operator: op, ID: "S1", Start: t0, End: t0.Add(90 * time.Minute), Energy: usage.Energy, Token: token, AuthMethod: "AUTH_REQUEST",
		AuthorizationReference: ref, LocationID: "L1", EVSEUID: "E1", ConnectorID: "1", Currency: "USD", Cost: &cost.Total,
		Status: SessionCompleted, Updated: t0.Add(90 * time.Minute),
	}
	put(t, e, ocpi.Tariffs, "AC", encode(e.wire.tariff(op, tariff)))
	put(t, e, ocpi.Sessions, "S1", encode(e.wire.session(s)))
	return e, CDR{
		Operator: op, ID: "CDR1", SessionID: "S1", Start: s.Start, End: s.End, Token: token, AuthMethod: s.AuthMethod, AuthorizationReference: ref,
		Site:     Site{ID: "L1", Address: "x", City: "x", Country: "USA", EVSEs: []EVSE{{UID: "E1", EVSEID: "US*BLK*E1", Connectors: []Connector{{ID: "1", Plug: PlugJ1772}}}}},
		Currency: "USD", Tariffs: []Tariff{tariff}, Periods: []Period{{Start: s.Start, Usage: usage}}, Usage: usage, Cost: cost, Updated: s.Updated,
	}
}

// put hands a PUT of US-BLK to the eMSP.
func put(t *testing.T, e *EMSP, m ocpi.Module, id string, body []byte) {
	t.Helper()
	c := &call{endpoint: endpoint{m, ocpi.Receiver}, method: http.MethodPut, path: []string{"US", "BLK", id}, body: body}
	if _, err := e.handlers[c.endpoint](t.Context(), c); err != nil {
		t.Fatal(m, err)
	}
}

func bill(t *testing.T, e *EMSP, c CDR) error {
	t.Helper()
	k := &call{endpoint: endpoint{ocpi.CDRs, ocpi.Receiver}, method: http.MethodPost, body: encode(e.wire.cdr(c)), from: c.Operator}
	_, err := e.serveCDRs(t.Context(), k)
	return err
}

func TestWrongBillsAreFound(t *testing.T) {
	tests := []struct {
		name  string
		wrong func(*CDR)
		want  string // part of the mismatch; empty: none
	}{
		{"right", func(*CDR) {}, ""},
		{"rounded otherwise", func(c *CDR) { c.Cost.Total.Gross = sum(c.Cost.Total.Gross, d("0.0001")) }, ""},
		{"too dear", func(c *CDR) { c.Cost.Total.Net = sum(c.Cost.Total.Net, d("0.01")) }, "its tariff gives 6"},
		{"tax forgotten", func(c *CDR) { c.Cost.Total.Gross, c.Cost.Total.Taxed = c.Cost.Total.Net, false }, "its tariff gives 6"},
		{"more energy", func(c *CDR) { c.Usage.Energy = d("11") }, "that of the session 10"},
		{"other price", func(c *CDR) { c.Tariffs[0].Components[0].Price = d("0.60") }, "differs from the published one"},
		{"other tariff", func(c *CDR) { c.Tariffs[0].ID = "DC" }, "was not published"},
		{"unknown session", func(c *CDR) { c.SessionID = "S2" }, "is not known"},
		{"foreign token", func(c *CDR) { c.Token.Issuer.ID = "HUD" }, "the token is of US-HUD"},
		{"unknown token", func(c *CDR) { c.Token.UID = "OTHER" }, "not one of ours"},
		{"no reference", func(c *CDR) { c.AuthorizationReference = "" }, "no authorization_reference"},
		{"other reference", func(c *CDR) { c.AuthorizationReference = "X" }, "was not given for this token"},
		{"not valid", func(c *CDR) { c.Site.Country = "US" }, "is not valid: "},
		{"ends before it starts", func(c *CDR) { c.End = c.Start.Add(-time.Hour) }, "impossible"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, c := billable(t)
			c.Tariffs = append([]Tariff(nil), c.Tariffs...)
			c.Tariffs[0].Components = append([]Component(nil), c.Tariffs[0].Components...)
			tt.wrong(&c)
			if err := bill(t, e, c); err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, m := range e.Mismatches() {
				all = append(all, m.What)
			}
			got := strings.Join(all, "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBillsCountOnce(t *testing.T) {
	e, c := billable(t)
	for range 3 {
		if err := bill(t, e, c); err != nil {
			t.Fatal(err)
		}
	}
	if r := e.Received(); r.CDRs != 1 || r.Duplicates != 2 || len(e.Mismatches()) != 0 {
		t.Errorf("%+v, %v", r, e.Mismatches())
	}
	changed := c
	changed.Updated = c.Updated.Add(time.Second)
	if err := bill(t, e, changed); err == nil {
		t.Error("another content under the same id was accepted")
	}
	second := c
	second.ID = "CDR2"
	if err := bill(t, e, second); err != nil {
		t.Fatal(err)
	}
	if m := e.Mismatches(); len(m) != 2 || !strings.Contains(m[1].What, "billed by CDR1 already") {
		t.Errorf("mismatches: %+v", m)
	}
}

func TestOldPushesAreIgnored(t *testing.T) {
	e, _ := billable(t)
	const location = `{"country_code":"US","party_id":"BLK","id":"L1","publish":true,"address":"x","city":"x","country":"USA",
		"coordinates":{"latitude":"47.60000","longitude":"-122.30000"},"time_zone":"America/Los_Angeles","evses":[{"uid":"E1","status":"AVAILABLE",
		"connectors":[{"id":"1","standard":"IEC_62196_T1","format":"CABLE","power_type":"AC_1_PHASE","max_voltage":240,"max_amperage":30,
		"last_updated":"2026-01-01T00:00:00Z"}],"last_updated":"2026-01-01T00:00:00Z"}],"last_updated":"2026-01-01T00:00:00Z"}`
	put(t, e, ocpi.Locations, "L1", []byte(location))
	patch := func(status, at string) {
		t.Helper()
		c := &call{
			endpoint: endpoint{ocpi.Locations, ocpi.Receiver}, method: http.MethodPatch, path: []string{"us", "blk", "l1", "e1"},
			body: []byte(`{"status":"` + status + `","last_updated":"` + at + `"}`),
		}
		if _, err := e.serveLocations(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	patch("CHARGING", "2026-01-01T00:00:02Z")
	patch("BLOCKED", "2026-01-01T00:00:01Z")
	put(t, e, ocpi.Locations, "L1", []byte(location))
	l, ok := e.Location(ocpi.PartyID{CountryCode: "US", ID: "BLK"}, "L1")
	if !ok || l.EVSEs[0].Status != "CHARGING" || l.LastUpdated != "2026-01-01T00:00:02Z" || l.EVSEs[0].Connectors[0].ID != "1" {
		t.Errorf("the location is %+v", l)
	}
	if got := e.Received().Stale; got != 2 {
		t.Errorf("%d old pushes, want 2", got)
	}
}
