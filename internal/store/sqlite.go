package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
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
	if err := migrateSQLite(ctx, path); err != nil {
		return engine{}, errors.Join(fmt.Errorf("opening the database %s: %w", path, err), release())
	}
	read, fold, write, err := connectSQLite(path)
	if err != nil {
		return engine{}, errors.Join(fmt.Errorf("opening the database %s: %w", path, err), release())
	}
	return engine{
		name:  "sqlite",
		begin: write.begin,
		read:  read,
		fold:  fold,
		// The last connection to close folds the log into the file, and only
		// the writer may do so; the lock goes last of all.
		close: func() error { return errors.Join(read.close(), fold.db.Close(), write.close(), release()) },
	}, nil
}

func connectSQLite(path string) (read *sqlitePool, fold *folder, write *sqliteWriter, err error) {
	if read, err = openSQLitePool(path, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return nil, nil, nil, err
	}
	if fold, err = openFolder(path); err != nil {
		return nil, nil, nil, errors.Join(err, read.close())
	}
	if write, err = openSQLiteWriter(path, fold); err != nil {
		return nil, nil, nil, errors.Join(err, fold.db.Close(), read.close())
	}
	return read, fold, write, nil
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
		"cache_size(-8000)", // KiB
		"temp_store(memory)",
	}, pragmas...)}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: v.Encode()}).String()
}

// sqliteWriterPragmas override those of sqliteName for the connection that
// writes: no checkpoints of its own, see checkpoint.go.
var sqliteWriterPragmas = []string{"cache_size(-16000)", "wal_autocheckpoint(0)"}

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
