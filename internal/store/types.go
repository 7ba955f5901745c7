package store

import "github.com/eroam/eroam/ocpi"

// Times in this package are microseconds since 1970 in UTC; 0 means "none".

// PlatformRow is one connected system. Endpoints and Settings are JSON that
// package party writes and reads.
type PlatformRow struct {
	ID, Name    string
	State       string
	Offline     bool
	Hub         bool
	Version     string
	VersionsURL string
	Encoding    string
	Endpoints   []byte
	SealedToken []byte // what we send, sealed with a key outside the database
	Settings    []byte
	Created     int64
	Updated     int64
}

// CredentialRow is a token that we accept, as a keyed hash.
type CredentialRow struct {
	Hash     []byte
	Platform string
	Kind     string // "A": registration only, "C": full; party defines more
	Created  int64
	Expires  int64
}

// PartyRow is a role that the operator granted to a platform. Delivery is JSON
// that package party writes and reads.
type PartyRow struct {
	Party       ocpi.PartyID
	Role        string
	Platform    string
	Name        string
	Confirmed   bool
	Status      string
	LastUpdated int64
	Delivery    []byte
}

// AgreementRow lets two parties exchange messages. Body is JSON with the rest.
type AgreementRow struct {
	ID                 string
	CPO, EMSP          ocpi.PartyID
	ValidFrom, ValidTo int64
	Body               []byte
}

// Registry is everything that package party keeps, read at one moment.
type Registry struct {
	Revision    int64 // raised by each change, see Tx.RaiseRegistry
	Platforms   []PlatformRow
	Credentials []CredentialRow
	Parties     []PartyRow
	Agreements  []AgreementRow
}

// ObjectKey finds a published object. ID is in the form that ocpi.FoldID gives.
type ObjectKey struct {
	Kind  string // module id: locations, tariffs, tokens, sessions, cdrs, hubclientinfo
	Party ocpi.PartyID
	ID    string
}

// Object is the present state of a published object and its place in the feed.
type Object struct {
	ObjectKey
	Name        string // the id as its owner spells it
	Seq         int64  // place in the feed; grows with every accepted change, in commit order
	Loud        int64  // Seq of the last change that is to be broadcast
	Prev        int64  // Seq of the object before its last change; 0: there was none
	Born        int64  // Seq of the first acceptance, or of the first after a deletion; lists are ordered by it
	Version     string // OCPI version of Body
	LastUpdated int64  // the owner's last_updated
	Deleted     bool
	Audience    string // "" for everybody entitled, else the one party ("DE-EM1") it is for
	Hash        []byte // of the content without last_updated, as whoever puts the object makes it; nil: none
	Step        []byte // the last change as a push, encoded by package feed; nil: not known
	Body        []byte // as the owner wrote it, patches spliced in
}

// ListQuery selects objects that are not deleted, oldest Born first.
type ListQuery struct {
	Kind      string
	Owners    []ocpi.PartyID // nil: all; empty but not nil: none
	Audience  string         // "" : no filter; else only objects for that party or for everybody
	From, To  int64          // From <= LastUpdated < To; 0: no bound
	AfterBorn int64
	Offset    int
	Limit     int // 0: no limit
}

// Kinds of ids that both what is published and what is relayed teach.
const (
	OwnerOfToken    = "token"    // ID is an ocpi.TokenKey
	OwnerOfLocation = "location" // ID is folded
)

// OwnerRow says that a party was seen to own an id.
type OwnerRow struct {
	Kind  string // token, location, session, reservation, …
	ID    string // folded
	Party ocpi.PartyID
	Seen  int64
}

// Capability is a URL of ours that stands for a URL of a partner.
type Capability struct {
	ID          string // at least 128 random bits
	Kind        string // response, link, location
	Caller      string // platform that may call it
	CallerParty ocpi.PartyID
	Owner       string // platform whose URL it stands for
	OwnerParty  ocpi.PartyID
	Module      string
	Interface   string
	URL         string
	Created     int64
	Expires     int64
	Due         int64 // when a result is overdue; 0: none is expected; below 0: one has come
}
