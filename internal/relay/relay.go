// Package relay is the ask way: a request that somebody waits for is forwarded
// to one partner, within a deadline and at most once, and the partner's answer
// goes back. Nothing is kept for later.
//
// What is rewritten on the way is listed in docs/divergences.md: message ids,
// the Authorization header, URLs that only the other side could call
// (response_url, Link, Location), and bodies between parties of different OCPI
// versions. All other bytes pass as they are.
package relay

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Options are what a Relay is made of.
type Options struct {
	Store            *store.Store
	Registry         *party.Registry
	Egress           *egress.Client
	Trace            *trace.Recorder
	PublicURL        string        // without a trailing slash; capability URLs are built on it
	Timeout          time.Duration // of one forwarded exchange; default 5 s
	AuthorizeTimeout time.Duration // of a real-time authorisation; default 2.5 s
	Grace            time.Duration // how long a command's result may be late before TIMEOUT is reported; default 60 s
	Log              *slog.Logger
	Metrics          prometheus.Registerer
}

// Relay forwards requests. Its methods may be called concurrently.
type Relay struct {
	Options
	owners  *ownerCache
	loops   loopGuard
	busy    inUse
	started sync.WaitGroup // what outlives the call that started it
	metrics *metrics
}

// New returns a Relay.
func New(o Options) *Relay {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.AuthorizeTimeout <= 0 {
		o.AuthorizeTimeout = 2500 * time.Millisecond
	}
	if o.Grace <= 0 {
		o.Grace = overdueGrace
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Relay{Options: o, owners: newOwnerCache(), metrics: newMetrics(o.Metrics)}
}

// Exchange is one inbound request on its way to a partner.
type Exchange struct {
	Header   ocpi.Header  // From is always set: the ingress fills it in where it may be absent
	Version  ocpi.Version // of the sender
	Request  routing.Request
	RawQuery string
	Body     []byte
	Mode     routing.Mode
	Target   *party.Party
	Via      []string // hubs that the request passed, oldest first
	Received time.Time
	NotAfter time.Time // the request is not sent later; zero: no bound

	capability *store.Capability // of the response_url, once it was minted
}

// Answer is what goes back to the sender.
type Answer struct {
	HTTP       int
	Status     int    // OCPI status of Body
	Body       []byte // a whole envelope
	From       ocpi.Claim
	TotalCount string
	Limit      string
	Link       string // URL of the next page, ours
	Location   string
	Promise    string // of the ledger, see receipt.Promise
	// Accepted reports a 2xx answer with a 1xxx status.
	Accepted bool
	// Failed reports that the partner answered HTTP 5xx; HTTP is 200 then.
	Failed bool
}

// Forward sends x to its target and returns the answer. Every error is an
// *ocpi.Error: what the partner did not do is 4002 (it may have received the
// request) or 4003 (it has not).
func (r *Relay) Forward(ctx context.Context, x *Exchange) (Answer, error) {
	m := r.message(x)
	a, err := r.forward(ctx, x, &m)
	r.finish(x.Received, &m, a, err)
	return a, err
}

func (r *Relay) forward(ctx context.Context, x *Exchange, m *trace.Message) (Answer, error) {
	to := x.Target.Platform
	endpoint, ok := to.Endpoint(x.Request.Module, x.Request.Interface)
	if !ok {
		return Answer{}, &ocpi.Error{Status: ocpi.StatusHubError, Message: "receiver does not implement this interface of the module"}
	}
	target, err := ocpi.JoinPath(endpoint, x.Request.Path...)
	if err != nil {
		return Answer{}, err
	}
	body, query, err := r.outgoing(ctx, x, m)
	if err != nil {
		return Answer{}, err
	}
	if err := r.learnBefore(ctx, x); err != nil {
		return Answer{}, err
	}
	if x.Mode != routing.Ask { // Ask has entered for all of its candidates
		done, err := r.loops.enter(x, to.Hub)
		if err != nil {
			return Answer{}, err
		}
		defer done()
	}
	a, err := r.send(ctx, x, withQuery(target, query), body, m)
	if err == nil {
		r.learnAfter(ctx, x, a)
		r.expectResult(ctx, x, a)
	}
	return a, err
}

// send does the exchange itself: headers, deadline, and what the answer means.
func (r *Relay) send(ctx context.Context, x *Exchange, url string, body []byte, m *trace.Message) (Answer, error) {
	to := x.Target.Platform
	toClaim := ocpi.ClaimOf(x.Target.ID)
	if x.Mode == routing.Direct && !x.Header.To.IsZero() {
		toClaim = x.Header.To // as the sender spelled it
	}
	h := headers(x.Header.CorrelationID, m.OutRequestID, to, toClaim, x.Header.From)
	if to.Hub {
		setVia(h, x.Via, r.Registry.Snapshot().Hub)
	}
	res, took, err := r.exchange(ctx, egress.Request{
		Platform: to.ID, Method: x.Request.Method, URL: url, Header: h, Body: body, Timeout: r.deadline(x), NotAfter: x.NotAfter,
	})
	m.PartnerMicros = took.Microseconds()
	if err != nil {
		return Answer{}, err
	}
	m.PartnerHTTP = res.Status
	return r.answer(ctx, x, res, m)
}

// deadline returns how long the partner may take.
func (r *Relay) deadline(x *Exchange) time.Duration {
	if x.Request.Module == ocpi.Tokens && x.Request.Method == http.MethodPost {
		return r.AuthorizeTimeout
	}
	return r.Timeout
}

// headers returns what goes out with every forwarded request: an allow-list,
// nothing of the inbound header is copied.
func headers(correlationID, requestID string, to *party.Platform, toClaim, fromClaim ocpi.Claim) http.Header {
	h := make(http.Header, 10)
	h[ocpi.HeaderAuthorization] = []string{ocpi.FormatAuthorization(to.Token, to.Encoding)}
	h[ocpi.HeaderRequestID] = []string{requestID}
	h[ocpi.HeaderCorrelationID] = []string{correlationID}
	ocpi.SetRouting(h, toClaim, fromClaim)
	return h
}

// exchange sends one request and reports the outcome to the registry, which
// turns repeated failure into OFFLINE.
func (r *Relay) exchange(ctx context.Context, q egress.Request) (egress.Response, time.Duration, error) {
	if len(q.Body) > 0 {
		q.Header["Content-Type"] = []string{"application/json"}
	}
	start := time.Now()
	res, err := r.Egress.Do(ctx, q)
	took := time.Since(start)
	if err != nil {
		e := failure(err)
		if unreachable(err) && ctx.Err() == nil { // else we gave up, not the partner
			r.Registry.Failed(q.Platform)
		}
		return res, took, e
	}
	r.Registry.Succeeded(q.Platform)
	return res, took, nil
}

func withQuery(u, query string) string {
	switch {
	case query == "":
		return u
	case strings.Contains(u, "?"):
		return u + "&" + query
	}
	return u + "?" + query
}
