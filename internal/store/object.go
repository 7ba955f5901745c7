package store

import (
	"context"
	"fmt"
)

const (
	headColumns   = `born, kind, country, party, id, seq, loud, deleted, audience, last_updated`
	objectColumns = headColumns + `, data`
)

const (
	sqlInsertObject = `INSERT INTO object (` + objectColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	sqlUpdateObject = `UPDATE object SET seq = $1, loud = $2, deleted = $3, audience = $4, last_updated = $5, data = $6
		WHERE born = $7`
	// A deleted object that is published again is a new one in the lists.
	sqlRebirth = `UPDATE object SET born = $1 WHERE born = $2`
)

// PutObject inserts the object or replaces the one with its key, and gives it
// the next place in the feed, as a change that is to be broadcast. It sets
// o.Seq, o.Loud, o.Prev and o.Born: Loud is Seq, Prev the Seq that the object
// had before, Born the Seq of the first acceptance, or of the first one after
// a deletion. Hash and Step must not be changed afterwards: those who follow the
// feed are handed the same bytes.
func (tx *Tx) PutObject(o *Object) error { return tx.put(o, true) }

// PutQuiet is PutObject for a change that is not to be broadcast: it keeps
// Loud. A change that makes a new object, deletes one or publishes a deleted
// one again is broadcast all the same.
func (tx *Tx) PutQuiet(o *Object) error { return tx.put(o, false) }

func (tx *Tx) put(o *Object, loud bool) error {
	if err := tx.store(o, loud); err != nil {
		return fmt.Errorf("storing an object of %s: %w", o.Kind, err) // its id may be a driver's
	}
	return nil
}

func (tx *Tx) store(o *Object, loud bool) error {
	old, found := tx.place(o.ObjectKey)
	seq, err := tx.nextSeq()
	if err != nil {
		return err
	}
	next := *o
	next.Seq, next.Loud, next.Prev, next.Born = seq, seq, old.seq, seq
	if found && !loud && old.deleted() == o.Deleted {
		next.Loud = old.loud
	}
	reborn := found && old.deleted() && !o.Deleted
	if found && !reborn {
		next.Born = old.row()
	}
	// The engines keep nothing of data after exec.
	tx.data, tx.scratch = tx.codec.encode(tx.data[:0], tx.scratch, &next)
	if err := checkText([]any{o.Version, o.Name}); err != nil {
		return tx.fail(err)
	}
	if reborn {
		if err := tx.one(sqlRebirth, next.Born, old.row()); err != nil {
			return err
		}
	}
	if found {
		err = tx.one(sqlUpdateObject, next.Seq, next.Loud, next.Deleted, next.Audience, next.LastUpdated, tx.data, next.Born)
	} else {
		err = tx.one(sqlInsertObject, next.Born, next.Kind, next.Party.CountryCode, next.Party.ID, next.ID, next.Seq,
			next.Loud, next.Deleted, next.Audience, next.LastUpdated, tx.data)
	}
	if err != nil {
		return err
	}
	tx.changed(&next)
	o.Seq, o.Loud, o.Prev, o.Born = next.Seq, next.Loud, next.Prev, next.Born
	return nil
}

// place is where the object is for this transaction. The index is of the
// moment at which the transaction began, and nobody else writes while it runs.
func (tx *Tx) place(k ObjectKey) (place, bool) {
	if p, ok := tx.moved[k]; ok {
		return p, true
	}
	return tx.index.place(k)
}

// changed notes what the index and the end of the feed in memory are told after
// the commit.
func (tx *Tx) changed(o *Object) {
	c := change{key: o.ObjectKey, audience: o.Audience, born: o.Born, seq: o.Seq, loud: o.Loud,
		updated: o.LastUpdated, deleted: o.Deleted}
	tx.changes = append(tx.changes, c)
	h := *o
	h.Body = nil
	if len(h.Hash) == 0 {
		h.Hash = nil
	}
	if len(h.Step) == 0 {
		h.Step = nil
	}
	tx.heads = append(tx.heads, h)
	tx.moved[o.ObjectKey] = c.place()
}

// forget drops the changes after the first n, which were undone.
func (tx *Tx) forget(n int) {
	tx.changes, tx.heads = tx.changes[:n], tx.heads[:n]
	clear(tx.moved)
	for i := range tx.changes {
		tx.moved[tx.changes[i].key] = tx.changes[i].place()
	}
}

const sqlObject = `SELECT ` + objectColumns + ` FROM object
	WHERE kind = $1 AND country = $2 AND party = $3 AND id = $4`

func keyArgs(k ObjectKey) []any {
	return []any{k.Kind, k.Party.CountryCode, k.Party.ID, k.ID}
}

// Object returns the object, deleted or not, as this transaction sees it;
// false when there never was one.
func (tx *Tx) Object(k ObjectKey) (Object, bool, error) {
	if err := checkText(keyArgs(k)); err != nil {
		return Object{}, false, fmt.Errorf("reading an object of %s: %w", k.Kind, tx.fail(err))
	}
	p, found := tx.place(k)
	if !found {
		return Object{}, false, nil
	}
	r := row{codec: tx.codec}
	r.object.ObjectKey, r.object.Born = k, p.row()
	found, err := tx.row(sqlStateAt, []any{p.row()}, r.state()...)
	if err == nil && found {
		err = r.decode(true)
	}
	if err != nil {
		return Object{}, false, fmt.Errorf("reading an object of %s: %w", k.Kind, tx.fail(err))
	}
	return r.object, found, nil
}

// ObjectSeq returns the Seq of an object, deleted or not, as this transaction
// sees it; 0 when there never was one. It tells the caller whether what it read
// before the transaction is still so, without reading it again.
func (tx *Tx) ObjectSeq(k ObjectKey) (int64, error) {
	if err := checkText(keyArgs(k)); err != nil {
		return 0, fmt.Errorf("reading the place of an object of %s: %w", k.Kind, tx.fail(err))
	}
	p, _ := tx.place(k)
	return p.seq, nil
}

// NeverStored reports, from memory, that there is no object with the key and
// never was one, not even a deleted one. False says nothing: several processes
// that share a database cannot know.
func (s *Store) NeverStored(k ObjectKey) bool {
	if s.engine.shared {
		return false
	}
	_, found := s.index.place(k)
	return !found
}

// Object returns the committed object, deleted or not; false when there never
// was one.
func (s *Store) Object(ctx context.Context, k ObjectKey) (Object, bool, error) {
	o, found, err := s.object(ctx, k)
	if err != nil {
		return Object{}, false, fmt.Errorf("reading an object of %s: %w", k.Kind, err)
	}
	return o, found, nil
}

const sqlStateAt = `SELECT seq, loud, deleted, audience, last_updated, data FROM object WHERE born = $1`

// object looks where the index says that it is. It may be elsewhere by now, or
// have come from another process.
func (s *Store) object(ctx context.Context, k ObjectKey) (Object, bool, error) {
	r := row{codec: s.codec}
	found := false
	var err error
	if p, known := s.index.place(k); known {
		// A row never becomes that of another object: there is no need to read the
		// key, which takes as long as all the rest.
		r.object.ObjectKey, r.object.Born = k, p.row()
		if found, err = s.engine.read.row(ctx, sqlStateAt, []any{p.row()}, r.state()...); err != nil {
			return Object{}, false, err
		}
	}
	if !found {
		r = row{codec: s.codec}
		found, err = s.engine.read.row(ctx, sqlObject, keyArgs(k), r.fields()...)
	}
	if err == nil && found {
		err = r.decode(true)
	}
	return r.object, found, err
}

// Objects returns the committed objects of the keys, deleted ones included, in
// the order of the keys, as they were at one moment. Keys without an object are
// left out.
func (s *Store) Objects(ctx context.Context, keys []ObjectKey) ([]Object, error) {
	objects := make([]Object, 0, len(keys))
	err := s.engine.read.snapshot(ctx, []string{sqlObject}, func(run queryFunc) error {
		for _, k := range keys {
			if err := run(0, keyArgs(k), s.appendObject(&objects, true)); err != nil {
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

// row reads an object with its columns.
type row struct {
	codec  *codec
	object Object
	data   []byte
}

func (r *row) fields() []any {
	o := &r.object
	return []any{&o.Born, &o.Kind, &o.Party.CountryCode, &o.Party.ID, &o.ID, &o.Seq, &o.Loud, &o.Deleted,
		&o.Audience, &o.LastUpdated, &r.data}
}

// state is fields without the key.
func (r *row) state() []any {
	o := &r.object
	return []any{&o.Seq, &o.Loud, &o.Deleted, &o.Audience, &o.LastUpdated, &r.data}
}

func (r *row) decode(body bool) error {
	if err := r.codec.decode(r.data, &r.object, body); err != nil {
		return fmt.Errorf("object %d of %s: %w", r.object.Seq, r.object.Kind, err)
	}
	return nil
}

// appendObject reads one object, with or without its body.
func (s *Store) appendObject(to *[]Object, body bool) func(scanFunc) error {
	r := row{codec: s.codec}
	fields := r.fields()
	return func(scan scanFunc) error {
		r.object = Object{}
		if err := scan(fields...); err != nil {
			return err
		}
		if err := r.decode(body); err != nil {
			return err
		}
		*to = append(*to, r.object)
		return nil
	}
}
