package delivery

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
)

func newTestLane() *lane {
	d := &Delivery{o: Options{MinBackoff: time.Hour, MaxBackoff: 100 * time.Hour}, log: slog.New(slog.DiscardHandler)}
	d.metrics = newMetrics(nil, d)
	return &lane{d: d, q: newQueue(), letters: map[store.ObjectKey]bool{}}
}

// lost is an answered request that the receiver could not take.
func lost(o *object) result {
	return result{object: o, outcome: retry, seq: o.last(), answered: true, err: errors.New("HTTP 500")}
}

// Requests that fail together count as one failure of the receiver.
func TestFailuresTogether(t *testing.T) {
	l := newTestLane()
	for i, id := range []string{"A", "B", "C", "D", "E"} {
		l.q.add(at(id, int64(i+1)), false, 0, nil)
	}
	var flying []*object
	for range 5 {
		flying = append(flying, l.q.take(time.Now(), false))
	}
	for _, o := range flying {
		l.finish(lost(o))
	}
	if l.failures != 1 || l.resume.IsZero() || l.q.cursor(5) != 0 {
		t.Errorf("%d failures, cursor %d", l.failures, l.q.cursor(5))
	}
	for _, o := range flying {
		if !o.whole || o.attempts != 1 {
			t.Errorf("%s: whole %v, %d attempts", o.key.ID, o.whole, o.attempts)
		}
	}
}

// What was queued before a receiver failed more than once is not replayed when
// it is back; a single failure costs the others nothing.
func TestNoReplayAfterFailure(t *testing.T) {
	l := newTestLane()
	l.q.add(at("A", 1), false, 0, nil)
	l.q.add(at("B", 2, 2), true, 0, nil)
	a := l.q.take(time.Now(), false)
	l.finish(lost(a))
	if l.q.objects[key("B")].next() == nil {
		t.Error("B is not sent by its push after one failure")
	}
	l.resume, l.q.waiting = time.Time{}, nil
	l.finish(lost(a))
	l.q.add(at("B", 3, 3), true, 0, nil)
	l.finish(result{object: a, outcome: delivered, seq: 1})
	if l.failures != 0 {
		t.Errorf("%d failures after a success", l.failures)
	}
	b := l.q.take(time.Now(), false)
	if b.next() != nil || b.last() != 3 {
		t.Errorf("B is sent by a push, up to %d", b.last())
	}
}

// An object is given up when the receiver itself refuses it again and again
// while it takes others; never because nothing can be reached.
func TestPoisonNeedsProof(t *testing.T) {
	for name, tt := range map[string]struct {
		answered, others bool
		want             bool
	}{
		"refused, others get through":     {true, true, true},
		"refused, nothing gets through":   {true, false, false},
		"no answer, others get through":   {false, true, false},
		"no answer, nothing gets through": {false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTestLane()
			l.q.add(at("A", 1), false, 0, nil)
			a := l.q.take(time.Now(), false)
			for n := range 3 * poisonAfter {
				if n == 1 && tt.others {
					l.q.add(at("B", 2), false, 0, nil)
					l.finish(result{object: l.q.takeReady(), outcome: delivered, seq: 2})
				}
				r := lost(a)
				if r.answered = tt.answered; r.answered && l.poisonous(a) {
					r.outcome = rejected
				}
				l.finish(r)
				if gone := l.q.cursor(2) == 2; gone {
					if !tt.want || n+1 != poisonAfter {
						t.Errorf("given up after %d attempts", n+1)
					}
					return
				}
				l.q.waiting = nil // it is sent again
			}
			if tt.want {
				t.Error("never given up")
			}
		})
	}
}
