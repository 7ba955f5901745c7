package delivery

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// standing is what decides, beside who is connected, about what a receiver is
// entitled to: the version it speaks, the modules it implements, its filter, its
// agreements. It goes with the cursor of its lane into the database, so that
// what changed while no process had the lane is noticed. It is not changed.
type standing struct {
	Version ocpi.Version `json:"version"`
	Modules []string     `json:"modules,omitempty"` // that are published to it, in order
	// Filter has no settings but those that select objects.
	Filter party.DeliverySettings `json:"filter"`
	Open   bool                   `json:"open,omitzero"` // agreements are open
	Rights map[string]rights      `json:"rights,omitempty"`
}

// rights are the kinds of objects that an agreement allows to be sent: one letter
// each, in the order of kinds.
type rights string

// kinds are the modules whose objects are published.
var kinds = [...]struct {
	module ocpi.Module
	letter string
}{{ocpi.HubClientInfo, "i"}, {ocpi.Locations, "l"}, {ocpi.Tariffs, "t"}, {ocpi.Tokens, "k"}}

// standingOf returns what me is entitled to at the time now, under those
// agreements that name it.
func standingOf(me *party.Party, open bool, agreements []*party.Agreement, now time.Time) *standing {
	d := &me.Delivery
	s := &standing{
		Version: me.Platform.Version, Open: open,
		Filter: party.DeliverySettings{Countries: d.Countries, Parties: d.Parties, BBox: d.BBox, PublishOnly: d.PublishOnly},
	}
	for _, k := range kinds {
		if _, ok := me.Platform.Endpoint(k.module, ocpi.Receiver); ok && takes(me.Role, k.module) {
			s.Modules = append(s.Modules, string(k.module))
		}
	}
	held := make(map[ocpi.PartyID][]*party.Agreement)
	for _, a := range agreements {
		switch {
		case me.Role.Side() == ocpi.SideCPO && a.CPO == me.ID:
			held[a.EMSP] = append(held[a.EMSP], a)
		case me.Role.Side() == ocpi.SideEMSP && a.EMSP == me.ID:
			held[a.CPO] = append(held[a.CPO], a)
		}
	}
	for id, list := range held {
		var r rights
		for _, k := range kinds {
			scope := party.Scope(k.module)
			if k.module == ocpi.HubClientInfo {
				scope = "" // any agreement will do
			}
			if takes(me.Role, k.module) && slices.ContainsFunc(list, func(a *party.Agreement) bool { return a.Allows(scope, now) }) {
				r += rights(k.letter)
			}
		}
		if r != "" {
			if s.Rights == nil {
				s.Rights = make(map[string]rights, len(held))
			}
			s.Rights[id.String()] = r
		}
	}
	return s
}

// takes reports whether objects of a module are sent to a role (OCPI 2.2.1
// §4.1.8.3): locations and tariffs to EMSP, NSP, OTHER and NAP, tokens to CPOs,
// client infos to everybody.
func takes(role ocpi.Role, m ocpi.Module) bool {
	switch m {
	case ocpi.Locations, ocpi.Tariffs:
		switch role {
		case ocpi.RoleEMSP, ocpi.RoleNSP, ocpi.RoleOther, ocpi.RoleNAP:
			return true
		}
	case ocpi.Tokens:
		return role == ocpi.RoleCPO
	case ocpi.HubClientInfo:
		return true
	}
	return false
}

// had reports whether a receiver of this standing was entitled to the object, as
// far as that can be told without it.
func (s *standing) had(key store.ObjectKey) bool {
	m := ocpi.Module(key.Kind)
	if !slices.Contains(s.Modules, key.Kind) || !selects(&s.Filter, m, key.Party) {
		return false
	}
	if s.Open {
		return true
	}
	for _, k := range kinds {
		if k.module == m {
			return s.Rights[key.Party.String()].has(k.letter)
		}
	}
	return false
}

func (r rights) has(letter string) bool {
	for i := range r {
		if string(r[i]) == letter {
			return true
		}
	}
	return false
}

// exceeds reports whether a receiver of this standing may be entitled to objects
// to which it was not entitled by the other.
func (s *standing) exceeds(other *standing) bool {
	if s.Version != other.Version || s.Open && !other.Open || !sameFilter(&s.Filter, &other.Filter) {
		return true
	}
	for _, m := range s.Modules {
		if !slices.Contains(other.Modules, m) {
			return true
		}
	}
	if s.Open {
		return false
	}
	for id, r := range s.Rights {
		had := other.Rights[id]
		if r == had || other.Open {
			continue
		}
		for i := range r {
			if !had.has(string(r[i])) {
				return true
			}
		}
	}
	return false
}

// without returns s without the rights and modules that now lacks: what ended in
// between, and may have begun again, counts as new. The filter stays.
func (s *standing) without(now *standing) *standing {
	if s == nil || s.Open && now.Open && slices.Equal(s.Modules, now.Modules) {
		return s
	}
	out := &standing{Version: s.Version, Filter: s.Filter, Open: s.Open && now.Open}
	for _, m := range s.Modules {
		if slices.Contains(now.Modules, m) {
			out.Modules = append(out.Modules, m)
		}
	}
	of := s.Rights
	if s.Open {
		of = now.Rights // it had all of them
	}
	for id, r := range of {
		var both rights
		for i := range r {
			if now.Open || now.Rights[id].has(string(r[i])) {
				both += r[i : i+1]
			}
		}
		if both != "" {
			if out.Rights == nil {
				out.Rights = make(map[string]rights, len(of))
			}
			out.Rights[id] = both
		}
	}
	if out.same(s) {
		return s
	}
	return out
}

func (s *standing) same(other *standing) bool {
	return s.Version == other.Version && slices.Equal(s.Modules, other.Modules) && sameFilter(&s.Filter, &other.Filter) &&
		s.Open == other.Open && maps.Equal(s.Rights, other.Rights)
}

// encode returns s as readStanding reads it; about 15 bytes an agreement.
func (s *standing) encode() ([]byte, error) {
	b, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("writing what a receiver is entitled to: %w", err)
	}
	return b, nil
}

// readStanding reads what encode wrote; nil for nothing. An error is one of the
// data: it is then not known what the receiver was entitled to.
func readStanding(b []byte) (*standing, error) {
	if len(b) == 0 {
		return nil, nil
	}
	s := new(standing)
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("reading what a receiver was entitled to: %w", err)
	}
	return s, nil
}
