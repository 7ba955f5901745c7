package party

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/ocpi"
)

const (
	// failuresToSuspect is how many requests in a row a platform must fail to
	// be asked for its versions at once.
	failuresToSuspect = 3
	// maxChecks bounds the still-alive checks in flight.
	maxChecks = 8
	// recheckAfter bounds how long a platform that is OFFLINE waits for its
	// next check.
	recheckAfter = 15 * time.Second
	// purgeEvery is how often expired tokens are deleted. They open nothing
	// in the meantime.
	purgeEvery = 10 * time.Minute
)

// live is what is known of a platform in memory only. It is shared by all
// snapshots.
type live struct {
	heard    atomic.Int64 // µs: last message from it or success with it
	failures atomic.Int32 // in a row
	suspect  atomic.Bool  // to be asked at once
	back     atomic.Bool  // heard while OFFLINE
	checking atomic.Bool
	next     atomic.Int64  // µs: no check before
	exchange chan struct{} // cap 1: the exchange lock
}

func newLive(now time.Time) *live {
	l := &live{exchange: make(chan struct{}, 1)}
	l.reset(now)
	return l
}

func (l *live) reset(now time.Time) {
	l.heard.Store(micros(now))
	l.failures.Store(0)
	l.suspect.Store(false)
}

// LastHeard returns when the platform last sent a message or answered one; at
// start, the time of the start.
func (p *Platform) LastHeard() time.Time {
	if p.live == nil {
		return time.Time{}
	}
	return fromMicros(p.live.heard.Load())
}

// Heard notes that a message from a platform came in. A platform that was
// OFFLINE becomes CONNECTED shortly after. It never blocks.
func (r *Registry) Heard(platformID string) {
	if p := r.Snapshot().Platform(platformID); p != nil {
		r.heard(p)
	}
}

func (r *Registry) heard(p *Platform) {
	p.live.heard.Store(micros(r.now()))
	if p.Offline {
		p.live.back.Store(true)
		r.poke()
	}
}

// Succeeded notes that a platform answered a request, whatever the answer was.
// It never blocks.
func (r *Registry) Succeeded(platformID string) {
	if p := r.Snapshot().Platform(platformID); p != nil {
		p.live.failures.Store(0)
		r.heard(p)
	}
}

// Failed notes that a request to a platform got no answer. After three in a row
// its versions are asked for at once, and it is OFFLINE when that fails too. It
// never blocks.
func (r *Registry) Failed(platformID string) {
	p := r.Snapshot().Platform(platformID)
	if p == nil || p.State != StateConnected || p.Offline {
		return
	}
	if n := p.live.failures.Add(1); n >= failuresToSuspect {
		p.live.failures.Store(0)
		p.live.suspect.Store(true)
		r.poke()
	}
}

// poke makes Run look at all platforms.
func (r *Registry) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run asks silent platforms whether they are alive (OCPI 2.2.1 §15.1.7), keeps
// their status and deletes expired tokens, until ctx ends. All it started has
// ended when it returns.
func (r *Registry) Run(ctx context.Context) error {
	tick := time.NewTicker(min(max(r.o.StillAlive/4, 5*time.Millisecond), 5*time.Second))
	defer tick.Stop()
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	var checks sync.WaitGroup
	defer checks.Wait()
	if r.o.Store.Shared() {
		checks.Go(func() { r.follow(ctx) })
	}
	slots := make(chan struct{}, maxChecks)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-purge.C:
			if r.chief() {
				r.purge(ctx)
			}
		case <-r.wake:
			r.lookAfter(ctx, &checks, slots)
		case <-tick.C:
			r.lookAfter(ctx, &checks, slots)
		}
	}
}

// lookAfter starts the checks that are due, as far as there are slots; what
// finds none is found again at the next tick.
//
// Where several processes share the database one of them, the chief, asks. The
// others tell it whom they hear and whom they cannot reach; each takes OFFLINE
// back from a platform that it hears.
func (r *Registry) lookAfter(ctx context.Context, checks *sync.WaitGroup, slots chan struct{}) {
	now, chief := r.now(), r.chief()
	r.shareNews(ctx, chief)
	for _, p := range r.Snapshot().Platforms() {
		if p.State != StateConnected {
			continue
		}
		if p.live.back.Swap(false) && p.Offline {
			r.setOffline(ctx, p, false)
			continue
		}
		if !chief || !r.due(p, now) || !p.live.checking.CompareAndSwap(false, true) {
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			p.live.checking.Store(false)
			return
		}
		p.live.suspect.Store(false)
		checks.Go(func() {
			defer func() { <-slots }()
			defer p.live.checking.Store(false)
			r.check(ctx, p)
		})
	}
}

// due reports whether p has to be asked now.
func (r *Registry) due(p *Platform, now time.Time) bool {
	if p.VersionsURL == "" {
		return false
	}
	if p.live.suspect.Load() {
		return true
	}
	if now.UnixMicro() < p.live.next.Load() {
		return false
	}
	return p.Offline || now.Sub(fromMicros(p.live.heard.Load())) > r.o.StillAlive
}

// check asks p for its versions and writes what that says about it.
func (r *Registry) check(ctx context.Context, p *Platform) {
	again := r.o.StillAlive
	defer func() {
		wait := again + time.Duration(rand.Float64()*0.2*float64(again))
		p.live.next.Store(r.now().Add(wait).UnixMicro())
	}()
	res, err := r.ask(ctx, peer{p.ID, p.VersionsURL, p.Token, p.Encoding}, p.Encoding, http.MethodGet, p.VersionsURL, nil)
	if ctx.Err() != nil {
		return
	}
	if e, ok := errors.AsType[*egress.Error](err); ok && e.Failure == egress.Busy {
		again = min(again, recheckAfter)
		return // nothing was asked
	}
	if err == nil {
		var e ocpi.Envelope
		if e, err = ocpi.ParseEnvelope(res.Body); err == nil && (res.Status != http.StatusOK || !e.Success()) {
			err = errors.New("the versions endpoint did not answer with success")
		}
	}
	if err == nil {
		r.metrics.alive.WithLabelValues("alive").Inc()
		p.live.failures.Store(0)
		p.live.heard.Store(micros(r.now()))
		r.setOffline(ctx, p, false)
		return
	}
	r.metrics.alive.WithLabelValues("failed").Inc()
	again = min(again, recheckAfter)
	if !p.Offline {
		r.log.WarnContext(ctx, "platform is offline", "platform", p.ID, "http_status", res.Status, "err", err)
	}
	r.setOffline(ctx, p, true)
}

// setOffline writes that a platform answers or does not, unless it was changed
// since asked was read.
func (r *Registry) setOffline(ctx context.Context, asked *Platform, offline bool) {
	if now := r.Snapshot().Platform(asked.ID); now == nil || now.Offline == offline {
		return
	}
	from, to := Connected, Offline
	if !offline {
		from, to = Offline, Connected
	}
	changed := false
	err := r.change(ctx, func(d *draft) error {
		changed = false
		p, err := d.platform(asked.ID)
		if err != nil || p.State != StateConnected || p.Offline == offline || p.Token != asked.Token {
			return nil
		}
		p.Offline, changed = offline, true
		d.putPlatform(p)
		d.setStatuses(p.ID, func(q partyRecord) partyRecord {
			if q.status == from {
				q.status = to
			}
			return q
		})
		return nil
	})
	if err != nil {
		r.log.ErrorContext(ctx, "cannot write the status of a platform", "platform", asked.ID, "err", err)
		return
	}
	if changed && !offline {
		r.log.InfoContext(ctx, "platform is back", "platform", asked.ID)
	}
}

// SetOffline writes that a party takes what is published to it, or has not taken
// anything for a long time: it becomes OFFLINE, or CONNECTED again. A party has
// two ways to be OFFLINE: its platform does not answer when asked whether it is
// alive, which holds for all its parties until the platform is heard of; and
// this one, which holds until it is taken back, or until the platform comes back
// from being silent as a whole. A status that the operator or another hub gave is
// not touched, nor is CONNECTED written while the platform is silent.
func (r *Registry) SetOffline(ctx context.Context, platform string, id ocpi.PartyID, role ocpi.Role, offline bool) error {
	from, to := Connected, Offline
	if !offline {
		from, to = Offline, Connected
	}
	changed := false
	err := r.change(ctx, func(d *draft) error {
		changed = false
		p, q := d.platforms.get(platform), d.parties.get(partyKey{id, role})
		if p == nil || p.Offline || p.State != StateConnected || q == nil || q.platform != platform || q.status != from {
			return nil
		}
		n := *q
		n.status, changed = to, true
		d.putParty(n)
		return nil
	})
	if err == nil && changed {
		r.log.InfoContext(ctx, "the lane of a party changed its status", "party", id.String(), "role", string(role), "status", string(to))
	}
	return err
}

// purge deletes expired tokens.
func (r *Registry) purge(ctx context.Context) {
	err := r.change(ctx, func(d *draft) error {
		for _, t := range d.before.tokens.all() {
			if t.expired(d.now) {
				d.deleteToken(t)
			}
		}
		return nil
	})
	if err != nil {
		r.log.WarnContext(ctx, "cannot delete expired tokens", "err", err)
	}
}
