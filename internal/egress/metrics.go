package egress

import "github.com/prometheus/client_golang/prometheus"

// metrics are the counters of a client and the gauges that are read from it
// when somebody asks.
type metrics struct {
	reg       prometheus.Registerer
	client    *Client
	exchanges *prometheus.CounterVec
	outcome   [Withdrawn + 1]prometheus.Counter // by Failure; 0 is success
	dials     *prometheus.CounterVec
	short     *prometheus.CounterVec
	open      *prometheus.Desc
	limit     *prometheus.Desc
	inFlight  *prometheus.Desc
	idle      *prometheus.Desc
}

func newMetrics(reg prometheus.Registerer, c *Client) *metrics {
	m := &metrics{
		reg: reg, client: c,
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_egress_exchanges_total", Help: "Requests to partners by outcome.",
		}, []string{"outcome"}),
		dials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_egress_connections_total", Help: "Connections opened to partners by outcome.",
		}, []string{"outcome"}),
		short: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_egress_connections_short_total",
			Help: "Times that all connections to platforms were used up when one more was needed, by what was done.",
		}, []string{"outcome"}),
		open:     prometheus.NewDesc("eroam_egress_connections_open", "Connections to platforms.", nil, nil),
		limit:    prometheus.NewDesc("eroam_egress_connections_limit", "Connections to platforms that there may be.", nil, nil),
		inFlight: prometheus.NewDesc("eroam_egress_in_flight", "Requests to a platform that wait for its answer.", []string{"platform"}, nil),
		idle:     prometheus.NewDesc("eroam_egress_idle_connections", "Open connections to a platform that nobody uses.", []string{"platform"}, nil),
	}
	for f := range m.outcome {
		m.outcome[f] = m.exchanges.WithLabelValues(Failure(f).outcome())
	}
	if reg != nil {
		reg.MustRegister(m)
	}
	return m
}

func (m *metrics) count(err *Error) {
	if err == nil {
		m.outcome[0].Inc()
		return
	}
	m.outcome[err.Failure].Inc()
}

func (m *metrics) dialled(err error) {
	if err != nil {
		m.dials.WithLabelValues("failed").Inc()
		return
	}
	m.dials.WithLabelValues("ok").Inc()
}

// shortOf counts that connections were short.
func (m *metrics) shortOf(freed bool) {
	if freed {
		m.short.WithLabelValues("idle_closed").Inc()
		return
	}
	m.short.WithLabelValues("busy").Inc()
}

func (m *metrics) unregister() {
	if m.reg != nil {
		m.reg.Unregister(m)
	}
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.exchanges.Describe(ch)
	m.dials.Describe(ch)
	m.short.Describe(ch)
	ch <- m.open
	ch <- m.limit
	ch <- m.inFlight
	ch <- m.idle
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.exchanges.Collect(ch)
	m.dials.Collect(ch)
	m.short.Collect(ch)
	ch <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, float64(m.client.open.Load()))
	ch <- prometheus.MustNewConstMetric(m.limit, prometheus.GaugeValue, float64(m.client.opt.MaxConns))
	m.client.mu.RLock()
	defer m.client.mu.RUnlock()
	for id, p := range m.client.platforms {
		p.mu.Lock()
		idle := len(p.idle)
		p.mu.Unlock()
		ch <- prometheus.MustNewConstMetric(m.inFlight, prometheus.GaugeValue, float64(len(p.places)), id)
		ch <- prometheus.MustNewConstMetric(m.idle, prometheus.GaugeValue, float64(idle), id)
	}
}
