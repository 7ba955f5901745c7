package conform

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// Call is one request to the hub. From and To become routing headers; the zero
// Call has no routing headers, message ids of its own and the token of the
// platform that makes it.
type Call struct {
	Method    string
	Module    ocpi.Module // with Interface: the hub's advertised endpoint …
	Interface ocpi.Interface
	Path      string // … and what stands below it, escaped
	Query     string
	URL       string // instead of Module, Interface and Path
	From, To  *Party
	Body      string

	Token          string            // instead of the platform's own
	Authorization  string            // whole header; "-" for none
	Header         map[string]string // set last; "" removes
	LowerCaseNames bool              // of all headers, on the wire
	RequestID      string
	CorrelationID  string
}

// Response is what the hub answered. Status is 0 when the body is no envelope.
type Response struct {
	Call    Call
	URL     string
	HTTP    int
	Header  http.Header
	Body    []byte
	Status  int
	Message string
	Data    gjson.Result
	Took    time.Duration
}

// To is the receiver in the routing headers of the response.
func (r *Response) To() string {
	return dashed(r.Header.Get(ocpi.HeaderToCountryCode), r.Header.Get(ocpi.HeaderToPartyID))
}

// From is the sender in the routing headers of the response.
func (r *Response) From() string {
	return dashed(r.Header.Get(ocpi.HeaderFromCountryCode), r.Header.Get(ocpi.HeaderFromPartyID))
}

func (r *Response) String() string {
	return fmt.Sprintf("HTTP %d, status %d: %s", r.HTTP, r.Status, short(string(r.Body)))
}

// client makes the requests of all platforms and looks at every answer.
type client struct {
	http *http.Client

	mu        sync.Mutex
	answers   int
	malformed []string // answers that are no proper OCPI response
	routed    []string // routing headers where there must be none
}

func newClient() *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 32, DisableCompression: true}
	return &client{http: &http.Client{
		Transport:     transport,
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends one request on behalf of a platform.
func (c *client) do(ctx context.Context, p *Platform, call Call) (*Response, error) {
	target := call.URL
	if target == "" {
		base, ok := p.HubEndpoint(call.Module, call.Interface)
		if !ok {
			return nil, fmt.Errorf("the hub lists no %s endpoint for %s", call.Interface, call.Module)
		}
		target = strings.TrimRight(base, "/") + call.Path
	}
	if call.Query != "" {
		target += "?" + call.Query
	}
	var body io.Reader
	if call.Body != "" {
		body = strings.NewReader(call.Body)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, target, body)
	if err != nil {
		return nil, err
	}
	call.headers(req, p)
	start := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: no answer from the hub: %w", call.Method, target, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: reading the answer of the hub: %w", call.Method, target, err)
	}
	out := &Response{Call: call, URL: target, HTTP: resp.StatusCode, Header: resp.Header, Body: data, Took: time.Since(start)}
	if gjson.ValidBytes(data) {
		e := gjson.ParseBytes(data)
		out.Status, out.Message, out.Data = int(e.Get("status_code").Int()), e.Get("status_message").String(), e.Get("data")
	}
	c.observe(out)
	return out, nil
}

// headers fills in what the call does not say.
func (call *Call) headers(req *http.Request, p *Platform) {
	h := req.Header
	if call.RequestID == "" {
		call.RequestID = NewID("r")
	}
	if call.CorrelationID == "" {
		call.CorrelationID = NewID("c")
	}
	set := func(name, value string) {
		if call.LowerCaseNames {
			h[strings.ToLower(name)] = []string{value}
			return
		}
		h.Set(name, value)
	}
	token := call.Token
	if token == "" {
		token = p.Token()
	}
	switch {
	case call.Authorization == "-":
	case call.Authorization != "":
		set(ocpi.HeaderAuthorization, call.Authorization)
	case p.encodingOf() == ocpi.EncodingRaw:
		set(ocpi.HeaderAuthorization, "Token "+token)
	default:
		set(ocpi.HeaderAuthorization, "Token "+base64.StdEncoding.EncodeToString([]byte(token)))
	}
	set(ocpi.HeaderRequestID, call.RequestID)
	set(ocpi.HeaderCorrelationID, call.CorrelationID)
	if call.To != nil {
		set(ocpi.HeaderToCountryCode, call.To.CountryCode)
		set(ocpi.HeaderToPartyID, call.To.ID)
	}
	if call.From != nil {
		set(ocpi.HeaderFromCountryCode, call.From.CountryCode)
		set(ocpi.HeaderFromPartyID, call.From.ID)
	}
	if call.Body != "" {
		h.Set("Content-Type", "application/json")
	}
	for k, v := range call.Header {
		if v == "" {
			h.Del(k)
			continue
		}
		h.Set(k, v)
	}
}

func (p *Platform) encodingOf() ocpi.TokenEncoding {
	p.Peer.mu.Lock()
	defer p.Peer.mu.Unlock()
	return p.encoding
}

// dateTime is what OCPI 2.2.1 §16.2 allows.
var dateTime = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,5})?Z?$`)

// observe looks at the parts that every answer of the hub must have.
func (c *client) observe(r *Response) {
	problem := r.problem()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers++
	if problem != "" && len(c.malformed) < 20 {
		c.malformed = append(c.malformed, fmt.Sprintf("%s %s: %s: %s", r.Call.Method, r.URL, problem, r))
	}
	if unrouted(r.Call) && (r.To() != "" || r.From() != "") {
		c.routed = append(c.routed, fmt.Sprintf("%s %s: TO=%s FROM=%s", r.Call.Method, r.URL, r.To(), r.From()))
	}
}

// unrouted reports whether a call is for a module without routing headers.
func unrouted(call Call) bool {
	return call.Module == ocpi.Credentials || call.Module == ocpi.HubClientInfo ||
		call.Module == "" && strings.HasSuffix(call.URL, "/versions")
}

// problem says what is wrong with an answer as an OCPI response, "" for nothing.
func (r *Response) problem() string {
	ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	e := gjson.ParseBytes(r.Body)
	status := e.Get("status_code")
	switch {
	case !strings.EqualFold(strings.TrimSpace(ct), "application/json"):
		return fmt.Sprintf("Content-Type is %q", r.Header.Get("Content-Type"))
	case !gjson.ValidBytes(r.Body):
		return "the body is not JSON"
	case status.Type != gjson.Number || strings.ContainsAny(status.Raw, ".eE"):
		return "status_code is not an integer"
	case e.Get("timestamp").Type != gjson.String || !dateTime.MatchString(e.Get("timestamp").String()):
		return "timestamp is not an OCPI DateTime in UTC"
	}
	return ""
}

// seen returns what observe found so far.
func (c *client) seen() (answers int, malformed, routed []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers, append([]string(nil), c.malformed...), append([]string(nil), c.routed...)
}
