package sim

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// EMSPConfig is a simulated e-mobility service provider.
type EMSPConfig struct {
	Config
	Party ocpi.PartyID
	Title string // its name for people
	// Tokens are what its drivers have. Issuer and IssuerName are filled in.
	Tokens []Token
	// OnSession, which may be nil, is called after each push of a session. It
	// must not block.
	OnSession func(SessionPush)
}

// SessionPush is a session after a push, and how many pushes there were.
type SessionPush struct {
	Session Session
	Pushes  int
}

// EMSP is an e-mobility service provider: it keeps what operators publish, and
// checks every session and CDR against what it knows.
type EMSP struct {
	*Platform
	party     Party
	onSession func(SessionPush)

	mu         sync.Mutex // of what follows
	tokens     map[tokenKey]Token
	order      []tokenKey
	references map[string]tokenKey // authorization references that were given out
	locations  map[objectKey]*v221.Location
	tariffs    map[objectKey]Tariff
	sessions   map[objectKey]*kept
	cdrs       map[objectKey]*keptCDR
	billed     map[objectKey]string // session to the CDR that billed it
	clients    map[ocpi.PartyID]string
	commands   map[string]*Command
	mismatches []Mismatch
	duplicates int // CDRs that arrived again, unchanged
	stale      int // pushes older than what was there
}

// objectKey names an object of an operator.
type objectKey struct {
	owner ocpi.PartyID
	id    string
}

func keyOf(owner ocpi.PartyID, id string) objectKey { return objectKey{owner, ocpi.FoldID(id)} }

// kept is a session as it was pushed.
type kept struct {
	body   []byte
	read   Session
	pushes int
}

type keptCDR struct {
	body []byte
	read CDR
	path string
}

// Mismatch is something that an eMSP got and that is not right.
type Mismatch struct {
	Module ocpi.Module `json:"module"`
	Object string      `json:"object"` // owner and id
	What   string      `json:"what"`
	// Price is true where all of the object arrived as it was sent, as far as can be
	// told, and the operator asks for more or less than its tariff says.
	Price bool `json:"price,omitzero"`
}

// maxMismatches bounds the list, so that a broken partner does not fill memory.
const maxMismatches = 10_000

// NewEMSP starts an eMSP. It listens when NewEMSP returns; nobody knows it before
// it is registered.
func NewEMSP(cfg EMSPConfig) (*EMSP, error) {
	if cfg.Title == "" {
		cfg.Title = cfg.Party.String()
	}
	e := &EMSP{
		party: Party{ID: cfg.Party, Role: ocpi.RoleEMSP, Name: cfg.Title}, onSession: cfg.OnSession,
		tokens: make(map[tokenKey]Token), references: make(map[string]tokenKey), locations: make(map[objectKey]*v221.Location),
		tariffs: make(map[objectKey]Tariff), sessions: make(map[objectKey]*kept), cdrs: make(map[objectKey]*keptCDR),
		billed: make(map[objectKey]string), clients: make(map[ocpi.PartyID]string), commands: make(map[string]*Command),
	}
	for _, t := range cfg.Tokens {
		t.Issuer, t.IssuerName = cfg.Party, cfg.Title
		if t.Updated.IsZero() {
			t.Updated = cfg.Clock.Now()
		}
		k := tokenKey{t.Issuer, ocpi.FoldID(t.UID), t.Type}
		if _, twice := e.tokens[k]; twice {
			return nil, fmt.Errorf("token %s occurs twice", t.UID)
		}
		e.tokens[k] = t
		e.order = append(e.order, k)
	}
	var err error
	if e.Platform, err = newPlatform(cfg.Config, []Party{e.party}); err != nil {
		return nil, err
	}
	e.handlers[endpoint{ocpi.Locations, ocpi.Receiver}] = e.serveLocations
	e.handlers[endpoint{ocpi.Tariffs, ocpi.Receiver}] = e.serveTariffs
	e.handlers[endpoint{ocpi.Sessions, ocpi.Receiver}] = e.serveSessions
	e.handlers[endpoint{ocpi.CDRs, ocpi.Receiver}] = e.serveCDRs
	e.handlers[endpoint{ocpi.Tokens, ocpi.Sender}] = e.serveTokens
	e.handlers[endpoint{ocpi.Commands, ocpi.Sender}] = e.serveResults
	e.handlers[endpoint{ocpi.HubClientInfo, ocpi.Receiver}] = e.serveClientInfo
	return e, e.start()
}

// Party returns the eMSP's party.
func (e *EMSP) Party() ocpi.PartyID { return e.party.ID }

// Tokens returns the eMSP's tokens of one type, in the order they were given.
func (e *EMSP) Tokens(kind string) []Token {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Token
	for _, k := range e.order {
		if k.kind == kind {
			out = append(out, e.tokens[k])
		}
	}
	return out
}

// PublishTokens pushes all tokens to the peer: to all operators where the peer is
// a hub.
func (e *EMSP) PublishTokens(ctx context.Context) error {
	var jobs []func() error
	e.mu.Lock()
	for _, k := range e.order {
		t := e.tokens[k]
		jobs = append(jobs, func() error { return e.putToken(ctx, t) })
	}
	e.mu.Unlock()
	return parallel(jobs, publishers, nil)
}

func (e *EMSP) putToken(ctx context.Context, t Token) error {
	_, err := e.send(ctx, request{
		endpoint: endpoint{ocpi.Tokens, ocpi.Receiver}, method: http.MethodPut,
		path: []string{t.Issuer.CountryCode, t.Issuer.ID, t.UID}, query: query("type", t.Type),
		body: encode(tokenOf(t)), from: t.Issuer, to: e.peerParty(), retry: untilDone,
	})
	if err != nil {
		return fmt.Errorf("publishing a token of %s: %w", t.Issuer, err)
	}
	return nil
}

// mismatch notes one; e.mu is held.
func (e *EMSP) mismatch(m ocpi.Module, owner ocpi.PartyID, id, what string) {
	e.note(owner, id, Mismatch{Module: m, What: what})
}

func (e *EMSP) note(owner ocpi.PartyID, id string, mm Mismatch) {
	mm.Object = owner.String() + "/" + id
	if len(e.mismatches) < maxMismatches {
		e.mismatches = append(e.mismatches, mm)
	}
	e.log.Warn("a partner's object is not right", "module", mm.Module, "party", owner.String(), "id", id, "what", mm.What)
}

// checkObject notes an object that is not as its specification says; e.mu is held.
// It is kept all the same, as real systems do.
func (e *EMSP) checkObject(m ocpi.Module, owner ocpi.PartyID, id string, body []byte) {
	if err := e.wire.check(m, body); err != nil {
		e.mismatch(m, owner, id, "is not valid: "+ocpi.AsError(err).Message)
	}
}

// Received says what an eMSP has got.
type Received struct {
	Locations  int `json:"locations"`
	EVSEs      int `json:"evses"`
	Tariffs    int `json:"tariffs"`
	Sessions   int `json:"sessions"`
	CDRs       int `json:"cdrs"`
	Duplicates int `json:"duplicates"` // CDRs that came again and were the same
	Stale      int `json:"stale"`      // pushes of an older state than the eMSP had; ignored
}

// Received counts what the eMSP keeps.
func (e *EMSP) Received() Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := Received{
		Locations: len(e.locations), Tariffs: len(e.tariffs), Sessions: len(e.sessions), CDRs: len(e.cdrs),
		Duplicates: e.duplicates, Stale: e.stale,
	}
	for _, l := range e.locations {
		r.EVSEs += len(l.EVSEs)
	}
	return r
}

// Mismatches returns what was not right, in the order it arrived.
func (e *EMSP) Mismatches() []Mismatch {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Mismatch(nil), e.mismatches...)
}

// Location returns the eMSP's copy of a location.
func (e *EMSP) Location(owner ocpi.PartyID, id string) (v221.Location, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.locations[keyOf(owner, id)]
	if l == nil {
		return v221.Location{}, false
	}
	return *l, true
}

// Free returns the EVSEs that a driver can start by app now, as far as the eMSP
// knows, in no order.
func (e *EMSP) Free() []Place {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []Place
	for k, l := range e.locations {
		for _, evse := range l.EVSEs {
			if evse.Status == v221.Available && slices.Contains(evse.Capabilities, "REMOTE_START_STOP_CAPABLE") {
				out = append(out, Place{Operator: k.owner, Location: l.ID, EVSE: evse.UID})
			}
		}
	}
	return out
}

// Session returns the eMSP's copy of a session.
func (e *EMSP) Session(owner ocpi.PartyID, id string) (Session, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.sessions[keyOf(owner, id)]
	if s == nil {
		return Session{}, false
	}
	return s.read.copy(), true
}

// CDRs returns all CDRs that the eMSP keeps, in no order.
func (e *EMSP) CDRs() []CDR {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make([]CDR, 0, len(e.cdrs))
	for _, c := range e.cdrs {
		out = append(out, c.read)
	}
	return out
}

// Clients returns the parties that the hub has told about, with their status.
func (e *EMSP) Clients() map[ocpi.PartyID]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.clients)
}

func (e *EMSP) serveClientInfo(_ context.Context, k *call) (*reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return clientInfo(k, e.clients)
}

// owner reads country code and party id of a client-owned object's URL, and
// checks that whoever pushes is that party or the hub.
func (e *EMSP) owner(k *call, least, most int) (ocpi.PartyID, error) {
	if len(k.path) < least || len(k.path) > most {
		return ocpi.PartyID{}, wrongMethod()
	}
	id, err := ocpi.ParsePartyID(k.path[0], k.path[1])
	if err != nil {
		return id, err
	}
	if !k.from.IsZero() && k.from != id && k.from != e.peerParty() {
		return id, ocpi.Invalid("party_id", "the URL names another party than the sender")
	}
	return id, nil
}
