package conform

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// checksE: direct requests. E18 to E25 are about receivers that fail
// (e_fail.go), E26 to E31 about the rest (e_rest.go).
func checksE() []Check {
	return []Check{
		must("E01", "4.1.8.6", "CPO1 PUT location TO=EMSP1 → arrives at EMSP1 only, TO and FROM unchanged", e01),
		must("E02", "4.1.8.6", "… the answer to CPO1 has TO=CPO1 FROM=EMSP1", e02),
		should("E03", "4.1.8.6", "EMSP1's answer lacks routing headers → the hub adds them", e03),
		must("E04", "4.1.5", "URL at EMSP1 = its advertised endpoint + /NL/CP1/{id} in the original spelling", e04),
		must("E05", "4.1.8", "same version on both sides → the JSON arrives as it was sent (unknown fields, null, numbers)", e05),
		must("E06", "4.1.8.8", "any relayed object → last_updated is the same", e06),
		must("E07", "12.2", "query strings (type, dates, offset, limit) arrive unchanged", e07),
		must("E08", "5", "TO an unknown party → 4001, nothing forwarded", e08),
		must("E09", "16.1", "TO, FROM or the party in the URL in another letter case → still routed", e09),
		must("E10", "4.1.2", "FROM is not a party of the caller's platform → error, nothing forwarded", e10),
		must("E11", "4.1.8.4", "only one header of the TO pair → 2001, neither open-routed nor broadcast", e11),
		should("E12", "4.1.8.2", "no FROM: filled in for a platform with one role, 2001 for one with several; never forwarded without", e12),
		must("E13", "7.3.1", "NL-XXX is CPO on P1 and EMSP on P3 → locations RECEIVER goes to P3, tokens RECEIVER to P1", e13),
		must("E14", "4.1.8", "the receiver has no such module → 2xxx or 4xxx, nothing sent", e14),
		must("E15", "5", "the receiver answers 2001 or 3000 with a message → same code and message at the sender", e15),
		must("E16", "5", "the receiver answers a GET with HTTP 404 and an envelope → the sender gets HTTP 404 and the same status", e16),
		must("E17", "8", "direct push TO=EMSP1 → not delivered to EMSP2, not in GET all", e17),
		must("E18", "5", "the receiver answers HTTP 401 → the sender gets a 4xxx envelope, not HTTP 401", e18),
		must("E19", "5", "the receiver answers HTTP 500 or no JSON → the sender gets an envelope with status ≥ 3000", e19),
		must("E20", "5", "the receiver never answers → 4002 within the configured time", e20),
		must("E21", "5", "the receiver refuses the connection → 4003", e21),
		should("E22", "5, 15", "hub error 4001, 4002, 4003 → HTTP 200", e22),
		must("E23", "15.1", "the receiver is PLANNED or SUSPENDED → 4003 or 4001, nothing sent", e23),
		must("E24", "4.4, 15.1", "a push failed with 4002 or 4003, the receiver comes back → not replayed", e24),
		must("E25", "4.4", "the receiver times out on POST, PUT or PATCH → it got the message once at most", e25),
		must("E26", "4.1.4.3", "PATCH → arrives as PATCH with exactly the fields sent, null kept", e26),
		must("E27", "2.3.0 4.1.8", "an unknown field or a new OpenEnum value → not rejected, relayed", e27),
		must("E28", "4.1.5.1", "the party in the URL is not of the caller's platform → HTTP 404 or 2xxx, nothing forwarded", e28),
		must("E29", "4.1.7", "200 concurrent requests with different correlation ids → no answer goes to another", e29),
		must("E30", "11.2", "DELETE tariff TO=EMSP1 → arrives as DELETE", e30),
		must("E31", "9.2", "PUT charging_preferences TO=CPO1 → relayed, the enum string in data unchanged; 404 + 2001 as well", e31),
	}
}

// pushLocation makes a direct or broadcast push of a new location.
func (t *T) pushLocation(owner, to *Party) (id, body string, r *Response) {
	id = t.id()
	body = location(owner, id)
	return id, body, t.send(owner, put(ocpi.Locations, owner, id, body, to))
}

func e01(t *T) {
	id, body, r := t.pushLocation(t.CPO1, t.EMSP1)
	t.ok(r)
	got := t.receives(t.EMSP1, About(id))
	t.equal("method", got.Method, http.MethodPut)
	t.equal("TO", got.To(), t.EMSP1.String())
	t.equal("FROM", got.From(), t.CPO1.String())
	t.same("body", string(got.Body), body)
	var others []*Platform
	for _, p := range t.Platforms {
		if p != t.EMSP1.Platform {
			others = append(others, p)
		}
	}
	t.nothing(About(id), others...)
	t.require(len(t.EMSP1.Platform.Seen(About(id))) == 1, "EMSP1's platform got it more than once")
}

func e02(t *T) {
	_, _, r := t.pushLocation(t.CPO1, t.EMSP1)
	t.ok(r)
	t.equal("TO of the answer", r.To(), t.CPO1.String())
	t.equal("FROM of the answer", r.From(), t.EMSP1.String())
}

func e03(t *T) {
	id := t.id()
	t.on(t.EMSP1, About(id), func(_ *Request, reply *Reply) {
		for _, h := range []string{
			ocpi.HeaderToCountryCode, ocpi.HeaderToPartyID, ocpi.HeaderFromCountryCode, ocpi.HeaderFromPartyID,
		} {
			reply.Header.Del(h)
		}
	})
	r := t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1)))
	t.equal("TO of the answer", r.To(), t.CPO1.String())
	t.equal("FROM of the answer", r.From(), t.EMSP1.String())
}

func e04(t *T) {
	id := "MiXed*Case " + t.id()
	id = id[:min(36, len(id))]
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1)))
	got := t.receives(t.EMSP1, About(id))
	target, err := url.PathUnescape("http://" + got.Host + got.Target)
	t.require(err == nil, "%v", err)
	t.equal("URL, unescaped", target, t.EMSP1.Platform.EndpointURL(ocpi.V221, ocpi.Locations, ocpi.Receiver)+"/NL/CP1/"+id)
}

func e05(t *T) {
	id := t.id()
	body := with(location(t.CPO1, id),
		"x_unknown", `{"deep":[1,2.50,{"n":null}],"text":"caf\u00e9 \"quoted\""}`, "directions", "null",
		"x_number", "1.10", "x_exponent", "1e2", "x_big", "12345678901234567890.123456789", "x_false", "false", "x_empty", "[]")
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, t.EMSP1)))
	got := t.receives(t.EMSP1, About(id))
	t.same("body", string(got.Body), body)
	if string(got.Body) == body {
		t.notef("  byte for byte")
	}
}

func e06(t *T) {
	const when = "2023-11-05T06:07:08.120Z"
	set := func(body string) string { return with(body, "last_updated", quote(when)) }
	sid, cid, lid, tid, uid := t.id(), t.id(), t.id(), t.id(), t.id()
	for _, x := range []struct {
		from, to *Party
		id       string
		call     Call
	}{
		{t.CPO1, t.EMSP1, lid, put(ocpi.Locations, t.CPO1, lid, set(location(t.CPO1, lid)), t.EMSP1)},
		{t.CPO1, t.EMSP1, tid, put(ocpi.Tariffs, t.CPO1, tid, set(tariff(t.CPO1, tid)), t.EMSP1)},
		{t.CPO1, t.EMSP1, sid, put(ocpi.Sessions, t.CPO1, sid, set(session(t.CPO1, t.EMSP1, sid)), t.EMSP1)},
		{t.CPO1, t.EMSP1, cid, Call{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: set(cdr(t.CPO1, t.EMSP1, cid)), To: t.EMSP1}},
		{t.EMSP1, t.CPO1, uid, put(ocpi.Tokens, t.EMSP1, uid, set(token(t.EMSP1, uid)), t.CPO1)},
	} {
		t.ok(t.send(x.from, x.call))
		t.equal("last_updated", jsonField(t.receives(x.to, About(x.id)), "last_updated"), when)
	}
}

func e07(t *T) {
	id := t.id()
	query := "date_from=2024-01-01T00%3A00%3A00Z&date_to=2024-02-01T00:00:00Z&offset=7&limit=3&x=" + id
	t.ok(t.send(t.EMSP1, list(ocpi.Locations, query, t.CPO1)))
	t.equal("query", sorted(t.receives(t.CPO1, About(id)).Query), sorted(parseQuery(query)))

	uid := t.id()
	c := put(ocpi.Tokens, t.EMSP1, uid, with(token(t.EMSP1, uid), "type", `"APP_USER"`), t.CPO1)
	c.Query = "type=APP_USER"
	t.ok(t.send(t.EMSP1, c))
	t.equal("query", sorted(t.receives(t.CPO1, About(uid)).Query), "type=APP_USER")

	uid = t.id()
	t.ok(t.send(t.CPO1, Call{
		Method: http.MethodPost, Module: ocpi.Tokens, Interface: ocpi.Sender, Path: "/" + uid + "/authorize", Query: "type=APP_USER", To: t.EMSP1,
	}))
	t.equal("query", sorted(t.receives(t.EMSP1, About(uid)).Query), "type=APP_USER")
}

func parseQuery(q string) url.Values {
	v, err := url.ParseQuery(q)
	if err != nil {
		panic(err)
	}
	return v
}

func sorted(q url.Values) string { return q.Encode() }

func e08(t *T) {
	id, _, r := t.pushLocation(t.CPO1, &Party{CountryCode: "ZZ", ID: "ZZZ"})
	t.status(r, ocpi.StatusUnknownReceiver)
	t.nothing(About(id))
}

func e09(t *T) {
	low := func(p *Party) *Party {
		return &Party{Platform: p.Platform, CountryCode: strings.ToLower(p.CountryCode), ID: strings.ToLower(p.ID), Role: p.Role}
	}
	for _, x := range []struct {
		what           string
		to, from, path *Party
	}{
		{"TO", low(t.EMSP1), t.CPO1, t.CPO1},
		{"FROM", t.EMSP1, low(t.CPO1), t.CPO1},
		{"URL", t.EMSP1, t.CPO1, low(t.CPO1)},
	} {
		id := t.id()
		c := put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), x.to)
		c.From, c.Path = x.from, x.path.Path(id)
		t.notef("%s in lower case", x.what)
		t.ok(t.send(t.CPO1, c))
		t.receives(t.EMSP1, About(id))
	}
}

func e10(t *T) {
	for _, to := range []*Party{t.EMSP1, t.Hub} {
		id := t.id()
		c := put(ocpi.Locations, t.CPO2, id, location(t.CPO2, id), to)
		c.From = t.CPO2
		t.refused(t.as(t.CPO1.Platform, c))
		t.nothing(About(id))
	}
}

func e11(t *T) {
	for name, value := range map[string]string{ocpi.HeaderToCountryCode: t.EMSP1.CountryCode, ocpi.HeaderToPartyID: t.EMSP1.ID} {
		id := t.id()
		c := put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), nil)
		c.Header = map[string]string{name: value}
		t.notef("only %s", name)
		t.status(t.send(t.CPO1, c), ocpi.StatusInvalidParameters)
		t.nothing(About(id))
	}
}

func e12(t *T) {
	single, id := t.freshCPO(t.EMSP1), t.id()
	t.ok(t.as(single.Platform, put(ocpi.Locations, single, id, location(single, id), t.EMSP1)))
	t.equal("FROM at the receiver", t.receives(t.EMSP1, About(id)).From(), single.String())

	id = t.id()
	r := t.as(t.CPO1.Platform, Call{Method: http.MethodPut, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: t.CPO1.Path(id), Body: location(t.CPO1, id), To: t.EMSP1})
	t.status(r, ocpi.StatusInvalidParameters)
	t.nothing(About(id))
}

func e13(t *T) {
	id := t.id()
	t.ok(t.send(t.CPO2, put(ocpi.Locations, t.CPO2, id, location(t.CPO2, id), t.TwofoldEMSP)))
	t.receives(t.TwofoldEMSP, About(id))
	t.nothing(About(id), t.TwofoldCPO.Platform)

	uid := t.id()
	t.ok(t.send(t.EMSP2, put(ocpi.Tokens, t.EMSP2, uid, token(t.EMSP2, uid), t.TwofoldCPO)))
	t.receives(t.TwofoldCPO, About(uid))
	t.nothing(About(uid), t.TwofoldEMSP.Platform)
}

func e14(t *T) {
	p := t.registered(fresh{
		roles: []ocpi.Role{ocpi.RoleEMSP}, with: []*Party{t.CPO1},
		prepare: func(p *Platform) { p.Without(ocpi.Tariffs) },
	})
	id := t.id()
	r := t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, id, tariff(t.CPO1, id), p.Parties[0]))
	t.require(r.Status/1000 == 2 || r.Status/1000 == 4, "want status 2xxx or 4xxx, got %s", r)
	t.nothing(About(id), p)
}

func e15(t *T) {
	for _, status := range []int{ocpi.StatusInvalidParameters, ocpi.StatusServerError} {
		id := t.id()
		message := fmt.Sprintf("reason of %s, 100%% its own", id)
		t.on(t.EMSP1, About(id), func(_ *Request, reply *Reply) { reply.Status, reply.Message = status, message })
		r := t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, location(t.CPO1, id), t.EMSP1))
		t.status(r, status)
		t.equal("status_message", r.Message, message)
	}
}

func e16(t *T) {
	id := t.id()
	t.on(t.CPO1, About(id), func(_ *Request, reply *Reply) {
		reply.HTTP, reply.Status = http.StatusNotFound, ocpi.StatusUnknownLocation
	})
	r := t.send(t.EMSP1, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id, To: t.CPO1})
	t.httpStatus(r, http.StatusNotFound)
	t.status(r, ocpi.StatusUnknownLocation)
}

func e17(t *T) {
	w, id := newWindow(), t.id()
	body := with(location(t.CPO1, id), "last_updated", quote(w.at(1)))
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, t.EMSP1)))
	t.receives(t.EMSP1, About(id))
	t.never(About(id), t.EMSP2, t.EMSP3)
	for _, viewer := range []*Party{t.EMSP1, t.EMSP2} {
		r := t.ok(t.send(viewer, list(ocpi.Locations, w.query(), t.Hub)))
		t.require(!slices.Contains(idsOf(r), id), "%s is in GET all of %s", id, viewer)
	}
}

// idsOf lists the ids of the objects in an answer to a list GET.
func idsOf(r *Response) []string {
	var out []string
	for _, item := range r.Data.Array() {
		id := item.Get("id").String()
		if id == "" {
			id = item.Get("uid").String()
		}
		out = append(out, id)
	}
	return out
}
