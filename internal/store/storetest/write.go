package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/store"
)

func yield() { runtime.Gosched() }

// All writes of one commit: whatever goes wrong with one, it alone gets the
// error, it alone is undone, and the others are durable, still in one commit.
func testFailuresAlone(t *testing.T, fresh func(testing.TB) store.Options) {
	r := prometheus.NewRegistry()
	o := fresh(t)
	o.Metrics = r
	s := Open(t, o)
	release := hold(t, s)
	type write struct {
		id     string
		fail   func(tx *store.Tx) error
		expect error
	}
	bad := location(cpo1, "nul\x00")
	writes := []write{
		{"good 1", nil, nil},
		{"returns an error", func(*store.Tx) error { return errRefused }, errRefused},
		{"good 2", nil, nil},
		{"panics", func(*store.Tx) error { panic("ouch") }, store.ErrPanic},
		{"fails in the store", func(tx *store.Tx) error { return tx.PutObject(&bad) }, store.ErrText},
		{"ignores a failure", func(tx *store.Tx) error { _ = tx.PutObject(&bad); return nil }, store.ErrText},
		{"good 3", nil, nil},
	}
	var results []<-chan error
	objects := make([]store.Object, len(writes))
	for i, w := range writes {
		results = append(results, queue(context.Background(), t, s, func(tx *store.Tx) error {
			objects[i] = location(cpo1, w.id)
			if err := tx.PutObject(&objects[i]); err != nil {
				return err
			}
			if w.fail != nil {
				return w.fail(tx)
			}
			return nil
		}))
	}
	release()
	for i, w := range writes {
		if err := <-results[i]; !errors.Is(err, w.expect) {
			t.Errorf("%s: %v; want %v", w.id, err, w.expect)
		}
	}
	if m := gather(t, r); !slices.Contains(m, "eroam_store_commit_seconds 0 2 0") {
		t.Errorf("%v; want two commits", m)
	}
	check := func(s *store.Store) {
		t.Helper()
		ids, total := list(t, s, store.ListQuery{Kind: "locations"})
		same(t, ids, []string{"good 1", "good 2", "good 3"})
		same(t, total, 3)
		for _, o := range objects {
			if got, found := object(t, s, o.ObjectKey); found && got.Seq != o.Seq {
				t.Errorf("%s was told %d and has %d", o.ID, o.Seq, got.Seq)
			}
		}
	}
	check(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check(Open(t, o))
}

func testFailureOfOne(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	for _, fail := range []func() error{func() error { return errRefused }, func() error { panic(errRefused) }} {
		runs := 0
		err := s.Write(context.Background(), func(tx *store.Tx) error {
			runs++
			o := location(cpo1, "a")
			if err := tx.PutObject(&o); err != nil {
				return err
			}
			return fail()
		})
		if !errors.Is(err, errRefused) && !errors.Is(err, store.ErrPanic) {
			t.Errorf("the error is %v", err)
		}
		if runs != 1 {
			t.Errorf("alone in its commit, it ran %d times", runs)
		}
	}
	put(t, s, location(cpo1, "b")) // the writer is alive
	ids, _ := list(t, s, store.ListQuery{Kind: "locations"})
	same(t, ids, []string{"b"})
}

func testBusy(t *testing.T, fresh func(testing.TB) store.Options) {
	o := fresh(t)
	o.Queue = 3
	s := Open(t, o)
	release := hold(t, s)
	var results []<-chan error
	for i := range 3 {
		results = append(results, queue(context.Background(), t, s, func(tx *store.Tx) error {
			return tx.SetMeta(fmt.Sprint(i), []byte{1})
		}))
	}
	same(t, s.QueueLength(), 3)
	err := s.Write(context.Background(), func(tx *store.Tx) error { return tx.SetMeta("refused", []byte{1}) })
	if !errors.Is(err, store.ErrBusy) {
		t.Errorf("writing to a full queue: %v; want ErrBusy", err)
	}
	release()
	for _, r := range results {
		if err := <-r; err != nil {
			t.Error(err)
		}
	}
	same(t, marked(t, s, 4), 3)
	if v, err := s.Meta(context.Background(), "refused"); v != nil || err != nil {
		t.Errorf("what was refused is there: %q, error %v", v, err)
	}
}

func testCancelledWaiting(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	ran := false
	fn := func(tx *store.Tx) error {
		ran = true
		return tx.SetMeta("cancelled", []byte{1})
	}
	ctx, cancel := context.WithCancel(context.Background())
	release := hold(t, s)
	first := queue(ctx, t, s, fn)
	other := queue(context.Background(), t, s, func(tx *store.Tx) error { return tx.SetMeta("other", []byte{1}) })
	last := queue(ctx, t, s, fn)
	cancel()
	for _, cancelled := range []<-chan error{first, last} {
		if err := <-cancelled; !errors.Is(err, context.Canceled) { // at once, the writer is still held
			t.Errorf("cancelled while it waited: %v", err)
		}
	}
	release()
	if err := <-other; err != nil {
		t.Error(err)
	}
	if err := s.Write(ctx, fn); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	write(t, s, func(*store.Tx) error { return nil })
	if v, err := s.Meta(context.Background(), "cancelled"); v != nil || err != nil || ran {
		t.Errorf("a cancelled write ran: %v, value %v, error %v", ran, v, err)
	}
}

func testCancelledRunning(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	ctx, cancel := context.WithCancel(context.Background())
	err := s.Write(ctx, func(tx *store.Tx) error {
		cancel()
		return tx.SetMeta("a", []byte{1})
	})
	if err != nil {
		t.Errorf("cancelled while it ran: %v; want the outcome, nil", err)
	}
	if v, err := s.Meta(context.Background(), "a"); v == nil {
		t.Errorf("the write is lost: %v", err)
	}
}

func testCloseDrains(t *testing.T, fresh func(testing.TB) store.Options) {
	o := fresh(t)
	s := Open(t, o)
	release := hold(t, s)
	var results []<-chan error
	for i := range 300 { // more than fit in one commit
		results = append(results, queue(context.Background(), t, s, func(tx *store.Tx) error {
			return tx.SetMeta(fmt.Sprint(i), []byte{1})
		}))
	}
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	for { // until Close has begun
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		err := s.Write(ctx, func(tx *store.Tx) error { return nil })
		cancel()
		if errors.Is(err, store.ErrClosed) {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	release()
	for _, r := range results {
		if err := <-r; err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(<-closed, s.Close()); err != nil {
		t.Errorf("closing: %v", err)
	}
	same(t, marked(t, Open(t, o), 300), 300)
}

func testReopen(t *testing.T, fresh func(testing.TB) store.Options) {
	o := fresh(t)
	s := Open(t, o)
	want := someRegistry()
	putRegistry(t, s, want)
	put(t, s, location(cpo1, "a"), location(cpo2, "b"), location(cpo1, "a"))
	objects := feed(t, s, 0, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = Open(t, o)
	same(t, registry(t, s), want)
	same(t, feed(t, s, 0, 10), objects)
	put(t, s, location(cpo1, "c"))
	same(t, seq(t, s), int64(4))
}

func testPing(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	if err := s.Ping(context.Background()); err != nil {
		t.Errorf("open: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(context.Background()); err == nil {
		t.Error("closed: no error")
	}
}

// gather returns "name value count sum" of each metric, the sum without its
// fraction.
func gather(t testing.TB, r prometheus.Gatherer) (metrics []string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		m := f.GetMetric()[0]
		metrics = append(metrics, fmt.Sprintf("%s %v %d %d", f.GetName(), m.GetCounter().GetValue()+m.GetGauge().GetValue(),
			m.GetHistogram().GetSampleCount(), int(m.GetHistogram().GetSampleSum())))
	}
	return metrics
}

func testMetrics(t *testing.T, fresh func(testing.TB) store.Options) {
	r := prometheus.NewPedanticRegistry()
	o := fresh(t)
	o.Metrics, o.Queue = r, 2
	s := Open(t, o)
	release := hold(t, s)
	a := queue(context.Background(), t, s, func(tx *store.Tx) error { return nil })
	b := queue(context.Background(), t, s, func(tx *store.Tx) error { return nil })
	_ = s.Write(context.Background(), func(tx *store.Tx) error { return nil })
	if got, want := gather(t, r), "eroam_store_queue_writes 2 0 0"; !slices.Contains(got, want) {
		t.Errorf("while two wait: %v; want %q", got, want)
	}
	release()
	if err := errors.Join(<-a, <-b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"eroam_store_batch_writes 0 2 3", // one commit of one write and one of two
		"eroam_store_busy_total 1 0 0",
		"eroam_store_commit_seconds 0 2 0",
		"eroam_store_queue_writes 0 0 0",
	} {
		if got := gather(t, r); !slices.Contains(got, want) {
			t.Errorf("%v; want %q", got, want)
		}
	}
	other := o
	if _, err := store.Open(context.Background(), other); err == nil {
		t.Error("a second store with the same registry: no error")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := gather(t, r); len(got) != 0 {
		t.Errorf("after Close: %v", got)
	}
	Open(t, o) // the names are free again
}
