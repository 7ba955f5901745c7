package delivery

import (
	"time"

	"github.com/eroam/eroam/ocpi"
)

// What a lane is doing.
const (
	LaneIdle     = "idle"     // the receiver has everything
	LaneSending  = "sending"  // something is under way
	LaneRetrying = "retrying" // the last attempt failed
	LaneOffline  = "offline"  // the receiver is not connected; the lane waits
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
}

// show publishes the state of the lane.
func (l *lane) show(ready bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &l.state
	s.Cursor, s.Queued, s.InFlight = l.q.cursor(l.read), len(l.q.order), l.flying
	switch {
	case !ready:
		s.State = LaneOffline
	case l.failures > 0 && len(l.q.order) > 0:
		s.State = LaneRetrying
	case l.flying > 0 || len(l.q.order) > 0:
		s.State = LaneSending
	default:
		s.State = LaneIdle
	}
}

func (l *lane) snapshotState() LaneState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}
