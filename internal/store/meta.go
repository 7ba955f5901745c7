package store

import (
	"context"
	"fmt"
)

const sqlMeta = `SELECT value FROM meta WHERE name = $1`

// Meta returns the value kept under key; nil when there is none.
func (s *Store) Meta(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	if _, err := s.engine.read.row(ctx, sqlMeta, []any{key}, (*blob)(&value)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return value, nil
}

const (
	sqlSetMeta = `INSERT INTO meta (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`
	sqlDeleteMeta = `DELETE FROM meta WHERE name = $1`
)

// SetMeta keeps the value under key; nil removes it.
func (tx *Tx) SetMeta(key string, value []byte) error {
	var err error
	if value == nil {
		err = tx.send(sqlDeleteMeta, key)
	} else {
		err = tx.send(sqlSetMeta, key, blob(value))
	}
	if err != nil {
		return fmt.Errorf("storing %s: %w", key, err)
	}
	return nil
}
