package crawl

import "github.com/prometheus/client_golang/prometheus"

// metrics are the collectors of a Crawler.
type metrics struct {
	requests *prometheus.CounterVec
	objects  *prometheus.CounterVec
	runs     *prometheus.CounterVec
	running  prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_crawl_requests_total", Help: "Requests for lists of partners, by outcome.",
		}, []string{"outcome"}),
		objects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_crawl_objects_total", Help: "Objects on fetched pages, by module and outcome.",
		}, []string{"module", "outcome"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_crawl_runs_total", Help: "Walks over a list that ended, by kind and outcome.",
		}, []string{"kind", "outcome"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "eroam_crawls_running", Help: "Lists that are being fetched at this moment.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.objects, m.runs, m.running)
	}
	return m
}
