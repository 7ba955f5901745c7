package store

import (
	"errors"

	"github.com/eroam/eroam/ocpi"
)

// Errors of the ledger that callers tell apart with errors.Is.
var (
	// ErrUnbalanced says that the postings of a journal do not add up to 0 in
	// each currency.
	ErrUnbalanced = errors.New("store: the postings do not add up to 0")
	// ErrOverflow says that a sum of amounts is beyond 64 bits.
	ErrOverflow = errors.New("store: an amount is too large")
)

// States of a CDR and of its delivery that this package looks for. Package
// ledger has more.
const (
	CDRPresented = "presented" // DueApprovals
	CDRRefused   = "refused"   // has no part in LastRegister
	MailWaiting  = "waiting"   // DueMail, MailReceivers
	MailDead     = "dead"
)

// EventReceived is the kind of event that begins a CDR, EventOpened that of
// event 0.
const (
	EventReceived = "received"
	EventOpened   = "opened"
)

// LedgerCDR is a CDR as it stands now. Net and Gross are minor units of
// Currency, equal where the tax is not known; Energy and Register are 10⁻⁹ kWh.
type LedgerCDR struct {
	ID                          int64 // Seq of its first event of kind received: at least 1
	Owner                       ocpi.PartyID
	CDRID                       string // folded; unique with Owner
	Name                        string // the id as spelled
	EMSP                        ocpi.PartyID
	Version                     string // of OCPI
	Digest                      []byte // of the body as received
	Session, Token, EVSE, Meter string // folded, "" for none; Token is an ocpi.TokenKey
	Reference                   string // authorization_reference
	Started, Ended, Received    int64
	Currency                    string
	Net, Gross                  int64
	Energy                      int64
	Register                    int64 // the last meter reading, when HasRegister
	HasRegister                 bool
	Latitude, Longitude         int64 // of the place, 10⁻⁷ degrees, when HasPlace
	HasPlace                    bool
	CreditOf                    string // folded id of the original
	CreditedBy                  int64  // ID of the credit; 0: none
	// Evidence is the Seq of the event whose evidence counts: ID, or that of a
	// later reception. InsertCDR takes 0 for ID.
	Evidence       int64
	State          string
	Held           bool
	Deadline       int64  // of the approval; 0: none
	Posted         int64  // when its journal was posted; 0: not yet
	Mail           string // waiting, delivered, refused, dead, none
	Due, MailSince int64  // of the next attempt; since when it waits
	Attempts       int
	Answer         []byte // what the sender was told: JSON of package ledger
	Updated        int64
}

// LedgerEvent is a leaf of the log. Hash is the RFC 6962 hash of Leaf.
type LedgerEvent struct {
	Seq, CDR, At int64
	Kind         string
	Leaf, Hash   []byte
}

// LedgerNode is a stored node of the tree over the leaves: number N, from 0, at
// Level 8, 16, 24, …; it stands for the leaves N<<Level … (N+1)<<Level-1.
type LedgerNode struct {
	Level int
	N     int64
	Hash  []byte
}

// Checkpoint is a signed state of the log: note of the package
// golang.org/x/mod/sumdb/note.
type Checkpoint struct {
	Size, At int64
	Note     []byte
}

// Posting is one line of a journal. Amount is above 0 for a debit.
type Posting struct {
	ID                int64 // given by the store: 1, 2, 3, …
	Event, CDR, At    int64
	Account, Currency string
	Amount            int64
}

// Balance is the sum of the postings of an account in a currency.
type Balance struct {
	Account, Currency string
	Amount            int64
}

// TariffVersion is a tariff as the hub received it at a time. Body is nil where
// it was deleted.
type TariffVersion struct {
	Owner    ocpi.PartyID
	ID       string // folded
	Received int64
	Version  string // of OCPI
	Hash     []byte
	Deleted  bool
	Body     []byte
}

// Authorization is one that the hub has seen. Method is AUTH_REQUEST or COMMAND.
type Authorization struct {
	ID                         string
	At                         int64
	CPO, EMSP                  ocpi.PartyID
	Reference, Token, Contract string
	Location, Session, Method  string
}

// SessionWatch is a session of which a CDR is expected, one row each.
type SessionWatch struct {
	Owner                   ocpi.PartyID
	Session                 string // folded
	EMSP                    ocpi.PartyID
	Token, EVSE, Status     string
	Started, Ended, Updated int64
	CDR                     int64  // ID; 0: none yet
	Due                     int64  // when to look again; 0: never
	Raised                  string // ID of the finding that is open
}

// LedgerFinding is something that is wrong with what did not come: a missing
// CDR, a silent session.
type LedgerFinding struct {
	ID, Kind    string
	CPO, EMSP   ocpi.PartyID
	Session     string
	At, Cleared int64
	Text        string
}

// MeterKey is a public key with which the meter of an EVSE signs.
type MeterKey struct {
	Owner ocpi.PartyID
	EVSE  string // folded uid
	Key   string // as package ocmf reads it
	Since int64
}
