// Package relaytest sets up what tests of relaying need: a hub from the database
// to the relay, and registered partners that answer over real HTTP on the
// loopback interface.
package relaytest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// PublicURL is where the hub says that it is.
const PublicURL = "http://hub.example"

// Hub is a hub without lanes. The fields change with Reopen.
type Hub struct {
	Store    *store.Store
	Registry *party.Registry
	Egress   *egress.Client
	Relay    *relay.Relay

	t       testing.TB
	dir     string
	open    bool
	options relay.Options
}

// New returns a hub; with open, every CPO has an agreement with every provider.
func New(t testing.TB, open bool, change ...func(*relay.Options)) *Hub {
	t.Helper()
	h := &Hub{t: t, dir: t.TempDir(), open: open}
	h.Egress = egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, MaxResponse: 64 << 10})
	t.Cleanup(h.Egress.Close)
	for _, c := range change {
		c(&h.options)
	}
	h.start()
	t.Cleanup(func() { _ = h.Store.Close() })
	return h
}

func (h *Hub) start() {
	h.t.Helper()
	ctx := context.Background()
	var err error
	if h.Store, err = store.Open(ctx, store.Options{Dir: h.dir}); err != nil {
		h.t.Fatal(err)
	}
	h.Registry, err = party.Open(ctx, party.Options{
		Store: h.Store, Egress: h.Egress, Hub: deliverytest.ID, HubName: "Test Hub", PublicURL: PublicURL,
		OpenAgreements: h.open, SealKey: []byte(strings.Repeat("k", 32)),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	o := h.options
	o.Store, o.Registry, o.Egress, o.PublicURL = h.Store, h.Registry, h.Egress, PublicURL
	h.Relay = relay.New(o)
}

// Reopen is a restart.
func (h *Hub) Reopen() {
	h.t.Helper()
	if err := h.Store.Close(); err != nil {
		h.t.Fatal(err)
	}
	h.start()
}

// Dir is where its database is.
func (h *Hub) Dir() string { return h.dir }

// Run lets the relay report what is overdue until the returned function or the
// end of the test.
func (h *Hub) Run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	r := h.Relay
	go func() { defer close(done); _ = r.Run(ctx) }()
	stop = func() { cancel(); <-done }
	h.t.Cleanup(stop)
	return stop
}

// Request is what a partner got below its root.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        string
}

// Partner is a registered platform. It implements every module on both sides,
// at /s/{module} and /r/{module}.
type Partner struct {
	*httptest.Server
	ID      string // platform id
	TokenC  string // opens the hub
	TokenB  string // opens the partner
	Version ocpi.Version

	t      testing.TB
	hub    *Hub
	mu     sync.Mutex
	answer http.HandlerFunc
	log    []Request
	lacks  string // URL of the endpoint that it does not have
}

// Join registers a platform with the given parties, such as "NL-CP1" by role.
func (h *Hub) Join(v ocpi.Version, grants ...party.Grant) *Partner {
	h.t.Helper()
	return h.join(v, false, grants)
}

// JoinHub is Join for another hub.
func (h *Hub) JoinHub(v ocpi.Version, grants ...party.Grant) *Partner {
	h.t.Helper()
	return h.join(v, true, grants)
}

func (h *Hub) join(v ocpi.Version, hub bool, grants []party.Grant) *Partner {
	h.t.Helper()
	p := &Partner{t: h.t, hub: h, Version: v, TokenB: ocpi.NewMessageID()}
	p.Server = httptest.NewServer(p)
	h.t.Cleanup(p.Close)
	ctx := context.Background()
	made, err := h.Registry.Invite(ctx, party.Invitation{Name: "partner", Parties: grants, Encoding: ocpi.EncodingBase64, Hub: hub})
	if err != nil {
		h.t.Fatal(err)
	}
	p.ID = made.ID
	a, err := h.Registry.Authenticate(ctx, Bearer(made.TokenA))
	if err != nil {
		h.t.Fatal(err)
	}
	data, err := h.Registry.Credentials(ctx, a, v, http.MethodPost, p.credentials(hub, grants))
	if err != nil {
		h.t.Fatalf("registering: %v", err)
	}
	var c struct{ Token string }
	if err := json.Unmarshal(data, &c); err != nil {
		h.t.Fatal(err)
	}
	p.TokenC = c.Token
	return p
}

// Bearer is the Authorization header of a token.
func Bearer(token string) string {
	return "Token " + base64.StdEncoding.EncodeToString([]byte(token))
}

func (p *Partner) credentials(hub bool, grants []party.Grant) []byte {
	roles := []map[string]any{}
	for _, g := range grants {
		if hub == (g.Role == ocpi.RoleHub) {
			roles = append(roles, map[string]any{
				"role": g.Role, "country_code": g.CountryCode, "party_id": g.PartyID, "business_details": map[string]string{"name": g.Name},
			})
		}
	}
	b, _ := json.Marshal(map[string]any{"token": p.TokenB, "url": p.URL + "/versions", "roles": roles})
	return b
}

// Party returns the party of p in the given role, as the registry knows it now.
func (p *Partner) Party(r ocpi.Role) *party.Party {
	p.t.Helper()
	for _, q := range p.hub.Registry.Snapshot().Platform(p.ID).Parties {
		if q.Role == r {
			return q
		}
	}
	p.t.Fatalf("no party with role %s", r)
	return nil
}

// Platform returns p as the registry knows it now.
func (p *Partner) Platform() *party.Platform { return p.hub.Registry.Snapshot().Platform(p.ID) }

// Answers has fn answer from now on; nil for success without data.
func (p *Partner) Answers(fn http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = fn
}

// Lacks has p register anew, without one of its interfaces.
func (p *Partner) Lacks(m ocpi.Module, i ocpi.Interface) {
	p.t.Helper()
	p.mu.Lock()
	p.lacks = p.URL + "/" + strings.ToLower(string(i[:1])) + "/" + string(m)
	p.mu.Unlock()
	ctx := context.Background()
	a, err := p.hub.Registry.Authenticate(ctx, Bearer(p.TokenC))
	if err != nil {
		p.t.Fatal(err)
	}
	grants := []party.Grant{}
	for _, q := range p.Platform().Parties {
		grants = append(grants, party.Grant{CountryCode: q.ID.CountryCode, PartyID: q.ID.ID, Role: q.Role, Name: q.Name})
	}
	data, err := p.hub.Registry.Credentials(ctx, a, p.Version, http.MethodPut, p.credentials(false, grants))
	if err != nil {
		p.t.Fatalf("registering anew: %v", err)
	}
	var c struct{ Token string }
	if err := json.Unmarshal(data, &c); err != nil {
		p.t.Fatal(err)
	}
	p.TokenC = c.Token
}

// Data has p answer with success and this data.
func (p *Partner) Data(data string) {
	p.Answers(func(w http.ResponseWriter, _ *http.Request) {
		ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, "", []byte(data))
	})
}

// Received returns the functional requests so far.
func (p *Partner) Received() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Request(nil), p.log...)
}

// Only returns the one functional request that p got.
func (p *Partner) Only() Request {
	p.t.Helper()
	r := p.Received()
	if len(r) != 1 {
		p.t.Fatalf("%d requests, want 1: %v", len(r), r)
	}
	return r[0]
}

func (p *Partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/versions":
		write(w, []map[string]string{{"version": string(p.Version), "url": p.URL + "/details"}})
		return
	case "/details":
		write(w, map[string]any{"version": p.Version, "endpoints": p.endpoints()})
		return
	}
	if r.Header.Get("Authorization") != Bearer(p.TokenB) {
		p.t.Errorf("%s %s came with the token %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}
	p.mu.Lock()
	p.log = append(p.log, Request{r.Method, r.URL.RequestURI(), r.Header, string(body)})
	answer := p.answer
	p.mu.Unlock()
	if answer == nil {
		ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, "", nil)
		return
	}
	answer(w, r)
}

func (p *Partner) endpoints() []map[string]string {
	list := []map[string]string{{"identifier": "credentials", "role": "SENDER", "url": p.URL + "/credentials"}}
	for _, m := range append(ocpi.Functional(p.Version), "acme-x") {
		list = append(list,
			map[string]string{"identifier": string(m), "role": "SENDER", "url": p.URL + "/s/" + string(m)},
			map[string]string{"identifier": string(m), "role": "RECEIVER", "url": p.URL + "/r/" + string(m)})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(list, func(e map[string]string) bool { return e["url"] == p.lacks })
}

func write(w http.ResponseWriter, v any) {
	b, _ := json.Marshal(v)
	ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, "", b)
}
