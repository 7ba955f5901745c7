package lease

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

const kind = "lane"

// process is a node with somebody who does its jobs. It can be frozen, as by
// SIGSTOP, and killed.
type process struct {
	*Node
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	frozen bool
	work   map[string]Grant // what it works on
	ending map[string]Grant // and what it is about to end
	drain  time.Duration    // how long that takes
}

// network is processes on one database, here one of SQLite, in simulated time.
type network struct {
	t    *testing.T
	s    *store.Store
	jobs []string

	all   []*process
	epoch map[string]int64 // the highest seen
}

func newNetwork(t *testing.T, jobs int) *network {
	n := &network{t: t, s: storetest.Open(t, storetest.SQLite(t)), epoch: map[string]int64{}}
	for i := range jobs {
		n.jobs = append(n.jobs, fmt.Sprint("lane-", i))
	}
	return n
}

func (n *network) start(place string) *process {
	node := open(Options{Store: n.s, Place: place}, false)
	node.Share(kind, n.jobs)
	ctx, cancel := context.WithCancel(n.t.Context())
	p := &process{Node: node, cancel: cancel, work: map[string]Grant{}, ending: map[string]Grant{}, drain: 300 * time.Millisecond}
	n.all = append(n.all, p)
	p.done.Go(func() { p.run(ctx) })
	p.done.Go(func() { p.labour(ctx) })
	return p
}

// run is Node.Run, but for being frozen.
func (p *process) run(ctx context.Context) {
	for ctx.Err() == nil {
		if !p.isFrozen() {
			_ = p.round(ctx) // errors end with the node
		}
		time.Sleep(p.o.Beat / looksPerBeat)
	}
}

func (p *process) isFrozen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frozen
}

func (p *process) freeze(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = yes
}

// labour does the jobs as package delivery does.
func (p *process) labour(ctx context.Context) {
	for ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		if p.isFrozen() {
			continue
		}
		held := p.Held(kind)
		p.mu.Lock()
		for name, g := range p.work {
			if now, ok := held[name]; ok && now.Epoch == g.Epoch {
				continue
			}
			delete(p.work, name)
			if g.Until().After(time.Now()) {
				p.ending[name] = g
				p.done.Go(func() {
					time.Sleep(p.drain)
					p.mu.Lock()
					delete(p.ending, name)
					p.mu.Unlock()
					p.Release(kind, name)
				})
			}
		}
		for name, g := range held {
			if _, busy := p.ending[name]; !busy {
				p.work[name] = g
			}
		}
		p.mu.Unlock()
	}
}

// holders says who may work on what, and fails the test when two may at a time
// or an epoch goes back.
func (n *network) holders() map[string]*process {
	n.t.Helper()
	out := map[string]*process{}
	for _, p := range n.all {
		p.mu.Lock()
		for _, some := range []map[string]Grant{p.work, p.ending} {
			for name, g := range some {
				if !time.Now().Before(g.Until()) {
					continue
				}
				if out[name] != nil {
					n.t.Errorf("two processes may work on %s", name)
				}
				out[name] = p
				if g.Epoch < n.epoch[name] {
					n.t.Errorf("the epoch of %s went from %d to %d", name, n.epoch[name], g.Epoch)
				}
				n.epoch[name] = g.Epoch
			}
		}
		p.mu.Unlock()
	}
	return out
}

// watch looks every 50 ms for the time d.
func (n *network) watch(d time.Duration) map[string]*process {
	n.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		n.holders()
	}
	return n.holders()
}

// until looks until everybody of the given has a job and every job somebody.
func (n *network) until(limit time.Duration, who ...*process) time.Duration {
	n.t.Helper()
	for begin := time.Now(); ; {
		h := n.holders()
		of := map[*process]int{}
		for _, p := range h {
			of[p]++
		}
		good := len(h) == len(n.jobs) && len(of) == len(who)
		for _, p := range who {
			good = good && of[p] > 0
		}
		if good {
			return time.Since(begin)
		}
		if time.Since(begin) > limit {
			n.t.Fatalf("after %v %d of %d jobs are done by %d processes, want %d", limit, len(h), len(n.jobs), len(of), len(who))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (n *network) end() {
	for _, p := range n.all {
		p.freeze(false)
		p.cancel()
		p.done.Wait()
	}
}

func simulate(t *testing.T, jobs int, test func(n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, jobs)
		defer n.end()
		test(n)
	})
}

// Jobs are spread evenly, and only what a newcomer gets moves.
func TestJobsAreSpread(t *testing.T) {
	simulate(t, 300, func(n *network) {
		a, b, c := n.start(""), n.start(""), n.start("")
		n.until(5*time.Second, a, b, c)
		before := n.watch(5 * time.Second)
		count := map[*process]int{}
		for _, p := range before {
			count[p]++
		}
		for _, p := range []*process{a, b, c} {
			if count[p] < 60 || count[p] > 140 {
				t.Errorf("a process has %d of 300 jobs, want about a third", count[p])
			}
		}
		d := n.start("")
		n.until(5*time.Second, a, b, c, d)
		after := n.watch(5 * time.Second)
		for name, p := range after {
			if p != before[name] && p != d {
				t.Errorf("%s moved although the newcomer did not get it", name)
			}
		}
	})
}

// The jobs of a process that stands still are taken within 13.5 s, and not before
// it can no longer work on them. When it goes on it has lost them, and its grants
// stay lost after it has joined again.
func TestStandstill(t *testing.T) {
	for _, into := range []time.Duration{0, 700 * time.Millisecond, 1500 * time.Millisecond, 2900 * time.Millisecond} {
		simulate(t, 60, func(n *network) {
			a, b := n.start(""), n.start("")
			n.until(5*time.Second, a, b)
			n.watch(9*time.Second + into)
			old := maps.Clone(a.work)
			id := a.ID()
			a.freeze(true)
			if took := n.until(13500*time.Millisecond, b); took < 6*time.Second {
				t.Errorf("the jobs were taken after %v already", took)
			}
			n.watch(30 * time.Second)
			a.freeze(false)
			n.until(5*time.Second, a, b)
			n.watch(20 * time.Second)
			if a.ID() == id {
				t.Error("it goes on as the node that was buried")
			}
			for name, g := range old {
				if g.Until().After(time.Now()) {
					t.Errorf("%s was lost, and its old grant holds again", name)
				}
			}
		})
	}
}

// One that stood still for less than that keeps what it has.
func TestHiccup(t *testing.T) {
	simulate(t, 60, func(n *network) {
		a, b := n.start(""), n.start("")
		n.until(5*time.Second, a, b)
		before := n.watch(10 * time.Second)
		a.freeze(true)
		n.watch(8 * time.Second)
		a.freeze(false)
		n.watch(10 * time.Second)
		if after := n.holders(); !maps.Equal(before, after) {
			t.Error("jobs moved")
		}
	})
}

// A process that retires gives its jobs away one by one, within seconds.
func TestRetire(t *testing.T) {
	simulate(t, 60, func(n *network) {
		a, b := n.start(""), n.start("")
		n.until(5*time.Second, a, b)
		n.watch(5 * time.Second)
		if err := a.Retire(n.t.Context()); err != nil {
			t.Fatal(err)
		}
		n.until(3*time.Second, b)
		n.watch(20 * time.Second)
	})
}

// Who comes in the place of another need not wait for its end.
func TestPlace(t *testing.T) {
	simulate(t, 60, func(n *network) {
		a := n.start("here")
		n.until(5*time.Second, a)
		n.watch(time.Second)
		a.cancel() // killed: it leaves its row behind
		a.done.Wait()
		a.work = map[string]Grant{}
		n.all = nil
		b := n.start("here")
		n.until(2*time.Second, b)
	})
}

// Jobs that end are released, new ones are taken.
func TestShare(t *testing.T) {
	simulate(t, 10, func(n *network) {
		a, b := n.start(""), n.start("")
		n.until(5*time.Second, a, b)
		n.jobs = append(n.jobs[5:], "new-1", "new-2", "new-3")
		a.Share(kind, n.jobs)
		b.Share(kind, n.jobs)
		n.watch(5 * time.Second)
		n.until(0, a, b)
		leases, err := n.s.Leases(n.t.Context())
		if err != nil || len(leases) != len(n.jobs) {
			t.Errorf("%d leases, error %v; want %d", len(leases), err, len(n.jobs))
		}
	})
}

// Whatever freezes, dies, comes and goes: never two on one job, and in the end
// every job is done.
func TestChaos(t *testing.T) {
	for seed := range uint64(5) {
		simulate(t, 40, func(n *network) {
			r := rand.New(rand.NewPCG(seed, 1))
			for range 3 {
				n.start("")
			}
			for range 60 {
				n.watch(time.Duration(r.IntN(4000)) * time.Millisecond)
				p := n.all[r.IntN(len(n.all))]
				switch r.IntN(4) {
				case 0, 1:
					p.freeze(!p.isFrozen())
				case 2:
					p.drain = time.Duration(r.IntN(8000)) * time.Millisecond
				case 3:
					if len(n.all) < 6 {
						n.start("")
					}
				}
			}
			for _, p := range n.all {
				p.freeze(false)
			}
			n.until(40*time.Second, n.all...)
		})
	}
}

// A process that is alone has everything, for ever, and asks the database nothing.
func TestAlone(t *testing.T) {
	n := Open(Options{Store: storetest.Open(t, storetest.SQLite(t))})
	changed := n.Changed()
	n.Share(kind, []string{"a", "b"})
	select {
	case <-changed:
	default:
		t.Error("nobody was told of new jobs")
	}
	held := n.Held(kind)
	if len(held) != 2 || held["a"].Epoch != 0 || !held["a"].Until().IsZero() || !n.Until().IsZero() {
		t.Errorf("held %v until %v", held, n.Until())
	}
	n.Release(kind, "a")
	if len(n.Held(kind)) != 2 {
		t.Error("a job of one that is alone went away")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.Run(ctx); err != nil {
		t.Error(err)
	}
}

// The same on PostgreSQL, in real time: two share, one leaves, one is left.
func TestPostgres(t *testing.T) {
	o := store.Options{Database: storetest.Postgres(t)}
	jobs := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	type running struct {
		*Node
		stop func()
	}
	start := func() running {
		n := Open(Options{Store: storetest.Open(t, o), Beat: 300 * time.Millisecond, Life: 20 * time.Second})
		n.Share(kind, jobs)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		return running{n, sync.OnceFunc(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})}
	}
	await := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("not so in time: %s", what)
			}
		}
	}
	a := start()
	defer a.stop()
	await("the first has everything", func() bool { return len(a.Held(kind)) == len(jobs) })
	b := start()
	defer b.stop()
	await("they share", func() bool {
		held := a.Held(kind)
		for _, name := range jobs {
			if _, ok := held[name]; !ok {
				a.Release(kind, name)
			}
		}
		mine, others := len(held), len(b.Held(kind))
		return mine > 0 && others > 0 && mine+others == len(jobs)
	})
	a.stop()
	await("the second has everything", func() bool { return len(b.Held(kind)) == len(jobs) })
}
