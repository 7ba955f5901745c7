package check_test

import (
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/ledger/check"
)

// What is written by hand is what reflection writes, for each finding and for what
// none of them has.
func TestReportJSON(t *testing.T) {
	reports := []check.Report{
		{},
		{Findings: []check.Finding{}, Verdict: check.Pass, Basis: check.BasisNone, NotPriced: "no \"tariff\"\u2028"},
		{Tariffs: []check.TariffUsed{{ID: "a\\"}, {ID: "b", Received: time.Unix(1, 2000), Hash: "h"}}, Signature: "verified"},
		good(t).run(), good(t).sign().run(), creditOf(t).run(), converted(t, good(t)).run(),
	}
	for _, f := range findings {
		reports = append(reports, f.make(t).run())
	}
	for _, r := range reports {
		want, err := json.Marshal(r, json.Deterministic(true))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.AppendJSON([]byte("x"))
		if err != nil || string(got) != "x"+string(want) {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
	}
}
