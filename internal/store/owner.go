package store

import (
	"context"
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

const sqlPutOwner = `INSERT INTO owner (kind, id, country, party, seen) VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT (kind, id, country, party) DO UPDATE SET seen = excluded.seen WHERE owner.seen < excluded.seen`

// PutOwner notes that the party was seen to own the id. Seen never goes back.
func (tx *Tx) PutOwner(o OwnerRow) error {
	if err := tx.send(sqlPutOwner, o.Kind, o.ID, o.Party.CountryCode, o.Party.ID, o.Seen); err != nil {
		return fmt.Errorf("storing an owner of a %s: %w", o.Kind, err)
	}
	return nil
}

const sqlOwners = `SELECT country, party FROM owner WHERE kind = $1 AND id = $2 ORDER BY seen DESC`

// Owners returns the parties seen to own the id, the one seen last first. None
// is no error.
func (s *Store) Owners(ctx context.Context, kind, id string) ([]ocpi.PartyID, error) {
	var owners []ocpi.PartyID
	err := s.engine.read.rows(ctx, sqlOwners, []any{kind, id}, func(scan scanFunc) error {
		return appendRow(&owners, scan, func(p *ocpi.PartyID) []any { return []any{&p.CountryCode, &p.ID} })
	})
	if err != nil {
		return nil, fmt.Errorf("reading the owners of a %s: %w", kind, err)
	}
	return owners, nil
}
