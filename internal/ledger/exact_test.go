package ledger_test

import (
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// A number that only binary floating point would take for the same is another
// content.
func TestSameToTheLastDigit(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	r.accept(body)
	r.refuse(strings.Replace(body, "4.84}", "4.84000000000000000001}", 1), ocpi.StatusInvalidParameters, "C03")
	r.refuse(strings.Replace(body, `"volume":10.0`, `"volume":10.00000000000000001`, 1), ocpi.StatusInvalidParameters, "C03")
	r.accept(strings.ReplaceAll(body, `","`, `" , "`))
}

// An agreement may let through a credit that is not the exact negation.
func TestCreditByAgreement(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) {
		a.CDRChecks = []byte(`{"severity":{"C05/not_the_negation":"warn","C15":"off","C16":"off","C17":"off"}}`)
	})
	body := cdr("C1")
	r.accept(body)
	r.accept(strings.NewReplacer(`"id":"C1",`, `"id":"K1","credit":true,"credit_reference_id":"C1",`,
		`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":-2.00,"incl_vat":-2.42}`).Replace(body))
	r.is("K1", ledger.StateApproved, ledger.MailDelivered)
	if b := r.balances(); b["emsp:DE-EM1 EUR"] != 484-242 {
		t.Errorf("balances %v", b)
	}
	r.sound()
}

// A credit that was checked against another CDR than the one that now has the id
// is checked again.
func TestCreditOfWhatHasChanged(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	r.accept(body)
	credit := r.submission(strings.NewReplacer(`"id":"C1",`, `"id":"K1","credit":true,"credit_reference_id":"C1",`,
		`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":-4.00,"incl_vat":-4.84}`).Replace(body))
	err := r.ledger.ExamineAndEnter(t.Context(), credit, func() {
		err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
			c, _, err := tx.CDR(cp1, "c1")
			if err != nil {
				return err
			}
			c.Evidence += 7 // as if it had been refused, and another had come
			return tx.ReplaceCDR(&c)
		})
		must(t, "change", err, nil)
	})
	must(t, "enter", err, ledger.ErrStale)
	if _, found, err := r.Store.CDR(t.Context(), cp1, "k1"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
}
