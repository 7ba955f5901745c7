package party

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// state is the registry as committed. Once published it and everything in it is
// never changed; a draft replaces entries of a copy.
type state struct {
	revision   int64 // of the tables
	platforms  map[string]*record
	parties    map[partyKey]*partyRecord
	tokens     map[digest]*tokenRecord
	agreements map[string]*Agreement
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
	s := &state{
		revision:   rows.Revision,
		platforms:  make(map[string]*record, len(rows.Platforms)),
		parties:    make(map[partyKey]*partyRecord, len(rows.Parties)),
		tokens:     make(map[digest]*tokenRecord, len(rows.Credentials)),
		agreements: make(map[string]*Agreement, len(rows.Agreements)),
	}
	for _, row := range rows.Platforms {
		p, err := readPlatform(row, keys, now)
		if err != nil {
			return nil, fmt.Errorf("platform %s: %w", row.ID, err)
		}
		s.platforms[p.ID] = p
	}
	for _, row := range rows.Parties {
		k := partyKey{row.Party, ocpi.Role(row.Role)}
		delivery, err := readDelivery(row.Delivery)
		if err != nil {
			return nil, fmt.Errorf("party %s as %s: %w", row.Party, row.Role, err)
		}
		s.parties[k] = &partyRecord{
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
		s.tokens[t.hash] = t
	}
	for _, row := range rows.Agreements {
		a, err := readAgreement(row)
		if err != nil {
			return nil, fmt.Errorf("agreement %s: %w", row.ID, err)
		}
		s.agreements[a.ID] = a
	}
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
	for id, p := range s.platforms {
		if q := old.platforms[id]; q != nil {
			p.live = q.live
		}
	}
}

// view builds what the hot path reads.
func (s *state) view(hub ocpi.PartyID, open bool) *view {
	byID := make(map[string]*Platform, len(s.platforms))
	platforms := make([]*Platform, 0, len(s.platforms))
	for id, rec := range s.platforms {
		p := rec.Platform
		byID[id] = &p
		platforms = append(platforms, &p)
	}
	slices.SortFunc(platforms, func(a, b *Platform) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	for _, q := range s.parties {
		if p := byID[q.platform]; p != nil {
			p.Parties = append(p.Parties, &Party{
				ID: q.ID, Role: q.Role, Name: q.name, Platform: p,
				Confirmed: q.confirmed, Status: q.status, LastUpdated: q.lastUpdated,
				Delivery: q.delivery.value(),
			})
		}
	}
	for _, p := range platforms {
		slices.SortFunc(p.Parties, func(a, b *Party) int {
			return cmp.Or(cmp.Compare(a.ID.Joined(), b.ID.Joined()), cmp.Compare(a.Role, b.Role))
		})
	}
	agreements := slices.SortedFunc(maps.Values(s.agreements), func(a, b *Agreement) int { return cmp.Compare(a.ID, b.ID) })
	v := &view{snapshot: NewSnapshot(hub, open, platforms, agreements), tokens: make(map[digest]*credential, len(s.tokens))}
	v.snapshot.Revision = s.revision
	previous := make(map[string]bool)
	for _, t := range s.tokens {
		previous[t.platform] = previous[t.platform] || t.kind == KindPrevious
	}
	for hash, t := range s.tokens {
		if p := byID[t.platform]; p != nil {
			v.tokens[hash] = &credential{tokenRecord: t, platform: p, supersedes: t.kind == KindFull && previous[t.platform]}
		}
	}
	return v
}

// draft copies s for a change at the time now.
func (s *state) draft(now time.Time) *draft {
	return &draft{now: now, state: &state{
		revision:  s.revision + 1,
		platforms: maps.Clone(s.platforms), parties: maps.Clone(s.parties),
		tokens: maps.Clone(s.tokens), agreements: maps.Clone(s.agreements),
	}}
}

// of returns the parties of a platform, in order.
func (s *state) of(platform string) []*partyRecord {
	var out []*partyRecord
	for _, q := range s.parties {
		if q.platform == platform {
			out = append(out, q)
		}
	}
	slices.SortFunc(out, func(a, b *partyRecord) int {
		return cmp.Or(cmp.Compare(a.ID.Joined(), b.ID.Joined()), cmp.Compare(a.Role, b.Role))
	})
	return out
}

// tokensOf returns the tokens of a platform, in order.
func (s *state) tokensOf(platform string) []*tokenRecord {
	var out []*tokenRecord
	for _, t := range s.tokens {
		if t.platform == platform {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b *tokenRecord) int { return bytes.Compare(a.hash[:], b.hash[:]) })
	return out
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
