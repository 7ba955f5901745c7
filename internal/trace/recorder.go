package trace

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Defaults of [Options].
const (
	defaultKeep     = 30 * 24 * time.Hour
	defaultMaxBody  = 4 << 10
	defaultBuffer   = 8192
	defaultBodies   = 500
	defaultMaxBytes = 8 << 30

	flushEvery     = 250 * time.Millisecond
	pruneEvery     = time.Minute
	maxBufferBytes = 32 << 20 // of bodies that wait for the writer
	maxChunk       = 256      // messages
	maxChunkBytes  = 1 << 20
)

// Options configure a [Recorder].
type Options struct {
	Path     string        // the SQLite file; made when it does not exist
	Key      []byte        // of [Recorder.Hash]; random for this run when empty
	Keep     time.Duration // how old a message may get; default 30 days
	MaxBytes int64         // of the file, beyond which the oldest messages go; default 8 GiB
	MaxBody  int           // bytes kept of each body; default 4 KiB, negative: none
	Buffer   int           // messages that may wait for the writer; default 8192
	Bodies   float64       // bodies of successful messages kept per second; default 500

	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Recorder keeps what happened to each message in a file of its own.
//
// It is never in the way: [Recorder.Record] costs an append under a short lock
// and drops (and counts) what the disk cannot take. A message is stored within
// a second, and may be lost when the process or the machine dies before that.
//
// Bodies are redacted before they are stored: the values of fields that carry
// tokens or tell who drives are replaced by a keyed hash, so that equal values
// can still be matched; a body that is not JSON is kept as its length and
// digest only. Nothing else of a message is changed: callers must put neither
// tokens nor driver ids into the other fields.
//
// A nil Recorder drops everything.
type Recorder struct {
	opt    Options
	db     *sql.DB
	log    *slog.Logger
	hasher hasher

	mu      sync.Mutex
	waiting []handed
	bytes   int // of bodies in waiting
	closed  bool

	wake    chan struct{}      // the buffer is worth writing
	flushes chan chan struct{} // closed by the writer when everything before is stored
	stop    chan struct{}
	stopped chan struct{}

	recorded   atomic.Uint64
	dropped    atomic.Uint64
	shortened  atomic.Uint64
	bodies     *rate.Limiter
	unregister func()
}

// handed is a message that waits for the writer. Of a brief one only length and
// digest of the bodies are stored.
type handed struct {
	Message
	brief bool
}

// Open opens or makes the file and starts the writer. ctx bounds opening only.
func Open(ctx context.Context, opt Options) (*Recorder, error) {
	opt.Keep = cmp.Or(opt.Keep, defaultKeep)
	opt.MaxBytes = cmp.Or(opt.MaxBytes, defaultMaxBytes)
	opt.MaxBody = cmp.Or(opt.MaxBody, defaultMaxBody)
	opt.Buffer = cmp.Or(opt.Buffer, defaultBuffer)
	opt.Bodies = cmp.Or(opt.Bodies, defaultBodies)
	if len(opt.Key) == 0 {
		opt.Key = make([]byte, 32)
		rand.Read(opt.Key)
	}
	db, err := openDB(ctx, opt.Path)
	if err != nil {
		return nil, fmt.Errorf("opening the message trace %s: %w", opt.Path, err)
	}
	w, err := newWriter(ctx, db)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("reading the message trace %s: %w", opt.Path, err)
	}
	r := &Recorder{
		opt: opt, db: db, log: cmp.Or(opt.Log, slog.New(slog.DiscardHandler)),
		hasher:  newHasher(opt.Key),
		waiting: make([]handed, 0, min(opt.Buffer, 2*maxChunk)),
		wake:    make(chan struct{}, 1),
		flushes: make(chan chan struct{}),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		bodies:  rate.NewLimiter(rate.Limit(opt.Bodies), int(2*opt.Bodies)),
	}
	r.unregister = r.register(opt.Metrics)
	go r.run(w)
	return r, nil
}

// Record hands m over and returns at once. The recorder keeps the slices of m;
// the caller must not change them afterwards. When the buffer is full the
// message is dropped and counted; when it holds too many body bytes, or more
// successful messages come in a second than Options.Bodies says, the message is
// kept without its bodies, or with their length and digest only, and counted. What failed
// keeps its bodies.
func (r *Recorder) Record(m Message) {
	if r == nil {
		return
	}
	size, brief := len(m.RequestBody)+len(m.ResponseBody), false
	if m.OCPIStatus < 2000 && size > 0 && !r.bodies.AllowN(m.Time, 1) {
		brief = true
		r.shortened.Add(1)
	}
	r.mu.Lock()
	if r.closed || len(r.waiting) >= r.opt.Buffer {
		r.mu.Unlock()
		r.dropped.Add(1)
		return
	}
	if r.bytes+size > maxBufferBytes {
		m.RequestBody, m.ResponseBody = nil, nil
		size = 0
		r.shortened.Add(1)
	}
	r.waiting = append(r.waiting, handed{m, brief})
	r.bytes += size
	full := len(r.waiting)%maxChunk == 0
	r.mu.Unlock()
	r.recorded.Add(1)
	if full {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Dropped returns how many messages were not kept because the buffer was full
// or the recorder closed.
func (r *Recorder) Dropped() uint64 {
	if r == nil {
		return 0
	}
	return r.dropped.Load()
}

// errClosed is what a closed recorder answers.
var errClosed = errors.New("the message trace is closed")

// Flush waits until everything recorded before is stored, or ctx ends.
func (r *Recorder) Flush(ctx context.Context) error {
	if r == nil {
		return nil
	}
	done := make(chan struct{})
	select {
	case r.flushes <- done:
	case <-r.stopped:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-done:
		return nil
	case <-r.stopped:
		return errClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close stores what waits, stops the writer and closes the file. Messages
// recorded later are dropped.
func (r *Recorder) Close() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	again := r.closed
	r.closed = true
	r.mu.Unlock()
	if again {
		<-r.stopped
		return nil
	}
	close(r.stop)
	<-r.stopped
	r.unregister()
	return r.db.Close()
}

// run is the writer's goroutine. A chunk that cannot be written is tried again
// at the next tick; meanwhile the buffer fills up and then drops.
func (r *Recorder) run(w *writer) {
	defer close(r.stopped)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	var spare []handed
	var waiters []chan struct{}
	failing := false
	for {
		stopping := false
		all := true // or only full chunks
		select {
		case <-r.stop:
			stopping = true
		case done := <-r.flushes:
			waiters = append(waiters, done)
		case <-tick.C:
		case <-r.wake:
			all = false
		case <-prune.C:
			if err := w.prune(time.Now().Add(-r.opt.Keep), r.opt.MaxBytes); err != nil {
				r.log.Warn("cannot delete old messages from the trace", "err", err)
			}
			continue
		}
		err := w.write() // what could not be written before
		if err == nil {
			batch := r.swap(spare)
			for i := range batch {
				w.add(r.redact(&batch[i]))
			}
			clear(batch)
			spare = batch[:0]
			if all {
				w.seal()
			}
			err = w.write()
		}
		if (err != nil) != failing {
			if failing = err != nil; failing {
				r.log.Error("cannot write the message trace", "err", err)
			} else {
				r.log.Info("the message trace can be written again")
			}
		}
		if err == nil && all {
			for _, done := range waiters {
				close(done)
			}
			waiters = waiters[:0]
		}
		if stopping {
			if err != nil {
				r.dropped.Add(uint64(w.pendingMessages()))
			}
			return
		}
	}
}

// swap takes what waits and leaves an empty buffer.
func (r *Recorder) swap(spare []handed) []handed {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := r.waiting
	r.waiting, r.bytes = spare, 0
	return batch
}

// register makes the recorder's metrics known and returns how to undo it.
func (r *Recorder) register(reg prometheus.Registerer) func() {
	if reg == nil {
		return func() {}
	}
	counter := func(name, help string, v *atomic.Uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(v.Load()) })
	}
	all := []prometheus.Collector{
		counter("eroam_trace_messages_total", "Messages handed to the trace.", &r.recorded),
		counter("eroam_trace_dropped_total", "Messages the trace could not keep.", &r.dropped),
		counter("eroam_trace_bodies_shortened_total", "Messages kept without their bodies, or with length and digest only.", &r.shortened),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "eroam_trace_waiting", Help: "Messages that wait to be written to the trace.",
		}, func() float64 {
			r.mu.Lock()
			defer r.mu.Unlock()
			return float64(len(r.waiting))
		}),
	}
	for _, c := range all {
		reg.MustRegister(c)
	}
	return func() {
		for _, c := range all {
			reg.Unregister(c)
		}
	}
}
