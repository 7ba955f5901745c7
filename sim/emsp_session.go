package sim

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

// serveSessions keeps sessions (OCPI 2.2.1 §9.2.2).
func (e *EMSP) serveSessions(_ context.Context, k *call) (*reply, error) {
	owner, err := e.owner(k, 3, 3)
	if err != nil {
		return nil, err
	}
	push, rep, err := e.pushSession(k, owner)
	if push != nil && e.onSession != nil {
		e.onSession(*push)
	}
	return rep, err
}

func (e *EMSP) pushSession(k *call, owner ocpi.PartyID) (*SessionPush, *reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := keyOf(owner, k.path[2])
	have := e.sessions[key]
	body := k.body
	var err error
	switch k.method {
	case http.MethodGet, http.MethodPatch:
		if have == nil {
			return nil, nil, ocpi.NotFound(ocpi.StatusInvalidParameters, "unknown session")
		}
		if k.method == http.MethodGet {
			return nil, &reply{data: have.body}, nil
		}
		if body, err = ocpi.MergePatch(have.body, k.body, ocpi.MergeRules(ocpi.Sessions, 0)); err != nil {
			return nil, nil, err
		}
	case http.MethodPut:
	default:
		return nil, nil, wrongMethod()
	}
	s, err := e.wire.readSession(body)
	if err != nil {
		return nil, nil, err
	}
	if s.Operator != owner || ocpi.FoldID(s.ID) != key.id {
		e.mismatch(ocpi.Sessions, owner, key.id, "body and URL differ")
		return nil, nil, ocpi.Invalid("id", "differs from the URL")
	}
	if have != nil && s.Updated.Before(have.read.Updated) {
		e.stale++
		return nil, nil, nil
	}
	e.checkObject(ocpi.Sessions, owner, s.ID, body)
	e.checkToken(ocpi.Sessions, owner, s.ID, s.Token, s.AuthorizationReference)
	next := &kept{body: body, read: s, pushes: 1}
	rep := &reply{http: http.StatusCreated}
	if have != nil {
		next.pushes, rep = have.pushes+1, nil
	}
	e.sessions[key] = next
	return &SessionPush{Session: s.copy(), Pushes: next.pushes}, rep, nil
}

// checkToken checks that a session or CDR is of one of our tokens and carries the
// reference that we gave; e.mu is held.
func (e *EMSP) checkToken(m ocpi.Module, owner ocpi.PartyID, id string, t TokenRef, reference string) {
	if t.Issuer != e.party.ID {
		e.mismatch(m, owner, id, "the token is of "+t.Issuer.String())
		return
	}
	key := tokenKey{t.Issuer, ocpi.FoldID(t.UID), t.Type}
	if _, ok := e.tokens[key]; !ok {
		e.mismatch(m, owner, id, "the token is not one of ours")
		return
	}
	if reference == "" {
		e.mismatch(m, owner, id, "no authorization_reference")
	} else if e.references[reference] != key {
		e.mismatch(m, owner, id, "the authorization_reference was not given for this token")
	}
}

// serveCDRs takes CDRs (OCPI 2.2.1 §10.2.2). A CDR that arrives again unchanged
// is acknowledged again and counts once.
func (e *EMSP) serveCDRs(_ context.Context, k *call) (*reply, error) {
	if k.method == http.MethodGet && len(k.path) == 3 {
		return e.getCDR(k)
	}
	if k.method != http.MethodPost || len(k.path) > 0 {
		return nil, wrongMethod()
	}
	c, err := e.wire.readCDR(k.body)
	if err != nil {
		return nil, err
	}
	if !k.from.IsZero() && k.from != c.Operator && k.from != e.peerParty() {
		return nil, ocpi.Invalid("party_id", "is not the sender")
	}
	path := "/" + string(e.cfg.Version) + k.endpoint.path() + "/" + c.Operator.CountryCode + "/" + c.Operator.ID + "/" + c.ID
	h := http.Header{}
	h.Set(ocpi.HeaderLocation, e.url(path))
	e.mu.Lock()
	defer e.mu.Unlock()
	key := keyOf(c.Operator, c.ID)
	if have := e.cdrs[key]; have != nil {
		if !bytes.Equal(have.body, k.body) {
			e.mismatch(ocpi.CDRs, c.Operator, c.ID, "arrived again with another content")
			return nil, ocpi.Invalid("id", "is taken by another CDR")
		}
		e.duplicates++
		return &reply{header: h}, nil
	}
	e.cdrs[key] = &keptCDR{body: k.body, read: c, path: path}
	e.checkObject(ocpi.CDRs, c.Operator, c.ID, k.body)
	e.checkCDR(c)
	return &reply{http: http.StatusCreated, header: h}, nil
}

func (e *EMSP) getCDR(k *call) (*reply, error) {
	owner, err := e.owner(k, 3, 3)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.cdrs[keyOf(owner, k.path[2])]
	if c == nil {
		return nil, ocpi.NotFound(ocpi.StatusInvalidParameters, "unknown CDR")
	}
	return &reply{data: c.body}, nil
}

// checkCDR compares a new CDR with its session, with the tariff that was
// published and with the price that follows from both; e.mu is held.
func (e *EMSP) checkCDR(c CDR) {
	wrong := func(format string, args ...any) {
		e.mismatch(ocpi.CDRs, c.Operator, c.ID, fmt.Sprintf(format, args...))
	}
	unfair := func(format string, args ...any) {
		e.note(c.Operator, c.ID, Mismatch{Module: ocpi.CDRs, What: fmt.Sprintf(format, args...), Price: true})
	}
	e.checkToken(ocpi.CDRs, c.Operator, c.ID, c.Token, c.AuthorizationReference)
	skey := keyOf(c.Operator, c.SessionID)
	if other, twice := e.billed[skey]; twice {
		wrong("its session is billed by %s already", other)
	}
	e.billed[skey] = c.ID
	switch s := e.sessions[skey]; {
	case s == nil:
		wrong("its session %s is not known", c.SessionID)
	case s.read.Status != SessionCompleted:
		wrong("its session is %s", s.read.Status)
	case s.read.Energy.Cmp(c.Usage.Energy) != 0:
		wrong("its energy is %s kWh, that of the session %s", c.Usage.Energy, s.read.Energy)
	case s.read.Cost == nil || !same(s.read.Cost.Net, c.Cost.Total.Net) || !same(s.read.Cost.Gross, c.Cost.Total.Gross):
		unfair("its cost differs from that of the session")
	}
	if c.Usage.Energy.IsNeg() || c.End.Before(c.Start) {
		wrong("energy or times are impossible")
	}
	var t Tariff
	switch len(c.Tariffs) {
	case 0:
	case 1:
		t = c.Tariffs[0]
		if published, ok := e.tariffs[keyOf(c.Operator, t.ID)]; !ok {
			wrong("its tariff %s was not published", t.ID)
		} else if !published.samePrices(t) {
			wrong("its tariff %s differs from the published one", t.ID)
		}
	default:
		wrong("has %d tariffs", len(c.Tariffs))
		return
	}
	cost, err := Price(t, c.Usage)
	if err != nil {
		wrong("cannot be priced: %v", err)
		return
	}
	if !same(cost.Total.Net, c.Cost.Total.Net) || !same(cost.Total.Gross, c.Cost.Total.Gross) {
		unfair("costs %s (%s with tax), its tariff gives %s (%s)", c.Cost.Total.Net, c.Cost.Total.Gross, cost.Total.Net, cost.Total.Gross)
	}
}

// rounding is by how much two amounts may differ that were rounded on the way:
// one unit of the last of four decimals.
var rounding = decimal.MustNew(1, places)

func same(a, b decimal.Decimal) bool {
	d, err := a.Sub(b)
	return err == nil && d.Abs().Cmp(rounding) <= 0
}

func (t Tariff) samePrices(u Tariff) bool {
	if t.Currency != u.Currency || t.TaxPercent.Cmp(u.TaxPercent) != 0 || len(t.Components) != len(u.Components) {
		return false
	}
	for i, c := range t.Components {
		d := u.Components[i]
		if c.Dimension != d.Dimension || c.StepSize != d.StepSize || c.Price.Cmp(d.Price) != 0 {
			return false
		}
	}
	return true
}
