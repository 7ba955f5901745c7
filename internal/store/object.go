package store

import (
	"context"
	"fmt"
)

const (
	headColumns   = `kind, country, party, id, seq, loud, prev, born, deleted, audience, last_updated, version, name, hash, step`
	objectColumns = headColumns + `, body`
)

// A deleted object that is published again is a new one in the lists. $16 says
// whether the change is to be broadcast; one that makes or ends an object
// always is.
const sqlPutObject = `INSERT INTO object (` + objectColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11, $12, $13, $14, $15)
	ON CONFLICT (kind, country, party, id) DO UPDATE SET seq = excluded.seq,
		loud = CASE WHEN $16 OR object.deleted <> excluded.deleted THEN excluded.loud ELSE object.loud END,
		prev = object.seq,
		born = CASE WHEN object.deleted AND NOT excluded.deleted THEN excluded.born ELSE object.born END,
		deleted = excluded.deleted, audience = excluded.audience, last_updated = excluded.last_updated,
		version = excluded.version, name = excluded.name, hash = excluded.hash, step = excluded.step, body = excluded.body
	RETURNING loud, prev, born`

// PutObject inserts the object or replaces the one with its key, and gives it
// the next place in the feed, as a change that is to be broadcast. It sets
// o.Seq, o.Loud, o.Prev and o.Born: Loud is Seq, Prev the Seq that the object
// had before, Born the Seq of the first acceptance, or of the first one after
// a deletion.
func (tx *Tx) PutObject(o *Object) error { return tx.put(o, true) }

// PutQuiet is PutObject for a change that is not to be broadcast: it keeps
// Loud. A change that makes a new object, deletes one or publishes a deleted
// one again is broadcast all the same.
func (tx *Tx) PutQuiet(o *Object) error { return tx.put(o, false) }

func (tx *Tx) put(o *Object, loud bool) error {
	seq, err := tx.nextSeq()
	if err != nil {
		return fmt.Errorf("storing an object of %s: %w", o.Kind, err)
	}
	put := *o
	_, err = tx.row(sqlPutObject, []any{o.Kind, o.Party.CountryCode, o.Party.ID, o.ID, seq, seq, seq,
		o.Deleted, o.Audience, o.LastUpdated, o.Version, o.Name, blob(o.Hash), blob(o.Step), blob(o.Body), loud},
		&put.Loud, &put.Prev, &put.Born)
	if err != nil {
		return fmt.Errorf("storing an object of %s: %w", o.Kind, err) // its id may be a driver's
	}
	o.Seq, o.Loud, o.Prev, o.Born = seq, put.Loud, put.Prev, put.Born
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

// Objects returns the committed objects of the keys, deleted ones included, in
// the order of the keys, as they were at one moment. Keys without an object are
// left out.
func (s *Store) Objects(ctx context.Context, keys []ObjectKey) ([]Object, error) {
	objects := make([]Object, 0, len(keys))
	err := s.engine.read.snapshot(ctx, true, []string{sqlObject}, func(run queryFunc) error {
		for _, k := range keys {
			err := run(0, keyArgs(k), func(scan scanFunc) error { return appendRow(&objects, scan, objectFields) })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %d objects: %w", len(keys), err)
	}
	return objects, nil
}

const (
	sqlFeed      = `SELECT ` + objectColumns + ` FROM object WHERE seq > $1 ORDER BY seq LIMIT $2`
	sqlFeedHeads = `SELECT ` + headColumns + ` FROM object WHERE seq > $1 ORDER BY seq LIMIT $2`
)

// Feed returns at most limit objects, deleted ones included, with Seq > after,
// in order of Seq. An object stands in it once, at its last change. Numbers
// may be missing, but none appears later below one that was seen: a reader
// that goes on from the last Seq misses nothing.
func (s *Store) Feed(ctx context.Context, after int64, limit int) ([]Object, error) {
	return s.readFeed(ctx, sqlFeed, after, limit, objectFields)
}

// FeedHeads is Feed without bodies: Body is nil.
func (s *Store) FeedHeads(ctx context.Context, after int64, limit int) ([]Object, error) {
	return s.readFeed(ctx, sqlFeedHeads, after, limit, headFields)
}

func (s *Store) readFeed(ctx context.Context, query string, after int64, limit int, fields func(*Object) []any) ([]Object, error) {
	var objects []Object
	err := s.engine.read.rows(ctx, query, []any{after, limit}, func(scan scanFunc) error {
		return appendRow(&objects, scan, fields)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the feed after %d: %w", after, err)
	}
	return objects, nil
}

func headFields(o *Object) []any {
	return []any{&o.Kind, &o.Party.CountryCode, &o.Party.ID, &o.ID, &o.Seq, &o.Loud, &o.Prev, &o.Born, &o.Deleted,
		&o.Audience, &o.LastUpdated, &o.Version, &o.Name, (*optional)(&o.Hash), (*optional)(&o.Step)}
}

func objectFields(o *Object) []any { return append(headFields(o), (*blob)(&o.Body)) }
