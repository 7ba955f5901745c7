package routing

import (
	"net/http"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// unreachable is the one answer for a receiver that does not exist, has no
// agreement with the sender, or is not entitled to the module, so that nobody
// can explore who is connected.
func unreachable() *ocpi.Error {
	return &ocpi.Error{Status: ocpi.StatusUnknownReceiver, Message: "receiver is unknown, or no agreement covers this message"}
}

// Decide says where req goes. It never returns a target without an agreement
// that is valid at the time now.
func Decide(req Request, snap *party.Snapshot, now time.Time) Decision {
	d := decide(req, snap, now)
	d.Scope = ScopeOf(req)
	return d
}

func decide(req Request, snap *party.Snapshot, now time.Time) Decision {
	switch {
	case req.To.IsZero():
		return openRoute(req, snap, now)
	case req.To == snap.Hub:
		return toHub(req, snap, now)
	}
	side := req.Module.Implementer(req.Interface)
	if side == ocpi.AnySide {
		side = req.From.Role.Side().Opposite()
	}
	return sendTo(req, snap, Direct, snap.Find(req.To, side, req.Module, req.Interface), now)
}

// sendTo forwards req to target. A CDR is taken as well when the target is away:
// the ledger delivers it later.
func sendTo(req Request, snap *party.Snapshot, mode Mode, target *party.Party, now time.Time) Decision {
	if !known(req, snap, target, now) {
		return refuse(unreachable())
	}
	away := unavailable(req, target)
	if bills(req) {
		return Decision{Mode: mode, Target: target, Bill: true, Away: away}
	}
	if away != nil {
		return refuse(away)
	}
	return Decision{Mode: mode, Target: target, Keep: keeps(req)}
}

// toHub handles messages that name the hub as their receiver.
func toHub(req Request, snap *party.Snapshot, now time.Time) Decision {
	switch {
	case publishes(req):
		return Decision{Mode: Broadcast}
	case listable(req):
		return Decision{Mode: List}
	case req.Interface == ocpi.Receiver && req.Method == http.MethodGet && stored(req.Module):
		return Decision{Mode: Get}
	case req.Module == ocpi.Sessions && req.Interface == ocpi.Receiver,
		req.Module == ocpi.CDRs && req.Interface == ocpi.Receiver && req.Method == http.MethodPost,
		req.Module == ocpi.Tokens && req.Interface == ocpi.Sender && req.Method == http.MethodPost,
		req.Module == ocpi.Locations && req.Interface == ocpi.Sender:
		return openRoute(req, snap, now)
	}
	return refuse(ocpi.Invalid("OCPI-to-party-id", "the hub is not a receiver of this message; name a party"))
}

// publishes reports whether req pushes an object that everybody entitled is to
// have (OCPI 2.2.1 §4.1.8.3). DELETE is missing from OCPI's list of broadcast
// verbs; without it a broadcast tariff could never be withdrawn.
func publishes(req Request) bool {
	if req.Interface != ocpi.Receiver || req.Method == http.MethodGet {
		return false
	}
	return req.Module == ocpi.Locations || req.Module == ocpi.Tariffs || req.Module == ocpi.Tokens
}

func stored(m ocpi.Module) bool {
	switch m {
	case ocpi.Locations, ocpi.Tariffs, ocpi.Tokens, ocpi.Sessions, ocpi.CDRs:
		return true
	}
	return false
}

// listable reports whether req asks for a list of objects that the hub stores.
func listable(req Request) bool {
	return req.Interface == ocpi.Sender && req.Method == http.MethodGet && len(req.Path) == 0 && stored(req.Module)
}

// checkTarget says why nothing can be sent to target, or nil.
func checkTarget(req Request, snap *party.Snapshot, target *party.Party, now time.Time) *ocpi.Error {
	if !known(req, snap, target, now) {
		return unreachable()
	}
	return unavailable(req, target)
}

// known reports whether target exists and an agreement lets req reach it.
func known(req Request, snap *party.Snapshot, target *party.Party, now time.Time) bool {
	return target != nil && (target.Confirmed || target.Platform.State != party.StateConnected) &&
		snap.Agreement(req.From, target, ScopeOf(req), now) != nil
}

// unavailable says why a known target cannot be sent req at present, or nil.
func unavailable(req Request, target *party.Party) *ocpi.Error {
	if !target.Reachable() || target.Status == party.Offline {
		return &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "receiver is not connected"}
	}
	if _, ok := target.Platform.Endpoint(req.Module, req.Interface); !ok {
		return &ocpi.Error{Status: ocpi.StatusHubError, Message: "receiver does not implement this interface of the module"}
	}
	return nil
}

// ScopeOf returns what an agreement must allow for req.
func ScopeOf(req Request) party.Scope {
	switch req.Module {
	case ocpi.Tokens:
		if req.Interface == ocpi.Sender && req.Method == http.MethodPost {
			return party.ScopeAuthorize
		}
	case ocpi.Commands:
		if len(req.Path) > 0 && (req.Path[0] == "RESERVE_NOW" || req.Path[0] == "CANCEL_RESERVATION") {
			return party.ScopeReservations
		}
	case ocpi.Bookings:
		return party.ScopeReservations
	case ocpi.Sessions:
		if req.Interface == ocpi.Sender && req.Method == http.MethodPut {
			return party.Scope(ocpi.ChargingProfiles)
		}
	}
	return party.Scope(req.Module)
}
