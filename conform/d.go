package conform

import (
	"net/http"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// checksD: the credentials module. D01 to D15 register, D16 to D27 renew and
// end (d_renew.go), D28 to D32 let the hub start (d_hub.go).
func checksD() []Check {
	return []Check{
		must("D01", "7.1.1", "POST with TOKEN_A → before it answers, the hub GETs url with TOKEN_B", d01),
		must("D02", "7.2.2", "… and then the details of the version whose credentials endpoint was called", d02),
		must("D03", "7.2.2", "POST succeeds → 1000, a new token (≤ 64, printable, not A, not B), the hub's versions URL, roles", d03),
		must("D04", "7.1.1", "after D03 → TOKEN_A gives 401, TOKEN_C works", d04),
		must("D05", "7.1.1", "after D03 → requests to that platform use TOKEN_B", d05),
		must("D06", "7.3.1", "2.2.1 POST → roles has exactly one entry, role HUB, the hub's party", d06),
		must("D07", "2.3.0 7.3.1", "2.3.0 POST → hub_party_id is the hub's party, no role HUB", d07),
		must("D08", "2.3.0 7.3.1", "2.3.0 POST → roles list the parties that can be reached, each once", d08),
		must("D09", "7.1.5", "the partner's url cannot be reached, or its details are broken → 3001", d09),
		must("D10", "5", "the partner's versions lack the called version → 3002", d10),
		should("D11", "7.1.6", "the partner lacks a module that the hub requires → 3003", d11),
		must("D12", "7.1.1", "after D09 → TOKEN_A still works, nobody became CONNECTED, TOKEN_B is not used", d12),
		must("D13", "7.2.2", "POST with TOKEN_C → HTTP 405", d13),
		must("D14", "7.2.3", "PUT with a TOKEN_A that was not redeemed → HTTP 405", d14),
		must("D15", "7.2.4", "DELETE with a TOKEN_A that was not redeemed → HTTP 405", d15),
		must("D16", "7.2.1", "GET with TOKEN_C → 1000, the hub's url and roles", d16),
		must("D17", "7.2.3", "PUT, same version → versions and details are fetched again; the new token works", d17),
		must("D18", "7.2.3", "after D17, the new token was used once → the old one gives 401", d18),
		must("D19", "7.2.3", "PUT with a new token of the partner → the next request uses it", d19),
		must("D20", "7.1.3", "PUT after the partner moved its endpoints → the next request goes to the new URL", d20),
		must("D21", "7.1.2", "a 2.2.1 partner PUTs to the 2.3.0 credentials → traffic uses its 2.3.0 endpoints and shapes", d21),
		must("D22", "7.2.3", "PUT whose call-back fails → 3001; the old tokens, endpoints and routes still work", d22),
		must("D23", "7.3.1", "PUT adds a granted role → it is reachable at once; PUT without it → TO it gives 4001", d23),
		must("D24", "7.2.4", "DELETE with TOKEN_C → 1000, then TOKEN_C gives 401 and the hub sends nothing more", d24),
		must("D25", "7.2.4", "after D24, others address its parties → 4001 or 4003", d25),
		must("D26", "7.3.1", "POST without token, url or roles, or with a role twice → 2001, not registered", d26),
		must("D27", "7.3.1", "POST claims a party of another platform → not 1000; its traffic still reaches the first", d27),
		must("D28", "7.1.1", "the hub is told to register → GET versions and details with A, highest common version, POST with a new B", d28),
		must("D29", "7.1.1", "during D28, before the POST is answered → the hub's versions and details accept B", d29),
		must("D30", "7.1.1", "after D28 → the hub uses C, never A again", d30),
		must("D31", "7.1.6", "D28, the partner has no common version or lacks endpoints → the hub sends no POST", d31),
		must("D32", "7.2.2", "D28, the partner answers 3001 or HTTP 405 → not CONNECTED, no functional calls", d32),
	}
}

// newcomer is an invited CPO that talks to EMSP1.
func (t *T) newcomer() *Platform {
	p := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, with: []*Party{t.EMSP1}})
	if err := p.Discover(t.ctx, p.TokenA); err != nil {
		t.failf("%v", err)
	}
	return p
}

// post POSTs the platform's credentials with TOKEN_A and returns TOKEN_B and
// the answer.
func (t *T) post(p *Platform) (b string, r *Response) {
	b = NewToken()
	p.Accept(b)
	return b, t.credentials(p, http.MethodPost, p.TokenA, p.CredentialsBody(b))
}

// credentials calls the hub's credentials endpoint.
func (t *T) credentials(p *Platform, method, token, body string) *Response {
	return t.as(p, Call{Method: method, Module: ocpi.Credentials, Interface: ocpi.Receiver, Token: token, Body: body})
}

func d01(t *T) {
	p := t.newcomer()
	b, r := t.post(p)
	answered := time.Now()
	t.ok(r)
	got := t.arrives(p, Of(ocpi.VersionsModule))
	t.require(got.At.Before(answered), "the call-back came after the answer")
	t.equal("token of the call-back", got.Token, b)
}

func d02(t *T) {
	p := t.newcomer()
	p.Speak(ocpi.V221, ocpi.V230)
	b, r := t.post(p)
	answered := time.Now()
	t.ok(r)
	versions := t.arrives(p, Of(ocpi.VersionsModule))
	details := t.arrives(p, Of(moduleDetails))
	t.require(!details.At.Before(versions.At) && details.At.Before(answered), "details were not fetched between versions and the answer")
	t.equal("version of the details", string(details.Version), "2.2.1")
	t.equal("token", details.Token, b)
	t.require(len(p.Seen(Of(moduleDetails))) == 1, "details of other versions were fetched too")
}

func d03(t *T) {
	p := t.newcomer()
	b, r := t.post(p)
	t.ok(r)
	c := r.Data.Get("token").String()
	t.require(len(c) <= 64 && printable(c), "token %q is not 1 to 64 printable characters", c)
	t.require(c != b && c != p.TokenA, "the token is not a new one")
	u := r.Data.Get("url").String()
	t.require(absolute(u), "url %q is not absolute", u)
	t.require(len(r.Data.Get("roles").Array()) > 0, "no roles: %s", r)
	t.ok(t.as(p, Call{Method: http.MethodGet, URL: u, Token: c}))
}

func d04(t *T) {
	p := t.newcomer()
	_, r := t.post(p)
	c := t.ok(r).Data.Get("token").String()
	t.httpStatus(t.credentials(p, http.MethodGet, p.TokenA, ""), http.StatusUnauthorized)
	t.httpStatus(t.as(p, Call{Method: http.MethodGet, URL: p.HubVersionsURL, Token: p.TokenA}), http.StatusUnauthorized)
	t.ok(t.credentials(p, http.MethodGet, c, ""))
}

func d05(t *T) {
	p := t.newcomer()
	b, r := t.post(p)
	t.ok(r)
	t.reach(t.EMSP1, p.Parties[0])
	for _, got := range p.Seen(Functional()) {
		t.equal("token", got.Token, b)
	}
}

// reach asks a CPO for a location and returns the request as it arrived there.
func (t *T) reach(from, cpo *Party) *Request {
	id := t.id()
	t.send(from, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id, To: cpo})
	return t.receives(cpo, About(id))
}

func d06(t *T) {
	_, r := t.post(t.newcomer())
	roles := t.ok(r).Data.Get("roles").Array()
	t.require(len(roles) == 1, "%d roles: %s", len(roles), r)
	t.isHub(roles[0])
}

func (t *T) isHub(role gjson.Result) {
	t.equal("role", role.Get("role").String(), "HUB")
	t.equal("country_code", role.Get("country_code").String(), t.Hub.CountryCode)
	t.equal("party_id", role.Get("party_id").String(), t.Hub.ID)
}

// newcomer230 is an invited CPO that registers with 2.3.0.
func (t *T) newcomer230() *Platform {
	p := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, version: ocpi.V230, with: []*Party{t.EMSP1, t.EMSP2}})
	if err := p.Discover(t.ctx, p.TokenA); err != nil {
		t.failf("%v", err)
	}
	return p
}

func d07(t *T) {
	_, r := t.post(t.newcomer230())
	data := t.ok(r).Data
	t.equal("hub_party_id", data.Get("hub_party_id").String(), t.Hub.CountryCode+t.Hub.ID)
	for _, role := range data.Get("roles").Array() {
		t.require(role.Get("role").String() != "HUB", "a role HUB in 2.3.0: %s", role.Raw)
	}
}

func d08(t *T) {
	_, r := t.post(t.newcomer230())
	count := map[Role]int{}
	for _, role := range t.ok(r).Data.Get("roles").Array() {
		k := Role{role.Get("country_code").String(), role.Get("party_id").String(), ocpi.Role(role.Get("role").String())}
		if count[k]++; count[k] > 1 {
			t.failf("%s is listed twice", k)
		}
	}
	for _, p := range []*Party{t.EMSP1, t.EMSP2} {
		t.require(count[Role{p.CountryCode, p.ID, p.Role}] == 1, "%s is reachable and not listed: %s", p, r)
	}
}

func d09(t *T) {
	t.notef("given: versions URL answers HTTP 500")
	p := t.newcomer()
	p.On(Of(ocpi.VersionsModule), func(_ *Request, reply *Reply) { reply.HTTP, reply.Body = 500, "oops" })
	_, r := t.post(p)
	t.status(r, ocpi.StatusCannotUseClient)

	t.notef("given: details are not JSON")
	p = t.newcomer()
	p.On(Of(moduleDetails), func(_ *Request, reply *Reply) { reply.Body = `{"data":{"version":` })
	_, r = t.post(p)
	t.status(r, ocpi.StatusCannotUseClient)

	t.notef("given: nobody listens at url")
	p = t.newcomer()
	p.Stop()
	_, r = t.post(p)
	t.status(r, ocpi.StatusCannotUseClient)
}

func d10(t *T) {
	p := t.newcomer()
	p.Speak(ocpi.V230)
	_, r := t.post(p)
	t.status(r, ocpi.StatusUnsupportedVersion)
}

func d11(t *T) {
	p := t.newcomer()
	p.Advertise(Endpoint{ocpi.Credentials, ocpi.Receiver})
	_, r := t.post(p)
	t.status(r, ocpi.StatusNoMatchingEndpoints)
}

func d12(t *T) {
	p := t.newcomer()
	stop := p.On(Of(ocpi.VersionsModule), func(_ *Request, reply *Reply) { reply.HTTP, reply.Body = 500, "oops" })
	b, r := t.post(p)
	t.refused(r)
	t.require(t.statusOf(t.EMSP1.Platform, p.Parties[0]) != "CONNECTED", "%s became CONNECTED", p.Parties[0])
	id := t.id()
	t.refused(t.send(t.EMSP1, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id, To: p.Parties[0]}))
	t.nothing(func(r *Request) bool { return r.Token == b && r.Module != ocpi.VersionsModule }, p)
	stop()
	t.notef("when: it tries again with TOKEN_A")
	_, r = t.post(p)
	t.ok(r)
}

// statusOf is what hubclientinfo says of a party to a platform, "" when it is
// not listed.
func (t *T) statusOf(viewer *Platform, p *Party) string {
	return t.infoOf(viewer, p).Get("status").String()
}

func (t *T) infoOf(viewer *Platform, p *Party) gjson.Result {
	for _, info := range t.clientInfos(viewer, "") {
		if info.Get("country_code").String() == p.CountryCode && info.Get("party_id").String() == p.ID && info.Get("role").String() == string(p.Role) {
			return info
		}
	}
	return gjson.Result{}
}

// clientInfos reads the hub's whole hubclientinfo list.
func (t *T) clientInfos(viewer *Platform, query string) []gjson.Result {
	return t.follow(viewer, Call{Method: http.MethodGet, Module: ocpi.HubClientInfo, Interface: ocpi.Sender, Query: query}).items
}

func d13(t *T) {
	p := t.registered(fresh{roles: []ocpi.Role{ocpi.RoleCPO}})
	t.httpStatus(t.credentials(p, http.MethodPost, p.Token(), p.CredentialsBody(NewToken())), http.StatusMethodNotAllowed)
}

func d14(t *T) {
	p := t.newcomer()
	t.httpStatus(t.credentials(p, http.MethodPut, p.TokenA, p.CredentialsBody(NewToken())), http.StatusMethodNotAllowed)
}

func d15(t *T) {
	p := t.newcomer()
	t.httpStatus(t.credentials(p, http.MethodDelete, p.TokenA, ""), http.StatusMethodNotAllowed)
}
