package check_test

import (
	"testing"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/ocpi"
)

// What is compared before and after tax are the amounts as they are written: of
// less than a cent nothing but the sign may be left of one of the two.
func TestTaxOfLessThanACent(t *testing.T) {
	for _, tt := range []struct {
		excl, incl string
		credit     bool
		below      bool
	}{
		{"0.0045", "0.0054", false, false},
		{"-0.0045", "-0.0054", true, false},
		{"0", "-0.0054", true, false},
		{"-0.0054", "-0.0045", true, true},
		{"-0.0045", "0.0054", true, true},
		{"0.0054", "0.0045", false, true},
		{"0.0012", "0.0011", false, true},
		{"0", "-0.0054", false, true},
		{"0", "0.0054", false, false},
		{"4.00", "3.999", false, true},
	} {
		f := good(t)
		if tt.credit {
			f = creditOf(t)
			f.Original = &check.Original{CPO: cpo, EMSP: emsp, ID: "CDR1", Currency: "EUR", Version: ocpi.V221, Body: f.body}
		}
		f.set("total_cost", `{"excl_vat":`+tt.excl+`,"incl_vat":`+tt.incl+`}`)
		below := false
		for _, found := range f.run().Findings {
			below = below || found.Code == "below_before_tax"
		}
		if below != tt.below {
			t.Errorf("%+v: found %v", tt, below)
		}
	}
}
