package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// print shows what the ledger made of the CDRs.
func (l *LedgerResult) print(w io.Writer) {
	l.printPrices(w)
	l.printFindings(w)
	l.printOvercharge(w)
	l.printBooks(w)
}

func (l *LedgerResult) printPrices(w io.Writer) {
	t := newTable(w, "The hub prices every CDR again (amounts with tax, rounded to cents one by one)",
		table.Row{"the CDR", "CDRs", "USD", "what follows"}, 2, 3)
	row := func(what string, s Share, then string) {
		t.AppendRow(table.Row{what, s.CDRs, s.Gross.Round(2).Pad(2), then})
	}
	p := &l.Price
	row("agrees with its tariff", p.Agrees, "approved and posted")
	row("differs, explained by rounding", p.Rounded, "approved and posted")
	if p.Under.CDRs > 0 {
		row("is below its tariff", p.Under, "approved and posted")
	}
	row("is above its tariff", p.Over, "held: delivered, but not posted")
	row("cannot be priced", p.NotPriced, "approved, with a warning")
	t.AppendFooter(table.Row{"approved", l.Approved.CDRs, l.Approved.Gross.Round(2).Pad(2), ""})
	t.AppendFooter(table.Row{"held", l.Held.CDRs, l.Held.Gross.Round(2).Pad(2), l.heldBy()})
	t.Render()
}

// heldBy says what holds how many CDRs.
func (l *LedgerResult) heldBy() string {
	var out []string
	for _, f := range l.Findings {
		if n := l.HeldBy[f.Check+" "+f.Code]; n > 0 {
			out = append(out, fmt.Sprintf("%d by %s %s", n, f.Check, f.Code))
		}
	}
	return strings.Join(out, ", ")
}

func (l *LedgerResult) printFindings(w io.Writer) {
	t := newTable(w, "What the checks C01 to C27 found", table.Row{"check", "finding", "leads to", "CDRs"}, 4)
	some := false
	for _, f := range l.Findings {
		severity := f.Severity
		if f.Lowered {
			some, severity = true, severity+" *"
		}
		t.AppendRow(table.Row{f.Check + " " + f.Code, text.WrapSoft(f.Means, 60), severity, f.CDRs})
	}
	t.Render()
	if some {
		fmt.Fprintln(w, `* In the demo only. Its sessions are dated weeks back, so that by its clock the hub learns of authorisations and
  tariffs after the sessions that need them. Its agreements lower these two findings; all else is as by default.`)
	}
}

// printOvercharge tells who was caught, and shows one case.
func (l *LedgerResult) printOvercharge(w io.Writer) {
	o := &l.Overcharge
	if o.Overcharged == 0 {
		fmt.Fprintf(w, "\n%s (%s), which is made up and overcharges in about half of its sessions, had %d and did not.\n\n", o.Name, o.Operator, o.Sessions)
		return
	}
	fmt.Fprintf(w, "\n%s (%s), which is made up, billed %d %% more than its tariff says in %d of its %d sessions: USD %s instead of %s.\n",
		o.Name, o.Operator, o.Percent, o.Overcharged, o.Sessions, o.Asked.Round(2).Pad(2), o.Fair.Round(2).Pad(2))
	others := "no others"
	if n := l.Held.CDRs - o.Caught - l.Unnoted; n > 0 {
		others = strconv.Itoa(n) + " OTHERS"
	}
	if l.Unnoted > 0 {
		others += fmt.Sprintf(" but %d whose authorisation died with it", l.Unnoted)
	}
	fmt.Fprintf(w, "The hub held %d of these %d CDRs, and %s.", o.Caught, o.Overcharged, others)
	e := o.Example
	if e == nil {
		fmt.Fprint(w, "\n\n")
		return
	}
	fmt.Fprintf(w, " The dearest is %s, for %s. GET /api/v1/cdrs/%s/explanation says:\n\n", e.CDR, e.EMSP, strings.Replace(e.CDR, "-", "/", 1))
	for line := range strings.Lines(strings.TrimSpace(e.Explanation)) {
		fmt.Fprint(w, "    ", line)
	}
	fmt.Fprint(w, "\n\n")
}

func (l *LedgerResult) printBooks(w io.Writer) {
	t := newTable(w, "The ledger", nil)
	for _, b := range l.Balances {
		t.AppendRow(table.Row{"balances", fmt.Sprintf("%s: providers owe %s; operators are owed %s and %s tax; sum %s (%d accounts)", b.Currency,
			b.Providers.Pad(2), b.Operators.Neg().Pad(2), b.Tax.Neg().Pad(2), b.Sum.Pad(2), b.Accounts)})
	}
	t.AppendRow(table.Row{"checkpoint", fmt.Sprintf("%d leaves, root %s", l.Checkpoint.Size, l.Checkpoint.Root)})
	t.AppendRow(table.Row{"signed by", l.Checkpoint.VerifierKey})
	t.AppendRow(table.Row{"append-only", fmt.Sprintf("%s: the log has grown out of the %d leaves of the middle of the day", verdict(l.Grown.OK), l.Grown.From)})
	t.AppendRow(table.Row{"receipt", fmt.Sprintf("%s: the approval of %s is leaf %d of %d; checked offline", verdict(l.Receipt.OK), l.Receipt.CDR, l.Receipt.Index, l.Receipt.Size)})
	t.AppendRow(table.Row{"verification", fmt.Sprintf("%s: %d faults in %d events, %d CDRs, %d postings and %d checkpoints (%.2f s)", verdict(l.Verify.Faults == 0),
		l.Verify.Faults, l.Verify.Events, l.Verify.CDRs, l.Verify.Postings, l.Verify.Checkpoints, l.Verify.DurationS)})
	t.Render()
}

func verdict(ok bool) string {
	if ok {
		return "right"
	}
	return "WRONG"
}
