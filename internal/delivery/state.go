package delivery

import (
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// What a lane is doing.
const (
	LaneIdle     = "idle"     // the receiver has everything
	LaneSending  = "sending"  // something is under way, or the feed is being read
	LaneRetrying = "retrying" // the last attempt failed; one request at a time, after a pause
	LaneOffline  = "offline"  // as retrying, and others are told that the receiver is OFFLINE
	// In another process on the same database, or, for a moment, in none.
	LaneElsewhere = "elsewhere"
	LaneWaiting   = "waiting"
	LanePaused    = "paused" // nothing is sent: push is off, or the receiver is suspended
)

// LaneState is how far one receiver is.
type LaneState struct {
	Lane     string // platform/party/role
	Receiver ocpi.PartyID
	Role     ocpi.Role
	Platform string
	State    string
	Cursor   int64 // everything up to this place of the feed is delivered
	Behind   int64 // how many places the feed is ahead; most may not concern this receiver
	Queued   int   // changes that were read and are not delivered
	InFlight int
	Error    string // why the last attempt failed; empty after a success
	ErrorAt  time.Time
	Node     string // the process that has the lane; empty where there is only one

	Failures     int       // attempts in a row that the receiver did not take; 0 after a success
	FailingSince time.Time // the first of them
	NextAttempt  time.Time // when it is tried again; zero when nothing waits
	RateLimited  bool      // something waits only because of the receiver's rate
	DeadLetters  int       // objects that it refused, for which nobody has done anything yet
}

// show publishes the state of the lane.
func (l *lane) show(me *party.Party, ready bool) {
	idle := l.live && l.flying == 0 && len(l.q.objects) == 0 && !l.restart
	l.inbox.settle(idle)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.state
	l.reach = reach{l.q.cursor(l.read), l.q.level(l.level), l.has}
	if k := l.kept; k != nil && (l.restart || l.reach.cursor < k.cursor) {
		l.reach = *k
	} else {
		l.kept = nil
	}
	s.Cursor, s.Queued, s.InFlight = l.reach.cursor, len(l.q.order)+l.q.early, l.flying
	s.Failures, s.FailingSince, s.NextAttempt = l.failures, l.since, l.resume
	if l.hold.After(l.resume) {
		s.NextAttempt = l.hold
	}
	s.RateLimited, s.DeadLetters = !l.limited.IsZero(), len(l.letters)
	switch {
	case !ready:
		s.State = LanePaused
	case me.Status == party.Offline:
		s.State = LaneOffline
	case l.failures > 0 && len(l.q.objects) > 0:
		s.State = LaneRetrying
	case !idle:
		s.State = LaneSending
	default:
		s.State = LaneIdle
	}
}

// snapshotState returns the state at any time.
func (l *lane) snapshotState() LaneState {
	r := l.reached()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	s.Cursor = r.cursor
	return s
}

// reached returns how far the lane is, at any time. What did not concern it since
// it last looked is behind its cursor.
func (l *lane) reached() reach {
	head, level := l.d.tail.position(), l.d.tail.level.Load() // before: all of that was put into the inbox
	idle := l.inbox.idle()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.reach
	if idle && l.state.Queued == 0 {
		r.cursor = max(r.cursor, head)
		r.level = max(r.level, min(level, r.cursor))
	}
	return r
}
