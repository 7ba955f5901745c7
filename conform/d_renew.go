package conform

import (
	"net/http"
	"time"

	"github.com/eroam/eroam/ocpi"
)

func d16(t *T) {
	p := t.CPO1.Platform
	r := t.ok(t.credentials(p, http.MethodGet, p.Token(), ""))
	t.require(absolute(r.Data.Get("url").String()), "url is not absolute: %s", r)
	t.isHub(r.Data.Get("roles.0"))
}

// member is a registered CPO of the check's own that talks to EMSP1.
func (t *T) member() *Platform {
	return t.registered(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, with: []*Party{t.EMSP1}})
}

// put PUTs the platform's credentials; the peer then accepts TOKEN_B beside
// what it accepted before.
func (t *T) putCredentials(p *Platform) (b string, r *Response) {
	b = NewToken()
	p.AlsoAccept(b)
	return b, t.credentials(p, http.MethodPut, p.Token(), p.CredentialsBody(b))
}

func d17(t *T) {
	p := t.member()
	start := time.Now()
	b, r := t.putCredentials(p)
	c := t.ok(r).Data.Get("token").String()
	for _, m := range []ocpi.Module{ocpi.VersionsModule, moduleDetails} {
		t.arrives(p, Of(m), Since(start), func(r *Request) bool { return r.Token == b })
	}
	t.require(c != "" && c != p.Token(), "no new token: %s", r)
	t.ok(t.credentials(p, http.MethodGet, c, ""))
}

func d18(t *T) {
	p := t.member()
	old := p.Token()
	_, r := t.putCredentials(p)
	t.ok(t.credentials(p, http.MethodGet, t.ok(r).Data.Get("token").String(), ""))
	t.httpStatus(t.credentials(p, http.MethodGet, old, ""), http.StatusUnauthorized)
}

func d19(t *T) {
	p := t.member()
	b, r := t.putCredentials(p)
	t.ok(r)
	t.equal("token", t.reach(t.EMSP1, p.Parties[0]).Token, b)
}

func d20(t *T) {
	p := t.member()
	p.Move("/moved/here")
	_, r := t.putCredentials(p)
	t.ok(r)
	got := t.reach(t.EMSP1, p.Parties[0])
	t.require(got.Module == ocpi.Locations, "%s is not at the new URL", got)
}

func d21(t *T) {
	p := t.registered(fresh{roles: []ocpi.Role{ocpi.RoleEMSP}, with: []*Party{t.CPO1}})
	p.Speak(ocpi.V221, ocpi.V230)
	old := p.Token()
	if err := p.discover(t.ctx, ocpi.V230, p.HubVersionsURL, old); err != nil {
		t.failf("%v", err)
	}
	_, r := t.putCredentials(p)
	t.ok(r)
	id := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, id, tariff(t.CPO1, id), p.Parties[0])))
	got := t.receives(p.Parties[0], About(id))
	t.equal("version of the endpoint", string(got.Version), "2.3.0")
	t.equal("tax_included", jsonField(got, "tax_included"), "NO")
}

func d22(t *T) {
	p := t.member()
	before := p.Token()
	b := NewToken() // the peer does not accept it, so the call-back gets 401
	r := t.credentials(p, http.MethodPut, before, credentials(b, p.BaseURL()+"/nowhere", p.rolesOf()...))
	t.status(r, ocpi.StatusCannotUseClient)
	t.ok(t.credentials(p, http.MethodGet, before, ""))
	got := t.reach(t.EMSP1, p.Parties[0])
	t.require(got.Admitted && got.Token != b, "%s does not use the old token", got)
	id := t.id()
	t.ok(t.send(p.Parties[0], put(ocpi.Locations, p.Parties[0], id, location(p.Parties[0], id), t.EMSP1)))
	t.receives(t.EMSP1, About(id))
}

func d23(t *T) {
	p := t.member()
	first := p.rolesOf()
	second := t.freshRole(ocpi.RoleCPO)
	t.operator("grant a second role", t.o.Operator.Grant(t.ctx, p.ID, append(first, second)))
	added := &Party{Platform: p, CountryCode: second.CountryCode, ID: second.PartyID, Role: second.Role}
	t.operator("agreement", t.agree(t.ctx, added, t.EMSP1))

	p.Play(append(first, second)...)
	_, r := t.putCredentials(p)
	p.setToken(t.ok(r).Data.Get("token").String())
	t.reach(t.EMSP1, added)

	p.Play(first...)
	_, r = t.putCredentials(p)
	t.ok(r)
	id := t.id()
	r = t.send(t.EMSP1, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id, To: added})
	t.status(r, ocpi.StatusUnknownReceiver)
	t.nothing(About(id), p)
}

func d24(t *T) {
	wait := t.o.StillAlive*3/2 + quiet
	if wait > 3*time.Second {
		wait = quiet
	}
	e := t.freshEMSP(t.CPO1)
	p := e.Platform
	t.ok(t.credentials(p, http.MethodDelete, p.Token(), ""))
	t.httpStatus(t.credentials(p, http.MethodGet, p.Token(), ""), http.StatusUnauthorized)
	t.pause(quiet) // what is under way may arrive
	gone := time.Now()
	id := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.Hub)))
	t.receives(t.EMSP1, About(id))
	t.pause(wait)
	t.nothingSoFar(Since(gone), p)
}

func d25(t *T) {
	e := t.freshEMSP(t.CPO1)
	t.ok(t.credentials(e.Platform, http.MethodDelete, e.Platform.Token(), ""))
	id := t.id()
	r := t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), e))
	t.status(r, ocpi.StatusUnknownReceiver, ocpi.StatusHubConnection)
	t.nothing(About(id), e.Platform)
}

func d26(t *T) {
	p := t.newcomer()
	p.Accept()
	proper := p.CredentialsBody(NewToken())
	role := Role{p.Parties[0].CountryCode, p.Parties[0].ID, p.Parties[0].Role}
	for what, body := range map[string]string{
		"without token":    without(proper, "token"),
		"without url":      without(proper, "url"),
		"without roles":    without(proper, "roles"),
		"with empty roles": with(proper, "roles", "[]"),
		"with role twice":  credentials(NewToken(), p.VersionsURL(), role, role),
	} {
		t.notef("POST %s", what)
		t.status(t.credentials(p, http.MethodPost, p.TokenA, body), ocpi.StatusInvalidParameters)
	}
	t.require(t.statusOf(t.EMSP1.Platform, p.Parties[0]) != "CONNECTED", "%s became CONNECTED", p.Parties[0])
	_, r := t.post(p)
	t.ok(r)
}

func d27(t *T) {
	victim := t.member()
	p := t.newcomer()
	b := NewToken()
	p.Accept(b)
	body := credentials(b, p.VersionsURL(), append(p.rolesOf(), victim.rolesOf()...)...)
	t.refused(t.credentials(p, http.MethodPost, p.TokenA, body))
	t.reach(t.EMSP1, victim.Parties[0])
	t.nothing(Functional(), p)
}
