package store

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the collectors of one store.
type metrics struct {
	commit     prometheus.Histogram
	size       prometheus.Histogram
	busy       prometheus.Counter
	unregister func()
}

func newMetrics(r prometheus.Registerer, queue func() float64) (*metrics, error) {
	m := &metrics{
		commit: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "eroam_store_commit_seconds",
			Help:    "Time of one group commit, from its beginning until it was durable.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
		size: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "eroam_store_batch_writes",
			Help:    "How many writes shared one group commit.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		busy: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "eroam_store_busy_total",
			Help: "Writes refused because the queue was full.",
		}),
		unregister: func() {},
	}
	if r == nil {
		return m, nil
	}
	length := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "eroam_store_queue_writes",
		Help: "How many writes wait for a group commit.",
	}, queue)
	all := []prometheus.Collector{m.commit, m.size, m.busy, length}
	m.unregister = func() {
		for _, c := range all {
			r.Unregister(c)
		}
	}
	var errs []error
	for i, c := range all {
		if err := r.Register(c); err != nil {
			errs = append(errs, err)
			all = all[:i]
			m.unregister()
			break
		}
	}
	return m, errors.Join(errs...)
}
