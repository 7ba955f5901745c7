package ledger_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

var everything = store.CDRQuery{}

func (r *rig) listAll() catalog.ListRequest {
	return catalog.ListRequest{Viewer: r.emsp.Party(ocpi.RoleEMSP), Version: ocpi.V221, Module: ocpi.CDRs}
}

func key(id string) ledger.Key { return ledger.Key{Owner: cp1, ID: id} }

var (
	byEMSP     = ledger.Step{Party: em1}
	byCPO      = ledger.Step{Party: cp1}
	byOperator = ledger.Step{}
)

func reason(s ledger.Step, code, text string) ledger.Step {
	s.Reason, s.Text = code, text
	return s
}

// must fails unless err is of a kind; nil for none.
func must(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || want == nil && err != nil {
		t.Fatalf("%s: %v, want %v", what, err, want)
	}
}

// Who may do what in which state.
func TestLife(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	ctx := t.Context()
	for _, id := range []string{"A", "D", "W", "R", "F"} {
		r.accept(cdr(id))
	}
	must(t, "unknown", r.ledger.Approve(ctx, key("X"), byEMSP), ledger.ErrNotFound)
	must(t, "stranger", r.ledger.Approve(ctx, key("A"), ledger.Step{Party: ocpi.PartyID{CountryCode: "FR", ID: "XXX"}}), ledger.ErrNotFound)
	must(t, "CPO approves", r.ledger.Approve(ctx, key("A"), byCPO), ledger.ErrNotAllowed)
	must(t, "approve", r.ledger.Approve(ctx, key("a"), byEMSP), nil)
	must(t, "approve twice", r.ledger.Approve(ctx, key("A"), byEMSP), ledger.ErrState)
	must(t, "dispute what was approved", r.ledger.Dispute(ctx, key("A"), reason(byEMSP, "wrong-price", "")), ledger.ErrState)
	must(t, "dispute without a code", r.ledger.Dispute(ctx, key("D"), reason(byEMSP, "because", "")), ledger.ErrInvalid)
	must(t, "CPO disputes", r.ledger.Dispute(ctx, key("D"), reason(byCPO, "late", "")), ledger.ErrNotAllowed)
	for _, id := range []string{"D", "W", "R", "F"} {
		must(t, "dispute", r.ledger.Dispute(ctx, key(id), reason(byEMSP, "wrong-energy", "the car took 8 kWh")), nil)
	}
	must(t, "approve what is disputed", r.ledger.Approve(ctx, key("D"), byEMSP), ledger.ErrState)
	must(t, "resolve what is not", r.ledger.Resolve(ctx, key("A"), ledger.OutcomeWithdrawn, byEMSP), ledger.ErrState)
	must(t, "CPO withdraws", r.ledger.Resolve(ctx, key("W"), ledger.OutcomeWithdrawn, byCPO), ledger.ErrNotAllowed)
	must(t, "CPO rejects", r.ledger.Resolve(ctx, key("R"), ledger.OutcomeRejected, byCPO), ledger.ErrNotAllowed)
	must(t, "outcome", r.ledger.Resolve(ctx, key("R"), "credited", byOperator), ledger.ErrInvalid)
	must(t, "withdraw", r.ledger.Resolve(ctx, key("W"), ledger.OutcomeWithdrawn, byEMSP), nil)
	must(t, "reject", r.ledger.Resolve(ctx, key("R"), ledger.OutcomeRejected, byOperator), nil)
	must(t, "forgo", r.ledger.Resolve(ctx, key("F"), ledger.OutcomeForgone, byCPO), nil)
	for id, want := range map[string]ledger.State{
		"A": ledger.StateApproved, "D": ledger.StateDisputed, "W": ledger.StateResolved, "R": ledger.StateResolved, "F": ledger.StateResolved,
	} {
		r.is(id, want, ledger.MailDelivered)
	}
	if b := r.balances(); b["emsp:DE-EM1 EUR"] != 3*484 || b["cpo:NL-CP1 EUR"] != -3*400 {
		t.Errorf("balances %v: three of five are owed", b)
	}
	r.sound()
}

// A credit takes a CDR back, once; both stay, and come to nothing.
func TestCredit(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	ctx := t.Context()
	bodies := map[string]string{}
	for _, id := range []string{"C1", "C2", "C3", "C4", "KC1"} {
		bodies[id] = cdr(id)
	}
	credit := func(id, of string, more ...string) string {
		body := strings.NewReplacer(`"id":"`+of+`",`, `"id":"`+id+`","credit":true,"credit_reference_id":"`+of+`",`,
			`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":-4.00,"incl_vat":-4.84}`).Replace(bodies[of])
		return strings.NewReplacer(more...).Replace(body)
	}
	for _, id := range []string{"C1", "C2", "C3", "C4"} {
		r.accept(bodies[id])
	}
	must(t, "approve", r.ledger.Approve(ctx, key("C1"), byEMSP), nil)
	must(t, "dispute", r.ledger.Dispute(ctx, key("C2"), reason(byEMSP, "duplicate", "")), nil)
	must(t, "dispute", r.ledger.Dispute(ctx, key("C4"), reason(byEMSP, "duplicate", "")), nil)
	must(t, "forgo", r.ledger.Resolve(ctx, key("C4"), ledger.OutcomeForgone, byCPO), nil)
	// T25
	r.refuse(credit("K0", "C1", `-4.84`, `-4.83`), ocpi.StatusInvalidParameters, "C05")
	r.refuse(credit("K0", "C1", `"currency":"EUR","tariffs"`, `"currency":"USD","tariffs"`), ocpi.StatusInvalidParameters, "C05")
	r.refuse(cdr("C9", `"id":"C9",`, `"id":"K0","credit":true,"credit_reference_id":"C9",`, `4.00,`, `-4.00,`, `4.84}`, `-4.84}`), ocpi.StatusInvalidParameters, "C05")
	for _, of := range []string{"C1", "C2", "C3", "C4"} {
		r.accept(credit("K"+of, of))
		r.is("K"+of, ledger.StateApproved, ledger.MailDelivered)
		if c := r.cdr(of); c.CreditedBy != r.cdr("K"+of).ID || c.Posted == 0 {
			t.Errorf("%s: %+v", of, c)
		}
		r.refuse(credit("L"+of, of), ocpi.StatusInvalidParameters, "C05")
	}
	r.refuse(credit("KK", "KC1"), ocpi.StatusInvalidParameters, "")
	r.is("C1", ledger.StateApproved, ledger.MailDelivered)
	r.is("C2", ledger.StateResolved, ledger.MailDelivered)
	r.is("C3", ledger.StateResolved, ledger.MailDelivered)
	if b := r.balances(); len(b) != 0 {
		t.Errorf("balances %v", b)
	}
	postings, err := r.Store.Postings(ctx, store.PostingQuery{Account: "emsp:DE-EM1"})
	if err != nil || len(postings) != 8 {
		t.Errorf("%d postings, %v", len(postings), err)
	}
	r.sound()
}

// A credit that its receiver refuses does not use up the original.
func TestRefusedCredit(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	r.accept(body)
	credit := strings.NewReplacer(`"id":"C1",`, `"id":"K1","credit":true,"credit_reference_id":"C1",`,
		`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":-4.00,"incl_vat":-4.84}`).Replace(body)
	r.answers(200, ocpi.StatusInvalidParameters, "")
	r.refuse(credit, ocpi.StatusInvalidParameters, "said")
	if c := r.cdr("C1"); c.CreditedBy != 0 {
		t.Errorf("credited by %d", c.CreditedBy)
	}
	r.answers(200, ocpi.StatusSuccess, "")
	r.accept(credit)
	r.is("K1", ledger.StateApproved, ledger.MailDelivered)
	r.sound()
}

// Silence is consent, unless a CDR is held; a release starts the time anew.
func TestApprovalByTime(t *testing.T) {
	r := newRig(t)
	soon := time.Second
	r.agree(func(a *party.Agreement) { normal(a); a.ApproveAfter = &soon })
	r.accept(cdr("C1"))
	r.accept(cdr("C2", "4.00,", "5.00,", "4.84}", "6.05}"))
	r.is("C1", ledger.StatePresented, ledger.MailDelivered)
	r.run()
	r.eventually("approved", func() bool { return r.cdr("C1").State == string(ledger.StateApproved) })
	r.is("C2", ledger.StatePresented, ledger.MailDelivered)
	must(t, "release by the provider", r.ledger.Release(t.Context(), key("C2"), reason(byEMSP, "", "fine")), ledger.ErrNotAllowed)
	must(t, "release without a reason", r.ledger.Release(t.Context(), key("C2"), byOperator), ledger.ErrInvalid)
	must(t, "release", r.ledger.Release(t.Context(), key("C2"), reason(byOperator, "", "the surcharge was agreed")), nil)
	r.eventually("approved", func() bool { return r.cdr("C2").State == string(ledger.StateApproved) })
	if k := r.kinds("C2"); k != "received presented released approved" {
		t.Errorf("events %s", k)
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
