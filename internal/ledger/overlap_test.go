package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// overlapping is the CDR C1 under another id and with another session.
func overlapping(body, id string) string {
	return strings.NewReplacer(`"id":"C1"`, `"id":"`+id+`"`, `"S-C1"`, `"S-`+id+`"`).Replace(body)
}

// A CDR that overlaps with one that came between its checks and its commit is
// checked again, and only for that.
func TestOverlapBetweenCheckAndCommit(t *testing.T) {
	for name, tt := range map[string]struct {
		change []string
		want   error
	}{
		"the same place and token": {nil, ledger.ErrStale},
		"only the session":         {[]string{`"S-C2"`, `"S-C1"`, `"E-C1"`, `"E9"`}, ledger.ErrStale},
		"another EVSE":             {[]string{`"E-C1"`, `"E9"`}, nil},
		"another token":            {[]string{`"U-C1"`, `"U9"`}, nil},
		"a reservation not used":   {[]string{`"E-C1"`, `"#NA"`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.agree(normal)
			first := cdr("C1")
			if strings.Contains(name, "reservation") {
				first = strings.ReplaceAll(first, `"E-C1"`, `"#NA"`)
			}
			second := strings.NewReplacer(tt.change...).Replace(overlapping(first, "C2"))
			err := r.ledger.ExamineAndEnter(t.Context(), r.submission(first), func() { r.accept(second) })
			must(t, "enter", err, tt.want)
		})
	}
}

// What was refused, and what is credited, is no rival.
func TestOverlapWithWhatDoesNotCount(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	err := r.ledger.ExamineAndEnter(t.Context(), r.submission(body), func() {
		r.answers(200, ocpi.StatusInvalidParameters, "")
		r.refuse(overlapping(body, "C2"), ocpi.StatusInvalidParameters, "")
		r.answers(200, ocpi.StatusSuccess, "")
		other := overlapping(body, "C3")
		r.accept(other)
		r.accept(creditOf(other, "C3", "K3"))
	})
	must(t, "enter", err, nil)
}

// CDRs that overlap and come at the same time, to one process or to two: one of
// them is free of findings.
func TestOverlapsAtTheSameTime(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	one := r.ledger
	r.start()
	processes := []*ledger.Ledger{one, r.ledger, one, r.ledger}
	for round := range 20 {
		body := strings.NewReplacer(`"U-C1"`, fmt.Sprintf(`"U-%d"`, round)).Replace(cdr("C1"))
		ids := []string{}
		var all sync.WaitGroup
		for i, l := range processes {
			id := fmt.Sprintf("R%dN%d", round, i)
			ids = append(ids, id)
			s := r.submission(overlapping(body, id))
			all.Go(func() {
				if a, err := l.Intake(t.Context(), s); err != nil || !a.Accepted {
					t.Errorf("answer %+v, %v", a, err)
				}
			})
		}
		all.Wait()
		free := 0
		for _, id := range ids {
			if slices.Contains(r.found(id), "C04 hold overlapping") != r.cdr(id).Held {
				t.Errorf("%s: held %v for %v", id, r.cdr(id).Held, r.found(id))
			}
			if !r.cdr(id).Held {
				free++
			}
		}
		if free != 1 {
			t.Fatalf("%d of %d CDRs that overlap are not held", free, len(ids))
		}
	}
	r.sound()
}

// A CDR with more rivals than the checks look at is taken in all the same.
func TestManyOverlaps(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	r.accept(overlapping(body, "R"))
	r.addRivals("R", 250)
	r.accept(body)
	r.holds("C1", "C04 hold overlapping")
}

// addRivals adds n copies of a CDR, the newest of which ends last.
func (r *rig) addRivals(of string, n int) {
	r.t.Helper()
	c := r.cdr(of)
	err := r.Store.Write(r.t.Context(), func(tx *store.Tx) error {
		for i := range int64(n) {
			one := c
			one.ID, one.Evidence = c.ID+1000+i, c.ID+1000+i
			one.CDRID = fmt.Sprint("rival", i)
			one.Session, one.Ended = one.CDRID, c.Ended+i
			if err := tx.InsertCDR(&one); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}
