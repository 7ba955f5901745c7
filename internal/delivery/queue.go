package delivery

import (
	"slices"
	"time"

	"github.com/eroam/eroam/internal/store"
)

// queue holds the changes that a lane has read and not delivered, per object.
// Objects are sent side by side, changes of one object one after the other. It
// belongs to the goroutine of its lane.
type queue struct {
	order   []*item // by seq; the first is not done
	objects map[store.ObjectKey]*object
	ready   []*object // to be sent, oldest first
	waiting []*object // to be sent again at their time
	// ahead holds the places up to which objects were sent although the feed
	// is not read so far: whole objects are sent in their present state.
	ahead map[store.ObjectKey]int64
}

// item is a change in the queue.
type item struct {
	change
	done bool
}

// object is what is due of one object. It is in ready, in waiting, or being
// sent.
type object struct {
	key      store.ObjectKey
	items    []*item
	sent     int64 // place of the state that the receiver has, if known
	whole    bool  // the receiver's state is in doubt: send the whole object
	attempts int   // failed ones in a row
	marked   int64 // successes of the lane at the first of them
	retry    time.Time
}

// last is the place of the newest change that is due.
func (o *object) last() int64 { return o.items[len(o.items)-1].seq }

func newQueue() queue {
	return queue{objects: make(map[store.ObjectKey]*object), ahead: make(map[store.ObjectKey]int64)}
}

// add takes a change that is to be delivered. Changes come in order of seq.
func (q *queue) add(c change) {
	sent, ok := q.ahead[c.key]
	if ok && c.seq <= sent {
		return
	}
	it := &item{change: c}
	q.order = append(q.order, it)
	if o := q.objects[c.key]; o != nil {
		o.items = append(o.items, it)
		return
	}
	o := &object{key: c.key, items: []*item{it}, sent: sent}
	q.objects[c.key] = o
	q.ready = append(q.ready, o)
}

// take returns an object to send now, or nil. Those that wait for another
// attempt come first, unless the receiver is failing: then they may be the
// reason. The caller puts it back with again or settle.
func (q *queue) take(now time.Time, failing bool) *object {
	if failing && len(q.ready) > 0 {
		return q.takeReady()
	}
	for i, o := range q.waiting {
		if !now.Before(o.retry) {
			q.waiting = slices.Delete(q.waiting, i, i+1)
			return o
		}
	}
	return q.takeReady()
}

func (q *queue) takeReady() *object {
	if len(q.ready) == 0 {
		return nil
	}
	o := q.ready[0]
	q.ready = q.ready[1:]
	return o
}

// job is what to send next for o: the pushes of its first change, but for those
// up to floor or up to what the receiver has, or else the whole object.
func (o *object) job(floor int64) job {
	if o.whole {
		return job{object: o, key: o.key, upTo: o.last()}
	}
	first := o.items[0]
	j := job{object: o, key: o.key, upTo: first.seq, noticed: first.noticed}
	for _, s := range first.steps {
		if s.seq > max(floor, o.sent) {
			j.steps = append(j.steps, s)
		}
	}
	return j
}

// settle says that the receiver has the object up to seq, or is not to have it;
// read is how far the feed was read.
func (q *queue) settle(o *object, seq, read int64) {
	o.sent, o.whole, o.attempts = seq, false, 0
	n := 0
	for n < len(o.items) && o.items[n].seq <= seq {
		o.items[n].done = true
		n++
	}
	o.items = o.items[n:]
	if len(o.items) > 0 {
		q.ready = append(q.ready, o)
	} else {
		delete(q.objects, o.key)
	}
	if seq > read {
		q.ahead[o.key] = seq
	}
	n = 0
	for n < len(q.order) && q.order[n].done {
		n++
	}
	q.order = q.order[n:]
}

// again puts o back to be sent at the time at, as a whole object or as it was.
func (q *queue) again(o *object, at time.Time, whole bool) {
	o.whole, o.retry = whole, at
	q.waiting = append(q.waiting, o)
}

// doubt says that the receiver may have missed something: what is queued is
// sent in its present state.
func (q *queue) doubt() {
	for _, o := range q.objects {
		o.whole = true
	}
}

// passed drops what is kept about places at or before read.
func (q *queue) passed(read int64) {
	for k, seq := range q.ahead {
		if seq <= read {
			delete(q.ahead, k)
		}
	}
}

// due returns when the first waiting object is to be sent; zero for none.
func (q *queue) due() time.Time {
	var t time.Time
	for _, o := range q.waiting {
		if t.IsZero() || o.retry.Before(t) {
			t = o.retry
		}
	}
	return t
}

// cursor returns the place up to which everything is settled, when the feed was
// read up to read.
func (q *queue) cursor(read int64) int64 {
	if len(q.order) == 0 {
		return read
	}
	return q.order[0].seq - 1
}
