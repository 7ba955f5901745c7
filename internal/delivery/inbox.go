package delivery

import (
	"slices"
	"sync"

	"github.com/eroam/eroam/internal/store"
)

const (
	maxInbox  = 512 // changes that wait for a lane
	maxUrgent = 256 // … of which it is told although it reads the table, or has no room
)

// inbox is what the reader of the feed has handed to one lane. It holds every
// change that may concern the lane since it was opened, or is lost: then the lane
// has to read the table again.
type inbox struct {
	mu      sync.Mutex
	changes []*change         // in order of seq
	urgent  []*change         // urgent ones of changes, and of what was lost
	last    int64             // place of the last change
	again   []store.ObjectKey // objects that somebody asked to be sent again
	views   []*view           // by which changes were not handed to the lane
	lost    bool
	closed  bool
	settled bool // the lane has delivered whatever it took
}

// put offers c and reports whether the lane has to be woken. Changes come in
// order; one that comes again is ignored.
func (b *inbox) put(c *change) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || c.seq <= b.last {
		return false
	}
	b.last = c.seq
	wake := false
	if c.urgent && len(b.urgent) < maxUrgent {
		wake = len(b.urgent) == 0
		b.urgent = append(b.urgent, c)
	}
	switch {
	case b.lost:
		return wake
	case len(b.changes) == maxInbox:
		b.changes, b.lost = nil, true
		return true
	}
	b.changes = append(b.changes, c)
	return wake || len(b.changes) == 1
}

// open begins anew: what is committed from now on is handed out. What is urgent
// is kept.
func (b *inbox) open() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes, b.lost, b.closed, b.settled = nil, false, false, false
}

// close drops everything until open.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes, b.urgent, b.lost, b.closed, b.settled = nil, nil, true, true, false
}

// shed drops what is not urgent; the lane has to read the table.
func (b *inbox) shed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes, b.lost, b.settled = nil, true, false
}

// take returns at most n changes, all that there are when all is set. ok is
// false when some were lost.
func (b *inbox) take(n int) (changes []*change, all, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lost {
		return nil, false, false
	}
	if len(b.changes) <= n {
		changes, all = b.changes, true
		b.changes, b.urgent = nil, nil
	} else {
		changes = b.changes[:n:n]
		b.changes = b.changes[n:]
	}
	if len(changes) > 0 {
		b.settled = false
	}
	return changes, all, true
}

// overtaking returns at most n urgent changes, which are not returned again.
// They still stand in what take returns.
func (b *inbox) overtaking(n int) []*change {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, len(b.urgent))
	out := b.urgent[:n:n]
	if b.urgent = b.urgent[n:]; len(b.urgent) == 0 {
		b.urgent = nil
	}
	return out
}

// settle says whether the lane has delivered whatever it took.
func (b *inbox) settle(yes bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settled = yes
}

// idle reports whether nothing that was handed out is left to be delivered.
func (b *inbox) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.settled && len(b.changes) == 0 && !b.lost && len(b.views) == 0
}

// ask adds an object that is to be sent again, and reports whether the lane has
// to be woken.
func (b *inbox) ask(key store.ObjectKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.again) >= maxUrgent || slices.Contains(b.again, key) {
		return false
	}
	b.again = append(b.again, key)
	return true
}

// replays returns what was asked for since it was last called.
func (b *inbox) replays() []store.ObjectKey {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.again
	b.again = nil
	return out
}

// saw says that from now on the lane is handed what v lets it have, which is not
// what it was before.
func (b *inbox) saw(v *view) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.views = append(b.views, v)
}

// passedOver returns, in order, what saw was told since it was last called.
func (b *inbox) passedOver() []*view {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.views
	b.views = nil
	return out
}
