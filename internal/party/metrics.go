package party

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	platforms *prometheus.GaugeVec
	exchanges *prometheus.CounterVec
	alive     *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		platforms: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "eroam_party_platforms", Help: "Platforms by state; connected ones that do not answer count as OFFLINE.",
		}, []string{"state"}),
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_party_exchanges_total", Help: "Credentials exchanges by who started them and how they ended.",
		}, []string{"started_by", "outcome"}),
		alive: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_party_still_alive_total", Help: "Still-alive checks by outcome.",
		}, []string{"outcome"}),
	}
	if reg != nil {
		reg.MustRegister(m.platforms, m.exchanges, m.alive)
	}
	return m
}

// observe counts the platforms of a snapshot.
func (m *metrics) observe(s *Snapshot) {
	n := map[string]int{string(StatePlanned): 0, string(StateConnected): 0, string(StateSuspended): 0, string(Offline): 0}
	for _, p := range s.Platforms() {
		state := string(p.State)
		if p.State == StateConnected && p.Offline {
			state = string(Offline)
		}
		n[state]++
	}
	for state, count := range n {
		m.platforms.WithLabelValues(state).Set(float64(count))
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
