package delivery

import (
	"testing"
	"time"
)

// TestPaceForgetsAnotherRate raises a very low rate: the next request need not
// wait for the turn that the low one set.
func TestPaceForgetsAnotherRate(t *testing.T) {
	var p pace
	now := time.Unix(1e9, 0)
	p.spend(1, 0.0001, now)
	if due := p.due(0.0001); due.Sub(now) < 2*time.Hour {
		t.Errorf("at the low rate the next is due after %s", due.Sub(now))
	}
	if due := p.due(10); due.After(now) {
		t.Errorf("at the new rate the next is due after %s", due.Sub(now))
	}
	p.spend(1, 10, now)
	if due := p.due(10).Add(paceSlack); due.Sub(now) != 100*time.Millisecond {
		t.Errorf("then the next is due after %s, want 100ms", due.Sub(now))
	}
	p.spend(1, 0, now)
	if due := p.due(0); due.After(now) {
		t.Errorf("without a rate the next is due after %s", due.Sub(now))
	}
}
