package catalog

import (
	"context"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// entitled remembers, while the registry stays the same, whose objects a viewer
// may see: working it out looks at every party in the hub. It holds nothing that
// delivery.Visible would not say at this moment.
type entitled struct {
	mu       sync.Mutex
	snapshot *party.Snapshot
	until    time.Time // when an agreement begins or ends; zero: none does
	owners   map[viewKey][]ocpi.PartyID
}

// viewKey says for whom owners were worked out. With open agreements it is the
// same for a whole side.
type viewKey struct {
	module ocpi.Module
	viewer ocpi.PartyID
	side   ocpi.Side
}

// of drops what was remembered under another registry. e.mu is held.
func (e *entitled) of(s *party.Snapshot, now time.Time) {
	if e.snapshot == s && (e.until.IsZero() || now.Before(e.until)) {
		return
	}
	e.snapshot, e.until, e.owners = s, time.Time{}, make(map[viewKey][]ocpi.PartyID)
	for _, a := range s.Agreements() {
		for _, t := range [...]time.Time{a.ValidFrom, a.ValidTo} {
			if t.After(now) && (e.until.IsZero() || t.Before(e.until)) {
				e.until = t
			}
		}
	}
}

// ownersFor returns whose objects of a module the viewer may see. The list must
// not be changed.
func (c *Catalog) ownersFor(s *party.Snapshot, m ocpi.Module, viewer *party.Party, now time.Time) []ocpi.PartyID {
	side := m.Implementer(ocpi.Sender)
	if side == ocpi.AnySide {
		return []ocpi.PartyID{}
	}
	if viewer.Role.Side() == side {
		return []ocpi.PartyID{viewer.ID}
	}
	k := viewKey{m, viewer.ID, viewer.Role.Side()}
	if s.OpenAgreements && m.Standard(ocpi.V230) {
		k.viewer = ocpi.PartyID{}
	}
	e := &c.entitled
	e.mu.Lock()
	e.of(s, now)
	owners, known := e.owners[k]
	e.mu.Unlock()
	if known {
		return owners
	}
	owners = visibleOwners(s, m, viewer, now)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.snapshot == s {
		e.owners[k] = owners
	}
	return owners
}

func visibleOwners(s *party.Snapshot, m ocpi.Module, viewer *party.Party, now time.Time) []ocpi.PartyID {
	side := m.Implementer(ocpi.Sender)
	owners := []ocpi.PartyID{}
	seen := make(map[ocpi.PartyID]bool)
	for _, pl := range s.Platforms() {
		for _, p := range pl.Parties {
			if p.Role.Side() != side || seen[p.ID] {
				continue
			}
			seen[p.ID] = true
			if delivery.Visible(s, m, p.ID, viewer, now) {
				owners = append(owners, p.ID)
			}
		}
	}
	return owners
}

// infos returns every ClientInfo, oldest first. They are read each time: the
// commit of a status is seen by its receivers before the registry's snapshot
// changes, and a list must not be behind what they were told.
func (c *Catalog) infos(ctx context.Context) ([]store.Object, error) {
	infos, _, err := c.o.Store.List(ctx, store.ListQuery{Kind: string(ocpi.HubClientInfo)})
	return infos, err
}
