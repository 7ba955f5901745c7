// Package lease decides which of the processes that share a PostgreSQL works on
// which job: the lane of a receiver, the crawl of a partner. With SQLite there is
// one process, and it has every job for ever.
//
// Guaranteed: no two processes work on one job at a time. Each process beats: it
// raises a counter in the database. The others take it for dead when they have
// seen the counter stand still for the time Life, and only then give its jobs to
// others; it for its part works on its jobs only until Life after the beginning
// of its last beat, see [Grant.Until]. Each looks at its own clock alone, so the
// clocks of machines need not agree. What a process writes about a job carries
// the epoch of its [Grant], which grows from holder to holder, so that the
// database can refuse what comes late.
//
// Jobs are spread over the living processes by rendezvous hashing: when one comes
// or goes only its share moves. A process that is to give a job away stops, stores
// what it has to, and releases it; then the next one takes it.
//
// Not guaranteed: that somebody works on a job at every moment. The jobs of a
// process that was killed rest for at most Life and a second.
package lease

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/store"
)

// Options are what a Node is made of.
type Options struct {
	Store *store.Store
	// Place is something that at most one process at a time can have, such as
	// the lock of a data directory: an earlier process in the same place is
	// known to be dead, and its jobs need not wait. Empty for none.
	Place string
	// Name tells people which process it is.
	Name string
	// Beat is how often the process shows that it lives, and Life after how long
	// without that the others take its jobs; 0 means 3 s and 12 s. All processes
	// must have the same Life.
	Beat, Life time.Duration
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Node is one process among those that share the database. Its methods may be
// called by any number of goroutines.
type Node struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	alone   bool

	mu      sync.Mutex
	shared  map[string]map[string]bool // the jobs that exist, by kind
	held    map[job]*holding
	ended   []store.Lease // released, to be ended in the database
	term    *term
	retired bool
	dirty   bool // something happened that the database does not tell
	changed chan struct{}

	wake chan struct{} // cap 1: Run has something to do
	loop loop          // belongs to Run
}

type job struct{ kind, name string }

// holding is a lease of this process.
type holding struct {
	epoch int64
	seen  bool // Held has returned it
	going bool // to be released
}

// term is one membership of this process: from joining to leaving, or to being
// buried by the others.
type term struct {
	id    string
	until atomic.Pointer[time.Time]
}

func (t *term) end() time.Time { return *t.until.Load() }

// past is when a lost term ended.
var past = time.Unix(1, 0)

// Grant is a job that this process has.
type Grant struct {
	// Epoch goes with what is written about the job; 0 where there is only one
	// process. It is higher than that of any earlier holder.
	Epoch int64
	term  *term // nil: without end
}

// Until says how long the job may be worked on as things stand. It moves on while
// the process is in touch with the others, and is long past once they took it for
// dead, for ever: a later grant is another. Every request that belongs to the job
// must end before it. Zero: without end.
func (g Grant) Until() time.Time {
	if g.term == nil {
		return time.Time{}
	}
	return g.term.end()
}

// Open returns the Node of this process. Where the store is shared it has nothing
// until Run.
func Open(o Options) *Node { return open(o, !o.Store.Shared()) }

// Alone returns a Node that has every job.
func Alone() *Node { return open(Options{}, true) }

func open(o Options, alone bool) *Node {
	if o.Beat <= 0 {
		o.Beat = 3 * time.Second
	}
	if o.Life <= 0 {
		o.Life = 12 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		o: o, log: o.Log, alone: alone,
		shared: map[string]map[string]bool{}, held: map[job]*holding{},
		changed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	n.metrics = newMetrics(o.Metrics, n)
	return n
}

// Share says which jobs of a kind exist, as far as this process knows: it takes
// its part of them. Jobs that are not named any more are to be released.
func (n *Node) Share(kind string, names []string) {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	n.mu.Lock()
	same := maps.Equal(n.shared[kind], set)
	n.shared[kind] = set
	n.dirty = n.dirty || !same
	if n.alone && !same {
		n.broadcast()
	}
	n.mu.Unlock()
	if !same {
		n.poke()
	}
}

// Held returns the jobs of a kind that this process has. Whoever worked on one
// that is missing here stops, stores what it must, and calls Release; whose grant
// has another epoch was lost and given again in the meantime, and begins anew.
func (n *Node) Held(kind string) map[string]Grant {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := map[string]Grant{}
	if n.alone {
		for name := range n.shared[kind] {
			out[name] = Grant{}
		}
		return out
	}
	for j, h := range n.held {
		if j.kind == kind && !h.going {
			out[j.name], h.seen = Grant{Epoch: h.epoch, term: n.term}, true
		}
	}
	return out
}

// Release gives a job away, or back. It does nothing when this process does not
// have it.
func (n *Node) Release(kind, name string) {
	n.mu.Lock()
	j := job{kind, name}
	if h := n.held[j]; h != nil {
		delete(n.held, j)
		n.ended = append(n.ended, store.Lease{Kind: kind, Name: name, Node: n.term.id, Epoch: h.epoch})
	}
	n.mu.Unlock()
	n.poke()
}

// Changed returns a channel that is closed when what is held changes. Take it
// before Held; call again afterwards.
func (n *Node) Changed() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// Until is that of every grant made now; zero for no end.
func (n *Node) Until() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.alone:
		return time.Time{}
	case n.term == nil:
		return past
	}
	return n.term.end()
}

// ID returns the id of this process among the others, "" when it is alone or has
// not joined them.
func (n *Node) ID() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.term == nil {
		return ""
	}
	return n.term.id
}

// Retire gives all jobs away: Held is empty from now on, and nothing is taken any
// more. Those who have jobs are to stop and release them; Run goes on until they
// have.
func (n *Node) Retire(ctx context.Context) error {
	if n.alone {
		return nil
	}
	n.mu.Lock()
	n.retired = true
	for j, h := range n.held {
		if !h.going {
			n.give(j, h)
		}
	}
	t := n.term
	n.mu.Unlock()
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, n.o.Beat)
	defer cancel()
	return n.o.Store.RetireNode(ctx, t.id)
}

// broadcast tells everybody that what is held has changed. n.mu is held.
func (n *Node) broadcast() {
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *Node) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// lose ends the membership at once: nothing that was held may be worked on.
func (n *Node) lose(why error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.term == nil {
		return
	}
	n.term.until.Store(&past)
	n.term, n.ended = nil, nil
	clear(n.held)
	n.broadcast()
	n.metrics.lost.Inc()
	n.log.Error("the other processes took this one for dead: its jobs are theirs", "err", why)
}

var errMissing = errors.New("it is not among those that work")
