package party

import (
	"slices"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// State is where a platform stands in its life.
type State string

// The states of a platform.
const (
	StatePlanned   State = "PLANNED"   // invited or about to be connected; nothing is relayed
	StateConnected State = "CONNECTED" // credentials were exchanged
	StateSuspended State = "SUSPENDED" // stopped by the operator or by its own DELETE; data is kept
)

// Status is a ConnectionStatus of HubClientInfo (OCPI 2.2.1 §15.4.2).
type Status string

// The connection statuses.
const (
	Connected Status = "CONNECTED"
	Offline   Status = "OFFLINE"
	Planned   Status = "PLANNED"
	Suspended Status = "SUSPENDED"
)

// EndpointKey finds an endpoint of a platform.
type EndpointKey struct {
	Module    ocpi.Module
	Interface ocpi.Interface
}

// Platform is a connected system with one pair of tokens. A Platform that was
// taken from a [Snapshot] is never changed; a change makes a new one.
type Platform struct {
	ID          string
	Name        string
	State       State
	Offline     bool // connected, but it did not answer when last asked
	Hub         bool // another hub: the parties behind it are routed through it
	Version     ocpi.Version
	VersionsURL string
	Encoding    ocpi.TokenEncoding // as configured or pinned
	Endpoints   map[EndpointKey]string
	Token       string // what we send; never logged
	Parties     []*Party
	Limits      Limits
	Pull        PullSettings

	Created, Updated time.Time
	live             *live // shared by all snapshots; nil outside a Registry
}

// Limits bound what one platform may use. Zero means the default of the hub.
type Limits struct {
	RequestsPerSecond float64 `json:"requests_per_second,omitempty"`
	Burst             int     `json:"burst,omitempty"`
	Concurrent        int     `json:"concurrent,omitempty"`
}

// Party is one (country code, party id, role) that the operator granted to a
// platform. The triple is unique in the hub.
type Party struct {
	ID          ocpi.PartyID
	Role        ocpi.Role
	Name        string
	Platform    *Platform
	Confirmed   bool // named in the roles of the last credentials exchange
	Status      Status
	LastUpdated time.Time // of Status
	Delivery    DeliverySettings
}

// Reachable reports whether requests may be sent to p.
func (p *Party) Reachable() bool {
	return p.Confirmed && p.Platform.State == StateConnected && p.Status != Suspended && p.Status != Planned
}

// Endpoint returns the URL of an endpoint that the platform advertised.
func (p *Platform) Endpoint(m ocpi.Module, i ocpi.Interface) (url string, ok bool) {
	url, ok = p.Endpoints[EndpointKey{m, i}]
	return url, ok
}

// Scope is one thing that an agreement can allow: a module id, or one of the
// finer words below.
type Scope string

// Scopes that are not module ids.
const (
	ScopeAuthorize    Scope = "authorize"    // real-time authorisation (POST tokens/…/authorize)
	ScopeReservations Scope = "reservations" // RESERVE_NOW, CANCEL_RESERVATION and bookings
)

// Agreement lets a CPO and a party of the provider's side exchange messages.
type Agreement struct {
	ID                 string
	CPO, EMSP          ocpi.PartyID
	Scope              []Scope   // empty: everything that OCPI defines; a custom module must be named
	ValidFrom, ValidTo time.Time // zero: no bound; ValidTo is exclusive
	AskOnUnknownToken  bool      // an authorize for a token that nobody is known to own may be asked of this eMSP
	CDRDelivery        string
	ApproveAfter       *time.Duration // how long the eMSP may dispute a CDR; nil: the hub's default
	Currency           string         // of CDRs; empty: any
	CDRChecks          []byte         // JSON of check.Settings in package ledger/check; nil: its defaults
}

// CDRs are delivered in one of these ways, see [Agreement.CDRDelivery].
const (
	DeliverStore = "store" // the hub keeps a CDR and delivers it until it is taken; also ""
	DeliverRelay = "relay" // it only passes it on
)

// Allows reports whether a covers scope s at the time now. The empty scope asks
// only whether a is valid.
func (a *Agreement) Allows(s Scope, now time.Time) bool {
	if !a.ValidFrom.IsZero() && now.Before(a.ValidFrom) {
		return false
	}
	if !a.ValidTo.IsZero() && !now.Before(a.ValidTo) {
		return false
	}
	if len(a.Scope) == 0 || s == "" {
		return s.defined()
	}
	return slices.Contains(a.Scope, s)
}

// defined reports whether s stands for something that OCPI defines.
func (s Scope) defined() bool {
	return s == "" || s == ScopeAuthorize || s == ScopeReservations || ocpi.Module(s).Standard(ocpi.V230)
}

type pair struct{ cpo, emsp ocpi.PartyID }

// Snapshot is who is connected and who may talk to whom at one moment. It is
// immutable; the hot path reads it without a lock.
type Snapshot struct {
	Hub            ocpi.PartyID
	OpenAgreements bool  // every CPO with every provider
	Revision       int64 // of the tables that it was made of, see store.Registry
	platforms      []*Platform
	byID           table[string, *Platform]
	parties        table[ocpi.PartyID, []*Party]
	agreements     map[pair][]*Agreement
	all            []*Agreement
}

// NewSnapshot builds the indexes. Platforms and agreements must not be changed
// afterwards.
func NewSnapshot(hub ocpi.PartyID, open bool, platforms []*Platform, agreements []*Agreement) *Snapshot {
	s := &Snapshot{
		Hub: hub, OpenAgreements: open, platforms: platforms, all: agreements,
	}
	byID, parties := make(map[string]*Platform, len(platforms)), make(map[ocpi.PartyID][]*Party)
	for _, p := range platforms {
		byID[p.ID] = p
		for _, q := range p.Parties {
			parties[q.ID] = append(parties[q.ID], q)
		}
	}
	s.byID.base, s.parties.base = byID, parties
	s.agreements = byPair(agreements)
	return s
}

func byPair(agreements []*Agreement) map[pair][]*Agreement {
	out := make(map[pair][]*Agreement, len(agreements))
	for _, a := range agreements {
		k := pair{a.CPO, a.EMSP}
		out[k] = append(out[k], a)
	}
	return out
}

// Platforms returns all platforms, in no particular order.
func (s *Snapshot) Platforms() []*Platform { return s.platforms }

// Agreements returns all agreements, valid now or not.
func (s *Snapshot) Agreements() []*Agreement { return s.all }

// Platform finds a platform by its id; nil when there is none.
func (s *Snapshot) Platform(id string) *Platform { return s.byID.get(id) }

// Parties returns every role that id has in the hub.
func (s *Snapshot) Parties(id ocpi.PartyID) []*Party { return s.parties.get(id) }

// Find returns the party id on the given side. Where one id has several roles
// on that side, one whose platform implements the interface is preferred, so
// that NL-TNM may be EMSP and NSP on two platforms. nil when there is none.
func (s *Snapshot) Find(id ocpi.PartyID, side ocpi.Side, m ocpi.Module, i ocpi.Interface) *Party {
	var found *Party
	for _, p := range s.parties.get(id) {
		if side != ocpi.AnySide && p.Role.Side() != side {
			continue
		}
		if _, ok := p.Platform.Endpoint(m, i); ok && p.Reachable() {
			return p
		}
		if found == nil {
			found = p
		}
	}
	return found
}

// Agreement returns the agreement that allows s between two parties now, in
// either order of the arguments' sides, or nil. With open agreements it is an
// agreement over everything that OCPI defines.
func (s *Snapshot) Agreement(a, b *Party, scope Scope, now time.Time) *Agreement {
	sa, sb := a.Role.Side(), b.Role.Side()
	if sa == sb || sa == ocpi.AnySide || sb == ocpi.AnySide {
		return nil
	}
	k := pair{a.ID, b.ID}
	if sa == ocpi.SideEMSP {
		k = pair{b.ID, a.ID}
	}
	for _, g := range s.agreements[k] {
		if g.Allows(scope, now) {
			return g
		}
	}
	if s.OpenAgreements && openAgreement.Allows(scope, now) {
		return &openAgreement
	}
	return nil
}

// openAgreement stands for every pair when agreements are open.
var openAgreement = Agreement{ID: "open"}

// Related reports whether a and b have any agreement that is valid now.
func (s *Snapshot) Related(a, b *Party, now time.Time) bool {
	sa, sb := a.Role.Side(), b.Role.Side()
	if sa == sb {
		return false
	}
	if s.OpenAgreements {
		return true
	}
	k := pair{a.ID, b.ID}
	if sa == ocpi.SideEMSP {
		k = pair{b.ID, a.ID}
	}
	for _, g := range s.agreements[k] {
		if (g.ValidFrom.IsZero() || !now.Before(g.ValidFrom)) && (g.ValidTo.IsZero() || now.Before(g.ValidTo)) {
			return true
		}
	}
	return false
}

// Reaches reports whether a party of platform p and q have an agreement that is
// valid now.
func (s *Snapshot) Reaches(p *Platform, q *Party, now time.Time) bool {
	for _, mine := range p.Parties {
		if s.Related(mine, q, now) {
			return true
		}
	}
	return false
}
