package demo

import (
	"fmt"
	"io"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Print writes the result as tables.
func (r *Result) Print(w io.Writer) {
	r.printNetworks(w)
	r.printProviders(w)
	r.printOddities(w)
	r.Ledger.print(w)
	r.printSummary(w)
}

func newTable(w io.Writer, title string, header table.Row, numbers ...int) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.Style().Format.Footer = text.FormatDefault
	t.SetTitle(title)
	if len(header) > 0 {
		t.AppendHeader(header)
	}
	var columns []table.ColumnConfig
	for _, n := range numbers {
		columns = append(columns, table.ColumnConfig{Number: n, Align: text.AlignRight, AlignHeader: text.AlignRight, AlignFooter: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	return t
}

// printNetworks shows operators with platforms of their own, and the others in one
// row.
func (r *Result) printNetworks(w io.Writer) {
	header := table.Row{"operator", "OCPI", "sites", "EVSEs"}
	for _, e := range r.EMSPs {
		header = append(header, e.Name)
	}
	t := newTable(w, "Sessions by network and provider", append(header, "sessions", "CDRs", "kWh", "USD"),
		3, 4, 5, 6, 7, 8, 9, 10, 11)
	row := func(name string, version any, n NetworkResult) table.Row {
		out := table.Row{name, version, n.Sites, n.EVSEs}
		for _, e := range r.EMSPs {
			out = append(out, n.ByEMSP[e.Name])
		}
		return append(out, n.Sessions, n.CDRs, n.Energy.Round(1), n.Gross.Round(2).Pad(2))
	}
	size := make(map[string]int)
	for _, n := range r.Networks {
		size[n.Platform]++
	}
	all := NetworkResult{ByEMSP: make(map[string]int)}
	rest := NetworkResult{ByEMSP: make(map[string]int)}
	for _, n := range r.Networks {
		all.add(n)
		if size[n.Platform] > 1 {
			rest.Version = n.Version
			rest.add(n)
			continue
		}
		t.AppendRow(row(n.Name+" ("+n.Party.String()+")", n.Version, n))
	}
	if n := len(r.Networks) - len(size) + 1; rest.Sites > 0 {
		t.AppendRow(row(strconv.Itoa(n)+" smaller ones, one platform", rest.Version, rest))
	}
	t.AppendFooter(row("all", "", all))
	t.Render()
}

func (n *NetworkResult) add(m NetworkResult) {
	n.Sites += m.Sites
	n.EVSEs += m.EVSEs
	n.Sessions += m.Sessions
	n.CDRs += m.CDRs
	n.Energy = Decimal{plus(n.Energy.Decimal, m.Energy.Decimal)}
	n.Gross = Decimal{plus(n.Gross.Decimal, m.Gross.Decimal)}
	for k, v := range m.ByEMSP {
		n.ByEMSP[k] += v
	}
}

func (r *Result) printProviders(w io.Writer) {
	t := newTable(w, "What the providers have", table.Row{
		"provider", "OCPI", "stations", "of", "EVSEs", "tariffs", "sessions", "CDRs", "kWh", "USD", "wrong",
	}, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	for _, e := range r.EMSPs {
		t.AppendRow(table.Row{
			e.Name + " (" + e.Party.String() + ")", e.Version, e.Received.Locations, r.Locations, e.Received.EVSEs, e.Received.Tariffs,
			e.Received.Sessions, e.Received.CDRs, e.Energy.Round(1), e.Gross.Round(2).Pad(2), e.Mismatches,
		})
	}
	t.Render()
}

func (r *Result) printOddities(w io.Writer) {
	t := newTable(w, fmt.Sprintf("Odd in the %d rows of the station register", r.Import.Rows), table.Row{"what", "rows", "for example"}, 2)
	for _, f := range r.Oddities {
		t.AppendRow(table.Row{f.Oddity, f.Count, text.Trim(f.Examples[0], 70)})
	}
	if len(r.Oddities) > 0 {
		t.Render()
	}
}

func (r *Result) printSummary(w io.Writer) {
	t := newTable(w, "Summary", nil)
	t.AppendRow(table.Row{"parties", fmt.Sprintf("%d on %d platforms", r.Parties, r.Platforms)})
	t.AppendRow(table.Row{"stations", fmt.Sprintf("%d with %d EVSEs, at each of %d providers", r.Locations, r.EVSEs, len(r.EMSPs))})
	t.AppendRow(table.Row{"drivers", fmt.Sprintf("%d, of whom %d were refused or cancelled", r.Drivers, r.Refused)})
	t.AppendRow(table.Row{"sessions", r.Sessions})
	t.AppendRow(table.Row{"CDRs", r.CDRs})
	t.AppendRow(table.Row{"energy", r.EnergyKWh.Round(1).String() + " kWh"})
	for _, m := range r.Money {
		t.AppendRow(table.Row{"money", fmt.Sprintf("%s %s, with tax %s", m.Currency, m.Net.Round(2).Pad(2), m.Gross.Round(2).Pad(2))})
	}
	t.AppendRow(table.Row{"time in the hub", fmt.Sprintf("p50 %.2f ms, p99 %.2f ms (its own metrics)", r.HubP50, r.HubP99)})
	t.AppendRow(table.Row{"added by the hub", fmt.Sprintf("p50 %.2f ms, p99 %.2f ms (seen by the partners, %d requests)", r.RelayP50, r.RelayP99, r.Relayed)})
	if o := r.Outage; o != nil {
		t.AppendRow(table.Row{"hub killed", fmt.Sprintf("away %.2f s; %d commands from before answered after; %d status changes meanwhile; %d answers to drivers lost",
			o.AwayS, o.CommandsAnswered, o.StatusChanges, o.LostAnswers)})
	}
	t.AppendRow(table.Row{"mismatches", r.Mismatches})
	t.AppendRow(table.Row{"failures", r.Failures})
	t.AppendRow(table.Row{"duration", fmt.Sprintf("%.1f s", r.DurationS)})
	t.Render()
	for _, p := range r.Problems {
		fmt.Fprintln(w, "!", p)
	}
	if r.OK {
		fmt.Fprintln(w, "Every session ended in exactly one CDR at the right provider, and what was overcharged was caught.")
	}
}
