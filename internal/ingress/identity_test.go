package ingress

import (
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// What the body claims must agree with the sender and the path.
func TestCheckBody(t *testing.T) {
	from := &party.Party{ID: ocpi.PartyID{CountryCode: "SE", ID: "KS1"}}
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	const S, R = ocpi.Sender, ocpi.Receiver
	three, four, five := []string{"SE", "KS1", "kS"}, []string{"SE", "KS1", "L", "E"}, []string{"SE", "KS1", "L", "E", "1"}
	for _, c := range []struct {
		module ocpi.Module
		iface  ocpi.Interface
		method string
		path   []string
		body   string
		field  string // that is refused; "": passes
	}{
		{ocpi.Locations, R, "PUT", three, `{"country_code":"se","party_id":"ks1","id":"Ks"}`, ""},
		{ocpi.Locations, R, "PUT", three, `{}`, ""},
		{ocpi.Locations, R, "PUT", three, `{"country_code":"NO"}`, "country_code"},
		{ocpi.Locations, R, "PUT", three, `{"country_code":"ſE"}`, "country_code"},
		{ocpi.Locations, R, "PUT", three, `{"country_code":["SE"]}`, "country_code"},
		{ocpi.Locations, R, "PUT", three, `{"party_id":"KS2"}`, "party_id"},
		{ocpi.Locations, R, "PATCH", three, "{\"party_id\":\"\u212as1\"}", "party_id"},
		{ocpi.Locations, R, "PUT", three, "{\"id\":\"\u212as\"}", "id"},
		{ocpi.Locations, R, "PUT", three, `{"id":"x"}`, "id"},
		{ocpi.Locations, R, "PUT", four, `{"uid":"x"}`, "uid"},
		{ocpi.Locations, R, "PUT", four, `{"uid":"e","id":"other"}`, ""},
		{ocpi.Locations, R, "PATCH", five, `{"id":"2"}`, "id"},
		{ocpi.Sessions, R, "PATCH", three, `{"id":"x"}`, "id"},
		{ocpi.Tariffs, R, "PUT", three, `{"id":"x"}`, "id"},
		{ocpi.Tokens, R, "PUT", three, `{"uid":"x"}`, "uid"},
		{ocpi.Tokens, R, "PUT", three, `{"id":"x"}`, ""},
		{ocpi.CDRs, R, "POST", nil, `{"country_code":"NO","party_id":"KS1"}`, "country_code"},
		{ocpi.CDRs, R, "POST", nil, `{"cdr_token":{"country_code":"NO","party_id":"EM1"}}`, ""},
		{ocpi.Bookings, S, "POST", nil, `{"party_id":"XXX"}`, "party_id"},
		{ocpi.InvoiceReconciliation, R, "POST", nil, `{"party_id":"XXX"}`, "party_id"},
		{ocpi.Payments, R, "POST", []string{"terminals"}, `{"country_code":"NL","party_id":"CP1"}`, ""}, // names the CPO
		{ocpi.Commands, R, "POST", []string{"START_SESSION"}, `{"token":{"country_code":"SE","party_id":"KS1"}}`, ""},
		{ocpi.Commands, R, "POST", []string{"START_SESSION"}, `{"token":{"uid":"x"}}`, ""},
		{ocpi.Commands, R, "POST", []string{"START_SESSION"}, `{"token":{"country_code":"SE","party_id":"XXX"}}`, "token"},
		{ocpi.Commands, R, "POST", []string{"START_SESSION"}, `{"token":{"country_code":"SE","party_id":"KS1","Party_ID":"XXX"}}`, "party_id"},
		{ocpi.Sessions, R, "PUT", three, `{"last_updated":"2026-01-01T12:05:00Z"}`, ""},
		{ocpi.Sessions, R, "PUT", three, `{"last_updated":"2026-01-01T12:05:01Z"}`, "last_updated"},
		{ocpi.Sessions, R, "PUT", three, `{"last_updated":"yesterday"}`, "last_updated"},
		{ocpi.Sessions, R, "PUT", three, `{"last_updated":5}`, "last_updated"},
	} {
		b, err := scan([]byte(c.body))
		if err == nil {
			err = checkBody(route{module: c.module, iface: c.iface, path: c.path}, c.method, from, &b, now)
		}
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s %s: %v", c.module, c.body, err)
		case c.field != "" && (err == nil || len(ocpi.AsError(err).Message) < len(c.field) || ocpi.AsError(err).Message[:len(c.field)] != c.field):
			t.Errorf("%s %s: %v, want a refusal of %s", c.module, c.body, err, c.field)
		}
	}
}

// No body that passes names an owner in a way that another reader could take
// for a different one.
func FuzzScan(f *testing.F) {
	f.Add(`{"country_code":"NL","party_id":"CP1","id":"L"}`)
	f.Add(`{"party_id":"CP1","Party\u005fID":"EVL","cdr_token":{"uid":"x"}}`)
	f.Fuzz(func(t *testing.T, raw string) {
		if ocpi.CheckJSON([]byte(raw)) != nil || !ocpi.IsObject([]byte(raw)) {
			return
		}
		if _, err := scan([]byte(raw)); err != nil {
			return
		}
		if err := ocpi.CheckNames([]byte(raw), guarded...); err != nil {
			t.Errorf("%q passed, though %v", raw, err)
		}
	})
}
