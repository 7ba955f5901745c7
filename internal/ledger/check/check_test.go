package check_test

import (
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

func codesOf(r check.Report) string {
	var list []string
	for _, f := range r.Findings {
		list = append(list, f.Check+"/"+f.Code)
	}
	return strings.Join(list, " ")
}

// TestGood proves that a CDR in which nothing is wrong has no finding, in both
// versions, with signed data and as a credit.
func TestGood(t *testing.T) {
	for name, f := range map[string]*fixture{"plain": good(t), "signed": good(t).sign(), "credit": creditOf(t), "2.3.0": converted(t, good(t)), "2.3.0 credit": converted(t, creditOf(t))} {
		r := f.run()
		if len(r.Findings) > 0 || r.Verdict != check.Pass {
			t.Errorf("%s: %s %+v", name, r.Verdict, r.Findings)
		}
		if r.Basis != check.BasisHub || len(r.Tariffs) != 1 || r.Tariffs[0].ID != "T1" || r.Tariffs[0].Hash == "" {
			t.Errorf("%s: basis %s, tariffs %+v", name, r.Basis, r.Tariffs)
		}
		if r.Price == nil || r.Price.TotalIncl.Text(2) != "10.89" || r.Claim.Verdict != "match" || r.Price.Lines[0].Why == nil {
			t.Errorf("%s: price %+v claim %+v %s", name, r.Price, r.Claim, r.NotPriced)
		}
	}
}

// converted returns the case with a CDR of OCPI 2.3.0.
func converted(t *testing.T, f *fixture) *fixture {
	t.Helper()
	body, _, err := convert.Body(convert.Message{Module: ocpi.CDRs}, ocpi.V221, ocpi.V230, f.body)
	if err != nil {
		t.Fatal(err)
	}
	f.body, f.v = body, ocpi.V230
	return f
}

// TestEachFinding proves for each finding of each check that a case that has it has
// no other, and that the same case passes with the check switched off: so that no
// other check would have noticed.
func TestEachFinding(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range findings {
		id, _, _ := strings.Cut(tt.want, "/")
		tested[tt.want] = true
		t.Run(tt.want, func(t *testing.T) {
			f := tt.make(t)
			r := f.run()
			if got := codesOf(r); got != tt.want {
				t.Fatalf("findings %q, want %q: %+v (not priced: %s)", got, tt.want, r.Findings, r.NotPriced)
			}
			if f.Settings.Eichrecht {
				return // C22 as a whole is tested below
			}
			for _, c := range check.Codes() {
				if c.Check+"/"+c.Code == tt.want && r.Findings[0].Severity != c.Severity || r.Verdict != r.Findings[0].Severity {
					t.Errorf("severity %s, verdict %s, want %s", r.Findings[0].Severity, r.Verdict, c.Severity)
				}
			}
			if m := r.Findings[0].Message; m == "" || strings.Contains(m, "%!") || strings.Contains(m, "04A1B2C3") || strings.Contains(m, "C12345678") {
				t.Errorf("message %q", m)
			}
		})
		t.Run(tt.want+" off", func(t *testing.T) {
			for _, key := range []string{id, tt.want} {
				f := tt.make(t)
				f.Settings.Severity = map[string]check.Severity{key: check.Off}
				if r := f.run(); len(r.Findings) > 0 || r.Verdict != check.Pass {
					t.Errorf("with %s off: %+v", key, r.Findings)
				}
			}
		})
	}
	for _, c := range check.Codes() {
		if !tested[c.Check+"/"+c.Code] {
			t.Errorf("no case has %s/%s", c.Check, c.Code)
		}
	}
}
