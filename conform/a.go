package conform

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// checksA: tokens, JSON and the envelope.
func checksA() []Check {
	return []Check{
		must("A01", "4.1.2", "no Authorization on any endpoint, versions included → HTTP 401", a01),
		must("A02", "4.1.2", "unknown token, or a scheme other than Token → HTTP 401", a02),
		must("A03", "4.1.2", "Token base64(TOKEN_C) on a functional module → not 401", a03),
		should("A04", "4.1.2 note", "a partner flagged as legacy sends TOKEN_C unencoded → accepted", a04),
		should("A05", "4.1.2", "base64 of TOKEN_C and a newline → accepted as the same party", a05),
		must("A06", "4.1.2", "TOKEN_A on locations, commands or hubclientinfo → HTTP 401", a06),
		must("A07", "4.1.2", "TOKEN_A on versions and version details → HTTP 200, status 1000", a07),
		must("A08", "4.1.2", "any request of the hub → its header is Token, one space, base64 of the partner's token, no newline", a08).when(last),
		must("A09", "5", "malformed JSON with a valid token → HTTP 400, nothing forwarded", a09),
		must("A10", "5", "valid JSON without a required field, addressed to the hub → no HTTP error, status 2001", a10),
		should("A11", "4.1.7", "HTTP 400, 401, 404 or 405 from the hub → the body is an OCPI envelope", a11),
		must("A12", "4.1.7", "every answer of the hub → integer status_code, UTC timestamp as a DateTime, Content-Type application/json", a12).when(last),
		must("A13", "4.1.4", "the hub forwards or makes a body → Content-Type application/json", a13).when(last),
		must("A14", "4.1.8.2", "routing and id headers with names in lower case → same result", a14),
		should("A15", "4.3", "an endpoint with and without a trailing slash → same result", a15),
		should("A16", "5", "GET of a resource that the hub does not have → HTTP 404", a16),
	}
}

// doors are one request for each URL that the hub advertises to a platform.
func doors(p *Platform) []Call {
	calls := []Call{{Method: http.MethodGet, URL: p.HubVersionsURL}}
	for e := range p.HubEndpoints() {
		c := Call{Method: http.MethodGet, Module: e.Module, Interface: e.Interface}
		if e == (Endpoint{ocpi.Commands, ocpi.Receiver}) {
			c = command("UNLOCK_CONNECTOR", "{}", nil)
		}
		calls = append(calls, c)
	}
	return calls
}

func a01(t *T) {
	for _, c := range doors(t.CPO1.Platform) {
		c.Authorization = "-"
		t.httpStatus(t.as(t.CPO1.Platform, c), http.StatusUnauthorized)
	}
}

func a02(t *T) {
	p := t.CPO1.Platform
	unknown, known := NewToken(), base64.StdEncoding.EncodeToString([]byte(p.Token()))
	for _, header := range []string{
		"Token " + base64.StdEncoding.EncodeToString([]byte(unknown)),
		"Token " + unknown,
		"Bearer " + known,
		"Basic " + known,
		known,
		"Token",
	} {
		for _, c := range []Call{
			{Method: http.MethodGet, URL: p.HubVersionsURL},
			list(ocpi.Locations, "", t.Hub),
			{Method: http.MethodGet, Module: ocpi.Credentials, Interface: ocpi.Receiver},
		} {
			c.Authorization = header
			t.httpStatus(t.as(p, c), http.StatusUnauthorized)
		}
	}
}

func a03(t *T) {
	p := t.EMSP1.Platform
	c := list(ocpi.Locations, "limit=1", t.Hub)
	c.Authorization = "Token " + base64.StdEncoding.EncodeToString([]byte(p.Token()))
	t.ok(t.send(t.EMSP1, c))
}

func a04(t *T) {
	p := t.registered(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, encoding: ocpi.EncodingRaw, with: []*Party{t.EMSP1}})
	id := t.id()
	c := put(ocpi.Locations, p.Parties[0], id, location(p.Parties[0], id), t.EMSP1)
	c.Authorization = "Token " + p.Token()
	t.ok(t.send(p.Parties[0], c))
	t.receives(t.EMSP1, About(id))
}

func a05(t *T) {
	id := t.id()
	c := put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1)
	c.Authorization = "Token " + base64.StdEncoding.EncodeToString([]byte(t.CPO1.Platform.Token()+"\n"))
	t.ok(t.send(t.CPO1, c))
	t.equal("FROM at the receiver", t.receives(t.EMSP1, About(id)).From(), t.CPO1.String())
}

func a06(t *T) {
	p := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleEMSP}, with: []*Party{t.CPO1}})
	if err := p.Discover(t.ctx, p.TokenA); err != nil {
		t.failf("%v", err)
	}
	id := t.id()
	for _, c := range []Call{
		list(ocpi.Locations, "", t.Hub),
		command("START_SESSION", startSession(p.Parties[0], responseURL(p.Parties[0], id), id), t.CPO1),
		{Method: http.MethodGet, Module: ocpi.HubClientInfo, Interface: ocpi.Sender},
	} {
		c.Token = p.TokenA
		t.httpStatus(t.as(p, c), http.StatusUnauthorized)
	}
	t.nothing(About(id))
}

func a07(t *T) {
	p := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleEMSP}})
	versions := t.ok(t.as(p, Call{Method: http.MethodGet, URL: p.HubVersionsURL, Token: p.TokenA}))
	for _, v := range versions.Data.Array() {
		t.ok(t.as(p, Call{Method: http.MethodGet, URL: v.Get("url").String(), Token: p.TokenA}))
	}
}

// a08, a12 and a13 look at everything that the run has seen; so that there is
// something to see when they run on their own, they send a message first.
func a08(t *T) {
	exchange(t)
	n := 0
	for _, r := range t.everything(func(*Request) bool { return true }) {
		if r.Peer.encoding == ocpi.EncodingRaw {
			continue
		}
		header := r.Header.Values(ocpi.HeaderAuthorization)
		t.require(len(header) == 1, "%s: %d Authorization headers", r, len(header))
		value, ok := strings.CutPrefix(header[0], "Token ")
		token, err := base64.StdEncoding.Strict().DecodeString(value)
		t.require(ok && err == nil && printable(string(token)), "%s: header %q is not Token, one space and the base64 of a token",
			r, strings.ReplaceAll(header[0], string(token), "…"))
		n++
	}
	t.notef("%d requests of the hub had a proper Authorization header", n)
}

// exchange makes one direct push, one broadcast and one question to the hub.
func exchange(t *T) {
	id := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1)))
	t.receives(t.EMSP1, About(id))
	id = t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, id, tariff(t.CPO1, id), t.Hub)))
	t.receives(t.EMSP2, About(id))
	t.ok(t.as(t.CPO1.Platform, Call{Method: http.MethodGet, Module: ocpi.HubClientInfo, Interface: ocpi.Sender}))
}

func a09(t *T) {
	for _, broken := range []string{`{"id":`, `{"id":"x",}`, `not json`, `{"id":"x"} trailing`, "{\"id\":\"\xff\"}"} {
		id := t.id()
		t.httpStatus(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, broken, t.EMSP1)), http.StatusBadRequest)
		t.httpStatus(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, broken, t.Hub)), http.StatusBadRequest)
		t.nothingSoFar(About(id))
	}
	t.pause(quiet)
}

func a10(t *T) {
	for _, field := range []string{"last_updated", "id", "coordinates", "country_code"} {
		id := t.id()
		r := t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, without(location(t.CPO1, id), field), t.Hub))
		t.notef("without %s", field)
		t.httpStatus(r, http.StatusOK)
		t.status(r, ocpi.StatusInvalidParameters)
		t.nothingSoFar(About(id))
	}
	t.pause(quiet)
}

func a11(t *T) {
	p := t.CPO1.Platform
	id := t.id()
	for _, c := range []struct {
		http int
		call Call
	}{
		{http.StatusBadRequest, put(ocpi.Locations, t.CPO1, id, `{"id":`, t.EMSP1)},
		{http.StatusUnauthorized, Call{Method: http.MethodGet, URL: p.HubVersionsURL, Token: NewToken()}},
		{http.StatusNotFound, Call{Method: http.MethodGet, URL: p.HubVersionsURL + "/no/such/thing"}},
		{http.StatusMethodNotAllowed, Call{Method: http.MethodPost, Module: ocpi.Credentials, Interface: ocpi.Receiver, Body: p.CredentialsBody(NewToken())}},
	} {
		if c.call.To != nil {
			c.call.From = t.CPO1
		}
		r := t.as(p, c.call)
		t.httpStatus(r, c.http)
		if problem := r.problem(); problem != "" {
			t.failf("HTTP %d is no OCPI envelope: %s: %s", c.http, problem, r)
		}
	}
}

func a12(t *T) {
	exchange(t)
	answers, malformed, _ := t.client.seen()
	t.require(len(malformed) == 0, "%d answers are no proper OCPI responses:\n  %s", len(malformed), strings.Join(malformed, "\n  "))
	t.notef("%d answers of the hub were proper", answers)
}

func a13(t *T) {
	exchange(t)
	n := 0
	for _, r := range t.everything(func(r *Request) bool { return len(r.Body) > 0 }) {
		ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		t.require(strings.EqualFold(strings.TrimSpace(ct), "application/json"), "%s: Content-Type is %q", r, r.Header.Get("Content-Type"))
		n++
	}
	t.notef("%d bodies of the hub had Content-Type application/json", n)
}

func a14(t *T) {
	id := t.id()
	c := put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1)
	c.LowerCaseNames, c.RequestID, c.CorrelationID = true, "r-"+id, "c-"+id
	r := t.ok(t.send(t.CPO1, c))
	t.equal("X-Request-ID of the answer", r.Header.Get(ocpi.HeaderRequestID), "r-"+id)
	t.equal("X-Correlation-ID at the receiver", t.receives(t.EMSP1, About(id)).CorrelationID(), "c-"+id)
}

func a15(t *T) {
	p := t.CPO1.Platform
	id := t.id()
	for _, c := range []Call{
		{Method: http.MethodGet, URL: p.HubVersionsURL},
		{Method: http.MethodGet, Module: ocpi.Credentials, Interface: ocpi.Receiver},
		{Method: http.MethodGet, Module: ocpi.HubClientInfo, Interface: ocpi.Sender},
		put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1),
	} {
		if c.To != nil {
			c.From = t.CPO1
		}
		plain := t.ok(t.as(p, c))
		slashed := c
		if c.URL != "" {
			slashed.URL += "/"
		} else {
			slashed.Path += "/"
		}
		r := t.as(p, slashed)
		t.require(r.HTTP == plain.HTTP && r.Status == plain.Status, "with a slash %s, without %s", r, plain)
	}
	t.receivesN(t.EMSP1, 2, About(id))
}

func a16(t *T) {
	p := t.CPO1.Platform
	t.httpStatus(t.as(p, Call{Method: http.MethodGet, URL: p.HubVersionsURL + "/no-such-thing"}), http.StatusNotFound)
	t.httpStatus(t.send(t.CPO1, Call{
		Method: http.MethodGet, Module: ocpi.Tariffs, Interface: ocpi.Receiver, Path: t.CPO1.Path(t.id()), To: t.Hub,
	}), http.StatusNotFound)
}
