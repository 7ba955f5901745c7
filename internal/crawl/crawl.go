package crawl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// Options are what a Crawler is made of.
type Options struct {
	Store    *store.Store
	Registry *party.Registry
	Egress   *egress.Client
	Lease    *lease.Node     // nil: this process has every job
	Trace    *trace.Recorder // may be nil
	Hub      ocpi.PartyID
	// Publish takes an object as if its owner had pushed it; see
	// catalog.Publish.
	Publish func(ctx context.Context, p delivery.Push) (isNew bool, err error)
	// Timeout bounds each request; 0 means 30 s.
	Timeout time.Duration
	// Tick is how often the jobs are looked at; 0 means 1 s.
	Tick time.Duration
	// MinBackoff and MaxBackoff bound the wait after a failure; 0 means 1 s and
	// 15 min.
	MinBackoff, MaxBackoff time.Duration
	// Concurrent bounds the jobs that run at the same time; 0 means 4.
	Concurrent int
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// kind is what package lease calls the jobs.
const kind = "crawl"

// Crawler runs the jobs that this process has.
type Crawler struct {
	o       Options
	log     *slog.Logger
	metrics *metrics
	now     func() time.Time

	ended   chan struct{} // cap 1: a worker has ended
	workers sync.WaitGroup
	entries map[string]*entry // by job; of Run only
	cleaned time.Time
}

// entry is a job that this process has.
type entry struct {
	grant lease.Grant
	row   store.CrawlRow
	state state
	// The rest is of Run, the above of the worker while it runs.
	cancel context.CancelFunc // nil: no worker
	done   chan struct{}      // closed when the worker has ended
	again  time.Time          // no worker before, after an error of the hub's own
	lost   bool               // to be read anew: another process has changed it
}

// New returns a Crawler that does nothing before Run.
func New(o Options) *Crawler {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Tick = cmp.Or(o.Tick, time.Second)
	o.MinBackoff = cmp.Or(o.MinBackoff, time.Second)
	o.MaxBackoff = cmp.Or(o.MaxBackoff, 15*time.Minute)
	o.Concurrent = cmp.Or(o.Concurrent, 4)
	if o.Lease == nil {
		o.Lease = lease.Alone()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Crawler{
		o: o, log: o.Log, metrics: newMetrics(o.Metrics), now: time.Now,
		ended: make(chan struct{}, 1), entries: map[string]*entry{},
	}
}

// job is one list of one party.
type job struct {
	name     string // platform/NL-CP1/locations
	party    *party.Party
	module   ocpi.Module
	endpoint string
}

func (j job) settings() party.PullSettings { return j.party.Platform.Pull }

// jobs returns the lists that are to be fetched: of platforms that are
// connected and no hubs, of reachable parties on the side that owns objects of
// the module.
func jobs(s *party.Snapshot) map[string]job {
	out := map[string]job{}
	for _, p := range s.Platforms() {
		if p.Hub {
			continue
		}
		for _, m := range p.Pull.Modules {
			endpoint, ok := p.Endpoint(m, ocpi.Sender)
			if !ok {
				continue
			}
			for _, q := range p.Parties {
				j := job{p.ID + "/" + q.ID.String() + "/" + string(m), q, m, endpoint}
				if _, there := out[j.name]; !there && owns(q, m) && p.Pull.Asks(q.ID) {
					out[j.name] = j
				}
			}
		}
	}
	return out
}

// owns reports whether q can publish objects of the module now.
func owns(q *party.Party, m ocpi.Module) bool {
	return q.Reachable() && q.Role.Side() == m.Implementer(ocpi.Sender)
}

// Run works on the jobs until ctx ends. All it started has ended when it
// returns.
func (c *Crawler) Run(ctx context.Context) error {
	defer c.workers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tick := time.NewTicker(c.o.Tick)
	defer tick.Stop()
	for {
		changed := c.o.Lease.Changed()
		c.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-c.ended:
		case <-changed:
		}
	}
}

// look starts what is due and ends what is not ours any more.
func (c *Crawler) look(ctx context.Context) {
	all := jobs(c.o.Registry.Snapshot())
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	c.o.Lease.Share(kind, names)
	c.adopt(ctx, c.o.Lease.Held(kind))
	asked, err := c.o.Store.AskedCrawls(ctx)
	if err != nil {
		c.report(ctx, "cannot read which crawls are asked for", "", err)
		return
	}
	type start struct {
		job   job
		entry *entry
		at    time.Time
		full  bool
	}
	var due []start
	now, running := c.now(), 0
	for name, e := range c.entries {
		if e.cancel != nil {
			running++
			continue
		}
		if e.lost {
			continue
		}
		j, ok := all[name]
		whole, wanted := asked[name]
		if at, full := e.state.due(j.settingsOrNone(ok), wanted, whole); ok && !at.After(now) && !e.again.After(now) {
			due = append(due, start{j, e, at, full})
		}
	}
	slices.SortFunc(due, func(a, b start) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.job.name, b.job.name)) })
	for _, s := range due[:min(len(due), max(c.o.Concurrent-running, 0))] {
		c.start(ctx, s.job, s.entry, s.full)
	}
	c.clean(ctx, now)
}

func (j job) settingsOrNone(ok bool) party.PullSettings {
	if !ok {
		return party.PullSettings{}
	}
	return j.settings()
}

// adopt makes entries what this process has: it reads the state of new jobs,
// and ends and gives back the others.
func (c *Crawler) adopt(ctx context.Context, held map[string]lease.Grant) {
	for name, e := range c.entries {
		if e.cancel != nil {
			select {
			case <-e.done:
				e.cancel()
				e.cancel = nil
			default:
			}
		}
		g, ok := held[name]
		if ok && g.Epoch == e.grant.Epoch {
			continue
		}
		if e.cancel != nil {
			e.cancel() // looked at again when it has ended
			continue
		}
		delete(c.entries, name)
		if !ok {
			c.o.Lease.Release(kind, name)
		}
	}
	for name, g := range held {
		e := c.entries[name]
		if e == nil {
			e = &entry{grant: g, lost: true}
			c.entries[name] = e
		}
		if e.cancel == nil && e.lost {
			c.read(ctx, name, e)
		}
	}
}

// read reads how far a job has come, which another process may have changed.
func (c *Crawler) read(ctx context.Context, name string, e *entry) {
	var err error
	if e.row, err = c.o.Store.Crawl(ctx, name); err != nil {
		c.report(ctx, "cannot read how far a crawl has come", name, err)
		return
	}
	if e.state, err = readState(e.row); err != nil { // it begins anew
		c.report(ctx, "cannot read how far a crawl has come", name, err)
		e.state = state{}
	}
	e.lost = false
}

// start runs a worker for the job.
func (c *Crawler) start(ctx context.Context, j job, e *entry, full bool) {
	ctx, e.cancel = context.WithCancel(ctx)
	e.done = make(chan struct{})
	w := &walk{c: c, job: j, entry: e, full: full}
	c.metrics.running.Inc()
	c.workers.Go(func() {
		defer func() {
			c.metrics.running.Dec()
			close(e.done)
			select {
			case c.ended <- struct{}{}:
			default:
			}
		}()
		err := w.run(ctx)
		switch {
		case errors.Is(err, store.ErrMoved):
			e.lost = true
		case err != nil && ctx.Err() == nil:
			c.report(ctx, "a crawl failed within the hub", j.name, err)
			e.again = c.now().Add(10 * c.o.MinBackoff)
			e.lost = true
		}
	})
}

// clean deletes, once an hour, what is kept of platforms that are gone.
func (c *Crawler) clean(ctx context.Context, now time.Time) {
	if now.Sub(c.cleaned) < time.Hour {
		return
	}
	c.cleaned = now
	rows, err := c.o.Store.Crawls(ctx)
	if err != nil {
		c.report(ctx, "cannot read the crawls", "", err)
		return
	}
	snapshot := c.o.Registry.Snapshot()
	for _, row := range rows {
		if platform, _, _ := strings.Cut(row.Job, "/"); snapshot.Platform(platform) != nil {
			continue
		}
		err := c.o.Store.Write(ctx, func(tx *store.Tx) error { return tx.DeleteCrawl(row.Job) })
		if err != nil {
			c.report(ctx, "cannot delete a crawl", row.Job, err)
		}
	}
}

func (c *Crawler) report(ctx context.Context, message, job string, err error) {
	if ctx.Err() == nil {
		c.log.ErrorContext(ctx, message, "job", job, "err", err)
	}
}

// ErrNotPulled says that no list of the platform is to be fetched.
var ErrNotPulled = errors.New("no list of this platform is fetched: set pull.modules, and see that it is connected and has these endpoints as SENDER")

// Ask has all lists of a platform fetched now, by whichever process has them;
// full: as a whole. It returns how many lists there are. A run that is under way
// comes to its end first.
func (c *Crawler) Ask(ctx context.Context, platform string, full bool) (int, error) {
	var names []string
	for name, j := range jobs(c.o.Registry.Snapshot()) {
		if j.party.Platform.ID == platform {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return 0, ErrNotPulled
	}
	slices.Sort(names)
	err := c.o.Store.Write(ctx, func(tx *store.Tx) error {
		for _, name := range names {
			if err := tx.AskCrawl(name, full); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("asking for the lists of platform %s: %w", platform, err)
	}
	return len(names), nil
}
