package ingress

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/ocpi"
)

type metrics struct{ requests *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "eroam_requests_total", Help: "OCPI requests answered, by module and class of the OCPI status.",
	}, []string{"module", "class"})}
	if reg != nil {
		reg.MustRegister(m.requests)
	}
	return m
}

// count counts one answer. Custom modules share one label: their names come
// from outside.
func (m *metrics) count(rt route, status int) {
	module := string(rt.module)
	switch {
	case module == "":
		module = "none"
	case rt.kind == routeModule && !rt.module.Standard(ocpi.V230):
		module = "custom"
	}
	class := "1xxx"
	switch {
	case status >= 4000:
		class = "4xxx"
	case status >= 3000:
		class = "3xxx"
	case status >= 2000:
		class = "2xxx"
	}
	m.requests.WithLabelValues(module, class).Inc()
}
