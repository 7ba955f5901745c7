package party

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func (r *rig) connectTo(p *partner, id string) ConnectResult {
	r.t.Helper()
	res, err := r.Connect(r.t.Context(), id, p.URL+"/versions", p.token)
	if err != nil {
		r.t.Fatal(err)
	}
	return res
}

func TestRegistrationByHub_D28_D30(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	inv := r.invite(p.parties...)
	tokenA := p.token
	var offered string
	p.onOffer = func(method string, c credentials) (int, string) {
		offered = c.Token
		if method != "POST" || c.HubPartyID != "DEHUB" || !ocpi.ValidToken(c.Token) || c.Token == tokenA {
			t.Errorf("D28: %s with %+v", method, c)
		}
		// D29: the partner calls back over HTTP before it answers.
		req, _ := http.NewRequest("GET", c.URL, nil)
		req.Header.Set("Authorization", b64(c.Token))
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != 200 {
			t.Errorf("D29: the hub's versions do not open with B: %v %v", res, err)
		} else {
			_ = res.Body.Close()
		}
		a, err := r.Authenticate(context.Background(), b64(c.Token))
		if err != nil || a.Kind != KindPending || a.Registered() {
			t.Errorf("during the handshake B is %v, %v", a, err)
		}
		for _, m := range []string{"GET", "POST", "PUT", "DELETE"} {
			if _, err := r.Credentials(context.Background(), a, ocpi.V230, m, nil); ocpi.AsError(err).HTTP != 401 {
				t.Errorf("%s credentials with B: %v, want 401", m, err)
			}
		}
		return 1000, p.credentials(func(c *credentials) {
			c.Token = "partner-C"
			c.Roles = append(c.Roles, credentialsRole{Role: "EMSP", CountryCode: "NL", PartyID: "XXX", BusinessDetails: businessDetails{"more"}})
		})
	}
	res := r.connectTo(p, inv.ID)
	if res.Status != StateConnected || res.Version != ocpi.V230 || len(res.MissingModules) != 0 || res.Message != "" {
		t.Errorf("result %+v", res)
	}
	if !slices.Equal(res.IgnoredRoles, []string{"NL-XXX EMSP"}) || len(r.Snapshot().Parties(ocpi.PartyID{CountryCode: "NL", ID: "XXX"})) != 0 {
		t.Errorf("a role that was not granted: %+v", res)
	}
	var paths []string
	for _, q := range p.requests() {
		paths = append(paths, q.method+" "+q.path)
		if q.auth != b64(tokenA) {
			t.Errorf("%s with %q instead of TOKEN_A", q.path, q.auth)
		}
	}
	if !slices.Equal(paths, []string{"GET /versions", "GET /details/2.3.0", "POST /credentials"}) {
		t.Errorf("D28: the hub sent %v", paths)
	}
	pl := r.platform(inv.ID)
	if pl.Token != "partner-C" || !pl.Parties[0].Reachable() || r.opens(offered) != KindFull {
		t.Errorf("D30: %+v", pl)
	}
	if r.opens(inv.TokenA) != "" {
		t.Error("the invitation of a connected platform is still open")
	}
	r.wantStatus("NLCP1", "CPO", Connected)
	r.reopen()
	if r.opens(offered) != KindFull || r.platform(inv.ID).Token != "partner-C" {
		t.Error("after a restart the connection is gone")
	}
}

func TestConnectFails_D31_D32(t *testing.T) {
	answer := func(status int, data string) func(*partner) {
		return func(p *partner) { p.onOffer = func(string, credentials) (int, string) { return status, data } }
	}
	tests := []struct {
		name   string
		sick   func(p *partner)
		posted bool
	}{
		{"D31 no mutual version", func(p *partner) { p.versions = []ocpi.Version{"2.1.1"} }, false},
		{"D31 required module missing", func(p *partner) { p.endpoints = p.endpoints[:1] }, false},
		{"D31 no credentials endpoint", func(p *partner) { p.endpoints = p.endpoints[1:] }, false},
		{"TOKEN_A refused", func(p *partner) { p.token = "other" }, false},
		{"credentials endpoint in a private network", func(p *partner) { p.endpoints[0].URL = "http://10.1.2.3/c" }, false},
		{"D32 405", answer(405, ""), true},
		{"D32 3001", answer(3001, ""), true},
		{"D32 2001", answer(2001, ""), true},
		{"500", answer(500, ""), true},
		{"cut off", answer(0, ""), true},
		{"no data", answer(1000, ""), true},
		{"no token", answer(1000, `{"url":"https://example.com/","roles":[]}`), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.RequiredModules = []ocpi.Module{ocpi.Locations} })
			p := newPartner(t, grantOf("NLCP1", "CPO"))
			inv := r.invite(p.parties...)
			tokenA := p.token
			tt.sick(p)
			var offered atomic.Value
			if f := p.onOffer; f != nil {
				p.onOffer = func(m string, c credentials) (int, string) { offered.Store(c.Token); return f(m, c) }
			}
			res, err := r.Connect(t.Context(), inv.ID, p.URL+"/versions", tokenA)
			if err != nil || res.Status != StatePlanned || res.Message == "" || res.Version != "" && tt.posted {
				t.Errorf("result %+v, %v", res, err)
			}
			posted := slices.ContainsFunc(p.requests(), func(q seen) bool { return q.method == "POST" })
			if posted != tt.posted {
				t.Errorf("posted: %v, want %v", posted, tt.posted)
			}
			pl := r.platform(inv.ID)
			if pl.State != StatePlanned || pl.Token != "" || pl.Parties[0].Reachable() || posted && r.opens(offered.Load().(string)) != "" {
				t.Errorf("after the failure: %+v", pl)
			}
			if r.opens(inv.TokenA) != KindInvite {
				t.Error("the invitation died")
			}
			r.wantStatus("NLCP1", "CPO", Planned)
			rows, err := r.opts.Store.Registry(t.Context())
			if err != nil || len(rows.Credentials) != 1 {
				t.Errorf("%d credentials are left (%v), want the invitation", len(rows.Credentials), err)
			}
		})
	}
}

func TestConnectNamesMissingModules(t *testing.T) {
	r := newRig(t, func(o *Options) { o.RequiredModules = []ocpi.Module{ocpi.Tokens, ocpi.Locations, ocpi.CDRs} })
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	res := r.connectTo(p, r.invite(p.parties...).ID)
	if !slices.Equal(res.MissingModules, []ocpi.Module{ocpi.Tokens, ocpi.CDRs}) || res.Version != ocpi.V230 {
		t.Errorf("result %+v", res)
	}
}

// A partner that names a URL which the hub may not use keeps the one it gave.
func TestConnectKeepsTheURLThatWorked(t *testing.T) {
	for _, url := range []string{"https://10.0.0.1/versions", "http://example.com/versions"} {
		r := newRig(t)
		p := newPartner(t, grantOf("NLCP1", "CPO"))
		p.onOffer = func(string, credentials) (int, string) {
			return 1000, p.credentials(func(c *credentials) { c.URL = url })
		}
		id := r.invite(p.parties...).ID
		if res := r.connectTo(p, id); res.Status != StateConnected || r.platform(id).VersionsURL != p.URL+"/versions" {
			t.Errorf("%+v with versions URL %s", res, r.platform(id).VersionsURL)
		}
	}
}

func TestPartnerWithoutFunctionalModules_D11_D31(t *testing.T) {
	r := newRig(t)
	for _, tt := range []struct {
		party string
		role  ocpi.Role
		works bool // a provider of navigation may only fetch
	}{{"NLCP1", ocpi.RoleCPO, false}, {"DEEM1", ocpi.RoleEMSP, false}, {"FRNS1", ocpi.RoleNSP, true}} {
		p := newPartner(t, grantOf(tt.party, tt.role))
		p.endpoints = p.endpoints[:1] // credentials
		inv := r.invite(p.parties...)
		if !tt.works {
			if res := r.connectTo(p, inv.ID); res.Status != StatePlanned || !slices.Contains(res.MissingModules, ocpi.Locations) {
				t.Errorf("%s: started by the hub: %+v", tt.party, res)
			}
		}
		_, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials())
		if tt.works && e != nil || !tt.works && (e == nil || e.Status != ocpi.StatusNoMatchingEndpoints) {
			t.Errorf("%s: started by the partner: %v", tt.party, e)
		}
	}
}

func TestConnectErrors(t *testing.T) {
	r := newRig(t)
	inv := r.invite(grantOf("NLCP1", "CPO"))
	yes := true
	stopped := r.invite(grantOf("NLCP2", "CPO"))
	if err := r.Update(t.Context(), stopped.ID, Update{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		id, url, token string
		want           error
	}{
		{"nobody", "https://example.com/", "t", ErrNotFound},
		{inv.ID, "https://10.0.0.1/", "t", ErrInvalid},
		{inv.ID, "example", "t", ErrInvalid},
		{inv.ID, "https://example.com/", "", ErrInvalid},
		{inv.ID, "https://example.com/", "a b", ErrInvalid},
		{stopped.ID, "https://example.com/", "t", ErrConflict},
	} {
		if _, err := r.Connect(t.Context(), tt.id, tt.url, tt.token); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// With auto the hub writes Base64 and falls back to the raw token once.
func TestRawPartner(t *testing.T) {
	for _, start := range []string{"partner", "hub"} {
		r := newRig(t)
		p := newPartner(t, grantOf("NLCP1", "CPO"))
		p.raw = true
		inv, err := r.Invite(t.Context(), Invitation{Name: "raw", Parties: p.parties})
		if err != nil {
			t.Fatal(err)
		}
		if start == "hub" {
			p.onOffer = func(string, credentials) (int, string) { return 1000, p.credentials() }
			r.connectTo(p, inv.ID)
		} else if _, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials()); e != nil {
			t.Fatal(e)
		}
		if pl := r.platform(inv.ID); pl.Encoding != ocpi.EncodingRaw || pl.State != StateConnected {
			t.Errorf("started by %s: encoding %s, state %s", start, pl.Encoding, pl.State)
		}
		if n := len(p.requests()); start == "partner" && n != 3 {
			t.Errorf("%d requests, want 3: the spelling that failed once is not tried again", n)
		}
	}
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	p.raw = true
	if _, e := r.call(r.invite(p.parties...).TokenA, ocpi.V221, "POST", p.credentials()); e == nil || e.Status != 3001 {
		t.Errorf("a base64 connection falls back to raw: %v", e)
	}
}

// Both sides rotate at the same time: no deadlock, and tokens that work.
func TestBothRotateAtOnce(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, c := r.register(p, ocpi.V221)
	inside := make(chan struct{})
	var offered string
	p.onOffer = func(_ string, c credentials) (int, string) {
		offered = c.Token
		close(inside)
		return 1000, p.credentials()
	}
	done := make(chan error, 1)
	go func() { done <- r.Rotate(t.Context(), id) }()
	<-inside
	got, e := r.call(c, ocpi.V221, "PUT", p.credentials())
	if err := <-done; err != nil || e != nil {
		t.Fatalf("%v, %v", err, e)
	}
	if r.opens(offered) == "" && r.opens(got.Token) == "" {
		t.Error("no token works")
	}
	if r.opens(got.Token) != KindFull {
		t.Errorf("the last answer opens %q", r.opens(got.Token))
	}
}

func TestAnotherHub(t *testing.T) {
	r := newRig(t)
	hub2 := newPartner(t, grantOf("FRHB2", "HUB"))
	inv := r.invite(grantOf("FRHB2", "HUB"), grantOf("FREM9", "EMSP"))
	if _, e := r.call(inv.TokenA, ocpi.V221, "POST", hub2.credentials(func(c *credentials) { c.Roles[0].PartyID = "HB3" })); e == nil || e.Status != 2001 {
		t.Errorf("another hub's identity: %v", e)
	}
	if _, e := r.call(inv.TokenA, ocpi.V230, "POST", hub2.credentials(func(c *credentials) {
		c.HubPartyID = "FRHB3"
		c.Roles = []credentialsRole{{Role: "EMSP", CountryCode: "FR", PartyID: "EM9", BusinessDetails: businessDetails{"x"}}}
	})); e == nil || e.Status != 2001 {
		t.Errorf("another hub_party_id: %v", e)
	}
	c, e := r.call(inv.TokenA, ocpi.V221, "POST", hub2.credentials())
	if e != nil {
		t.Fatal(e)
	}
	em9 := func() *Party {
		return r.Snapshot().Find(ocpi.PartyID{CountryCode: "FR", ID: "EM9"}, ocpi.SideEMSP, ocpi.Locations, ocpi.Receiver)
	}
	if !r.platform(inv.ID).Hub || !em9().Reachable() {
		t.Errorf("the party behind the hub: %+v", em9())
	}
	// 2.3.0: its roster may name parties that nobody granted; they are left out.
	if c, e = r.call(c.Token, ocpi.V230, "PUT", hub2.credentials(func(c *credentials) {
		c.HubPartyID = "FRHB2"
		c.Roles = []credentialsRole{{Role: "EMSP", CountryCode: "FR", PartyID: "EM8", BusinessDetails: businessDetails{"x"}}}
	})); e != nil || !em9().Reachable() || len(r.Snapshot().Parties(ocpi.PartyID{CountryCode: "FR", ID: "EM8"})) != 0 {
		t.Errorf("roster of another hub: %v", e)
	}
	_ = c

	learn := func(platform, cc, pid string, role ocpi.Role, s Status) error {
		return r.LearnClientInfo(t.Context(), platform, ClientInfo{CountryCode: cc, PartyID: pid, Role: role, Status: s, LastUpdated: "2024-01-01T00:00:00Z"})
	}
	direct := newPartner(t, grantOf("NLCP1", "CPO"))
	directID, _ := r.register(direct, ocpi.V221)
	if err := learn(inv.ID, "fr", "em9", "EMSP", Offline); err != nil {
		t.Fatal(err)
	}
	r.wantStatus("FREM9", "EMSP", Offline)
	if err := errors.Join(learn(inv.ID, "NL", "CP1", "CPO", Suspended), learn(directID, "NL", "CP1", "CPO", Suspended), learn(inv.ID, "FR", "EM8", "EMSP", Connected)); err != nil {
		t.Fatal(err)
	}
	r.wantStatus("NLCP1", "CPO", Connected)
	if len(r.Snapshot().Parties(ocpi.PartyID{CountryCode: "FR", ID: "EM8"})) != 0 {
		t.Error("a party was learned that nobody granted")
	}
	if err := learn(inv.ID, "FR", "EM9", "EMSP", "ASLEEP"); ocpi.AsError(err).Status != 2001 {
		t.Errorf("unknown status: %v", err)
	}
	if err := learn(inv.ID, "FR", "EM9", "EMSP", Suspended); err != nil || em9().Reachable() {
		t.Errorf("a suspended party behind a hub is reachable (%v)", err)
	}
	r.wantStatus("FREM9", "EMSP", Suspended)
	// A party that is granted later needs no exchange.
	grants := []Grant{grantOf("FRHB2", "HUB"), grantOf("FREM9", "EMSP"), grantOf("FREM7", "EMSP")}
	if err := r.Update(t.Context(), inv.ID, Update{Parties: &grants}); err != nil {
		t.Fatal(err)
	}
	r.wantStatus("FREM7", "EMSP", Connected)
}
