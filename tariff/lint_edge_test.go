package tariff

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// lintEdges has pairs that lie on both sides of a bound: the first tariff has the
// finding, the second does not.
var lintEdges = []struct {
	name, code, pointer string
	with, without       []string
	options             LintOptions
}{
	{name: "a tariff ends now", code: "expired", pointer: "/end_date_time", options: LintOptions{Now: time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)},
		with: []string{`end_date_time="2027-01-15T08:00:00Z"`}, without: []string{`end_date_time="2027-01-15T08:00:01Z"`}},
	{name: "an element ends today somewhere", code: "expired", pointer: "/elements/0/restrictions", options: LintOptions{Now: time.Date(2027, 1, 15, 8, 0, 0, 0, time.UTC)},
		with: []string{elements(`ENERGY 1 1 21 {"end_date":"2027-01-14"}`, plain)}, without: []string{elements(`ENERGY 1 1 21 {"end_date":"2027-01-15"}`, plain)}},
	{name: "the day before the validity, in the west", code: "never_active", pointer: "/elements/0/restrictions",
		with:    []string{`start_date_time="2025-01-02T00:00:00Z"`, elements(`ENERGY 1 1 21 {"end_date":"2025-01-01"}`, plain)},
		without: []string{`start_date_time="2025-01-02T00:00:00Z"`, elements(`ENERGY 1 1 21 {"end_date":"2025-01-02"}`, plain)}},
	{name: "the day after the validity, in the east", code: "never_active", pointer: "/elements/0/restrictions",
		with:    []string{`end_date_time="2025-01-02T12:00:00Z"`, elements(`ENERGY 1 1 21 {"start_date":"2025-01-04"}`, plain)},
		without: []string{`end_date_time="2025-01-02T12:00:00Z"`, elements(`ENERGY 1 1 21 {"start_date":"2025-01-03"}`, plain)}},
	{name: "no energy at most", code: "impossible_restriction", pointer: "/elements/0/restrictions",
		with: []string{elements(`ENERGY 1 1 21 {"max_kwh":0}`, plain)}, without: []string{elements(`ENERGY 1 1 21 {"max_kwh":0.000000001}`, plain)}},
	{name: "a window over midnight on all days", code: "wrapping_window_with_days", pointer: "/elements/0/restrictions",
		with:    []string{elements(`ENERGY 1 1 21 {"start_time":"20:00","end_time":"06:00","day_of_week":["MONDAY","TUESDAY","WEDNESDAY","THURSDAY","FRIDAY","SATURDAY"]}`)},
		without: []string{elements(`ENERGY 1 1 21 {"start_time":"20:00","end_time":"06:00","day_of_week":["MONDAY","TUESDAY","WEDNESDAY","THURSDAY","FRIDAY","SATURDAY","SUNDAY"]}`)}},
	{name: "energy at 5", code: "absurd_price", pointer: "/elements/0/price_components/0", with: []string{elements("ENERGY 5.0001 1 21")}, without: []string{elements("ENERGY 5 1 21")}},
	{name: "time at 60", code: "absurd_price", pointer: "/elements/0/price_components/0", with: []string{elements("TIME 60.0001 1 21")}, without: []string{elements("TIME 60 1 21")}},
	{name: "parking at 60", code: "absurd_price", pointer: "/elements/0/price_components/0", with: []string{elements("PARKING_TIME 61 1 21")}, without: []string{`currency="SEK"`, elements("PARKING_TIME 61 1 21")}},
	{name: "a party of 4 characters", code: "too_long", pointer: "/party_id", with: []string{`party_id="CPOX"`}, without: []string{`party_id="CPO"`}},
	{name: "a negative maximum", code: "negative_price", pointer: "/max_price", with: []string{`max_price={"excl_vat":-1}`}, without: []string{`max_price={"excl_vat":0}`}},
	{name: "a reservation with a current", code: "reservation_with_energy_limits", pointer: "/elements/0/restrictions",
		with: []string{elements(`TIME 3 1 21 {"reservation":"RESERVATION","max_current":1}`, plain)}, without: []string{elements(`TIME 3 1 21 {"reservation":"RESERVATION","max_duration":1}`, plain)}},
	{name: "the first element that expires", code: "expires_without_reservation", pointer: "/elements/0/restrictions",
		with: []string{elements(`FLAT 3 1 21 {"reservation":"RESERVATION_EXPIRES","max_duration":9}`, `FLAT 3 1 21 {"reservation":"RESERVATION_EXPIRES"}`, plain)}, without: []string{elements(reserve, plain)}},
	{name: "the time of a reservation", code: "unused_time_step_size", pointer: "/elements/0/price_components/0",
		with: []string{elements("TIME 3 60 21", "PARKING_TIME 3 60 21")}, without: []string{elements(`TIME 3 60 21 {"reservation":"RESERVATION"}`, "PARKING_TIME 3 60 21")}},
	{name: "a fee for a reservation", code: "several_flats", pointer: "/elements",
		with: []string{elements("FLAT 2 1 21", `FLAT 1 1 21 {"max_kwh":1}`)}, without: []string{elements("FLAT 2 1 21", `FLAT 1 1 21 {"reservation":"RESERVATION"}`)}},
	{name: "the second number of a text", code: "alt_text_differs", pointer: "/tariff_alt_text/0",
		with: []string{`tariff_alt_text=[{"text":"0.40 and 0.41"}]`}, without: []string{`tariff_alt_text=[{"text":"0.40 and 0.4"}]`}},
	{name: "the second text", code: "alt_text_differs", pointer: "/tariff_alt_text/1",
		with: []string{`tariff_alt_text=[{"text":"0.4"},{"text":"0.41"}]`}, without: []string{`tariff_alt_text=[{"text":"free"},{"text":"4 places"}]`}},
	{name: "a price with tax in four decimals", code: "alt_text_differs", pointer: "/tariff_alt_text/0", // 0.39 x 1.19 = 0.4641
		with:    []string{`tariff_alt_text=[{"text":"0.4642"}]`, elements("ENERGY 0.39 1 19")},
		without: []string{`tariff_alt_text=[{"text":"0.4641 or 0.46"}]`, elements("ENERGY 0.39 1 19")}},
	{name: "a FLAT need not always apply", code: "dimension_not_exhaustive", pointer: "/elements",
		with: []string{elements(`TIME 1 1 21 {"max_kwh":1}`)}, without: []string{elements(`FLAT 1 1 21 {"max_kwh":1}`)}},
	{name: "outside of its validity a tariff has no gaps", code: "dimension_not_exhaustive", pointer: "/elements",
		with:    []string{`end_date_time="2025-01-02T12:00:00Z"`, elements(`ENERGY 1 1 21 {"end_date":"2025-01-03"}`)},
		without: []string{`end_date_time="2025-01-02T12:00:00Z"`, elements(`ENERGY 1 1 21 {"end_date":"2025-01-04"}`)}},
	{name: "the later half of a window", code: "unreachable", pointer: "/elements/1/price_components/0",
		with:    []string{elements(`ENERGY 1 1 21 {"start_time":"19:00"}`, `ENERGY 2 1 21 {"start_time":"20:00"}`, plain)},
		without: []string{elements(`ENERGY 1 1 21 {"start_time":"19:00"}`, `ENERGY 2 1 21 {"start_time":"20:00","end_time":"00:01"}`, plain)}},
	{name: "both halves of a window", code: "unreachable", pointer: "/elements/2/price_components/0",
		with:    []string{elements(`ENERGY 1 1 21 {"start_time":"19:00"}`, `ENERGY 1 1 21 {"end_time":"05:00"}`, `ENERGY 2 1 21 {"start_time":"20:00","end_time":"05:00"}`, plain)},
		without: []string{elements(`ENERGY 1 1 21 {"start_time":"19:00"}`, `ENERGY 1 1 21 {"end_time":"05:00"}`, `ENERGY 2 1 21 {"start_time":"20:00","end_time":"05:01"}`, plain)}},
	{name: "a reservation does not hide charging", code: "unreachable", pointer: "/elements/1/price_components/0",
		with: []string{elements("TIME 1 1 21", "TIME 2 1 21")}, without: []string{elements(reserve, "TIME 2 1 21")}},
	{name: "a price of 0 beside others", code: "afir_other_component", pointer: "/elements/0/price_components/0", options: LintOptions{AFIR: true},
		with: []string{`type="AD_HOC_PAYMENT"`, elements("TIME 0.01 1 21", plain)}, without: []string{`type="AD_HOC_PAYMENT"`, elements("TIME 0 1 21", plain)}},
	{name: "ad hoc reservations", code: "afir_other_component", pointer: "/elements/0/price_components/0", options: LintOptions{AFIR: true},
		with: []string{`type="AD_HOC_PAYMENT"`, elements("TIME 3 1 21", plain)}, without: []string{`type="AD_HOC_PAYMENT"`, elements(reserve, plain)}},
}

func TestLintEdges(t *testing.T) {
	for _, row := range lintEdges {
		t.Run(row.name, func(t *testing.T) {
			for _, has := range []bool{true, false} {
				members := row.without
				if has {
					members = row.with
				}
				findings, err := LintJSON(ocpi.V221, []byte(lintTariff(members...)), row.options)
				if err != nil {
					t.Fatal(err)
				}
				at := func(f Finding) bool { return f.Code == row.code && f.Pointer == row.pointer }
				if !has {
					at = func(f Finding) bool { return f.Code == row.code }
				}
				if slices.ContainsFunc(findings, at) != has {
					t.Errorf("%s at %s: want %v in %+v", row.code, row.pointer, has, findings)
				}
			}
		})
	}
}

// TestLintOrder has an error, a warning and a note, the last first in the
// document.
func TestLintOrder(t *testing.T) {
	findings, err := LintJSON(ocpi.V221, []byte(lintTariff(elements("ENERGY 0.4 0 21", `ENERGY 0.4 1 21 {"min_kwh":1}`, "TIME -1 1 21"))), LintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var order []Severity
	for _, f := range findings {
		order = append(order, f.Severity)
	}
	if got := slices.Compact(order); !slices.Equal(got, []Severity{SeverityError, SeverityWarning, SeverityInfo}) {
		t.Errorf("in the order %v", got)
	}
}

// TestGapsOfPower are worse where the period tells its power, and proved so.
func TestGapsOfPower(t *testing.T) {
	for _, c := range []struct {
		restriction string
		severity    Severity
		power       string
	}{
		{`{"min_power":0}`, SeverityInfo, "not told"},
		{`{"min_power":10}`, SeverityWarning, "0"},
		{`{"max_power":10}`, SeverityWarning, "0 to 10"},
	} {
		findings, err := LintJSON(ocpi.V221, []byte(lintTariff(elements("ENERGY 1 1 21 "+c.restriction))), LintOptions{})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(findings, func(f Finding) bool { return f.Code == "dimension_not_exhaustive" })
		if i < 0 || findings[i].Severity != c.severity || findings[i].Witness.Power != c.power {
			t.Errorf("%s: %+v", c.restriction, findings)
			continue
		}
		if told := strings.Contains(findings[i].Message, "does not tell"); told != (c.severity == SeverityInfo) {
			t.Errorf("%s: %s", c.restriction, findings[i].Message)
		}
	}
}
