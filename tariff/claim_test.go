package tariff

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

// claimed is the verdict on a CDR with more members.
func claimed(t *testing.T, tariffJSON, total, more string, p Policy, periods ...string) Verdict {
	t.Helper()
	body := strings.Replace(testCDR(total, periods...), "{", "{"+more, 1)
	l, c, r := priceOne(t, ocpi.V221, tariffJSON, body, p)
	v, err := l.Verify(&c, &r)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestClaimsNearOurs are within the tolerance of the exact amount or of the
// rounded one.
func TestClaimsNearOurs(t *testing.T) {
	for _, c := range []struct {
		price, claim string
		policy       Policy
		want         string
	}{
		{"10.255", "10.255", Policy{Tolerance: "0"}, Match},
		{"10.255", "10.26", Policy{Tolerance: "0"}, Match},
		{"10.255", "10.25", Policy{Tolerance: "0"}, Mismatch},
		{"10.245", "10.24", Policy{Tolerance: "0", Rounding: Rounding{Mode: HalfEven}}, Match},
		{"10.245", "10.25", Policy{Tolerance: "0", Rounding: Rounding{Mode: HalfEven}}, Mismatch},
		{"1.005", "1", Policy{Tolerance: "0.005"}, Match}, // of the exact amount
		{"1.005", "0.9999", Policy{Tolerance: "0.005"}, Mismatch},
		{"1.004", "0.995", Policy{Tolerance: "0.005"}, Match}, // of the rounded one
		{"1.004", "0.9949", Policy{Tolerance: "0.005"}, Mismatch},
		{"1", "null", Policy{}, NoClaim},
	} {
		if v := claimed(t, lintTariff(elements("ENERGY "+c.price+" 1")), `{"excl_vat":`+c.claim+`}`, "", c.policy, "ENERGY 1"); v.Verdict != c.want {
			t.Errorf("%s for %s within %s is a %s, want %s", c.claim, c.price, c.policy.Tolerance, v.Verdict, c.want)
		}
	}
}

// TestClaimedParts compares the costs of the dimensions, one by one or, where a
// FLAT may have gone elsewhere, together.
func TestClaimedParts(t *testing.T) {
	tar := lintTariff(elements("ENERGY 0.5 1 20", "FLAT 1 1 20", "PARKING_TIME 3 1 20", `TIME 2 1 20 {"reservation":"RESERVATION"}`))
	for _, c := range []struct {
		name, more string
		periods    []string
		want       []string
	}{
		{"with tax", `"total_energy_cost":{"excl_vat":5,"incl_vat":6},"total_fixed_cost":{"excl_vat":1,"incl_vat":1.2},`, []string{"ENERGY 10"}, nil},
		{"the amount with tax", `"total_energy_cost":{"excl_vat":5,"incl_vat":7},`, []string{"ENERGY 10"}, []string{"total_energy_cost"}},
		{"what is not there", `"total_time_cost":{"excl_vat":1},"total_parking_cost":{"excl_vat":1},"total_reservation_cost":{"excl_vat":1},`, []string{"ENERGY 10"},
			[]string{"total_time_cost", "total_parking_cost", "total_reservation_cost"}},
		{"the fee", `"total_fixed_cost":{"excl_vat":2},`, []string{"ENERGY 10"}, []string{"total_fixed_cost"}},
		{"the fee with parking", `"total_fixed_cost":{"excl_vat":0},"total_parking_cost":{"excl_vat":4},`, []string{"ENERGY 10", "PARKING_TIME 1"}, nil},
		{"the fee with a reservation", `"total_fixed_cost":{"excl_vat":0},"total_reservation_cost":{"excl_vat":3},`, []string{"RESERVATION_TIME 1", "ENERGY 10"}, nil},
		{"a wrong sum", `"total_fixed_cost":{"excl_vat":0.5},"total_reservation_cost":{"excl_vat":3},`, []string{"RESERVATION_TIME 1", "ENERGY 10"}, []string{"total_fixed_cost+total_reservation_cost"}},
		{"a sum that is not stated", `"total_parking_cost":{"excl_vat":99},`, []string{"ENERGY 10", "PARKING_TIME 1"}, nil},
		{"a credit that turns its parts around", `"credit":true,"total_cost":{"excl_vat":-6},"total_energy_cost":{"excl_vat":-5},"total_fixed_cost":{"excl_vat":1},`, []string{"ENERGY 10"}, nil},
		{"a credit with wrong parts", `"credit":true,"total_cost":{"excl_vat":-6},"total_energy_cost":{"excl_vat":-4},`, []string{"ENERGY 10"}, []string{"total_energy_cost"}},
	} {
		if v := claimed(t, tar, "", c.more, Policy{}, c.periods...); !slices.Equal(v.DifferingFields, c.want) && len(v.DifferingFields)+len(c.want) > 0 {
			t.Errorf("%s: %v, want %v", c.name, v.DifferingFields, c.want)
		}
	}
}

// TestExplanationsAreNear have half the tolerance, and nothing is explained by a
// tax that there is not.
func TestExplanationsAreNear(t *testing.T) {
	stepped := lintTariff(elements("ENERGY 1 1000"))
	for claim, want := range map[string][]string{"1.205": {"no_step_size"}, "1.195": {"no_step_size"}, "1.2051": nil, "1.209": nil} {
		if v := claimed(t, stepped, `{"excl_vat":`+claim+`}`, "", Policy{}, "ENERGY 1.2"); v.Verdict != Mismatch || !slices.Equal(v.ExplainedBy, want) {
			t.Errorf("%s is a %s by %v, want %v", claim, v.Verdict, v.ExplainedBy, want)
		}
	}
	untaxed := lintTariff(elements("ENERGY 1 1"))
	for _, claim := range []string{`{"excl_vat":10,"incl_vat":12}`, `{"excl_vat":12,"incl_vat":10}`} {
		if v := claimed(t, untaxed, claim, "", Policy{}, "ENERGY 10"); v.Verdict != Mismatch || len(v.ExplainedBy) > 0 {
			t.Errorf("%s is a %s by %v", claim, v.Verdict, v.ExplainedBy)
		}
	}
}

func TestTolerances(t *testing.T) {
	l, c, r := priceOne(t, ocpi.V221, lintTariff(elements(plain)), testCDR("", "ENERGY 1"), Policy{})
	for tolerance, good := range map[string]bool{
		"": true, "0": true, "0.01": true, "1e-2": true, "-0.01": false, "+1": false, ".5": false, "NaN": false, " 1": false, "1,5": false, "0.00000000000000000001": false,
	} {
		r.Policy.Tolerance = tolerance
		_, err := l.Verify(&c, &r)
		if e, wrong := errors.AsType[*Error](err); wrong == good || wrong && (e.Code != "policy" || e.Pointer != "/tolerance") {
			t.Errorf("%q: %v", tolerance, err)
		}
	}
}

// TestTaxesFromOutside are taken of the exact total and added to the rounded one.
func TestTaxesFromOutside(t *testing.T) {
	_, _, r := priceOne(t, ocpi.V221, lintTariff(elements("ENERGY 10.255 1")), testCDR("", "ENERGY 1"), Policy{})
	taxes, total, err := r.AddTaxes([]ExternalTax{{Name: "A", Percentage: ocpi.MustNumber("10")}, {Name: "B", Percentage: ocpi.MustNumber("0.1")}})
	if err != nil || taxes[0].Amount.String() != "1.03" || taxes[1].Amount.String() != "0.01" || total.Text(4) != "11.3000" { // 10.26 + 1.03 + 0.01
		t.Errorf("%v %s (%v)", taxes, total, err)
	}
	for name, tax := range map[string]ExternalTax{
		"both": {Percentage: ocpi.MustNumber("7"), PerKWh: ocpi.MustNumber("1")}, "neither": {}, "negative": {Percentage: ocpi.MustNumber("-7")}, "too long": {PerKWh: ocpi.MustNumber("1e30")},
	} {
		_, _, err := r.AddTaxes([]ExternalTax{{Name: "A", Percentage: ocpi.MustNumber("10")}, tax})
		if e, ok := errors.AsType[*Error](err); !ok || e.Pointer != "/1" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
