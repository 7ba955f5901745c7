package delivery

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

const (
	window       = 256 // changes that a lane holds
	lanePage     = 128 // entries it reads from the table at once
	maxPerLane   = 8   // requests in flight
	perPlatform  = 16  // … of all lanes to one platform
	poisonAfter  = 8   // attempts, while other objects get through
	regrantEvery = time.Minute
	untilEvery   = 250 * time.Millisecond // look again whether the lane may be worked on
)

// laneID names a lane: a party in one role on one platform. Another platform
// that gets the party later knows nothing yet and is another lane.
type laneID struct {
	platform string
	party    ocpi.PartyID
	role     ocpi.Role
}

func (l laneID) String() string {
	return l.platform + "/" + l.party.String() + "/" + string(l.role)
}

// find returns the party in s, nil when it is not there.
func (l laneID) find(s *party.Snapshot) *party.Party {
	for _, p := range s.Parties(l.party) {
		if p.Role == l.role && p.Platform.ID == l.platform {
			return p
		}
	}
	return nil
}

// lane brings everything published to one receiver. One goroutine owns it; the
// requests it starts report back to it.
type lane struct {
	d       *Delivery
	id      laneID
	charge  charge
	q       queue
	read    int64 // the feed is read up to here
	live    bool  // the table was read to its end; the tail goes on from floor
	floor   int64
	grown   <-chan struct{}
	blank   int64 // deletions up to here mean nothing to a receiver that is new
	flying  int
	results chan result
	nudge   chan struct{} // cap 1: the registry changed

	was     *party.Snapshot // by which has was found
	wasAt   time.Time
	has     map[string]bool // see grants
	resync  *resync
	restart bool // when nothing is in flight, read the feed again for resync

	failures  int // in a row
	successes int64
	resume    time.Time // nothing is sent before
	unread    time.Time // the feed is not read before

	leave   chan struct{} // closed: send nothing more, and end when nothing is in flight
	cancel  context.CancelFunc
	stopped chan struct{}

	mu    sync.Mutex
	state LaneState
}

// resync reads the feed again because the receiver is now entitled to more.
// What it was entitled to and has is not sent again.
type resync struct {
	upTo   int64 // the cursor when it began
	before *party.Snapshot
	at     time.Time
}

// run works until ctx ends. What is in flight is given up then: it is not
// known to be delivered, and is sent again after the next start.
func (l *lane) run(ctx context.Context) {
	defer close(l.stopped)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		snap := l.d.o.Registry.Snapshot()
		me := l.id.find(snap)
		if me != nil {
			l.regrant(snap, me, now)
		}
		ready := me != nil && me.Reachable() && me.Status != party.Offline
		leaving := l.leaving()
		if leaving && l.flying == 0 {
			return
		}
		if ready && !l.restart && !leaving {
			l.fill(ctx, snap, me, now)
			l.dispatch(ctx, snap, me, now)
		} else if !ready {
			// On return each object is sent once, as it is then.
			l.q.doubt()
			l.live = false
		}
		l.show(ready)
		timer.Reset(l.sleep(ready, now))
		var grown <-chan struct{}
		if ready && l.live && len(l.q.order) < window {
			grown = l.grown
		}
		leave := l.leave
		if leaving {
			leave, grown = nil, nil // only what is in flight matters now
		}
		select {
		case <-leave:
		case <-ctx.Done():
			for ; l.flying > 0; l.flying-- {
				l.finish(<-l.results)
			}
			l.show(false)
			return
		case r := <-l.results:
			l.flying--
			l.finish(r)
			l.again()
		case <-grown:
		case <-l.nudge:
		case <-timer.C:
		}
	}
}

func (l *lane) leaving() bool {
	select {
	case <-l.leave:
		return true
	default:
		return false
	}
}

// sleep returns how long nothing happens by itself.
func (l *lane) sleep(ready bool, now time.Time) time.Duration {
	next := now.Add(regrantEvery)
	earlier := func(t time.Time) {
		if t.After(now) && t.Before(next) {
			next = t
		}
	}
	if ready {
		if until := l.charge.until(); over(until, now) {
			earlier(now.Add(untilEvery))
		}
		earlier(l.resume)
		earlier(l.unread)
		earlier(l.q.due())
	}
	return next.Sub(now)
}

// regrant notices that the receiver is entitled to more than before and has the
// feed read again for that. It looks at the very snapshot that the feed is read
// by: a right that was away for a moment has come back, even when nothing else
// noticed.
func (l *lane) regrant(snap *party.Snapshot, me *party.Party, now time.Time) {
	if l.was == snap && now.Sub(l.wasAt) < regrantEvery {
		return
	}
	has := grants(me, l.d.agreements(snap)[me.ID], now)
	more := false
	for g, ok := range has {
		more = more || ok && !l.has[g]
	}
	if more && l.has != nil {
		r := &resync{upTo: l.q.cursor(l.read), before: l.was, at: l.wasAt}
		if !l.has["version "+string(me.Platform.Version)] {
			r.before = nil // it speaks another version now and has nothing of it
		}
		switch old := l.resync; {
		case old == nil:
			l.resync = r
		case r.before == nil:
			old.before = nil
		}
		l.restart = true
	}
	l.was, l.wasAt, l.has = snap, now, has
	l.again()
}

// again starts a resync when nothing is in flight any more.
func (l *lane) again() {
	if l.restart && l.flying == 0 {
		l.restart, l.live, l.read = false, false, 0
		l.q = newQueue()
	}
}

// fill reads the feed as far as there is room.
func (l *lane) fill(ctx context.Context, snap *party.Snapshot, me *party.Party, now time.Time) {
	for len(l.q.order) < window {
		var changes []change
		if l.live {
			var head int64
			changes, head, l.grown, l.live = l.d.tail.after(l.read, window-len(l.q.order))
			if !l.live {
				continue
			}
			if len(changes) == 0 {
				l.read = max(l.read, head)
				break
			}
		} else {
			if now.Before(l.unread) {
				return
			}
			head := l.d.tail.position() // before the table is read: it holds all of that
			objects, err := l.d.o.Store.Feed(ctx, l.read, lanePage)
			if err != nil {
				l.unread = now.Add(rereadAfter)
				l.note(err)
				return
			}
			for i := range objects {
				o := &objects[i]
				changes = append(changes, change{key: o.ObjectKey, seq: o.Seq, deleted: o.Deleted})
			}
			if len(objects) < lanePage {
				l.live = true
				l.floor = head
				if n := len(objects); n > 0 {
					l.floor = max(head, objects[n-1].Seq)
				}
			}
		}
		for _, c := range changes {
			l.read = c.seq
			if l.accepts(&c, snap, me, now) {
				l.q.add(c)
			}
		}
		if l.live {
			l.read = max(l.read, l.floor)
		}
	}
	l.q.passed(l.read)
	if l.resync != nil && l.read >= l.resync.upTo {
		l.resync = nil
	}
}

// accepts reports whether a change that was read is to be delivered.
func (l *lane) accepts(c *change, snap *party.Snapshot, me *party.Party, now time.Time) bool {
	if c.deleted && c.seq <= l.blank || !wants(snap, me, c.key, now) {
		return false
	}
	r := l.resync
	if r == nil || c.seq > r.upTo {
		return true
	}
	if c.deleted {
		return false
	}
	if r.before == nil {
		return true
	}
	then := l.id.find(r.before)
	return then == nil || !wants(r.before, then, c.key, r.at)
}

// dispatch sends what may be sent now.
func (l *lane) dispatch(ctx context.Context, snap *party.Snapshot, me *party.Party, now time.Time) {
	limit := min(maxPerLane, max(1, perPlatform/len(me.Platform.Parties)))
	if l.failures > 0 {
		limit = 1
		if now.Before(l.resume) {
			return
		}
	}
	for l.flying < limit && !over(l.charge.until(), now) {
		o := l.q.take(now, l.failures > 0)
		if o == nil {
			return
		}
		if !wants(snap, me, o.key, now) {
			l.q.settle(o, o.last(), l.read)
			l.d.metrics.count(o.key.Kind, "not_entitled")
			continue
		}
		j := o.job(l.floor)
		j.to = me
		l.flying++
		go func() { l.results <- l.d.send(ctx, j) }()
	}
}

// finish takes the outcome of a request.
func (l *lane) finish(r result) {
	o := r.object
	if r.outcome == retry && r.answered && o.attempts+1 >= poisonAfter && o.marked != l.successes {
		r.outcome = rejected // others get through: it is this object
	}
	switch r.outcome {
	case delivered, rejected, gone:
		l.d.metrics.count(o.key.Kind, r.outcome.String())
		if l.failures > 0 {
			l.q.doubt() // no replay of what came meanwhile
		}
		if r.outcome == delivered {
			l.failures, l.resume = 0, time.Time{}
			l.successes++
			l.note(nil)
			if r.noticed != 0 {
				l.d.metrics.observeLag(o.key.Kind, time.Since(time.Unix(0, r.noticed)))
			}
		} else if r.outcome == rejected {
			l.failures, l.resume = 0, time.Time{} // it answers
			l.complain(r)
		}
		l.q.settle(o, r.seq, l.read)
	case busy, stopped:
		l.q.again(o, time.Now().Add(l.d.backoff(0)), o.whole)
	case retry:
		l.d.metrics.count(o.key.Kind, r.outcome.String())
		if o.attempts == 0 {
			o.marked = l.successes
		}
		now := time.Now()
		if !now.Before(l.resume) { // not one of several that failed together
			l.failures++
			l.resume = now.Add(l.d.backoff(l.failures - 1))
		}
		o.attempts++
		l.q.again(o, now.Add(l.d.backoff(o.attempts-1)), true)
		l.complain(r)
	}
}

// backoff returns how long to wait after n failures: anything up to the first
// delay doubled n times, so that many lanes do not come back at once.
func (d *Delivery) backoff(n int) time.Duration {
	b := d.o.MinBackoff << min(n, 20)
	if b > d.o.MaxBackoff || b <= 0 {
		b = d.o.MaxBackoff
	}
	return rand.N(b) + 1
}
