package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// postgresTimeout bounds one group commit, with its wait for those of
	// other processes.
	postgresTimeout = 30 * time.Second
	// postgresReaders bounds the connections that read; one more writes.
	postgresReaders = 8
	// postgresAside bounds the connections for leases.
	postgresAside = 2
	// The server ends a transaction whose client has been silent for this
	// long: a machine that vanished, or a process that was stopped, must not keep
	// the lock on the feed. It is well below what makes the others take it for
	// dead.
	sqlIdleTimeout = `SET idle_in_transaction_session_timeout = '4s'`
)

func openPostgres(ctx context.Context, database string) (engine, error) {
	config, err := pgx.ParseConfig(database)
	if err != nil {
		return engine{}, fmt.Errorf("reading the URL of the database: %w", err) // pgx hides the password
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "eroam"
	}
	write := &postgresWriter{config: config}
	if err := write.connect(ctx); err != nil {
		return engine{}, fmt.Errorf("opening the database: %w", err)
	}
	if err := preparePostgres(ctx, config); err != nil {
		return engine{}, errors.Join(fmt.Errorf("opening the database: %w", err), write.close())
	}
	read := stdlib.OpenDB(*config)
	read.SetMaxOpenConns(postgresReaders)
	read.SetMaxIdleConns(postgresReaders)
	aside := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sqlIdleTimeout)
		return err
	}))
	aside.SetMaxOpenConns(postgresAside)
	aside.SetMaxIdleConns(postgresAside)
	return engine{
		name: "postgres",
		aside: func(ctx context.Context) (transaction, error) {
			tx, err := aside.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
			return postgresTx{tx}, err
		},
		asideRead: poolReader{aside},
		listen:    func(ctx context.Context) (*pgx.Conn, error) { return pgx.ConnectConfig(ctx, config.Copy()) },
		begin:     write.begin,
		read:      poolReader{read}, // the driver keeps prepared statements
		shared:    true,
		timeout:   postgresTimeout,
		close:     func() error { return errors.Join(read.Close(), aside.Close(), write.close()) },
	}, nil
}

// preparePostgres brings the tables up to date.
func preparePostgres(ctx context.Context, config *pgx.ConnConfig) (err error) {
	db := stdlib.OpenDB(*config)
	defer func() { err = errors.Join(err, db.Close()) }()
	// Processes that start at the same time migrate one after another.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	return migrate(ctx, goose.DialectPostgres, db, goose.WithSessionLocker(locker))
}

const sqlServer = `SELECT current_setting('server_version_num')::int, current_setting('fsync'),
	current_setting('full_page_writes'), current_setting('synchronous_commit')`

// checkPostgres runs on each new connection that writes: what it asks about
// can be changed while this program runs.
func checkPostgres(ctx context.Context, c *pgx.Conn) error {
	var v server
	err := c.QueryRow(ctx, sqlServer).Scan(&v.version, &v.fsync, &v.fullPageWrites, &v.synchronousCommit)
	if err != nil {
		return fmt.Errorf("reading the settings of PostgreSQL: %w", err)
	}
	return v.check()
}

// server is what decides whether a PostgreSQL keeps what it has committed.
type server struct {
	version                                  int // 150020 is 15.20
	fsync, fullPageWrites, synchronousCommit string
}

func (v server) check() error {
	if v.version < 150000 {
		return fmt.Errorf("PostgreSQL %d.%d is too old: 15 or newer is needed", v.version/10000, v.version%10000)
	}
	for _, s := range []struct{ name, value string }{
		{"fsync", v.fsync},
		{"full_page_writes", v.fullPageWrites},
		{"synchronous_commit", v.synchronousCommit},
	} {
		if s.value == "off" {
			return fmt.Errorf("PostgreSQL has %s = off and could lose what it has confirmed: set it to on", s.name)
		}
	}
	return nil
}

// postgresTx adapts sql.Tx, for what is not part of a group commit.
type postgresTx struct{ tx *sql.Tx }

// send runs the statement at once.
func (t postgresTx) send(ctx context.Context, query string, args []any, one bool) error {
	n, err := t.exec(ctx, query, args)
	if err == nil && one {
		err = changedOne(n)
	}
	return err
}

func (t postgresTx) flush(context.Context) error { return nil }

func (t postgresTx) exec(ctx context.Context, query string, args []any) (int64, error) {
	r, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t postgresTx) row(ctx context.Context, query string, args []any, into []any) (bool, error) {
	switch err := t.tx.QueryRowContext(ctx, query, args...).Scan(into...); err {
	case nil:
		return true, nil
	case sql.ErrNoRows:
		return false, nil
	default:
		return false, err
	}
}

func (t postgresTx) each(ctx context.Context, query string, args []any, scan func(scanFunc) error) error {
	return each(ctx, t.tx, query, args, scan)
}

func (t postgresTx) commit() error { return t.tx.Commit() }

// rollback may fail because the connection is gone: then the server has
// undone the transaction.
func (t postgresTx) rollback() { _ = t.tx.Rollback() }
