package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Reader reads the ledger beside a hub that works on the database, or without
// one. It changes nothing.
type Reader struct {
	*Ledger
	free   func() error
	close  sync.Once
	closed error
}

// readers is how many connections a Reader has.
const readers = 2

// OpenReader opens the database of the options for reading; only Database and
// Dir matter. It takes no lock and works while a hub has the database. It
// refuses one that does not exist, and one whose tables are those of another
// version of this program: it does not migrate. ctx bounds the opening only.
func OpenReader(ctx context.Context, o Options) (*Reader, error) {
	r, err := openReader(o)
	if err != nil {
		return nil, fmt.Errorf("opening the database for reading: %w", err)
	}
	if err := checkVersion(ctx, r.read); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database for reading: %w", err), r.Close())
	}
	return r, nil
}

func openReader(o Options) (*Reader, error) {
	l := &Ledger{codec: newCodec()}
	if o.Database != "" {
		config, err := pgx.ParseConfig(o.Database)
		if err != nil {
			return nil, fmt.Errorf("reading the URL of the database: %w", err) // pgx hides the password
		}
		if config.RuntimeParams["application_name"] == "" {
			config.RuntimeParams["application_name"] = "eroam reader"
		}
		config.RuntimeParams["default_transaction_read_only"] = "on"
		db := stdlib.OpenDB(*config)
		db.SetMaxOpenConns(readers)
		db.SetMaxIdleConns(readers)
		l.read = poolReader{db}
		return &Reader{Ledger: l, free: db.Close}, nil
	}
	if o.Dir == "" {
		return nil, errors.New("no directory is given")
	}
	path, err := filepath.Abs(filepath.Join(o.Dir, sqliteFile))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil { // SQLite would make it
		return nil, err
	}
	pool, err := openSQLitePool(path, readers)
	if err != nil {
		return nil, err
	}
	l.read = pool
	return &Reader{Ledger: l, free: pool.close}, nil
}

// Close frees the connections, after those who read. It may be called more than
// once.
func (r *Reader) Close() error {
	r.close.Do(func() { r.closed = wrap(r.free(), "closing the database") })
	return r.closed
}

const sqlVersion = `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version`

// checkVersion refuses tables of another version of this program.
func checkVersion(ctx context.Context, read reader) error {
	var have int64
	if _, err := read.row(ctx, sqlVersion, nil, &have); err != nil {
		return fmt.Errorf("it does not look like a database of this program: %w", err)
	}
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return fmt.Errorf("reading the migrations: %w", err)
	}
	last := files[len(files)-1].Name()
	number, _, _ := strings.Cut(last, "_")
	want, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return fmt.Errorf("reading the migrations: %s has no number", last)
	}
	switch {
	case have < want:
		return fmt.Errorf("it has version %d, this program needs %d: start the hub once, which brings it up to date", have, want)
	case have > want:
		return fmt.Errorf("it has version %d, this program knows %d: a newer version has used it", have, want)
	}
	return nil
}

// Engine returns "sqlite" or "postgres".
func (r *Reader) Engine() string {
	if _, ok := r.read.(*sqlitePool); ok {
		return "sqlite"
	}
	return "postgres"
}

// Meta returns the value kept under key, as [Store.Meta] does.
func (r *Reader) Meta(ctx context.Context, key string) ([]byte, error) {
	var value []byte
	if _, err := r.read.row(ctx, sqlMeta, []any{key}, (*blob)(&value)); err != nil {
		return nil, fmt.Errorf("reading %s: %w", key, err)
	}
	return value, nil
}

// Object returns the committed object, as [Store.Object] does.
func (r *Reader) Object(ctx context.Context, k ObjectKey) (Object, bool, error) {
	w := row{codec: r.codec}
	found, err := r.read.row(ctx, sqlObject, keyArgs(k), w.fields()...)
	if err == nil && found {
		err = w.decode(true)
	}
	if err != nil {
		return Object{}, false, fmt.Errorf("reading an object of %s: %w", k.Kind, err)
	}
	return w.object, found, nil
}
