package conform

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// Request is one HTTP request as a peer received it.
type Request struct {
	Peer      *Peer
	At        time.Time
	Method    string
	Target    string // path and query as written on the request line
	Host      string
	Version   ocpi.Version
	Module    ocpi.Module
	Interface ocpi.Interface
	Path      string // below the endpoint, escaped as received
	Query     url.Values
	Header    http.Header
	Body      []byte
	Token     string // of the Authorization header, Base64 undone
	Admitted  bool   // the token opens the peer

	ctx context.Context
}

// To is the receiver in the routing headers, "DE-EM1", "" when absent.
func (r *Request) To() string {
	return dashed(r.Header.Get(ocpi.HeaderToCountryCode), r.Header.Get(ocpi.HeaderToPartyID))
}

// From is the sender in the routing headers.
func (r *Request) From() string {
	return dashed(r.Header.Get(ocpi.HeaderFromCountryCode), r.Header.Get(ocpi.HeaderFromPartyID))
}

// RequestID and CorrelationID are the message ids.
func (r *Request) RequestID() string { return r.Header.Get(ocpi.HeaderRequestID) }

// CorrelationID is the X-Correlation-ID header.
func (r *Request) CorrelationID() string { return r.Header.Get(ocpi.HeaderCorrelationID) }

func (r *Request) String() string {
	s := fmt.Sprintf("%s at %s %s", r.Method, r.Peer.Name, r.Target)
	if r.From() != "" || r.To() != "" {
		s += fmt.Sprintf(" FROM=%s TO=%s", orNone(r.From()), orNone(r.To()))
	}
	if len(r.Body) > 0 {
		s += " " + short(string(r.Body))
	}
	return s
}

// jsonField is a field of the body, as text.
func jsonField(r *Request, path string) string { return gjson.GetBytes(r.Body, path).String() }

func dashed(countryCode, partyID string) string {
	if countryCode == "" && partyID == "" {
		return ""
	}
	return countryCode + "-" + partyID
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

func short(s string) string {
	const limit = 400
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

// tokenOf reads an Authorization header as both spellings allow; a peer accepts
// either, the checks of the A series look at the header itself.
func tokenOf(header string) string {
	scheme, value, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Token") {
		return ""
	}
	if b, err := base64.StdEncoding.DecodeString(value); err == nil && printable(string(b)) {
		return string(b)
	}
	return value
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return s != ""
}

// Match selects requests.
type Match func(*Request) bool

// All matches what every one of the given matches.
func All(ms ...Match) Match {
	return func(r *Request) bool {
		for _, m := range ms {
			if !m(r) {
				return false
			}
		}
		return true
	}
}

// About matches functional requests that name id anywhere: path, query or
// body, in any letter case.
func About(id string) Match {
	low := strings.ToLower(id)
	return func(r *Request) bool {
		if !functional(r) {
			return false
		}
		target, err := url.PathUnescape(r.Target)
		if err != nil {
			target = r.Target
		}
		return strings.Contains(strings.ToLower(target), low) || strings.Contains(strings.ToLower(string(r.Body)), low)
	}
}

// At matches requests for one endpoint.
func At(m ocpi.Module, i ocpi.Interface) Match {
	return func(r *Request) bool { return r.Module == m && r.Interface == i }
}

// Of matches requests for one module.
func Of(m ocpi.Module) Match { return func(r *Request) bool { return r.Module == m } }

// With matches requests with one method.
func With(method string) Match { return func(r *Request) bool { return r.Method == method } }

// Addressed matches requests whose TO headers name the party.
func Addressed(to *Party) Match {
	return func(r *Request) bool { return strings.EqualFold(r.To(), to.String()) }
}

// Since matches what came in after t.
func Since(t time.Time) Match { return func(r *Request) bool { return r.At.After(t) } }

// Functional matches everything but versions, version details, credentials and
// hubclientinfo.
func Functional() Match { return functional }

func functional(r *Request) bool {
	switch r.Module {
	case ocpi.VersionsModule, moduleDetails, ocpi.Credentials, ocpi.HubClientInfo:
		return false
	}
	return true
}
