package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
)

// attempt runs the batch in one transaction and fills in the result of each
// job. It reports false when nothing was written and the batch should be tried
// in another way; a batch of one is always settled. With isolate, a failing
// job undoes only itself.
func (w *writer) attempt(batch []*job, results []error, isolate bool) (settled bool) {
	ctx := context.Background()
	if t := w.store.engine.timeout; t > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, t)
		defer cancel()
	}
	start := time.Now()
	tx, err := w.begin(ctx, int64(len(batch)))
	if err != nil {
		w.fails(err)
		fill(results, err)
		return true
	}
	err = tx.runAll(batch, results, isolate)
	if err == nil && w.store.watch != nil {
		err = w.store.watch.notify(tx)
	}
	if err == nil {
		err = tx.sql.flush(ctx)
	}
	if err != nil {
		tx.sql.rollback()
		results[0] = err
		return len(batch) == 1
	}
	if err := tx.sql.commit(); err != nil {
		w.fails(err)
		w.lost = !w.store.engine.shared
		fill(results, fmt.Errorf("%w: %w", ErrUnknownOutcome, err))
		return true
	}
	if w.failing.Swap(false) {
		w.store.log.Info("the database can be written again")
	}
	w.metrics.commit.Observe(time.Since(start).Seconds())
	if n := len(tx.changes); n > 0 {
		w.index.follow(tx.changes, tx.changes[0].seq, tx.changes[n-1].seq)
		w.store.recent.add(tx.heads)
	}
	if w.store.watch != nil {
		w.store.watch.committed(tx)
	}
	if tx.block.used {
		w.store.feed.wake()
	}
	if tx.registry > 0 {
		w.store.registry.wake()
	}
	return true
}

// fails notes that the database cannot be written, and logs the first time.
func (w *writer) fails(err error) {
	if !w.failing.Swap(true) {
		w.store.log.Error("the database cannot be written", slog.Any("err", err))
	}
}

func fill(results []error, err error) {
	for i := range results {
		results[i] = err
	}
}

// begin opens the transaction. On a connection to a server it tries twice: the
// first try may be what shows that the connection has been broken for a while,
// and nothing has been written yet.
func (w *writer) begin(ctx context.Context, want int64) (tx *Tx, err error) {
	for range 2 {
		if tx, err = w.beginOnce(ctx, want); err == nil || !w.store.engine.shared {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("beginning to write: %w", err)
	}
	return tx, nil
}

func (w *writer) beginOnce(ctx context.Context, want int64) (*Tx, error) {
	t, err := w.store.engine.begin(ctx)
	if err != nil {
		return nil, err
	}
	w.reset()
	tx := &Tx{ctx: ctx, sql: t, block: block{want: want}, workspace: w.workspace}
	if err := w.current(tx); err != nil {
		t.rollback()
		return nil, err
	}
	return tx, nil
}

// current makes sure that the index is of the moment at which tx has begun. On
// a shared database that moment is fixed by the lock on the feed.
func (w *writer) current(tx *Tx) error {
	if w.lost {
		if err := w.store.load(tx.ctx); err != nil {
			return err
		}
		w.lost = false
	}
	if !w.store.engine.shared {
		return nil
	}
	if err := tx.reserve(); err != nil {
		return err
	}
	if w.index.end() == tx.block.next-1 {
		return nil
	}
	return w.store.catchUp(tx.ctx)
}

// runAll runs the jobs. An error means that the transaction cannot be
// committed; with isolate, the errors of the jobs themselves are results.
func (tx *Tx) runAll(batch []*job, results []error, isolate bool) error {
	for i, j := range batch {
		var err error
		if isolate {
			results[i], err = tx.runIsolated(j.fn)
		} else {
			results[i], err = nil, tx.run(j.fn)
		}
		if err != nil {
			return err
		}
	}
	return tx.giveBack()
}

// run calls fn and turns whatever went wrong into an error.
func (tx *Tx) run(fn func(*Tx) error) (err error) {
	tx.err = nil
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{v, debug.Stack()}
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.err
}

const (
	sqlSavepoint  = `SAVEPOINT one_write`
	sqlRollbackTo = `ROLLBACK TO SAVEPOINT one_write`
	sqlRelease    = `RELEASE SAVEPOINT one_write`
)

// runIsolated undoes what fn wrote when it fails, its part of the feed too. A
// broken error means that the transaction cannot go on.
func (tx *Tx) runIsolated(fn func(*Tx) error) (failed, broken error) {
	if err := tx.send(sqlSavepoint); err != nil {
		return nil, err
	}
	before, changes, ledger := tx.block, len(tx.changes), tx.ledger
	failed = tx.run(fn)
	if err := tx.sql.flush(tx.ctx); failed == nil {
		failed = err
	}
	if failed != nil {
		// A block reserved inside the savepoint is undone with it.
		tx.block, tx.ledger = before, ledger
		tx.ledger.balances = nil
		tx.forget(changes)
		if _, err := tx.exec(sqlRollbackTo); err != nil {
			return failed, err
		}
	}
	return failed, tx.send(sqlRelease)
}

// panicError is a panic of a function given to Write.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("%v: %v", ErrPanic, e.value) }
func (e *panicError) Unwrap() error { return ErrPanic }

func (w *writer) logPanic(err error) {
	if p, ok := errors.AsType[*panicError](err); ok {
		w.store.log.Error("a write panicked", slog.Any("panic", p.value), slog.String("stack", string(p.stack)))
	}
}
