package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	Opened         Kind = "opened"          // the log began
	Received       Kind = "received"        // a CDR was accepted into the ledger
	Conflict       Kind = "conflict"        // its id came again with other content, which was refused
	Presented      Kind = "presented"       // its receiver took it, or can fetch it
	Refused        Kind = "refused"         // its receiver refused it, and its sender was told so: it does not count
	DeliveryFailed Kind = "delivery_failed" // its receiver refused it, or never took it, after its sender was told that it was accepted
	Held           Kind = "held"            // kept from approval by time
	Released       Kind = "released"        // not any more
	Approved       Kind = "approved"        // and posted
	Disputed       Kind = "disputed"
	Resolved       Kind = "resolved"
	Credited       Kind = "credited" // another CDR takes it back
	Found          Kind = "finding"  // a CDR that should have come has not
	Cleared        Kind = "cleared"  // it has now
)

// State is where a CDR stands in its life.
type State string

// The states.
const (
	StateValid     State = "valid"     // accepted, not delivered yet
	StateRefused   State = "refused"   // its receiver refused it; the id is free again
	StatePresented State = "presented" // delivered
	StateApproved  State = "approved"
	StateDisputed  State = "disputed"
	StateResolved  State = "resolved" // a dispute is over
)

// Leaf is what the verifiable log holds of an event. Its JSON is stored and
// hashed as it is; amounts are minor units of the currency.
type Leaf struct {
	V         int       `json:"v"`
	Kind      Kind      `json:"kind"`
	At        time.Time `json:"at"`
	Hub       string    `json:"hub,omitzero"`
	CPO       string    `json:"cpo,omitzero"`
	EMSP      string    `json:"emsp,omitzero"`
	CDR       string    `json:"cdr,omitzero"`      // id, as its owner spells it
	Digest    string    `json:"digest,omitzero"`   // SHA-256 of the CDR as it came in, hex
	Evidence  string    `json:"evidence,omitzero"` // SHA-256 of the findings and the explanation of the price, hex
	Session   string    `json:"session,omitzero"`
	Currency  string    `json:"currency,omitzero"`
	Net       int64     `json:"net,omitzero"`
	Gross     int64     `json:"gross,omitzero"`
	CreditOf  string    `json:"credit_of,omitzero"`
	CreditBy  string    `json:"credited_by,omitzero"`
	State     State     `json:"state,omitzero"`
	Held      bool      `json:"held,omitzero"`
	Actor     string    `json:"actor,omitzero"` // NL-CP1, hub or operator
	Reason    string    `json:"reason,omitzero"`
	Text      string    `json:"text,omitzero"`
	Findings  []string  `json:"findings,omitempty"` // "C18 hold overcharged"
	Postings  []Entry   `json:"postings,omitempty"`
	Reference string    `json:"reference,omitzero"` // of a finding
}

// Entry is a line of a journal: debits are positive, credits negative.
type Entry struct {
	Account  string `json:"account"`
	Currency string `json:"currency"`
	Amount   int64  `json:"amount"`
}

// ParseLeaf reads the JSON of a leaf.
func ParseLeaf(b []byte) (Leaf, error) {
	var l Leaf
	if err := json.Unmarshal(b, &l, json.RejectUnknownMembers(true)); err != nil {
		return l, fmt.Errorf("reading a leaf: %w", err)
	}
	return l, nil
}

func (l *Leaf) bytes() ([]byte, error) {
	b, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("writing a leaf: %w", err)
	}
	return b, nil
}

// leafOf begins a leaf about a CDR.
func leafOf(kind Kind, at time.Time, c *store.LedgerCDR, actor string) Leaf {
	return Leaf{
		V: 1, Kind: kind, At: at.UTC().Truncate(time.Microsecond),
		CPO: c.Owner.String(), EMSP: c.EMSP.String(), CDR: c.Name,
		State: State(c.State), Held: c.Held, Actor: actor,
	}
}

// record adds a leaf to the log. It returns its place.
func record(tx *store.Tx, cdr int64, l *Leaf) (int64, error) {
	b, err := l.bytes()
	if err != nil {
		return 0, err
	}
	e := store.LedgerEvent{CDR: cdr, At: l.At.UnixMicro(), Kind: string(l.Kind), Leaf: b}
	if err := tx.AppendEvent(&e); err != nil {
		return 0, err
	}
	return e.Seq, nil
}

func hexDigest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// actors that are no party.
const (
	ActorHub      = "hub"
	ActorOperator = "operator"
)

func partyOf(s string) (ocpi.PartyID, bool) {
	p, err := ocpi.ParsePartyString(s)
	return p, err == nil
}
