package tariff

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

// testCDR writes a CDR of an hour per period from 2025-01-13T10:00:00Z; a period is
// a list of dimensions such as "ENERGY 4.5 TIME 1".
func testCDR(total string, periods ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"C","session_id":"S","start_date_time":"2025-01-13T10:00:00Z","end_date_time":"2025-01-13T%02d:00:00Z","currency":"EUR"`, 10+len(periods))
	if total != "" {
		b.WriteString(`,"total_cost":` + total)
	}
	b.WriteString(`,"charging_periods":[`)
	for i, p := range periods {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"start_date_time":"2025-01-13T%02d:00:00Z","dimensions":[`, 10+i)
		f := strings.Fields(p)
		for j := 0; j < len(f); j += 2 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"type":%q,"volume":%s}`, f[j], f[j+1])
		}
		b.WriteString("]}")
	}
	b.WriteString("]}")
	return b.String()
}

func priceOne(t *testing.T, v ocpi.Version, tariffJSON, cdrJSON string, p Policy) (*PriceList, CDR, Result) {
	t.Helper()
	tariffs, _, err := ParseTariffs(v, []byte(tariffJSON))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Compile(tariffs...)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := ParseCDR(v, []byte(cdrJSON), zones[0])
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.Price(&c.Session, p)
	if err != nil {
		t.Fatal(err)
	}
	return l, c, r
}

// policyRows has a tariff and a session whose price depends on one reading.
var policyRows = []struct {
	name        string // as explained_by has it
	elements    []string
	more        string // member of the tariff
	periods     []string
	policy      Policy
	plain, with string // total before tax, by default and under the policy
}{
	{name: "rounded_per_line_half_away_from_zero", elements: []string{"ENERGY 0.333 1"}, periods: []string{"ENERGY 0.5", "ENERGY 0.5", "ENERGY 0.5", "ENERGY 0.5", "ENERGY 0.5", "ENERGY 0.5"},
		policy: Policy{Rounding: Rounding{Where: AtLine}}, plain: "0.9990", with: "1.0200"},
	{name: "rounded_per_line_half_even", elements: []string{"ENERGY 0.25 1"}, periods: []string{"ENERGY 0.1", "ENERGY 0.1", "ENERGY 0.1", "ENERGY 0.1"},
		policy: Policy{Rounding: Rounding{Where: AtLine, Mode: HalfEven}}, plain: "0.1000", with: "0.0800"},
	{name: "rounded_per_line_truncate", elements: []string{"ENERGY 0.29 1"}, periods: []string{"ENERGY 0.1", "ENERGY 0.1", "ENERGY 0.1"},
		policy: Policy{Rounding: Rounding{Where: AtLine, Mode: Truncate}}, plain: "0.0870", with: "0.0600"},
	{name: "rounded_per_line_away_from_zero", elements: []string{"ENERGY 0.21 1"}, periods: []string{"ENERGY 0.1", "ENERGY 0.1", "ENERGY 0.1"},
		policy: Policy{Rounding: Rounding{Where: AtLine, Mode: AwayFromZero}}, plain: "0.0630", with: "0.0900"},
	{name: "step_per_period", elements: []string{"ENERGY 1 1000"}, periods: []string{"ENERGY 1.2", "ENERGY 1.3"},
		policy: Policy{StepSize: StepPerPeriod}, plain: "3.0000", with: "4.0000"},
	{name: "no_step_size", elements: []string{"ENERGY 1 1000"}, periods: []string{"ENERGY 1.2"}, policy: Policy{StepSize: StepOff}, plain: "2.0000", with: "1.2000"},
	{name: "step_counts_unpriced", elements: []string{`ENERGY 1 1000 - {"min_kwh":1}`}, periods: []string{"ENERGY 1.2", "ENERGY 1.2"},
		policy: Policy{StepCountsUnpriced: true}, plain: "2.0000", with: "1.8000"},
	{name: "step_counts_unpriced", elements: []string{`TIME 6 3600 - {"min_duration":60}`}, periods: []string{"TIME 0.5", "TIME 0.25"},
		policy: Policy{StepCountsUnpriced: true}, plain: "6.0000", with: "3.0000"},
	{name: "flat_per_element", elements: []string{`FLAT 1 1 - {"max_duration":60}`, "FLAT 2 1", "ENERGY 0 1"}, periods: []string{"ENERGY 1", "ENERGY 1", "ENERGY 1"},
		policy: Policy{FlatPerElement: true}, plain: "1.0000", with: "3.0000"},
	{name: "power_at_some_moment", elements: []string{`ENERGY 1 1 - {"min_power":10}`, `ENERGY 2 1`}, periods: []string{"ENERGY 1 MIN_POWER 5 MAX_POWER 20"},
		policy: Policy{Power: PowerSomeMoment}, plain: "2.0000", with: "1.0000"},
	{name: "power_at_some_moment", elements: []string{`ENERGY 1 1 - {"max_current":16}`, `ENERGY 2 1`}, periods: []string{"ENERGY 1 MIN_CURRENT 5 MAX_CURRENT 16"},
		policy: Policy{Power: PowerSomeMoment}, plain: "2.0000", with: "1.0000"},
	{name: "missing_power_matches", elements: []string{`ENERGY 1 1 - {"min_power":10}`, `ENERGY 2 1`}, periods: []string{"ENERGY 1"},
		policy: Policy{MissingPowerMatches: true}, plain: "2.0000", with: "1.0000"},
	{name: "duration_from_reservation", elements: []string{`ENERGY 1 1 - {"max_duration":3600}`, `ENERGY 2 1`}, periods: []string{"RESERVATION_TIME 1", "ENERGY 1"},
		policy: Policy{DurationFromReservation: true}, plain: "1.0000", with: "2.0000"},
	{name: "no_price_limits", elements: []string{"ENERGY 1 1"}, more: `min_price={"excl_vat":5}`, periods: []string{"ENERGY 1"}, policy: Policy{IgnoreLimits: true}, plain: "5.0000", with: "1.0000"},
	{name: "priced_in_utc", elements: []string{`ENERGY 1 1 - {"start_time":"11:00"}`, "ENERGY 2 1"}, periods: []string{"ENERGY 1"}, policy: Policy{InUTC: true}, plain: "1.0000", with: "2.0000"},
}

func TestPolicyReadings(t *testing.T) {
	for i, row := range policyRows {
		t.Run(fmt.Sprintf("%02d %s", i, row.name), func(t *testing.T) {
			members := []string{elements(row.elements...)}
			if row.more != "" {
				members = append(members, row.more)
			}
			tar := lintTariff(members...)
			claim := testCDR(`{"excl_vat":`+row.with+`}`, row.periods...)
			l, c, got := priceOne(t, ocpi.V221, tar, claim, Policy{})
			if got.TotalExcl.String() != row.plain {
				t.Errorf("by default %s, want %s", got.TotalExcl, row.plain)
			}
			other, err := l.Price(&c.Session, row.policy)
			if err != nil || other.TotalExcl.String() != row.with {
				t.Errorf("under the policy %s, want %s (%v)", other.TotalExcl, row.with, err)
			}
			if other.Policy != row.policy || other.Engine != Engine || other.TariffHash != l.Hash() {
				t.Errorf("the result does not carry what it takes to repeat it: %+v", other.Policy)
			}
			v, err := l.Verify(&c, &got)
			if err != nil || v.Verdict != Mismatch || !slices.Contains(v.ExplainedBy, row.name) {
				t.Errorf("the claim is %s, explained by %v, want %s (%v)", v.Verdict, v.ExplainedBy, row.name, err)
			}
		})
	}
}

// TestClaimsExplained has the explanations that are not a reading of the tariff.
func TestClaimsExplained(t *testing.T) {
	for _, row := range []struct {
		name, claim string
		policy      Policy
	}{
		{"rounded_half_away_from_zero", `{"excl_vat":10.3}`, Policy{Tolerance: "0.001", Rounding: Rounding{Mode: Truncate, Decimals: new(1)}}},
		{"rounded_half_even", `{"excl_vat":10.2}`, Policy{Tolerance: "0.001", Rounding: Rounding{Mode: AwayFromZero, Decimals: new(1)}}},
		{"rounded_truncate", `{"excl_vat":10.2}`, Policy{Tolerance: "0.001", Rounding: Rounding{Decimals: new(1)}}},
		{"rounded_away_from_zero", `{"excl_vat":10.3}`, Policy{Tolerance: "0.001", Rounding: Rounding{Mode: HalfEven, Decimals: new(1)}}},
		{"tax_added_twice", `{"excl_vat":10.25,"incl_vat":14.76}`, Policy{}},
		{"tax_in_the_amount_before_tax", `{"excl_vat":12.3}`, Policy{}},
		{"no_tax_in_the_amount_with_tax", `{"excl_vat":10.25,"incl_vat":10.25}`, Policy{}},
	} {
		l, c, r := priceOne(t, ocpi.V221, lintTariff(elements("ENERGY 1.025 1 20")), testCDR(row.claim, "ENERGY 10"), row.policy)
		v, err := l.Verify(&c, &r)
		if err != nil || v.Verdict != Mismatch || !slices.Contains(v.ExplainedBy, row.name) {
			t.Errorf("%s: %s by %v (%v)", row.name, v.Verdict, v.ExplainedBy, err)
		}
		// The right claim is not explained by anything.
		l, c, r = priceOne(t, ocpi.V221, lintTariff(elements("ENERGY 1.025 1 20")), testCDR(`{"excl_vat":10.25,"incl_vat":12.3}`, "ENERGY 10"), row.policy)
		if v, err := l.Verify(&c, &r); err != nil || v.Verdict != Match || len(v.ExplainedBy) > 0 {
			t.Errorf("the right claim is a %s by %v (%v)", v.Verdict, v.ExplainedBy, err)
		}
	}
}

func TestPolicyDecimalsAndTolerance(t *testing.T) {
	_, _, r := priceOne(t, ocpi.V221, lintTariff(elements("ENERGY 1.0055 1 20")), testCDR("", "ENERGY 1"), Policy{Rounding: Rounding{Decimals: new(3), Mode: HalfEven}})
	if got := r.Rounded.TotalExcl.String(); got != "1.006" || r.Rounded.Decimals != 3 {
		t.Errorf("rounded to %s", got)
	}
	for tolerance, want := range map[string]string{"": Mismatch, "0.05": Match, "0.049": Mismatch} {
		l, c, r := priceOne(t, ocpi.V221, lintTariff(elements("ENERGY 1 1 20")), testCDR(`{"excl_vat":1.05}`, "ENERGY 1"), Policy{Tolerance: tolerance})
		if v, err := l.Verify(&c, &r); err != nil || v.Verdict != want {
			t.Errorf("with tolerance %q the verdict is %s, want %s (%v)", tolerance, v.Verdict, want, err)
		}
	}
}
