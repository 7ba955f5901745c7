package delivery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

var owner = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}

func key(id string) store.ObjectKey {
	return store.ObjectKey{Kind: "locations", Party: owner, ID: id}
}

// named is a push of which only the name matters.
func named(name string) Push { return Push{Method: name, Path: []string{"NL", "CP1", "L"}} }

// rig is a store with a reader and a lane on it.
type rig struct {
	t *testing.T
	*reader
	lane *lane
	last map[string]int64
}

func newFeed(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	d := &Delivery{o: Options{Store: s}, tail: newTail(0)}
	f := &rig{t, d.newReader(0), d.newLane(charge{}), map[string]int64{}}
	f.view = func() *view { return &view{snapshot: party.NewSnapshot(owner, true, nil, nil)} }
	f.tail.join(f.lane)
	return f
}

// put changes an object, announced by a push with the given name, or not.
func (f *rig) put(id, name string) {
	f.t.Helper()
	err := f.store.Write(f.t.Context(), func(tx *store.Tx) error {
		o := store.Object{ObjectKey: key(id), Body: []byte(`{}`)}
		if err := tx.PutObject(&o); err != nil {
			return err
		}
		if name != "" {
			f.announced.add(Announcement{Seq: o.Seq, Prev: f.last[id], Key: o.ObjectKey, Push: named(name)})
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
func (f *rig) want(lines ...string) {
	f.t.Helper()
	if err := f.catchUp(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	changes, _, ok := f.lane.inbox.take(10000)
	if !ok {
		f.t.Fatal("the inbox is lost")
	}
	f.lane.inbox.open()
	var got []string
	for _, c := range changes {
		line := c.key.ID + ":"
		for _, s := range c.steps {
			line += " " + s.message.method
		}
		if len(c.steps) == 0 {
			line += " whole"
		}
		got = append(got, line)
	}
	if !slices.Equal(got, lines) {
		f.t.Errorf("read %q, want %q", got, lines)
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
	f.announced.add(Announcement{Seq: 1, Key: key("B"), Push: named("b1")})
	f.put("A", "")
	f.want("A: whole")
	f.announced.add(Announcement{Seq: 2, Key: key("A"), Push: named("lost")})
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
	f.lane.inbox.open()
	f.put("A", "a2") // was in the first page
	f.put("L600", "l1")
	f.put("A", "a3")
	f.put("L600", "l2") // was not
	f.want("L510: x", "L511: x", "Z: z1 z2", "A: a2 a3", "L600: l1 l2")
	f.put("A", "a4")
	f.want("A: a4")
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

// What is committed after a lane has ended must not move its cursor, although
// the cursor is stored later: whoever has the lane next reads on from there.
func TestCursorOfALaneThatEnded(t *testing.T) {
	f := newFeed(t)
	f.put("A", "p1")
	if err := f.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.lane.inbox.take(10)
	f.lane.inbox.settle(true) // it was delivered
	before := f.lane.snapshotState().Cursor
	f.lane.part()
	f.put("B", "p2")
	if err := f.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := f.lane.snapshotState().Cursor; before != f.last["A"] || after != before {
		t.Errorf("the cursor was %d with the lane at %d, and %d after a change that the lane did not send", before, f.last["A"], after)
	}
}
