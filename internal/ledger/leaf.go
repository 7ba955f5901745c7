package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

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

// bytes writes the leaf as json.Marshal does; reflection takes several times as
// long, and each event is written while others wait for the transaction.
func (l *Leaf) bytes() ([]byte, error) {
	w := leafWriter{b: strconv.AppendInt(append(make([]byte, 0, 1024), `{"v":`...), int64(l.V), 10)}
	w.b = append(w.b, `,"kind":`...)
	w.quote(string(l.Kind))
	w.b = append(l.At.AppendFormat(append(w.b, `,"at":"`...), time.RFC3339Nano), '"')
	w.text("hub", l.Hub)
	w.text("cpo", l.CPO)
	w.text("emsp", l.EMSP)
	w.text("cdr", l.CDR)
	w.text("digest", l.Digest)
	w.text("evidence", l.Evidence)
	w.text("session", l.Session)
	w.text("currency", l.Currency)
	w.number("net", l.Net)
	w.number("gross", l.Gross)
	w.text("credit_of", l.CreditOf)
	w.text("credited_by", l.CreditBy)
	w.text("state", string(l.State))
	if l.Held {
		w.b = append(w.b, `,"held":true`...)
	}
	w.text("actor", l.Actor)
	w.text("reason", l.Reason)
	w.text("text", l.Text)
	w.list("findings", len(l.Findings), func(i int) { w.quote(l.Findings[i]) })
	w.list("postings", len(l.Postings), func(i int) {
		p := &l.Postings[i]
		w.b = append(w.b, `{"account":`...)
		w.quote(p.Account)
		w.b = append(w.b, `,"currency":`...)
		w.quote(p.Currency)
		w.b = append(strconv.AppendInt(append(w.b, `,"amount":`...), p.Amount, 10), '}')
	})
	w.text("reference", l.Reference)
	if w.err != nil {
		return nil, fmt.Errorf("writing a leaf: %w", w.err)
	}
	return append(w.b, '}'), nil
}

// leafWriter appends members of a JSON object that are not empty.
type leafWriter struct {
	b   []byte
	err error // a text is not UTF-8
}

func (w *leafWriter) quote(s string) {
	b, err := jsontext.AppendQuote(w.b, s)
	if err != nil {
		w.err = err
		return
	}
	w.b = b
}

func (w *leafWriter) name(s string) { w.b = append(append(append(w.b, `,"`...), s...), `":`...) }

func (w *leafWriter) text(name, s string) {
	if s != "" {
		w.name(name)
		w.quote(s)
	}
}

func (w *leafWriter) number(name string, n int64) {
	if n != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

func (w *leafWriter) list(name string, n int, item func(i int)) {
	if n == 0 {
		return
	}
	w.name(name)
	for i := range n {
		w.b = append(w.b, "[,"[min(i, 1)])
		item(i)
	}
	w.b = append(w.b, ']')
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
