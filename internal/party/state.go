package party

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// state is the registry as committed. Once published it and everything in it is
// never changed; a draft is its next version.
type state struct {
	revision   int64 // of the tables of the database
	platforms  table[string, *record]
	parties    table[partyKey, *partyRecord]
	tokens     table[digest, *tokenRecord]
	agreements table[string, *Agreement]
	holdings   table[string, holding] // of parties and tokens by platform
}

// holding is what belongs to one platform, in order.
type holding struct {
	parties []*partyRecord
	tokens  []*tokenRecord
}

// record is a platform without its parties, and its token as it is stored.
type record struct {
	Platform
	sealed []byte
}

// partyKey is the triple that is unique in the hub.
type partyKey struct {
	ID   ocpi.PartyID
	Role ocpi.Role
}

type partyRecord struct {
	partyKey
	platform    string
	name        string
	confirmed   bool
	status      Status
	lastUpdated time.Time
	delivery    *DeliverySettings // nil: all defaults; never changed
}

type tokenRecord struct {
	hash             digest
	platform         string
	kind             TokenKind
	created, expires time.Time // expires: zero for never
}

func (t *tokenRecord) expired(now time.Time) bool {
	return !t.expires.IsZero() && !now.Before(t.expires)
}

func (t *tokenRecord) full() bool { return t.kind == KindFull }

// credential is a token as the hot path sees it.
type credential struct {
	*tokenRecord
	platform   *Platform
	supersedes bool // full, and a previous one is still alive: to be ended at first use
}

// settings is the JSON of PlatformRow.Settings.
type settings struct {
	Limits Limits       `json:"limits,omitzero"`
	Pull   PullSettings `json:"pull,omitzero"`
}

// endpoint is an element of PlatformRow.Endpoints and of version details.
type endpoint struct {
	Identifier string `json:"identifier"`
	Role       string `json:"role"`
	URL        string `json:"url"`
}

func readState(rows store.Registry, keys *keyring, now time.Time) (*state, error) {
	s := &state{revision: rows.Revision}
	platforms, parties := make(map[string]*record, len(rows.Platforms)), make(map[partyKey]*partyRecord, len(rows.Parties))
	tokens, agreements := make(map[digest]*tokenRecord, len(rows.Credentials)), make(map[string]*Agreement, len(rows.Agreements))
	for _, row := range rows.Platforms {
		p, err := readPlatform(row, keys, now)
		if err != nil {
			return nil, fmt.Errorf("platform %s: %w", row.ID, err)
		}
		platforms[p.ID] = p
	}
	for _, row := range rows.Parties {
		k := partyKey{row.Party, ocpi.Role(row.Role)}
		delivery, err := readDelivery(row.Delivery)
		if err != nil {
			return nil, fmt.Errorf("party %s as %s: %w", row.Party, row.Role, err)
		}
		parties[k] = &partyRecord{
			partyKey: k, platform: row.Platform, name: row.Name, confirmed: row.Confirmed,
			status: Status(row.Status), lastUpdated: fromMicros(row.LastUpdated), delivery: delivery,
		}
	}
	for _, row := range rows.Credentials {
		if len(row.Hash) != len(digest{}) {
			return nil, fmt.Errorf("a credential of platform %s has %d bytes, want %d", row.Platform, len(row.Hash), len(digest{}))
		}
		t := &tokenRecord{
			hash: digest(row.Hash), platform: row.Platform, kind: TokenKind(row.Kind),
			created: fromMicros(row.Created), expires: fromMicros(row.Expires),
		}
		tokens[t.hash] = t
	}
	for _, row := range rows.Agreements {
		a, err := readAgreement(row)
		if err != nil {
			return nil, fmt.Errorf("agreement %s: %w", row.ID, err)
		}
		agreements[a.ID] = a
	}
	s.platforms.base, s.parties.base, s.tokens.base, s.agreements.base = platforms, parties, tokens, agreements
	s.holdings.base = hold(parties, tokens)
	return s, nil
}

func readPlatform(row store.PlatformRow, keys *keyring, now time.Time) (*record, error) {
	token, err := keys.unseal(row.ID, row.SealedToken)
	if err != nil {
		return nil, err
	}
	p := &record{sealed: row.SealedToken, Platform: Platform{
		ID: row.ID, Name: row.Name, State: State(row.State), Offline: row.Offline, Hub: row.Hub,
		Version: ocpi.Version(row.Version), VersionsURL: row.VersionsURL, Encoding: ocpi.TokenEncoding(row.Encoding),
		Token: token, Created: fromMicros(row.Created), Updated: fromMicros(row.Updated), live: newLive(now),
	}}
	if len(row.Endpoints) > 0 {
		var list []endpoint
		if err := json.Unmarshal(row.Endpoints, &list); err != nil {
			return nil, fmt.Errorf("endpoints: %w", err)
		}
		p.Endpoints = make(map[EndpointKey]string, len(list))
		for _, e := range list {
			p.Endpoints[EndpointKey{ocpi.Module(e.Identifier), ocpi.Interface(e.Role)}] = e.URL
		}
	}
	if len(row.Settings) > 0 {
		var set settings
		if err := json.Unmarshal(row.Settings, &set); err != nil {
			return nil, fmt.Errorf("settings: %w", err)
		}
		p.Limits, p.Pull = set.Limits, set.Pull
	}
	return p, nil
}

// row is the inverse of readPlatform.
func (p *record) row() (store.PlatformRow, error) {
	list := make([]endpoint, 0, len(p.Endpoints))
	for k, url := range p.Endpoints {
		list = append(list, endpoint{string(k.Module), string(k.Interface), url})
	}
	slices.SortFunc(list, func(a, b endpoint) int {
		return cmp.Or(cmp.Compare(a.Identifier, b.Identifier), cmp.Compare(a.Role, b.Role))
	})
	endpoints, err := json.Marshal(list)
	if err != nil {
		return store.PlatformRow{}, fmt.Errorf("endpoints of platform %s: %w", p.ID, err)
	}
	set, err := json.Marshal(settings{Limits: p.Limits, Pull: p.Pull})
	if err != nil {
		return store.PlatformRow{}, fmt.Errorf("settings of platform %s: %w", p.ID, err)
	}
	return store.PlatformRow{
		ID: p.ID, Name: p.Name, State: string(p.State), Offline: p.Offline, Hub: p.Hub,
		Version: string(p.Version), VersionsURL: p.VersionsURL, Encoding: string(p.Encoding),
		Endpoints: endpoints, SealedToken: p.sealed, Settings: set,
		Created: micros(p.Created), Updated: micros(p.Updated),
	}, nil
}

// keepLive carries what is known only in memory over from old.
func (s *state) keepLive(old *state) {
	for id, p := range s.platforms.all() {
		if q := old.platforms.get(id); q != nil {
			p.live = q.live
		}
	}
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
