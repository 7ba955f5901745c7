package catalog_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/catalog"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

var em1 = ocpi.PartyID{CountryCode: "DE", ID: "EM1"}

func keep(h *Hub, from *Partner, method string, m ocpi.Module, path, body string, audience ocpi.PartyID) error {
	return h.Catalog.Keep(context.Background(), from.Push(method, m, path, body), audience)
}

// cdrBody is a CDR of NL-CP1 for DE-EM1.
func cdrBody(id, stamp string) string {
	return `{"country_code":"NL","party_id":"CP1","id":"` + id + `","start_date_time":"2026-01-01T10:00:00Z","end_date_time":"2026-01-01T11:00:00Z",` +
		`"cdr_token":{"country_code":"DE","party_id":"EM1","uid":"U1","type":"RFID","contract_id":"DE8ACC12E46L89"},"auth_method":"WHITELIST",` +
		`"cdr_location":{"id":"LOC1","address":"Main 1","city":"Gent","country":"BEL","coordinates":{"latitude":"51.047599","longitude":"3.729944"},` +
		`"evse_uid":"E1","evse_id":"BE*BEC*E041503001","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"CABLE","connector_power_type":"AC_3_PHASE"},` +
		`"currency":"EUR","charging_periods":[{"start_date_time":"2026-01-01T10:00:00Z","dimensions":[{"type":"ENERGY","volume":10.0}]}],` +
		`"total_cost":{"excl_vat":4.00},"total_energy":10.0,"total_time":1.0,"last_updated":"` + stamp + `"}`
}

// Sessions are merged, charging periods appended, and nothing is sent (F13).
func TestKeepSession(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.Start()
	if err := keep(h, cpo, "PATCH", ocpi.Sessions, "NL/CP1/S1", `{"kwh":2,"last_updated":"`+t2+`"}`, em1); ocpi.AsError(err).HTTP != 404 {
		t.Errorf("a patch before the session: %v", err)
	}
	if err := keep(h, cpo, "PUT", ocpi.Sessions, "NL/CP1/S1", Session("S1", "DE", "EM1", t1), em1); err != nil {
		t.Fatal(err)
	}
	period := `{"start_date_time":"2026-01-01T10:05:00Z","dimensions":[{"type":"ENERGY","volume":1.0}]}`
	for _, at := range []string{t2, t3} {
		if err := keep(h, cpo, "PATCH", ocpi.Sessions, "nl/cp1/s1", `{"kwh":2.50,"charging_periods":[`+period+`],"last_updated":"`+at+`"}`, em1); err != nil {
			t.Fatal(err)
		}
	}
	if err := keep(h, cpo, "PATCH", ocpi.Sessions, "NL/CP1/S1", `{"kwh":1,"last_updated":"`+t2+`"}`, em1); err != nil {
		t.Errorf("a stale patch: %v", err)
	}
	got := stored(t, h, "sessions", cp1, "s1")
	if !strings.Contains(got, `"charging_periods":[`+period+`,`+period+`]`) || !strings.Contains(got, `"kwh":2.50`) || !strings.Contains(got, t3) {
		t.Errorf("stored %s", got)
	}
	h.Idle()
	if r := emsp.Received(ocpi.Sessions); len(r) != 0 {
		t.Errorf("the eMSP received %v", r)
	}
	o, _, _ := h.Store.Object(t.Context(), store.ObjectKey{Kind: "sessions", Party: cp1, ID: "s1"})
	if o.Audience != "DE-EM1" {
		t.Errorf("audience %q", o.Audience)
	}
}

func TestKeepRefuses(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	session := Session("S1", "DE", "EM1", t1)
	for name, tt := range map[string]struct {
		method   string
		m        ocpi.Module
		path     string
		body     string
		audience ocpi.PartyID
	}{
		"CDR":           {"POST", ocpi.CDRs, "", cdrBody("Cdr1", t1), em1},
		"foreign owner": {"PUT", ocpi.Sessions, "NL/CP2/S1", session, em1},
		"invalid":       {"PUT", ocpi.Sessions, "NL/CP1/S1", strings.Replace(session, `"currency":"EUR",`, ``, 1), em1},
		"no audience":   {"PUT", ocpi.Sessions, "NL/CP1/S1", session, ocpi.PartyID{}},
		"location":      {"PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1), em1},
	} {
		if err := keep(h, cpo, tt.method, tt.m, tt.path, tt.body, tt.audience); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
}

// The hook sees what is stored, in the transaction that stores it.
func TestKept(t *testing.T) {
	var kept []string
	var broken error
	h := New(t, true)
	h.Catalog = catalog.New(catalog.Options{
		Store: h.Store, Registry: h.Registry, Delivery: h.Delivery, SignKey: []byte("k"),
		Kept: func(_ *store.Tx, o *store.Object) error {
			kept = append(kept, o.Kind+" "+o.ID)
			return broken
		},
	})
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	if err := keep(h, cpo, "PUT", ocpi.Sessions, "NL/CP1/S1", Session("S1", "DE", "EM1", t1), em1); err != nil {
		t.Fatal(err)
	}
	if len(kept) != 1 || kept[0] != "sessions s1" {
		t.Errorf("kept %v", kept)
	}
	broken = errors.New("no room")
	if err := keep(h, cpo, "PUT", ocpi.Sessions, "NL/CP1/S2", Session("S2", "DE", "EM1", t1), em1); err == nil {
		t.Error("stored although the hook failed")
	}
	if _, found, err := h.Store.Object(t.Context(), store.ObjectKey{Kind: "sessions", Party: cp1, ID: "s2"}); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
}
