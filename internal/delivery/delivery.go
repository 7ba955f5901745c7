// Package delivery brings published objects (locations, tariffs, tokens, client
// infos) to everybody who is entitled to them: the tell way, after the answer to
// the owner.
//
// It reads the feed of the store: each accepted change has given its object the
// next place there. Each receiver, a party in a role, has a lane with a
// persisted cursor, which says up to which place it has everything it is
// entitled to. A lane that is up to date passes the owner's own PUT, PATCH or
// DELETE on, byte for byte between equal versions; one that fell behind, or
// whose receiver is new, sends each object once, in its present state.
//
// Guaranteed for every entitled receiver that answers:
//   - it ends up with the newest state of each object, also when the hub was
//     killed in between;
//   - requests for one object reach it one after the other, in the order in
//     which the changes were accepted;
//   - what another receiver does delays it by nothing.
//
// A message may arrive twice, after a time-out or a restart; all of them are
// idempotent. Not guaranteed: that each state in between is seen; that an
// object which a receiver refuses (HTTP 4xx, OCPI 2xxx) is offered again before
// its next change.
package delivery

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Options are what a Delivery is made of.
type Options struct {
	Store    *store.Store
	Registry *party.Registry
	Egress   *egress.Client
	Trace    *trace.Recorder // may be nil
	Hub      ocpi.PartyID
	// Lease says which lanes this process has; nil: all of them.
	Lease *lease.Node
	// Timeout bounds one request to a receiver; 0 means 8 s.
	Timeout time.Duration
	// MinBackoff is the longest pause after a first failure, and MaxBackoff
	// what it grows to by doubling; 0 means 1 s and 15 min.
	MinBackoff, MaxBackoff time.Duration
	// OfflineAfter is how long a receiver may take nothing that it is sent before
	// others are told that it is OFFLINE; 0 means 5 min.
	OfflineAfter time.Duration
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Delivery sends what was published. See the package for what it guarantees.
type Delivery struct {
	o         Options
	log       *slog.Logger
	metrics   *metrics
	announced announcements
	view      atomic.Pointer[view]
	presents  presents

	// Set by Run before the first lane starts.
	tail    *tail
	workers *workers

	cycle cycle

	mu    sync.Mutex
	lanes map[string]*lane // by name
}

// New returns a Delivery that does nothing until Run.
func New(o Options) *Delivery {
	if o.Timeout <= 0 {
		o.Timeout = 8 * time.Second
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = time.Second
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = 15 * time.Minute
	}
	if o.OfflineAfter <= 0 {
		o.OfflineAfter = 5 * time.Minute
	}
	if o.Lease == nil {
		o.Lease = lease.Alone()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Delivery{o: o, log: o.Log, lanes: make(map[string]*lane)}
	d.presents.store = o.Store
	d.metrics = newMetrics(o.Metrics, d)
	return d
}

// Announce says which push made a change, so that receivers get just that push.
// It is called within the transaction of the change: lanes that see the change
// before its announcement would send the whole object. An announcement whose
// transaction fails has no effect. It never blocks.
func (d *Delivery) Announce(a Announcement) { d.announced.add(a) }

// Run sends until ctx ends. When it returns, everything it started has ended,
// the cursors are stored and the lanes released.
func (d *Delivery) Run(ctx context.Context) error {
	head, err := d.o.Store.Seq(ctx)
	if err != nil {
		return err
	}
	d.tail, d.workers = newTail(head), newWorkers(d)
	d.tail.view = d.look()
	r := d.newReader(head)
	var reading sync.WaitGroup
	reading.Go(func() { d.replay(ctx) })
	reading.Go(func() {
		r.run(ctx, func(err error) { d.log.Error("cannot read the feed", "err", err) })
	})
	d.supervise(ctx)
	d.end()
	d.workers.end()
	reading.Wait()
	return nil
}
