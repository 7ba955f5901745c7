package quality

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	pretty "github.com/jedib0t/go-pretty/v6/text"
)

// Text writes a report for people, with examples of the findings that matter.
func (r *Report) Text(w io.Writer, examples map[Code][]Finding) error {
	var b bytes.Buffer
	t := &r.Total
	fmt.Fprintf(&b, "%d locations, %d EVSEs (%d in the largest location), %d connectors, %d tariff references; as of %s\n",
		t.Locations, t.EVSEs, t.Largest, t.Connectors, t.References, r.AsOf.Format("2006-01-02T15:04:05Z"))
	fmt.Fprintf(&b, "Score %d of 100.\n\n", t.Score)
	fmt.Fprintf(&b, "EVSE ids published more than once: %d\n", r.Twins.IDs)
	fmt.Fprintf(&b, "  of these, one copy without a change for 90 days, another live: %d\n", r.Twins.Stale)
	fmt.Fprintf(&b, "  of these, copies that disagree on the status: %d\n\n", r.Twins.StatusDiffer)
	r.printCodes(&b)
	r.printOwners(&b)
	printExamples(&b, examples)
	_, err := w.Write(b.Bytes())
	return err
}

func newTable(w io.Writer, header table.Row, numbers ...int) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = pretty.FormatDefault
	t.AppendHeader(header)
	var columns []table.ColumnConfig
	for _, n := range numbers {
		columns = append(columns, table.ColumnConfig{Number: n, Align: pretty.AlignRight, AlignHeader: pretty.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}

func (r *Report) printCodes(w io.Writer) {
	t := newTable(w, table.Row{"code", "severity", "found", "of all", "what"}, 3, 4)
	for _, c := range Codes() {
		n := r.Total.Counts[c]
		if n == 0 {
			continue
		}
		share := ""
		if all := r.Total.base(kinds[c].base); all > 0 && kinds[c].base != perOwner {
			share = fmt.Sprintf("%.1f %%", 100*float64(n)/float64(all))
		}
		t.AppendRow(table.Row{c.String(), kinds[c].Severity, n, share, kinds[c].Title})
	}
	t.Render()
}

func (r *Report) printOwners(w io.Writer) {
	owners := slices.Clone(r.Owners)
	slices.SortStableFunc(owners, func(a, b Owner) int { return cmp.Compare(b.EVSEs, a.EVSEs) })
	t := newTable(w, table.Row{"party", "locations", "EVSEs", "errors", "warnings", "score"}, 2, 3, 4, 5, 6)
	for i := range owners {
		o := &owners[i]
		name := o.Party.String()
		if o.Party.IsZero() {
			name = "(none)"
		}
		t.AppendRow(table.Row{name, o.Locations, o.EVSEs, o.bySeverity(Error), o.bySeverity(Warning), o.Score})
	}
	t.Render()
}

func (o *Owner) bySeverity(s Severity) (n int) {
	for c, k := range o.Counts {
		if kinds[c].Severity == s {
			n += k
		}
	}
	return n
}

func printExamples(w io.Writer, examples map[Code][]Finding) {
	for _, c := range Codes() {
		for i, f := range examples[c] {
			if i == 0 {
				fmt.Fprintf(w, "\n%s %s\n", c, kinds[c].Title)
			}
			fmt.Fprintf(w, "  %s\n", f.String())
		}
	}
}

// String writes a finding on a line, without its code.
func (f *Finding) String() string {
	where := f.Party.String()
	if f.Party.IsZero() {
		where = "(no party)"
	}
	if f.Object != "" {
		where += " " + f.Object
	}
	if f.Pointer != "" {
		where += " " + f.Pointer
	}
	return where + ": " + f.Message
}
