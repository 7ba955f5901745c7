package catalog_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/ocpi"
)

func get(h *Hub, viewer *Partner, m ocpi.Module, i ocpi.Interface, path string) (string, error) {
	path, query, _ := strings.Cut(path, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		return "", err
	}
	b, _, err := h.Catalog.Get(context.Background(), h.Party(viewer, ""), viewer.Version, m, i, strings.Split(path, "/"), q)
	return string(b), err
}

// F11, F16, T9: objects of the hub's copy, their parts, and one answer for what
// is foreign and what does not exist.
func TestGet(t *testing.T) {
	h := New(t, false)
	cpo, cpo2 := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	emsp, stranger := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	h.Agree("NL-CP1", "DE-EM1")
	h.Agree("NL-CP2", "DE-EM1", "tokens")
	h.Agree("NL-CP1", "DE-EM2", "sessions")
	loc := Location("LOC1", t1)
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", loc)
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/LOC1", LocationOf("NL", "CP2", "LOC1", t1))
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/U1", Token("U1", "APP_USER", t1))
	if err := keep(h, cpo, "PUT", ocpi.Sessions, "NL/CP1/S1", Session("S1", "DE", "EM1", t1), em1); err != nil {
		t.Fatal(err)
	}
	rcv, snd := ocpi.Receiver, ocpi.Sender
	for _, tt := range []struct {
		who  string
		p    *Partner
		m    ocpi.Module
		i    ocpi.Interface
		path string
		want string
	}{
		{"the owner", cpo, ocpi.Locations, rcv, "nl/cp1/loc1", loc},
		{"the eMSP", emsp, ocpi.Locations, rcv, "NL/CP1/LOC1", loc},
		{"the eMSP", emsp, ocpi.Locations, rcv, "NL/CP1/LOC1/e1", EVSE("E1", t1)},
		{"the eMSP", emsp, ocpi.Locations, rcv, "NL/CP1/LOC1/E1/1", Connector("1", t1)},
		{"the eMSP", emsp, ocpi.Locations, snd, "LOC1", loc}, // the other LOC1 is not visible
		{"the eMSP", emsp, ocpi.Locations, snd, "LOC1/E1/1", Connector("1", t1)},
		{"the eMSP", emsp, ocpi.Tariffs, rcv, "NL/CP1/T1", Tariff("T1", t1)},
		{"the CPO", cpo, ocpi.Tokens, rcv, "DE/EM1/u1?type=APP_USER", Token("U1", "APP_USER", t1)},
		{"the eMSP", emsp, ocpi.Sessions, rcv, "NL/CP1/S1", Session("S1", "DE", "EM1", t1)},
		{"the owner", cpo, ocpi.Sessions, rcv, "NL/CP1/S1", Session("S1", "DE", "EM1", t1)},
	} {
		if got, err := get(h, tt.p, tt.m, tt.i, tt.path); err != nil || got != tt.want {
			t.Errorf("%s GETs %s %s: %s, err %v, want %s", tt.who, tt.m, tt.path, got, err, tt.want)
		}
	}
	for _, tt := range []struct {
		p      *Partner
		m      ocpi.Module
		i      ocpi.Interface
		path   string
		status int
	}{
		{stranger, ocpi.Locations, rcv, "NL/CP1/LOC1", 2003},
		{stranger, ocpi.Locations, rcv, "NL/CP1/NONE", 2003},
		{stranger, ocpi.Locations, rcv, "XX/XXX/LOC1", 2003},
		{stranger, ocpi.Locations, rcv, "XX/X*X/LOC1", 2003},
		{stranger, ocpi.Locations, snd, "LOC1", 2003},
		{stranger, ocpi.Locations, snd, "NONE", 2003},
		{cpo2, ocpi.Locations, rcv, "NL/CP1/LOC1", 2003},
		{emsp, ocpi.Locations, rcv, "NL/CP2/LOC1", 2003},
		{emsp, ocpi.Locations, rcv, "NL/CP1/LOC1/E9", 2003},
		{emsp, ocpi.Locations, rcv, "NL/CP1/LOC1/E1/9", 2003},
		{cpo, ocpi.Tokens, rcv, "DE/EM1/U1", 2004}, // no such RFID token
		{stranger, ocpi.Sessions, rcv, "NL/CP1/S1", 2000},
		{stranger, ocpi.Sessions, rcv, "NL/CP1/NONE", 2000},
		{emsp, ocpi.Tariffs, rcv, "NL/CP1", 2000},
	} {
		_, err := get(h, tt.p, tt.m, tt.i, tt.path)
		wantError(t, err, 404, tt.status, "object is not known")
	}
	h.Agree("NL-CP2", "DE-EM1")
	_, err := get(h, emsp, ocpi.Locations, snd, "LOC1") // G06
	wantError(t, err, 200, 2001, "path")
}
