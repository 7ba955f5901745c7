package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// TariffLintCmd looks at tariffs.
type TariffLintCmd struct {
	Tariff  string `required:"" placeholder:"FILE" help:"Tariff, or a list of them; - is standard input."`
	Version string `name:"ocpi-version" enum:",2.1.1,2.2.1,2.3.0" default:"" help:"OCPI version of the file; found out when it is not given."`
	Now     string `placeholder:"TIME" help:"Moment by which a tariff has expired; now when it is not given."`
	AFIR    bool   `help:"Apply the European Union's rules for ad hoc prices at fast chargers too."`
	Format  string `enum:"text,json" default:"text" help:"How to print: ${enum}."`
}

// Help is shown under the usage line.
func (TariffLintCmd) Help() string {
	return `Example:

  $ eroam tariff lint --tariff tariff.json

Exit code 0: no finding is an error; 1: some are; 2: the input cannot be used.`
}

// Run lints and prints.
func (c *TariffLintCmd) Run(s Streams) error {
	in := tariffInput{Version: c.Version, Format: c.Format}
	findings, err := c.lint(&in)
	if err != nil {
		return in.fail(s, err)
	}
	if c.Format == "json" {
		err = printJSON(s.Out, map[string][]tariff.Finding{"findings": findings})
	} else {
		var b strings.Builder
		printFindings(&b, findings)
		fmt.Fprintf(&b, "%d findings\n", len(findings))
		_, err = fmt.Fprint(s.Out, b.String())
	}
	if err == nil && slices.ContainsFunc(findings, func(f tariff.Finding) bool { return f.Severity == tariff.SeverityError }) {
		return &codeError{code: exitFailed}
	}
	return err
}

func (c *TariffLintCmd) lint(in *tariffInput) ([]tariff.Finding, error) {
	o := tariff.LintOptions{Now: time.Now(), AFIR: c.AFIR}
	if c.Now != "" {
		var err error
		if o.Now, err = ocpi.ParseTime(c.Now); err != nil {
			return nil, fmt.Errorf("--now: %w", err)
		}
	}
	body, err := readInput(c.Tariff)
	if err != nil {
		return nil, err
	}
	return tariff.LintJSON(in.version(body), body, o)
}

// TariffGenerateCmd makes charging periods.
type TariffGenerateCmd struct {
	Tariff   string `required:"" placeholder:"FILE" help:"Tariff, or a list of them."`
	Session  string `required:"" placeholder:"FILE" help:"Session with meter values; - is standard input."`
	TimeZone string `placeholder:"ZONE" help:"Time zone of the location, such as Europe/Amsterdam."`
	tariffInput
}

// Help is shown under the usage line.
func (TariffGenerateCmd) Help() string {
	return `Example:

  $ eroam tariff generate --tariff tariff.json --session session.json --time-zone Europe/Amsterdam

session.json: {"start_date_time": "2025-01-13T15:30:00Z", "end_date_time": "2025-01-13T16:30:00Z",
  "meter_values": [{"timestamp": "2025-01-13T15:30:00Z", "kwh": 1000.0}, …]}
and, optionally, "charging_until" (parking from then on) and "reserved_from".`
}

// generated is what is printed.
type generated struct {
	Periods      []generatedPeriod `json:"charging_periods"`
	Interpolated []int             `json:"interpolated_periods"`
	CDR          generatedCDR      `json:"cdr"`
	result       tariff.Result
}

type generatedPeriod struct {
	Start      string                   `json:"start_date_time"`
	Dimensions map[string]tariff.Volume `json:"dimensions"`
}

// Run generates, prices and prints.
func (c *TariffGenerateCmd) Run(s Streams) error {
	out, err := c.generate()
	if err != nil {
		return c.fail(s, err)
	}
	if c.Format == "json" {
		return printResult(s.Out, &out.result, out)
	}
	var b strings.Builder
	for i, p := range out.Periods {
		mark := ""
		if slices.Contains(out.Interpolated, i) {
			mark = " (between two readings)"
		}
		fmt.Fprintf(&b, "Period %d from %s%s:", i+1, p.Start, mark)
		for _, d := range out.CDR.Periods[i].Dimensions {
			fmt.Fprintf(&b, " %s %s", d.Type, d.Volume)
		}
		b.WriteString("\n")
	}
	_, err = fmt.Fprintf(s.Out, "%s%s\n", b.String(), out.result.Text(c.Language))
	return err
}

func (c *TariffGenerateCmd) generate() (*generated, error) {
	if c.Session == "-" && c.Tariff == "-" {
		return nil, errors.New("only one file can be standard input")
	}
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	zone, err := readZone(c.TimeZone)
	if err != nil {
		return nil, err
	}
	list, err := c.readTariffs(c.Tariff)
	if err != nil {
		return nil, err
	}
	body, err := readInput(c.Session)
	if err != nil {
		return nil, err
	}
	m, err := tariff.ParseMetering(body, zone)
	if err != nil {
		return nil, err
	}
	g, err := list.Generate(&m)
	if err != nil {
		return nil, err
	}
	out := &generated{Interpolated: append([]int{}, g.Interpolated...)}
	if out.result, err = list.Explain(&g.Session, policy); err != nil {
		return nil, err
	}
	for i := range g.Session.Periods {
		p := generatedPeriod{ocpi.FormatTime(g.Session.Periods[i].Start), make(map[string]tariff.Volume)}
		for _, d := range g.Session.Periods[i].Dimensions() {
			p.Dimensions[d.Type] = d.Volume
		}
		out.Periods = append(out.Periods, p)
	}
	out.CDR = cdrOf(&g.Session, &out.result)
	return out, nil
}

// TariffEstimateCmd tells what charging will cost.
type TariffEstimateCmd struct {
	Tariff        string        `required:"" placeholder:"FILE" help:"Tariff, or a list of them; - is standard input."`
	Arrival       string        `required:"" placeholder:"TIME" help:"When the charging begins, such as 2026-03-02T17:30:00Z."`
	TimeZone      string        `placeholder:"ZONE" help:"Time zone of the location, such as Europe/Amsterdam."`
	KWh           string        `name:"kwh" placeholder:"N" help:"Energy to charge."`
	KW            string        `name:"kw" placeholder:"N" help:"Power of the charging."`
	Stay          time.Duration `placeholder:"DURATION" help:"How long the vehicle stays, such as 1h30m; the rest of it is parking."`
	CheapestUntil string        `placeholder:"TIME" help:"Look for the cheapest start between the arrival and this time."`
	tariffInput
}

// Help is shown under the usage line.
func (TariffEstimateCmd) Help() string {
	return `Two of --kwh, --kw and --stay are needed. Examples:

  $ eroam tariff estimate --tariff tariff.json --time-zone Europe/Paris --arrival 2026-03-02T17:30:00Z --kwh 30 --kw 50
  $ eroam tariff estimate … --kwh 30 --kw 11 --stay 12h --cheapest-until 2026-03-03T06:00:00Z`
}

// estimated is what is printed.
type estimated struct {
	Start         string   `json:"start"`
	ChargingUntil string   `json:"charging_until"`
	End           string   `json:"end"`
	Changes       []string `json:"price_changes"`
}

// Run estimates and prints.
func (c *TariffEstimateCmd) Run(s Streams) error {
	e, err := c.estimate()
	if err != nil {
		return c.fail(s, err)
	}
	out := estimated{
		Start: ocpi.FormatTime(e.Start), ChargingUntil: ocpi.FormatTime(e.ChargingUntil), End: ocpi.FormatTime(e.End),
		Changes: []string{},
	}
	for _, t := range e.Changes {
		out.Changes = append(out.Changes, ocpi.FormatTime(t))
	}
	if c.Format == "json" {
		return printResult(s.Out, &e.Result, out)
	}
	_, err = fmt.Fprintf(s.Out, "From %s, charging until %s, leaving %s.\n%s\n", out.Start, out.ChargingUntil, out.End, e.Result.Text(c.Language))
	return err
}

func (c *TariffEstimateCmd) estimate() (tariff.Estimation, error) {
	policy, err := c.policy()
	if err != nil {
		return tariff.Estimation{}, err
	}
	plan := tariff.Plan{Stay: c.Stay}
	if plan.Zone, err = readZone(c.TimeZone); err != nil {
		return tariff.Estimation{}, err
	}
	if plan.Arrival, err = ocpi.ParseTime(c.Arrival); err != nil {
		return tariff.Estimation{}, fmt.Errorf("--arrival: %w", err)
	}
	if plan.Energy, err = tariff.ParseEnergy(c.KWh); err != nil {
		return tariff.Estimation{}, fmt.Errorf("--kwh: %w", err)
	}
	if plan.Power, err = tariff.ParsePower(c.KW); err != nil {
		return tariff.Estimation{}, fmt.Errorf("--kw: %w", err)
	}
	list, err := c.readTariffs(c.Tariff)
	if err != nil {
		return tariff.Estimation{}, err
	}
	if c.CheapestUntil == "" {
		return list.Estimate(plan, policy)
	}
	latest, err := ocpi.ParseTime(c.CheapestUntil)
	if err != nil {
		return tariff.Estimation{}, fmt.Errorf("--cheapest-until: %w", err)
	}
	return list.Cheapest(plan, latest, policy)
}

// TariffCompareCmd compares two tariffs.
type TariffCompareCmd struct {
	Tariff   string `required:"" placeholder:"FILE" help:"The first tariff."`
	With     string `required:"" placeholder:"FILE" help:"The tariff, or the version of it, to compare with."`
	TimeZone string `placeholder:"ZONE" help:"Time zone of the location, such as Europe/Amsterdam."`
	Date     string `placeholder:"DATE" help:"Day of the sessions, such as 2026-03-02; today when it is not given."`
	tariffInput
}

// Help is shown under the usage line.
func (TariffCompareCmd) Help() string {
	return "Example:\n\n  $ eroam tariff compare --tariff old.json --with new.json --time-zone Europe/Amsterdam --date 2026-03-02"
}

// Run compares and prints.
func (c *TariffCompareCmd) Run(s Streams) error {
	list, err := c.compare()
	if err != nil {
		return c.fail(s, err)
	}
	if c.Format == "json" {
		return printJSON(s.Out, map[string]any{"sessions": list})
	}
	t := table.NewWriter()
	t.SetOutputMirror(s.Out)
	t.AppendHeader(table.Row{"session", "first", "second", "difference"})
	for _, x := range list {
		t.AppendRow(table.Row{x.Session, x.First, x.Second, x.Difference})
	}
	t.Render()
	return nil
}

// comparedRow is one session under both tariffs.
type comparedRow struct {
	Session    string `json:"session"`
	Start      string `json:"start"`
	Currency   string `json:"currency"`
	First      string `json:"first"`
	Second     string `json:"second"`
	Difference string `json:"difference"`
	WithTax    bool   `json:"with_tax"`
}

func (c *TariffCompareCmd) compare() ([]comparedRow, error) {
	policy, err := c.policy()
	if err != nil {
		return nil, err
	}
	zone, err := readZone(c.TimeZone)
	if err != nil {
		return nil, err
	}
	if zone == nil {
		return nil, &tariff.Error{Code: "time_zone", Message: "--time-zone is not given; times of day cannot be read without it"}
	}
	day := time.Now().In(zone)
	if c.Date != "" {
		if day, err = time.ParseInLocation(time.DateOnly, c.Date, zone); err != nil {
			return nil, errors.New("--date: must be a date such as 2026-03-02")
		}
	}
	a, err := c.readTariffs(c.Tariff)
	if err != nil {
		return nil, err
	}
	b, err := c.readTariffs(c.With)
	if err != nil {
		return nil, err
	}
	compared, err := tariff.Compare(a, b, tariff.Samples(day, zone), policy)
	if err != nil {
		return nil, err
	}
	var rows []comparedRow
	for _, x := range compared {
		r := comparedRow{Session: x.Sample.Name, Start: ocpi.FormatTime(x.Sample.Plan.Arrival), Currency: x.A.Currency}
		d := x.A.Rounded.Decimals
		r.WithTax = x.A.TotalIncl.Known() && x.B.TotalIncl.Known()
		r.First, r.Second = x.A.TotalExcl.Text(d), x.B.TotalExcl.Text(d)
		if r.WithTax {
			r.First, r.Second = x.A.TotalIncl.Text(d), x.B.TotalIncl.Text(d)
		}
		r.Difference = x.Difference.Text(d)
		rows = append(rows, r)
	}
	return rows, nil
}

// generatedCDR is the part of a CDR that its price depends on, in OCPI's shape.
type generatedCDR struct {
	Start    string      `json:"start_date_time"`
	End      string      `json:"end_date_time"`
	Currency string      `json:"currency"`
	Periods  []cdrPeriod `json:"charging_periods"`
	Energy   ocpi.Number `json:"total_energy"`
	Time     ocpi.Number `json:"total_time"`
	Parking  ocpi.Number `json:"total_parking_time,omitzero"`
	Cost     cdrCost     `json:"total_cost"`
}

type cdrPeriod struct {
	Start      string         `json:"start_date_time"`
	Dimensions []cdrDimension `json:"dimensions"`
}

type cdrDimension struct {
	Type   string      `json:"type"`
	Volume ocpi.Number `json:"volume"`
}

type cdrCost struct {
	Excl *ocpi.Number `json:"excl_vat,omitempty"`
	Incl *ocpi.Number `json:"incl_vat,omitempty"`
}

func cdrOf(s *tariff.Session, r *tariff.Result) generatedCDR {
	c := generatedCDR{Start: ocpi.FormatTime(s.Start), End: ocpi.FormatTime(s.End), Currency: r.Currency}
	totals := s.Totals()
	c.Energy, c.Time, c.Parking = number(totals.Energy), number(totals.Time), number(totals.Parking)
	for i := range s.Periods {
		p := cdrPeriod{Start: ocpi.FormatTime(s.Periods[i].Start)}
		for _, d := range s.Periods[i].Dimensions() {
			p.Dimensions = append(p.Dimensions, cdrDimension{d.Type, number(d.Volume)})
		}
		c.Periods = append(c.Periods, p)
	}
	amount := func(a tariff.Amount) *ocpi.Number {
		if !a.Known() {
			return nil
		}
		n := ocpi.MustNumber(a.Text(r.Rounded.Decimals))
		return &n
	}
	c.Cost = cdrCost{amount(r.TotalExcl), amount(r.TotalIncl)}
	return c
}

func number(v tariff.Volume) ocpi.Number { return ocpi.MustNumber(v.String()) }
