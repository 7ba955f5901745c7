package ledger_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// These tests are about what happens while a CDR is on its way: its provider has
// not answered yet, and somebody does something else with it.

// holding is a provider that answers some CDRs only when it is told how.
type holding struct {
	came chan string // the body of each that is held
	say  chan http.HandlerFunc
	n    atomic.Int32
}

// hold has the provider hold CDRs whose body has the text; it answers others as
// usual.
func (r *rig) hold(text string, usual http.HandlerFunc) *holding {
	h := &holding{came: make(chan string, 100), say: make(chan http.HandlerFunc)}
	r.emsp.Answers(func(w http.ResponseWriter, q *http.Request) {
		if body := r.bodyOf(q); strings.Contains(body, text) {
			h.n.Add(1)
			h.came <- body
			select {
			case say := <-h.say:
				say(w, q)
			case <-q.Context().Done():
			case <-r.t.Context().Done():
			}
			return
		}
		usual(w, q)
	})
	return h
}

// bodyOf returns the body of a request that the provider is answering.
func (r *rig) bodyOf(q *http.Request) string {
	for _, m := range r.emsp.Received() {
		if m.Header.Get(ocpi.HeaderRequestID) == q.Header.Get(ocpi.HeaderRequestID) {
			return m.Body
		}
	}
	return ""
}

type outcome struct {
	relay.Answer
	err error
}

// begin posts a CDR to a process, and returns when its provider has it.
func (h *holding) begin(r *rig, l *ledger.Ledger, body string) <-chan outcome {
	r.t.Helper()
	done := make(chan outcome, 1)
	s := r.submission(body)
	go func() {
		a, err := l.Intake(r.t.Context(), s)
		done <- outcome{a, err}
	}()
	select {
	case <-h.came:
	case o := <-done:
		r.t.Fatalf("it was not sent: %+v %s, %v", o.Answer, o.Body, o.err)
	}
	return done
}

var (
	takes    = answering(http.StatusOK, ocpi.StatusSuccess, "")
	declines = answering(http.StatusOK, ocpi.StatusInvalidParameters, "")
	fails    = answering(http.StatusServiceUnavailable, ocpi.StatusServerError, "")
)

// What a provider has approved it cannot refuse any more: the CDR stays, its id is
// not free, and it is not posted twice.
func TestRefusedAfterApproval(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	h := r.hold(`"id":"C1"`, takes)
	done := h.begin(r, r.ledger, body)
	must(t, "approve", r.ledger.Approve(t.Context(), key("C1"), byEMSP), nil)
	h.say <- declines
	if o := <-done; o.err != nil || !o.Accepted {
		t.Errorf("the sender is told %+v %s, %v", o.Answer, o.Body, o.err)
	}
	r.is("C1", ledger.StateApproved, ledger.MailRefused)
	r.refuse(strings.Replace(body, "4.84", "4.85", 1), ocpi.StatusInvalidParameters, "C03")
	r.accept(body)
	if b := r.balances(); b["emsp:DE-EM1 EUR"] != 484 {
		t.Errorf("balances %v", b)
	}
	if n, err := r.Store.CountDeadLetters(t.Context(), store.LetterQuery{State: store.LetterOpen}); err != nil || n != 1 {
		t.Errorf("%d letters, %v", n, err)
	}
	r.sound()
}

// A dispute does not keep a provider from refusing the CDR as such.
func TestRefusedAfterDispute(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	h := r.hold(`"id":"C1"`, takes)
	done := h.begin(r, r.ledger, cdr("C1"))
	must(t, "dispute", r.ledger.Dispute(t.Context(), key("C1"), reason(byEMSP, "late", "")), nil)
	h.say <- declines
	if o := <-done; o.err != nil || o.Status != ocpi.StatusInvalidParameters {
		t.Errorf("the sender is told %+v, %v", o.Answer, o.err)
	}
	r.is("C1", ledger.StateRefused, ledger.MailRefused)
	r.sound()
}

// Who was told "accepted" keeps that, also when the provider refuses the CDR to
// another process at that moment.
func TestRefusedAfterTold(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	h := r.hold(`"id":"C1"`, takes)
	one := r.ledger
	done := h.begin(r, one, body)
	r.start()
	told := r.accept(body)
	h.say <- declines
	if o := <-done; o.err != nil || !o.Accepted || o.Location != told.Location {
		t.Errorf("one is told %+v, the other %+v, %v", told, o.Answer, o.err)
	}
	r.is("C1", ledger.StateValid, ledger.MailRefused)
	if k := r.kinds("C1"); k != "received delivery_failed" {
		t.Errorf("events %s", k)
	}
	r.sound()
}

// Who asks again for a CDR that was refused meanwhile is not told that it was
// accepted.
func TestRefusedWhileAsked(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	h := r.hold(`"id":"C1"`, takes)
	done := h.begin(r, r.ledger, cdr("C1"))
	seen := r.cdr("C1")
	h.say <- declines
	<-done
	if err := r.ledger.AwaitAnswer(t.Context(), &seen); err == nil {
		t.Errorf("told %s", seen.Answer)
	}
	if c := r.is("C1", ledger.StateRefused, ledger.MailRefused); len(c.Answer) > 0 {
		t.Errorf("told %s", c.Answer)
	}
	r.answers(http.StatusOK, ocpi.StatusSuccess, "")
	r.accept(cdr("C1", "4.84", "4.8400"))
	if err := r.ledger.AwaitAnswer(t.Context(), &seen); err == nil {
		t.Error("it is taken for the one that came after it")
	}
	r.sound()
}

// What is on its way in is not sent a second time by the desk that has what waits
// for the same provider, whether that fails or works again.
func TestInFlightIsLeftAlone(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	h := r.hold(`"id":"NEW"`, fails)
	const n, failures = 5, 3 // so many in a row until it is left alone
	for i := range n {
		r.accept(cdr(fmt.Sprintf("C%d", i)))
	}
	late := r.clock()
	done := h.begin(r, r.ledger, cdr("NEW"))
	due := r.cdr("NEW").Due
	late(10 * time.Second)
	r.run()
	r.eventually("paused", func() bool { return len(r.emsp.Received()) >= n+1+failures })
	late(5 * time.Second) // before the time at which another process takes NEW
	before := len(r.emsp.Received())
	r.eventually("probed", func() bool { return len(r.emsp.Received()) > before })
	h2 := h.n.Load()
	err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.HurryMail(em1, time.Now().UnixMicro(), 100)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := r.cdr("NEW"); c.Due != due {
		t.Errorf("it was hurried")
	}
	h.say <- takes
	if o := <-done; o.err != nil || !o.Accepted {
		t.Errorf("%+v, %v", o.Answer, o.err)
	}
	if h2 != 1 {
		t.Errorf("it was sent %d times at once", h2)
	}
	r.sound()
}
