package delivery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
)

func at(id string, seq int64, steps ...int64) *change {
	c := &change{key: key(id), seq: seq, loud: seq}
	var list []step
	for _, s := range steps {
		list = append(list, step{s, &message{}})
	}
	c.take(list, 0)
	return c
}

func hot(c *change) *change {
	c.urgent = true
	return c
}

// What the queue does with the changes of three objects.
func TestQueue(t *testing.T) {
	now := time.Now()
	q := newQueue()
	for i, id := range []string{"A", "B", "A", "C", "A"} {
		q.add(at(id, int64(i+1)), false, 0, nil)
	}
	a, b, c := q.take(now, false), q.take(now, false), q.take(now, false)
	if a.key.ID != "A" || b.key.ID != "B" || c.key.ID != "C" || q.take(now, false) != nil {
		t.Fatal("an object is not sent once and in order")
	}
	if q.cursor(5) != 0 {
		t.Errorf("cursor %d before anything is done", q.cursor(5))
	}
	q.settle(b, 2, 5)
	if q.cursor(5) != 0 {
		t.Errorf("cursor %d jumps over what is not done", q.cursor(5))
	}
	q.settle(a, 1, 5)
	if q.cursor(5) != 2 {
		t.Errorf("cursor %d, want 2", q.cursor(5))
	}
	if again := q.take(now, false); again != a || again.items[0].seq != 3 || again.sent != 1 {
		t.Fatalf("the next change of A is not sent next")
	}
	q.again(c, now.Add(time.Second), true)
	if q.take(now, false) != nil || !q.due().Equal(now.Add(time.Second)) {
		t.Error("C is sent before its time")
	}
	if got := q.take(now.Add(time.Second), false); got != c || !got.whole {
		t.Error("C is not sent whole at its time")
	}
	// A was sent whole, in the state of a change that was not read yet.
	q.settle(a, 9, 5)
	if q.cursor(5) != 3 {
		t.Errorf("cursor %d, want 3", q.cursor(5))
	}
	q.add(at("A", 7), false, 0, nil)
	q.add(at("A", 9), false, 0, nil)
	if q.take(now, false) != nil {
		t.Error("what the receiver has is sent again")
	}
	q.add(at("A", 11), false, 0, nil)
	if o := q.take(now, false); o == nil || o.sent != 9 || o.last() != 11 {
		t.Errorf("the change after that is not sent: %+v", o)
	}
	q.settle(c, 4, 11)
	if q.cursor(11) != 10 {
		t.Errorf("cursor %d, want 10", q.cursor(11))
	}
	q.settle(q.objects[key("A")], 11, 11)
	if q.cursor(12) != 12 || len(q.objects) != 0 || len(q.order) != 0 {
		t.Errorf("in the end the cursor is %d, %d objects", q.cursor(12), len(q.objects))
	}
	q.passed(8)
	if len(q.ahead) != 1 {
		t.Error("what is still to be skipped was forgotten")
	}
	if q.passed(9); len(q.ahead) != 0 {
		t.Error("what was passed is kept")
	}
}

// A failing receiver is tried with another object than the one that failed; a
// healthy one gets what has waited first.
func TestTakeOrder(t *testing.T) {
	now := time.Now()
	for failing, want := range map[bool]string{false: "A", true: "B"} {
		q := newQueue()
		q.add(at("A", 1), false, 0, nil)
		q.again(q.take(now, false), now, true)
		q.add(at("B", 2), false, 0, nil)
		if o := q.take(now, failing); o.key.ID != want {
			t.Errorf("failing %v: %s is next, want %s", failing, o.key.ID, want)
		}
	}
}

// A receiver is not sent the pushes that it has had as part of a whole object,
// and one at a time of the others.
func TestNext(t *testing.T) {
	for _, tt := range []struct {
		floor, sent int64
		whole       bool
		want        int64 // 0: the whole object
	}{
		{0, 0, false, 3}, {3, 0, false, 5}, {0, 5, false, 7}, {5, 3, false, 7}, {3, 5, false, 7}, {0, 7, false, 9}, {0, 0, true, 0},
	} {
		q := newQueue()
		q.add(at("A", 7, 3, 5, 7), true, tt.floor, nil)
		q.add(at("A", 9, 9), true, 0, nil)
		o := q.take(time.Now(), false)
		if o.sent = tt.sent; tt.whole {
			o.doubt()
		}
		var got int64
		if s := o.next(); s != nil {
			got = s.seq
		}
		if got != tt.want {
			t.Errorf("%+v: %d is next", tt, got)
		}
	}
	q := newQueue()
	q.add(at("A", 7, 7), true, 0, nil)
	q.add(at("A", 9, 9), false, 0, nil)
	if o := q.take(time.Now(), false); o.next() != nil {
		t.Error("a push is sent although the next change needs the whole object")
	}
	for i := range int64(maxSteps) {
		q.add(at("B", 10+i, 10+i), true, 0, nil)
	}
	o := q.take(time.Now(), false)
	if o.next() == nil {
		t.Errorf("%d pushes are not sent one by one", maxSteps)
	}
	q.add(at("B", 30, 30), true, 0, nil)
	if o.next() != nil {
		t.Errorf("more than %d pushes are sent one by one", maxSteps)
	}
}

// order takes everything, settling each, and names what was taken.
func drain(q *queue, read int64) string {
	var got []string
	for o := q.take(time.Now(), false); o != nil; o = q.take(time.Now(), false) {
		got = append(got, o.key.ID)
		q.settle(o, o.last(), read)
	}
	return strings.Join(got, "")
}

// Urgent objects go before others, but every fourth request is for the others,
// and an object with an urgent change takes its earlier ones along.
func TestUrgentFirst(t *testing.T) {
	q := newQueue()
	for i, id := range strings.Split("abcdefgh", "") {
		q.add(at(id, int64(i+1)), false, 0, nil)
	}
	for i, id := range strings.Split("UVWXYZ", "") {
		q.add(hot(at(id, int64(i+20))), false, 0, nil)
	}
	q.add(hot(at("h", 30)), false, 0, nil)
	if got, want := drain(&q, 30), "UVWaXYZbhcdefg"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if q.cursor(30) != 30 {
		t.Errorf("cursor %d", q.cursor(30))
	}
}

// What overtakes neither moves the cursor nor is sent again in its turn, also
// when its turn comes before it was sent.
func TestOvertaking(t *testing.T) {
	q := newQueue()
	q.add(at("a", 1), false, 0, nil)
	q.add(at("b", 2), false, 0, nil)
	if !q.overtake(hot(at("U", 50, 50)), true, 0) || !q.overtake(hot(at("b", 51, 51)), false, 0) {
		t.Fatal("no room")
	}
	u := q.take(time.Now(), false)
	if u.key.ID != "U" || u.next() == nil {
		t.Fatalf("%s is first", u.key.ID)
	}
	b := q.take(time.Now(), false)
	if b.key.ID != "b" || b.next() != nil || b.last() != 51 {
		t.Fatalf("%s is second", b.key.ID)
	}
	q.settle(u, 50, 2)
	q.settle(b, 51, 2)
	if q.cursor(2) != 0 || q.early != 0 {
		t.Errorf("cursor %d, %d early", q.cursor(2), q.early)
	}
	q.overtake(hot(at("V", 60, 60)), true, 0)
	for _, c := range []*change{at("U", 50), at("b", 51), hot(at("V", 60, 60)), at("U", 61)} {
		q.add(c, true, 0, nil)
	}
	if got := drain(&q, 61); got != "VaU" {
		t.Errorf("afterwards sent %s", got)
	}
	if q.cursor(61) != 61 || q.early != 0 || len(q.objects) != 0 {
		t.Errorf("in the end the cursor is %d, %d early", q.cursor(61), q.early)
	}
}

// The number of those that overtake is bounded.
func TestOvertakingIsBounded(t *testing.T) {
	q := newQueue()
	for i := range int64(maxOvertaking) {
		if !q.overtake(hot(at(string(rune('0'+i)), 10+i)), false, 0) {
			t.Fatalf("no room for %d", i)
		}
	}
	if q.overtake(hot(at("z", 100)), false, 0) {
		t.Error("there is always room")
	}
	// What overtook already is queued once.
	if q.known(key("0")) != 10 {
		t.Error("it is not known that the first is on its way")
	}
}

// A replay sends what is there once, also when there is nothing new; not while
// the object is being sent.
func TestReplayInQueue(t *testing.T) {
	q := newQueue()
	q.replay(key("A"))
	q.replay(key("A"))
	a := q.take(time.Now(), false)
	if a == nil || !a.replay || a.next() != nil {
		t.Fatal("it is not sent whole")
	}
	q.replay(key("A"))
	if q.take(time.Now(), false) != nil {
		t.Fatal("it is sent twice at the same time")
	}
	q.settle(a, 5, 10)
	if len(q.objects) != 0 || q.take(time.Now(), false) != nil {
		t.Error("it is sent once more")
	}
}

// The inbox keeps order, says when something was lost, and keeps what is urgent.
func TestInbox(t *testing.T) {
	var b inbox
	if !b.put(at("A", 1)) || b.put(at("B", 2)) || b.put(at("B", 2)) {
		t.Error("the lane is woken by the first change, and only by that")
	}
	if c, all, ok := b.take(1); !ok || all || len(c) != 1 || c[0].seq != 1 {
		t.Errorf("took %v", c)
	}
	b.settle(true)
	if b.idle() {
		t.Error("idle with a change in it")
	}
	if c, all, ok := b.take(9); !ok || !all || len(c) != 1 || c[0].seq != 2 || b.idle() {
		t.Errorf("took %v, idle %v", c, b.idle())
	}
	if b.settle(true); !b.idle() {
		t.Error("not idle with nothing in it")
	}
	for i := range int64(maxInbox) {
		b.put(at("A", 10+i))
	}
	if !b.put(hot(at("U", 1000))) {
		t.Error("the lane is not woken when something is lost")
	}
	if _, _, ok := b.take(9); ok || b.idle() {
		t.Error("nothing seems to be lost")
	}
	if b.put(at("A", 1001)) || !slices.EqualFunc(b.overtaking(9), []int64{1000}, func(c *change, seq int64) bool { return c.seq == seq }) {
		t.Error("what is urgent was lost too")
	}
	b.open()
	b.put(at("A", 1002))
	if c, _, ok := b.take(9); !ok || len(c) != 1 || c[0].seq != 1002 {
		t.Errorf("after that took %v", c)
	}
	b.close()
	if b.put(hot(at("A", 1003))) || b.idle() {
		t.Error("a closed inbox takes something")
	}
	for range 2 {
		b.ask(store.ObjectKey{ID: "x"})
	}
	if n := len(b.replays()) + len(b.replays()); n != 1 {
		t.Errorf("%d replays, want 1", n)
	}
}
