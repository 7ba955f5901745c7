package ledger_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/ocpi"
)

func normal(a *party.Agreement) { a.CDRChecks = []byte(quiet) }

// The receiver's answer goes back, and the CDR is presented.
func TestAccepted(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.answers(http.StatusCreated, ocpi.StatusSuccess, r.emsp.URL+"/my/cdrs/1")
	a := r.accept(cdr("C1"))
	if a.HTTP != http.StatusCreated || !strings.HasPrefix(a.Location, "http://hub.example/ocpi/c/") || !strings.Contains(string(a.Body), "said the provider") {
		t.Errorf("answer %d %q %s", a.HTTP, a.Location, a.Body)
	}
	if got := r.emsp.Only(); got.Body != cdr("C1") && !strings.Contains(got.Body, `"id":"C1"`) {
		t.Errorf("the provider got %s", got.Body)
	}
	c := r.is("C1", ledger.StatePresented, ledger.MailDelivered)
	if c.Net != 400 || c.Gross != 484 || c.Currency != "EUR" || c.Held || c.Deadline == 0 || c.Energy != 10e9 {
		t.Errorf("%+v", c)
	}
	if k := r.kinds("C1"); k != "received presented" {
		t.Errorf("events %s", k)
	}
	r.sound()
}

// T23: the same CDR, many at a time and in other spellings of its id, is one CDR
// with one answer; another content under its id is refused and recorded once.
func TestReplay(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.answers(http.StatusCreated, ocpi.StatusSuccess, r.emsp.URL+"/my/cdrs/1")
	body := cdr("Abc1")
	var all sync.WaitGroup
	answers := make([]relay.Answer, 50)
	for i := range answers {
		all.Go(func() {
			for range 20 {
				a, err := r.ledger.Intake(t.Context(), r.submission(body))
				if err != nil || !a.Accepted {
					t.Errorf("answer %+v, %v", a, err)
				}
				answers[i] = a
			}
		})
	}
	all.Wait()
	r.emsp.Only()
	for _, a := range answers {
		if a.Location != answers[0].Location || string(a.Body) != string(answers[0].Body) || a.HTTP != answers[0].HTTP {
			t.Fatalf("answers differ: %+v and %+v", a, answers[0])
		}
	}
	r.restart()
	if a := r.accept(strings.ReplaceAll(body, `","`, `", "`)); a.Location != answers[0].Location {
		t.Errorf("after a restart the answer is %+v", a)
	}
	for range 3 {
		r.refuse(strings.Replace(body, "4.84", "4.85", 1), ocpi.StatusInvalidParameters, "C03")
	}
	r.refuse(cdr("aBC1"), ocpi.StatusInvalidParameters, "C03") // other ids inside
	if k := r.kinds("ABC1"); k != "received presented conflict conflict" {
		t.Errorf("events %s", k)
	}
	if list, err := r.Store.CDRs(t.Context(), everything); err != nil || len(list) != 1 {
		t.Errorf("%d CDRs, %v", len(list), err)
	}
	r.sound()
}

// A receiver that refuses a CDR is heard by its sender, who may send another one
// under the id.
func TestRefusedByReceiver(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.answers(http.StatusOK, ocpi.StatusInvalidParameters, "")
	r.refuse(cdr("C1"), ocpi.StatusInvalidParameters, "said the provider")
	r.is("C1", ledger.StateRefused, ledger.MailRefused)
	listed := func() int {
		t.Helper()
		list, err := r.catalog.List(t.Context(), r.listAll())
		if err != nil {
			t.Fatal(err)
		}
		return list.Total
	}
	if n := listed(); n != 0 {
		t.Errorf("%d CDRs are listed, and one was refused", n)
	}
	r.answers(http.StatusOK, ocpi.StatusSuccess, "")
	r.accept(cdr("C1", "4.84", "4.8400"))
	if n := listed(); n != 1 {
		t.Errorf("%d CDRs are listed", n)
	}
	r.is("C1", ledger.StatePresented, ledger.MailDelivered)
	if k := r.kinds("C1"); k != "received refused received presented" {
		t.Errorf("events %s", k)
	}
	r.sound()
}

// A receiver that is away: the hub takes the CDR over, tells so with a Location
// of its own, and delivers it when the receiver is back, also after a restart.
func TestTakenOver(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	r.answers(http.StatusInternalServerError, ocpi.StatusServerError, "")
	a := r.accept(body)
	if a.Status != ocpi.StatusSuccess || a.Location != "http://hub.example/ocpi/2.2.1/receiver/cdrs/NL/CP1/C1" {
		t.Errorf("answer %+v", a)
	}
	r.is("C1", ledger.StateValid, ledger.MailWaiting)
	if again := r.accept(body); again.Location != a.Location {
		t.Errorf("told %q, then %q", a.Location, again.Location)
	}
	r.restart()
	r.answers(http.StatusOK, ocpi.StatusSuccess, r.emsp.URL+"/my/1")
	r.run()
	r.eventually("delivered", func() bool { return r.cdr("C1").Mail == ledger.MailDelivered })
	r.is("C1", ledger.StatePresented, ledger.MailDelivered)
	if again := r.accept(body); again.Location != a.Location {
		t.Errorf("told %q, then %q", a.Location, again.Location)
	}
	r.sound()
}

// cdr_delivery: relay is strict OCPI.
func TestRelayOnly(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) { normal(a); a.CDRDelivery = party.DeliverRelay })
	r.emsp.Close()
	r.refuse(cdr("C1"), ocpi.StatusHubConnection, "")
	r.is("C1", ledger.StateRefused, ledger.MailRefused)
	r.run()
	time.Sleep(50 * time.Millisecond)
	r.is("C1", ledger.StateRefused, ledger.MailRefused)
	r.sound()
}

// What the checks reject is not stored; what they hold is delivered, and not
// approved by time.
func TestChecks(t *testing.T) {
	r := newRig(t)
	at := time.Duration(0)
	r.agree(func(a *party.Agreement) { normal(a); a.ApproveAfter = &at })
	r.refuse(cdr("C1", `"currency":"EUR","tariffs"`, `"tariffs"`), ocpi.StatusInvalidParameters, "currency")
	r.refuse(cdr("C2", `"volume":10.0`, `"volume":1e400`), ocpi.StatusInvalidParameters, "")
	if list, err := r.Store.CDRs(t.Context(), everything); err != nil || len(list) != 0 {
		t.Fatalf("%d CDRs, %v", len(list), err)
	}
	r.accept(cdr("C3", "4.00,", "5.00,", "4.84}", "6.05}")) // overcharged
	if c := r.is("C3", ledger.StatePresented, ledger.MailDelivered); !c.Held || c.Deadline != 0 {
		t.Errorf("%+v", c)
	}
	r.accept(cdr("C4"))
	r.is("C4", ledger.StateApproved, ledger.MailDelivered)
	if b := r.balances(); b["emsp:DE-EM1 EUR"] != 484 || b["cpo:NL-CP1 EUR"] != -400 || b["tax:NL-CP1 EUR"] != -84 {
		t.Errorf("balances %v", b)
	}
	r.sound()
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
