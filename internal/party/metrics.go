package party

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	exchanges *prometheus.CounterVec
	alive     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, r *Registry) *metrics {
	m := &metrics{
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_party_exchanges_total", Help: "Credentials exchanges by who started them and how they ended.",
		}, []string{"started_by", "outcome"}),
		alive: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_party_still_alive_total", Help: "Still-alive checks by outcome.",
		}, []string{"outcome"}),
	}
	if reg != nil {
		reg.MustRegister(m.exchanges, m.alive, platformCounter{r, prometheus.NewDesc("eroam_party_platforms",
			"Platforms by state; connected ones that do not answer count as OFFLINE.", []string{"state"}, nil)})
	}
	return m
}

// platformCounter counts the platforms when somebody asks.
type platformCounter struct {
	registry *Registry
	desc     *prometheus.Desc
}

func (c platformCounter) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c platformCounter) Collect(ch chan<- prometheus.Metric) {
	n := map[string]int{string(StatePlanned): 0, string(StateConnected): 0, string(StateSuspended): 0, string(Offline): 0}
	for _, p := range c.registry.Snapshot().Platforms() {
		state := string(p.State)
		if p.State == StateConnected && p.Offline {
			state = string(Offline)
		}
		n[state]++
	}
	for state, count := range n {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(count), state)
	}
}

// exchange counts a credentials exchange.
func (m *metrics) exchange(startedBy string, err error) {
	outcome := "done"
	if err != nil {
		outcome = "refused"
	}
	m.exchanges.WithLabelValues(startedBy, outcome).Inc()
}
