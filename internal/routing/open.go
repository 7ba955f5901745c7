package routing

import (
	"net/http"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// maxCandidates bounds how many eMSPs are asked about one unknown token.
const maxCandidates = 3

// Lookup returns the id whose owner [Decide] needs to know for req, if it
// depends on one. A caller that fills Request.Known need not ask otherwise.
func Lookup(req Request, hub ocpi.PartyID) (Key, bool) {
	if !req.To.IsZero() && req.To != hub {
		return Key{}, false
	}
	switch req.Module {
	case ocpi.Tokens:
		if req.Interface == ocpi.Sender && req.Method == http.MethodPost {
			return Key{KindToken, ocpi.TokenKey(req.Path[0], req.Content.TokenType)}, true
		}
	case ocpi.Locations:
		if req.Interface == ocpi.Sender && len(req.Path) > 0 {
			return Key{KindLocation, ocpi.FoldID(req.Path[0])}, true
		}
	case ocpi.Sessions:
		if req.Interface == ocpi.Sender && req.Method == http.MethodPut {
			return Key{KindSession, ocpi.FoldID(req.Path[0])}, true
		}
		if req.Interface == ocpi.Receiver && req.Content.TokenParty.IsZero() {
			return DriverKey(req.Path), true
		}
	case ocpi.Commands:
		return commandKey(req.From.ID, req.Content)
	case ocpi.ChargingProfiles:
		if req.Interface == ocpi.Sender {
			return ProfileKey(req.From.ID, req.Path[0]), true
		}
		return Key{KindSession, ocpi.FoldID(req.Path[0])}, true
	}
	return Key{}, false
}

// DriverKey names the session of a path /{country_code}/{party_id}/{session_id}.
// Session ids are unique per CPO only, so the CPO is part of it.
func DriverKey(path []string) Key {
	return Key{KindDriver, ocpi.FoldID(path[0] + "/" + path[1] + "/" + path[2])}
}

// ProfileKey names the charging profile of a session. Session ids are unique
// per CPO only, so the CPO is part of it.
func ProfileKey(cpo ocpi.PartyID, session string) Key {
	return Key{KindProfile, ocpi.FoldID(cpo.String() + "/" + session)}
}

// ReservationKey names a reservation. The provider chooses its id, so the
// provider is part of it.
func ReservationKey(emsp ocpi.PartyID, reservation string) Key {
	return Key{KindReservation, ocpi.FoldID(emsp.String() + "/" + reservation)}
}

// commandKey returns the most telling id of a command: a session belongs to
// one CPO for sure, a reservation was accepted by one, a location id may exist
// at several.
func commandKey(from ocpi.PartyID, c Content) (Key, bool) {
	switch {
	case c.SessionID != "":
		return Key{KindSession, ocpi.FoldID(c.SessionID)}, true
	case c.LocationID != "":
		return Key{KindLocation, ocpi.FoldID(c.LocationID)}, true
	case c.ReservationID != "":
		return ReservationKey(from, c.ReservationID), true
	}
	return Key{}, false
}

// openRoute finds the receiver from the content (OCPI 2.2.1 §4.1.8.4).
func openRoute(req Request, snap *party.Snapshot, now time.Time) Decision {
	switch {
	case publishes(req):
		return Decision{Mode: Broadcast}
	case req.Interface == ocpi.Receiver && req.Method == http.MethodGet && stored(req.Module) && req.Module != ocpi.Sessions:
		return Decision{Mode: Get}
	case listable(req):
		return refuse(ocpi.Invalid("OCPI-to-party-id", "a list has no open routing; name a party or the hub"))
	}
	if p := req.Content.TokenParty; !p.IsZero() && (keeps(req) || bills(req)) {
		return openTo(req, snap, p, now)
	}
	key, ok := Lookup(req, snap.Hub)
	if !ok {
		return refuse(ocpi.Invalid("OCPI-to-party-id", "the receiver cannot be told from the message; name a party"))
	}
	owners := eligible(req, snap, now)
	switch {
	case len(owners) == 1:
		return openTo(req, snap, owners[0], now)
	case len(owners) > 1:
		return refuse(ocpi.Invalid("OCPI-to-party-id", "the "+key.Kind+" is known from several parties; name the one you mean"))
	case key.Kind == KindToken:
		return askAround(req, snap, now)
	}
	return refuse(unreachable())
}

// eligible drops those known owners that the sender has no agreement with: an
// id that a stranger uses as well is not ambiguous.
func eligible(req Request, snap *party.Snapshot, now time.Time) []ocpi.PartyID {
	var out []ocpi.PartyID
	side := req.Module.Implementer(req.Interface)
	for _, id := range req.Known {
		p := snap.Find(id, side, req.Module, req.Interface)
		if p != nil && snap.Agreement(req.From, p, ScopeOf(req), now) != nil {
			out = append(out, id)
		}
	}
	return out
}

func openTo(req Request, snap *party.Snapshot, id ocpi.PartyID, now time.Time) Decision {
	return sendTo(req, snap, Open, snap.Find(id, req.Module.Implementer(req.Interface), req.Module, req.Interface), now)
}

// keeps reports whether the hub stores req for GET all of the two parties, and
// as evidence: a session.
func keeps(req Request) bool {
	return req.Interface == ocpi.Receiver && req.Method != http.MethodGet && req.Module == ocpi.Sessions
}

// bills reports whether req is a CDR for the ledger.
func bills(req Request) bool {
	return req.Interface == ocpi.Receiver && req.Method == http.MethodPost && req.Module == ocpi.CDRs
}

// askAround answers an authorize for a token that nobody is known to own. Only
// eMSPs whose agreement says so are asked, at most three; by default none, so
// that a stranger's token is not shown around.
func askAround(req Request, snap *party.Snapshot, now time.Time) Decision {
	var candidates []*party.Party
	for _, pl := range snap.Platforms() {
		for _, p := range pl.Parties {
			if len(candidates) == maxCandidates {
				break
			}
			g := snap.Agreement(req.From, p, party.ScopeAuthorize, now)
			if g != nil && g.AskOnUnknownToken && checkTarget(req, snap, p, now) == nil {
				candidates = append(candidates, p)
			}
		}
	}
	if len(candidates) == 0 {
		return refuse(ocpi.NotFound(ocpi.StatusUnknownToken, "token is not known"))
	}
	return Decision{Mode: Ask, Candidates: candidates}
}
