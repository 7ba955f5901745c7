package party

import (
	"fmt"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// draft is a change in the making: the next version of the state, and what has to
// be written so that the database says the same. Entries are replaced, never edited.
type draft struct {
	*state
	before  *state
	touched map[string]bool // platforms of which something is not as before
	agreed  bool            // an agreement is not as before
	now     time.Time
	ops     []func(tx *store.Tx) error
}

func (d *draft) write(op func(tx *store.Tx) error) { d.ops = append(d.ops, op) }

// platform returns a copy of a platform to edit and put back.
func (d *draft) platform(id string) (record, error) {
	p := d.platforms.get(id)
	if p == nil {
		return record{}, fmt.Errorf("platform %s: %w", id, ErrNotFound)
	}
	return *p, nil
}

func (d *draft) putPlatform(p record) {
	p.Updated = d.now
	d.platforms.set(p.ID, &p)
	d.touched[p.ID] = true
	d.write(func(tx *store.Tx) error {
		row, err := p.row()
		if err != nil {
			return err
		}
		return tx.PutPlatform(row)
	})
}

// deletePlatform removes a platform with its parties and tokens. Its parties'
// ClientInfo stays as SUSPENDED: OCPI cannot delete one (OCPI 2.2.1 §15.2.1).
func (d *draft) deletePlatform(id string) {
	for _, q := range d.of(id) {
		d.removeParty(q)
	}
	for _, t := range d.tokensOf(id) {
		d.dropToken(t)
	}
	d.platforms.drop(id)
	d.touched[id] = true
	d.write(func(tx *store.Tx) error { return tx.DeletePlatform(id) })
}

func (d *draft) putToken(t tokenRecord) {
	d.setToken(&t)
	d.write(func(tx *store.Tx) error {
		return tx.PutCredential(store.CredentialRow{
			Hash: t.hash[:], Platform: t.platform, Kind: string(t.kind),
			Created: micros(t.created), Expires: micros(t.expires),
		})
	})
}

func (d *draft) deleteToken(t *tokenRecord) {
	d.dropToken(t)
	d.write(func(tx *store.Tx) error {
		_, err := tx.DeleteCredential(t.hash[:])
		return err
	})
}

// spendToken deletes a token that may be used once. When it is no longer there
// the whole change fails with 401.
func (d *draft) spendToken(hash digest) error {
	t := d.tokens.get(hash)
	if t == nil {
		return ocpi.Unauthorized()
	}
	d.dropToken(t)
	d.write(func(tx *store.Tx) error {
		there, err := tx.DeleteCredential(hash[:])
		if err == nil && !there {
			return ocpi.Unauthorized()
		}
		return err
	})
	return nil
}

// putParty writes a party and, where its status is new, its ClientInfo.
func (d *draft) putParty(p partyRecord) {
	old := d.parties.get(p.partyKey)
	announce := old == nil || old.status != p.status
	q := &p
	d.setParty(q)
	d.write(func(tx *store.Tx) error {
		if announce {
			at, err := putClientInfo(tx, q.partyKey, q.status, d.now)
			if err != nil {
				return err
			}
			q.lastUpdated = at
		}
		delivery, err := q.delivery.row()
		if err != nil {
			return fmt.Errorf("party %s as %s: %w", q.ID, q.Role, err)
		}
		return tx.PutParty(store.PartyRow{
			Delivery: delivery,
			Party:    q.ID, Role: string(q.Role), Platform: q.platform, Name: q.name,
			Confirmed: q.confirmed, Status: string(q.status), LastUpdated: micros(q.lastUpdated),
		})
	})
}

// removeParty ends a grant. The ClientInfo stays as SUSPENDED.
func (d *draft) removeParty(p *partyRecord) {
	d.dropParty(p)
	d.write(func(tx *store.Tx) error {
		if p.status != Suspended {
			if _, err := putClientInfo(tx, p.partyKey, Suspended, d.now); err != nil {
				return err
			}
		}
		return tx.DeleteParty(p.ID, string(p.Role))
	})
}

// setStatuses gives every party of a platform the status that next returns.
func (d *draft) setStatuses(platform string, next func(p partyRecord) partyRecord) {
	for _, q := range d.of(platform) {
		if n := next(*q); n != *q {
			d.putParty(n)
		}
	}
}
