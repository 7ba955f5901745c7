package delivery

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/ocpi"
)

// metrics are the collectors of a Delivery.
type metrics struct {
	total *prometheus.CounterVec
	lag   *prometheus.HistogramVec

	modules [4]atomic.Pointer[module] // by slotOf
}

func newMetrics(r prometheus.Registerer, d *Delivery) *metrics {
	m := &metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_delivery_total",
			Help: "What became of published changes on their way to receivers, by module and outcome.",
		}, []string{"module", "outcome"}),
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "eroam_delivery_lag_seconds",
			Help:    "From the commit of a published change to its acceptance by one receiver; not for what is sent while catching up.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600},
		}, []string{"module"}),
	}
	if r != nil {
		r.MustRegister(m.total, m.lag, &laneCollector{d,
			prometheus.NewDesc("eroam_lane_behind", "Places of the feed that a receiver's cursor is behind.", []string{"lane"}, nil),
			prometheus.NewDesc("eroam_lanes", "Lanes by what they do.", []string{"state"}, nil),
		})
	}
	return m
}

func (m *metrics) count(kind string, o outcome) {
	if o != delivered {
		m.total.WithLabelValues(kind, o.String()).Inc()
		return
	}
	m.of(kind).delivered.Inc()
}

func (m *metrics) observeLag(kind string, lag time.Duration) { m.of(kind).lag.Observe(lag.Seconds()) }

// module has the collectors of a module that are used for every message.
type module struct {
	delivered prometheus.Counter
	lag       prometheus.Observer
}

func (m *metrics) of(kind string) *module {
	slot := &m.modules[slotOf(ocpi.Module(kind))]
	if c := slot.Load(); c != nil {
		return c
	}
	c := &module{m.total.WithLabelValues(kind, delivered.String()), m.lag.WithLabelValues(kind)}
	slot.Store(c)
	return c
}

// laneCollector reads the lanes when they are asked for.
type laneCollector struct {
	d      *Delivery
	behind *prometheus.Desc
	states *prometheus.Desc
}

func (c *laneCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.behind
	ch <- c.states
}

func (c *laneCollector) Collect(ch chan<- prometheus.Metric) {
	states := map[string]int{LaneIdle: 0, LaneSending: 0, LaneRetrying: 0, LaneOffline: 0, LanePaused: 0}
	for _, l := range c.d.Lanes() {
		ch <- prometheus.MustNewConstMetric(c.behind, prometheus.GaugeValue, float64(l.Behind), l.Lane)
		states[l.State]++
	}
	for s, n := range states {
		ch <- prometheus.MustNewConstMetric(c.states, prometheus.GaugeValue, float64(n), s)
	}
}
