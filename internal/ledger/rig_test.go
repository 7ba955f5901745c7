package ledger_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

var (
	cp1 = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}
	em1 = ocpi.PartyID{CountryCode: "DE", ID: "EM1"}
)

// rig is a hub with one operator and one provider.
type rig struct {
	*relaytest.Hub
	t         *testing.T
	ledger    *ledger.Ledger
	catalog   *catalog.Catalog
	cpo, emsp *relaytest.Partner
	trace     *trace.Recorder // nil: none
	stop      func()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newTracedRig(t, nil)
}

// newTracedRig is a rig that records messages.
func newTracedRig(t *testing.T, rec *trace.Recorder) *rig {
	t.Helper()
	h := relaytest.New(t, true, func(o *relay.Options) { o.Trace = rec })
	r := &rig{Hub: h, t: t, trace: rec}
	r.cpo = h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO))
	r.emsp = h.Join(ocpi.V221, deliverytest.Grant("DE-EM1", ocpi.RoleEMSP))
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	signer, err := receipt.NewSigner("hub.example", [32]byte{1})
	if err != nil {
		r.t.Fatal(err)
	}
	r.ledger = ledger.New(ledger.Options{
		Store: r.Store, Registry: r.Registry, Relay: r.Relay, Trace: r.trace, Signer: signer, Hub: deliverytest.ID, PublicURL: relaytest.PublicURL,
	})
	if err := r.ledger.Open(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	d := delivery.New(delivery.Options{Store: r.Store, Registry: r.Registry, Egress: r.Egress, Hub: deliverytest.ID})
	r.catalog = catalog.New(catalog.Options{
		Store: r.Store, Registry: r.Registry, Delivery: d, SignKey: []byte("k"), Kept: r.ledger.Kept,
	})
}

// restart is a hub that was killed and started again.
func (r *rig) restart() {
	r.t.Helper()
	r.Reopen()
	r.start()
}

// run lets the ledger do what it does by itself.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = r.ledger.Run(ctx) }()
	r.stop = func() { cancel(); <-done }
	r.t.Cleanup(r.stop)
}

// agree makes an agreement with these terms.
func (r *rig) agree(change func(*party.Agreement)) {
	r.t.Helper()
	a := party.Agreement{ID: "a", CPO: cp1, EMSP: em1}
	change(&a)
	if err := r.Registry.PutAgreement(r.t.Context(), a); err != nil {
		r.t.Fatal(err)
	}
}

// post sends a CDR to the hub.
func (r *rig) post(body string) (relay.Answer, error) {
	r.t.Helper()
	return r.ledger.Intake(r.t.Context(), r.submission(body))
}

func (r *rig) submission(body string) ledger.Submission {
	r.t.Helper()
	return r.submissionOf(r.cpo, body)
}

// submissionOf is a CDR of an operator.
func (r *rig) submissionOf(cpo *relaytest.Partner, body string) ledger.Submission {
	r.t.Helper()
	from, snap := cpo.Party(ocpi.RoleCPO), r.Registry.Snapshot()
	q := routing.Request{Module: ocpi.CDRs, Interface: ocpi.Receiver, Method: http.MethodPost, From: from, To: em1}
	d := routing.Decide(q, snap, time.Now())
	if d.Mode != routing.Direct || !d.Bill {
		r.t.Fatalf("%v %v", d.Mode, d.Err)
	}
	return ledger.Submission{Away: d.Away, Exchange: &relay.Exchange{
		Header:  ocpi.Header{From: ocpi.ClaimOf(from.ID), To: ocpi.ClaimOf(em1), RequestID: ocpi.NewMessageID(), CorrelationID: ocpi.NewMessageID()},
		Version: ocpi.V221, Request: q, Body: []byte(body), Mode: d.Mode, Target: d.Target, Received: time.Now(),
	}}
}

// accept posts a CDR that must be accepted.
func (r *rig) accept(body string) relay.Answer {
	r.t.Helper()
	a, err := r.post(body)
	if err != nil || !a.Accepted {
		r.t.Fatalf("answer %+v %s, %v", a, a.Body, err)
	}
	return a
}

// refuse posts a CDR that must be refused with a status, and a message that
// holds words.
func (r *rig) refuse(body string, status int, words string) {
	r.t.Helper()
	a, err := r.post(body)
	got, said := a.Status, gjson.GetBytes(a.Body, "status_message").Str
	if err != nil {
		e := ocpi.AsError(err)
		got, said = e.Status, e.Message
	}
	if a.Accepted || got != status || !strings.Contains(said, words) {
		r.t.Fatalf("answer %d %q, want %d with %q", got, said, status, words)
	}
}

func (r *rig) cdr(id string) store.LedgerCDR {
	r.t.Helper()
	c, found, err := r.Store.CDR(r.t.Context(), cp1, ocpi.FoldID(id))
	if err != nil || !found {
		r.t.Fatalf("CDR %s: found %v, %v", id, found, err)
	}
	return c
}

// is compares state and delivery of a CDR.
func (r *rig) is(id string, state ledger.State, mail string) store.LedgerCDR {
	r.t.Helper()
	c := r.cdr(id)
	if ledger.State(c.State) != state || c.Mail != mail {
		r.t.Fatalf("CDR %s is %s and %s, want %s and %s", id, c.State, c.Mail, state, mail)
	}
	return c
}

// kinds are the events of a CDR.
func (r *rig) kinds(id string) string {
	r.t.Helper()
	events, err := r.Store.CDREvents(r.t.Context(), r.cdr(id).ID)
	if err != nil {
		r.t.Fatal(err)
	}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	return strings.Join(kinds, " ")
}

// found are the findings of a CDR as its first event has them.
func (r *rig) found(id string) []string {
	r.t.Helper()
	events, err := r.Store.CDREvents(r.t.Context(), r.cdr(id).ID)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := ledger.ParseLeaf(events[0].Leaf)
	if err != nil {
		r.t.Fatal(err)
	}
	return l.Findings
}

// balances are all balances but those of 0.
func (r *rig) balances() map[string]int64 {
	r.t.Helper()
	list, err := r.Store.Balances(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]int64{}
	sum := map[string]int64{}
	for _, b := range list {
		sum[b.Currency] += b.Amount
		if b.Amount != 0 {
			out[b.Account+" "+b.Currency] = b.Amount
		}
	}
	for currency, s := range sum {
		if s != 0 {
			r.t.Errorf("the balances in %s add up to %d", currency, s)
		}
	}
	return out
}

// sound verifies the whole ledger.
func (r *rig) sound() {
	r.t.Helper()
	v, err := ledger.Verify(r.t.Context(), r.Store, r.ledger.VerifierKey(), nil)
	if err != nil || len(v.Faults) > 0 {
		r.t.Fatalf("verification: %v, %v", v.Faults, err)
	}
}

// eventually waits for something that the ledger does by itself.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.t.Fatal("it never came to this: " + what)
}

// answers has the provider answer CDRs.
func (r *rig) answers(http, status int, location string) {
	r.emsp.Answers(answering(http, status, location))
}

func answering(status, code int, location string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if location != "" {
			w.Header().Set(ocpi.HeaderLocation, location)
		}
		ocpi.WriteEnvelope(w, status, code, "said the provider", nil)
	}
}

const tariff1 = `{"country_code":"NL","party_id":"CP1","id":"T1","currency":"EUR","elements":[` +
	`{"price_components":[{"type":"ENERGY","price":0.40,"vat":21,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}`

// cdr is a CDR over 10 kWh at 0.40: 4.00 before and 4.84 after tax. Changes are
// pairs of text and what takes its place.
func cdr(id string, changes ...string) string {
	start := time.Now().UTC().Add(-3 * time.Hour).Truncate(time.Second)
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	body := `{"country_code":"NL","party_id":"CP1","id":"` + id + `","start_date_time":"` + at(0) + `","end_date_time":"` + at(time.Hour) + `","session_id":"S-` + id + `",` +
		`"cdr_token":{"country_code":"DE","party_id":"EM1","uid":"U-` + id + `","type":"RFID","contract_id":"DE-EM1-C1-X"},"auth_method":"WHITELIST",` +
		`"cdr_location":{"id":"LOC1","address":"Kade 1","city":"Amsterdam","country":"NLD","coordinates":{"latitude":"52.370000","longitude":"4.900000"},` +
		`"evse_uid":"E-` + id + `","evse_id":"NL*CP1*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},` +
		`"currency":"EUR","tariffs":[` + tariff1 + `],` +
		`"charging_periods":[{"start_date_time":"` + at(0) + `","dimensions":[{"type":"ENERGY","volume":10.0},{"type":"TIME","volume":1.0}],"tariff_id":"T1"}],` +
		`"total_cost":{"excl_vat":4.00,"incl_vat":4.84},"total_energy":10.0,"total_time":1.0,"last_updated":"` + at(time.Hour+time.Minute) + `"}`
	return strings.NewReplacer(changes...).Replace(body)
}

// quiet are checks that miss what these tests do not publish.
const quiet = `{"severity":{"C15":"off","C16":"off","C17":"off"}}`

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
