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
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/egress"
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
	// Timeout bounds one request to a receiver; 0 means 15 s.
	Timeout time.Duration
	// MinBackoff is the longest pause after a first failure, and MaxBackoff
	// what it grows to by doubling; 0 means 500 ms and 30 s.
	MinBackoff, MaxBackoff time.Duration
	Log                    *slog.Logger
	Metrics                prometheus.Registerer
}

// How often Run looks at the registry and stores cursors.
const (
	superviseEvery = 200 * time.Millisecond
	persistEvery   = time.Second
)

// Delivery sends what was published. See the package for what it guarantees.
type Delivery struct {
	o         Options
	log       *slog.Logger
	metrics   *metrics
	announced announcements
	view      atomic.Pointer[view]

	// Set by Run before the first lane starts.
	tail  *tail
	saved map[string]int64 // cursors as stored

	mu    sync.Mutex
	lanes map[laneID]*lane
}

// view is a snapshot with its agreements by party.
type view struct {
	snapshot   *party.Snapshot
	agreements map[ocpi.PartyID][]*party.Agreement
}

// New returns a Delivery that does nothing until Run.
func New(o Options) *Delivery {
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.MinBackoff <= 0 {
		o.MinBackoff = 500 * time.Millisecond
	}
	if o.MaxBackoff <= 0 {
		o.MaxBackoff = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Delivery{o: o, log: o.Log, lanes: make(map[laneID]*lane)}
	d.metrics = newMetrics(o.Metrics, d)
	return d
}

// Announce says which push made a change, so that receivers get just that push.
// It is called within the transaction of the change: lanes that see the change
// before its announcement would send the whole object. An announcement whose
// transaction fails has no effect. It never blocks.
func (d *Delivery) Announce(a Announcement) { d.announced.add(a) }

// Run sends until ctx ends. When it returns, everything it started has ended
// and the cursors are stored.
func (d *Delivery) Run(ctx context.Context) error {
	cursors, err := d.o.Store.Cursors(ctx)
	if err != nil {
		return err
	}
	head, err := d.o.Store.Seq(ctx)
	if err != nil {
		return err
	}
	d.saved, d.tail = cursors, newTail(head)
	r := &reader{store: d.o.Store, announced: &d.announced, tail: d.tail, level: head, seen: make(map[store.ObjectKey]int64)}
	var reading sync.WaitGroup
	reading.Go(func() {
		r.run(ctx, func(err error) { d.log.Error("cannot read the feed", "err", err) })
	})
	d.supervise(ctx)
	reading.Wait()
	d.stop(slices.Collect(maps.Values(d.running())))
	return nil
}

// supervise keeps the lanes in step with the registry until ctx ends.
func (d *Delivery) supervise(ctx context.Context) {
	look := time.NewTicker(superviseEvery)
	defer look.Stop()
	save := time.NewTicker(persistEvery)
	defer save.Stop()
	var adopted *party.Snapshot
	for {
		if s := d.o.Registry.Snapshot(); s != adopted {
			d.adopt(ctx, s)
			adopted = s
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		case <-save.C:
			d.persist(ctx)
		}
	}
}

// agreements returns the agreements of a snapshot by party. It is worked out
// once for all lanes.
func (d *Delivery) agreements(s *party.Snapshot) map[ocpi.PartyID][]*party.Agreement {
	if v := d.view.Load(); v != nil && v.snapshot == s {
		return v.agreements
	}
	v := &view{snapshot: s, agreements: make(map[ocpi.PartyID][]*party.Agreement)}
	for _, a := range s.Agreements() {
		v.agreements[a.CPO] = append(v.agreements[a.CPO], a)
		if a.EMSP != a.CPO {
			v.agreements[a.EMSP] = append(v.agreements[a.EMSP], a)
		}
	}
	d.view.Store(v)
	return v.agreements
}

// adopt starts and ends lanes as s demands, and has the others look at it.
func (d *Delivery) adopt(ctx context.Context, s *party.Snapshot) {
	known := make(map[string]bool) // lanes of parties that exist
	wanted := make(map[laneID]bool)
	for _, pl := range s.Platforms() {
		for _, p := range pl.Parties {
			id := laneID{pl.ID, p.ID, p.Role}
			known[id.String()] = true
			if receives(p) {
				wanted[id] = true
			}
		}
	}
	var over []*lane
	for id, l := range d.running() {
		if !wanted[id] {
			over = append(over, l)
		}
	}
	d.stop(over)
	for id := range wanted {
		d.start(ctx, id)
	}
	d.forget(ctx, known)
	for _, l := range d.running() {
		select {
		case l.nudge <- struct{}{}:
		default:
		}
	}
}

func (d *Delivery) start(ctx context.Context, id laneID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lanes[id] != nil {
		return
	}
	c := charge{id: id, until: func() time.Time { return time.Time{} }}
	var known bool
	if c.cursor, known = d.saved[id.String()]; !known {
		c.blank = d.tail.position()
	}
	l := d.newLane(c)
	d.lanes[id] = l
	ctx, l.cancel = context.WithCancel(ctx)
	go l.run(ctx)
}

// stop ends lanes and stores how far they came.
func (d *Delivery) stop(lanes []*lane) {
	for _, l := range lanes {
		l.cancel()
	}
	for _, l := range lanes {
		<-l.stopped
	}
	if len(lanes) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d.persist(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range lanes {
		delete(d.lanes, l.id)
	}
}

func (d *Delivery) running() map[laneID]*lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.lanes)
}

// persist stores the cursors that moved. What is not stored is sent again after
// a restart.
func (d *Delivery) persist(ctx context.Context) {
	moved := make(map[string]int64)
	for id, l := range d.running() {
		name := id.String()
		old, known := d.saved[name]
		if c := l.snapshotState().Cursor; !known || c != old {
			moved[name] = c
		}
	}
	if len(moved) == 0 {
		return
	}
	err := d.o.Store.Write(ctx, func(tx *store.Tx) error {
		for name, seq := range moved {
			if err := tx.SetCursor(name, seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.log.Warn("cannot store the cursors of the lanes", "lanes", len(moved), "err", err)
		return
	}
	maps.Copy(d.saved, moved)
}

// forget drops the cursors of parties that are no longer in the hub.
func (d *Delivery) forget(ctx context.Context, known map[string]bool) {
	var over []string
	for name := range d.saved {
		if !known[name] {
			over = append(over, name)
		}
	}
	if len(over) == 0 {
		return
	}
	err := d.o.Store.Write(ctx, func(tx *store.Tx) error {
		for _, name := range over {
			if err := tx.DeleteCursor(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.log.Warn("cannot delete the cursors of parties that left", "lanes", len(over), "err", err)
		return
	}
	for _, name := range over {
		delete(d.saved, name)
	}
}

// Lanes returns the state of every lane, in order of their names.
func (d *Delivery) Lanes() []LaneState {
	var out []LaneState
	for _, l := range d.running() {
		s := l.snapshotState()
		s.Behind = max(0, d.tail.position()-s.Cursor)
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b LaneState) int { return strings.Compare(a.Lane, b.Lane) })
	return out
}

// complain keeps why a delivery failed, and logs it when it is something new.
func (l *lane) complain(r result) {
	l.mu.Lock()
	same := l.state.Error == r.err.Error()
	l.state.Error, l.state.ErrorAt = r.err.Error(), time.Now()
	l.mu.Unlock()
	if !same {
		l.d.log.Warn("delivery failed", "party", l.id.party.String(), "role", string(l.id.role),
			"module", r.object.key.Kind, "outcome", r.outcome.String(), "attempt", r.object.attempts, "err", r.err)
	}
}

// note keeps an error of the lane itself, or that there is none any more.
func (l *lane) note(err error) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("reading the feed: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state.Error != text {
		l.state.Error, l.state.ErrorAt = text, time.Time{}
		if err != nil {
			l.state.ErrorAt = time.Now()
			l.d.log.Error("a lane cannot read the feed", "party", l.id.party.String(), "err", err)
		}
	}
}
