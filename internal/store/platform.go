package store

import (
	"context"
	"fmt"
)

const platformColumns = `id, name, state, offline, hub, version, versions_url,
	encoding, endpoints, sealed_token, settings, created, updated`

const sqlPutPlatform = `INSERT INTO platform (` + platformColumns + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
	ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = excluded.state,
		offline = excluded.offline, hub = excluded.hub, version = excluded.version,
		versions_url = excluded.versions_url, encoding = excluded.encoding,
		endpoints = excluded.endpoints, sealed_token = excluded.sealed_token,
		settings = excluded.settings, created = excluded.created, updated = excluded.updated`

// PutPlatform inserts the platform or replaces the one with its ID.
func (tx *Tx) PutPlatform(p PlatformRow) error {
	err := tx.send(sqlPutPlatform, p.ID, p.Name, p.State, p.Offline, p.Hub, p.Version, p.VersionsURL,
		p.Encoding, blob(p.Endpoints), blob(p.SealedToken), blob(p.Settings), p.Created, p.Updated)
	if err != nil {
		return fmt.Errorf("storing platform %s: %w", p.ID, err)
	}
	return nil
}

const (
	sqlDeletePlatform        = `DELETE FROM platform WHERE id = $1`
	sqlDeletePlatformParties = `DELETE FROM party WHERE platform = $1`
)

// DeletePlatform removes the platform, its credentials and its parties. It is
// no error when there is none.
func (tx *Tx) DeletePlatform(id string) error {
	for _, query := range []string{sqlDeletePlatform, sqlDeleteCredentials, sqlDeletePlatformParties, sqlDeleteNews} {
		if err := tx.send(query, id); err != nil {
			return fmt.Errorf("deleting platform %s: %w", id, err)
		}
	}
	return nil
}

const (
	sqlPlatforms   = `SELECT ` + platformColumns + ` FROM platform`
	sqlCredentials = `SELECT ` + credentialColumns + ` FROM credential`
	sqlParties     = `SELECT ` + partyColumns + ` FROM party`
	sqlAgreements  = `SELECT ` + agreementColumns + ` FROM agreement`
)

// Registry reads everything that package party keeps, as it was at one moment,
// expired credentials and agreements included. The rows are in no particular
// order.
func (s *Store) Registry(ctx context.Context) (Registry, error) {
	var r Registry
	queries := []string{sqlRegistryRevision, sqlPlatforms, sqlCredentials, sqlParties, sqlAgreements}
	scans := []func(scanFunc) error{
		func(scan scanFunc) error { return scan(&r.Revision) },
		func(scan scanFunc) error { return appendRow(&r.Platforms, scan, platformFields) },
		func(scan scanFunc) error { return appendRow(&r.Credentials, scan, credentialFields) },
		func(scan scanFunc) error { return appendRow(&r.Parties, scan, partyFields) },
		func(scan scanFunc) error { return appendRow(&r.Agreements, scan, agreementFields) },
	}
	err := s.engine.read.snapshot(ctx, queries, func(run queryFunc) error {
		for i, scan := range scans {
			if err := run(i, nil, scan); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Registry{}, fmt.Errorf("reading the registry: %w", err)
	}
	return r, nil
}

// appendRow scans one row into the fields of a new element.
func appendRow[T any](rows *[]T, scan scanFunc, fields func(*T) []any) error {
	var row T
	if err := scan(fields(&row)...); err != nil {
		return err
	}
	*rows = append(*rows, row)
	return nil
}

func platformFields(p *PlatformRow) []any {
	return []any{&p.ID, &p.Name, &p.State, &p.Offline, &p.Hub, &p.Version, &p.VersionsURL,
		&p.Encoding, (*blob)(&p.Endpoints), (*blob)(&p.SealedToken), (*blob)(&p.Settings), &p.Created, &p.Updated}
}
