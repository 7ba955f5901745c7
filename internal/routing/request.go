// Package routing decides where a request goes. It is pure: it reads a request,
// a snapshot of who is connected and what is known of the owners of ids, and
// returns a [Decision]. It does no I/O and keeps no state.
//
// OCPI tells its four routing modes apart by the TO headers alone (OCPI 2.2.1
// §4.1.8):
//
//   - direct: TO names a party; the request is forwarded to it.
//   - broadcast push: TO names the hub, or nobody where an object of everybody's
//     interest is pushed; it is stored and sent to every entitled party.
//   - open routing: TO is absent; the hub finds the party from the content.
//   - GET all: TO names the hub on a list; it is answered from stored objects.
package routing

import (
	"net/url"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Request is what routing looks at.
type Request struct {
	Module    ocpi.Module
	Interface ocpi.Interface
	Method    string
	Path      []string // unescaped segments below the endpoint
	Query     url.Values
	From      *party.Party // the sender, already established
	To        ocpi.PartyID // zero when the TO headers are absent
	FromHub   bool         // the sender's platform is a hub
	Content   Content
	Known     []ocpi.PartyID // parties known to own what [Lookup] names
}

// Content is what a body says about where its message belongs.
type Content struct {
	TokenParty    ocpi.PartyID // cdr_token of a session or CDR
	LocationID    string
	SessionID     string
	ReservationID string
	TokenType     string
}

// Kinds of ids whose owners the hub remembers.
const (
	KindToken       = store.OwnerOfToken    // FoldID(uid)/TYPE, owned by an eMSP
	KindLocation    = store.OwnerOfLocation // owned by a CPO
	KindSession     = "session"             // owned by a CPO
	KindDriver      = "driver"              // CPO and session id, owned by the eMSP whose driver charges
	KindReservation = "reservation"         // provider and reservation id, owned by the CPO that accepted it
	KindProfile     = "profile"             // CPO and session id, owned by the party that last set a charging profile
)

// Key names an id whose owner open routing needs to know.
type Key struct{ Kind, ID string }

// Mode is what is to be done with a request.
type Mode uint8

// The modes.
const (
	Refuse    Mode = iota // answer Decision.Err
	Direct                // forward to Target, named by the sender
	Open                  // forward to Target, found from the content
	Ask                   // ask Candidates who knows the token
	Broadcast             // publish: store and send to every entitled party
	List                  // answer a list from stored objects
	Get                   // answer one object from stored objects
)

func (m Mode) String() string {
	return [...]string{"refuse", "direct", "open", "ask", "broadcast", "list", "get"}[m]
}

// Decision is where a request goes and why.
type Decision struct {
	Mode       Mode
	Target     *party.Party
	Candidates []*party.Party
	Scope      party.Scope // what the agreement must allow
	Keep       bool        // a session that the hub keeps as evidence and for GET all of its audience
	Bill       bool        // a CDR that goes through the ledger, which keeps it
	Away       *ocpi.Error // with Bill: why Target cannot be sent it now
	Err        *ocpi.Error
}

func refuse(err *ocpi.Error) Decision { return Decision{Mode: Refuse, Err: err} }
