package relay

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// outgoing returns the body and query as the target is to get them.
func (r *Relay) outgoing(ctx context.Context, x *Exchange, m *trace.Message) (body []byte, query string, err error) {
	body, query = x.Body, x.RawQuery
	if x.Target.Platform.Version != x.Version {
		if body, query, err = r.translate(x, m); err != nil {
			return nil, "", err
		}
	}
	if !hasResponseURL(x) {
		return body, query, nil
	}
	if x.Request.Method == http.MethodPost || x.Request.Method == http.MethodPut {
		body, err = r.rewriteBody(ctx, x, body)
		return body, query, err
	}
	query, err = r.rewriteQuery(ctx, x, query)
	return body, query, err
}

// translate converts a request into the target's OCPI version.
func (r *Relay) translate(x *Exchange, m *trace.Message) (body []byte, query string, err error) {
	to, q := x.Target.Platform.Version, &x.Request
	if !q.Module.Standard(to) && q.Module.Standard(x.Version) {
		return nil, "", hubError("the module does not exist in the receiver's OCPI version")
	}
	kind := convert.Message{Module: q.Module, Interface: q.Interface, Method: q.Method, Path: q.Path}
	body, query = x.Body, x.RawQuery
	if q.Module == ocpi.Tokens && query != "" {
		query = convert.Query(kind, x.Version, to, q.Query).Encode()
	}
	if len(body) == 0 {
		return body, query, nil
	}
	body, losses, err := convert.Body(kind, x.Version, to, body)
	if err != nil {
		return nil, "", inconvertible("the message", err)
	}
	note(m, losses)
	return body, query, nil
}

// inconvertible says what has no form in the other version, and where it stands.
func inconvertible(what string, err error) *ocpi.Error {
	e := &ocpi.Error{Status: ocpi.StatusHubError, Message: what + " has no form in the other party's OCPI version", Err: err}
	if c, ok := errors.AsType[*convert.Error](err); ok {
		e.Message += ": " + strings.TrimSpace(c.Pointer+" "+c.Problem)
	}
	return e
}

// hasResponseURL reports whether the target answers x a second time, later, on
// a URL that x names: commands, and charging profiles set, read or cleared.
func hasResponseURL(x *Exchange) bool {
	return x.Request.Interface == ocpi.Receiver &&
		(x.Request.Module == ocpi.Commands || x.Request.Module == ocpi.ChargingProfiles)
}

// rewriteBody replaces response_url by a capability URL; every other byte stays.
func (r *Relay) rewriteBody(ctx context.Context, x *Exchange, body []byte) ([]byte, error) {
	v := gjson.GetBytes(body, "response_url")
	if v.Type != gjson.String {
		return nil, ocpi.Invalid("response_url", "is required and must be a string")
	}
	ours, err := r.responseURL(ctx, x, v.String())
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(body)+len(ours))
	out = append(out, body[:v.Index]...)
	if out, err = jsontext.AppendQuote(out, ours); err != nil {
		return nil, err
	}
	return append(out, body[v.Index+len(v.Raw):]...), nil
}

// rewriteQuery replaces the response_url parameter; the others keep their
// bytes. Some senders leave the URL inside unencoded, as the specification's
// own example does; one that itself has a query is then ambiguous and refused.
func (r *Relay) rewriteQuery(ctx context.Context, x *Exchange, query string) (string, error) {
	parts := strings.Split(query, "&")
	found := -1
	for i, p := range parts {
		name, _, _ := strings.Cut(p, "=")
		if plain, err := url.QueryUnescape(name); err != nil || !strings.EqualFold(plain, "response_url") {
			continue
		}
		if found >= 0 || name != "response_url" {
			return "", ocpi.Invalid("response_url", "must occur once, and in this spelling")
		}
		found = i
	}
	if found < 0 {
		return "", ocpi.Invalid("response_url", "is required")
	}
	_, raw, _ := strings.Cut(parts[found], "=")
	value, err := url.QueryUnescape(raw)
	if err != nil {
		return "", ocpi.Invalid("response_url", "has a broken percent escape")
	}
	if strings.ContainsAny(raw, "?=") {
		return "", ocpi.Invalid("response_url", "must be percent-encoded")
	}
	ours, err := r.responseURL(ctx, x, value)
	if err != nil {
		return "", err
	}
	parts[found] = "response_url=" + url.QueryEscape(ours)
	return strings.Join(parts, "&"), nil
}

func (r *Relay) responseURL(ctx context.Context, x *Exchange, theirs string) (string, error) {
	from := x.Request.From.Platform
	if !registeredHost(from, theirs) {
		return "", ocpi.Invalid("response_url", "must be on a host of your registered endpoints")
	}
	if err := r.Egress.CheckURL(theirs); err != nil {
		return "", ocpi.Invalid("response_url", "is not a URL that the hub calls")
	}
	kind := responseKind(x)
	x.capability = &store.Capability{
		Kind: kind, Caller: x.Target.Platform.ID, CallerParty: x.Target.ID,
		Owner: from.ID, OwnerParty: x.Request.From.ID,
		Module: string(x.Request.Module), Interface: string(ocpi.Sender), URL: theirs,
	}
	return r.mint(ctx, x.capability, resultLife(kind))
}

// responseKind says how often a result may come: once, but for a reservation
// any number of times, since the operator can cancel it long after it was
// accepted.
func responseKind(x *Exchange) string {
	if len(x.Request.Path) == 1 && x.Request.Path[0] == "RESERVE_NOW" {
		return kindResults
	}
	return kindResponse
}

// resultLife is how long results are let through.
func resultLife(kind string) time.Duration {
	if kind == kindResults {
		return 7 * 24 * time.Hour
	}
	return 24 * time.Hour
}

// rewriteLink replaces the target's next page by a capability URL for it.
func (r *Relay) rewriteLink(ctx context.Context, x *Exchange, res egress.Response, a *Answer) error {
	next, ok := ocpi.ParseNextLink(res.Header[ocpi.HeaderLink])
	if !ok || x.Request.Method != http.MethodGet {
		return nil
	}
	to := x.Target.Platform
	endpoint, _ := to.Endpoint(x.Request.Module, x.Request.Interface)
	next, err := resolve(endpoint, next)
	if err != nil || !registeredHost(to, next) {
		return hubError("receiver's Link leads to a host that it did not register")
	}
	a.Link, err = r.mint(ctx, &store.Capability{
		Kind: kindLink, Caller: x.Request.From.Platform.ID, CallerParty: x.Request.From.ID,
		Owner: to.ID, OwnerParty: x.Target.ID,
		Module: string(x.Request.Module), Interface: string(x.Request.Interface), URL: next,
	}, 24*time.Hour)
	return err
}

// rewriteLocation replaces the URL under which the target keeps a posted CDR.
func (r *Relay) rewriteLocation(ctx context.Context, x *Exchange, res egress.Response, a *Answer) {
	loc := res.Header.Get(ocpi.HeaderLocation)
	if loc == "" || !a.Accepted || x.Request.Method != http.MethodPost {
		return
	}
	to := x.Target.Platform
	endpoint, _ := to.Endpoint(x.Request.Module, x.Request.Interface)
	loc, err := resolve(endpoint, loc)
	if err != nil || !registeredHost(to, loc) {
		r.Log.Warn("a Location that leads to an unregistered host was left out", "party", x.Target.ID.String(), "module", string(x.Request.Module))
		return // the object was accepted; saying otherwise would make the sender post it again
	}
	a.Location, err = r.mint(ctx, &store.Capability{
		Kind: kindLocation, Caller: x.Request.From.Platform.ID, CallerParty: x.Request.From.ID,
		Owner: to.ID, OwnerParty: x.Target.ID,
		Module: string(x.Request.Module), Interface: string(x.Request.Interface), URL: loc,
	}, locationLife)
	if err != nil {
		r.Log.Warn("a Location could not be stored and was left out", "module", string(x.Request.Module), "err", err)
	}
}

func resolve(base, ref string) (string, error) {
	b, err := url.Parse(base)
	if err != nil {
		return "", err
	}
	u, err := b.Parse(ref)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// registeredHost reports whether raw is an absolute http(s) URL on the host and
// port of one of the platform's endpoints or of its versions URL.
func registeredHost(p *party.Platform, raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return false
	}
	if sameOrigin(u, p.VersionsURL) {
		return true
	}
	for _, e := range p.Endpoints {
		if sameOrigin(u, e) {
			return true
		}
	}
	return false
}

func sameOrigin(u *url.URL, raw string) bool {
	v, err := url.Parse(raw)
	return err == nil && u.Scheme == v.Scheme && strings.EqualFold(u.Hostname(), v.Hostname()) && port(u) == port(v)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "http" {
		return "80"
	}
	return "443"
}
