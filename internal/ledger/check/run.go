package check

// Run runs the checks. It does not panic, and it takes time in proportion to the
// size of the documents; pricing that would take more is refused (NotPriced).
func Run(c *Case) Report {
	r := run{Case: c, settings: c.Settings, report: Report{Findings: []Finding{}, Verdict: Pass, Basis: BasisNone}}
	if r.settings == nil {
		r.settings = DefaultSettings()
	}
	return r.report
}

// run is one run.
type run struct {
	*Case
	settings *Settings
	report   Report
}
