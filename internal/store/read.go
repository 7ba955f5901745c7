package store

import (
	"context"
	"database/sql"
	"fmt"
)

// reader runs queries that see what is committed.
type reader interface {
	// row runs a query of at most one row; found is false when there is none.
	row(ctx context.Context, query string, args []any, into ...any) (found bool, err error)
	// rows runs a query and calls scan for each row.
	rows(ctx context.Context, query string, args []any, scan func(scanFunc) error) error
	// snapshot lets do run any of the queries, by number, all of which see the
	// database as it was at one moment.
	snapshot(ctx context.Context, queries []string, do func(queryFunc) error) error
}

type (
	scanFunc  func(into ...any) error
	queryFunc func(n int, args []any, scan func(scanFunc) error) error
)

// poolReader reads through package database/sql.
type poolReader struct{ db *sql.DB }

func (r poolReader) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	if err := checkText(args); err != nil {
		return false, err
	}
	switch err := r.db.QueryRowContext(ctx, query, args...).Scan(into...); err {
	case nil:
		return true, nil
	case sql.ErrNoRows:
		return false, nil
	default:
		return false, err
	}
}

func (r poolReader) rows(ctx context.Context, query string, args []any, scan func(scanFunc) error) error {
	return each(ctx, r.db, query, args, scan)
}

func (r poolReader) snapshot(ctx context.Context, queries []string, do func(queryFunc) error) error {
	tx, err := r.begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning to read: %w", err)
	}
	defer tx.Rollback() // nothing was written
	return do(func(n int, args []any, scan func(scanFunc) error) error {
		return each(ctx, tx, queries[n], args, scan)
	})
}

// begin opens a transaction that sees one moment. It tries again as often as there
// may be connections that broke while they were not used.
func (r poolReader) begin(ctx context.Context) (tx *sql.Tx, err error) {
	for range 1 + r.db.Stats().OpenConnections {
		tx, err = r.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return tx, err
}

// each runs a query on a pool or in a transaction.
func each(ctx context.Context, on interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string, args []any, scan func(scanFunc) error) error {
	if err := checkText(args); err != nil {
		return err
	}
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
