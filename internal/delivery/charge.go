package delivery

import "time"

// charge is a lane as it is entrusted to this process: where to begin, and how
// long it may be worked on. Other processes on the same database have the other
// lanes; see package lease.
//
// What lifecycle.go needs of a lane: newLane makes one that does nothing yet;
// begin has it work until its context ends, which gives up what is in flight at
// once, or until leave is set, it is woken, and nothing is in flight any more;
// snapshotState says how far it is at any time; wake says that the registry has
// changed; stopped is closed when the lane has ended.
type charge struct {
	id     laneID
	cursor int64 // what stands in the feed at or before this place is done
	level  int64 // each change up to here is done; see store.Cursor
	blank  int64 // deletions up to here mean nothing to it: it was new then
	// standing is what the receiver was entitled to when that was so; nil in a
	// new lane, or when it is not known.
	standing *standing
	epoch    int64 // goes with every write of the cursor
	// until says how long the lane may be worked on as things stand; it moves on
	// while the process is in touch with the database. No request may begin at or
	// after that time, and each must end before it: its time-out is cut to it, and
	// it is egress.Request.NotAfter. Zero: without end. A request that ends
	// because of it says nothing about the receiver.
	until func() time.Time
}

// over reports whether the time t of a charge has come. Both clocks are asked:
// the monotonic one stands still while a virtual machine is paused.
func over(t, now time.Time) bool {
	return !t.IsZero() && (!now.Before(t) || !now.Round(0).Before(t.Round(0)))
}
