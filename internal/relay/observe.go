package relay

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

type metrics struct {
	total        *prometheus.CounterVec
	hub, partner *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	labels := []string{"module", "outcome"}
	buckets := []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	m := &metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eroam_relay_total", Help: "Requests forwarded to partners, by module and outcome.",
		}, labels),
		hub: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eroam_relay_hub_seconds", Help: "Time that a forwarded request spent in the hub.", Buckets: buckets,
		}, labels),
		partner: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eroam_relay_partner_seconds", Help: "Time that a forwarded request spent waiting for the partner.", Buckets: buckets,
		}, labels),
	}
	if reg != nil {
		reg.MustRegister(m.total, m.hub, m.partner)
	}
	return m
}

// message begins the trace of one exchange.
func (r *Relay) message(x *Exchange) trace.Message {
	q := &x.Request
	m := trace.Message{
		Time: x.Received, Way: "ask", Mode: x.Mode.String(),
		RequestID: x.Header.RequestID, CorrelationID: x.Header.CorrelationID, OutRequestID: ocpi.NewMessageID(),
		FromPlatform: q.From.Platform.ID, From: q.From.ID.String(), ToPlatform: x.Target.Platform.ID, To: x.Target.ID.String(),
		Version: string(x.Version), Module: string(q.Module), Interface: string(q.Interface), Method: q.Method,
		RequestBody: x.Body,
	}
	if q.Module == ocpi.CDRs && q.Method == http.MethodPost {
		m.Way, m.Object = "bill", gjson.GetBytes(x.Body, "id").Str
	}
	if len(q.Path) > 0 {
		m.Object = q.Path[len(q.Path)-1]
		if q.Module == ocpi.Tokens {
			uid := q.Path[0]
			if routing.Owned(q.Module, q.Interface, q.Path) {
				uid = q.Path[2]
			}
			m.Object = r.Trace.Hash(uid)
		}
	}
	return m
}

// finish completes the trace and counts the exchange.
func (r *Relay) finish(received time.Time, m *trace.Message, a Answer, err error) {
	total := time.Since(received)
	partner := time.Duration(m.PartnerMicros) * time.Microsecond
	m.HubMicros = (total - partner).Microseconds()
	m.HTTPStatus, m.OCPIStatus = a.HTTP, m.PartnerOCPI
	if err != nil {
		e := ocpi.AsError(err)
		m.HTTPStatus, m.OCPIStatus, m.Error = e.HTTPStatus(), e.Status, e.Error()
	}
	r.Trace.Record(*m)
	o := outcome(m.OCPIStatus)
	module := m.Module
	if !ocpi.Module(module).Standard(ocpi.V230) {
		module = "custom" // names of custom modules come from outside
	}
	r.metrics.total.WithLabelValues(module, o).Inc()
	r.metrics.hub.WithLabelValues(module, o).Observe((total - partner).Seconds())
	r.metrics.partner.WithLabelValues(module, o).Observe(partner.Seconds())
}

func outcome(status int) string {
	switch {
	case status >= 1000 && status < 2000:
		return "ok"
	case status == ocpi.StatusHubTimeout:
		return "timeout"
	case status == ocpi.StatusHubConnection:
		return "unreachable"
	case status >= 4000:
		return "hub_error"
	case status >= 3000:
		return "server_error"
	}
	return "client_error"
}
