package ledger_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// offline makes the provider OFFLINE, or CONNECTED again.
func (r *rig) offline(off bool) {
	r.t.Helper()
	if err := r.Registry.SetOffline(r.t.Context(), r.emsp.ID, em1, ocpi.RoleEMSP, off); err != nil {
		r.t.Fatal(err)
	}
}

// A receiver that is OFFLINE costs its senders no time; what came meanwhile is
// drained when it is back, each CDR once.
func TestBacklog(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	const n = 60
	for i := range n {
		r.accept(cdr(fmt.Sprintf("C%d", i)))
	}
	if got := r.emsp.Received(); len(got) != 0 {
		t.Fatalf("%d requests to one that is offline", len(got))
	}
	r.run()
	time.Sleep(100 * time.Millisecond)
	if got := r.emsp.Received(); len(got) != 0 {
		t.Fatalf("%d requests to one that is offline", len(got))
	}
	r.offline(false)
	r.eventually("all delivered", func() bool {
		list, err := r.Store.CDRs(t.Context(), store.CDRQuery{Mail: ledger.MailDelivered})
		return err == nil && len(list) == n
	})
	seen := map[string]int{}
	for _, q := range r.emsp.Received() {
		seen[q.Body]++
	}
	if len(seen) != n {
		t.Errorf("%d different CDRs, want %d", len(seen), n)
	}
	for body, times := range seen {
		if times != 1 {
			t.Errorf("sent %d times: %.80s", times, body)
		}
	}
	r.sound()
}

// A receiver that fails is asked with one CDR at a time, and its senders do not
// wait for it; when it works again the others follow at once.
func TestFailingReceiver(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.answers(http.StatusServiceUnavailable, ocpi.StatusServerError, "")
	const n = 12
	for i := range n {
		r.accept(cdr(fmt.Sprintf("C%d", i)))
	}
	before := len(r.emsp.Received())
	if before != n {
		t.Errorf("%d first attempts of %d", before, n)
	}
	r.run()
	var open, most atomic.Int32
	r.emsp.Answers(func(w http.ResponseWriter, q *http.Request) {
		most.Store(max(most.Load(), open.Add(1)))
		defer open.Add(-1)
		answering(http.StatusServiceUnavailable, ocpi.StatusServerError, "")(w, q)
	})
	r.eventually("tried again", func() bool { return len(r.emsp.Received()) >= before+3 })
	if most.Load() > 4 {
		t.Errorf("%d requests at a time", most.Load())
	}
	r.answers(http.StatusOK, ocpi.StatusSuccess, "")
	r.eventually("all delivered", func() bool {
		list, err := r.Store.CDRs(t.Context(), store.CDRQuery{Mail: ledger.MailDelivered})
		return err == nil && len(list) == n
	})
	r.sound()
}

// What a receiver refuses after its sender was told that it is accepted is a
// dead letter; it can be sent again.
func TestDeadLetter(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	r.accept(cdr("C1"))
	r.answers(http.StatusOK, ocpi.StatusUnknownLocation, "")
	r.offline(false)
	r.run()
	r.eventually("refused", func() bool { return r.cdr("C1").Mail == ledger.MailRefused })
	r.is("C1", ledger.StateValid, ledger.MailRefused)
	letters, err := r.Store.DeadLetters(t.Context(), store.LetterQuery{State: store.LetterOpen, Limit: 10})
	if err != nil || len(letters) != 1 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	if d := letters[0]; d.Name != "C1" || d.OCPIStatus != ocpi.StatusUnknownLocation || d.Receiver != em1 || !strings.Contains(d.Error, "said the provider") {
		t.Errorf("%+v", d)
	}
	r.answers(http.StatusOK, ocpi.StatusSuccess, "")
	err = r.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.SetDeadLetters(store.LetterQuery{MinID: letters[0].ID, MaxID: letters[0].ID}, store.LetterQueued)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.eventually("replayed", func() bool { return r.cdr("C1").Mail == ledger.MailDelivered })
	if d, _, err := r.Store.DeadLetter(t.Context(), letters[0].ID); err != nil || d.State != store.LetterReplayed {
		t.Errorf("the letter is %s, %v", d.State, err)
	}
	if k := r.kinds("C1"); k != "received delivery_failed presented" {
		t.Errorf("events %s", k)
	}
	r.sound()
}

// Seven days without success: given up, and told.
func TestGivenUp(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	r.accept(cdr("C1"))
	c := r.cdr("C1")
	err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
		c.MailSince = time.Now().Add(-8 * 24 * time.Hour).UnixMicro()
		return tx.UpdateCDR(&c)
	})
	if err != nil {
		t.Fatal(err)
	}
	r.run()
	r.eventually("given up", func() bool { return r.cdr("C1").Mail == ledger.MailDead })
	if n, err := r.Store.CountDeadLetters(t.Context(), store.LetterQuery{State: store.LetterOpen}); err != nil || n != 1 {
		t.Errorf("%d letters, %v", n, err)
	}
	r.offline(false)
	if err := r.ledger.Redeliver(t.Context(), key("C1")); err != nil {
		t.Fatal(err)
	}
	r.eventually("delivered", func() bool { return r.cdr("C1").Mail == ledger.MailDelivered })
	r.sound()
}

// After a restart everything that waits for a receiver is sent, also what is due
// in hours because it failed often: nobody remembers whether the receiver works.
func TestResumed(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	const n = 5
	for i := range n {
		r.accept(cdr(fmt.Sprintf("C%d", i)))
	}
	err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
		for i := 1; i < n; i++ { // the first is due
			c, _, err := tx.CDR(cp1, fmt.Sprintf("c%d", i))
			if err != nil {
				return err
			}
			c.Due, c.Attempts = time.Now().Add(6*time.Hour).UnixMicro(), 9
			if err := tx.UpdateCDR(&c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.offline(false)
	r.restart()
	r.run()
	r.eventually("all delivered", func() bool {
		list, err := r.Store.CDRs(t.Context(), store.CDRQuery{Mail: ledger.MailDelivered})
		return err == nil && len(list) == n
	})
	r.sound()
}
