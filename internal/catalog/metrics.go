package catalog

import "github.com/prometheus/client_golang/prometheus"

// Outcomes of a push.
const (
	created   = "created"
	updated   = "updated"
	deleted   = "deleted"
	restamped = "restamped" // stored, but nothing but last_updated changed: not sent to anybody
	unchanged = "unchanged" // the hub had exactly this
	stale     = "stale"     // older than what the hub had
	refused   = "refused"
	failed    = "failed" // the hub could not store it
)

type metrics struct {
	pushes *prometheus.CounterVec
	unfit  *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_catalog_pushes_total",
			Help: "Objects published to the hub or kept from routed messages, by module and outcome; stale ones were accepted and dropped.",
		}, []string{"module", "outcome"}),
		unfit: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_catalog_left_out_total",
			Help: "Objects left out of a list because they have no form in the viewer's OCPI version.",
		}, []string{"module"}),
	}
	if r != nil {
		r.MustRegister(m.pushes, m.unfit)
	}
	return m
}
