package delivery

import (
	"slices"
	"sort"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
)

const (
	// urgentTurns is how many urgent objects are sent for one that is not, while
	// there are both: bulk gets at least a quarter of the requests.
	urgentTurns = 3
	// maxAhead bounds the objects that a lane remembers to have sent although
	// its reading has not come to their change yet.
	maxAhead = 1 << 14
	// maxOvertaking bounds the changes that are queued before their turn.
	maxOvertaking = 64
)

// queue holds the changes that a lane has read and not delivered, per object.
// Objects are sent side by side, changes of one object one after the other. It
// belongs to the goroutine of its lane.
type queue struct {
	order   []*item // by seq; the first is not done
	objects map[store.ObjectKey]*object
	large   bool      // objects has held more than fit into the smallest map
	urgent  []*object // to be sent, oldest first; those that are no longer in this place are passed over
	bulk    []*object // … and not urgent
	waiting []*object // to be sent again at their time
	turn    int       // urgent ones sent since the last that was not
	early   int       // items that overtook and are not done
	late    int       // items in order whose change lies before their place
	// ahead holds the places up to which objects were sent although the feed
	// is not read so far: whole objects are sent in their present state, and
	// urgent changes overtake.
	ahead    map[store.ObjectKey]int64
	farthest int64 // place in ahead
}

// item is a change in the queue.
type item struct {
	seq     int64
	loud    int64   // see store.Object
	change  *change // nil: only the whole object will do
	from    int64   // the receiver has, or gets before, what is at or before this place
	urgent  bool
	ordered bool // has its place in order; otherwise it overtook
	done    bool
}

// place says where an object is.
type place uint8

const (
	flying place = iota // being sent, or nothing is due
	inBulk
	inUrgent
	inWaiting
)

// object is what is due of one object.
type object struct {
	key    store.ObjectKey
	items  []*item // by seq
	place  place
	sent   int64 // place of the state that the receiver has, if known
	whole  bool  // the receiver's state is in doubt: send the whole object
	replay bool  // somebody asked for it to be sent again
	// had are settings of the receiver, under which it got the object if it
	// passed: then it has nothing new to get. nil when there is a change.
	had      *party.DeliverySettings
	attempts int   // failed ones in a row
	marked   int64 // successes of the lane at the first of them
	retry    time.Time
}

// last is the place of the newest change that is due.
func (o *object) last() int64 {
	if len(o.items) == 0 {
		return o.sent
	}
	return o.items[len(o.items)-1].seq
}

func (o *object) pressing() bool {
	return o.replay || slices.ContainsFunc(o.items, func(it *item) bool { return it.urgent })
}

func newQueue() queue { return queue{} }

// known is up to which place a receiver has, or will have got when its turn
// comes, the object, as far as the queue knows; else 0.
func (q *queue) known(key store.ObjectKey) int64 {
	known := q.ahead[key]
	if o := q.objects[key]; o != nil {
		known = max(known, o.last())
	}
	return known
}

// add takes a change that is to be delivered, the next in the order of the feed.
// Its steps behind the place from can be used when follows is set.
func (q *queue) add(c *change, follows bool, from int64, had *party.DeliverySettings) {
	if c.seq <= q.ahead[c.key] {
		return
	}
	o := q.object(c.key)
	if o.had = had; len(o.items) > 0 {
		o.had = nil
	}
	at := sort.Search(len(o.items), func(i int) bool { return o.items[i].seq >= c.seq })
	if at < len(o.items) && o.items[at].seq == c.seq { // it overtook
		if it := o.items[at]; !it.ordered {
			it.ordered = true
			q.early--
			q.enter(it)
		}
		return
	}
	it := &item{seq: c.seq, loud: c.loud, change: c, from: from, urgent: c.urgent, ordered: true}
	q.enter(it)
	q.insert(o, at, it, follows)
}

func (q *queue) enter(it *item) {
	if q.order = append(q.order, it); it.loud < it.seq {
		q.late++
	}
}

// overtake takes an urgent change before its turn, and reports whether there was
// room for it.
func (q *queue) overtake(c *change, follows bool, from int64) bool {
	if q.early >= maxOvertaking || len(q.ahead) >= maxAhead {
		return false
	}
	if c.seq <= q.known(c.key) {
		return true
	}
	o := q.object(c.key)
	o.had = nil
	q.early++
	q.insert(o, len(o.items), &item{seq: c.seq, loud: c.loud, change: c, from: from, urgent: c.urgent}, follows)
	return true
}

// replay asks for the object to be sent as a whole although nothing has changed.
// While it is being sent that is enough.
func (q *queue) replay(key store.ObjectKey) {
	o := q.object(key)
	if o.place == flying {
		return
	}
	o.replay = true
	o.doubt()
	q.ready(o)
}

func (q *queue) object(key store.ObjectKey) *object {
	o := q.objects[key]
	if o == nil {
		if q.objects == nil {
			q.objects = make(map[store.ObjectKey]*object)
		}
		o = &object{key: key, sent: q.ahead[key]}
		q.objects[key] = o
		q.large = q.large || len(q.objects) > 8
		o.place = inBulk
		q.bulk = append(q.bulk, o)
	}
	return o
}

func (q *queue) insert(o *object, at int, it *item, follows bool) {
	if !follows || o.whole {
		it.change = nil
	}
	o.items = slices.Insert(o.items, at, it)
	if it.urgent && o.place == inBulk {
		o.place = inUrgent
		q.urgent = append(q.urgent, o)
	}
}

// ready puts o, which is not being sent, where it is taken from.
func (q *queue) ready(o *object) {
	switch {
	case o.place == inUrgent || o.place == inWaiting:
	case o.pressing():
		o.place = inUrgent
		q.urgent = append(q.urgent, o)
	case o.place != inBulk:
		o.place = inBulk
		q.bulk = append(q.bulk, o)
	}
}

// take returns an object to send now, or nil. Those that wait for another
// attempt come first, unless the receiver is failing: then they may be the
// reason. The caller puts it back with again or settle.
func (q *queue) take(now time.Time, failing bool) *object {
	if failing {
		if o := q.takeReady(); o != nil {
			return o
		}
	}
	for i, o := range q.waiting {
		if !now.Before(o.retry) {
			q.waiting = slices.Delete(q.waiting, i, i+1)
			o.place = flying
			return o
		}
	}
	return q.takeReady()
}

func (q *queue) takeReady() *object {
	if q.turn < urgentTurns {
		if o := pop(&q.urgent, inUrgent); o != nil {
			q.turn++
			return o
		}
	}
	if o := pop(&q.bulk, inBulk); o != nil {
		q.turn = 0
		return o
	}
	q.turn = 0
	return pop(&q.urgent, inUrgent)
}

// pop takes the first object that is still in its place.
func pop(list *[]*object, in place) *object {
	for len(*list) > 0 {
		o := (*list)[0]
		(*list)[0] = nil
		*list = (*list)[1:]
		if o.place == in {
			o.place = flying
			return o
		}
	}
	*list = nil
	return nil
}

// next is what to send for o: the first push that the receiver does not have, or
// nil for the whole object.
func (o *object) next() *step {
	if o.whole {
		return nil
	}
	var first *step
	n := 0
	for _, it := range o.items {
		if it.change == nil {
			return nil
		}
		for i := range it.change.steps {
			if s := &it.change.steps[i]; s.seq > max(it.from, o.sent) {
				if n++; n > maxSteps {
					return nil
				}
				if first == nil {
					first = s
				}
			}
		}
	}
	return first
}

// settle says that the receiver has the object up to seq, or is not to have it;
// read is how far the feed was read.
func (q *queue) settle(o *object, seq, read int64) {
	o.sent, o.whole, o.replay, o.attempts = seq, false, false, 0
	n := 0
	for n < len(o.items) && o.items[n].seq <= seq {
		switch it := o.items[n]; {
		case !it.ordered:
			q.early--
		case it.loud < it.seq:
			q.late--
		}
		o.items[n].done = true
		n++
	}
	o.items = o.items[n:]
	o.place = flying
	if len(o.items) > 0 {
		q.ready(o)
	} else if delete(q.objects, o.key); len(q.objects) == 0 {
		q.urgent, q.bulk = nil, nil
		if q.large { // a map does not shrink; making a small one costs more than keeping it
			q.objects, q.large = nil, false
		}
	}
	if seq > read {
		if q.ahead == nil {
			q.ahead = make(map[store.ObjectKey]int64)
		}
		q.ahead[o.key] = seq
		q.farthest = max(q.farthest, seq)
	}
	n = 0
	for n < len(q.order) && q.order[n].done {
		q.order[n] = nil
		n++
	}
	if q.order = q.order[n:]; len(q.order) == 0 {
		q.order = nil
	}
}

// again puts o back to be sent at the time at, as a whole object or as it was.
func (q *queue) again(o *object, at time.Time, whole bool) {
	if whole {
		o.doubt()
	}
	o.retry, o.place = at, inWaiting
	q.waiting = append(q.waiting, o)
}

func (o *object) doubt() {
	o.whole = true
	for _, it := range o.items {
		it.change = nil
	}
}

// doubt says that the receiver may have missed something: what is queued is
// sent in its present state.
func (q *queue) doubt() {
	for _, o := range q.objects {
		o.doubt()
	}
}

// passed drops what is kept about places at or before read.
func (q *queue) passed(read int64) {
	switch {
	case q.ahead == nil:
	case read >= q.farthest:
		q.ahead, q.farthest = nil, 0
	case len(q.ahead) >= maxAhead/2:
		for k, seq := range q.ahead {
			if seq <= read {
				delete(q.ahead, k)
			}
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

// level returns the place up to which each change is settled, when each up to
// the place read was queued or settled before. It is not cursor: an object may
// stand in the feed behind its change.
func (q *queue) level(read int64) int64 {
	if len(q.order) > 0 {
		read = min(read, q.order[0].loud-1)
	}
	if q.late == 0 {
		return read
	}
	for _, it := range q.order {
		if !it.done {
			read = min(read, it.loud-1)
		}
	}
	return read
}
