package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// reader runs queries on the pool of read connections. With spell it keeps one
// prepared statement per SQL text, spelt for the engine; the driver of
// PostgreSQL does that itself. The number of texts is bounded: they are
// constants, and the variants of a list query.
type reader struct {
	db    *sql.DB
	spell func(query string) string

	mu    sync.Mutex
	known map[string]*sql.Stmt
}

func newReader(db *sql.DB, spell func(string) string) *reader {
	return &reader{db: db, spell: spell, known: map[string]*sql.Stmt{}}
}

// statement returns nil when the query is to be run as it is. It must not be
// called while a transaction is open: with every connection in use it would
// wait for ever.
func (r *reader) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if r.spell == nil {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if st := r.known[query]; st != nil {
		return st, nil
	}
	st, err := r.db.PrepareContext(ctx, r.spell(query))
	if err != nil {
		return nil, err
	}
	r.known[query] = st
	return st, nil
}

// row runs a query of at most one row; found is false when there is none.
func (r *reader) row(ctx context.Context, query string, args []any, into ...any) (found bool, err error) {
	if err := checkText(args); err != nil {
		return false, err
	}
	st, err := r.statement(ctx, query)
	if err != nil {
		return false, err
	}
	var row *sql.Row
	if st != nil {
		row = st.QueryRowContext(ctx, args...)
	} else {
		row = r.db.QueryRowContext(ctx, query, args...)
	}
	switch err := row.Scan(into...); err {
	case nil:
		return true, nil
	case sql.ErrNoRows:
		return false, nil
	default:
		return false, err
	}
}

// rows runs a query outside a transaction and calls scan for each row.
func (r *reader) rows(ctx context.Context, query string, args []any, scan func(scanFunc) error) error {
	return r.snapshot(ctx, false, []string{query}, func(q queryFunc) error {
		return q(0, args, scan)
	})
}

type (
	scanFunc  func(into ...any) error
	queryFunc func(n int, args []any, scan func(scanFunc) error) error
)

// begin opens a transaction that sees one moment. It tries again as often as there
// may be connections that broke while they were not used.
func (r *reader) begin(ctx context.Context) (tx *sql.Tx, err error) {
	for range 1 + r.db.Stats().OpenConnections {
		tx, err = r.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return tx, err
}

// snapshot lets do run any of the queries, by number. With oneMoment all of
// them see the database as it was at one moment.
func (r *reader) snapshot(ctx context.Context, oneMoment bool, queries []string, do func(queryFunc) error) (err error) {
	statements := make([]*sql.Stmt, len(queries))
	for i, query := range queries {
		if statements[i], err = r.statement(ctx, query); err != nil {
			return err
		}
	}
	var tx *sql.Tx
	if oneMoment {
		tx, err = r.begin(ctx)
		if err != nil {
			return fmt.Errorf("beginning to read: %w", err)
		}
		defer tx.Rollback() // nothing was written
	}
	return do(func(n int, args []any, scan func(scanFunc) error) error {
		if err := checkText(args); err != nil {
			return err
		}
		var rows *sql.Rows
		var err error
		switch st := statements[n]; {
		case st != nil && tx != nil:
			rows, err = tx.StmtContext(ctx, st).QueryContext(ctx, args...)
		case st != nil:
			rows, err = st.QueryContext(ctx, args...)
		case tx != nil:
			rows, err = tx.QueryContext(ctx, queries[n], args...)
		default:
			rows, err = r.db.QueryContext(ctx, queries[n], args...)
		}
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
	})
}
