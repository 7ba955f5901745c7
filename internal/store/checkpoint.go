package store

import (
	"context"
	"database/sql"
	"log/slog"
	"sync/atomic"
)

// The log of SQLite is folded into the database file (a checkpoint) by a
// connection of its own, while the writer goes on. A log can begin anew only at
// a moment when all of it is folded: when what was written during the last pass
// is little, the writer folds that itself before its next commit.
type foldLimits struct {
	every int // changed rows after which a pass begins
	log   int // pages of log at which it is to begin anew
	rest  int // pages that the writer may be asked to fold
	// With more pages than this the writer waits for those who read the log, as
	// long as busy_timeout says, so that it cannot grow without bound.
	force int
}

// A log of 64 MiB is written in seconds at full load and stays in the memory of
// the operating system.
func usualFold() foldLimits {
	return foldLimits{every: 2000, log: 1 << 14, rest: 1 << 10, force: 1 << 16}
}

const foldTries = 6

const (
	sqlFold        = `PRAGMA wal_checkpoint(PASSIVE)`
	sqlFoldForcing = `PRAGMA wal_checkpoint(RESTART)`
)

// folder folds the log in the background.
type folder struct {
	foldLimits
	db    *sql.DB
	kick  chan struct{}          // one place: there is something to fold
	asked atomic.Pointer[string] // the statement that the writer is asked to run
}

func openFolder(path string) (*folder, error) {
	db, err := sql.Open("sqlite", sqliteName(path))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &folder{foldLimits: usualFold(), db: db, kick: make(chan struct{}, 1)}, nil
}

// changed tells that enough was written for a pass.
func (f *folder) changed() {
	select {
	case f.kick <- struct{}{}:
	default:
	}
}

// run folds until ctx ends. A failure is one of the disk, which the next commit
// meets too.
func (f *folder) run(ctx context.Context, log *slog.Logger) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.kick:
		}
		err := f.fold(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			log.Error("the log of the database cannot be folded into it", slog.Any("err", err))
		}
		failing = err != nil
	}
}

func (f *folder) fold(ctx context.Context) error {
	for try, before := 0, 0; ; try++ {
		var busy, written, folded int
		if err := f.db.QueryRowContext(ctx, sqlFold).Scan(&busy, &written, &folded); err != nil {
			return err
		}
		switch {
		case busy != 0, written < f.log:
			return nil
		case written > f.force:
			f.ask(sqlFoldForcing)
			return nil
		case try == foldTries, try > 0 && written-before <= f.rest:
			f.ask(sqlFold)
			return nil
		}
		before = written
	}
}

func (f *folder) ask(statement string) { f.asked.Store(&statement) }
