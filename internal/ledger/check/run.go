package check

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/ocmf"
	"github.com/eroam/eroam/tariff"
)

// Run runs the checks. It does not panic, and it takes time in proportion to the
// size of the documents; pricing that would take more is refused (NotPriced).
func Run(c *Case) Report {
	r := run{Case: c, settings: c.Settings, report: Report{Findings: []Finding{}, Verdict: Pass, Basis: BasisNone}}
	if r.settings == nil {
		r.settings = DefaultSettings()
	}
	if c.CDR == nil {
		r.missing()
		return r.report
	}
	r.look()
	r.price()
	for _, check := range [...]func(*run){
		(*run).schema, (*run).parties, (*run).sameID, (*run).sameSession, (*run).credit, (*run).currency,
		(*run).times, (*run).periods, (*run).periodTimes, (*run).totals, (*run).units, (*run).power, (*run).energy,
		(*run).bySession, (*run).byLocation, (*run).byToken, (*run).tariffs, (*run).claim, (*run).sums, (*run).limits,
		(*run).meter, (*run).signature, (*run).signedContent, (*run).late, (*run).special, (*run).statistics,
	} {
		check(&r)
	}
	return r.report
}

// run is one run. The flags keep one mistake from being reported by several
// checks.
type run struct {
	*Case
	settings *Settings
	report   Report

	place                place        // what the Location object says about the EVSE
	signed               *ocmf.Report // what signed_data says; nil: none
	badTimes, badPeriods bool         // C07, C08
	energySlip, timeSlip bool         // C11
	badCurrency          bool         // C06
	choice               choice
	priceErr             error
	lonelyZone           *time.Location // of the country, where it has only one
	askedZone            bool
}

// details are the figures of a finding.
type details map[string]string

// found notes a finding, unless it is switched off.
func (r *run) found(check, code, pointer string, d details, format string, args ...any) {
	c := find(check, code)
	severity := r.settings.severity(c)
	if severity == Off {
		return
	}
	for name, value := range d {
		d[name] = clip(value)
	}
	r.report.Findings = append(r.report.Findings, Finding{check, code, severity, clip(fmt.Sprintf(format, args...)), pointer, d})
	if severity.rank() > r.report.Verdict.rank() {
		r.report.Verdict = severity
	}
}

// maxText bounds the texts of a finding, in bytes: ids in them may be of any length.
const maxText = 1_000

// clip cuts a text that is too long, and makes it UTF-8.
func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText-3] + "..."
	}
	return strings.ToValidUTF8(s, "")
}

// money writes minor units of the CDR's currency.
func (r *run) money(n int64) string {
	return minorText(n, tariff.CurrencyDecimals(r.CDR.Currency)) + " " + r.CDR.Currency
}

func minorText(n int64, decimals int) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	s := strconv.FormatInt(n, 10)
	if decimals == 0 {
		return sign + s
	}
	if len(s) <= decimals {
		s = strings.Repeat("0", decimals+1-len(s)) + s
	}
	return sign + s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}

// kwh writes an energy without trailing zeros.
func kwh(n int64) string {
	return strings.TrimSuffix(strings.TrimRight(minorText(n, 9), "0"), ".") + " kWh"
}

// clock writes a moment.
func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// whole writes a duration in whole seconds.
func whole(d time.Duration) string { return d.Round(time.Second).String() }

// period is the pointer of a charging period.
func period(index int) string { return "/charging_periods/" + strconv.Itoa(index) }

// within reports whether two moments are no further apart than d.
func within(a, b time.Time, d time.Duration) bool { return a.Sub(b).Abs() <= d }
