package party

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func TestRegistrationByPartner_D01_D06(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	inv := r.invite(p.parties...)
	if k := r.opens(inv.TokenA); k != KindInvite || k.Registered() {
		t.Fatalf("TOKEN_A is of kind %q", k)
	}
	if inv.VersionsURL != r.url+"/ocpi/versions" {
		t.Errorf("versions_url %s", inv.VersionsURL)
	}
	r.wantStatus("NLCP1", "CPO", Planned)

	c, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	got := p.requests()
	if len(got) != 2 || got[0].path != "/versions" || got[1].path != "/details/2.2.1" {
		t.Fatalf("D01, D02: the call-back was %+v", got)
	}
	ids := map[string]bool{}
	for _, q := range got {
		if q.method != "GET" || q.auth != b64(p.token) {
			t.Errorf("A08: the call-back has %s with %q", q.method, q.auth)
		}
		for name := range q.header {
			if strings.HasPrefix(strings.ToLower(name), "ocpi-") {
				t.Errorf("C07: routing header %s on a call-back", name)
			}
		}
		if q.header.Get("X-Correlation-ID") == "" || q.header.Get("X-Request-ID") == "" || ids[q.header.Get("X-Request-ID")] {
			t.Errorf("B07: message ids %v", q.header)
		}
		ids[q.header.Get("X-Request-ID")] = true
	}
	if !ocpi.ValidToken(c.Token) || c.Token == inv.TokenA || c.Token == p.token || c.URL != inv.VersionsURL {
		t.Errorf("D03: answer has token %q and url %q", c.Token, c.URL)
	}
	want := credentialsRole{Role: "HUB", PartyID: "HUB", CountryCode: "DE", BusinessDetails: businessDetails{"Test Hub"}}
	if len(c.Roles) != 1 || c.Roles[0] != want || c.HubPartyID != "" {
		t.Errorf("D06: roles %+v hub_party_id %q", c.Roles, c.HubPartyID)
	}
	if a, b := r.opens(inv.TokenA), r.opens(c.Token); a != "" || b != KindFull {
		t.Errorf("D04: TOKEN_A opens %q, TOKEN_C %q", a, b)
	}
	pl := r.platform(inv.ID)
	if url, ok := pl.Endpoint(ocpi.Locations, ocpi.Receiver); pl.Token != p.token || pl.State != StateConnected || pl.Version != ocpi.V221 || !ok || url != p.URL+"/locations" {
		t.Errorf("D05: platform %+v", pl)
	}
	if !pl.Parties[0].Reachable() {
		t.Error("the party is not reachable")
	}
	r.wantStatus("NLCP1", "CPO", Connected)

	r.reopen()
	if r.opens(c.Token) != KindFull || r.platform(inv.ID).Token != p.token || !r.platform(inv.ID).Parties[0].Reachable() {
		t.Error("after a restart the registration is gone")
	}
}

func TestHubIdentity230_D07_D08(t *testing.T) {
	r := newRig(t)
	cpo := newPartner(t, grantOf("NLCP1", "CPO"), grantOf("NLCP1", "EMSP"))
	inv := r.invite(grantOf("DEEM1", "EMSP"))
	emsp := newPartner(t, grantOf("DEEM1", "EMSP"))
	// An agreement with one party of the platform, before that has registered.
	put := func(id string, a Agreement) {
		a.ID = id
		if err := r.PutAgreement(context.Background(), a); err != nil {
			t.Fatal(err)
		}
	}
	r.invite(grantOf("NLCP8", "CPO")) // never registers: not to be reached
	put("eight", Agreement{CPO: ocpi.PartyID{CountryCode: "NL", ID: "CP8"}, EMSP: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}})
	put("one", Agreement{CPO: ocpi.PartyID{CountryCode: "nl", ID: "cp1"}, EMSP: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}})

	c, e := r.call(inv.TokenA, ocpi.V230, "POST", emsp.credentials())
	if e != nil {
		t.Fatal(e)
	}
	if c.HubPartyID != "DEHUB" || len(c.Roles) != 1 || c.Roles[0].Role != "OTHER" || c.Roles[0].PartyID != "HUB" || c.Roles[0].CountryCode != "DE" {
		t.Errorf("with nobody to reach: %+v", c)
	}
	r.register(cpo, ocpi.V221)
	other := newPartner(t, grantOf("BECP2", "CPO"))
	r.register(other, ocpi.V221)
	get, e := r.call(c.Token, ocpi.V230, "GET", "")
	if e != nil {
		t.Fatal(e)
	}
	if get.HubPartyID != "DEHUB" || get.Token != c.Token || len(get.Roles) != 1 || get.Roles[0].Role != "CPO" || get.Roles[0].PartyID != "CP1" || get.Roles[0].BusinessDetails.Name != "NLCP1 Ltd" {
		t.Errorf("D08: roster %+v", get)
	}
	// Unique, although two agreements lead to it.
	put("two", Agreement{CPO: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, EMSP: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}, Scope: []Scope{"tokens"}})
	if get, _ = r.call(c.Token, ocpi.V230, "GET", ""); len(get.Roles) != 1 {
		t.Errorf("roster is not unique: %+v", get.Roles)
	}
}

func TestCallBackFails_D09_D12(t *testing.T) {
	answer := func(path, body string) func(*partner) {
		return func(p *partner) {
			p.hook = func(w http.ResponseWriter, q *http.Request) bool {
				if !strings.HasPrefix(q.URL.Path, path) {
					return false
				}
				ocpi.WriteBody(w, 200, []byte(body))
				return true
			}
		}
	}
	status := func(path string, code int) func(*partner) {
		return func(p *partner) {
			p.hook = func(w http.ResponseWriter, q *http.Request) bool {
				if strings.HasPrefix(q.URL.Path, path) {
					w.Header().Set("Location", p.URL+"/versions?again")
					w.WriteHeader(code)
					return true
				}
				return false
			}
		}
	}
	endpoints := func(e ...endpoint) func(*partner) { return func(p *partner) { p.endpoints = e } }
	tests := []struct {
		name string
		sick func(p *partner)
		body func(c *credentials)
		want int
	}{
		{name: "versions 500", sick: status("/versions", 500), want: 3001},
		{name: "versions redirect", sick: status("/versions", 307), want: 3001},
		{name: "versions not JSON", sick: answer("/versions", "<html>"), want: 3001},
		{name: "versions no data", sick: answer("/versions", `{"status_code":1000}`), want: 3001},
		{name: "versions error envelope", sick: answer("/versions", `{"data":[],"status_code":3000}`), want: 3001},
		{name: "versions not a list", sick: answer("/versions", `{"data":{"version":"2.2.1"},"status_code":1000}`), want: 3001},
		{name: "details 404", sick: status("/details", 404), want: 3001},
		{name: "details empty", sick: answer("/details", `{"data":{},"status_code":1000}`), want: 3001},
		{name: "details of another version", sick: answer("/details", `{"data":{"version":"2.3.0","endpoints":[{"identifier":"credentials","role":"SENDER","url":"https://example.com/"}]},"status_code":1000}`), want: 3001},
		{name: "no endpoints", sick: endpoints(), want: 3001},
		{name: "endpoint without role", sick: endpoints(endpoint{"locations", "", "https://example.com/l"}), want: 3001},
		{name: "endpoint in a private network", sick: endpoints(endpoint{"credentials", "SENDER", "https://example.com/c"}, endpoint{"locations", "SENDER", "https://10.0.0.1/l"}), want: 3001},
		{name: "endpoint with user", sick: endpoints(endpoint{"credentials", "SENDER", "https://a@example.com/c"}), want: 3001},
		{name: "wrong token", body: func(c *credentials) { c.Token = "other" }, want: 3001},
		{name: "metadata service", body: func(c *credentials) { c.URL = "http://169.254.169.254/latest" }, want: 3001},
		{name: "private network", body: func(c *credentials) { c.URL = "https://10.0.0.1/versions" }, want: 3001},
		{name: "nobody listens", body: func(c *credentials) { c.URL = "http://127.0.0.1:1/versions" }, want: 3001},
		{name: "D10", sick: func(p *partner) { p.versions = []ocpi.Version{"2.1.1", "2.3.0"} }, want: 3002},
		{name: "no version at all", sick: func(p *partner) { p.versions = nil }, want: 3002},
		{name: "D11", sick: endpoints(endpoint{"credentials", "SENDER", "https://example.com/c"}), want: 3003},
		{name: "no credentials", sick: endpoints(endpoint{"locations", "RECEIVER", "https://example.com/c"}), want: 3003},
	}
	r := newRig(t, func(o *Options) { o.RequiredModules = []ocpi.Module{ocpi.Locations} })
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	inv := r.invite(p.parties...)
	healthy := func() { p.versions, p.hook = []ocpi.Version{ocpi.V221}, nil }
	saved := p.endpoints
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.set(func() {
				healthy()
				p.endpoints = saved
				if tt.sick != nil {
					tt.sick(p)
				}
			})
			body := p.credentials()
			if tt.body != nil {
				body = p.credentials(tt.body)
			}
			_, e := r.call(inv.TokenA, ocpi.V221, "POST", body)
			if e == nil || e.Status != tt.want || e.HTTPStatus() != 200 {
				t.Fatalf("answer %v, want %d with HTTP 200", e, tt.want)
			}
			pl := r.platform(inv.ID)
			if pl.State != StatePlanned || pl.Token != "" || pl.Parties[0].Confirmed || r.opens(inv.TokenA) != KindInvite {
				t.Errorf("D12: after a failure the platform is %+v", pl)
			}
			r.wantStatus("NLCP1", "CPO", Planned)
		})
	}
	p.set(func() { healthy(); p.endpoints = saved })
	if _, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials()); e != nil {
		t.Errorf("D12: the retry fails: %v", e)
	}
	if pl := r.platform(inv.ID); pl.State != StateConnected {
		t.Errorf("state %s", pl.State)
	}
}

func TestMethods_D13_D16(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	inv := r.invite(p.parties...)
	for _, m := range []string{"GET", "PUT", "DELETE", "PATCH"} {
		if _, e := r.call(inv.TokenA, ocpi.V221, m, p.credentials()); e == nil || e.HTTPStatus() != 405 {
			t.Errorf("%s with TOKEN_A: %v, want 405", m, e)
		}
	}
	c, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	for _, m := range []string{"POST", "PATCH", "HEAD"} {
		if _, e := r.call(c.Token, ocpi.V221, m, p.credentials()); e == nil || e.HTTPStatus() != 405 {
			t.Errorf("%s with TOKEN_C: %v, want 405", m, e)
		}
	}
	for _, v := range ocpi.Versions() {
		if got, e := r.call(c.Token, v, "GET", ""); e != nil || got.Token != c.Token || got.URL != r.url+"/ocpi/versions" || len(got.Roles) == 0 {
			t.Errorf("D16: %s: %+v %v", v, got, e)
		}
	}
}

func TestDelete_D24_D25(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, c := r.register(p, ocpi.V221)
	if _, e := r.call(c, ocpi.V221, "DELETE", ""); e != nil {
		t.Fatal(e)
	}
	check := func() {
		t.Helper()
		if rows, err := r.opts.Store.Registry(t.Context()); err != nil || len(rows.Credentials) != 0 {
			t.Errorf("%d tokens are left (%v)", len(rows.Credentials), err)
		}
		pl := r.platform(id)
		if r.opens(c) != "" || pl.State != StateSuspended || pl.Token != "" || len(pl.Endpoints) != 0 || pl.Parties[0].Reachable() || pl.Parties[0].Confirmed {
			t.Errorf("after DELETE: %+v", pl)
		}
		r.wantStatus("NLCP1", "CPO", Suspended)
	}
	check()
	r.reopen()
	check()
	inv, err := r.Reinvite(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	r.wantStatus("NLCP1", "CPO", Planned)
	if _, e := r.call(inv.TokenA, ocpi.V230, "POST", p.credentials()); e != nil || !r.platform(id).Parties[0].Reachable() {
		t.Errorf("coming back fails: %v", e)
	}
	r.wantStatus("NLCP1", "CPO", Connected)
}

func TestBadBody_D26(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	inv := r.invite(p.parties...)
	good := p.credentials()
	role := `{"role":"CPO","party_id":"CP1","country_code":"NL","business_details":{"name":"x"}}`
	body := func(token, url, roles string) string {
		return `{"token":` + token + `,"url":` + url + `,"roles":` + roles + `}`
	}
	tok, url := `"abc"`, `"`+p.URL+`/versions"`
	tests := []struct{ name, body, field string }{
		{"no token", `{"url":` + url + `,"roles":[` + role + `]}`, "token"},
		{"no url", `{"token":"abc","roles":[` + role + `]}`, "url"},
		{"no roles", `{"token":"abc","url":` + url + `}`, "roles"},
		{"null token", body("null", url, "["+role+"]"), "token"},
		{"empty roles", body(tok, url, "[]"), "roles"},
		{"duplicate role", body(tok, url, "["+role+","+role+"]"), "roles/1"},
		{"duplicate role in another case", body(tok, url, "["+role+","+strings.Replace(role, `"CP1"`, `"cp1"`, 1)+"]"), "roles/1"},
		{"number as token", body("5", url, "["+role+"]"), "token"},
		{"token with space", body(`"a b"`, url, "["+role+"]"), "token"},
		{"token too long", body(`"`+strings.Repeat("x", 65)+`"`, url, "["+role+"]"), "token"},
		{"ftp url", body(tok, `"ftp://example.com/"`, "["+role+"]"), "url"},
		{"relative url", body(tok, `"/versions"`, "["+role+"]"), "url"},
		{"url too long", body(tok, `"https://example.com/`+strings.Repeat("x", 255)+`"`, "["+role+"]"), "url"},
		{"unknown role", body(tok, url, "["+strings.Replace(role, `"CPO"`, `"KING"`, 1)+"]"), "roles/0/role"},
		{"country code", body(tok, url, "["+strings.Replace(role, `"NL"`, `"NLD"`, 1)+"]"), "roles/0/country_code"},
		{"party id", body(tok, url, "["+strings.Replace(role, `"CP1"`, `"C/1"`, 1)+"]"), "roles/0/party_id"},
		{"no business details", body(tok, url, `[{"role":"CPO","party_id":"CP1","country_code":"NL"}]`), "roles/0/business_details"},
		{"roles an object", body(tok, url, role), "roles"},
		{"second spelling of token", strings.Replace(good, "{", `{"Token":"x",`, 1), "token"},
		{"second spelling of party_id", body(tok, url, `[{"Party_Id":"EVL",`+role[1:]+`]`), "party_id"},
		{"hub_party_id", strings.Replace(good, "{", `{"hub_party_id":"DEHUBX",`, 1), "hub_party_id"},
		{"a list", "[]", "body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, e := r.call(inv.TokenA, ocpi.V230, "POST", tt.body)
			if e == nil || e.Status != 2001 || e.HTTPStatus() != 200 || !strings.HasPrefix(e.Message, tt.field) {
				t.Errorf("answer %v, want 2001 that names %s", e, tt.field)
			}
		})
	}
	for _, malformed := range []string{"", "{", good + "x", strings.Replace(good, "{", `{"token":"x",`, 1), "\xff"} {
		if _, e := r.call(inv.TokenA, ocpi.V230, "POST", malformed); e == nil || e.HTTPStatus() != 400 {
			t.Errorf("A09: %q gives %v, want HTTP 400", malformed, e)
		}
	}
	if n := len(p.requests()); n != 0 || r.platform(inv.ID).State != StatePlanned {
		t.Errorf("%d requests were sent for unusable bodies", n)
	}
	if _, e := r.call(inv.TokenA, ocpi.V230, "POST", strings.Replace(good, "{", `{"x_custom":{"a":1},`, 1)); e != nil {
		t.Errorf("an unknown field is refused: %v", e)
	}
}

func TestForeignRole_D27_T2(t *testing.T) {
	r := newRig(t)
	victim := newPartner(t, grantOf("NLCP1", "CPO"))
	id, token := r.register(victim, ocpi.V221)
	thief := newPartner(t, grantOf("BECP2", "CPO"))
	inv := r.invite(thief.parties...)
	claim := func(role ocpi.Role, cc, pid string) string {
		return thief.credentials(func(c *credentials) {
			c.Roles = append(c.Roles, credentialsRole{Role: role, CountryCode: cc, PartyID: pid, BusinessDetails: businessDetails{"me"}})
		})
	}
	before := *r.platform(id)
	claims := []string{claim("CPO", "NL", "CP1"), claim("CPO", "nl", "cp1"), claim("EMSP", "NL", "CP1"), claim("EMSP", "BE", "CP2"), claim("HUB", "DE", "HUB")}
	for i, body := range claims {
		if _, e := r.call(inv.TokenA, ocpi.V221, "POST", body); e == nil || e.Status != 2001 {
			t.Errorf("POST %d: %v, want 2001", i, e)
		}
	}
	if !strings.Contains(r.logs.String(), "audit=true") {
		t.Error("no audit line was written")
	}
	c, e := r.call(inv.TokenA, ocpi.V221, "POST", thief.credentials())
	if e != nil {
		t.Fatal(e)
	}
	own := *r.platform(inv.ID)
	for i, body := range claims {
		if _, e := r.call(c.Token, ocpi.V221, "PUT", body); e == nil || e.Status != 2001 {
			t.Errorf("PUT %d: %v, want 2001", i, e)
		}
	}
	found := r.Snapshot().Find(ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, ocpi.SideCPO, ocpi.Locations, ocpi.Receiver)
	if found == nil || found.Platform.ID != id || !found.Reachable() {
		t.Errorf("the victim's party is now %+v", found)
	}
	after := r.platform(id)
	if after.Token != before.Token || after.State != before.State || r.opens(token) != KindFull {
		t.Errorf("the victim's platform changed: %+v", after)
	}
	if now := r.platform(inv.ID); now.Token != own.Token || r.opens(c.Token) != KindFull {
		t.Error("a refused PUT changed the sender's own connection")
	}
	if strings.Contains(r.logs.String(), c.Token) || strings.Contains(r.logs.String(), thief.token) {
		t.Error("a token is in the log")
	}
}
