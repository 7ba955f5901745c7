package tariff

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// lintTariff is a tariff without any finding, with a member replaced or added.
func lintTariff(members ...string) string {
	t := [][2]string{
		{"country_code", `"NL"`}, {"party_id", `"CPO"`}, {"id", `"T"`}, {"currency", `"EUR"`}, {"last_updated", `"2025-01-01T00:00:00Z"`},
		{"elements", `[{"price_components":[{"type":"ENERGY","price":0.4,"vat":21,"step_size":1}]}]`},
	}
	for _, m := range members {
		name, value, _ := strings.Cut(m, "=")
		i := slices.IndexFunc(t, func(f [2]string) bool { return f[0] == name })
		switch {
		case value == "":
			t = slices.Delete(t, i, i+1)
		case i < 0:
			t = append(t, [2]string{name, value})
		default:
			t[i][1] = value
		}
	}
	var b strings.Builder
	for i, f := range t {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", f[0], f[1])
	}
	return "{" + b.String() + "}"
}

// elements writes elements of one component each: "TYPE price step vat
// restrictions", - for none.
func elements(list ...string) string {
	var out []string
	for _, e := range list {
		f := strings.SplitN(e, " ", 5)
		s := fmt.Sprintf(`{"price_components":[{"type":%q,"price":%s,"step_size":%s`, f[0], f[1], f[2])
		if len(f) > 3 && f[3] != "-" {
			s += `,"vat":` + f[3]
		}
		s += "}]"
		if len(f) > 4 {
			s += `,"restrictions":` + f[4]
		}
		out = append(out, s+"}")
	}
	return "elements=[" + strings.Join(out, ",") + "]"
}

const (
	plain   = "ENERGY 0.4 1 21"
	reserve = `TIME 3 1 21 {"reservation":"RESERVATION"}`
)

// lintRows has a tariff with each finding, and one that is without it for just
// that reason.
var lintRows = []struct {
	code, pointer string
	severity      Severity
	with, without []string
	version       ocpi.Version
	options       LintOptions
}{
	{code: "unknown_field", pointer: "/elements/0/restrictions/dayOfWeek", severity: "warning",
		with: []string{elements(`ENERGY 0.4 1 21 {"dayOfWeek":["MONDAY"]}`)}, without: []string{elements(`ENERGY 0.4 1 21 {"day_of_week":["MONDAY"]}`)}},
	{code: "missing_required", pointer: "/party_id", severity: "error", with: []string{"party_id="}},
	{code: "missing_required", pointer: "/elements/0/price_components/0/price", severity: "error",
		with: []string{`elements=[{"price_components":[{"type":"ENERGY","step_size":1}]}]`}},
	{code: "invalid_country_code", pointer: "/country_code", severity: "error", with: []string{`country_code="NLD"`}, without: []string{`country_code="nl"`}},
	{code: "invalid_country_code", pointer: "/country_code", severity: "error", with: []string{`country_code="QQ"`}},
	{code: "currency_case", pointer: "/currency", severity: "warning", with: []string{`currency="eur"`}},
	{code: "invalid_value", pointer: "/currency", severity: "error", with: []string{`currency="EURO"`}},
	{code: "invalid_value", pointer: "/elements/0/price_components/0/step_size", severity: "error", with: []string{elements("ENERGY 0.4 -1 21")}},
	{code: "invalid_value", pointer: "/elements/0/restrictions/day_of_week/0", severity: "error",
		with: []string{elements(`ENERGY 0.4 1 21 {"day_of_week":["Monday"]}`)}, without: []string{elements(`ENERGY 0.4 1 21 {"day_of_week":["MONDAY"]}`)}},
	{code: "number_as_string", pointer: "/elements/0/price_components/0/price", severity: "warning", with: []string{elements(`ENERGY "0.4" 1 21`)}},
	{code: "too_long", pointer: "/id", severity: "error", with: []string{`id="` + strings.Repeat("x", 37) + `"`}, without: []string{`id="` + strings.Repeat("x", 36) + `"`}},
	{code: "unreachable", pointer: "/elements/1/price_components/0", severity: "warning",
		with: []string{elements(plain, `ENERGY 0.3 1 21 {"min_kwh":10}`)}, without: []string{elements(`ENERGY 0.3 1 21 {"min_kwh":10}`, plain)}},
	{code: "unreachable", pointer: "/elements/2/price_components/0", severity: "warning", // by two together
		with:    []string{elements(`ENERGY 0.3 1 21 {"max_kwh":10}`, `ENERGY 0.3 1 21 {"min_kwh":10}`, plain)},
		without: []string{elements(`ENERGY 0.3 1 21 {"max_kwh":10}`, `ENERGY 0.3 1 21 {"min_kwh":10.001}`, plain)}},
	{code: "duplicate_dimension", pointer: "/elements/0/price_components/1", severity: "warning",
		with:    []string{`elements=[{"price_components":[{"type":"TIME","price":1,"vat":21,"step_size":1},{"type":"TIME","price":2,"vat":21,"step_size":1}]}]`},
		without: []string{`elements=[{"price_components":[{"type":"TIME","price":1,"vat":21,"step_size":1},{"type":"ENERGY","price":2,"vat":21,"step_size":1}]}]`}},
	{code: "dimension_not_exhaustive", pointer: "/elements", severity: "warning",
		with:    []string{elements(`ENERGY 0.4 1 21 {"start_time":"08:00","end_time":"20:00"}`, `ENERGY 0.3 1 21 {"start_time":"20:00","end_time":"07:59"}`)},
		without: []string{elements(`ENERGY 0.4 1 21 {"start_time":"08:00","end_time":"20:00"}`, `ENERGY 0.3 1 21 {"start_time":"20:00","end_time":"08:00"}`)}},
	{code: "impossible_restriction", pointer: "/elements/0/restrictions", severity: "error",
		with: []string{elements(`ENERGY 0.3 1 21 {"min_kwh":10,"max_kwh":10}`, plain)}, without: []string{elements(`ENERGY 0.3 1 21 {"min_kwh":10,"max_kwh":11}`, plain)}},
	{code: "impossible_restriction", pointer: "/elements/0/restrictions", severity: "error", // 13 January 2025 is a Monday
		with:    []string{elements(`ENERGY 0.3 1 21 {"start_date":"2025-01-13","end_date":"2025-01-14","day_of_week":["SUNDAY"]}`, plain)},
		without: []string{elements(`ENERGY 0.3 1 21 {"start_date":"2025-01-13","end_date":"2025-01-14","day_of_week":["MONDAY"]}`, plain)}},
	{code: "impossible_restriction", pointer: "/elements/0/restrictions", severity: "error",
		with: []string{elements(`ENERGY 0.3 1 21 {"min_power":10,"max_power":10}`, plain)}, without: []string{elements(`ENERGY 0.3 1 21 {"min_power":10,"max_power":11}`, plain)}},
	{code: "dimension_not_exhaustive", pointer: "/elements", severity: "warning",
		with:    []string{elements(`ENERGY 0.4 1 21 {"start_time":"20:00","end_time":"23:59"}`, `ENERGY 0.3 1 21 {"end_time":"20:00"}`)},
		without: []string{elements(`ENERGY 0.4 1 21 {"start_time":"20:00","end_time":"00:00"}`, `ENERGY 0.3 1 21 {"end_time":"20:00"}`)}},
	{code: "empty_day_of_week", pointer: "/elements/0/restrictions", severity: "warning", with: []string{elements(`ENERGY 0.3 1 21 {"day_of_week":[]}`)}},
	{code: "empty_restrictions", pointer: "/elements/0/restrictions", severity: "info",
		with: []string{elements(`ENERGY 0.3 1 21 {}`)}, without: []string{elements(`ENERGY 0.3 1 21 {"min_kwh":1}`)}},
	{code: "empty_restrictions", pointer: "/elements/0/restrictions", severity: "info", with: []string{elements(`ENERGY 0.3 1 21 []`)}, without: []string{elements(`ENERGY 0.3 1 21 null`)}},
	{code: "same_start_and_end_time", pointer: "/elements/0/restrictions", severity: "warning",
		with: []string{elements(`ENERGY 0.3 1 21 {"start_time":"08:00","end_time":"08:00"}`)}, without: []string{elements(`ENERGY 0.3 1 21 {"start_time":"08:00","end_time":"08:01"}`)}},
	{code: "end_time_midnight_only", pointer: "/elements/0/restrictions", severity: "info",
		with: []string{elements(`ENERGY 0.3 1 21 {"end_time":"00:00"}`)}, without: []string{elements(`ENERGY 0.3 1 21 {"start_time":"10:00","end_time":"00:00"}`)}},
	{code: "wrapping_window_with_days", pointer: "/elements/0/restrictions", severity: "warning",
		with:    []string{elements(`ENERGY 0.3 1 21 {"start_time":"20:00","end_time":"06:00","day_of_week":["FRIDAY"]}`)},
		without: []string{elements(`ENERGY 0.3 1 21 {"start_time":"06:00","end_time":"20:00","day_of_week":["FRIDAY"]}`)}},
	{code: "reservation_dimension", pointer: "/elements/0/price_components/0", severity: "error",
		with: []string{elements(`ENERGY 3 1 21 {"reservation":"RESERVATION"}`, plain)}, without: []string{elements(reserve, plain)}},
	{code: "reservation_dimension", pointer: "/elements/0/price_components/0", severity: "error", version: ocpi.V230,
		with: []string{elements(`PARKING_TIME 3 1 21 {"booking":"BOOKING"}`, plain)}, without: []string{elements(`TIME 3 1 21 {"booking":"BOOKING"}`, plain)}},
	{code: "unknown_field", pointer: "/elements/0/restrictions/booking", severity: "warning", with: []string{elements(`TIME 3 1 21 {"booking":"BOOKING"}`, plain)}},
	{code: "reservation_with_energy_limits", pointer: "/elements/0/restrictions", severity: "error",
		with: []string{elements(`TIME 3 1 21 {"reservation":"RESERVATION","min_kwh":1}`, plain)}, without: []string{elements(reserve, plain)}},
	{code: "expires_without_reservation", pointer: "/elements/0/restrictions", severity: "error",
		with:    []string{elements(`FLAT 3 1 21 {"reservation":"RESERVATION_EXPIRES"}`, plain)},
		without: []string{elements(`FLAT 3 1 21 {"reservation":"RESERVATION_EXPIRES"}`, reserve, plain)}},
	{code: "zero_step_size", pointer: "/elements/0/price_components/0", severity: "info", with: []string{elements("ENERGY 0.4 0 21")}},
	{code: "flat_step_size", pointer: "/elements/0/price_components/0", severity: "info", with: []string{elements("FLAT 0.4 2 21")}, without: []string{elements("FLAT 0.4 1 21")}},
	{code: "large_step_size", pointer: "/elements/0/price_components/0", severity: "warning", with: []string{elements("ENERGY 0.4 1001 21")}, without: []string{elements("ENERGY 0.4 1000 21")}},
	{code: "large_step_size", pointer: "/elements/0/price_components/0", severity: "warning", with: []string{elements("TIME 0.4 901 21")}, without: []string{elements("TIME 0.4 900 21")}},
	{code: "step_size_above_1", pointer: "/elements/0/price_components/0", severity: "info", with: []string{elements("ENERGY 0.4 2 21")}},
	{code: "unused_time_step_size", pointer: "/elements/0/price_components/0", severity: "warning",
		with: []string{elements("TIME 3 60 21", "PARKING_TIME 3 60 21")}, without: []string{elements("TIME 3 60 21", "ENERGY 3 60 21")}},
	{code: "unused_time_step_size", pointer: "/elements/0/price_components/0", severity: "warning",
		with: []string{elements("TIME 3 60 21", "PARKING_TIME 3 60 21")}, without: []string{elements("TIME 3 1 21", "PARKING_TIME 3 60 21")}},
	{code: "step_size_differs", pointer: "/elements/1/price_components/0", severity: "info",
		with:    []string{elements(`ENERGY 0.3 100 21 {"min_kwh":1}`, "ENERGY 0.4 200 21")},
		without: []string{elements(`ENERGY 0.3 100 21 {"min_kwh":1}`, "ENERGY 0.4 100 21")}},
	{code: "tax_rate_out_of_range", pointer: "/elements/0/price_components/0", severity: "error", with: []string{elements("ENERGY 0.4 1 101")}, without: []string{elements("ENERGY 0.4 1 100")}},
	{code: "tax_rate_out_of_range", pointer: "/elements/0/price_components/0", severity: "error", with: []string{elements("ENERGY 0.4 1 -1")}},
	{code: "tax_rate_is_a_fraction", pointer: "/elements/0/price_components/0", severity: "warning", with: []string{elements("ENERGY 0.4 1 0.21")}, without: []string{elements("ENERGY 0.4 1 1.0")}},
	{code: "zero_tax_rate", pointer: "/elements/0/price_components/0", severity: "info", with: []string{elements("ENERGY 0.4 1 0")}},
	{code: "tax_rate_without_tax", pointer: "/elements/0/price_components/0", severity: "error", version: ocpi.V230,
		with: []string{`tax_included="N/A"`}, without: []string{`tax_included="NO"`}},
	{code: "tax_rate_differs", pointer: "/elements/1/price_components/0", severity: "warning",
		with: []string{elements(`ENERGY 0.3 1 9 {"min_kwh":1}`, plain)}, without: []string{elements(`ENERGY 0.3 1 21.0 {"min_kwh":1}`, plain)}},
	{code: "tax_rate_missing", pointer: "/elements", severity: "warning", with: []string{elements("FLAT 1 1", plain)}, without: []string{elements("FLAT 1 1 0", plain)}},
	{code: "included_tax_without_rate", pointer: "/tax_included", severity: "info", version: ocpi.V230,
		with: []string{`tax_included="YES"`, elements("ENERGY 0.4 1")}, without: []string{`tax_included="NO"`, elements("ENERGY 0.4 1")}},
	{code: "price_limits_cross", pointer: "/min_price", severity: "error",
		with: []string{`min_price={"excl_vat":5}`, `max_price={"excl_vat":4.99}`}, without: []string{`min_price={"excl_vat":5}`, `max_price={"excl_vat":5}`}},
	{code: "price_limits_cross", pointer: "/min_price", severity: "error",
		with:    []string{`min_price={"excl_vat":4,"incl_vat":6}`, `max_price={"excl_vat":5,"incl_vat":5.5}`},
		without: []string{`min_price={"excl_vat":4,"incl_vat":5.5}`, `max_price={"excl_vat":5,"incl_vat":5.5}`}},
	{code: "limit_after_tax_below_before", pointer: "/max_price", severity: "error",
		with: []string{`max_price={"excl_vat":5,"incl_vat":4}`}, without: []string{`max_price={"excl_vat":5,"incl_vat":5}`}},
	{code: "high_min_price", pointer: "/min_price", severity: "warning", with: []string{`min_price={"excl_vat":51}`}, without: []string{`min_price={"excl_vat":50}`}},
	{code: "negative_price", pointer: "/elements/0/price_components/0", severity: "error", with: []string{elements("ENERGY -0.4 1 21")}},
	{code: "negative_price", pointer: "/min_price", severity: "error", with: []string{`min_price={"excl_vat":-1}`}},
	{code: "absurd_price", pointer: "/elements/0/price_components/0", severity: "warning", with: []string{elements("ENERGY 39 1 21")}, without: []string{elements("FLAT 39 1 21")}},
	{code: "price_out_of_range", pointer: "/elements/0/price_components/0", severity: "error", with: []string{elements("ENERGY 1e400 1 21")}},
	{code: "never_active", pointer: "/end_date_time", severity: "error",
		with:    []string{`start_date_time="2025-01-02T00:00:00Z"`, `end_date_time="2025-01-02T00:00:00Z"`},
		without: []string{`start_date_time="2025-01-02T00:00:00Z"`, `end_date_time="2025-01-02T00:00:01Z"`}},
	{code: "never_active", pointer: "/elements/0/restrictions", severity: "warning",
		with:    []string{`end_date_time="2025-01-02T00:00:00Z"`, elements(`ENERGY 0.3 1 21 {"start_date":"2025-02-02"}`, plain)},
		without: []string{`end_date_time="2025-03-02T00:00:00Z"`, elements(`ENERGY 0.3 1 21 {"start_date":"2025-02-02"}`, plain)}},
	{code: "expired", pointer: "/end_date_time", severity: "info", options: LintOptions{Now: time.Unix(1.8e9, 0)},
		with: []string{`end_date_time="2025-01-02T00:00:00Z"`}, without: []string{`end_date_time="2030-01-02T00:00:00Z"`}},
	{code: "nothing_priced", pointer: "/elements", severity: "info", with: []string{elements("ENERGY 0 1 21")}, without: []string{elements("ENERGY 0.01 1 21")}},
	{code: "flat_after_start", pointer: "/elements/0/price_components/0", severity: "info",
		with: []string{elements(`FLAT 1 1 21 {"min_duration":1}`, plain)}, without: []string{elements(`FLAT 1 1 21 {"max_duration":1}`, plain)}},
	{code: "several_flats", pointer: "/elements", severity: "info",
		with: []string{elements(`FLAT 1 1 21 {"max_duration":1}`, "FLAT 2 1 21")}, without: []string{elements(`FLAT 1 1 21 {"reservation":"RESERVATION"}`, "FLAT 2 1 21")}},
	{code: "duration_on_parking", pointer: "/elements/0/restrictions", severity: "warning",
		with: []string{elements(`PARKING_TIME 1 1 21 {"min_duration":1}`, plain)}, without: []string{elements(`PARKING_TIME 1 1 21 {"min_kwh":1}`, plain)}},
	{code: "alt_text_differs", pointer: "/tariff_alt_text/0", severity: "info",
		with: []string{`tariff_alt_text=[{"language":"en","text":"0.45 per kWh"}]`}, without: []string{`tariff_alt_text=[{"language":"en","text":"0,40 (0.484 with VAT) per kWh"}]`}},
	{code: "currency_of_another_country", pointer: "/currency", severity: "info", with: []string{`currency="SEK"`}, without: []string{`currency="SEK"`, `country_code="SE"`}},
	{code: "afir_no_price_per_kwh", pointer: "/elements", severity: "warning", options: LintOptions{AFIR: true},
		with: []string{`type="AD_HOC_PAYMENT"`, elements("TIME 3 1 21")}, without: []string{`type="REGULAR"`, elements("TIME 3 1 21")}},
	{code: "afir_other_component", pointer: "/elements/0/price_components/0", severity: "warning", options: LintOptions{AFIR: true},
		with: []string{`type="AD_HOC_PAYMENT"`, elements("FLAT 3 1 21", plain)}, without: []string{`type="AD_HOC_PAYMENT"`, elements("PARKING_TIME 3 1 21", plain)}},
}

func TestLintCodes(t *testing.T) {
	for i, row := range lintRows {
		t.Run(fmt.Sprintf("%02d %s", i, row.code), func(t *testing.T) {
			if row.version == "" {
				row.version = ocpi.V221
			}
			lint := func(members []string) []Finding {
				t.Helper()
				f, err := LintJSON(row.version, []byte(lintTariff(members...)), row.options)
				if err != nil {
					t.Fatalf("%v in %s", err, lintTariff(members...))
				}
				return f
			}
			at := func(f Finding) bool {
				return f.Code == row.code && f.Pointer == row.pointer && f.Severity == row.severity
			}
			if got := lint(row.with); !slices.ContainsFunc(got, at) {
				t.Errorf("no %s %s at %s in %+v", row.severity, row.code, row.pointer, got)
			}
			if got := lint(row.without); slices.ContainsFunc(got, func(f Finding) bool { return f.Code == row.code }) {
				t.Errorf("there should be no %s in %+v", row.code, got)
			}
		})
	}
}

// TestEveryLintCodeIsTestedAndDocumented reads the codes out of docs/pricing.md.
func TestEveryLintCodeIsTestedAndDocumented(t *testing.T) {
	b, err := os.ReadFile("../docs/pricing.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, line := range regexp.MustCompile(`(?m)^\| L\d\d \|.*$`).FindAllString(string(b), -1) {
		for _, c := range regexp.MustCompile("`([a-z_0-9]+)`").FindAllStringSubmatch(line, -1) {
			documented[c[1]] = true
		}
	}
	tested := map[string]bool{"too_complex": true} // in TestLintIsBounded
	for _, r := range lintRows {
		tested[r.code] = true
		if !documented[r.code] {
			t.Errorf("%s is not in docs/pricing.md", r.code)
		}
	}
	for c := range documented {
		if !tested[c] {
			t.Errorf("%s is not tested", c)
		}
	}
}

// TestLintIsBounded looks at 10,000 elements whose boxes overlap in many ways.
func TestLintIsBounded(t *testing.T) {
	var list []string
	for i := range 10_000 {
		list = append(list, fmt.Sprintf(`ENERGY 0.4 1 21 {"min_kwh":%d,"max_kwh":%d,"min_duration":%d,"max_duration":%d,"start_time":"%02d:%02d","end_time":"%02d:00"}`,
			i*7%1000, i*7%1000+i%200+1, i*13%9000, i*13%9000+i%777+1, i%24, i%60, (i+7)%24))
	}
	findings, err := LintJSON(ocpi.V221, []byte(lintTariff(elements(list...))), LintOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(findings, func(f Finding) bool { return f.Code == "too_complex" }) {
		t.Error("that took no more effort than there is")
	}
}
