package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
)

// sqliteWriter is the one connection that writes. Only the goroutine of the
// writer uses it.
type sqliteWriter struct {
	*sqliteConn
	folder  *folder
	changed int // rows since the folder was told
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
	conn, err := openSQLiteConn(sqliteName(path, sqliteWriterPragmas...))
	if err != nil {
		return nil, err
	}
	return &sqliteWriter{sqliteConn: conn, folder: f}, nil
}

// begin takes the write lock at once, so that no later statement can find the
// database changed under it.
func (w *sqliteWriter) begin(ctx context.Context) (transaction, error) {
	if fold := w.folder.asked.Swap(nil); fold != nil {
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

func (w *sqliteWriter) exec(ctx context.Context, query string, args []any) (int64, error) {
	n, err := w.sqliteConn.exec(ctx, query, args)
	w.changed += int(n)
	return n, err
}

// send runs the statement at once.
func (w *sqliteWriter) send(ctx context.Context, query string, args []any, one bool) error {
	n, err := w.exec(ctx, query, args)
	if err == nil && one {
		err = changedOne(n)
	}
	return err
}

func (w *sqliteWriter) flush(context.Context) error { return nil }

func (w *sqliteWriter) commit() error {
	if _, err := w.exec(context.Background(), `COMMIT`, nil); err != nil {
		w.rollback()
		return err
	}
	if w.changed >= w.folder.every {
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
