package conform

import (
	"net/http"

	"github.com/eroam/eroam/ocpi"
)

// checksT: attacks by a partner that has a valid token, or by somebody without
// one. OCPI leaves most of this to the hub; nothing may be forwarded or stored.
func checksT() []Check {
	return []Check{
		must("T01", "security", "token, FROM, URL owner and body owner are not all of one party → refused, nothing forwarded or stored", t01),
		must("T04", "security", "other spellings of protected paths, with TOKEN_A or without a token → 401 or 404", t04),
		must("T15", "security", "ids with dot segments, slashes, control characters → arrive escaped once or are refused; credentials are never reached", t15),
		must("T38", "security", "JSON that two parsers could read differently → refused; unknown fields pass byte for byte", t38),
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
	}
}

// ownedByEMSP are the messages in which a provider does.
func (t *T) ownedByEMSP() []attempt {
	return []attempt{
		{"token PUT to the hub", t.Hub, func(u, b *Party, id string) Call { return put(ocpi.Tokens, u, id, token(b, id), nil) }},
		{"token PUT", t.CPO1, func(u, b *Party, id string) Call { return put(ocpi.Tokens, u, id, token(b, id), nil) }},
	}
}

func t01(t *T) {
	t.matrix(t.CPO1, t.CPO2, t.ownedByCPO())
	t.matrix(t.EMSP1, t.EMSP2, t.ownedByEMSP())
	t.claimedInBody()
}

// matrix tries every combination of token, FROM, URL owner and body owner of
// two parties: 16 cells, of which the two where all are the same pass.
func (t *T) matrix(a, b *Party, attempts []attempt) {
	two := []*Party{a, b}
	for _, try := range attempts {
		for _, caller := range two {
			for _, from := range two {
				for _, owner := range two {
					for _, body := range two {
						id := t.id()
						c := try.call(owner, body, id)
						c.From, c.To = from, try.to
						r := t.as(caller.Platform, c)
						if caller == from && from == owner && owner == body {
							if c.Method != http.MethodPatch { // of an object that does not exist: any answer
								t.ok(r)
							}
							continue
						}
						t.refused(r)
						t.nothingSoFar(About(id))
					}
				}
			}
		}
	}
	t.pause(quiet)
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
