package ledger_test

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/relay/relaytest"
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

// clock gives the ledger a clock that can be put forward. Call it before run.
func (r *rig) clock() (late func(time.Duration)) {
	var ahead atomic.Int64
	r.ledger.SetClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	return func(d time.Duration) { ahead.Add(int64(d)) }
}

// newClosedRig is a rig in which only what was agreed is allowed, with a provider
// that speaks a version.
func newClosedRig(t *testing.T, v ocpi.Version) *rig {
	t.Helper()
	h := relaytest.New(t, false)
	r := &rig{Hub: h, t: t}
	r.cpo = h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO))
	r.emsp = h.Join(v, deliverytest.Grant("DE-EM1", ocpi.RoleEMSP))
	r.start()
	return r
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

// creditOf is a credit that takes back the CDR of the body.
func creditOf(body, of, id string) string {
	return strings.NewReplacer(`"id":"`+of+`",`, `"id":"`+id+`","credit":true,"credit_reference_id":"`+of+`",`,
		`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":-4.00,"incl_vat":-4.84}`).Replace(body)
}

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

// What is on its way in is not sent a second time by the desk that has what waits
// for the same provider, whether that fails or works again.
func TestInFlightIsLeftAlone(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	h := r.hold(`"id":"NEW"`, fails)
	const n = 5
	for i := range n {
		r.accept(cdr(fmt.Sprintf("C%d", i)))
	}
	late := r.clock()
	done := h.begin(r, r.ledger, cdr("NEW"))
	due := r.cdr("NEW").Due
	late(10 * time.Second)
	r.run()
	r.eventually("paused", func() bool { return len(r.emsp.Received()) >= 2*n+1 })
	late(5 * time.Second) // before the time at which another process takes NEW
	before := len(r.emsp.Received())
	r.eventually("probed", func() bool { return len(r.emsp.Received()) > before })
	h2 := h.n.Load()
	err := r.Store.Write(t.Context(), func(tx *store.Tx) error { return tx.HurryMail(em1, time.Now().UnixMicro()) })
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

// A CDR that no agreement lets through is given up after seven days, and says
// nothing about its receiver.
func TestNoAgreementAnyMore(t *testing.T) {
	r := newClosedRig(t, ocpi.V221)
	now := time.Now()
	r.agree(func(a *party.Agreement) { normal(a); a.ValidFrom = now.Add(-48 * time.Hour) })
	r.offline(true)
	const n = 5
	for i := range n {
		r.accept(cdr(fmt.Sprintf("C%d", i)))
	}
	late := r.clock()
	r.agree(func(a *party.Agreement) {
		normal(a)
		a.ValidFrom, a.ValidTo = now.Add(-48*time.Hour), now.Add(-24*time.Hour)
	})
	r.offline(false)
	r.run()
	r.eventually("tried", func() bool {
		list, err := r.Store.CDRs(t.Context(), everything)
		return err == nil && len(list) == n && list[0].Attempts > 0 && list[n-1].Attempts > 0
	})
	// Another operator's CDRs are not slowed down.
	other := r.Join(ocpi.V221, deliverytest.Grant("NL-CP2", ocpi.RoleCPO))
	err := r.Registry.PutAgreement(t.Context(), party.Agreement{ID: "b", CPO: ocpi.PartyID{CountryCode: "NL", ID: "CP2"}, EMSP: em1, CDRChecks: []byte(quiet)})
	if err != nil {
		t.Fatal(err)
	}
	r.answers(http.StatusCreated, ocpi.StatusSuccess, "")
	s := r.submissionOf(other, strings.ReplaceAll(cdr("D1"), `"party_id":"CP1"`, `"party_id":"CP2"`))
	if a, err := r.ledger.Intake(t.Context(), s); err != nil || a.HTTP != http.StatusCreated {
		t.Errorf("answer %+v, %v", a, err)
	}
	late(8 * 24 * time.Hour)
	r.eventually("given up", func() bool {
		list, err := r.Store.CDRs(t.Context(), store.CDRQuery{Mail: ledger.MailDead})
		return err == nil && len(list) == n
	})
	letters, err := r.Store.DeadLetters(t.Context(), store.LetterQuery{State: store.LetterOpen, Limit: 10})
	if err != nil || len(letters) != n || !strings.Contains(letters[0].Error, "agreement") {
		t.Errorf("%d letters %+v, %v", len(letters), letters, err)
	}
	if len(r.emsp.Received()) != 1 {
		t.Errorf("%d requests", len(r.emsp.Received()))
	}
	r.sound()
}

// A provider that takes a CDR has it, whatever else its answer holds.
func TestTakenWithOddAnswer(t *testing.T) {
	r := newClosedRig(t, ocpi.V230)
	r.agree(normal)
	r.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) {
		ocpi.WriteEnvelope(w, http.StatusCreated, ocpi.StatusSuccess, "", []byte(`{"id":17,"total_cost":"x"}`))
	})
	a := r.accept(cdr("C1"))
	r.is("C1", ledger.StatePresented, ledger.MailDelivered)
	if again := r.accept(cdr("C1")); again.HTTP != a.HTTP || string(again.Body) != string(a.Body) {
		t.Errorf("told %+v, then %+v", a, again)
	}
	r.sound()
}

// What a broken provider may answer: nothing of it loses the CDR, or settles it
// for good.
func TestBrokenProviders(t *testing.T) {
	for name, say := range map[string]http.HandlerFunc{
		"html":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>welcome</html>")) },
		"html 404":  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusNotFound) },
		"3xxx":      answering(http.StatusOK, ocpi.StatusServerError, ""),
		"4xxx":      answering(http.StatusOK, ocpi.StatusHubError, ""),
		"429":       answering(http.StatusTooManyRequests, ocpi.StatusClientError, ""),
		"401":       answering(http.StatusUnauthorized, ocpi.StatusClientError, ""),
		"1000, 500": answering(http.StatusInternalServerError, ocpi.StatusSuccess, ""),
		"redirect": func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "/elsewhere", http.StatusPermanentRedirect)
		},
		"huge": func(w http.ResponseWriter, _ *http.Request) {
			ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, strings.Repeat("x", 1<<20), nil)
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"status_code":1000,`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.agree(normal)
			r.emsp.Answers(say)
			a := r.accept(cdr("C1"))
			if !strings.HasPrefix(a.Location, relaytest.PublicURL+"/ocpi/2.2.1/receiver/cdrs/") {
				t.Errorf("answer %+v %s", a, a.Body)
			}
			r.is("C1", ledger.StateValid, ledger.MailWaiting)
			r.answers(http.StatusOK, ocpi.StatusSuccess, "")
			late := r.clock()
			late(10 * time.Second)
			r.run()
			r.eventually("delivered", func() bool { return r.cdr("C1").Mail == ledger.MailDelivered })
			r.sound()
		})
	}
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

// A CDR that cannot be posted does not keep the others from being approved.
func TestApprovalGoesOn(t *testing.T) {
	r := newRig(t)
	soon := time.Second
	r.agree(func(a *party.Agreement) {
		a.ApproveAfter, a.CDRChecks = &soon, []byte(`{"severity":{"C15":"off","C16":"off","C17":"off","C18":"off"}}`)
	})
	r.accept(cdr("C1"))
	r.accept(cdr("C2", `{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":0,"incl_vat":0}`))
	err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.Post([]store.Posting{
			{Event: 1, Account: "emsp:DE-EM1", Currency: "EUR", Amount: math.MaxInt64 - 10},
			{Event: 1, Account: "x", Currency: "EUR", Amount: 10 - math.MaxInt64},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	late := r.clock()
	late(time.Minute)
	must(t, "approving", r.ledger.ApproveDue(t.Context()), nil)
	r.is("C1", ledger.StatePresented, ledger.MailDelivered)
	r.is("C2", ledger.StateApproved, ledger.MailDelivered)
	if d := r.cdr("C1").Deadline; d < time.Now().Add(12*time.Hour).UnixMicro() {
		t.Errorf("it is tried again at %v", time.UnixMicro(d))
	}
}

// cdr_delivery: relay. What a hub was sending when it was killed is not sent later;
// its sender, who was told nothing, begins anew.
func TestRelayOnlyKilled(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprintf("sent again %v", again), func(t *testing.T) {
			r := newRig(t)
			r.agree(func(a *party.Agreement) { normal(a); a.CDRDelivery = party.DeliverRelay })
			body := cdr("C1")
			h := r.hold(`"id":"C1"`, takes)
			done := h.begin(r, r.ledger, body)
			r.restart()
			h.say <- takes
			if o := <-done; o.err != nil && ocpi.AsError(o.err).Status/1000 != 3 {
				t.Logf("told %+v, %v", o.Answer, o.err)
			}
			if c := r.cdr("C1"); len(c.Answer) > 0 {
				t.Fatalf("told %s", c.Answer)
			}
			r.answers(http.StatusOK, ocpi.StatusSuccess, "")
			if !again {
				late := r.clock()
				late(time.Minute)
				r.run()
				r.eventually("turned down", func() bool { return r.cdr("C1").State == string(ledger.StateRefused) })
				if n := len(r.emsp.Received()); n != 1 {
					t.Errorf("%d requests", n)
				}
			}
			r.accept(body)
			r.is("C1", ledger.StatePresented, ledger.MailDelivered)
			if n := len(r.emsp.Received()); n != 2 {
				t.Errorf("%d requests", n)
			}
			if k := r.kinds("C1"); k != "received refused received presented" {
				t.Errorf("events %s", k)
			}
			r.sound()
		})
	}
}

// A receiver that has refused too many gets no more letters; the CDRs say
// themselves that they were not delivered.
func TestTooManyLetters(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.offline(true)
	r.accept(cdr("C1"))
	err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
		for i := range store.MaxOpenLetters {
			d := store.DeadLetter{Lane: "bill/DE-EM1", Receiver: em1, Key: store.ObjectKey{Kind: "cdrs", Party: cp1, ID: fmt.Sprintf("old%d", i)}}
			if err := tx.PutDeadLetter(d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.answers(http.StatusOK, ocpi.StatusUnknownLocation, "")
	r.offline(false)
	r.run()
	r.eventually("refused", func() bool { return r.cdr("C1").Mail == ledger.MailRefused })
	if k := r.kinds("C1"); k != "received delivery_failed" {
		t.Errorf("events %s", k)
	}
	r.sound()
}

// The watchdog: a CDR that its receiver refused does not count; a session is told
// once, and again only when something has changed.
func TestWatchdog(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) {
		a.CDRChecks = []byte(`{"missing_cdr_hours":2,"silent_session_hours":1,"severity":{"C14":"off","C15":"off","C16":"off","C17":"off"}}`)
	})
	late := r.clock()
	look := func(hours int, want string) {
		t.Helper()
		late(time.Duration(hours) * time.Hour)
		must(t, "watching", r.ledger.Watch(t.Context()), nil)
		open := []string{}
		for _, f := range r.findings(true) {
			open = append(open, f.Session+" "+f.Kind)
		}
		slices.Sort(open)
		if got := strings.Join(open, ", "); got != want {
			t.Fatalf("open are %q, want %q; all %+v", got, want, r.findings(false))
		}
	}
	now := time.Now()
	r.keep("S-C1", "COMPLETED", now.Add(-time.Minute))
	r.answers(http.StatusOK, ocpi.StatusInvalidParameters, "")
	r.refuse(cdr("C1"), ocpi.StatusInvalidParameters, "")
	r.keep("S-C2", "ACTIVE", now.Add(-time.Minute))
	look(0, "")
	look(2, "s-c1 missing_cdr, s-c2 silent_session")
	r.keep("S-C1", "COMPLETED", now.Add(time.Minute))
	r.keep("S-C2", "ACTIVE", now.Add(time.Minute))
	look(0, "s-c1 missing_cdr")
	look(2, "s-c1 missing_cdr, s-c2 silent_session")
	r.keep("S-C2", "COMPLETED", now.Add(2*time.Minute))
	look(0, "s-c1 missing_cdr")
	look(2, "s-c1 missing_cdr, s-c2 missing_cdr")
	if all := r.findings(false); len(all) != 4 {
		t.Errorf("%d findings: %+v", len(all), all)
	}
	r.keep("S-C2", "INVALID", now.Add(3*time.Minute))
	look(2, "s-c1 missing_cdr")
	// The CDR comes, is refused, and the finding with it.
	r.refuse(cdr("C1"), ocpi.StatusInvalidParameters, "")
	look(2, "s-c1 missing_cdr")
	r.answers(http.StatusOK, ocpi.StatusSuccess, "")
	r.accept(cdr("C1"))
	look(2, "")
	r.sound()
}
