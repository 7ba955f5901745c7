package ledger_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/eroam/eroam/internal/ledger"
)

// Two processes that are given the same CDRs at the same time take each in once.
// (They share a database here as they would share a PostgreSQL; package cluster
// has real ones.)
func TestTwoProcesses(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	one := r.ledger
	r.start()
	two := r.ledger
	const n = 25
	var all sync.WaitGroup
	for i := range n {
		body := cdr(fmt.Sprintf("C%d", i))
		for _, l := range []*ledger.Ledger{one, two} {
			all.Go(func() {
				if a, err := l.Intake(t.Context(), r.submission(body)); err != nil || !a.Accepted {
					t.Errorf("answer %+v, %v", a, err)
				}
			})
		}
	}
	all.Wait()
	list, err := r.Store.CDRs(t.Context(), everything)
	if err != nil || len(list) != n {
		t.Fatalf("%d CDRs, want %d; %v", len(list), n, err)
	}
	for _, c := range list {
		if k := r.kinds(c.Name); k != "received presented" {
			t.Errorf("events of %s: %s", c.Name, k)
		}
	}
	r.sound()
}
