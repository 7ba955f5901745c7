package delivery

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

const (
	window      = 256 // changes that a lane holds
	lanePage    = 128 // entries it reads from the table at once
	maxPerLane  = 8   // requests in flight, unless the receiver's settings say otherwise
	perPlatform = 16  // … of all lanes to one platform
	poisonAfter = 8   // attempts, while other objects get through
	lookEvery   = time.Minute
	untilEvery  = 250 * time.Millisecond // look again whether the lane may be worked on
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

// lane brings everything published to one receiver. It has no goroutine: a
// worker that has something for it takes a turn, one at a time.
//
// It reads the table from its cursor to the end, and from then on what its inbox
// brings (live); when the inbox overflows it reads the table again from where it
// was. What is urgent it takes from the inbox at any time.
type lane struct {
	d      *Delivery
	id     laneID
	name   string // of the lane
	to     string // of the receiver
	charge charge
	inbox  inbox
	q      queue
	read   int64 // the feed is read up to here
	live   bool  // the table was read to its end; the inbox goes on from floor
	floor  int64 // each object was queued or sent in its state at this place
	level  int64 // each change up to here was queued or sent; at least floor
	blank  int64 // deletions up to here mean nothing to a receiver that is new
	flying int

	addresses [4]atomic.Pointer[address] // by slotOf
	stand     atomic.Pointer[stand]      // see lane.at

	begun   atomic.Bool
	deaf    atomic.Uint32   // by slotOf: modules that the receiver did not implement when the lane last looked
	heard   *party.Platform // of which deaf was made
	asked   atomic.Bool     // a turn is to come
	own     sync.Mutex      // held by whoever has the turn; guards what follows and what is above, but for the inbox
	ctx     context.Context
	unwatch func() bool // of ctx
	timer   *time.Timer // wakes the lane at alarm
	jobs    []job       // to be sent, by whoever has the turn
	ended   bool

	leave   atomic.Bool // send nothing more, and end when nothing is in flight
	cancel  context.CancelFunc
	stopped chan struct{} // closed when the lane has ended

	// By what the lane was entitled when it last looked, and how long that
	// holds by itself.
	was        *party.Snapshot
	wasUntil   time.Time
	wasMe      *party.Party
	agreements []*party.Agreement
	has        *standing
	resync     *resync
	restart    bool   // when nothing is in flight, read the feed again for resync
	kept       *reach // until the lane is as far again

	status    party.Status // of the receiver, when last looked at
	failures  int          // in a row
	since     time.Time    // the first of them
	successes int64
	resume    time.Time // nothing is sent before, unless the receiver is back earlier
	hold      time.Time // nothing is sent before in any case: the receiver said so (Retry-After)
	unread    time.Time // the feed is not read before
	pace      pace
	limited   time.Time                // until then the receiver's rate holds something up
	letters   map[store.ObjectKey]bool // objects with an open dead letter, once lettersRead; nil while there was none
	alarm     time.Time

	lettersRead bool

	mu    sync.Mutex
	state LaneState
	reach reach // that may be stored
}

// resync reads the feed again because the receiver is now entitled to more.
// What it was entitled to and has is not sent again.
type resync struct {
	from   reach
	before *standing // nil: it has nothing of what it is entitled to
}

// reach is how far a lane is, and for what: the receiver has what it is entitled
// to by standing of whatever stands at or before cursor, and of each change up to
// level.
type reach struct {
	cursor, level int64
	standing      *standing
}

func (d *Delivery) newLane(c charge) *lane {
	l := &lane{
		d: d, id: c.id, name: c.id.String(), to: c.id.party.String(), charge: c,
		read: c.cursor, floor: c.level, level: c.level, blank: c.blank, has: c.standing, q: newQueue(),
		stopped: make(chan struct{}),
	}
	l.state = LaneState{
		Lane: l.name, Receiver: c.id.party, Role: c.id.role, Platform: c.id.platform, State: LaneSending, Cursor: c.cursor, // it has not looked yet
	}
	l.reach = reach{c.cursor, c.level, c.standing}
	return l
}

// wake has the lane look at its inbox and at the registry, soon. It never blocks.
func (l *lane) wake() {
	if l.begun.Load() && l.asked.CompareAndSwap(false, true) {
		l.d.workers.do(task{lane: l})
	}
}

// begin sets the lane to work, until ctx ends or the lane is to be left, and
// somebody wakes it for the latter; then ended is closed. What is in flight when
// ctx ends is given up: it is not known to be delivered, and is sent again after
// the next start.
func (l *lane) begin(ctx context.Context) {
	l.d.tail.join(l)
	l.ctx = ctx
	l.timer = time.AfterFunc(lookEvery, l.wake)
	l.unwatch = context.AfterFunc(ctx, l.wake)
	l.begun.Store(true)
	l.wake()
}

// turn has the lane take the result of a request, if r is not nil, and do what
// can be done now. It returns a request that the caller is to send and bring
// the result of: whoever sent one request of a lane sends the next, so that a
// busy lane wakes nobody.
func (l *lane) turn(r *result) (next job, ok bool) {
	l.own.Lock()
	defer l.own.Unlock()
	if r != nil {
		l.flying--
		l.finish(*r)
	} else {
		l.asked.Store(false) // what comes from now on asks again
	}
	if l.ended {
		return next, false
	}
	now := time.Now()
	leaving := l.leave.Load()
	switch {
	case l.ctx.Err() != nil:
		if l.flying == 0 {
			l.show(nil, false)
			l.end()
		}
		return next, false
	case leaving && l.flying == 0:
		l.end()
		return next, false
	}
	ready := l.work(l.ctx, now, leaving)
	if at := l.next(ready, now); !at.Equal(l.alarm) {
		l.alarm = at
		l.timer.Reset(at.Sub(now))
	}
	if len(l.jobs) == 0 {
		return next, false
	}
	next = l.jobs[0]
	for _, j := range l.jobs[1:] {
		l.d.workers.do(task{lane: l, job: &j})
	}
	clear(l.jobs)
	l.jobs = l.jobs[:0]
	return next, true
}

// end ends the lane; nothing is in flight.
func (l *lane) end() {
	l.ended = true
	l.timer.Stop()
	l.unwatch()
	l.part()
	close(l.stopped)
}

// part ends the lane's reading of the feed, and keeps how far it came: what is
// committed from now on is not its concern, and must not move its cursor.
func (l *lane) part() {
	r := l.reached()
	l.mu.Lock()
	l.reach, l.state.Cursor = r, r.cursor
	l.mu.Unlock()
	l.inbox.close() // it is idle no more
	l.d.tail.leave(l)
}

// work does what can be done now. It reports whether the receiver can be sent
// anything.
func (l *lane) work(ctx context.Context, now time.Time, leaving bool) bool {
	for _, v := range l.inbox.passedOver() {
		l.lose(v, now)
	}
	v := l.d.look()
	at := l.at(v, now)
	me := at.me
	if me != nil {
		l.listen(me.Platform)
		l.regrant(v, me, now)
		l.notice(me, now)
	}
	l.again()
	ready := me != nil && me.Reachable() && me.Delivery.Pushes() && !leaving
	switch {
	case !ready:
		// On return each object is sent once, as it is then.
		l.q.doubt()
		l.inbox.close()
		l.live, l.limited = false, time.Time{}
	case !l.restart:
		l.fill(ctx, at, now)
		l.dispatch(ctx, at, now)
	}
	l.show(me, ready)
	return ready
}

// listen notes what the receiver implements. When that becomes more, regrant has
// what was not handed to the lane read in the table.
func (l *lane) listen(pl *party.Platform) {
	if l.heard == pl {
		return
	}
	l.heard = pl
	deaf := uint32(0)
	for _, m := range [...]ocpi.Module{ocpi.Locations, ocpi.Tariffs, ocpi.Tokens, ocpi.HubClientInfo} {
		if _, ok := pl.Endpoint(m, ocpi.Receiver); !ok {
			deaf |= 1 << slotOf(m)
		}
	}
	l.deaf.Store(deaf)
}

// next returns until when nothing happens by itself.
func (l *lane) next(ready bool, now time.Time) time.Time {
	next := l.alarm
	if limit := now.Add(lookEvery); !next.After(now) || next.After(limit) {
		next = limit
	}
	earlier := func(t time.Time) {
		if t.After(now) && t.Before(next) {
			next = t
		}
	}
	earlier(l.wasUntil)
	if ready {
		if until := l.charge.until(); over(until, now) {
			earlier(now.Add(untilEvery))
		}
		earlier(l.resume)
		earlier(l.hold)
		earlier(l.unread)
		earlier(l.limited)
		earlier(l.q.due())
	}
	return next
}

// notice lets the lane try at once when its receiver was heard of again.
func (l *lane) notice(me *party.Party, now time.Time) {
	if l.status == party.Offline && me.Status == party.Connected && l.failures > 0 {
		l.since = now
		l.resume = now.Add(l.d.backoff(0))
	}
	l.status = me.Status
}

// regrant notices that the receiver is entitled to more than before and has the
// feed read again for that: also when it was before this process had the lane. It
// looks at the very snapshot that the feed is read by: a right that was away for
// a moment has come back, even when nothing else noticed.
func (l *lane) regrant(v *view, me *party.Party, now time.Time) {
	current := l.was != nil && now.Before(l.wasUntil)
	if current && l.was == v.snapshot {
		return
	}
	agreements := v.agreements[me.ID]
	if current && (l.wasMe == me || sameStanding(l.wasMe, me)) && slices.Equal(agreements, l.agreements) {
		l.was, l.wasMe = v.snapshot, me
		return
	}
	has := v.standing(me, now)
	if l.kept != nil {
		l.kept.standing = l.kept.standing.without(has)
	}
	if l.resync != nil {
		l.resync.before = l.resync.before.without(has)
	}
	switch {
	case l.has == nil && l.read == 0:
		l.has = has // it is new
	case l.has == nil || has.exceeds(l.has):
		l.extend(has)
	case !has.same(l.has):
		l.has = has
	}
	l.was, l.wasUntil, l.wasMe, l.agreements = v.snapshot, nextBound(agreements, now), me, agreements
}

// extend has the feed read again for what the receiver is entitled to by has.
func (l *lane) extend(has *standing) {
	from := reach{l.q.cursor(l.read), l.q.level(l.level), l.has}
	before := l.has
	if before != nil && before.Version != has.Version {
		before = nil // it speaks another version now and has nothing of it
	}
	switch {
	case l.resync == nil:
		l.resync = &resync{from, before}
	case before == nil:
		l.resync.before = nil
	}
	if l.kept == nil {
		k := from
		l.kept = &k
	}
	l.restart, l.has = true, has
}

// again starts a resync when nothing is in flight any more.
func (l *lane) again() {
	if l.restart && l.flying == 0 {
		l.restart, l.live, l.read, l.floor, l.level = false, false, 0, 0, 0
		l.q = newQueue()
	}
}
