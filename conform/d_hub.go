package conform

import (
	"net/http"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// host is a CPO that the hub is to register with: it has given out TOKEN_A.
func (t *T) host() (p *Platform, tokenA string) {
	p = t.invited(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, with: []*Party{t.EMSP1}})
	tokenA = NewToken()
	p.Accept(tokenA)
	return p, tokenA
}

// connect tells the hub to register; it returns whether the hub says that it
// has.
func (t *T) connect(p *Platform, tokenA string) error {
	err := t.o.Operator.Connect(t.ctx, p.ID, p.VersionsURL(), tokenA)
	if err == nil {
		t.operator("connect "+p.Name, nil)
		return nil
	}
	if isByHand(err) {
		t.operator("connect "+p.Name, err)
	}
	t.notef("operator: connect %s: %v", p.Name, err)
	return err
}

func d28(t *T) {
	p, a := t.host()
	p.Speak(ocpi.V221, ocpi.V230, "2.1.1")
	t.require(t.connect(p, a) == nil, "the hub did not connect")
	versions := t.arrives(p, Of(ocpi.VersionsModule))
	details := t.arrives(p, Of(moduleDetails))
	post := t.arrives(p, Of(ocpi.Credentials), With(http.MethodPost))
	for _, r := range []*Request{versions, details, post} {
		t.equal("token of "+r.Method+" "+r.Target, r.Token, a)
	}
	t.equal("version of the details", string(details.Version), "2.3.0")
	t.equal("version of the credentials", string(post.Version), "2.3.0")
	b := jsonField(post, "token")
	t.require(b != "" && b != a && len(b) <= 64, "token in the POST is not a new one")
	t.require(absolute(jsonField(post, "url")), "url in the POST is not absolute")
}

func d29(t *T) {
	p, a := t.host()
	var versions, details *Response
	var failure error
	p.On(All(Of(ocpi.Credentials), With(http.MethodPost)), func(r *Request, _ *Reply) {
		b := jsonField(r, "token")
		if versions, failure = t.try(p, Call{Method: http.MethodGet, URL: jsonField(r, "url"), Token: b}); failure != nil {
			return
		}
		u := versions.Data.Get("0.url").String()
		details, failure = t.try(p, Call{Method: http.MethodGet, URL: u, Token: b})
	})
	t.require(t.connect(p, a) == nil, "the hub did not connect")
	t.require(failure == nil && versions != nil && details != nil, "calling back during the POST: %v", failure)
	t.ok(versions)
	t.ok(details)
}

func d30(t *T) {
	p, a := t.host()
	t.require(t.connect(p, a) == nil, "the hub did not connect")
	c := p.Mine()
	done := time.Now()
	t.equal("token", t.reach(t.EMSP1, p.Parties[0]).Token, c)
	t.nothing(All(Since(done), func(r *Request) bool { return r.Token == a }), p)
}

func d31(t *T) {
	t.notef("given: the partner speaks 2.1.1 only")
	p, a := t.host()
	p.Speak("2.1.1")
	t.require(t.connect(p, a) != nil, "the hub says that it connected")
	t.nothing(All(Of(ocpi.Credentials), With(http.MethodPost)), p)

	t.notef("given: the partner has no endpoint but credentials")
	p, a = t.host()
	p.Advertise(Endpoint{ocpi.Credentials, ocpi.Receiver})
	t.require(t.connect(p, a) != nil, "the hub says that it connected")
	t.nothing(All(Of(ocpi.Credentials), With(http.MethodPost)), p)
}

func d32(t *T) {
	for _, answer := range []Reply{
		{HTTP: http.StatusOK, Status: ocpi.StatusCannotUseClient},
		{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError},
	} {
		t.notef("given: the partner answers HTTP %d, status %d", answer.HTTP, answer.Status)
		p, a := t.host()
		p.On(All(Of(ocpi.Credentials), With(http.MethodPost)), func(_ *Request, reply *Reply) {
			reply.HTTP, reply.Status, reply.Data = answer.HTTP, answer.Status, ""
		})
		t.require(t.connect(p, a) != nil, "the hub says that it connected")
		t.require(t.statusOf(t.EMSP1.Platform, p.Parties[0]) != "CONNECTED", "%s became CONNECTED", p.Parties[0])
		id := t.id()
		t.refused(t.send(t.EMSP1, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id, To: p.Parties[0]}))
		t.nothing(Functional(), p)
	}
}
