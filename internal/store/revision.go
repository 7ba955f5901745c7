package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrStale says that the registry was changed by another process after it was
// read. Nothing was written: read it and decide again.
var ErrStale = errors.New("store: the registry has changed since it was read")

const (
	sqlRaiseRegistry    = `UPDATE revision SET n = n + 1 WHERE name = 'registry' AND n = $1`
	sqlRegistryRevision = `SELECT n FROM revision WHERE name = 'registry'`
)

// RaiseRegistry is part of every change of platforms, credentials, parties and
// agreements: it fails with [ErrStale] unless the revision is still the one that
// [Store.Registry] returned, and makes it one higher.
func (tx *Tx) RaiseRegistry(from int64) error {
	n, err := tx.exec(sqlRaiseRegistry, from)
	if err != nil {
		return fmt.Errorf("raising the revision of the registry: %w", err)
	}
	if n == 0 {
		return tx.fail(ErrStale)
	}
	tx.registry = from + 1
	return nil
}

// CheckRegistry fails with [ErrStale] unless the revision of the registry is
// still at.
func (tx *Tx) CheckRegistry(at int64) error {
	var n int64
	if _, err := tx.row(sqlRegistryRevision, nil, &n); err != nil {
		return fmt.Errorf("reading the revision of the registry: %w", err)
	}
	if n != at {
		return tx.fail(ErrStale)
	}
	return nil
}

// RegistryRevision returns the revision of the registry as committed.
func (s *Store) RegistryRevision(ctx context.Context) (n int64, err error) {
	if _, err := s.engine.read.row(ctx, sqlRegistryRevision, nil, &n); err != nil {
		return 0, fmt.Errorf("reading the revision of the registry: %w", err)
	}
	return n, nil
}

// RegistryChanged returns a channel that is closed at the next commit that
// raised the revision of the registry; like [Store.Committed] for the feed.
func (s *Store) RegistryChanged() <-chan struct{} { return s.registry.wait() }
