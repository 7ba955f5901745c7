package ingress

import (
	"net/http"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

// maxAhead is how far the clock of an owner may be ahead of ours.
const maxAhead = 5 * time.Minute

// sender finds the party that a request is from. The token has said which
// platform it is; the FROM header, the path and the body only claim a party,
// and must name one that was granted to that platform and stands on the side
// that calls this interface.
func sender(p *party.Platform, claim ocpi.Claim, rt route) (*party.Party, error) {
	side := rt.module.Implementer(rt.iface).Opposite()
	if claim.IsZero() {
		if len(p.Parties) != 1 {
			return nil, ocpi.Invalid("OCPI-from-party-id", "is required: several parties use this token")
		}
		claim = ocpi.ClaimOf(p.Parties[0].ID)
	}
	id, err := claim.Party()
	if err != nil {
		return nil, ocpi.Invalid("OCPI-from-party-id", "is not a party")
	}
	if q := partyOn(p, id, side); q != nil {
		return q, nil
	}
	// A hub that passes on what one of its parties broadcast names itself as
	// the sender; the object's owner is in the path.
	if p.Hub && routing.Owned(rt.module, rt.iface, rt.path) && hasRole(p, id, ocpi.RoleHub) {
		owner, err := ocpi.ParsePartyID(rt.path[0], rt.path[1])
		if q := partyOn(p, owner, side); err == nil && q != nil {
			return q, nil
		}
	}
	return nil, ocpi.Invalid("OCPI-from-party-id", "is not a party of this token that uses this interface")
}

func partyOn(p *party.Platform, id ocpi.PartyID, side ocpi.Side) *party.Party {
	for _, q := range p.Parties {
		if q.ID == id && q.Confirmed && q.Role != ocpi.RoleHub && (side == ocpi.AnySide || q.Role.Side() == side) {
			return q
		}
	}
	return nil
}

func hasRole(p *party.Platform, id ocpi.PartyID, r ocpi.Role) bool {
	for _, q := range p.Parties {
		if q.ID == id && q.Role == r {
			return true
		}
	}
	return false
}

// checkPath compares the owner in the path with the sender, and bounds the ids.
func checkPath(rt route, from *party.Party) error {
	for _, s := range rt.path {
		if len(s) > routing.MaxID(rt.module) {
			return ocpi.Invalid("path", "holds an id that is too long")
		}
	}
	if routing.Owned(rt.module, rt.iface, rt.path) && !from.ID.Is(rt.path[0], rt.path[1]) {
		return ocpi.Invalid("path", "country_code and party_id are not those of the sender")
	}
	return nil
}

// guarded are the names that another spelling of must not stand beside: they
// say whose an object is, where an answer goes, or what is to be charged.
var guarded = []string{
	"country_code", "party_id", "id", "uid", "cdr_token", "token", "last_updated", "response_url",
	"location_id", "session_id", "reservation_id", "contract_id", "total_cost", "currency",
}

// body is what ingress reads of a request's JSON in one pass over its top level.
type body struct {
	countryCode, partyID, id, uid  string
	lastUpdated                    string
	tokenType                      string
	locationID, sessionID, reserve string
	cdrToken, token                gjson.Result
	notText                        string // country_code, party_id, id or uid, if it is null or anything but text
}

// scan reads the top level of a JSON object that passed ocpi.CheckJSON, and
// refuses guarded names in other spellings.
func scan(raw []byte) (body, error) {
	var b body
	var err error
	gjson.ParseBytes(raw).ForEach(func(key, value gjson.Result) bool {
		name := key.Str
		switch name {
		case "country_code", "party_id", "id", "uid":
			if value.Type != gjson.String {
				b.notText = name
			}
		}
		switch name {
		case "country_code":
			b.countryCode = value.String()
		case "party_id":
			b.partyID = value.String()
		case "id":
			b.id = value.String()
		case "uid":
			b.uid = value.String()
		case "last_updated":
			b.lastUpdated = value.String()
		case "type":
			b.tokenType = value.String()
		case "location_id":
			b.locationID = value.String()
		case "session_id":
			b.sessionID = value.String()
		case "reservation_id":
			b.reserve = value.String()
		case "cdr_token":
			b.cdrToken = value
		case "token":
			b.token = value
		default:
			err = checkSpelling(name)
		}
		return err == nil
	})
	return b, err
}

func checkSpelling(name string) error {
	for _, g := range guarded {
		if len(name) >= len(g) && len(name) <= 3*len(g) && name != g && strings.EqualFold(name, g) {
			return ocpi.Invalid(g, "also occurs in another spelling")
		}
	}
	return nil
}

// checkBody compares what the body claims with the path and the sender.
func checkBody(rt route, method string, from *party.Party, b *body, now time.Time) error {
	if err := checkOwner(rt, from, b); err != nil {
		return err
	}
	if rt.iface == ocpi.Receiver && (method == http.MethodPut || method == http.MethodPatch) {
		if err := checkID(rt, b); err != nil {
			return err
		}
	}
	if b.lastUpdated != "" && rt.iface == ocpi.Receiver {
		t, err := ocpi.ParseTime(b.lastUpdated)
		if err != nil {
			return ocpi.Invalid("last_updated", err.Error())
		}
		if t.After(now.Add(maxAhead)) {
			return ocpi.Invalid("last_updated", "is more than five minutes in the future")
		}
	}
	return nil
}

// checkOwner compares the owner in the body with the sender, in the modules
// where the body names one. In payments the body names the CPO, not the sender.
func checkOwner(rt route, from *party.Party, b *body) error {
	switch rt.module {
	case ocpi.Locations, ocpi.Sessions, ocpi.CDRs, ocpi.Tariffs, ocpi.Tokens, ocpi.Bookings, ocpi.InvoiceReconciliation:
		if b.notText != "" { // a PATCH with null would take it away
			return ocpi.Invalid(b.notText, "must be text")
		}
		// Only ASCII letters are folded: "ſ" is no "s" in an id.
		if b.countryCode != "" && !from.ID.Is(b.countryCode, from.ID.ID) {
			return ocpi.Invalid("country_code", "is not that of the sender")
		}
		if b.partyID != "" && !from.ID.Is(from.ID.CountryCode, b.partyID) {
			return ocpi.Invalid("party_id", "is not that of the sender")
		}
	case ocpi.Commands:
		if b.token.Exists() {
			owner, err := tokenOwner(b.token)
			if err != nil {
				return err
			}
			if !owner.IsZero() && owner != from.ID {
				return ocpi.Invalid("token", "does not belong to the sender")
			}
		}
	}
	return nil
}

// checkID compares the id at the end of the path with that in the body.
func checkID(rt route, b *body) error {
	field, value := "id", b.id
	switch rt.module {
	case ocpi.Tokens:
		field, value = "uid", b.uid
	case ocpi.Locations:
		if len(rt.path) == 4 {
			field, value = "uid", b.uid
		}
	case ocpi.Sessions, ocpi.Tariffs:
	default:
		return nil
	}
	if value != "" && ocpi.FoldID(value) != ocpi.FoldID(rt.path[len(rt.path)-1]) {
		return ocpi.Invalid(field, "differs from the id in the path")
	}
	return nil
}

// tokenOwner reads the country_code and party_id of a token; absent ones (as
// in 2.2) give a zero party.
func tokenOwner(token gjson.Result) (ocpi.PartyID, error) {
	if !token.IsObject() {
		return ocpi.PartyID{}, nil
	}
	var cc, pid string
	var err error
	token.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "country_code":
			cc = value.String()
		case "party_id":
			pid = value.String()
		default:
			err = checkSpelling(key.Str)
		}
		return err == nil
	})
	if err != nil || cc == "" && pid == "" {
		return ocpi.PartyID{}, err
	}
	return ocpi.ParsePartyID(cc, pid)
}
