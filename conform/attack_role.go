package conform

import (
	"net/http"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

func t02(t *T) {
	victim, thief := t.member(), t.member()
	v := victim.rolesOf()[0]
	lower := v
	lower.CountryCode, lower.PartyID = strings.ToLower(v.CountryCode), strings.ToLower(v.PartyID)
	asEMSP, hub := v, Role{t.Hub.CountryCode, t.Hub.ID, ocpi.RoleHub}
	asEMSP.Role = ocpi.RoleEMSP
	claims := map[string]func(own ...Role) []Role{
		"beside its own":    func(own ...Role) []Role { return append(own, v) },
		"before its own":    func(own ...Role) []Role { return append([]Role{v}, own...) },
		"instead":           func(...Role) []Role { return []Role{v} },
		"in lower case":     func(own ...Role) []Role { return append(own, lower) },
		"as another role":   func(own ...Role) []Role { return append(own, asEMSP) },
		"the hub":           func(own ...Role) []Role { return append(own, hub) },
		"the hub, as a CPO": func(own ...Role) []Role { return append(own, Role{hub.CountryCode, hub.PartyID, ocpi.RoleCPO}) },
	}
	before := len(victim.Seen(func(*Request) bool { return true }))
	guest := t.newcomer()
	for what, claim := range claims {
		t.notef("given: the victim's party %s", what)
		t.refused(t.credentials(guest, http.MethodPost, guest.TokenA, credentials(NewToken(), guest.VersionsURL(), claim(guest.rolesOf()...)...)))
		t.refused(t.credentials(thief, http.MethodPut, thief.Token(), credentials(NewToken(), thief.VersionsURL(), claim(thief.rolesOf()...)...)))
		// With the victim's URL, as if the victim itself had moved.
		t.refused(t.credentials(thief, http.MethodPut, thief.Token(), credentials(NewToken(), victim.VersionsURL(), claim(thief.rolesOf()...)...)))
	}
	t.require(len(guest.Seen(func(*Request) bool { return true })) == 0, "the hub called a platform whose roles it must refuse")
	seen := victim.Seen(func(r *Request) bool { return r.Module == ocpi.VersionsModule || r.Module == moduleDetails })
	for _, r := range seen {
		t.require(r.Admitted, "the victim was called with a token of somebody else: %s", r)
	}
	t.notef("the victim had %d requests before", before)

	// Everybody is where they were: the victim, the thief, and nobody new.
	for _, p := range []*Platform{victim, thief} {
		t.ok(t.credentials(p, http.MethodGet, p.Token(), ""))
		got := t.reach(t.EMSP1, p.Parties[0])
		t.require(got.Peer == p.Peer && got.Admitted, "the request for %s went wrong: %s", p.Parties[0], got)
		t.equal("status of "+p.Parties[0].String(), t.statusOf(t.EMSP1.Platform, p.Parties[0]), "CONNECTED")
	}
	id := t.id()
	c := put(ocpi.Locations, victim.Parties[0], id, location(victim.Parties[0], id), t.Hub)
	c.From = victim.Parties[0]
	t.refused(t.as(thief, c))
	t.nothing(About(id))
	t.notStored(c, victim.Parties[0])
}
