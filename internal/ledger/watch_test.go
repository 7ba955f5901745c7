package ledger_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// keep gives the hub a session, as one that was routed.
func (r *rig) keep(id, status string, updated time.Time) {
	r.t.Helper()
	at := updated.UTC().Format(time.RFC3339)
	body := `{"country_code":"NL","party_id":"CP1","id":"` + id + `","start_date_time":"2026-01-01T00:00:00Z","kwh":1.0,` +
		`"cdr_token":{"country_code":"DE","party_id":"EM1","uid":"U1","type":"RFID","contract_id":"C1"},"auth_method":"WHITELIST",` +
		`"location_id":"LOC1","evse_uid":"E1","connector_id":"1","currency":"EUR","status":"` + status + `","last_updated":"` + at + `"`
	if status == "COMPLETED" {
		body += `,"end_date_time":"` + at + `"`
	}
	err := r.catalog.Keep(r.t.Context(), delivery.Push{
		From: r.cpo.Party(ocpi.RoleCPO), Version: ocpi.V221, Module: ocpi.Sessions, Method: "PUT",
		Path: []string{"NL", "CP1", id}, Body: []byte(body + "}"),
	}, em1)
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) findings(open bool) []store.LedgerFinding {
	r.t.Helper()
	list, err := r.Store.Findings(r.t.Context(), store.FindingQuery{Open: open})
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// A session that has ended and brings no CDR is told to both, and cleared by the
// CDR; one whose CDR is there is not.
func TestMissingCDR(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) {
		a.CDRChecks = []byte(`{"missing_cdr_hours":0,"silent_session_hours":0,"severity":{"C14":"off","C15":"off","C16":"off","C17":"off"}}`)
	})
	now := time.Now()
	r.keep("S-C1", "COMPLETED", now.Add(-2*time.Hour))
	r.keep("S-C2", "COMPLETED", now.Add(-2*time.Hour))
	r.keep("S-C3", "ACTIVE", now.Add(-2*time.Hour))
	r.keep("S-C4", "INVALID", now.Add(-2*time.Hour))
	r.accept(cdr("C2"))
	r.run()
	r.eventually("found", func() bool { return len(r.findings(true)) == 2 })
	kinds := map[string]string{}
	for _, f := range r.findings(true) {
		kinds[f.Session] = f.Kind
		if f.CPO != cp1 || f.EMSP != em1 {
			t.Errorf("%+v", f)
		}
	}
	if kinds["s-c1"] != ledger.FindingMissing || kinds["s-c3"] != ledger.FindingSilent {
		t.Errorf("found %v", kinds)
	}
	r.accept(cdr("C1"))
	if open := r.findings(true); len(open) != 1 || open[0].Session != "s-c3" {
		t.Errorf("open are %+v", open)
	}
	if all := r.findings(false); len(all) != 2 {
		t.Errorf("%d findings", len(all))
	}
	r.sound()
}

// Each version of a tariff is kept by the time at which it came.
func TestTariffVersions(t *testing.T) {
	r := newRig(t)
	push := func(method, price string) {
		t.Helper()
		p := delivery.Push{
			From: r.cpo.Party(ocpi.RoleCPO), Version: ocpi.V221, Module: ocpi.Tariffs, Method: method, Path: []string{"NL", "CP1", "T1"},
		}
		if method == "PUT" {
			p.Body = []byte(`{"country_code":"NL","party_id":"CP1","id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":` + price +
				`,"step_size":1}]}],"last_updated":"` + time.Now().UTC().Format(time.RFC3339) + `"}`)
		}
		if _, err := r.catalog.Publish(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	push("PUT", "0.40")
	push("PUT", "0.40")
	push("PUT", "0.50")
	push("DELETE", "")
	push("PUT", "0.60")
	list, err := r.Store.TariffVersions(t.Context(), cp1, "t1")
	if err != nil || len(list) != 4 || !list[2].Deleted || list[3].Received <= list[0].Received {
		t.Fatalf("%d versions %+v, %v", len(list), list, err)
	}
}

// T27: a tariff that is changed after the session started does not change what
// the session costs.
func TestTariffTampering(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) { a.CDRChecks = []byte(`{"severity":{"C15":"off","C16":"off"}}`) })
	version := func(price string, at time.Time) {
		err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
			return tx.PutTariffVersion(store.TariffVersion{
				Owner: cp1, ID: "t1", Received: at.UnixMicro(), Version: "2.2.1", Hash: []byte(price),
				Body: []byte(`{"country_code":"NL","party_id":"CP1","id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":` + price +
					`,"vat":21,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}`),
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	version("0.40", time.Now().Add(-24*time.Hour))
	version("0.50", time.Now().Add(-time.Hour))
	r.accept(cdr("C1"))
	if r.cdr("C1").Held {
		t.Error("the price of the tariff at the start is held")
	}
	r.accept(cdr("C2", `"price":0.40`, `"price":0.50`, `4.00,`, `5.00,`, `4.84}`, `6.05}`))
	if !r.cdr("C2").Held {
		t.Error("the price of a tariff that came later is not held")
	}
	r.sound()
}

// What gave the driver the right is evidence for the CDR.
func TestAuthorized(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) { a.CDRChecks = []byte(`{"severity":{"C15":"off","C17":"off"}}`) })
	auth := func(id string) string {
		return cdr(id, `"auth_method":"WHITELIST"`, `"auth_method":"AUTH_REQUEST","authorization_reference":"Ref-`+id+`"`)
	}
	early := time.Now().Add(-4 * time.Hour)
	r.ledger.SetClock(func() time.Time { return early })
	err := r.ledger.Authorized(t.Context(), ledger.Authorization{
		CPO: cp1, EMSP: em1, Method: ledger.ByRequest, Reference: "REF-C1", Token: "u-c1", Contract: "DE-EM1-C1-X",
	})
	if err != nil {
		t.Fatal(err)
	}
	r.ledger.SetClock(time.Now)
	r.accept(auth("C1"))
	r.accept(auth("C2"))
	if r.cdr("C1").Held || !r.cdr("C2").Held {
		t.Errorf("held: authorised %v, not authorised %v: %s", r.cdr("C1").Held, r.cdr("C2").Held, r.found("C1"))
	}
	r.sound()
}

// Of a token that is authorised again and again the newest authorisations are looked
// at, and the one that the CDR names.
func TestManyAuthorizations(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) { a.CDRChecks = []byte(`{"severity":{"C15":"off","C17":"off"}}`) })
	const n = 1200
	at := time.Now().Add(-5 * time.Hour)
	err := r.Store.Write(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			err := tx.PutAuthorization(store.Authorization{
				ID: fmt.Sprint(i), At: at.Add(time.Duration(i) * time.Second).UnixMicro(), CPO: cp1, EMSP: em1, Method: ledger.ByRequest,
				Reference: fmt.Sprint("ref-", i), Token: ocpi.TokenKey("u-c", "RFID"), Contract: "DE-EM1-C1-X",
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 600, n - 1} {
		id := fmt.Sprint("C", i)
		r.accept(cdr(id, `"U-`+id+`"`, `"U-C"`, `"auth_method":"WHITELIST"`, fmt.Sprintf(`"auth_method":"AUTH_REQUEST","authorization_reference":"Ref-%d"`, i)))
		if r.cdr(id).Held {
			t.Errorf("it names the authorisation %d and is held: %s", i, r.found(id))
		}
	}
	r.accept(cdr("C", `"U-C"`, `"u-c"`, `"auth_method":"WHITELIST"`, `"auth_method":"AUTH_REQUEST","authorization_reference":"never"`))
	r.holds("C", "C16 hold reference_unknown")
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
