package conform

import (
	"net/http"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// checksT: attacks by a partner that has a valid token, or by somebody without
// one. OCPI leaves most of this to the hub; nothing may be forwarded or stored.
func checksT() []Check {
	return []Check{
		must("T01", "security", "token, FROM, URL owner and body owner are not all of one party → refused, nothing forwarded or stored", t01),
		must("T02", "security", "credentials name a party of another platform, or the hub's → refused; the owner keeps its traffic, tokens and endpoints", t02),
		must("T04", "security", "other spellings of protected paths, with TOKEN_A or without a token → 401 or 404", t04),
		must("T05", "security", "other spellings of a token → 401, or the platform it belongs to, never another", t05),
		must("T08", "security", "the answer to PUT credentials is lost → the old token still works, also for another PUT", t08),
		must("T09", "security", "ids of others, in paths, lists and the hub's own URLs → the same answer as for ids that do not exist", t09),
		must("T10", "security", "PUT or PATCH with a foreign, null or future owner, id or last_updated → 2001, the stored object is unchanged", t10),
		must("T12", "security", "URLs that lead elsewhere, wherever a partner names one → refused, nobody is called, nothing is learned about ports", t12),
		must("T14", "security", "a partner redirects → not followed, nothing sent twice", t14),
		must("T15", "security", "ids with dot segments, slashes, control characters → arrive escaped once or are refused; credentials are never reached", t15),
		must("T16", "security", "response_url on somebody else's host, ambiguous, missing or repeated → 2001, not forwarded", t16),
		must("T17", "security", "results from others, guessed, twice, late → 404; exactly one result arrives; TIMEOUT once", t17),
		must("T18", "security", "a next link used by others or changed → error; the same page twice → the same answer", t18),
		must("T19", "security", "private objects sent to the hub's address → nobody but their audience gets them; broadcasts end at agreements", t19),
		must("T36", "security", "a partner answers slowly, or without end → cut at the deadline, 4xxx; another partner is not delayed", t36),
		must("T38", "security", "JSON that two parsers could read differently → refused; unknown fields pass byte for byte", t38),
		must("T40", "security", "control characters, repeated and oversized headers → 400, 401 or 431; nothing of them is forwarded", t40),
	}
}

// attempt is one message of an owner that may be claimed by another.
type attempt struct {
	name string
	to   *Party
	// call makes the message: path owner, body owner.
	call func(url, body *Party, id string) Call
}

// ownedByCPO are the messages in which a CPO names itself in URL or body.
func (t *T) ownedByCPO() []attempt {
	push := func(m ocpi.Module, method string, body func(owner *Party, id string) string) func(u, b *Party, id string) Call {
		return func(u, b *Party, id string) Call {
			c := put(m, u, id, body(b, id), nil)
			c.Method = method
			return c
		}
	}
	patch := func(owner *Party, id string) string {
		return `{"country_code":"` + owner.CountryCode + `","party_id":"` + owner.ID + `","id":"` + id + `","last_updated":"` + lastUpdated + `"}`
	}
	nothing := func(*Party, string) string { return "" }
	of := func(f func(owner, driver *Party, id string) string) func(owner *Party, id string) string {
		return func(owner *Party, id string) string { return f(owner, t.EMSP1, id) }
	}
	return []attempt{
		{"location PUT to the hub", t.Hub, push(ocpi.Locations, http.MethodPut, location)},
		{"location PUT", t.EMSP1, push(ocpi.Locations, http.MethodPut, location)},
		{"location PATCH", t.EMSP1, push(ocpi.Locations, http.MethodPatch, patch)},
		{"tariff PUT to the hub", t.Hub, push(ocpi.Tariffs, http.MethodPut, tariff)},
		{"tariff PUT", t.EMSP1, push(ocpi.Tariffs, http.MethodPut, tariff)},
		{"session PUT", t.EMSP1, push(ocpi.Sessions, http.MethodPut, of(session))},
		{"session PATCH", t.EMSP1, push(ocpi.Sessions, http.MethodPatch, patch)},
		{"tariff DELETE", t.EMSP1, push(ocpi.Tariffs, http.MethodDelete, nothing)},
		{"tariff DELETE to the hub", t.Hub, push(ocpi.Tariffs, http.MethodDelete, nothing)},
		{"CDR POST", t.EMSP1, func(_, b *Party, id string) Call {
			return Call{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: cdr(b, t.EMSP1, id)}
		}},
	}
}

// ownedByEMSP are the messages in which a provider does.
func (t *T) ownedByEMSP() []attempt {
	return []attempt{
		{"token PUT to the hub", t.Hub, func(u, b *Party, id string) Call { return put(ocpi.Tokens, u, id, token(b, id), nil) }},
		{"token PUT", t.CPO1, func(u, b *Party, id string) Call { return put(ocpi.Tokens, u, id, token(b, id), nil) }},
		{"token PATCH", t.CPO1, func(u, b *Party, id string) Call {
			body := `{"country_code":"` + b.CountryCode + `","party_id":"` + b.ID + `","uid":"` + id + `","last_updated":"` + lastUpdated + `"}`
			c := put(ocpi.Tokens, u, id, body, nil)
			c.Method = http.MethodPatch
			return c
		}},
	}
}

// bookings are the messages of the bookings module (2.3.0 only) that name the
// CPO.
func (t *T) bookings() []attempt {
	body := func(owner *Party, id string) string {
		return `{"country_code":"` + owner.CountryCode + `","party_id":"` + owner.ID + `","id":"` + id + `","request_id":"` + id + `",` +
			`"location_id":"LOC1","period":{"start_from":"2030-01-01T10:00:00Z","end_before":"2030-01-01T11:00:00Z"},` +
			`"reservation_status":"RESERVED","last_updated":"` + lastUpdated + `"}`
	}
	push := func(method string) func(u, b *Party, id string) Call {
		return func(u, b *Party, id string) Call {
			c := put(ocpi.Bookings, u, id, body(b, id), nil)
			c.Method = method
			return c
		}
	}
	return []attempt{
		{"booking PUT", t.EMSP30, push(http.MethodPut)},
		{"booking PATCH", t.EMSP30, push(http.MethodPatch)},
	}
}

func t01(t *T) {
	t.matrix(t.CPO1, t.CPO2, t.ownedByCPO())
	t.matrix(t.EMSP1, t.EMSP2, t.ownedByEMSP())
	t.claimedInBody()
	if t.CPO30 != nil && t.EMSP30 != nil {
		other := t.registered(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, version: ocpi.V230, with: []*Party{t.EMSP30}}).Parties[0]
		t.matrix(t.CPO30, other, t.bookings())
	}
}

// matrix tries every combination of token, FROM, URL owner and body owner of
// two parties: 16 cells, of which the two where all are the same pass.
func (t *T) matrix(a, b *Party, attempts []attempt) {
	two := []*Party{a, b}
	var refused []Call
	for _, try := range attempts {
		for _, caller := range two {
			for _, from := range two {
				for _, owner := range two {
					for _, body := range two {
						id := t.id()
						c := try.call(owner, body, id)
						if (c.Body == "" || c.Path == "") && owner != body {
							continue // only one of the two is in the message
						}
						c.From, c.To = from, try.to
						r := t.as(caller.Platform, c)
						if caller == from && from == owner && owner == body {
							if c.Method != http.MethodPatch && c.Method != http.MethodDelete { // of an object that does not exist: any answer
								t.ok(r)
							}
							continue
						}
						t.refused(r)
						t.nothingSoFar(About(id))
						refused = append(refused, c)
					}
				}
			}
		}
	}
	t.pause(quiet)
	for _, c := range refused {
		t.notStored(c, two...)
	}
}

// notStored fails when the hub kept the object of a push under one of the
// parties.
func (t *T) notStored(c Call, owners ...*Party) {
	if c.Module != ocpi.Locations && c.Module != ocpi.Tariffs && c.Module != ocpi.Tokens || c.Path == "" {
		return
	}
	id := c.Path[strings.LastIndexByte(c.Path, '/')+1:]
	for _, owner := range owners {
		get := Call{Method: http.MethodGet, Module: c.Module, Interface: ocpi.Receiver, Path: owner.Path(id), To: t.Hub}
		t.refused(t.send(owner, get))
	}
}

// claimedInBody covers what has its owner in the body only: CDRs, and the token
// inside a command.
func (t *T) claimedInBody() {
	id := t.id()
	t.refused(t.send(t.CPO1, Call{
		Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: cdr(t.CPO2, t.EMSP1, id), To: t.EMSP1,
	}))
	t.refused(t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP2, responseURL(t.EMSP1, id), id), t.CPO1)))
	t.nothing(About(id))

	// Letter case is no difference (CiString).
	lower := *t.CPO1
	lower.CountryCode, lower.ID = "nl", "cp1"
	id = t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Locations, &lower, id, location(&lower, id), t.EMSP1)))
}
