// Package store is the one database: everything that must survive a restart,
// except the message trace. It holds all SQL of the program.
//
// Two engines serve the same SQL text: SQLite inside the binary, for one
// process, and PostgreSQL 15 or newer, which several processes may share.
// Package storetest runs every behaviour on both.
//
// All writing goes through [Store.Write], the group commit: what it returned
// nil for survives a killed process and a lost power supply. Reading methods
// of [Store] see what is committed, at once after Write has returned; methods
// of [Tx] see in addition what their own transaction wrote.
//
// Texts must be valid UTF-8 without NUL bytes, else the call fails with
// [ErrText]: PostgreSQL cannot hold others, and both engines shall agree.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrBusy says that the queue of writers is full: the caller should
	// shed load (HTTP 429 or 503), nothing was written.
	ErrBusy = errors.New("store: too many writes are waiting")
	// ErrClosed says that Close was called; nothing was written.
	ErrClosed = errors.New("store: closed")
	// ErrText says that a text cannot be stored: invalid UTF-8 or a NUL byte.
	ErrText = errors.New("store: text is not valid UTF-8 or contains a NUL byte")
	// ErrLocked says that another process has the SQLite database open.
	ErrLocked = errors.New("the database is in use by another process")
	// ErrUnknownOutcome says that the commit itself failed, for example
	// because the connection broke while waiting for its answer: the change
	// may be there or not. Read before writing again.
	ErrUnknownOutcome = errors.New("store: the commit failed, its outcome is unknown")
	// ErrPanic says that the function given to Write panicked.
	ErrPanic = errors.New("store: a write panicked")
)

// Options say where the database is.
type Options struct {
	// Database is empty for SQLite, else a URL postgres://… .
	Database string
	// Dir holds eroam.db and eroam.lock of SQLite. It is made (mode 0700)
	// when it is missing. It must be on a local disk, not on NFS or SMB.
	Dir string
	Log *slog.Logger
	// Queue bounds how many writes may wait; 0 means 1024.
	Queue int
	// NoListen leaves out the connection that listens for what other processes
	// write: it is then only looked for, every Poll. For tests in which no
	// goroutine may wait for a socket.
	NoListen bool
	// Poll is how often to look for what other processes write while no
	// notifications come; 0 means twice a second.
	Poll time.Duration
	// Metrics receives the collectors of this store until Close; may be nil.
	Metrics prometheus.Registerer
}

// Store is an open database. Its methods may be called by any number of
// goroutines.
type Store struct {
	engine engine
	log    *slog.Logger
	writer *writer
	codec  *codec
	*Ledger
	index  *index
	recent recent
	pages  sync.Pool // of *Page
	// following is held to bring the index up to what others have committed.
	following sync.Mutex
	feed      *broadcast
	// registry wakes those who wait for changes of it.
	registry *broadcast
	watch    *watch             // nil where there is one process
	stop     context.CancelFunc // ends the background work
	work     sync.WaitGroup
	close    sync.Once
	closed   error
}

// engine is what differs between SQLite and PostgreSQL.
type engine struct {
	name string
	// begin opens the transaction of a group commit. Only the writer calls it.
	begin func(ctx context.Context) (transaction, error)
	read  reader
	// shared says that other processes write to the database too: each
	// transaction begins with the lock on the feed, so that the transactions
	// of all processes run one after another.
	shared bool
	// aside opens a transaction that is not part of a group commit, and
	// asideRead reads on the same connections; nil where there is one process.
	aside     func(ctx context.Context) (transaction, error)
	asideRead reader
	// listen connects for notifications.
	listen func(ctx context.Context) (*pgx.Conn, error)
	// fold works in the background; nil for none.
	fold *folder
	// timeout bounds one group commit; 0 for none.
	timeout time.Duration
	// close frees everything.
	close func() error
}

// Open opens the database, creates or migrates its tables, reads once what is
// published into the index in memory, and starts the writer. ctx bounds the opening only. It refuses, with a message that says
// what to do: a second process on one SQLite database ([ErrLocked]), a file
// system that cannot do write-ahead logging, a PostgreSQL older than 15 or
// with fsync, full_page_writes or synchronous_commit off, and a database that
// a newer version of this program has migrated.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Queue <= 0 {
		o.Queue = 1024
	}
	e, err := openEngine(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, log: o.Log, codec: newCodec(), index: newIndex(e.shared), feed: newBroadcast(), registry: newBroadcast()}
	s.Ledger = &Ledger{read: e.read, codec: s.codec}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if e.shared {
		s.watch = newWatch(e.listen, o.Poll)
		if err := s.look(ctx); err != nil {
			return nil, errors.Join(err, e.close())
		}
	}
	s.writer, err = newWriter(s, o.Queue, o.Metrics)
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.work.Go(s.writer.run)
	if e.fold != nil {
		s.work.Go(func() { e.fold.run(run, s.log) })
	}
	if e.shared {
		s.work.Go(func() { s.poll(run) })
		if !o.NoListen {
			s.work.Go(func() { s.listen(run) })
		}
	}
	return s, nil
}

func openEngine(ctx context.Context, o Options) (engine, error) {
	switch {
	case o.Database == "":
		return openSQLite(ctx, o.Dir)
	case strings.HasPrefix(o.Database, "postgres://"), strings.HasPrefix(o.Database, "postgresql://"):
		return openPostgres(ctx, o.Database)
	}
	return engine{}, errors.New("database must be empty (SQLite) or a URL that begins with postgres://")
}

// Close refuses new writes, lets the waiting ones finish, and closes the
// database. It may be called more than once.
func (s *Store) Close() error {
	s.close.Do(func() {
		s.writer.close()
		s.stop()
		s.work.Wait()
		if err := s.engine.close(); err != nil {
			s.closed = fmt.Errorf("closing the database: %w", err)
		}
	})
	return s.closed
}

// Engine returns "sqlite" or "postgres".
func (s *Store) Engine() string { return s.engine.name }

// Ping reports whether the database can be read and, when the last group
// commit failed, whether it can be written again. It is meant for /readyz.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.Seq(ctx); err != nil {
		return err
	}
	if !s.writer.failing.Load() {
		return nil
	}
	// A new value each time: SQLite writes nothing for the same one.
	now := time.Now().AppendFormat(nil, time.RFC3339Nano)
	return s.Write(ctx, func(tx *Tx) error { return tx.SetMeta("ping", now) })
}
