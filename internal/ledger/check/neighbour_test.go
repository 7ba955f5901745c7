package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/ocpi"
)

// TestJustWithin proves that what lies just within a limit, or only looks odd, has
// no finding.
func TestJustWithin(t *testing.T) {
	for name, change := range map[string]func(f *fixture){
		"the same content again":         func(f *fixture) { c, _ := check.Read(f.v, f.body, nil); f.Stored = c.Digest[:] },
		"from the start of an agreement": func(f *fixture) { f.Agreement.From = at("2026-03-02T09:00:00Z") },
		"a credited CDR of the session": func(f *fixture) {
			f.Others = append(f.Others, check.Other{Party: cpo, ID: "CDR2", Session: "s1", Credited: true}, check.Other{Party: cpo, ID: "CDR3", Session: "s1", Credit: true})
		},
		"another operator's session": func(f *fixture) {
			f.Others = append(f.Others, check.Other{Party: ocpi.PartyID{CountryCode: "NL", ID: "CP2"}, ID: "CDR2", Session: "s1"})
		},
		"one after the other": func(f *fixture) {
			f.Others = append(f.Others, check.Other{Party: cpo, ID: "CDR2", Session: "s2", Token: tokenKey, EVSE: "e1", Start: at("2026-03-02T11:30:00Z"), End: at("2026-03-02T12:00:00Z")})
		},
		"currency in small letters elsewhere": func(f *fixture) { f.Agreement.Currency = "eur" },
		"ahead by the skew":                   func(f *fixture) { f.Now = at("2026-03-02T11:26:00Z") },
		"as long as is allowed":               func(f *fixture) { f.Settings.MaxDurationHours = 3; f.Settings.MinDurationSeconds = 9000 },
		"unsorted fields of sessions": func(f *fixture) {
			f.Session = object(`{"status":"COMPLETED","id":"S1","cdr_token":{"party_id":"em1","country_code":"de","uid":"04A1B2C3"},"evse_uid":"e1","currency":"eur"}`)
		},
		"a second more than the period": func(f *fixture) { f.set("charging_periods.0.dimensions.1.volume", "2.0003") },
		"0.001 kWh more":                func(f *fixture) { f.set("total_energy", "18.501") },
		"3 s more":                      func(f *fixture) { f.set("total_time", "2.5008") },
		"no total_parking_time":         func(f *fixture) { f.drop("total_parking_time") },
		"just the power of the connector": func(f *fixture) {
			f.Location = edit(f.t, f.Location, "evses.1.connectors.0.max_electric_power", "10000")
		},
		"just the energy":   func(f *fixture) { f.Settings.MinKWh, f.Settings.MaxKWh = number("18.5"), number("18.5") },
		"without a session": func(f *fixture) { f.drop("session_id"); f.Session = nil },
		"session within a minute and 1 %": func(f *fixture) {
			f.Session = edit(f.t, edit(f.t, f.Session, "kwh", "18.35"), "start_date_time", `"2026-03-02T08:59:00Z"`)
		},
		"a whitelisted token": func(f *fixture) {
			f.Auths = nil
			f.drop("authorization_reference").set("auth_method", `"WHITELIST"`)
			f.Token = edit(f.t, f.Token, "whitelist", `"ALWAYS"`)
		},
		"a token of an app": func(f *fixture) { f.Token = nil },
		"invalid since the session": func(f *fixture) {
			f.Token = edit(f.t, edit(f.t, f.Token, "valid", "false"), "last_updated", `"2026-03-02T10:00:00Z"`)
		},
		"the check digit": func(f *fixture) { f.set("cdr_token.contract_id", `"de*em1*c12345678"`) },
		"the tariff spelled otherwise": func(f *fixture) {
			f.set("tariffs.0.elements.0.price_components.0.price", "0.380").set("tariffs.0.last_updated", `"2026-02-01T00:00:00Z"`).set("tariffs.0.type", `"PROFILE_GREEN"`)
		},
		"a tariff that was deleted": func(f *fixture) {
			f.AtStart = append(f.AtStart, check.TariffVersion{Received: at("2026-01-01T00:00:00Z"), Deleted: true})
			f.Latest = []check.TariffVersion{{Received: at("2026-03-02T10:00:00Z"), Deleted: true}}
		},
		"no tariff in the CDR": func(f *fixture) { f.drop("tariffs") },
		"changed after the session": func(f *fixture) {
			f.Latest[0] = version(f.t, replace(goodTariff, energyPrice, "0.99"), "2026-03-02T10:00:00Z")
		},
		"a cent more": func(f *fixture) { f.set("total_cost", `{"excl_vat":9.01,"incl_vat":10.90}`) },
		"only a total": func(f *fixture) {
			f.drop("total_energy_cost").drop("total_fixed_cost").drop("total_time_cost").drop("total_parking_cost")
		},
		"as much as is allowed": func(f *fixture) { f.Settings.MaxTotal, f.Settings.MaxPricePerKWh = number("9"), number("0.38") },
		"a session of home": func(f *fixture) {
			f.set("home_charging_compensation", "true")
			f.Location = edit(f.t, f.Location, "publish", "false")
		},
		"late by 30 days": func(f *fixture) { f.Now = at("2026-04-01T11:30:00Z") },
		"a quick drive": func(f *fixture) {
			f.Others[0].Start, f.Others[0].End, f.Others[0].Latitude = at("2026-03-02T07:00:00Z"), at("2026-03-02T08:30:00Z"), 52.4
		},
		"a register that goes on":      func(f *fixture) { f.sign(); f.LastRegister = &check.Register{Energy: 1000_000_000_000} },
		"too few to be usual":          func(f *fixture) { f.Usual.Count, f.Usual.Deviation = 19, 0.001 },
		"usual but for its rounding":   func(f *fixture) { f.Usual.Mean, f.Usual.Deviation = 0.46, 0.0001 },
		"nothing usual costs anything": func(f *fixture) { f.Usual.Mean, f.Usual.Deviation = 0, 0 },
		"nothing known of the session": func(f *fixture) { f.Others, f.LastMeter, f.Usual, f.Latest, f.Zone = nil, "", nil, nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := good(t)
			change(f)
			if r := f.run(); len(r.Findings) > 0 {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// TestMissingSession proves what C26 says of sessions that have no CDR.
func TestMissingSession(t *testing.T) {
	for _, tt := range []struct{ status, end, updated, now, want string }{
		{"COMPLETED", "2026-03-02T10:00:00Z", "2026-03-02T10:05:00Z", "2026-03-02T14:00:00Z", ""},
		{"COMPLETED", "2026-03-02T10:00:00Z", "2026-03-02T10:05:00Z", "2026-03-02T14:00:01Z", "C26/missing"},
		{"COMPLETED", "", "2026-03-02T10:05:00Z", "2026-03-02T14:05:00Z", ""},
		{"COMPLETED", "", "2026-03-02T10:05:00Z", "2026-03-02T14:05:01Z", "C26/missing"},
		{"ACTIVE", "", "2026-03-02T10:05:00Z", "2026-03-03T10:05:00Z", ""},
		{"ACTIVE", "", "2026-03-02T10:05:00Z", "2026-03-03T10:05:01Z", "C26/silent"},
		{"INVALID", "", "2026-03-02T10:05:00Z", "2027-03-03T10:05:01Z", ""},
		{"RESERVATION", "", "2026-03-02T10:05:00Z", "2027-03-03T10:05:01Z", ""},
	} {
		session := edit(t, object(goodSession), "status", `"`+tt.status+`"`)
		session = edit(t, edit(t, session, "end_date_time", `"`+tt.end+`"`), "last_updated", `"`+tt.updated+`"`)
		if got := codesOf(check.Run(&check.Case{Session: session, Now: at(tt.now)})); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	if r := check.Run(&check.Case{}); len(r.Findings) != 0 || r.Verdict != check.Pass {
		t.Errorf("nothing: %+v", r)
	}
}

// TestFabricated proves that made-up CDRs are refused or held (T24, T26).
func TestFabricated(t *testing.T) {
	for name, change := range map[string]func(f *fixture){
		"a token of another eMSP": func(f *fixture) { f.set("cdr_token.party_id", `"EM2"`) },
		"a token nobody knows":    func(f *fixture) { f.Token, f.Auths = nil, nil },
		"a reference never given": func(f *fixture) { f.set("authorization_reference", `"REF9"`) },
		"ends before it starts":   func(f *fixture) { f.set("end_date_time", `"2026-03-02T08:00:00Z"`) },
		"in the future":           func(f *fixture) { f.Now = at("2026-03-02T11:20:00Z") },
		"more than the power":     func(f *fixture) { f.set("total_energy", "60").set("charging_periods.0.dimensions.0.volume", "60") },
		"energy not of periods":   func(f *fixture) { f.set("total_energy", "30") },
		"the session again": func(f *fixture) {
			f.Others = append(f.Others, check.Other{Party: cpo, ID: "CDR9", Token: tokenKey, EVSE: "e1", Start: at("2026-03-02T09:00:00Z"), End: at("2026-03-02T11:30:00Z"), Currency: "EUR", Net: 900, Gross: 1089, Energy: 18_500_000_000})
		},
	} {
		f := good(t)
		change(f)
		if r := f.run(); r.Verdict != check.Hold && r.Verdict != check.Reject {
			t.Errorf("%s: %s %s", name, r.Verdict, codesOf(r))
		}
	}
}

// TestBackDatedTariff proves that a CDR priced by a tariff which the hub received
// after the session started is priced by the one before, and held (T27).
func TestBackDatedTariff(t *testing.T) {
	f := good(t)
	dear := replace(goodTariff, energyPrice, "0.58")
	f.set("tariffs", "["+dear+"]").set("total_cost", `{"excl_vat":12.70,"incl_vat":15.367}`).set("total_energy_cost", `{"excl_vat":10.73,"incl_vat":12.9833}`)
	f.Session, f.Usual = edit(t, f.Session, "total_cost.excl_vat", "12.70"), nil
	f.Latest[0] = version(t, dear, "2026-03-02T09:30:00Z")
	r := f.run()
	if codesOf(r) != "C17/dearer_version C18/overcharged" || r.Verdict != check.Hold || r.Price.TotalExcl.Text(2) != "9.00" {
		t.Fatalf("%s %s %+v", r.Verdict, codesOf(r), r.Price)
	}
	if m := r.Findings[0].Message; !strings.Contains(m, "received at 2026-03-02T09:30:00Z") {
		t.Error(m)
	}
	if m := r.Findings[1].Message; !strings.Contains(m, "12.7000") || !strings.Contains(m, "9.0000") || !strings.Contains(m, "3.7000 EUR") {
		t.Error(m)
	}
	f.AtStart = nil // the hub had none: the CDR's own counts
	if r := f.run(); r.Basis != check.BasisCDR || codesOf(r) != "C17/not_published" || r.Price.TotalExcl.Text(2) != "12.70" {
		t.Errorf("%s %s", r.Basis, codesOf(r))
	}
	f.drop("tariffs") // only the later one is known
	if r := f.run(); r.Basis != check.BasisHub || codesOf(r) != "C17/not_published" || !r.Tariffs[0].Received.Equal(f.Latest[0].Received) {
		t.Errorf("%s %s", r.Basis, codesOf(r))
	}
	f.Latest[0].Deleted = true
	if r := f.run(); r.Basis != check.BasisNone || codesOf(r) != "C17/no_tariff" || r.NotPriced == "" {
		t.Errorf("%s %s", r.Basis, codesOf(r))
	}
}

// TestExplained proves that an overcharge names the reading that explains it, and
// that only a rounding makes it harmless.
func TestExplained(t *testing.T) {
	f := good(t)
	for _, part := range []string{"fixed", "energy", "time", "parking"} {
		f.drop("total_" + part + "_cost")
	}
	f.Session, f.Zone = edit(t, f.Session, "total_cost.excl_vat", "20"), zone(t)
	f.set("total_cost", `{"excl_vat":10.89,"incl_vat":13.1769}`) // tax twice
	r := f.run()
	if codesOf(r) != "C18/overcharged" || !strings.Contains(r.Findings[0].Details["explained_by"], "tax") {
		t.Errorf("%s %+v", codesOf(r), r.Findings)
	}
}

// TestZone proves where the time zone comes from: the case, else the country where
// it has one zone, else only tariffs without times of day can be applied.
func TestZone(t *testing.T) {
	f := good(t)
	f.Zone = nil
	f.set("cdr_location.country", `"USA"`)
	f.Location = edit(t, f.Location, "country", `"USA"`)
	if r := f.run(); codesOf(r) != "C18/not_priced" || !strings.Contains(r.NotPriced, "time zone") {
		t.Errorf("%s %s", codesOf(r), r.NotPriced)
	}
	plain := `{"country_code":"NL","party_id":"CP1","id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.38,"vat":21,"step_size":1}]},
 {"price_components":[{"type":"PARKING_TIME","price":3,"vat":21,"step_size":60},{"type":"FLAT","price":0.35,"vat":21,"step_size":1},{"type":"TIME","price":0.06,"vat":21,"step_size":60}]}],"last_updated":"2026-01-01T00:00:00Z"}`
	f.set("tariffs", "["+plain+"]")
	f.AtStart[0] = version(t, plain, "2026-01-01T00:00:00Z")
	if r := f.run(); len(r.Findings) > 0 || r.Price == nil {
		t.Errorf("%+v %s", r.Findings, r.NotPriced)
	}
}

// TestRunChangesNothing proves that a case can be run again, with the same report.
func TestRunChangesNothing(t *testing.T) {
	f := good(t).sign()
	f.Others[0].Start = f.Others[0].Start.Add(time.Hour)
	a, b := f.run(), f.run()
	if codesOf(a) != codesOf(b) || a.Price.TotalIncl.String() != b.Price.TotalIncl.String() || a.Register == nil || *a.Register != *b.Register {
		t.Errorf("%+v\n%+v", a, b)
	}
	if a.Register.Energy != 1018_500_000_000 || a.Register.Meter != "M1" || a.Signature != "verified" {
		t.Errorf("%+v %s", a.Register, a.Signature)
	}
}
