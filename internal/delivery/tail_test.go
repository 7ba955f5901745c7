package delivery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

var owner = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}

func key(id string) store.ObjectKey {
	return store.ObjectKey{Kind: "locations", Party: owner, ID: id}
}

// feed is a store with a reader on it.
type feed struct {
	t *testing.T
	*reader
	last map[string]int64
}

func newFeed(t *testing.T) *feed {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &feed{t, &reader{store: s, announced: new(announcements), tail: newTail(0), seen: map[store.ObjectKey]int64{}}, map[string]int64{}}
}

// put changes an object, announced by a push with the given name, or not.
func (f *feed) put(id, name string) {
	f.t.Helper()
	err := f.store.Write(f.t.Context(), func(tx *store.Tx) error {
		o := store.Object{ObjectKey: key(id), Body: []byte(`{}`)}
		if err := tx.PutObject(&o); err != nil {
			return err
		}
		if name != "" {
			f.announced.add(Announcement{Seq: o.Seq, Prev: f.last[id], Key: o.ObjectKey, Push: Push{Method: name}})
		}
		f.last[id] = o.Seq
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// want reads the feed and compares what is new in the tail: "A: p1 p2", or
// "A: whole".
func (f *feed) want(lines ...string) {
	f.t.Helper()
	before := f.tail.position()
	if err := f.catchUp(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	changes, head, _, ok := f.tail.after(before, 10000)
	if !ok {
		f.t.Fatal("the tail does not reach back")
	}
	var got []string
	for _, c := range changes {
		line := c.key.ID + ":"
		for _, s := range c.steps {
			line += " " + s.push.Method
		}
		if len(c.steps) == 0 {
			line += " whole"
		}
		got = append(got, line)
	}
	if !slices.Equal(got, lines) {
		f.t.Errorf("read %q, want %q", got, lines)
	}
	if n := len(changes); n > 0 && head != changes[n-1].seq {
		f.t.Errorf("head %d, last change %d", head, changes[n-1].seq)
	}
	if len(f.announced.bySeq) != 0 || f.announced.bytes != 0 {
		f.t.Errorf("%d announcements of %d bytes are left", len(f.announced.bySeq), f.announced.bytes)
	}
}

// The pushes of an entry lead from what was read before to what it is now, in
// order; where one is missing, the whole object has to do.
func TestSteps(t *testing.T) {
	f := newFeed(t)
	f.put("A", "a1")
	f.put("B", "b1")
	f.want("A: a1", "B: b1")
	f.put("A", "a2")
	f.put("C", "c1")
	f.put("A", "a3")
	f.put("B", "b2")
	f.put("A", "a4")
	f.want("C: c1", "B: b2", "A: a2 a3 a4")
	f.put("A", "a5")
	f.put("A", "") // a change that nobody announced
	f.put("B", "b3")
	f.put("A", "a6")
	f.want("B: b3", "A: whole")
	f.put("A", "a7")
	f.want("A: a7")
	for i := range maxSteps + 1 {
		f.put("A", fmt.Sprint(i))
	}
	f.want("A: whole")
	f.want()
}

// An announcement of a transaction that failed may carry a number that another
// object got.
func TestAnnouncementOfFailedTransaction(t *testing.T) {
	f := newFeed(t)
	f.announced.add(Announcement{Seq: 1, Key: key("B"), Push: Push{Method: "b1"}})
	f.put("A", "")
	f.want("A: whole")
	f.announced.add(Announcement{Seq: 2, Key: key("A"), Push: Push{Method: "lost", Body: []byte("x")}})
	f.put("A", "a2")
	f.want("A: a2")
}

// While a page of the feed is read, objects move out of it to the next: no push
// is lost or doubled.
func TestStepsAcrossPages(t *testing.T) {
	f := newFeed(t)
	f.put("A", "a1")
	f.put("B", "b1")
	f.put("Z", "z1")
	for i := range feedPage {
		f.put(fmt.Sprintf("L%d", i), "x")
	}
	f.put("Z", "z2") // leaves the first page before it is read
	if end, err := f.page(t.Context()); end || err != nil {
		t.Fatalf("end %v, err %v", end, err)
	}
	f.put("A", "a2") // was in the first page
	f.put("L600", "l1")
	f.put("A", "a3")
	f.put("L600", "l2") // was not
	f.want("L510: x", "L511: x", "Z: z1 z2", "A: a2 a3", "L600: l1 l2")
	f.put("A", "a4")
	f.want("A: a4")
}

// The tail forgets its beginning, says so, and is shared without copies.
func TestTailBounds(t *testing.T) {
	tl := newTail(10)
	if _, _, _, ok := tl.after(9, 1); ok {
		t.Error("it claims to reach back to before its start")
	}
	_, _, grown, ok := tl.after(10, 1)
	if !ok {
		t.Fatal("it does not reach back to its start")
	}
	tl.add([]change{{key: key("A"), seq: 11}, {key: key("B"), seq: 13}}, 13)
	select {
	case <-grown:
	default:
		t.Error("nobody was woken")
	}
	for after, want := range map[int64]int{10: 2, 11: 1, 12: 1, 13: 0} {
		if c, _, _, ok := tl.after(after, 5); !ok || len(c) != want {
			t.Errorf("after %d: %d changes, ok %v", after, len(c), ok)
		}
	}
	for i := range maxTail {
		tl.add([]change{{key: key("A"), seq: int64(14 + i)}}, int64(14+i))
	}
	if _, _, _, ok := tl.after(12, 1); ok {
		t.Error("it claims to reach back to what it dropped")
	}
	if c, _, _, ok := tl.after(13, 1); !ok || len(c) != 1 || c[0].seq != 14 {
		t.Errorf("after 13: %v, ok %v", c, ok)
	}
	big := change{key: key("A"), seq: 100000, steps: []step{{100000, &Push{Body: make([]byte, maxTailBytes)}}}}
	tl.add([]change{big, {key: key("B"), seq: 100001, steps: []step{{100001, &Push{Body: []byte("x")}}}}}, 100001)
	if len(tl.changes) != 1 || tl.bytes != 1 || tl.start != 100000 {
		t.Errorf("%d changes of %d bytes from %d", len(tl.changes), tl.bytes, tl.start)
	}
}

// What the queue does with the changes of three objects.
func TestQueue(t *testing.T) {
	now := time.Now()
	q := newQueue()
	for i, id := range []string{"A", "B", "A", "C", "A"} {
		q.add(change{key: key(id), seq: int64(i + 1)})
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
	q.add(change{key: key("A"), seq: 7})
	q.add(change{key: key("A"), seq: 9})
	if q.take(now, false) != nil {
		t.Error("what the receiver has is sent again")
	}
	q.add(change{key: key("A"), seq: 11})
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
		q.add(change{key: key("A"), seq: 1})
		q.again(q.take(now, false), now, true)
		q.add(change{key: key("B"), seq: 2})
		if o := q.take(now, failing); o.key.ID != want {
			t.Errorf("failing %v: %s is next, want %s", failing, o.key.ID, want)
		}
	}
}

// A receiver is not sent the pushes that it has had as part of a whole object.
func TestJob(t *testing.T) {
	c := change{key: key("A"), seq: 7, noticed: 1}
	for _, seq := range []int64{3, 5, 7} {
		c.steps = append(c.steps, step{seq, &Push{Method: fmt.Sprint(seq)}})
	}
	for _, tt := range []struct {
		floor, sent int64
		whole       bool
		want        string
	}{
		{0, 0, false, "357"}, {3, 0, false, "57"}, {0, 5, false, "7"}, {5, 3, false, "7"}, {3, 5, false, "7"}, {0, 0, true, ""},
	} {
		q := newQueue()
		q.add(c)
		q.add(change{key: key("A"), seq: 9})
		o := q.take(time.Now(), false)
		o.sent, o.whole = tt.sent, tt.whole
		got, upTo := "", int64(7)
		j := o.job(tt.floor)
		for _, s := range j.steps {
			got += s.push.Method
		}
		if tt.whole {
			upTo = 9
		}
		if got != tt.want || j.upTo != upTo {
			t.Errorf("%+v: %q up to %d", tt, got, j.upTo)
		}
	}
}

// Pauses grow and stay within their bounds, also after very many failures.
func TestBackoff(t *testing.T) {
	d := &Delivery{o: Options{MinBackoff: 10 * time.Millisecond, MaxBackoff: time.Second}}
	for n := range 200 {
		limit := time.Second
		if n < 7 {
			limit = 10 * time.Millisecond << n
		}
		for range 20 {
			if b := d.backoff(n); b <= 0 || b > limit {
				t.Fatalf("after %d failures %s, want at most %s", n, b, limit)
			}
		}
	}
}
