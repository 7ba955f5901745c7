package ledger_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

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
		"2001, 500": answering(http.StatusInternalServerError, ocpi.StatusInvalidParameters, ""),
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
