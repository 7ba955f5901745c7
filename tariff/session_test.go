package tariff

import (
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

// verified prices a CDR and compares it with its claim.
func verified(t *testing.T, v ocpi.Version, tariffJSON, cdrJSON string) (Result, Verdict, []Finding) {
	t.Helper()
	l, c, r := priceOne(t, v, tariffJSON, cdrJSON, Policy{})
	verdict, err := l.Verify(&c, &r)
	if err != nil {
		t.Fatal(err)
	}
	_, findings, err := ParseCDR(v, []byte(cdrJSON), zones[0])
	if err != nil {
		t.Fatal(err)
	}
	return r, verdict, findings
}

func codes(findings []Finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.Code+" "+f.Pointer)
	}
	return out
}

// TestVersion211 has what only OCPI 2.1.1 writes: stop_date_time, a location with
// its time zone, numbers as amounts and as strings, FLAT in the periods.
func TestVersion211(t *testing.T) {
	body := `{"id":"C","start_date_time":"2025-07-14T05:30:00Z","stop_date_time":"2025-07-14T07:30:00Z","auth_id":"A","auth_method":"WHITELIST",
	 "location":{"country":"FRA","time_zone":"Asia/Tokyo","evses":[]},"currency":"EUR","tariffs":[` + lintTariff(elements(`ENERGY 0.5 1 - {"start_time":"14:00"}`, "ENERGY 9 1", "FLAT 1 1")) + `],
	 "charging_periods":[{"start_date_time":"2025-07-14T05:30:00Z","dimensions":[{"type":"FLAT","volume":1},{"type":"ENERGY","volume":"10.0"},{"type":"MIN_CURRENT","volume":6},{"type":"MAX_CURRENT","volume":16}]}],
	 "total_cost":"6.00","total_energy":10,"total_time":2}`
	if v := DetectVersion([]byte(body)); v != v211 {
		t.Errorf("detected as %s", v)
	}
	c, findings, err := ParseCDR(v211, []byte(body), nil)
	if err != nil || c.Session.Zone == nil || c.Session.Zone.String() != "Asia/Tokyo" || len(findings) > 0 {
		t.Fatalf("%v %v %v", c.Session.Zone, findings, err)
	}
	l, err := Compile(c.Tariffs...)
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Price(&c.Session, Policy{})
	if err != nil || r.TotalExcl.String() != "6.0000" || r.TotalIncl.Known() {
		t.Errorf("%s / %s (%v)", r.TotalExcl, r.TotalIncl, err)
	}
	if v, err := l.Verify(&c, &r); err != nil || v.Verdict != Match {
		t.Errorf("%+v (%v)", v, err)
	}
}

func TestVersion230(t *testing.T) {
	tar := lintTariff(`tax_included="NO"`, elements("ENERGY 0.5 1 20"))
	for claim, want := range map[string][]string{
		`{"before_taxes":5,"taxes":[{"name":"VAT","amount":1}]}`:                           nil,
		`{"before_taxes":5,"taxes":[{"name":"A","amount":0.4},{"name":"B","amount":0.6}]}`: nil,
		`{"before_taxes":5}`:                                       nil,
		`{"before_taxes":5,"taxes":null}`:                          nil,
		`{"before_taxes":5,"taxes":[{"name":"VAT"}]}`:              nil, // unknown
		`{"before_taxes":5,"taxes":[]}`:                            {"total_cost.taxes"},
		`{"before_taxes":6,"taxes":[{"name":"VAT","amount":1.2}]}`: {"total_cost.before_taxes", "total_cost.taxes"},
	} {
		_, v, _ := verified(t, ocpi.V230, tar, testCDR(claim, "ENERGY 10"))
		if !slices.Equal(v.DifferingFields, want) && len(v.DifferingFields)+len(want) > 0 {
			t.Errorf("%s differs in %v, want %v", claim, v.DifferingFields, want)
		}
	}
}

func TestNegativeEnergy(t *testing.T) {
	r, _, _ := verified(t, ocpi.V221, lintTariff(elements(`ENERGY 0.5 1000 20 {"max_kwh":5}`, "ENERGY 1 1000 20")), testCDR("", "ENERGY 6", "ENERGY -2.5", "ENERGY 1"))
	// 6 x 0.5, then 6 kWh so far: -2.5 x 1, then 3.5 so far: 1 x 0.5; 4.5 -> 5 kWh by the last.
	if r.TotalExcl.String() != "1.2500" || r.TotalIncl.String() != "1.5000" {
		t.Errorf("%s / %s", r.TotalExcl, r.TotalIncl)
	}
	r, _, _ = verified(t, ocpi.V221, lintTariff(elements("ENERGY 0.5 1000 20")), testCDR("", "ENERGY -2.5"))
	if r.TotalExcl.String() != "-1.2500" || r.Rounded.TotalIncl.String() != "-1.50" {
		t.Errorf("%s / %s", r.TotalExcl, r.Rounded.TotalIncl)
	}
}

// TestPeriodsOutsideTheSession has an hour grid that begins before the session.
func TestPeriodsOutsideTheSession(t *testing.T) {
	body := strings.Replace(testCDR("", "ENERGY 1", "ENERGY 1", "ENERGY 1"), `"start_date_time":"2025-01-13T10:00:00Z"`, `"start_date_time":"2025-01-13T10:40:00Z"`, 1)
	body = strings.Replace(body, `"end_date_time":"2025-01-13T13:00:00Z"`, `"end_date_time":"2025-01-13T11:50:00Z"`, 1)
	r, _, _ := verified(t, ocpi.V221, lintTariff(elements(`ENERGY 1 1 - {"min_duration":0,"max_duration":1200}`, "ENERGY 10 1")), body)
	if want := []string{"period_before_session_start /charging_periods/0", "period_after_session_end /charging_periods/2"}; !slices.Equal(codes(r.Findings), want) {
		t.Errorf("findings %v, want %v", codes(r.Findings), want)
	}
	if r.TotalExcl.String() != "21.0000" { // the first is at 0 s, the second at 1200 s
		t.Errorf("total %s", r.TotalExcl)
	}
}

func TestPeriodsOutOfOrder(t *testing.T) {
	body := testCDR("", "ENERGY 1", "ENERGY 2")
	body = strings.Replace(body, `[{"start_date_time":"2025-01-13T10`, `[{"start_date_time":"2025-01-13T12`, 1)
	r, _, _ := verified(t, ocpi.V221, lintTariff(elements(`ENERGY 1 1 - {"min_kwh":2}`, "ENERGY 10 1")), body)
	if r.TotalExcl.String() != "21.0000" || r.Lines[0].Period != 1 || !slices.Contains(codes(r.Findings), "periods_unsorted /charging_periods") {
		t.Errorf("%s %+v %v", r.TotalExcl, r.Lines, codes(r.Findings))
	}
}

func TestSessionOfNoLength(t *testing.T) {
	body := strings.Replace(testCDR("", "ENERGY 0 TIME 0"), "T11:", "T10:", 1)
	r, _, _ := verified(t, ocpi.V221, lintTariff(elements("ENERGY 1 1 20", "FLAT 2 1 20"), `min_price={"excl_vat":3}`), body)
	if r.TotalExcl.String() != "3.0000" || r.TotalIncl.String() != "3.6000" || len(r.Findings) != 0 {
		t.Errorf("%s / %s %v", r.TotalExcl, r.TotalIncl, r.Findings)
	}
}

// TestSeveralTariffs names tariffs in another case, two versions of one, and has a
// minimum per tariff.
func TestSeveralTariffs(t *testing.T) {
	list := "[" + strings.Join([]string{
		lintTariff(`id="A"`, elements("ENERGY 9 1"), `end_date_time="2025-01-01T00:00:00Z"`),
		lintTariff(`id="A"`, elements("ENERGY 1 1")),
		lintTariff(`id="Bb"`, elements("TIME 1 1"), `min_price={"excl_vat":5}`),
		lintTariff(`id="C"`, elements("ENERGY 1 1"), `min_price={"excl_vat":50}`),
	}, ",") + "]"
	body := testCDR("", "ENERGY 1", "ENERGY 2")
	body = strings.Replace(body, `10:00:00Z","dimensions"`, `10:00:00Z","tariff_id":"a","dimensions"`, 1)
	body = strings.Replace(body, `11:00:00Z","dimensions"`, `11:00:00Z","tariff_id":"bB","dimensions"`, 1)
	r, _, _ := verified(t, ocpi.V221, list, body)
	if r.TotalExcl.String() != "6.0000" || r.LimitApplied == nil || len(r.Lines) != 1 || r.Lines[0].TariffID != "A" {
		t.Errorf("%s %+v", r.TotalExcl, r.Lines)
	}
	// One that is named counts although it has ended.
	one := lintTariff(`id="A"`, elements("ENERGY 9 1"), `end_date_time="2025-01-01T00:00:00Z"`)
	body = strings.Replace(testCDR("", "ENERGY 1"), `"dimensions"`, `"tariff_id":"A","dimensions"`, 1)
	if r, _, _ := verified(t, ocpi.V221, one, body); r.TotalExcl.String() != "9.0000" {
		t.Errorf("total %s", r.TotalExcl)
	}
}

// TestCreditCDR has a negative total and the parts of the CDR that it takes back.
func TestCreditCDR(t *testing.T) {
	for credit, want := range map[string]string{`"credit":true,"credit_reference_id":"C0",`: Match, `"credit":false,`: Mismatch, "": Mismatch} {
		body := strings.Replace(testCDR(`{"excl_vat":-5,"incl_vat":-6}`, "ENERGY 10"), "{", "{"+credit+`"total_energy_cost":{"excl_vat":5},`, 1)
		if _, v, _ := verified(t, ocpi.V221, lintTariff(elements("ENERGY 0.5 1 20")), body); v.Verdict != want {
			t.Errorf("%s is a %s, want %s: %v", credit, v.Verdict, want, v.DifferingFields)
		}
	}
}

func TestStatedVolumesAreCompared(t *testing.T) {
	for stated, want := range map[string][]string{
		`"total_energy":10,"total_time":2,"total_parking_time":0.5,`: nil,
		`"total_energy":10.0009,"total_time":1.999,`:                 nil,
		`"total_energy":10.002,`:                                     {"total_energy_differs /total_energy"},
		`"total_time":1,`:                                            {"total_time_differs /total_time"},
		`"total_parking_time":0,`:                                    {"total_parking_time_differs /total_parking_time"},
		`"total_energy":1e300,`:                                      {"total_energy_differs /total_energy"},
	} {
		body := strings.Replace(testCDR("", "ENERGY 10 TIME 1", "PARKING_TIME 0.5"), "{", "{"+stated, 1)
		if _, _, f := verified(t, ocpi.V221, lintTariff(elements(plain)), body); !slices.Equal(codes(f), want) {
			t.Errorf("%s: %v, want %v", stated, codes(f), want)
		}
	}
}

func TestUnknownThingsInPeriods(t *testing.T) {
	body := strings.Replace(testCDR("", "ENERGIE 10 STATE_OF_CHARGE 1", "ENERGY 1"), `"dimensions":[{"type":"ENERGY"`, `"dimension":[{"type":"ENERGY"`, 1)
	_, _, f := verified(t, ocpi.V221, lintTariff(elements(plain)), body)
	want := []string{"unknown_dimension /charging_periods/0/dimensions/0/type", "missing_required /charging_periods/1/dimensions", "unknown_field /charging_periods/1/dimension"}
	if !slices.Equal(codes(f), want) {
		t.Errorf("%v, want %v", codes(f), want)
	}
}

// TestBookings has the additions of the bookings branch of 2.3.0.
func TestBookings(t *testing.T) {
	tar := lintTariff(`tax_included="N/A"`, elements(
		`TIME 6 900 - {"booking":"BOOKING"}`, `FLAT 1 1 - {"booking":"BOOKING"}`, `FLAT 10 1 - {"booking":"BOOKING_EXPIRES"}`,
		`TIME 12 600 - {"booking":"BOOKING_OVERTIME"}`, `FLAT 2 1 - {"booking":"BOOKING_OVERTIME"}`, `FLAT 7 1 - {"booking":"BOOKING_CANCELLATION_FEES"}`,
		`TIME 3 600 - {"reservation":"RESERVATION"}`, "ENERGY 1 1", "FLAT 0.5 1"))
	for _, row := range []struct {
		name    string
		session string // replaces the session id
		periods []string
		want    string
	}{
		{"not booked", `"session_id":"S"`, []string{"RESERVATION_TIME 0.25", "ENERGY 2"}, "3.5000"},                                                 // 20 min x 3 + 2 + 0.5
		{"booked", `"session_id":"S","booking_id":"B"`, []string{"RESERVATION_TIME 0.2", "ENERGY 2"}, "5.0000"},                                     // 15 min x 6 + 1 + 2 + 0.5
		{"overtime", `"session_id":"S","booking_id":"B"`, []string{"ENERGY 2", "ENERGY 1 RESERVATION_OVERTIME 0.3"}, "9.5000"},                      // 3 + 0.5 + 20 min x 12 + 2
		{"both are rounded", `"session_id":"S","booking_id":"B"`, []string{"RESERVATION_TIME 0.2", "ENERGY 2 RESERVATION_OVERTIME 0.3"}, "11.0000"}, // 15 min x 6 + 1 + 2 + 0.5 + 20 min x 12 + 2
		{"expired", `"booking_id":"B"`, []string{"RESERVATION_TIME 1"}, "16.0000"},                                                                  // 6 + 10
		{"a period that expired", `"session_id":"S","booking_id":"B"`, []string{"RESERVATION_EXPIRES 1"}, "16.0000"},                                // 6 + 10
		{"cancelled", `"booking_id":"B"`, []string{"RESERVATION_TIME 0"}, "7.0000"},
	} {
		body := strings.Replace(testCDR("", row.periods...), `"session_id":"S"`, row.session, 1)
		if r, _, f := verified(t, ocpi.V230, tar, body); r.TotalExcl.String() != row.want || len(f) > 0 {
			t.Errorf("%s: %s, want %s: %+v %v", row.name, r.TotalExcl, row.want, r.Lines, f)
		}
	}
}

// TestDurationsOfReservations count from the beginning of the reservation for its
// own time, and from the end of it for the charging.
func TestDurationsOfReservations(t *testing.T) {
	tar := lintTariff(elements(`TIME 1 1 - {"reservation":"RESERVATION","max_duration":3600}`, `TIME 5 1 - {"reservation":"RESERVATION"}`, `ENERGY 1 1 - {"max_duration":3600}`, "ENERGY 7 1"))
	r, _, _ := verified(t, ocpi.V221, tar, testCDR("", "RESERVATION_TIME 1", "RESERVATION_TIME 1", "ENERGY 1", "ENERGY 1"))
	if r.TotalExcl.String() != "14.0000" { // 1 + 5 + 1 + 7
		t.Errorf("total %s", r.TotalExcl)
	}
}

// TestLimitsThatCross takes the minimum first and the maximum then.
func TestLimitsThatCross(t *testing.T) {
	r, _, _ := verified(t, ocpi.V221, lintTariff(elements("ENERGY 1 1 20"), `min_price={"excl_vat":5}`, `max_price={"excl_vat":4}`), testCDR("", "ENERGY 1"))
	if r.TotalExcl.String() != "4.0000" || r.LimitApplied == nil || *r.LimitApplied != "max_price" {
		t.Errorf("total %s", r.TotalExcl)
	}
}

// TestTaxPerKWhIsOnBilledEnergy has energy that is rounded up.
func TestTaxPerKWhIsOnBilledEnergy(t *testing.T) {
	_, _, r := priceOne(t, ocpi.V221, lintTariff(elements("ENERGY 1 1000 20")), testCDR("", "ENERGY 1.5"), Policy{})
	taxes, total, err := r.AddTaxes([]ExternalTax{{Name: "Excise", PerKWh: ocpi.MustNumber("0.1")}})
	if err != nil || taxes[0].Amount.String() != "0.20" || total.Text(2) != "2.20" {
		t.Errorf("%v %s (%v)", taxes, total, err)
	}
}
