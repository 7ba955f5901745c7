package deliverytest

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// Request is a functional request that a partner got.
type Request struct {
	Method, Path, Query string // Path below the partner's root: module first, as it was escaped
	Header              http.Header
	Body                string
}

// To returns the party that the routing headers name.
func (r Request) To() string { return r.pair(ocpi.HeaderToCountryCode, ocpi.HeaderToPartyID) }

// From returns the sender that the routing headers name.
func (r Request) From() string { return r.pair(ocpi.HeaderFromCountryCode, ocpi.HeaderFromPartyID) }

func (r Request) pair(country, id string) string {
	if r.Header.Get(country) == "" && r.Header.Get(id) == "" {
		return ""
	}
	return r.Header.Get(country) + "-" + r.Header.Get(id)
}

// String is "PUT /locations/NL/CP1/LOC1".
func (r Request) String() string {
	s := r.Method + " " + r.Path
	if r.Query != "" {
		s += "?" + r.Query
	}
	return s
}

// Answer is how a partner answers. Zero values mean HTTP 200, status 1000.
type Answer struct {
	HTTP, Status int
	Body         string // instead of an envelope
	RetryAfter   string // header of that name
}

// Partner is a platform that takes what is sent to it.
type Partner struct {
	*httptest.Server
	Platform string
	Version  ocpi.Version

	t       testing.TB
	hub     *Hub
	token   string // that the hub is to use
	issued  string // that the hub gave it
	grants  []party.Grant
	modules []ocpi.Module

	mu     sync.Mutex
	log    []Request
	answer func(Request) Answer
	open   map[string]int // requests under way by object
	dead   bool           // does not answer for its versions
}

func newPartner(t testing.TB, h *Hub, v ocpi.Version, grants []party.Grant, modules []ocpi.Module) *Partner {
	t.Helper()
	if len(modules) == 0 {
		modules = []ocpi.Module{ocpi.Locations, ocpi.Tariffs, ocpi.Tokens, ocpi.HubClientInfo}
	}
	p := &Partner{t: t, hub: h, Version: v, token: ocpi.NewMessageID(), grants: grants, modules: modules}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *Partner) credentials(hub bool) []byte {
	type role struct {
		Role            ocpi.Role         `json:"role"`
		PartyID         string            `json:"party_id"`
		CountryCode     string            `json:"country_code"`
		BusinessDetails map[string]string `json:"business_details"`
	}
	c := struct {
		Token string `json:"token"`
		URL   string `json:"url"`
		Roles []role `json:"roles"`
	}{Token: p.token, URL: p.URL + "/versions"}
	for _, g := range p.grants {
		if hub != (g.Role == ocpi.RoleHub) {
			continue
		}
		c.Roles = append(c.Roles, role{g.Role, g.PartyID, g.CountryCode, map[string]string{"name": g.Name}})
	}
	b, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// Answers has fn answer functional requests from now on; nil for success.
func (p *Partner) Answers(fn func(Request) Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = fn
}

// Received returns the functional requests so far, those of the given modules
// or all.
func (p *Partner) Received(modules ...ocpi.Module) []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Request
	for _, r := range p.log {
		m, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/")
		if len(modules) == 0 || slices.Contains(modules, ocpi.Module(m)) {
			out = append(out, r)
		}
	}
	return out
}

// Forget drops what was received.
func (p *Partner) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = nil
}

func (p *Partner) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	if q.Header.Get("Authorization") != "Token "+base64.StdEncoding.EncodeToString([]byte(p.token)) {
		ocpi.WriteEnvelope(w, http.StatusUnauthorized, 2000, "who are you?", nil)
		return
	}
	p.mu.Lock()
	dead, version, modules := p.dead, p.Version, p.modules
	p.mu.Unlock()
	switch q.URL.Path {
	case "/versions":
		if dead {
			ocpi.WriteEnvelope(w, http.StatusServiceUnavailable, ocpi.StatusServerError, "", nil)
			return
		}
		p.write(w, []map[string]string{{"version": string(version), "url": p.URL + "/details"}})
		return
	case "/details":
		endpoints := []map[string]string{{"identifier": "credentials", "role": "SENDER", "url": p.URL + "/credentials"}}
		for _, m := range modules {
			endpoints = append(endpoints, map[string]string{"identifier": string(m), "role": "RECEIVER", "url": p.URL + "/" + string(m)})
		}
		p.write(w, map[string]any{"version": version, "endpoints": endpoints})
		return
	}
	r := Request{Method: q.Method, Path: q.URL.EscapedPath(), Query: q.URL.RawQuery, Header: q.Header, Body: string(body)}
	object := r.To() + " " + objectOf(r.Path)
	p.mu.Lock()
	p.log = append(p.log, r)
	answer := p.answer
	if p.open == nil {
		p.open = make(map[string]int)
	}
	if p.open[object]++; p.open[object] > 1 {
		p.t.Errorf("two requests for %s at the same time", object)
	}
	p.mu.Unlock()
	var a Answer
	if answer != nil {
		a = answer(r)
	}
	p.mu.Lock()
	p.open[object]--
	p.mu.Unlock()
	if a.HTTP == 0 {
		a.HTTP = http.StatusOK
	}
	if a.Status == 0 {
		a.Status = ocpi.StatusSuccess
	}
	if a.RetryAfter != "" {
		w.Header().Set("Retry-After", a.RetryAfter)
	}
	if a.Body != "" {
		ocpi.WriteBody(w, a.HTTP, []byte(a.Body))
		return
	}
	ocpi.WriteEnvelope(w, a.HTTP, a.Status, "", nil)
}

// objectOf is the module, owner and id that a path begins with.
func objectOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return strings.ToLower(strings.Join(parts[:min(4, len(parts))], "/"))
}

func (p *Partner) write(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		p.t.Error(err)
	}
	ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, "", b)
}

// Listen takes requests again at an address that the partner had.
func (p *Partner) Listen(addr string) {
	p.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		p.t.Fatal(err)
	}
	s := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }() // until it is closed
	p.t.Cleanup(func() { s.Close() })
}

// CheckAlive has the partner answer for its versions, or not.
func (p *Partner) CheckAlive(alive bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = !alive
}

// Busy is how many requests are being answered.
func (p *Partner) Busy() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, open := range p.open {
		n += open
	}
	return n
}
