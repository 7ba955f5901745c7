package ledger

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of an intake.
const (
	accepted   = "accepted"
	heldBack   = "held"
	repeated   = "repeated"   // the same CDR again
	conflicted = "conflict"   // its id with other content
	rejected   = "rejected"   // by a check
	turnedDown = "refused"    // by the receiver
	undone     = "failed"     // the hub could not store it
	notPassed  = "not_passed" // the receiver was away, and the agreement wants it relayed only
)

type metrics struct {
	intake    *prometheus.CounterVec
	findings  *prometheus.CounterVec
	delivered *prometheus.CounterVec
	lag       prometheus.Histogram
	seconds   prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		intake: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_ledger_intake_total", Help: "CDRs that came in, by outcome.",
		}, []string{"outcome"}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_ledger_findings_total", Help: "Findings of the checks of CDRs, by check and severity.",
		}, []string{"check", "severity"}),
		delivered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_ledger_deliveries_total", Help: "Attempts to deliver a CDR, by outcome.",
		}, []string{"outcome"}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "eroam_ledger_delivery_lag_seconds", Help: "Time from the acceptance of a CDR to its delivery.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 30, 60, 600, 3600, 21600, 86400, 604800},
		}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "eroam_ledger_intake_seconds", Help: "Time until a CDR was durable, its checks included.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}),
	}
	if r != nil {
		r.MustRegister(m.intake, m.findings, m.delivered, m.lag, m.seconds)
	}
	return m
}
