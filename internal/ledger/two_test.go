package ledger_test

import (
	"fmt"
	"strings"
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

// Of a session many CDRs come at the same time to two processes: one of them is
// free of findings.
func TestEconomicDuplicateOfTwoProcesses(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	one := r.ledger
	r.start()
	two := r.ledger
	for round := range 20 {
		base := cdr("D")
		base = strings.Replace(base, `"S-D"`, fmt.Sprintf(`"S-%d"`, round), 1)
		base = strings.Replace(base, `"U-D"`, fmt.Sprintf(`"U-%d"`, round), 1)
		var all sync.WaitGroup
		free := 0
		ids := []string{}
		for i, l := range []*ledger.Ledger{one, two} {
			id := fmt.Sprintf("D%d-%d", round, i)
			ids = append(ids, id)
			s := r.submission(strings.Replace(base, `"id":"D"`, `"id":"`+id+`"`, 1))
			all.Go(func() {
				if a, err := l.Intake(t.Context(), s); err != nil || !a.Accepted {
					t.Errorf("answer %+v, %v", a, err)
				}
			})
		}
		all.Wait()
		for _, id := range ids {
			if !r.cdr(id).Held {
				free++
			}
		}
		if free != 1 {
			t.Fatalf("%d of 2 CDRs of one session are not held", free)
		}
	}
	r.sound()
}
