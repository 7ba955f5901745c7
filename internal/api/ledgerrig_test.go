package api_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// bill is a hub with a ledger and its API, and five platforms: an operator, a
// provider, one with a party on either side, one with both sides of one party, and
// one that has the ids of the first two on the other side.
type bill struct {
	*rig
	hub                           *relaytest.Hub
	ledger                        *ledger.Ledger
	cpo, emsp, multi, both, other *relaytest.Partner
}

func newBill(t *testing.T) *bill {
	t.Helper()
	h := relaytest.New(t, true)
	b := &bill{hub: h}
	grant := deliverytest.Grant
	b.cpo = h.Join(ocpi.V221, grant("NL-CP1", ocpi.RoleCPO))
	b.emsp = h.Join(ocpi.V221, grant("DE-EM1", ocpi.RoleEMSP))
	b.multi = h.Join(ocpi.V221, grant("NL-CP2", ocpi.RoleCPO), grant("BE-EM2", ocpi.RoleEMSP))
	b.both = h.Join(ocpi.V221, grant("FR-TWO", ocpi.RoleCPO), grant("FR-TWO", ocpi.RoleEMSP))
	b.other = h.Join(ocpi.V221, grant("NL-CP1", ocpi.RoleEMSP), grant("DE-EM1", ocpi.RoleCPO))
	signer, err := receipt.NewSigner("hub.example", [32]byte{1})
	check(t, err)
	b.ledger = ledger.New(ledger.Options{
		Store: h.Store, Registry: h.Registry, Relay: h.Relay, Signer: signer, Hub: deliverytest.ID, PublicURL: relaytest.PublicURL,
	})
	check(t, b.ledger.Open(t.Context()))
	handler, err := api.New(api.Options{
		Registry: h.Registry, Store: h.Store, Ledger: b.ledger, AdminToken: sha256.Sum256([]byte(adminToken)), Hub: api.Hub{Version: "test"},
	})
	check(t, err)
	b.rig = &rig{t: t, server: httptest.NewServer(handler), store: h.Store}
	t.Cleanup(b.server.Close)
	return b
}

// as sends a request with the token of a platform; body as for call.
func (b *bill) as(p *relaytest.Partner, method, path string, body any) answer {
	b.t.Helper()
	return b.send(method, "/api/v1"+path, body, http.Header{"Authorization": {relaytest.Bearer(p.TokenC)}})
}

// op sends a request with the admin token.
func (b *bill) op(method, path string, body any) answer {
	b.t.Helper()
	return b.call(method, "/api/v1"+path, body)
}

// quiet are checks that miss what these tests do not publish.
const quiet = `{"severity":{"C14":"off","C15":"off","C16":"off","C17":"off"}}`

// agree makes an agreement under which nothing is wrong with a CDR of cdrOf.
func (b *bill) agree(cpo, emsp string) {
	b.t.Helper()
	b.agreeOn(party.Agreement{ID: strings.ToLower(cpo + "-" + emsp), CPO: id(b.t, cpo), EMSP: id(b.t, emsp), CDRChecks: []byte(quiet)})
}

func (b *bill) agreeOn(a party.Agreement) {
	b.t.Helper()
	check(b.t, b.hub.Registry.PutAgreement(b.t.Context(), a))
}

func id(t *testing.T, s string) ocpi.PartyID {
	t.Helper()
	p, err := ocpi.ParsePartyString(s)
	check(t, err)
	return p
}

// take takes a CDR of cdrOf in, and fails the test when it is not accepted.
func (b *bill) take(cpo, emsp, name string, changes ...string) {
	b.t.Helper()
	if a, err := b.intake(cpo, emsp, cdrOf(cpo, emsp, name, changes...)); err != nil || !a.Accepted {
		b.t.Fatalf("CDR %s: %+v %s, %v", name, a, a.Body, err)
	}
}

func (b *bill) intake(cpo, emsp, body string) (relay.Answer, error) {
	b.t.Helper()
	snap, owner, provider := b.hub.Registry.Snapshot(), id(b.t, cpo), id(b.t, emsp)
	q := routing.Request{
		Module: ocpi.CDRs, Interface: ocpi.Receiver, Method: http.MethodPost, To: provider,
		From: snap.Find(owner, ocpi.SideCPO, ocpi.CDRs, ocpi.Sender),
	}
	d := routing.Decide(q, snap, time.Now())
	if d.Mode != routing.Direct {
		b.t.Fatalf("%v %v", d.Mode, d.Err)
	}
	return b.ledger.Intake(b.t.Context(), ledger.Submission{Away: d.Away, Exchange: &relay.Exchange{
		Header:  ocpi.Header{From: ocpi.ClaimOf(owner), To: ocpi.ClaimOf(provider), RequestID: ocpi.NewMessageID(), CorrelationID: ocpi.NewMessageID()},
		Version: ocpi.V221, Request: q, Body: []byte(body), Mode: d.Mode, Target: d.Target, Received: time.Now(),
	}})
}

// start is when the sessions of the tests began.
var start = time.Now().UTC().Add(-3 * time.Hour).Truncate(time.Second)

// cdrOf is a CDR over 10 kWh at 0.40: 4.00 before and 4.84 after tax. Changes are
// pairs of text and what takes its place.
func cdrOf(cpo, emsp, name string, changes ...string) string {
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	body := `{"country_code":"` + cpo[:2] + `","party_id":"` + cpo[3:] + `","id":"` + name + `","start_date_time":"` + at(0) + `","end_date_time":"` + at(time.Hour) + `","session_id":"S-` + name + `",` +
		`"cdr_token":{"country_code":"` + emsp[:2] + `","party_id":"` + emsp[3:] + `","uid":"SECRET-` + name + `","type":"RFID","contract_id":"CONTRACT-` + name + `"},"auth_method":"WHITELIST",` +
		`"cdr_location":{"id":"LOC1","address":"Kade 1","city":"Amsterdam","country":"NLD","coordinates":{"latitude":"52.370000","longitude":"4.900000"},` +
		`"evse_uid":"E-` + name + `","evse_id":"NL*CP1*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},` +
		`"currency":"EUR","tariffs":[{"country_code":"` + cpo[:2] + `","party_id":"` + cpo[3:] + `","id":"T1","currency":"EUR","elements":[` +
		`{"price_components":[{"type":"ENERGY","price":0.40,"vat":21,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}],` +
		`"charging_periods":[{"start_date_time":"` + at(0) + `","dimensions":[{"type":"ENERGY","volume":10.0},{"type":"TIME","volume":1.0}],"tariff_id":"T1"}],` +
		`"total_cost":{"excl_vat":4.00,"incl_vat":4.84},"total_energy":10.0,"total_time":1.0,"last_updated":"` + at(time.Hour+time.Minute) + `"}`
	return strings.NewReplacer(changes...).Replace(body)
}

// overcharged makes a CDR claim 6.05 instead of 4.84, which holds it.
var overcharged = []string{`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":5.00,"incl_vat":6.05}`}

// giveUp makes the ledger give up the delivery of a CDR, as after seven days.
func (b *bill) giveUp(cpo, name string) {
	b.t.Helper()
	check(b.t, b.store.Write(b.t.Context(), func(tx *store.Tx) error {
		c, _, err := tx.CDR(id(b.t, cpo), ocpi.FoldID(name))
		if err != nil {
			return err
		}
		c.Mail, c.Due = ledger.MailDead, 0
		if err := tx.UpdateCDR(&c); err != nil {
			return err
		}
		return tx.PutDeadLetter(store.DeadLetter{
			Lane: "bill/" + c.EMSP.String(), Receiver: c.EMSP, Role: "EMSP", Key: store.ObjectKey{Kind: "cdrs", Party: c.Owner, ID: c.CDRID},
			Name: c.Name, Seq: c.ID, Method: "POST", Error: "the receiver was away for seven days", Attempts: 30, Version: "2.2.1",
		})
	}))
}
