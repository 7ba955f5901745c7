package store

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// maxBatch bounds how many writes share one commit, and with that how long
// the first of them waits for the last.
const maxBatch = 256

// Write runs fn in the next group commit and returns when it is durable.
//
// fn runs on the goroutine of the writer, after every earlier write and before
// every later one, also those of other processes on one PostgreSQL. It must be
// quick, do no I/O, and not call Write. It may run more than once, so it must
// have no effect outside tx but on variables that it sets anew each time.
//
// When fn returns an error, panics ([ErrPanic]), or a method of tx fails,
// only what fn wrote is undone; Write returns that error, and the others in
// the same commit do not notice.
//
// Nothing was written when Write returns [ErrBusy] (the queue is full),
// [ErrClosed], or an error of fn or tx. When ctx ends before fn has begun, fn
// never runs and Write returns ctx.Err(); once it has begun, Write waits for
// the outcome. The outcome is not known when the error is [ErrUnknownOutcome].
func (s *Store) Write(ctx context.Context, fn func(tx *Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{fn: fn, done: make(chan error, 1)}
	if err := s.writer.add(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.claim() {
			return ctx.Err()
		}
		return <-j.done
	}
}

// QueueLength is the number of writes that wait.
func (s *Store) QueueLength() int { return len(s.writer.queue) }

// job is one call of Write.
type job struct {
	fn      func(*Tx) error
	done    chan error // takes one result
	claimed atomic.Bool
}

// claim decides who has the job, the writer or a caller that gives up: true
// for the first to ask.
func (j *job) claim() bool { return j.claimed.CompareAndSwap(false, true) }

// writer runs the jobs, many in one transaction.
type writer struct {
	store   *Store
	metrics *metrics
	queue   chan *job
	later   chan *job   // see WriteLater; never closed
	failing atomic.Bool // the last transaction could not be committed
	lost    bool        // the index may lack what was committed with an unknown outcome
	*workspace

	mu     sync.RWMutex // held to send to queue, so that it can be closed
	closed bool
}

func newWriter(s *Store, queue int, r prometheus.Registerer) (*writer, error) {
	w := &writer{store: s, queue: make(chan *job, queue), later: make(chan *job, queue), workspace: &workspace{codec: s.codec, index: s.index}}
	var err error
	w.metrics, err = newMetrics(r, func() float64 { return float64(len(w.queue)) })
	return w, err
}

func (w *writer) add(j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return ErrClosed
	}
	select {
	case w.queue <- j:
		return nil
	default:
		w.metrics.busy.Inc()
		return ErrBusy
	}
}

// close ends run after the jobs that wait.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	close(w.queue)
}

// run is the goroutine of the writer. It ends after close, when nothing waits.
func (w *writer) run() {
	defer w.metrics.unregister()
	batch := make([]*job, 0, maxBatch)
	for j := range w.queue {
		batch = batch[:0]
		if j.claim() {
			batch = append(batch, j)
		}
		// Whoever can run now is about to write, under load: a commit costs the same
		// for one write as for many. When nobody can, this takes no time. Once is
		// enough: with everybody in one commit nobody works beside it.
		runtime.Gosched()
		batch = w.more(batch)
		if len(batch) > 0 {
			batch = w.join(batch)
			w.commit(batch)
		}
		clear(batch)
	}
	for batch = w.join(batch[:0]); len(batch) > 0; batch = w.join(batch[:0]) {
		w.commit(batch)
	}
}

// more adds the jobs that wait at this moment.
func (w *writer) more(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return batch
			}
			if j.claim() {
				batch = append(batch, j)
			}
		default:
			return batch
		}
	}
	return batch
}

// commit runs the batch and answers everyone in it. First all of them in one
// transaction, which is the usual case. When one fails, again with a savepoint
// around each, which undoes the failing ones alone. When even that does not
// work, because the engine gave up the transaction, each on its own.
func (w *writer) commit(batch []*job) {
	w.metrics.size.Observe(float64(len(batch)))
	results := make([]error, len(batch))
	if !w.attempt(batch, results, false) && !w.attempt(batch, results, true) {
		for i := range batch {
			w.attempt(batch[i:i+1], results[i:i+1], false)
		}
	}
	for i, j := range batch {
		w.logPanic(results[i])
		j.done <- results[i]
	}
}
