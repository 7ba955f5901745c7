package demo

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/sim"
)

// checkLedger checks what a good run must say of the ledger.
func checkLedger(t *testing.T, r *Result) {
	t.Helper()
	l, o := &r.Ledger, &r.Ledger.Overcharge
	if l.CDRs != r.CDRs || l.Approved.CDRs+l.Held.CDRs != l.CDRs || l.Price.Agrees.CDRs != l.Approved.CDRs || l.Price.Over.CDRs != l.Held.CDRs {
		t.Errorf("ledger: %+v", l)
	}
	if o.Caught != o.Overcharged || l.Held.CDRs != o.Caught || l.HeldBy["C18 overcharged"] != o.Caught {
		t.Errorf("overcharged: %+v, held by %v", o, l.HeldBy)
	}
	if e := o.Example; o.Caught > 0 && (e == nil || !strings.HasPrefix(e.CDR, "US-PTN/CDR-") || !strings.Contains(e.Explanation, "of tariff PLUSTEN-DC") || e.Asked.Cmp(e.Computed.Decimal) <= 0) {
		t.Errorf("example: %+v", e)
	}
	for _, f := range l.Findings {
		want, known := map[string]int{
			"C14 cost_above_session warn": o.Overcharged, "C18 overcharged hold": o.Overcharged,
			"C16 no_authorization info": r.CDRs, "C17 not_published info": r.CDRs,
		}[f.Check+" "+f.Code+" "+f.Severity]
		if !known || f.CDRs != want {
			t.Errorf("the checks found %+v", f)
		}
	}
	if len(l.Balances) != 1 || !l.Balances[0].Sum.IsZero() || l.Balances[0].Providers.Cmp(l.Approved.Gross.Decimal) != 0 {
		t.Errorf("balances: %+v, approved: %+v", l.Balances, l.Approved)
	}
	if v := l.Verify; v.Faults != 0 || v.CDRs != int64(l.CDRs) || v.Events != l.Checkpoint.Size || v.Checkpoints == 0 {
		t.Errorf("verification: %+v, checkpoint %+v", v, l.Checkpoint)
	}
	if !l.Receipt.OK || !l.Grown.OK || l.Receipt.Size != l.Checkpoint.Size || l.Grown.From <= 0 || !strings.Contains(l.Checkpoint.VerifierKey, "+") {
		t.Errorf("receipt: %+v, grown: %+v, checkpoint: %+v", l.Receipt, l.Grown, l.Checkpoint)
	}
}

// wrongBooks changes what the ledger has said in ways that must be found.
func wrongBooks(t *testing.T, d *Demo) {
	good := d.books
	first := func(state ledger.State) int {
		return slices.IndexFunc(good.cdrs, func(c api.CDRDetail) bool { return c.State == string(state) && c.Gross != "0.00" })
	}
	right, dear := first(ledger.StateApproved), first(ledger.StatePresented)
	if right < 0 || dear < 0 {
		t.Fatal("there are not both sorts of CDRs")
	}
	for what, spoil := range map[string]func(b *books){
		"a good CDR is held":       func(b *books) { b.cdrs[right].Held = true },
		"a good CDR is open":       func(b *books) { b.cdrs[right].State = string(ledger.StatePresented) },
		"a good CDR is not posted": func(b *books) { b.cdrs[right].Posted = nil },
		"a good CDR is not priced": func(b *books) { b.cdrs[right].Price.Net = "" },
		"a good CDR is too dear": func(b *books) {
			b.cdrs[right].Findings = []api.CDRFinding{{Check: "C18", Code: "overcharged", Severity: "hold"}}
		},
		"a dear CDR is not held":        func(b *books) { b.cdrs[dear].Held = false },
		"a dear CDR is approved":        func(b *books) { b.cdrs[dear].State = string(ledger.StateApproved) },
		"a dear CDR is held by another": func(b *books) { b.cdrs[dear].Findings = nil },
		"other amount":                  func(b *books) { b.cdrs[right].Net = "0.01" },
		"other receiver":                func(b *books) { b.cdrs[right].EMSP = "DE-XXX" },
		"a CDR is missing":              func(b *books) { b.cdrs = b.cdrs[1:] },
		"a CDR is there twice":          func(b *books) { b.cdrs = append(b.cdrs, b.cdrs[right]) },
		"a CDR that nobody sent":        func(b *books) { b.cdrs[right].ID = "CDR-X" },
		"other balance":                 func(b *books) { b.balances[0].Amount = "1.23" },
		"a balance is missing":          func(b *books) { b.balances = b.balances[1:] },
		"a fault in the database":       func(b *books) { b.verified.Faults = []ledger.Fault{{Table: "cdr", Row: "1", Problem: "changed"}} },
		"not all was verified":          func(b *books) { b.verified.CDRs-- },
		"the log was written anew":      func(b *books) { b.early.Note = b.ledger.Checkpoint.Note },
		"no proof of growth":            func(b *books) { b.grown.Proof = b.grown.Proof[1:] },
		"other root":                    func(b *books) { b.ledger.Root = "changed" },
		"other key":                     func(b *books) { b.key = "hub+12345678+AXKdFp4eEolbiqD54op0Ruzc2MhbYtWhINJq1DA90PYo" },
		"changed receipt":               func(b *books) { b.receipt = bytes.Replace(b.receipt, []byte(`USD`), []byte(`EUR`), 1) },
		"receipt of another CDR":        func(b *books) { b.proved = &b.cdrs[dear] },
		"no receipt":                    func(b *books) { b.receipt = nil },
	} {
		d.books = good
		d.books.cdrs, d.books.balances = slices.Clone(good.cdrs), slices.Clone(good.balances)
		spoil(&d.books)
		if r := d.check(); r.OK || r.Mismatches+r.Failures == 0 || len(r.Problems) == 0 {
			t.Errorf("%s: not found", what)
		}
		d.problems = nil
	}
	d.books = good
}

func TestOwnRounding(t *testing.T) {
	for in, want := range map[string]string{"0": "0.00", "1.0049": "1.00", "1.005": "1.01", "1.015": "1.02", "2.9999": "3.00", "7": "7.00"} {
		if got := cents(parse(in).Decimal); got.Cmp(parse(want).Decimal) != 0 {
			t.Errorf("%s in cents is %s, want %s", in, got, want)
		}
	}
}

// A good CDR may be held only for an authorisation that the hub was killed too
// early to note.
func TestWhatTheDeathOfTheHubExcuses(t *testing.T) {
	honest := sim.Billed{CDR: &sim.CDR{Cost: sim.Cost{Total: sim.Amount{Net: decimal.One, Gross: decimal.One}}}, Fair: sim.Amount{Net: decimal.One, Gross: decimal.One}}
	dear := honest
	dear.Fair = sim.Amount{}
	unknown := api.CDRFinding{Check: "C16", Code: "reference_unknown", Severity: "hold"}
	for _, row := range []struct {
		what   string
		bill   sim.Billed
		state  ledger.State
		found  []api.CDRFinding
		excuse bool
	}{
		{"an authorisation that was not noted", honest, ledger.StatePresented, []api.CDRFinding{unknown}, true},
		{"beside information", honest, ledger.StatePresented, []api.CDRFinding{unknown, {Check: "C17", Code: "not_published", Severity: "info"}}, true},
		{"another finding", honest, ledger.StatePresented, []api.CDRFinding{{Check: "C04", Code: "overlapping", Severity: "hold"}}, false},
		{"another finding as well", honest, ledger.StatePresented, []api.CDRFinding{unknown, {Check: "C18", Code: "overcharged", Severity: "hold"}}, false},
		{"overcharged", dear, ledger.StatePresented, []api.CDRFinding{unknown}, false},
		{"approved", honest, ledger.StateApproved, []api.CDRFinding{unknown}, false},
	} {
		c := api.CDRDetail{CDR: api.CDR{State: string(row.state), Held: true}, Findings: row.found, Price: api.PriceVerdict{Verdict: "match", Net: "1.00"}}
		if got := unnoted(&row.bill, &c); got != row.excuse {
			t.Errorf("%s: excused: %v", row.what, got)
		}
	}
}
