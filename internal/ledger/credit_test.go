package ledger_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// creditOf is a credit that takes back the CDR of the body.
func creditOf(body, of, id string) string {
	return strings.NewReplacer(`"id":"`+of+`",`, `"id":"`+id+`","credit":true,"credit_reference_id":"`+of+`",`,
		`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":-4.00,"incl_vat":-4.84}`).Replace(body)
}

// A credit waits for its original's answer. In another process it does not, and
// then the original stays, so that both come to nothing.
func TestCreditOverCDRInFlight(t *testing.T) {
	for _, other := range []bool{false, true} {
		t.Run(fmt.Sprintf("another process %v", other), func(t *testing.T) {
			r := newRig(t)
			r.agree(normal)
			body := cdr("C1", `"session_id":"S-C1",`, ``) // nothing but the credit names it
			h := r.hold(`"id":"C1"`, takes)
			one := r.ledger
			done := h.begin(r, one, body)
			if other {
				r.start()
			}
			credit := make(chan outcome, 1)
			go func() {
				a, err := r.ledger.Intake(t.Context(), r.submission(creditOf(body, "C1", "K1")))
				credit <- outcome{a, err}
			}()
			if other {
				if k := <-credit; k.err != nil || !k.Accepted {
					t.Fatalf("the credit: %+v, %v", k.Answer, k.err)
				}
			} else {
				select {
				case k := <-credit:
					t.Fatalf("the credit did not wait: %+v, %v", k.Answer, k.err)
				case <-time.After(50 * time.Millisecond):
				}
			}
			h.say <- declines
			o := <-done
			if other {
				if o.err != nil || !o.Accepted {
					t.Errorf("the original: %+v, %v", o.Answer, o.err)
				}
				if c := r.cdr("C1"); c.CreditedBy != r.cdr("K1").ID {
					t.Errorf("credited by %d", c.CreditedBy)
				}
				r.run()
				r.eventually("the credit delivered", func() bool { return r.cdr("K1").Mail == ledger.MailDelivered })
				r.is("K1", ledger.StateApproved, ledger.MailDelivered)
				r.is("C1", ledger.StateResolved, ledger.MailRefused)
			} else {
				if k := <-credit; k.err == nil || !strings.Contains(ocpi.AsError(k.err).Message, "C05") {
					t.Errorf("the credit: %+v, %v", k.Answer, k.err)
				}
				r.is("C1", ledger.StateRefused, ledger.MailRefused)
			}
			if b := r.balances(); len(b) != 0 {
				t.Errorf("balances %v", b)
			}
			r.sound()
		})
	}
}

// A provider gets what is taken back before what takes it back.
func TestCreditAfterItsOriginal(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	const n = 10
	for i := range n {
		id := fmt.Sprintf("C%d", i)
		body := cdr(id)
		r.accept(body)
		r.accept(creditOf(body, id, "K"+id))
	}
	var mu sync.Mutex
	has := map[string]bool{}
	failed := false
	r.emsp.Answers(func(w http.ResponseWriter, q *http.Request) {
		body := r.bodyOf(q)
		id, of := gjson.Get(body, "id").Str, gjson.Get(body, "credit_reference_id").Str
		mu.Lock()
		if of != "" && !has[of] {
			t.Errorf("the credit of %s came before it", of)
		}
		fail := id == "C3" && !failed
		failed = failed || fail
		mu.Unlock()
		if fail {
			fails(w, q)
			return
		}
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		has[id] = true
		mu.Unlock()
		takes(w, q)
	})
	late := r.clock()
	r.offline(false)
	r.run()
	r.eventually("all delivered", func() bool {
		late(time.Second)
		list, err := r.Store.CDRs(t.Context(), store.CDRQuery{State: string(ledger.StateApproved)})
		return err == nil && len(list) == n
	})
	if b := r.balances(); len(b) != 0 {
		t.Errorf("balances %v", b)
	}
	r.sound()
}

// A disputed credit that stands after all takes its original along; one that is
// given up leaves it free for another.
func TestDisputedCredit(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	ctx := t.Context()
	for _, id := range []string{"W", "R", "F"} {
		body := cdr(id)
		r.accept(body)
		r.accept(creditOf(body, id, "K"+id))
		must(t, "dispute", r.ledger.Dispute(ctx, key("K"+id), reason(byEMSP, "other", "")), nil)
	}
	must(t, "withdraw", r.ledger.Resolve(ctx, key("KW"), ledger.OutcomeWithdrawn, byEMSP), nil)
	must(t, "reject", r.ledger.Resolve(ctx, key("KR"), ledger.OutcomeRejected, byOperator), nil)
	must(t, "forgo", r.ledger.Resolve(ctx, key("KF"), ledger.OutcomeForgone, byCPO), nil)
	for _, id := range []string{"W", "R"} {
		if c := r.cdr(id); c.Posted == 0 || c.State != string(ledger.StateResolved) {
			t.Errorf("%s is %s, posted %v", id, c.State, c.Posted != 0)
		}
	}
	if b := r.balances(); len(b) != 0 {
		t.Errorf("balances %v", b)
	}
	if c := r.cdr("F"); c.CreditedBy != 0 || c.Posted != 0 {
		t.Errorf("F is credited by %d, posted %v", c.CreditedBy, c.Posted != 0)
	}
	must(t, "approve", r.ledger.Approve(ctx, key("F"), byEMSP), nil)
	r.sound()
}
