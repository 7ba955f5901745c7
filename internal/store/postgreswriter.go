package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresWriter is the connection that writes group commits. Only the goroutine of
// the writer uses it. A round trip takes longer than most statements: one of which
// nothing but its failure matters waits for the next one that returns something.
type postgresWriter struct {
	config *pgx.ConnConfig
	conn   *pgx.Conn // nil, or closed: there is none
	sent   bool      // the transaction has begun at the server
	trips  int       // that were made so far, for tests

	waiting []pgStatement // at most maxWaiting
	size    int           // of their bytes
}

type pgStatement struct {
	query string
	args  []any
	one   bool // it must change one row
}

// What waits is sent when it is so much.
const (
	maxWaiting      = 256
	maxWaitingBytes = 1 << 20
)

// connect opens the connection where there is none. What checkPostgres asks about
// can be changed while this program runs.
func (w *postgresWriter) connect(ctx context.Context) error {
	if w.conn != nil && !w.conn.IsClosed() {
		return nil
	}
	w.conn = nil
	c, err := pgx.ConnectConfig(ctx, w.config.Copy())
	if err != nil {
		return err
	}
	err = checkPostgres(ctx, c)
	if err == nil {
		_, err = c.Exec(ctx, sqlIdleTimeout)
	}
	if err != nil {
		return errors.Join(err, c.Close(ctx))
	}
	w.conn = c
	return nil
}

// begin opens a transaction. The server hears of it with the first statement.
func (w *postgresWriter) begin(ctx context.Context) (transaction, error) {
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	w.sent = false
	w.forget()
	return w, w.send(ctx, `BEGIN ISOLATION LEVEL READ COMMITTED`, nil, false)
}

func (w *postgresWriter) forget() {
	clear(w.waiting)
	w.waiting, w.size = w.waiting[:0], 0
}

func (w *postgresWriter) send(ctx context.Context, query string, args []any, one bool) error {
	kept := make([]any, len(args))
	for i, a := range args { // the caller goes on using its bytes
		switch v := a.(type) {
		case []byte:
			a, w.size = bytes.Clone(v), w.size+len(v)
		case blob:
			a, w.size = blob(bytes.Clone(v)), w.size+len(v)
		case string:
			w.size += len(v)
		}
		kept[i] = a
	}
	w.waiting = append(w.waiting, pgStatement{query, kept, one})
	if len(w.waiting) < maxWaiting && w.size < maxWaitingBytes {
		return nil
	}
	return w.flush(ctx)
}

func (w *postgresWriter) flush(ctx context.Context) error {
	if len(w.waiting) == 0 {
		return nil
	}
	return w.together(ctx, &pgx.Batch{}, func(pgx.BatchResults) error { return nil })
}

// together sends what waits, and b after it, in one round trip. read reads the
// results of b.
func (w *postgresWriter) together(ctx context.Context, b *pgx.Batch, read func(pgx.BatchResults) error) (err error) {
	all := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, len(w.waiting)+len(b.QueuedQueries))}
	for _, s := range w.waiting {
		all.Queue(s.query, s.args...)
	}
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	w.sent = true
	w.trips++
	r := w.conn.SendBatch(ctx, all)
	defer func() { err = errors.Join(err, r.Close()) }()
	defer w.forget()
	for _, s := range w.waiting {
		tag, err := r.Exec()
		if err != nil {
			return err
		}
		if err := s.check(tag); err != nil {
			return err
		}
	}
	return read(r)
}

func (s *pgStatement) check(tag pgconn.CommandTag) error {
	if s.one {
		return changedOne(tag.RowsAffected())
	}
	return nil
}

func (w *postgresWriter) exec(ctx context.Context, query string, args []any) (n int64, err error) {
	b := &pgx.Batch{}
	b.Queue(query, args...)
	err = w.together(ctx, b, func(r pgx.BatchResults) error {
		tag, err := r.Exec()
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

func (w *postgresWriter) row(ctx context.Context, query string, args []any, into []any) (found bool, err error) {
	err = w.each(ctx, query, args, func(scan scanFunc) error {
		if found {
			return nil
		}
		found = true
		return scan(into...)
	})
	return found, err
}

func (w *postgresWriter) each(ctx context.Context, query string, args []any, scan func(scanFunc) error) error {
	if err := checkText(args); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(query, args...)
	return w.together(ctx, b, func(r pgx.BatchResults) error {
		rows, err := r.Query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows.Scan); err != nil {
				return err
			}
		}
		rows.Close()
		return rows.Err()
	})
}

func (w *postgresWriter) commit() error {
	ctx, cancel := context.WithTimeout(context.Background(), postgresTimeout)
	defer cancel()
	err := w.flush(ctx)
	if err != nil {
		w.rollback()
		return err
	}
	tag, err := w.conn.Exec(ctx, `COMMIT`)
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("the server answered %s", tag)
	}
	return err
}

// rollback may fail because the connection is gone: then the server has undone the
// transaction. A connection that does not answer is given up.
func (w *postgresWriter) rollback() {
	w.forget()
	if !w.sent || w.conn.IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
	defer cancel()
	if _, err := w.conn.Exec(ctx, `ROLLBACK`); err != nil {
		_ = w.conn.Close(ctx)
	}
}

const rollbackTime = 5 * time.Second

func (w *postgresWriter) close() error {
	if w.conn == nil || w.conn.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
	defer cancel()
	return w.conn.Close(ctx)
}
