package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// caller is whose token a request carries: the operator's, or that of a
// connected platform. The zero caller is nobody.
type caller struct {
	operator bool
	platform *party.Platform
}

type callerKey struct{}

func withCaller(r *http.Request, c caller) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// who is how the audit calls the caller.
func (c caller) who() string {
	if c.operator {
		return adminCredential
	}
	return "platform " + c.platform.ID
}

// actor is for whom a request is made. A party acts only on the sides that are
// granted to the platform: NL-CP1 may be a CPO here and a provider elsewhere.
type actor struct {
	operator  bool
	party     ocpi.PartyID // zero for the operator
	cpo, emsp bool         // sides of party
}

// actors returns the parties of the caller with their sides, in order; the
// operator is one alone.
func (c caller) actors() []actor {
	if c.operator {
		return []actor{{operator: true}}
	}
	var all []actor
	if c.platform == nil {
		return nil
	}
	for _, p := range c.platform.Parties {
		side := p.Role.Side()
		if side == ocpi.AnySide {
			continue
		}
		i := slices.IndexFunc(all, func(a actor) bool { return a.party == p.ID })
		if i < 0 {
			i, all = len(all), append(all, actor{party: p.ID})
		}
		all[i].cpo = all[i].cpo || side == ocpi.SideCPO
		all[i].emsp = all[i].emsp || side == ocpi.SideEMSP
	}
	slices.SortFunc(all, func(a, b actor) int { return strings.Compare(a.party.String(), b.party.String()) })
	return all
}

// named returns the actors that a request is made for: the one that it names, in
// the place "query.party" or "body.party", else all.
func (c caller) named(name, place string) ([]actor, error) {
	all := c.actors()
	if name == "" {
		return all, nil
	}
	refuse := func(message string) error {
		return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: place, Message: message})
	}
	if c.operator {
		return nil, refuse("is for platforms; the operator acts in its own name")
	}
	id, err := ocpi.ParsePartyString(name)
	if err != nil {
		return nil, refuse("must be a party such as NL-CP1")
	}
	for _, a := range all {
		if a.party == id {
			return []actor{a}, nil
		}
	}
	return nil, huma.Error403Forbidden(fmt.Sprintf("%s is not a party of this platform.", id))
}

// one returns the only actor that a request can be made for.
func (c caller) one(name, place string) (actor, error) {
	some, err := c.named(name, place)
	switch {
	case err != nil:
		return actor{}, err
	case len(some) == 1:
		return some[0], nil
	case len(some) == 0:
		return actor{}, huma.Error403Forbidden("This platform has no party with CDRs.")
	}
	var names []string
	for _, a := range some {
		names = append(names, a.party.String())
	}
	return actor{}, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{
		Location: place, Message: "say for which of your parties: " + strings.Join(names, ", "),
	})
}

// sees reports whether a CDR, or whatever is between two parties, is the
// actor's to see.
func (a actor) sees(cpo, emsp ocpi.PartyID) bool {
	return a.operator || a.cpo && a.party == cpo || a.emsp && a.party == emsp
}

// accounts are the ledger accounts of the actor; nil for the operator, who sees
// all.
func (a actor) accounts() (names []string) {
	if a.cpo {
		names = append(names, "cpo:"+a.party.String(), "tax:"+a.party.String())
	}
	if a.emsp {
		names = append(names, "emsp:"+a.party.String())
	}
	return names
}

// pairs are the sides of CDRs to look for: any for the operator, else the actor's
// own, each within what the request asks for. None: nothing can match.
func (a actor) pairs(cpo, emsp *ocpi.PartyID) (out [][2]*ocpi.PartyID) {
	if a.operator {
		return [][2]*ocpi.PartyID{{cpo, emsp}}
	}
	if a.cpo && (cpo == nil || *cpo == a.party) {
		out = append(out, [2]*ocpi.PartyID{&a.party, emsp})
	}
	if a.emsp && (emsp == nil || *emsp == a.party) {
		out = append(out, [2]*ocpi.PartyID{cpo, &a.party})
	}
	return out
}

// merged reads a page of rows that several queries select, in order and each
// once.
func merged[T any](pairs [][2]*ocpi.PartyID, limit int, order func(a, b T) int, read func(cpo, emsp *ocpi.PartyID) ([]T, error)) ([]T, error) {
	var rows []T
	for _, p := range pairs {
		some, err := read(p[0], p[1])
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	if len(pairs) > 1 {
		slices.SortFunc(rows, order)
		rows = slices.CompactFunc(rows, func(a, b T) bool { return order(a, b) == 0 })
	}
	return rows[:min(len(rows), limit)], nil
}

// Between selects by the two sides of a CDR.
type Between struct {
	CPO  string `query:"cpo" example:"NL-CP1" doc:"Only of this operator"`
	EMSP string `query:"emsp" example:"DE-EM1" doc:"Only of this provider"`
}

func (p Between) ids() (cpo, emsp *ocpi.PartyID, err error) {
	for _, f := range []struct {
		name, text string
		id         **ocpi.PartyID
	}{{"cpo", p.CPO, &cpo}, {"emsp", p.EMSP, &emsp}} {
		if f.text == "" {
			continue
		}
		id, err := ocpi.ParsePartyString(f.text)
		if err != nil {
			return nil, nil, queryProblem(ocpi.Invalid(f.name, "must be a party such as NL-CP1"))
		}
		*f.id = &id
	}
	return cpo, emsp, nil
}

// For names the party that a platform acts for.
type For struct {
	Party string `query:"party" maxLength:"6" example:"NL-CP1" doc:"With the token of a platform that has several parties: for which one; not for the operator"`
}

// auditRow notes something that the caller did.
func (c caller) auditRow(action, reason string, detail []byte) store.AuditRow {
	return store.AuditRow{Who: c.who(), Action: action, Reason: reason, Detail: detail, Count: 1}
}

// turns bounds how many requests of one platform are under way. The zero value is
// ready.
type turns struct {
	mu      sync.Mutex
	running map[string]int // by platform; those that have any
}

// perPlatform is how many requests of one platform may be under way here. An
// export is one, however long it takes.
const perPlatform = 8

// enter takes a place for a request; leave gives it back. The operator always
// gets one.
func (t *turns) enter(c caller) (leave func(), ok bool) {
	if c.operator {
		return func() {}, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running == nil {
		t.running = map[string]int{}
	}
	id := c.platform.ID
	if t.running[id] >= perPlatform {
		return nil, false
	}
	t.running[id]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.running[id]--; t.running[id] == 0 {
			delete(t.running, id)
		}
	}, true
}
