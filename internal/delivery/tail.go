package delivery

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

const (
	feedPage          = 512      // entries read from the feed at once
	maxAnnounced      = 16384    // announcements that wait to be read in the feed
	maxAnnouncedBytes = 64 << 20 // of bodies in them
	maxSteps          = 8        // pushes sent for one object; beyond, the whole object is cheaper
	rereadAfter       = time.Second
	readHeadEvery     = 5 * time.Second // a safety net under Store.Committed
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
	if len(a.bySeq) >= maxAnnounced || a.bytes+len(n.Push.Body) > maxAnnouncedBytes {
		return
	}
	a.bySeq[n.Seq] = &n
	a.bytes += len(n.Push.Body)
}

// steps returns the pushes that lead from the state of o at base to o, oldest
// first, where base is at or before the place after; none when one of them is
// not known.
func (a *announcements) steps(o *store.Object, after int64) (steps []step, base int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	seq := o.Seq
	for seq > after {
		n := a.bySeq[seq]
		if n == nil || n.Key != o.ObjectKey || n.Prev >= seq || len(steps) == maxSteps {
			return nil, 0
		}
		steps = append(steps, step{seq, pushed(o.ObjectKey, n.Push)})
		seq = n.Prev
	}
	slices.Reverse(steps)
	return steps, seq
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

// tail is where new entries of the feed are handed to the lanes. Only those get
// one that may be entitled to it: the others cost nothing.
type tail struct {
	head  atomic.Int64 // what stands at or before this place has been handed out
	level atomic.Int64 // … and each change up to here, wherever its object stands now

	mu      sync.Mutex
	view    *view        // by which the feed was last handed out
	count   atomic.Int64 // of lanes; read without mu
	lanes   map[*lane]bool
	changed bool // since all and byParty were made
	all     []*lane
	byParty map[ocpi.PartyID][]*lane
	woken   []*lane // used by hand
}

func newTail(head int64) *tail {
	t := &tail{lanes: make(map[*lane]bool)}
	t.head.Store(head)
	t.level.Store(head)
	return t
}

// position is the place up to which the feed has been handed out.
func (t *tail) position() int64 { return t.head.Load() }

// joined is how many lanes there are: they share the connections.
func (t *tail) joined() int { return int(t.count.Load()) }

// join has l get what is committed from now on.
func (t *tail) join(l *lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lanes[l], t.changed = true, true
	t.count.Store(int64(len(t.lanes)))
}

func (t *tail) leave(l *lane) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.lanes, l)
	t.changed = true
	t.count.Store(int64(len(t.lanes)))
}

// hand gives changes to the lanes, and then says that the feed is handed out up
// to head. The view must have been taken after the changes were read: then a
// lane that found itself entitled by an earlier one has read them in the table.
func (t *tail) hand(v *view, changes []*change, head int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed {
		t.changed = false
		t.all = make([]*lane, 0, len(t.lanes))
		t.byParty = make(map[ocpi.PartyID][]*lane, len(t.lanes))
		for l := range t.lanes {
			t.all = append(t.all, l)
			t.byParty[l.id.party] = append(t.byParty[l.id.party], l)
		}
	}
	t.woken = t.woken[:0]
	t.follow(v)
	for _, c := range changes {
		if !told(c.key.Kind) {
			continue
		}
		switch {
		case ocpi.Module(c.key.Kind) == ocpi.HubClientInfo:
			t.inform(v, c)
			continue
		case v.snapshot.OpenAgreements:
			t.give(c, t.all)
			continue
		}
		for _, a := range v.agreements[c.key.Party] {
			other := a.EMSP
			if other == c.key.Party {
				other = a.CPO
			}
			t.give(c, t.byParty[other])
		}
	}
	t.head.Store(head)
	for i, l := range t.woken {
		l.wake()
		t.woken[i] = nil
	}
}

// follow tells those lanes whose agreements are not what they were when the feed
// was last handed out: one of them may have ended and begun again before the lane
// looks, and what is handed out meanwhile does not reach it.
func (t *tail) follow(v *view) {
	old := t.view
	t.view = v
	if old == nil || old == v {
		return
	}
	for id, lanes := range t.byParty {
		if slices.Equal(old.agreements[id], v.agreements[id]) {
			continue
		}
		for _, l := range lanes {
			l.inbox.saw(v)
			t.woken = append(t.woken, l)
		}
	}
}

// inform gives a client info to the lanes, but for those of the only side on which
// its party is: nobody there has an agreement with it.
func (t *tail) inform(v *view, c *change) {
	side, one := ocpi.AnySide, false
	for _, p := range v.snapshot.Parties(c.key.Party) {
		s := p.Role.Side()
		if one = side == ocpi.AnySide || s == side; !one {
			break
		}
		side = s
	}
	if !one || side == ocpi.AnySide {
		t.give(c, t.all)
		return
	}
	for _, l := range t.all {
		if l.id.role.Side() != side {
			t.give(c, []*lane{l})
		}
	}
}

func (t *tail) give(c *change, lanes []*lane) {
	deaf := uint32(1) << slotOf(ocpi.Module(c.key.Kind))
	for _, l := range lanes {
		if l.deaf.Load()&deaf == 0 && l.inbox.put(c) {
			t.woken = append(t.woken, l)
		}
	}
}

// reader reads what is new in the feed, once for all lanes.
type reader struct {
	store     *store.Store
	announced *announcements
	tail      *tail
	presents  *presents
	view      func() *view
	// level is the head when the feed was last read to its end: what stood in
	// the feed at that moment has been seen, whatever replaced it later.
	level int64
	// seen is the last place of each object that was read since.
	seen map[store.ObjectKey]int64
}

func (d *Delivery) newReader(head int64) *reader {
	return &reader{
		store: d.o.Store, announced: &d.announced, presents: &d.presents, tail: d.tail, view: d.look, level: head,
		seen: make(map[store.ObjectKey]int64),
	}
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
	heads, err := r.store.FeedHeads(ctx, r.tail.position(), feedPage)
	if err != nil {
		return false, err
	}
	now := time.Now().UnixNano()
	changes := make([]*change, 0, len(heads))
	for i := range heads {
		r.presents.expire(heads[i].ObjectKey, heads[i].Seq)
		if c := r.change(&heads[i]); c != nil {
			c.noticed, c.level = now, r.level
			changes = append(changes, c)
		}
	}
	if n := len(heads); n > 0 {
		r.tail.hand(r.view(), changes, heads[n-1].Seq)
	}
	if len(heads) == feedPage {
		return false, nil
	}
	r.level = r.tail.position()
	r.tail.level.Store(r.level)
	clear(r.seen)
	r.announced.forget(r.level)
	return true, nil
}

// change is the change that an entry stands for since the object was last seen;
// nil when nothing of it is to be told.
func (r *reader) change(o *store.Object) *change {
	floor := max(r.level, r.seen[o.ObjectKey])
	r.seen[o.ObjectKey] = o.Seq
	if o.Loud <= floor {
		return nil
	}
	if steps, base := r.announced.steps(o, floor); len(steps) > 0 {
		c := &change{key: o.ObjectKey, seq: o.Seq, loud: o.Loud, deleted: o.Deleted}
		c.take(steps, base)
		return c
	}
	c := newChange(o)
	if c.decode(o); !c.follows(floor) {
		c.take(nil, o.Prev)
	}
	return c
}
