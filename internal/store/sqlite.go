package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	sqliteFile = "eroam.db"
	lockFile   = "eroam.lock"
)

func openSQLite(ctx context.Context, dir string) (_ engine, err error) {
	if dir == "" {
		return engine{}, errors.New("opening the database: no directory for it is given")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return engine{}, fmt.Errorf("opening the database: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return engine{}, fmt.Errorf("making the directory of the database: %w", err)
	}
	release, err := lockDir(filepath.Join(dir, lockFile))
	if err != nil {
		return engine{}, fmt.Errorf("opening the database in %s: %w", dir, err)
	}
	path := filepath.Join(dir, sqliteFile)
	if err := ownerOnly(path); err != nil {
		return engine{}, errors.Join(fmt.Errorf("opening the database: %w", err), release())
	}
	write, err := openSQLiteWriter(ctx, path)
	if err != nil {
		return engine{}, errors.Join(fmt.Errorf("opening the database %s: %w", path, err), release())
	}
	read, err := sql.Open("sqlite", sqliteName(path, "query_only(1)"))
	if err != nil {
		return engine{}, errors.Join(fmt.Errorf("opening the database %s: %w", path, err), write.close(), release())
	}
	n := max(4, runtime.GOMAXPROCS(0))
	read.SetMaxOpenConns(n)
	read.SetMaxIdleConns(n)
	return engine{
		name:  "sqlite",
		begin: write.begin,
		read:  newReader(read, positional),
		// The last connection to close folds the log into the file, and only
		// the writer may do so; the lock goes last of all.
		close: func() error { return errors.Join(read.Close(), write.close(), release()) },
	}, nil
}

// ownerOnly makes the file if need be and lets only its owner use it. SQLite
// gives the same mode to the files that it puts beside it.
func ownerOnly(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// sqliteName is the data source: synchronous=FULL syncs the log at each
// commit; fullfsync makes that reach the disk on macOS too.
func sqliteName(path string, pragmas ...string) string {
	v := url.Values{"_pragma": append([]string{
		"busy_timeout(10000)",
		"synchronous(full)",
		"fullfsync(1)",
		"checkpoint_fullfsync(1)",
		"journal_size_limit(67108864)",
		"cache_size(-8000)",
		"temp_store(memory)",
	}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: v.Encode()}).String()
}

// positional writes the parameters $1, $2, … as ?, when each appears once and in
// order. SQLite takes $1 for a name and looks for it among all others, which
// takes seconds with thousands of them.
func positional(query string) string {
	var b strings.Builder
	rest := query
	for n := 1; ; n++ {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		rest = strings.TrimLeft(after, "0123456789")
		if after[:len(after)-len(rest)] != strconv.Itoa(n) {
			return query
		}
		b.WriteByte('?')
	}
}

// sqliteWriter is the one connection that writes. Only the goroutine of the
// writer uses it.
type sqliteWriter struct {
	db    *sql.DB
	conn  *sql.Conn
	known map[string]*sql.Stmt
}

func openSQLiteWriter(ctx context.Context, path string) (*sqliteWriter, error) {
	db, err := sql.Open("sqlite", sqliteName(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &sqliteWriter{db: db, known: map[string]*sql.Stmt{}}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *sqliteWriter) prepare(ctx context.Context) (err error) {
	var mode string
	if err := w.db.QueryRowContext(ctx, `PRAGMA journal_mode = wal`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its file system cannot do write-ahead logging (journal mode %s): use a local disk", mode)
	}
	if err := migrate(ctx, goose.DialectSQLite3, w.db); err != nil {
		return err
	}
	w.conn, err = w.db.Conn(ctx)
	return err
}

func (w *sqliteWriter) close() error {
	var errs []error
	for _, st := range w.known {
		errs = append(errs, st.Close())
	}
	if w.conn != nil {
		errs = append(errs, w.conn.Close())
	}
	return errors.Join(append(errs, w.db.Close())...)
}

// begin takes the write lock at once, so that no later statement can find the
// database changed under it.
func (w *sqliteWriter) begin(ctx context.Context) (transaction, error) {
	if _, err := w.exec(ctx, `BEGIN IMMEDIATE`, nil); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *sqliteWriter) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := w.known[query]; st != nil {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, positional(query))
	if err != nil {
		return nil, err
	}
	w.known[query] = st
	return st, nil
}

func (w *sqliteWriter) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	st, err := w.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (w *sqliteWriter) row(ctx context.Context, query string, args []any) *sql.Row {
	st, err := w.statement(ctx, query)
	if err != nil {
		return w.conn.QueryRowContext(ctx, query, args...) // it fails in the same way
	}
	return st.QueryRowContext(ctx, args...)
}

func (w *sqliteWriter) commit() error {
	if _, err := w.exec(context.Background(), `COMMIT`, nil); err != nil {
		w.rollback()
		return err
	}
	return nil
}

// rollback may fail because SQLite itself has undone the transaction, after
// an error of the disk for example: then there is nothing left to do.
func (w *sqliteWriter) rollback() {
	_, _ = w.exec(context.Background(), `ROLLBACK`, nil)
}
