package store

import (
	"context"
	"fmt"
)

const objectColumns = `kind, country, party, id, seq, born, deleted, audience, last_updated, version, name, body`

// A deleted object that is published again is a new one in the lists.
const sqlPutObject = `INSERT INTO object (` + objectColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
	ON CONFLICT (kind, country, party, id) DO UPDATE SET seq = excluded.seq,
		born = CASE WHEN object.deleted AND NOT excluded.deleted THEN excluded.born ELSE object.born END,
		deleted = excluded.deleted, audience = excluded.audience, last_updated = excluded.last_updated,
		version = excluded.version, name = excluded.name, body = excluded.body
	RETURNING born`

// PutObject inserts the object or replaces the one with its key, and gives it
// the next place in the feed. It sets o.Seq and o.Born: Born is the Seq of the
// first acceptance, or of the first one after a deletion.
func (tx *Tx) PutObject(o *Object) error {
	seq, err := tx.nextSeq()
	if err != nil {
		return fmt.Errorf("storing an object of %s: %w", o.Kind, err)
	}
	var born int64
	_, err = tx.row(sqlPutObject, []any{o.Kind, o.Party.CountryCode, o.Party.ID, o.ID, seq, seq,
		o.Deleted, o.Audience, o.LastUpdated, o.Version, o.Name, blob(o.Body)}, &born)
	if err != nil {
		return fmt.Errorf("storing an object of %s: %w", o.Kind, err) // its id may be a driver's
	}
	o.Seq, o.Born = seq, born
	return nil
}

const sqlObject = `SELECT ` + objectColumns + ` FROM object
	WHERE kind = $1 AND country = $2 AND party = $3 AND id = $4`

func keyArgs(k ObjectKey) []any {
	return []any{k.Kind, k.Party.CountryCode, k.Party.ID, k.ID}
}

// Object returns the object, deleted or not, as this transaction sees it;
// false when there never was one.
func (tx *Tx) Object(k ObjectKey) (Object, bool, error) {
	var o Object
	found, err := tx.row(sqlObject, keyArgs(k), objectFields(&o)...)
	if err != nil {
		return Object{}, false, fmt.Errorf("reading an object of %s: %w", k.Kind, err)
	}
	return o, found, nil
}

// Object returns the committed object, deleted or not; false when there never
// was one.
func (s *Store) Object(ctx context.Context, k ObjectKey) (Object, bool, error) {
	var o Object
	found, err := s.engine.read.row(ctx, sqlObject, keyArgs(k), objectFields(&o)...)
	if err != nil {
		return Object{}, false, fmt.Errorf("reading an object of %s: %w", k.Kind, err)
	}
	return o, found, nil
}

const sqlFeed = `SELECT ` + objectColumns + ` FROM object WHERE seq > $1 ORDER BY seq LIMIT $2`

// Feed returns at most limit objects, deleted ones included, with Seq > after,
// in order of Seq. An object stands in it once, at its last change. Numbers
// may be missing, but none appears later below one that was seen: a reader
// that goes on from the last Seq misses nothing.
func (s *Store) Feed(ctx context.Context, after int64, limit int) ([]Object, error) {
	var objects []Object
	err := s.engine.read.rows(ctx, sqlFeed, []any{after, limit}, func(scan scanFunc) error {
		return appendRow(&objects, scan, objectFields)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the feed after %d: %w", after, err)
	}
	return objects, nil
}

func objectFields(o *Object) []any {
	return []any{&o.Kind, &o.Party.CountryCode, &o.Party.ID, &o.ID, &o.Seq, &o.Born, &o.Deleted,
		&o.Audience, &o.LastUpdated, &o.Version, &o.Name, (*blob)(&o.Body)}
}
