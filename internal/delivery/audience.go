package delivery

import (
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Visible reports whether viewer may read objects of a module that owner
// published: the owner itself always, the other side with an agreement whose
// scope holds the module. Sessions and CDRs have, besides, an audience of one
// that the caller checks. An owner that is no longer in the hub shows nothing.
func Visible(s *party.Snapshot, m ocpi.Module, owner ocpi.PartyID, viewer *party.Party, now time.Time) bool {
	side := m.Implementer(ocpi.Sender)
	if side == ocpi.AnySide {
		return false
	}
	if viewer.Role.Side() == side {
		return viewer.ID == owner
	}
	for _, p := range s.Parties(owner) {
		if p.Role.Side() == side {
			return s.Agreement(p, viewer, party.Scope(m), now) != nil
		}
	}
	return false
}

// Knows reports whether viewer may see the connection status of subject in a
// role: it has an agreement with it in any of its roles. The last status of a
// party that has left can be seen by those who would have one with it still.
// Nobody is told about itself.
func Knows(s *party.Snapshot, subject ocpi.PartyID, role ocpi.Role, viewer *party.Party, now time.Time) bool {
	parties := s.Parties(subject)
	if len(parties) == 0 {
		stand := &party.Party{ID: subject, Role: role}
		if !s.OpenAgreements && viewer.Role.Side() == role.Side() {
			stand.Role = ocpi.RoleCPO // it may have had the other role too
			if role == ocpi.RoleCPO {
				stand.Role = ocpi.RoleEMSP
			}
		}
		return s.Related(stand, viewer, now)
	}
	related := false
	for _, p := range parties {
		if p.ID == viewer.ID && p.Platform.ID == viewer.Platform.ID {
			return false
		}
		related = related || s.Related(p, viewer, now)
	}
	return related
}

// wants reports whether the object is to be sent to the party me: what its role
// takes, client infos once per platform to whom they concern; only where the
// platform implements the module, never to the platform of the owner itself, and
// nothing from behind a hub to a hub.
func wants(s *party.Snapshot, me *party.Party, key store.ObjectKey, now time.Time) bool {
	m := ocpi.Module(key.Kind)
	if _, ok := me.Platform.Endpoint(m, ocpi.Receiver); !ok || !selects(&me.Delivery, m, key.Party) {
		return false
	}
	for _, p := range s.Parties(key.Party) {
		if p.ID == me.ID && p.Platform.ID == me.Platform.ID || p.Platform.Hub && me.Platform.Hub {
			return false
		}
	}
	switch m {
	case ocpi.Locations, ocpi.Tariffs, ocpi.Tokens:
		return takes(me.Role, m) && Visible(s, m, key.Party, me, now)
	case ocpi.HubClientInfo:
		role := ocpi.Role(strings.ToUpper(key.ID))
		for _, p := range me.Platform.Parties {
			if p.Reachable() && Knows(s, key.Party, role, p, now) {
				return p.ID == me.ID && p.Role == me.Role
			}
		}
	}
	return false
}

// told reports whether objects of a kind are for everybody entitled; sessions
// and CDRs are not.
func told(kind string) bool {
	switch ocpi.Module(kind) {
	case ocpi.Locations, ocpi.Tariffs, ocpi.Tokens, ocpi.HubClientInfo:
		return true
	}
	return false
}

// receives reports whether p can be sent anything that is published.
func receives(p *party.Party) bool {
	if !p.Reachable() || p.Role.Side() == ocpi.AnySide {
		return false
	}
	for _, m := range [...]ocpi.Module{ocpi.Locations, ocpi.Tariffs, ocpi.Tokens, ocpi.HubClientInfo} {
		if _, ok := p.Platform.Endpoint(m, ocpi.Receiver); ok {
			return true
		}
	}
	return false
}

// nextBound returns when the next of the agreements begins or ends after now;
// a day from now when none does before that.
func nextBound(agreements []*party.Agreement, now time.Time) time.Time {
	next := now.Add(24 * time.Hour)
	for _, a := range agreements {
		for _, t := range [...]time.Time{a.ValidFrom, a.ValidTo} {
			if t.After(now) && t.Before(next) {
				next = t
			}
		}
	}
	return next
}

// view is a snapshot with its agreements by party.
type view struct {
	snapshot   *party.Snapshot
	agreements map[ocpi.PartyID][]*party.Agreement
}

// standing is what me is entitled to at the time now.
func (v *view) standing(me *party.Party, now time.Time) *standing {
	return standingOf(me, v.snapshot.OpenAgreements, v.agreements[me.ID], now)
}

// look returns who is connected now. The agreements by party are worked out once
// for all lanes, and only when one has changed.
func (d *Delivery) look() *view {
	s := d.o.Registry.Snapshot()
	old := d.view.Load()
	if old != nil && old.snapshot == s {
		return old
	}
	v := &view{snapshot: s}
	if old != nil && slices.Equal(old.snapshot.Agreements(), s.Agreements()) {
		v.agreements = old.agreements
	} else {
		v.agreements = make(map[ocpi.PartyID][]*party.Agreement)
		for _, a := range s.Agreements() {
			v.agreements[a.CPO] = append(v.agreements[a.CPO], a)
			if a.EMSP != a.CPO {
				v.agreements[a.EMSP] = append(v.agreements[a.EMSP], a)
			}
		}
	}
	d.view.Store(v)
	return v
}
