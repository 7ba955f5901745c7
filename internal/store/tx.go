package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Tx is the transaction of one group commit, as one caller of [Store.Write]
// sees it. It is valid until the function it was given to returns, and only
// on the goroutine that called that function.
//
// When a method fails, everything that the caller wrote is undone and Write
// returns an error, even if the caller ignores the error of the method.
type Tx struct {
	ctx   context.Context
	sql   transaction
	block block
	// registry is the revision that the registry was raised to.
	registry int64
	err      error // the first failure of the current caller
	ledger   ledgerEnds

	*workspace
}

// workspace is what the transactions of a writer use one after another.
type workspace struct {
	codec         *codec
	index         *index
	data, scratch []byte

	changes []change            // of objects, for the index
	heads   []Object            // as they became, without bodies: one for each change
	moved   map[ObjectKey]place // by them
}

// maxWorkspace is how many changes a transaction may have for its memory to be
// used again.
const maxWorkspace = 4 * maxBatch

// reset forgets the changes of the transaction before.
func (w *workspace) reset() {
	if len(w.changes) > maxWorkspace || w.moved == nil {
		w.changes, w.heads, w.moved = nil, nil, map[ObjectKey]place{}
		return
	}
	clear(w.heads) // they hold what the feed may have let go of
	w.changes, w.heads = w.changes[:0], w.heads[:0]
	clear(w.moved)
}

// transaction is an open transaction of an engine.
type transaction interface {
	// send runs a statement of which nothing but its failure matters; with one, it
	// must change one row. The engine may run it later in the transaction, after
	// what was sent before and before anything else: its error is then that of the
	// method that made it run.
	send(ctx context.Context, query string, args []any, one bool) error
	// flush runs what was sent.
	flush(ctx context.Context) error
	// exec returns the number of rows that the statement changed.
	exec(ctx context.Context, query string, args []any) (int64, error)
	// row reads the first row of a query; false when there is none.
	row(ctx context.Context, query string, args []any, into []any) (bool, error)
	// each calls scan for each row of a query.
	each(ctx context.Context, query string, args []any, scan func(scanFunc) error) error
	commit() error
	rollback()
}

// block is a range of the feed that this transaction has reserved and not
// used yet: next … end-1.
type block struct {
	next, end int64
	want      int64 // how many to reserve at once
	used      bool  // something was written to the feed
}

// exec runs one statement and returns the number of rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := checkText(args); err != nil {
		return 0, tx.fail(err)
	}
	n, err := tx.sql.exec(tx.ctx, query, args)
	if err != nil {
		return 0, tx.fail(err)
	}
	return n, nil
}

// send runs a statement of which nothing but its failure matters. On PostgreSQL it
// waits for the next one that returns something.
func (tx *Tx) send(query string, args ...any) error { return tx.sendOne(false, query, args) }

// one runs a statement that must change one row, as send does.
func (tx *Tx) one(query string, args ...any) error { return tx.sendOne(true, query, args) }

func (tx *Tx) sendOne(one bool, query string, args []any) error {
	if err := checkText(args); err != nil {
		return tx.fail(err)
	}
	if err := tx.sql.send(tx.ctx, query, args, one); err != nil {
		return tx.fail(err)
	}
	return nil
}

// changedOne is the error of a statement that must change one row, and changed n.
func changedOne(n int64) error {
	if n == 1 {
		return nil
	}
	return fmt.Errorf("%d rows changed instead of one", n)
}

// row runs a query of at most one row and scans it.
func (tx *Tx) row(query string, args []any, into ...any) (bool, error) {
	if err := checkText(args); err != nil {
		return false, tx.fail(err)
	}
	found, err := tx.sql.row(tx.ctx, query, args, into)
	if err != nil {
		return false, tx.fail(err)
	}
	return found, nil
}

func (tx *Tx) fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return err
}

// reserve extends the reserved part of the feed. The row lock that it takes
// on PostgreSQL holds until the transaction ends, so that another process
// gets its numbers, and commits, only afterwards; SQLite has one writer.
func (tx *Tx) reserve() error {
	var end int64
	ok, err := tx.row(sqlReserve, []any{tx.block.want}, &end)
	if err != nil {
		return fmt.Errorf("reserving the feed: %w", err)
	}
	if !ok {
		return tx.fail(fmt.Errorf("reserving the feed: its counter is missing"))
	}
	// Nobody else can have reserved since our last block, if there is one.
	tx.block.next, tx.block.end = end-tx.block.want+1, end+1
	tx.block.want = min(2*tx.block.want, maxReserve) // who needs more than foreseen often needs many
	return nil
}

const maxReserve = 1024

const sqlReserve = `UPDATE feed SET seq = seq + $1 WHERE id = 1 RETURNING seq`

// giveBack returns the unused rest, so that the counter is the last number in
// use: what lies behind it is exactly what a cursor lacks.
func (tx *Tx) giveBack() error {
	rest := tx.block.end - tx.block.next
	if rest == 0 {
		return nil
	}
	tx.block.end = tx.block.next
	if err := tx.send(sqlReserve, -rest); err != nil {
		return fmt.Errorf("returning unused numbers of the feed: %w", err)
	}
	return nil
}

func (tx *Tx) nextSeq() (int64, error) {
	if tx.block.next == tx.block.end {
		if err := tx.reserve(); err != nil {
			return 0, err
		}
	}
	n := tx.block.next
	tx.block.next++
	tx.block.used = true
	return n, nil
}

func checkText(args []any) error {
	for _, a := range args {
		if s, ok := a.(string); ok && (!utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0) {
			return ErrText
		}
	}
	return nil
}

// blob is the value of a column of bytes, which is never NULL: nil is stored
// as no bytes, and no bytes are read as empty, not nil, on both engines.
type blob []byte

func (b blob) Value() (driver.Value, error) {
	if b == nil {
		return []byte{}, nil
	}
	return []byte(b), nil
}

func (b *blob) Scan(column any) error {
	switch v := column.(type) {
	case nil:
		*b = blob{}
	case []byte:
		*b = append(blob{}, v...) // the driver keeps v
	case string: // somebody else has written it with SQLite's text functions
		*b = blob(v)
	default:
		return fmt.Errorf("a column of bytes holds a %T", column)
	}
	return nil
}
