package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

// promised posts a CDR and returns the promise about it.
func (r *rig) promised(body string) string {
	r.t.Helper()
	s := r.submission(body)
	s.Promise = true
	a, err := r.ledger.Intake(r.t.Context(), s)
	if err != nil || !a.Accepted || a.Promise == "" {
		r.t.Fatalf("answer %+v, %v", a, err)
	}
	return a.Promise
}

// receiptOf is the receipt of the reception of a CDR, checked.
func (r *rig) receiptOf(id string) (receipt.Checked, error) {
	r.t.Helper()
	c := r.cdr(id)
	file, err := r.ledger.Receipt(r.t.Context(), &c, "")
	if err != nil {
		return receipt.Checked{}, err
	}
	return receipt.Check(file, r.ledger.VerifierKey())
}

// Who asks for it gets a promise with the answer, the same one each time, also when
// the receiver is away; the log keeps it. Nobody else gets one, nor one who is
// refused.
func TestPromise(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	text := r.promised(body)
	if again := r.promised(body); again != text {
		t.Errorf("promised %s, then %s", text, again)
	}
	if a := r.accept(body); a.Promise != "" {
		t.Errorf("promised unasked: %s", a.Promise)
	}
	p, err := receipt.OpenPromise(text, r.ledger.VerifierKey())
	if err != nil || p.Index != r.cdr("C1").Evidence {
		t.Fatalf("%+v, %v", p, err)
	}
	checked, err := r.receiptOf("C1")
	if err != nil {
		t.Fatal(err)
	}
	must(t, "kept", p.Kept(&checked), nil)
	r.offline(true)
	r.promised(cdr("C2"))
	r.offline(false)
	r.answers(200, 2001, "")
	s := r.submission(cdr("C3"))
	s.Promise = true
	if a, err := r.ledger.Intake(t.Context(), s); err != nil || a.Accepted || a.Promise != "" {
		t.Errorf("promised what was refused: %+v, %v", a, err)
	}
	r.sound()
}

// A hub that ends in order has signed all that it did.
func TestSignedAtTheEnd(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.run()
	r.eventually("the first checkpoint", func() bool {
		_, found, err := r.Store.LatestCheckpoint(t.Context())
		return found && err == nil
	})
	r.accept(cdr("C1"))
	r.stop()
	size, err := r.Store.LedgerSize(t.Context())
	c, _, err2 := r.Store.LatestCheckpoint(t.Context())
	if err = errors.Join(err, err2); err != nil || c.Size != size {
		t.Errorf("signed over %d of %d events, %v", c.Size, size, err)
	}
}

// What somebody takes out of the database below a hub that works, or between two
// runs of it, and who notices. CDR C1 is covered by a checkpoint, C2 is not.
func TestRemovedEvents(t *testing.T) {
	const (
		newest   = `DELETE FROM ledger_event WHERE seq >= (SELECT id FROM cdr WHERE cdr_id = 'c2')`
		unmarked = `UPDATE ledger_event SET leaf = replace(leaf, 'C1', 'X1') WHERE kind = 'received' AND cdr = 1; UPDATE ledger_event SET hash = x'` +
			`0000000000000000000000000000000000000000000000000000000000000000' WHERE kind = 'received' AND cdr = 1`
		deeds = `; DELETE FROM cdr WHERE cdr_id = 'c2'; DELETE FROM cdr_evidence WHERE event NOT IN (SELECT id FROM cdr); DELETE FROM object WHERE kind = 'cdrs' AND id = 'c2'`
		note  = `; DELETE FROM ledger_checkpoint`
	)
	for name, tt := range map[string]struct {
		sql                 string
		same, after, verify bool // it is noticed by the hub that works, by one that is started later, by verify
	}{
		"an event that no checkpoint covers":        {newest, true, false, true},
		"all that it did as well":                   {newest + deeds, true, false, false},
		"an event under a checkpoint":               {strings.Replace(newest, "c2", "c1", 1), true, true, true},
		"it, what it did and the checkpoint":        {strings.ReplaceAll(newest+deeds, "c2", "c1") + note, true, false, true},
		"the checkpoint alone":                      {note[2:], true, false, false},
		"another event in the place of one of them": {unmarked, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.agree(normal)
			r.accept(cdr("C1"))
			if _, err := r.ledger.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.accept(cdr("C2"))
			storetest.Tamper(t, store.Options{Dir: r.Dir()}, strings.Split(tt.sql, "; ")...)
			notices := func(who string, want bool) {
				t.Helper()
				if _, err := r.ledger.Checkpoint(t.Context()); errors.Is(err, ledger.ErrTampered) != want {
					t.Errorf("%s: %v, want it noticed: %v", who, err, want)
				}
			}
			v, err := ledger.Verify(t.Context(), r.Store, r.ledger.VerifierKey(), nil)
			if err != nil || (len(v.Faults) > 0) != tt.verify {
				t.Errorf("verify: %v, %v, want it noticed: %v", v.Faults, err, tt.verify)
			}
			notices("the hub that works", tt.same)
			r.restart()
			notices("a hub that is started", tt.after)
		})
	}
}

// Whoever has a promise notices also what leaves no trace in the database.
func TestPromiseThatIsNotKept(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	text := r.promised(cdr("C1"))
	storetest.Tamper(t, store.Options{Dir: r.Dir()}, `DELETE FROM ledger_event WHERE seq > 0`, `DELETE FROM cdr`, `DELETE FROM cdr_evidence`, `DELETE FROM object WHERE kind = 'cdrs'`)
	r.restart()
	r.accept(cdr("C2"))
	r.sound()
	p, err := receipt.OpenPromise(text, r.ledger.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	checked, err := r.receiptOf("C2") // at the index that was C1's
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Kept(&checked); err == nil || !strings.Contains(err.Error(), "is not the one that was promised") {
		t.Errorf("kept: %v", err)
	}
}
