// Package ingress is where an OCPI request comes in. In this order it is
// checked who sends it, whether it may send so much, what it asks for, whether
// its JSON can be read in one way only, and whether every party that it names
// in headers, path and body is one that the sender may speak for. What passes
// is routed; nothing that fails is forwarded or stored.
package ingress

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/ocpi"
)

// Options are what a Server is made of.
type Options struct {
	Registry    *party.Registry
	Relay       *relay.Relay
	Ledger      *ledger.Ledger
	Catalog     *catalog.Catalog
	PublicURL   string        // without a trailing slash
	Limits      party.Limits  // of a platform that has none of its own
	MaxBody     int64         // bytes of a request body; locations and CDRs may have four times as many; default 1 MiB
	BodyTimeout time.Duration // to read a whole body; default 10 s
	Log         *slog.Logger
	Metrics     prometheus.Registerer
}

// Server answers everything below /ocpi. It must not be put behind a handler
// that cleans paths or redirects.
type Server struct {
	Options
	limits  limits
	metrics *metrics
	gzip    sync.Pool // of *gzip.Writer
}

// New returns a Server.
func New(o Options) *Server {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{Options: o, limits: limits{defaults: withDefaults(o.Limits)}, metrics: newMetrics(o.Metrics)}
}

// call is one request on its way through the steps.
type call struct {
	w        http.ResponseWriter
	r        *http.Request
	received time.Time
	header   ocpi.Header
	access   *party.Access
	route    route
	via      []string   // hubs that the request has passed
	replyTo  ocpi.Claim // TO header of the answer; zero on modules without routing headers
	replyBy  ocpi.Claim // FROM header of the answer
}

// ServeHTTP answers one request. Every answer has an OCPI envelope.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{w: w, r: r, received: time.Now()}
	if err := s.serve(c); err != nil {
		s.fail(c, err)
	}
}

func (s *Server) serve(c *call) error {
	var err, badHeader, badPath error
	c.header, badHeader = ocpi.ParseHeader(c.r.Header) // its message ids are good in any case
	if c.access, err = s.authenticate(c.r); err != nil {
		return err
	}
	leave, err := s.limits.enter(c.access.Platform, c.received)
	if err != nil {
		return err
	}
	defer leave()
	c.route, badPath = parseRoute(c.r.URL.EscapedPath())
	switch {
	case !c.access.Registered() && (badPath != nil || !c.route.open()):
		return ocpi.Unauthorized()
	case badHeader != nil:
		return badHeader
	case badPath != nil:
		return badPath
	}
	if c.access.Registered() {
		s.Registry.Heard(c.access.Platform.ID)
	}
	return s.dispatch(c)
}

// authenticate finds the platform of a request. A repeated header is refused:
// two readers could take different ones.
func (s *Server) authenticate(r *http.Request) (*party.Access, error) {
	v := r.Header[ocpi.HeaderAuthorization]
	if len(v) != 1 {
		return nil, ocpi.Unauthorized()
	}
	return s.Registry.Authenticate(r.Context(), v[0])
}

// dispatch is the whole route table.
func (s *Server) dispatch(c *call) error {
	switch c.route.kind {
	case routeVersions:
		return s.versions(c)
	case routeDetails:
		return s.details(c)
	case routeCredentials:
		return s.credentials(c)
	case routeCapability:
		return s.capability(c)
	}
	if v := c.access.Platform.Version; c.route.version != v {
		return &ocpi.Error{Status: ocpi.StatusUnsupportedVersion, Message: "your connection speaks OCPI " + string(v) + "; PUT credentials on another version to switch"}
	}
	if c.route.module == ocpi.HubClientInfo {
		return s.hubClientInfo(c)
	}
	return s.functional(c)
}

// fail writes an error answer and logs it when the fault is not the sender's.
func (s *Server) fail(c *call, err error) {
	e := ocpi.AsError(err)
	if e.HTTP == http.StatusTooManyRequests || e.HTTP == http.StatusServiceUnavailable {
		c.w.Header().Set("Retry-After", "1")
	}
	if e.HTTP == http.StatusUnauthorized {
		c.w.Header().Set("WWW-Authenticate", "Token")
	}
	s.respond(c, e.HTTPStatus(), e.Status, e.Message, nil)
	level := slog.LevelInfo
	if e.Status == ocpi.StatusServerError {
		level = slog.LevelError
	}
	s.Log.Log(c.r.Context(), level, "request refused", "status", e.Status, "http", e.HTTPStatus(), "reason", e.Message,
		"module", string(c.route.module), "method", c.r.Method, "platform", c.platformID(),
		"request_id", c.header.RequestID, "correlation_id", c.header.CorrelationID, "err", e.Err)
}

func (c *call) platformID() string {
	if c.access == nil {
		return ""
	}
	return c.access.Platform.ID
}

// respond writes an envelope of our own.
func (s *Server) respond(c *call, httpStatus, status int, message string, data []byte) {
	c.headers()
	s.metrics.count(c.route, status)
	ocpi.WriteEnvelope(c.w, httpStatus, status, message, data)
}

// headers sets what every answer carries: the sender's message ids and, where
// the module has them, the routing headers the other way round.
func (c *call) headers() {
	h := c.w.Header()
	if c.header.RequestID != "" {
		h[ocpi.HeaderRequestID] = []string{c.header.RequestID}
	}
	if c.header.CorrelationID != "" {
		h[ocpi.HeaderCorrelationID] = []string{c.header.CorrelationID}
	}
	ocpi.SetRouting(h, c.replyTo, c.replyBy)
}

// hub returns the hub as the one who answers.
func (s *Server) hub() ocpi.Claim { return ocpi.ClaimOf(s.Registry.Snapshot().Hub) }

func (c *call) context() context.Context { return c.r.Context() }
