package store

import (
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

const partyColumns = `country, party, role, platform, name, confirmed, status, last_updated, delivery`

const sqlPutParty = `INSERT INTO party (` + partyColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
	ON CONFLICT (country, party, role) DO UPDATE SET platform = excluded.platform,
		name = excluded.name, confirmed = excluded.confirmed, status = excluded.status,
		last_updated = excluded.last_updated, delivery = excluded.delivery`

// PutParty inserts the party or replaces the one with its id and role; the new
// row may name another platform.
func (tx *Tx) PutParty(p PartyRow) error {
	err := tx.send(sqlPutParty, p.Party.CountryCode, p.Party.ID, p.Role, p.Platform,
		p.Name, p.Confirmed, p.Status, p.LastUpdated, blob(p.Delivery))
	if err != nil {
		return fmt.Errorf("storing party %s as %s: %w", p.Party, p.Role, err)
	}
	return nil
}

const sqlDeleteParty = `DELETE FROM party WHERE country = $1 AND party = $2 AND role = $3`

// DeleteParty removes one role of a party. It is no error when there is none.
func (tx *Tx) DeleteParty(id ocpi.PartyID, role string) error {
	if err := tx.send(sqlDeleteParty, id.CountryCode, id.ID, role); err != nil {
		return fmt.Errorf("deleting party %s as %s: %w", id, role, err)
	}
	return nil
}

func partyFields(p *PartyRow) []any {
	return []any{&p.Party.CountryCode, &p.Party.ID, &p.Role, &p.Platform,
		&p.Name, &p.Confirmed, &p.Status, &p.LastUpdated, (*blob)(&p.Delivery)}
}
