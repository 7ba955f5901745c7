package party

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

var testHub = ocpi.PartyID{CountryCode: "DE", ID: "HUB"}

// rig is a Registry on a real database, with a real client and the part of the
// hub's HTTP side that a handshake needs: versions, opened by any token.
type rig struct {
	*Registry
	t      *testing.T
	dir    string
	url    string // of the hub
	opts   Options
	offset atomic.Int64 // of the clock, ns
	logs   *syncBuffer
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), logs: new(syncBuffer)}
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if _, err := r.Authenticate(q.Context(), q.Header.Get("Authorization")); err != nil {
			e := ocpi.AsError(err)
			ocpi.WriteEnvelope(w, e.HTTPStatus(), e.Status, e.Message, nil)
			return
		}
		ocpi.WriteEnvelope(w, 200, ocpi.StatusSuccess, "", []byte(`[]`))
	}))
	t.Cleanup(hub.Close)
	r.url = hub.URL
	client := egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(client.Close)
	r.opts = Options{
		Egress: client, Hub: testHub, HubName: "Test Hub", PublicURL: hub.URL, SealKey: []byte("0123456789abcdef0123456789abcdef"),
		HandshakeTimeout: 5 * time.Second, Log: slog.New(slog.NewTextHandler(r.logs, nil)),
	}
	for _, c := range change {
		c(&r.opts)
	}
	r.open()
	t.Cleanup(func() { _ = r.opts.Store.Close() })
	return r
}

func (r *rig) open() {
	r.t.Helper()
	s, err := store.Open(context.Background(), store.Options{Dir: r.dir})
	if err != nil {
		r.t.Fatal(err)
	}
	r.opts.Store = s
	if r.Registry, err = Open(context.Background(), r.opts); err != nil {
		r.t.Fatal(err)
	}
	r.now = func() time.Time { return time.Now().Add(time.Duration(r.offset.Load())) }
}

// reopen is a restart of the hub.
func (r *rig) reopen() {
	r.t.Helper()
	if err := r.opts.Store.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func (r *rig) pass(d time.Duration) { r.offset.Add(int64(d)) }

func b64(token string) string {
	return "Token " + base64.StdEncoding.EncodeToString([]byte(token))
}

// opens reports the kind of a token, "" for 401.
func (r *rig) opens(token string) TokenKind {
	r.t.Helper()
	a, err := r.Authenticate(context.Background(), b64(token))
	if err != nil {
		if e := ocpi.AsError(err); e.HTTP != 401 {
			r.t.Fatalf("authentication failed with %v, want 401", err)
		}
		return ""
	}
	return a.Kind
}

// call is one request to the credentials module.
func (r *rig) call(token string, v ocpi.Version, method, body string) (credentials, *ocpi.Error) {
	r.t.Helper()
	a, err := r.Authenticate(context.Background(), b64(token))
	if err != nil {
		return credentials{}, ocpi.AsError(err)
	}
	data, err := r.Credentials(context.Background(), a, v, method, []byte(body))
	if err != nil {
		return credentials{}, ocpi.AsError(err)
	}
	var c credentials
	if len(data) > 0 {
		if err := json.Unmarshal(data, &c, json.RejectUnknownMembers(true)); err != nil {
			r.t.Fatalf("answer %s: %v", data, err)
		}
	}
	return c, nil
}

func (r *rig) invite(parties ...Grant) Invited {
	r.t.Helper()
	inv, err := r.Invite(context.Background(), Invitation{Name: "partner", Parties: parties, Encoding: ocpi.EncodingBase64})
	if err != nil {
		r.t.Fatal(err)
	}
	return inv
}

// register invites p and lets it register; it returns TOKEN_C.
func (r *rig) register(p *partner, v ocpi.Version) (id, tokenC string) {
	r.t.Helper()
	inv := r.invite(p.parties...)
	c, e := r.call(inv.TokenA, v, "POST", p.credentials())
	if e != nil {
		r.t.Fatalf("registration failed: %v", e)
	}
	return inv.ID, c.Token
}

func (r *rig) platform(id string) *Platform {
	r.t.Helper()
	p := r.Snapshot().Platform(id)
	if p == nil {
		r.t.Fatalf("platform %s is gone", id)
	}
	return p
}

// info reads the published ClientInfo of a party.
func (r *rig) info(id string, role ocpi.Role) (ClientInfo, store.Object) {
	r.t.Helper()
	party, err := ocpi.ParsePartyString(id)
	if err != nil {
		r.t.Fatal(err)
	}
	o, ok, err := r.opts.Store.Object(context.Background(), store.ObjectKey{Kind: "hubclientinfo", Party: party, ID: ocpi.FoldID(string(role))})
	if err != nil || !ok {
		r.t.Fatalf("client info of %s %s: there %v, err %v", id, role, ok, err)
	}
	var info ClientInfo
	if err := json.Unmarshal(o.Body, &info, json.RejectUnknownMembers(true)); err != nil {
		r.t.Fatal(err)
	}
	return info, o
}

func (r *rig) wantStatus(id string, role ocpi.Role, want Status) {
	r.t.Helper()
	info, _ := r.info(id, role)
	party, _ := ocpi.ParsePartyString(id)
	if info.Status != want || info.Role != role || info.CountryCode != party.CountryCode || info.PartyID != party.ID {
		r.t.Errorf("client info %+v, want status %s of %s %s", info, want, id, role)
	}
	for _, q := range r.Snapshot().Parties(party) {
		if q.Role == role && q.Status != want {
			r.t.Errorf("snapshot says %s of %s %s, want %s", q.Status, id, role, want)
		}
	}
}

func grantOf(id string, role ocpi.Role) Grant {
	return Grant{CountryCode: id[:2], PartyID: id[2:], Role: role, Name: id + " Ltd"}
}

// seen is a request that a partner got.
type seen struct {
	method, path, auth string
	header             http.Header
	body               string
}

// partner is a simulated OCPI platform.
type partner struct {
	*httptest.Server
	t       *testing.T
	token   string // that the hub must use
	parties []Grant

	mu        sync.Mutex
	versions  []ocpi.Version
	endpoints []endpoint
	raw       bool                                              // wants tokens that are not encoded
	hook      func(w http.ResponseWriter, q *http.Request) bool // answers instead, when true
	accept    map[string]bool                                   // more tokens
	log       []seen
	onOffer   func(method string, c credentials) (status int, answer string)
}

func newPartner(t *testing.T, parties ...Grant) *partner {
	t.Helper()
	p := &partner{t: t, token: "partner-" + rand6(), parties: parties, versions: []ocpi.Version{"2.1.1", ocpi.V221, ocpi.V230}, accept: map[string]bool{}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	for _, e := range []string{"credentials SENDER", "locations RECEIVER", "hubclientinfo RECEIVER"} {
		m, i, _ := strings.Cut(e, " ")
		p.endpoints = append(p.endpoints, endpoint{m, i, p.URL + "/" + m})
	}
	return p
}

var partnerCount atomic.Int64

func rand6() string { return fmt.Sprintf("%06d", partnerCount.Add(1)) }

// set changes p between requests.
func (p *partner) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *partner) requests() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]seen(nil), p.log...)
}

// credentials is the object that p offers.
func (p *partner) credentials(change ...func(c *credentials)) string {
	c := credentials{Token: p.token, URL: p.URL + "/versions"}
	for _, g := range p.parties {
		c.Roles = append(c.Roles, credentialsRole{Role: g.Role, PartyID: g.PartyID, CountryCode: g.CountryCode, BusinessDetails: businessDetails{"Partner"}})
	}
	for _, f := range change {
		f(&c)
	}
	b, err := json.Marshal(c)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *partner) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	p.mu.Lock()
	p.log = append(p.log, seen{q.Method, q.URL.Path, q.Header.Get("Authorization"), q.Header, string(body)})
	hook, raw, versions, endpoints, onOffer := p.hook, p.raw, p.versions, p.endpoints, p.onOffer
	ok := false
	for token := range p.accept {
		ok = ok || q.Header.Get("Authorization") == b64(token)
	}
	p.mu.Unlock()
	ok = ok || q.Header.Get("Authorization") == b64(p.token) && !raw || q.Header.Get("Authorization") == "Token "+p.token && raw
	if hook != nil && hook(w, q) {
		return
	}
	if !ok {
		ocpi.WriteEnvelope(w, 401, 2000, "who are you?", nil)
		return
	}
	answer := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			p.t.Error(err)
		}
		ocpi.WriteEnvelope(w, 200, 1000, "", b)
	}
	switch path := strings.Trim(q.URL.Path, "/"); {
	case path == "versions":
		list := []map[string]string{}
		for _, v := range versions {
			list = append(list, map[string]string{"version": string(v), "url": p.URL + "/details/" + string(v)})
		}
		answer(list)
	case strings.HasPrefix(path, "details/"):
		answer(map[string]any{"version": strings.TrimPrefix(path, "details/"), "endpoints": endpoints})
	case path == "credentials" && onOffer != nil:
		var c credentials
		if err := json.Unmarshal(body, &c); err != nil {
			p.t.Errorf("offer %s: %v", body, err)
		}
		status, data := onOffer(q.Method, c)
		switch {
		case status == 0: // cut off
			panic(http.ErrAbortHandler)
		case status < 1000:
			ocpi.WriteEnvelope(w, status, 2000, "no", nil)
		default:
			ocpi.WriteEnvelope(w, 200, status, "", []byte(data))
		}
	default:
		ocpi.WriteEnvelope(w, 404, 2000, "not found", nil)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// eventually waits for something that happens in the background.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("did not happen: %s", what)
}
