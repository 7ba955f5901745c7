package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// sqliteWriter is the one connection that writes. Only the goroutine of the
// writer uses it. It talks to the driver itself: package database/sql takes as
// long for a small statement as the statement.
type sqliteWriter struct {
	conn    driver.Conn
	known   map[string]sqliteStatement
	folder  *folder
	changed int // rows since the folder was told
	args    []driver.NamedValue
	columns []driver.Value
}

type sqliteStatement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// migrateSQLite makes the file one for write-ahead logging and brings its tables
// up to date.
func migrateSQLite(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", sqliteName(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode = wal`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its file system cannot do write-ahead logging (journal mode %s): use a local disk", mode)
	}
	return migrate(ctx, goose.DialectSQLite3, db)
}

func openSQLiteWriter(path string, f *folder) (*sqliteWriter, error) {
	conn, err := new(sqlite.Driver).Open(sqliteName(path, sqliteWriterPragmas...))
	if err != nil {
		return nil, err
	}
	return &sqliteWriter{conn: conn, known: map[string]sqliteStatement{}, folder: f}, nil
}

func (w *sqliteWriter) close() error {
	var errs []error
	for _, st := range w.known {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// begin takes the write lock at once, so that no later statement can find the
// database changed under it.
func (w *sqliteWriter) begin(ctx context.Context) (transaction, error) {
	if fold := w.folder.rest.Swap(nil); fold != nil {
		var busy, written, folded int64
		if _, err := w.row(ctx, *fold, nil, []any{&busy, &written, &folded}); err != nil {
			return nil, err
		}
	}
	if _, err := w.exec(ctx, `BEGIN IMMEDIATE`, nil); err != nil {
		return nil, err
	}
	return w, nil
}

// prepare returns the statement and the arguments for it.
func (w *sqliteWriter) prepare(query string, args []any) (sqliteStatement, []driver.NamedValue, error) {
	w.args = w.args[:0]
	for i, a := range args {
		v, err := driver.DefaultParameterConverter.ConvertValue(a)
		if err != nil {
			return nil, nil, err
		}
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	if st := w.known[query]; st != nil {
		return st, w.args, nil
	}
	prepared, err := w.conn.Prepare(positional(query))
	if err != nil {
		return nil, nil, err
	}
	st, ok := prepared.(sqliteStatement)
	if !ok {
		return nil, nil, errors.Join(errors.New("the driver of SQLite lacks statements with a context"), prepared.Close())
	}
	w.known[query] = st
	return st, w.args, nil
}

func (w *sqliteWriter) exec(ctx context.Context, query string, args []any) (int64, error) {
	st, values, err := w.prepare(query, args)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	w.changed += int(n)
	return n, err
}

func (w *sqliteWriter) row(ctx context.Context, query string, args []any, into []any) (found bool, err error) {
	st, values, err := w.prepare(query, args)
	if err != nil {
		return false, err
	}
	rows, err := st.QueryContext(ctx, values)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if n := len(rows.Columns()); n != len(into) {
		return false, fmt.Errorf("a row of %d columns is read into %d", n, len(into))
	}
	w.columns = append(w.columns[:0], make([]driver.Value, len(into))...)
	switch err := rows.Next(w.columns); err {
	case nil:
	case io.EOF:
		return false, nil
	default:
		return false, err
	}
	for i, v := range w.columns {
		if err := assign(into[i], v); err != nil {
			return false, fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	// A statement that changes something ends with its last step.
	if err := rows.Next(w.columns); err != nil && err != io.EOF {
		return false, err
	}
	return true, nil
}

// assign is the part of what sql.Row.Scan does that this package needs.
func assign(into any, v driver.Value) error {
	switch p := into.(type) {
	case sql.Scanner:
		return p.Scan(v)
	case *int64:
		if n, ok := v.(int64); ok {
			*p = n
			return nil
		}
	case *int:
		if n, ok := v.(int64); ok {
			*p = int(n)
			return nil
		}
	case *bool:
		if n, ok := v.(int64); ok {
			*p = n != 0
			return nil
		}
	case *string:
		switch v := v.(type) {
		case string:
			*p = v
			return nil
		case int64:
			*p = strconv.FormatInt(v, 10)
			return nil
		}
	case *[]byte:
		if b, ok := v.([]byte); ok {
			*p = b // the driver gives it away
			return nil
		}
	}
	return fmt.Errorf("cannot read a %T into a %T", v, into)
}

func (w *sqliteWriter) commit() error {
	if _, err := w.exec(context.Background(), `COMMIT`, nil); err != nil {
		w.rollback()
		return err
	}
	if w.changed >= foldEvery {
		w.changed = 0
		w.folder.changed()
	}
	return nil
}

// rollback may fail because SQLite itself has undone the transaction, after
// an error of the disk for example: then there is nothing left to do.
func (w *sqliteWriter) rollback() {
	_, _ = w.exec(context.Background(), `ROLLBACK`, nil)
}
