package delivery

import (
	"context"
	"maps"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/store"
)

const (
	feedPage      = 512      // entries read from the feed at once
	maxTail       = 16384    // changes kept in memory for the lanes
	maxTailBytes  = 64 << 20 // of bodies in them
	maxAnnounced  = 16384    // announcements that wait to be read in the feed
	maxSteps      = 8        // pushes sent for one entry; beyond, the whole object is cheaper
	rereadAfter   = time.Second
	readHeadEvery = 5 * time.Second // a safety net under Store.Committed
)

// announcements are pushes whose change has not been read in the feed yet.
// What does not fit is dropped: its receivers get the whole object.
type announcements struct {
	mu    sync.Mutex
	bySeq map[int64]*Announcement
	bytes int
}

func (a *announcements) add(n Announcement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bySeq == nil {
		a.bySeq = make(map[int64]*Announcement)
	}
	if old := a.bySeq[n.Seq]; old != nil {
		a.bytes -= len(old.Push.Body)
		delete(a.bySeq, n.Seq)
	}
	if len(a.bySeq) >= maxAnnounced || a.bytes+len(n.Push.Body) > maxTailBytes {
		return
	}
	a.bySeq[n.Seq] = &n
	a.bytes += len(n.Push.Body)
}

// steps returns the pushes that lead from the place after to o, oldest first,
// or nil when one of them is not known.
func (a *announcements) steps(o *store.Object, after int64) []step {
	a.mu.Lock()
	defer a.mu.Unlock()
	var steps []step
	for seq := o.Seq; seq > after; {
		n := a.bySeq[seq]
		if n == nil || n.Key != o.ObjectKey || n.Prev >= seq || len(steps) == maxSteps {
			return nil
		}
		steps = append(steps, step{seq, &n.Push})
		seq = n.Prev
	}
	slices.Reverse(steps)
	return steps
}

// forget drops what lies at or before seq.
func (a *announcements) forget(seq int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.bySeq, func(s int64, n *Announcement) bool {
		if s <= seq {
			a.bytes -= len(n.Push.Body)
		}
		return s <= seq
	})
}

// tail holds the latest changes, in order of seq: all that were read since
// start. Elements are never changed, so that lanes may share them.
type tail struct {
	mu      sync.Mutex
	changes []change
	bytes   int
	start   int64 // everything behind it that was read is in changes
	head    int64 // the feed is read up to here
	grown   chan struct{}
}

func newTail(head int64) *tail {
	return &tail{start: head, head: head, grown: make(chan struct{})}
}

// add appends changes and wakes those who wait. What is beyond the bounds is
// dropped at the front; a lane that still needs it reads the table.
func (t *tail) add(changes []change, head int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range changes {
		t.bytes += changes[i].size()
	}
	t.changes = append(t.changes, changes...)
	t.head = head
	drop := 0
	for drop < len(t.changes) && (len(t.changes)-drop > maxTail || t.bytes > maxTailBytes) {
		t.bytes -= t.changes[drop].size()
		t.start = t.changes[drop].seq
		drop++
	}
	if drop > 0 {
		t.changes = append([]change(nil), t.changes[drop:]...)
	}
	close(t.grown)
	t.grown = make(chan struct{})
}

// after returns at most n changes behind seq, where the feed is read up to, and
// a channel that is closed when there are more; ok is false when the tail no
// longer reaches back to seq.
func (t *tail) after(seq int64, n int) (changes []change, head int64, grown <-chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seq < t.start {
		return nil, t.head, t.grown, false
	}
	i := sort.Search(len(t.changes), func(i int) bool { return t.changes[i].seq > seq })
	j := min(i+n, len(t.changes))
	return t.changes[i:j:j], t.head, t.grown, true
}

func (t *tail) position() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head
}

// reader copies the feed to the tail, once for all lanes.
type reader struct {
	store     *store.Store
	announced *announcements
	tail      *tail
	// level is the head when the feed was last read to its end: what stood in
	// the feed at that moment has been seen, whatever replaced it later.
	level int64
	// seen is the last place of each object that was read since.
	seen map[store.ObjectKey]int64
}

// run reads until ctx ends. Errors are reported once each time they begin.
func (r *reader) run(ctx context.Context, report func(error)) {
	failing := false
	for {
		committed := r.store.Committed()
		err := r.catchUp(ctx)
		wait := readHeadEvery
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			if !failing {
				report(err)
			}
			wait = rereadAfter
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-committed:
		case <-time.After(wait):
		}
	}
}

func (r *reader) catchUp(ctx context.Context) error {
	for {
		if end, err := r.page(ctx); end || err != nil {
			return err
		}
	}
}

// page reads the next entries; end says that there were no more at that moment.
func (r *reader) page(ctx context.Context) (end bool, err error) {
	objects, err := r.store.Feed(ctx, r.tail.position(), feedPage)
	if err != nil {
		return false, err
	}
	now := time.Now().UnixNano()
	changes := make([]change, len(objects))
	for i := range objects {
		o := &objects[i]
		floor := max(r.level, r.seen[o.ObjectKey])
		r.seen[o.ObjectKey] = o.Seq
		changes[i] = change{
			key: o.ObjectKey, seq: o.Seq, deleted: o.Deleted, noticed: now,
			steps: r.announced.steps(o, floor),
		}
	}
	if n := len(changes); n > 0 {
		r.tail.add(changes, changes[n-1].seq)
	}
	if len(changes) == feedPage {
		return false, nil
	}
	r.level = r.tail.position()
	clear(r.seen)
	r.announced.forget(r.level)
	return true, nil
}
