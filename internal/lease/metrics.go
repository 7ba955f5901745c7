package lease

import "github.com/prometheus/client_golang/prometheus"

// metrics are the collectors of a Node.
type metrics struct {
	lost     prometheus.Counter
	failures prometheus.Counter
}

func newMetrics(r prometheus.Registerer, n *Node) *metrics {
	m := &metrics{
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "eroam_lease_lost_total",
			Help: "How often the other processes took this one for dead.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "eroam_lease_failures_total",
			Help: "Rounds in which the database could not be asked about the other processes.",
		}),
	}
	if r != nil && !n.alone {
		r.MustRegister(m.lost, m.failures, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "eroam_lease_held",
			Help: "Jobs that this process has.",
		}, func() float64 {
			n.mu.Lock()
			defer n.mu.Unlock()
			return float64(len(n.held))
		}))
	}
	return m
}
