package check_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/ocpi"
)

// changed returns the good CDR with other values: path, JSON, path, JSON…
func changed(t testing.TB, pairs []string) []byte {
	f := good(t)
	for i := 0; i < len(pairs); i += 2 {
		f.set(pairs[i], pairs[i+1])
	}
	return f.body
}

// hostile are CDRs that somebody made up to do harm.
func hostile(t testing.TB) map[string][]byte {
	changed := func(pairs ...string) []byte { return changed(t, pairs) }
	return map[string][]byte{
		"huge energy":                 changed("total_energy", "9007199.254740992", "charging_periods.0.dimensions.0.volume", "9007199"),
		"huge cost":                   changed("total_cost.excl_vat", "9999999999999.99", "total_cost.incl_vat", "9999999999999.99"),
		"tiny step, huge price":       changed("tariffs.0.elements.0.price_components.0.price", "999999999999999999"),
		"negative everything":         changed("total_cost", `{"excl_vat":-1,"incl_vat":-2}`, "total_energy", "-5", "total_time", "-7", "charging_periods.0.dimensions.0.volume", "-9"),
		"ends before it starts":       changed("end_date_time", `"0001-01-01T00:00:00Z"`),
		"the year 9999":               changed("end_date_time", `"9999-12-31T23:59:59Z"`),
		"every time the same":         changed("end_date_time", `"2026-03-02T09:00:00Z"`, "charging_periods.1.start_date_time", `"2026-03-02T09:00:00Z"`),
		"coordinates beyond the pole": changed("cdr_location.coordinates", `{"latitude":"NaN","longitude":"1e400"}`),
		"escapes":                     changed("id", `"\u0041\u0000\"\\"`, "meter_id", `"\ud83d\ude00"`),
		"a page of text":              changed("remark", `"`+strings.Repeat("x", 1_000)+`"`, "currency", `"XXX"`),
	}
}

// huge are CDRs that are large.
func huge(t testing.TB) map[string][]byte {
	var periods, elements strings.Builder
	start := at("2026-03-02T09:00:00Z")
	for i := range 10_000 {
		if i > 0 {
			periods.WriteByte(',')
			elements.WriteByte(',')
		}
		fmt.Fprintf(&periods, `{"start_date_time":%q,"dimensions":[{"type":"ENERGY","volume":0.001},{"type":"TIME","volume":0.0002}]}`, ocpi.FormatTime(start.Add(time.Duration(i)*800*time.Millisecond)))
		fmt.Fprintf(&elements, `{"price_components":[{"type":"ENERGY","price":0.%04d,"step_size":1}],"restrictions":{"start_time":"23:%02d","end_time":"23:59"}}`, i, i%59)
	}
	changed := func(pairs ...string) []byte { return changed(t, pairs) }
	return map[string][]byte{
		"10,000 periods":  changed("charging_periods", "["+periods.String()+"]"),
		"10,000 elements": changed("tariffs.0.elements", "["+elements.String()+"]"),
		"10,000 of both":  changed("charging_periods", "["+periods.String()+"]", "tariffs.0.elements", "["+elements.String()+"]"),
		"a million zeros": changed("total_energy", "18.5"+strings.Repeat("0", 1_000_000)),
	}
}

// TestHostile proves that what cannot be meant is refused or reported, in bounded
// time and without a panic. The bound is generous: it only tells a second from an
// hour.
func TestHostile(t *testing.T) {
	all := hostile(t)
	maps.Copy(all, huge(t))
	for name, body := range all {
		t.Run(name, func(t *testing.T) {
			f := good(t)
			f.body = body
			begin := time.Now()
			cdr, err := check.Read(f.v, body, nil)
			if err != nil {
				if e, ok := errors.AsType[*ocpi.Error](err); !ok || e.Status != ocpi.StatusInvalidParameters || e.Message == "" {
					t.Errorf("error %v", err)
				}
				return
			}
			f.CDR = cdr
			r := check.Run(&f.Case)
			if r.Verdict == check.Pass {
				t.Errorf("passes")
			}
			t.Logf("%v %s", time.Since(begin), codesOf(r))
		})
	}
}

// TestLongIDs proves that a report does not grow with the ids of a CDR.
func TestLongIDs(t *testing.T) {
	f := good(t)
	long := `"` + strings.Repeat("é", 100_000) + `"`
	f.set("session_id", long).set("tariffs.0.id", long).set("meter_id", long).set("cdr_location.id", long)
	r := f.run()
	if len(r.Findings) < 4 || r.Verdict != check.Reject {
		t.Error(codesOf(r))
	}
	consistent(t, r)
}

// TestTooMuchToPrice proves that pricing is refused where it would take long.
func TestTooMuchToPrice(t *testing.T) {
	f := good(t)
	f.body, f.AtStart = huge(t)["10,000 of both"], nil
	r := f.run()
	if r.Price != nil || !strings.Contains(r.NotPriced, "too many") || !strings.Contains(codesOf(r), "C18/not_priced") {
		t.Errorf("%s: %s", r.NotPriced, codesOf(r))
	}
}

// TestNotNumbers proves that numbers which decimal arithmetic does not have are
// refused by Read or by C01 (T28).
func TestNotNumbers(t *testing.T) {
	for _, number := range []string{`1e400`, `"9.00"`, `"NaN"`, `-1e-400`, `9.000000000000000000000000000001`, `123456789012345678901234567890`, `true`, `{}`} {
		for _, field := range []string{"total_cost.excl_vat", "total_energy", "total_time", "charging_periods.0.dimensions.0.volume", "tariffs.0.elements.0.price_components.0.price"} {
			f := good(t).set(field, number)
			cdr, err := check.Read(f.v, f.body, nil)
			if err == nil {
				f.CDR = cdr
				r := check.Run(&f.Case)
				// A volume is rounded to 10⁻⁹ kWh, and a tariff that cannot be applied is C18.
				long := (number[0] == '9' || number[0] == '-') && !strings.HasPrefix(field, "total_")
				if r.Verdict != check.Reject && !long {
					t.Errorf("%s = %s: %s %s", field, number, r.Verdict, codesOf(r))
				}
			}
		}
	}
}

// FuzzRun proves that nothing panics and that a report is consistent.
func FuzzRun(f *testing.F) {
	for _, body := range hostile(f) {
		f.Add(body, []byte(goodSession), []byte(goodLocation), []byte(goodToken), []byte(goodTariff), int64(0))
	}
	f.Add(good(f).body, []byte(`{`), []byte(`[]`), []byte(`{"valid":0}`), []byte(goodTariff), int64(-1))
	f.Add(creditOf(f).body, []byte(`{"kwh":"x"}`), []byte(`{"evses":[{"uid":"E1","connectors":[{"id":"1","max_voltage":1e300}]}]}`), []byte(`null`), []byte(`{}`), int64(1<<60))
	f.Add(good(f).body, []byte(replace(goodSession, "COMPLETED", "\xff\xf0")), []byte(`{"evses":"\u`), []byte(`{"valid":`), []byte(goodTariff), int64(5))
	f.Add(good(f).sign().body, []byte(goodSession), []byte(goodLocation), []byte(goodToken), []byte(goodTariff), int64(1e15))
	base := good(f).Case
	f.Fuzz(func(t *testing.T, body, session, location, token, tariffBody []byte, n int64) {
		for _, v := range []ocpi.Version{ocpi.V221, ocpi.V230} {
			cdr, err := check.Read(v, body, nil)
			if err != nil {
				if e, ok := errors.AsType[*ocpi.Error](err); !ok || e.Status != ocpi.StatusInvalidParameters {
					t.Fatalf("error %v", err)
				}
				continue
			}
			c := base
			c.CDR, c.Session, c.Location, c.Token = cdr, &check.Object{Version: v, Body: session}, &check.Object{Version: v, Body: location}, &check.Object{Version: v, Body: token}
			c.Now = time.Unix(n%(1<<40), 0)
			c.Original = &check.Original{CPO: cpo, EMSP: emsp, ID: "CDR1", Currency: "EUR", Net: n, Gross: -n, Version: v, Body: body}
			c.LastRegister = &check.Register{Energy: n}
			c.Others = append(slices.Clone(c.Others), check.Other{Party: cpo, ID: "X", Session: cdr.SessionID, Token: cdr.Token.Key, EVSE: cdr.Place.EVSEKey, Start: cdr.Start, End: cdr.End.Add(time.Duration(n)), Energy: n, Gross: n, HasPlace: true, Latitude: float64(n)})
			if one, err := check.ReadTariff(v, tariffBody); err == nil {
				c.AtStart = append(slices.Clone(c.AtStart), check.TariffVersion{Tariff: one})
			}
			consistent(t, check.Run(&c))
		}
	})
}

// consistent checks what holds for every report.
func consistent(t *testing.T, r check.Report) {
	rank := map[check.Severity]int{check.Pass: 0, check.Info: 1, check.Warn: 2, check.Hold: 3, check.Reject: 4}
	worst, last := check.Pass, ""
	known := map[string]bool{}
	for _, c := range check.Codes() {
		known[c.Check+"/"+c.Code] = true
	}
	for _, f := range r.Findings {
		if !known[f.Check+"/"+f.Code] || f.Check < last || f.Message == "" || len(f.Message) > 1_000 {
			t.Fatalf("finding %+v after %s", f, last)
		}
		for _, v := range f.Details {
			if len(v) > 1_000 || !utf8.ValidString(v) {
				t.Fatalf("details %q", v)
			}
		}
		last = f.Check
		if rank[f.Severity] > rank[worst] {
			worst = f.Severity
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Fatal(err)
	}
	if worst != r.Verdict || (r.Price == nil) != (r.Claim == nil) || (r.Price == nil) != (r.NotPriced != "") {
		t.Fatalf("verdict %s, worst %s, price %v, claim %v, not priced %q", r.Verdict, worst, r.Price, r.Claim, r.NotPriced)
	}
}
