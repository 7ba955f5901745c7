package sim

import (
	"context"
	"maps"
	"net/http"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// asked returns the operators whose objects a list is to hold: the one that is
// addressed, or all where nobody is.
func (c *CPO) asked(k *call) []*operator {
	if op := c.byParty[k.to]; op != nil {
		return []*operator{op}
	}
	if k.to.IsZero() {
		return c.operators
	}
	return nil
}

func (c *CPO) serveLocations(_ context.Context, k *call) (*reply, error) {
	if k.method != http.MethodGet {
		return nil, wrongMethod()
	}
	if len(k.path) > 0 {
		return c.serveLocation(k)
	}
	var all []listed
	for _, op := range c.asked(k) {
		for _, s := range op.sites {
			now := s.snapshot()
			all = append(all, listed{now.Updated, func() []byte { return encode(locationOf(c.wire, op.Operator, now)) }})
		}
	}
	return c.page(k, all)
}

// serveLocation answers for one location, EVSE or connector.
func (c *CPO) serveLocation(k *call) (*reply, error) {
	unknown := ocpi.NotFound(ocpi.StatusUnknownLocation, "unknown location")
	var found *reply
	for _, op := range c.asked(k) {
		s := op.byID[ocpi.FoldID(k.path[0])]
		if s == nil {
			continue
		}
		l := locationOf(c.wire, op.Operator, s.snapshot())
		if len(k.path) == 1 {
			return &reply{data: encode(l)}, nil
		}
		for _, e := range l.EVSEs {
			if ocpi.FoldID(e.UID) != ocpi.FoldID(k.path[1]) {
				continue
			}
			if len(k.path) == 2 {
				return &reply{data: encode(e)}, nil
			}
			for _, conn := range e.Connectors {
				if len(k.path) == 3 && ocpi.FoldID(conn.ID) == ocpi.FoldID(k.path[2]) {
					found = &reply{data: encode(conn)}
				}
			}
		}
	}
	if found == nil {
		return nil, unknown
	}
	return found, nil
}

func (c *CPO) serveTariffs(_ context.Context, k *call) (*reply, error) {
	if k.method != http.MethodGet || len(k.path) > 0 {
		return nil, wrongMethod()
	}
	var all []listed
	for _, op := range c.asked(k) {
		for _, t := range op.Tariffs {
			all = append(all, listed{t.Updated, func() []byte { return encode(c.wire.tariff(op.Party, t)) }})
		}
	}
	return c.page(k, all)
}

// serveSessions lists the sessions of the eMSP that asks, and takes charging
// preferences.
func (c *CPO) serveSessions(_ context.Context, k *call) (*reply, error) {
	if k.method == http.MethodPut && len(k.path) == 2 && k.path[1] == "charging_preferences" {
		op := c.addressee(k)
		if op == nil || !c.active(op, k.path[0]) {
			return nil, ocpi.NotFound(ocpi.StatusInvalidParameters, "unknown session")
		}
		return &reply{data: encode("NOT_POSSIBLE")}, nil
	}
	if k.method != http.MethodGet || len(k.path) > 0 {
		return nil, wrongMethod()
	}
	if !k.query.Has("date_from") {
		return nil, ocpi.Invalid("date_from", "is required")
	}
	var all []listed
	for _, b := range c.Sessions() {
		if c.mayRead(k, b.Session.Operator, b.Session.Token) {
			all = append(all, listed{b.Session.Updated, func() []byte { return encode(c.wire.session(b.Session)) }})
		}
	}
	return c.page(k, all)
}

func (c *CPO) serveCDRs(_ context.Context, k *call) (*reply, error) {
	if k.method != http.MethodGet || len(k.path) > 0 {
		return nil, wrongMethod()
	}
	var all []listed
	for _, b := range c.Sessions() {
		if b.CDR != nil && c.mayRead(k, b.CDR.Operator, b.CDR.Token) {
			all = append(all, listed{b.CDR.Updated, func() []byte { return encode(c.wire.cdr(*b.CDR)) }})
		}
	}
	return c.page(k, all)
}

// mayRead reports whether a session or CDR is for the eyes of whoever asks: the
// eMSP of its token, or a hub, which knows what to do with it.
func (c *CPO) mayRead(k *call, op ocpi.PartyID, t TokenRef) bool {
	return (k.to.IsZero() || k.to == op) && (k.from.IsZero() || k.from == t.Issuer || k.from == c.peerParty())
}

// serveTokens keeps the tokens of eMSPs (OCPI 2.2.1 §12.2.1).
func (c *CPO) serveTokens(_ context.Context, k *call) (*reply, error) {
	if len(k.path) != 3 {
		return nil, wrongMethod()
	}
	issuer, err := ocpi.ParsePartyID(k.path[0], k.path[1])
	if err != nil {
		return nil, err
	}
	kind := k.query.Get("type")
	if kind == "" {
		kind = string(v221.RFID)
	}
	key := tokenKey{issuer, ocpi.FoldID(k.path[2]), kind}
	c.mu.Lock()
	defer c.mu.Unlock()
	have, known := c.tokens[key]
	switch {
	case k.method == http.MethodGet && known:
		return &reply{data: encode(tokenOf(have))}, nil
	case k.method == http.MethodPut:
	case k.method == http.MethodPatch && known:
	case k.method == http.MethodGet || k.method == http.MethodPatch:
		return nil, ocpi.NotFound(ocpi.StatusUnknownToken, "unknown token")
	default:
		return nil, wrongMethod()
	}
	b := v221.Token{}
	if k.method == http.MethodPatch {
		b = tokenOf(have)
	}
	if err := unmarshal(k.body, &b); err != nil {
		return nil, err
	}
	t, err := readToken(b)
	if err != nil {
		return nil, err
	}
	if t.Issuer != issuer || ocpi.FoldID(t.UID) != key.uid || t.Type != kind {
		return nil, ocpi.Invalid("uid", "differs from the URL")
	}
	c.tokens[key] = t
	if known {
		return nil, nil
	}
	return &reply{http: http.StatusCreated}, nil
}

// serveClientInfo keeps which parties are connected to the hub (OCPI 2.2.1 §15.4.2).
func (c *CPO) serveClientInfo(_ context.Context, k *call) (*reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return clientInfo(k, c.clients)
}

// clientInfo answers for the hubclientinfo module of either role.
func clientInfo(k *call, clients map[ocpi.PartyID]string) (*reply, error) {
	if len(k.path) != 2 {
		return nil, wrongMethod()
	}
	id, err := ocpi.ParsePartyID(k.path[0], k.path[1])
	if err != nil {
		return nil, err
	}
	if k.method != http.MethodPut {
		return nil, wrongMethod()
	}
	var info v221.ClientInfo
	if err := unmarshal(k.body, &info); err != nil {
		return nil, err
	}
	if !id.Is(info.CountryCode, info.PartyID) {
		return nil, ocpi.Invalid("party_id", "differs from the URL")
	}
	clients[id] = string(info.Status)
	return nil, nil
}

// Clients returns the parties that the hub has told about, with their status.
func (c *CPO) Clients() map[ocpi.PartyID]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.clients)
}
