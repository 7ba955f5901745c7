package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
)

// outcome is what became of a job.
type outcome uint8

const (
	delivered outcome = iota + 1
	rejected          // the receiver does not want it: parked as a dead letter
	gone              // nothing is left to be sent
	filtered          // the receiver's settings leave it out
	withdrawn         // the receiver is not entitled to it any more
	retry             // to be sent again
	busy              // nothing was sent, for want of a free connection or because the receiver was stopped
	stopped           // given up, because the hub stops or the lane went to another process
	alive             // no message: the status of the receiver was put right
)

func (o outcome) String() string {
	return [...]string{"", "delivered", "rejected", "gone", "filtered", "not_entitled", "retry", "busy", "stopped", "alive"}[o]
}

// result is what a job hands back to its lane.
type result struct {
	object   *object // nil for alive
	outcome  outcome
	seq      int64         // the receiver has this state, where the outcome says so
	answered bool          // the receiver itself said that it cannot
	after    time.Duration // … and when it may be asked again
	requests int           // that were sent
	err      error
	noticed  int64
	view     *view // by which it was withdrawn
	letter   bool  // a dead letter is open for the object now
}

// dispatch sends what may be sent now.
func (l *lane) dispatch(ctx context.Context, at *stand, now time.Time) {
	l.limited = time.Time{}
	me := at.me
	if now.Before(l.hold) {
		return
	}
	limit := me.Delivery.InFlight
	if limit <= 0 {
		limit = min(maxPerLane, max(1, perPlatform/len(me.Platform.Parties)))
	}
	limit = min(limit, max(1, l.d.o.Egress.MaxConns()/max(1, l.d.tail.joined())))
	if l.failures > 0 || me.Status == party.Offline {
		limit = 1
		if now.Before(l.resume) {
			return
		}
	}
	if !l.lettersRead && len(l.q.objects) > 0 && !l.readLetters(ctx, now) {
		return
	}
	until := l.charge.until()
	for l.flying < limit && !over(until, now) {
		if due := l.pace.due(me.Delivery.Rate); me.Delivery.Rate > 0 && due.After(now) {
			if len(l.q.objects) > l.flying {
				l.limited = due
			}
			return
		}
		o := l.q.take(now, l.failures > 0)
		if o == nil {
			break
		}
		if !at.wants(o.key, now) && !l.letters[o.key] {
			l.q.settle(o, o.last(), l.read)
			l.d.metrics.count(o.key.Kind, withdrawn)
			continue
		}
		l.pace.spend(1, me.Delivery.Rate, now)
		l.start(ctx, me, o, until, now)
	}
	l.revive(ctx, me)
}

// start has o sent; the result comes with a later turn.
func (l *lane) start(ctx context.Context, me *party.Party, o *object, until, now time.Time) {
	away := l.failures > 0 || me.Status == party.Offline
	if away || l.letters[o.key] {
		// It gets the present state, nothing that led there; and where it refused an
		// earlier state, a part would leave that out for good.
		o.doubt()
	}
	j := job{
		ctx: ctx, lane: l, to: me, object: o, key: o.key, step: o.next(), upTo: o.last(), until: until,
		replay: o.replay, letter: l.letters[o.key], had: o.had, attempts: o.attempts + 1,
		poison:  l.poisonous(o),
		overdue: l.failures > 0 && now.Sub(l.since) >= l.d.o.OfflineAfter,
	}
	if j.step != nil {
		j.upTo = j.step.seq
	}
	if len(o.items) > 0 && o.items[0].change != nil {
		j.noticed = o.items[0].change.noticed
	}
	l.flying++
	l.jobs = append(l.jobs, j)
}

// poisonous reports whether one more refusal shows that it is the object that
// cannot be taken: it was refused again and again while others got through.
func (l *lane) poisonous(o *object) bool {
	return o.attempts+1 >= poisonAfter && o.marked != l.successes
}

// revive takes back that a receiver is OFFLINE when nothing that it did not take
// is left, and it can be reached otherwise.
func (l *lane) revive(ctx context.Context, me *party.Party) {
	if me.Status != party.Offline || me.Platform.Offline || me.Platform.Hub || !l.live || len(l.q.objects) > 0 || l.flying > 0 {
		return
	}
	l.flying++
	l.jobs = append(l.jobs, job{ctx: ctx, lane: l, to: me})
}

// finish takes the outcome of a request.
func (l *lane) finish(r result) {
	now := time.Now()
	o := r.object
	if o == nil {
		l.failures = 0
		return
	}
	if r.requests > 1 && l.wasMe != nil {
		l.pace.spend(r.requests-1, l.wasMe.Delivery.Rate, now)
	}
	if r.letter {
		l.letter(o.key)
	} else if r.outcome < retry && l.letters != nil {
		delete(l.letters, o.key)
	}
	switch r.outcome {
	case delivered, rejected, gone, filtered, withdrawn:
		l.d.metrics.count(o.key.Kind, r.outcome)
		if l.failures > 0 && (r.outcome == delivered || r.outcome == rejected) {
			l.q.doubt()                                                 // no replay of what came meanwhile
			l.failures, l.resume, l.since = 0, time.Time{}, time.Time{} // it answers
		}
		switch r.outcome {
		case delivered:
			l.successes++
			l.note(nil)
			if r.noticed != 0 {
				l.d.metrics.observeLag(o.key.Kind, time.Duration(now.UnixNano()-r.noticed))
			}
		case rejected:
			l.complain(r)
		case withdrawn:
			l.lose(r.view, now)
		}
		l.q.settle(o, r.seq, l.read)
	case busy, stopped:
		l.q.again(o, now.Add(l.d.backoff(0)), o.whole)
	case retry:
		l.fail(r, now)
	}
}

// lose notes that the receiver was not entitled for a moment, however soon it
// was again.
func (l *lane) lose(v *view, now time.Time) {
	if me := l.id.find(v.snapshot); me != nil {
		l.wasUntil = time.Time{}
		l.regrant(v, me, now)
		l.wasUntil = time.Time{} // and look at the present one next
	}
}

// fail notes that the receiver did not take an object.
func (l *lane) fail(r result, now time.Time) {
	o := r.object
	l.d.metrics.count(o.key.Kind, r.outcome)
	if o.attempts == 0 {
		o.marked = l.successes
	}
	if l.failures == 0 {
		l.since = now
	}
	if !now.Before(l.resume) { // not one of several that failed together
		if l.failures++; l.failures > 1 {
			l.q.doubt() // no replay of what comes meanwhile
		}
		l.resume = now.Add(l.d.backoff(l.failures - 1))
	}
	if at := now.Add(min(r.after, maxRetryAfter)); r.after > 0 && at.After(l.hold) {
		l.hold = at
	}
	o.attempts++
	l.q.again(o, now.Add(l.d.backoff(o.attempts-1)), true)
	l.complain(r)
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

// maxRetryAfter is the longest that a receiver can have the hub wait.
const maxRetryAfter = 15 * time.Minute

// retryAfter reads the header of that name (RFC 9110 §10.2.3): seconds, or a
// date. 0 is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	t, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(0, t.Sub(now)), maxRetryAfter)
}

// letter notes that the object has an open dead letter.
func (l *lane) letter(key store.ObjectKey) {
	if !l.lettersRead {
		return
	}
	if l.letters == nil {
		l.letters = make(map[store.ObjectKey]bool)
	}
	l.letters[key] = true
}

// readLetters reads which objects have an open dead letter.
func (l *lane) readLetters(ctx context.Context, now time.Time) bool {
	if now.Before(l.unread) {
		return false
	}
	keys, err := l.d.o.Store.LaneLetters(ctx, l.name)
	if err != nil {
		l.unread = now.Add(rereadAfter)
		l.note(err)
		return false
	}
	l.lettersRead = true
	for _, k := range keys {
		l.letter(k)
	}
	return true
}

// complain keeps why a delivery failed, and logs it when it is something new.
func (l *lane) complain(r result) {
	text := r.err.Error()
	l.mu.Lock()
	same := l.state.Error == text
	l.state.Error, l.state.ErrorAt = text, time.Now()
	l.mu.Unlock()
	if !same {
		l.d.log.Warn("delivery failed", "party", l.to, "role", string(l.id.role),
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
			l.d.log.Error("a lane cannot read the feed", "party", l.to, "err", err)
		}
	}
}
