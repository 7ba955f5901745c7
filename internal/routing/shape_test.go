package routing_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

// defined is what OCPI defines below the endpoints, written as its tables of
// methods and its URL templates are. A path that is missing here is 404, a
// method 405.
var defined = []struct {
	module  ocpi.Module
	iface   ocpi.Interface
	path    string
	methods string // none: no such resource
}{
	{ocpi.Locations, ocpi.Sender, "", "GET"}, // §8.2.1
	{ocpi.Locations, ocpi.Sender, "L", "GET"},
	{ocpi.Locations, ocpi.Sender, "L/E", "GET"},
	{ocpi.Locations, ocpi.Sender, "L/E/1", "GET"},
	{ocpi.Locations, ocpi.Sender, "L/E/1/x", ""},
	{ocpi.Locations, ocpi.Receiver, "NL/CP1", ""}, // §8.2.2
	{ocpi.Locations, ocpi.Receiver, "NL/CP1/L", "GET PUT PATCH"},
	{ocpi.Locations, ocpi.Receiver, "NL/CP1/L/E", "GET PUT PATCH"},
	{ocpi.Locations, ocpi.Receiver, "NL/CP1/L/E/1", "GET PUT PATCH"},
	{ocpi.Locations, ocpi.Receiver, "NL/CP1/L/E/1/x", ""},
	{ocpi.Sessions, ocpi.Sender, "", "GET"}, // §9.2.1
	{ocpi.Sessions, ocpi.Sender, "S", ""},
	{ocpi.Sessions, ocpi.Sender, "S/charging_preferences", "PUT"},
	{ocpi.Sessions, ocpi.Sender, "S/other", ""},
	{ocpi.Sessions, ocpi.Receiver, "NL/CP1/S", "GET PUT PATCH"}, // §9.2.2
	{ocpi.CDRs, ocpi.Sender, "", "GET"},                         // §10.2.1
	{ocpi.CDRs, ocpi.Sender, "C", ""},
	{ocpi.CDRs, ocpi.Receiver, "", "POST"}, // §10.2.2
	{ocpi.CDRs, ocpi.Receiver, "C", "GET"},
	{ocpi.CDRs, ocpi.Receiver, "NL/CP1", ""},
	{ocpi.CDRs, ocpi.Receiver, "NL/CP1/C", "GET"},
	{ocpi.Tariffs, ocpi.Sender, "", "GET"}, // §11.2.1
	{ocpi.Tariffs, ocpi.Sender, "T", ""},
	{ocpi.Tariffs, ocpi.Receiver, "NL/CP1/T", "GET PUT DELETE"}, // §11.2.2
	{ocpi.Tokens, ocpi.Sender, "", "GET"},                       // §12.2.2
	{ocpi.Tokens, ocpi.Sender, "T/authorize", "POST"},
	{ocpi.Tokens, ocpi.Sender, "T/credentials", ""},
	{ocpi.Tokens, ocpi.Receiver, "DE/EM1/T", "GET PUT PATCH"}, // §12.2.1
	{ocpi.Commands, ocpi.Receiver, "START_SESSION", "POST"},   // §13.2.1
	{ocpi.Commands, ocpi.Receiver, "START_SESSION/1", ""},
	{ocpi.ChargingProfiles, ocpi.Receiver, "S", "GET PUT DELETE"}, // §14.2.1
	{ocpi.ChargingProfiles, ocpi.Sender, "S", "PUT"},              // §14.2.2
	{ocpi.HubClientInfo, ocpi.Sender, "", "GET"},                  // §15.2
	{ocpi.HubClientInfo, ocpi.Receiver, "NL/CP1", "GET PUT"},
	{ocpi.Bookings, ocpi.Sender, "", "GET POST"},
	{ocpi.Bookings, ocpi.Sender, "booking_locations", "GET"},
	{ocpi.Bookings, ocpi.Sender, "booking_locations/B", "GET"},
	{ocpi.Bookings, ocpi.Sender, "booking_locations/B/C", "GET"},
	{ocpi.Bookings, ocpi.Sender, "other/B", ""},
	{ocpi.Bookings, ocpi.Receiver, "NL/CP1/B", "GET PUT PATCH"},
	{ocpi.Bookings, ocpi.Receiver, "NL/CP1/booking_locations/B", "GET PUT PATCH"},
	{ocpi.Bookings, ocpi.Receiver, "NL/CP1/booking_locations/B/C", "GET PUT PATCH"},
	{ocpi.Bookings, ocpi.Receiver, "NL/CP1/other/B", ""},
	{ocpi.Payments, ocpi.Sender, "terminals", "GET"},
	{ocpi.Payments, ocpi.Sender, "terminals/T", "GET PUT PATCH"},
	{ocpi.Payments, ocpi.Sender, "terminals/T/deactivate", "POST"},
	{ocpi.Payments, ocpi.Sender, "terminals/T/explode", ""},
	{ocpi.Payments, ocpi.Sender, "financial-advice-confirmations", "GET"},
	{ocpi.Payments, ocpi.Sender, "financial-advice-confirmations/F", "GET"},
	{ocpi.Payments, ocpi.Sender, "other", ""},
	{ocpi.Payments, ocpi.Receiver, "terminals", "POST"},
	{ocpi.Payments, ocpi.Receiver, "terminals/T", "GET"},
	{ocpi.Payments, ocpi.Receiver, "financial-advice-confirmations", "POST"},
	{ocpi.Payments, ocpi.Receiver, "financial-advice-confirmations/F", "GET"},
	{ocpi.Payments, ocpi.Receiver, "terminals/T/deactivate", ""},
	{ocpi.InvoiceReconciliation, ocpi.Sender, "", "GET"},
	{ocpi.InvoiceReconciliation, ocpi.Receiver, "", "POST"},
	{ocpi.InvoiceReconciliation, ocpi.Receiver, "DE/EM1/I", "GET PUT DELETE"},
	{ocpi.InvoiceReconciliation, ocpi.Receiver, "DE/EM1/I/x", ""},
	{"acme-x", ocpi.Receiver, "a/b/c/d/e/f/g", "GET POST PUT PATCH DELETE"},
	{"acme-x", ocpi.Sender, "", "GET POST PUT PATCH DELETE"},
}

func segments(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

func TestCheckShape(t *testing.T) {
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", ""}
	for _, c := range defined {
		allowed := strings.Fields(c.methods)
		for _, method := range methods {
			err := routing.CheckShape(ocpi.V230, c.module, c.iface, method, segments(c.path))
			want := 405
			switch {
			case slices.Contains(allowed, method):
				want = 200
			case c.methods == "":
				want = 404
			}
			got := 200
			if err != nil {
				got = ocpi.AsError(err).HTTPStatus()
			}
			// Results that are posted to the endpoint are told where they belong.
			toResponseURL := c.iface == ocpi.Sender && method == "POST" && (c.module == ocpi.Commands || c.module == ocpi.ChargingProfiles)
			if got != want && !toResponseURL {
				t.Errorf("%s %s %s %q: %d, want %d", c.module, c.iface, method, c.path, got, want)
			}
			if toResponseURL && err == nil {
				t.Errorf("%s %s %s %q passed", c.module, c.iface, method, c.path)
			}
		}
	}
}

func TestActivateIsNoTerminal(t *testing.T) {
	if err := routing.CheckShape(ocpi.V230, ocpi.Payments, ocpi.Sender, "POST", []string{"terminals", "activate"}); err != nil {
		t.Error(err)
	}
	if err := routing.CheckShape(ocpi.V230, ocpi.Payments, ocpi.Sender, "POST", []string{"terminals", "T"}); err == nil {
		t.Error("a terminal was posted to")
	}
}

// Every module and interface that the hub advertises is in the table.
func TestEveryAdvertisedModuleHasAShape(t *testing.T) {
	for _, m := range ocpi.Functional(ocpi.V230) {
		for _, i := range []ocpi.Interface{ocpi.Sender, ocpi.Receiver} {
			there := slices.ContainsFunc(defined, func(d struct {
				module  ocpi.Module
				iface   ocpi.Interface
				path    string
				methods string
			}) bool {
				return d.module == m && d.iface == i && d.methods != ""
			})
			if there == (m == ocpi.Commands && i == ocpi.Sender) {
				t.Errorf("%s %s: in the table %v", m, i, there)
			}
		}
	}
}

func TestOwned(t *testing.T) {
	for _, c := range defined {
		want := c.methods != "" && c.iface == ocpi.Receiver && c.module != ocpi.CDRs && c.module != ocpi.HubClientInfo &&
			(strings.HasPrefix(c.path, "NL/CP1") || strings.HasPrefix(c.path, "DE/EM1"))
		if got := routing.Owned(c.module, c.iface, segments(c.path)); got != want {
			t.Errorf("%s %s %q: owned %v, want %v", c.module, c.iface, c.path, got, want)
		}
	}
}

// Each message needs the one scope that the glossary names for it.
func TestScopes(t *testing.T) {
	snap := network()
	cpo, emsp := on(snap, "P1", cp1, ocpi.RoleCPO), on(snap, "P3", em1, ocpi.RoleEMSP)
	for _, c := range []struct {
		module ocpi.Module
		iface  ocpi.Interface
		method string
		path   string
		want   party.Scope
	}{
		{ocpi.Locations, ocpi.Receiver, "PUT", "NL/CP1/L", "locations"},
		{ocpi.Tariffs, ocpi.Receiver, "PUT", "NL/CP1/T", "tariffs"},
		{ocpi.Sessions, ocpi.Receiver, "PUT", "NL/CP1/S", "sessions"},
		{ocpi.Sessions, ocpi.Sender, "GET", "", "sessions"},
		{ocpi.Sessions, ocpi.Sender, "PUT", "S/charging_preferences", "chargingprofiles"},
		{ocpi.CDRs, ocpi.Receiver, "POST", "", "cdrs"},
		{ocpi.Tokens, ocpi.Sender, "GET", "", "tokens"},
		{ocpi.Tokens, ocpi.Receiver, "PUT", "DE/EM1/T", "tokens"},
		{ocpi.Tokens, ocpi.Sender, "POST", "T/authorize", "authorize"},
		{ocpi.Commands, ocpi.Receiver, "POST", "START_SESSION", "commands"},
		{ocpi.Commands, ocpi.Receiver, "POST", "RESERVE_NOW", "reservations"},
		{ocpi.Commands, ocpi.Receiver, "POST", "CANCEL_RESERVATION", "reservations"},
		{ocpi.ChargingProfiles, ocpi.Receiver, "PUT", "S", "chargingprofiles"},
		{ocpi.Bookings, ocpi.Sender, "POST", "", "reservations"},
		{ocpi.Payments, ocpi.Sender, "GET", "terminals", "payments"},
		{ocpi.InvoiceReconciliation, ocpi.Receiver, "POST", "", "invoicereconciliation"},
		{"acme-x", ocpi.Receiver, "POST", "", "acme-x"},
	} {
		from := cpo
		if c.module.Implementer(c.iface) == ocpi.SideCPO {
			from = emsp
		}
		d := routing.Decide(routing.Request{
			Module: c.module, Interface: c.iface, Method: c.method, Path: segments(c.path), From: from, To: em1,
		}, snap, now)
		if d.Scope != c.want {
			t.Errorf("%s %s %s %q: scope %s, want %s", c.module, c.iface, c.method, c.path, d.Scope, c.want)
		}
	}
}

// A custom module is carried only where the agreement names it: an agreement
// without a scope covers what OCPI defines, and so do open agreements.
func TestCustomModuleNeedsItsName(t *testing.T) {
	for name, c := range map[string]struct {
		open  bool
		scope []party.Scope
		want  routing.Mode
	}{
		"whole agreement":  {false, nil, routing.Refuse},
		"open agreements":  {true, []party.Scope{"locations"}, routing.Refuse},
		"named":            {false, []party.Scope{"acme-x"}, routing.Direct},
		"named, also open": {true, []party.Scope{"acme-x"}, routing.Direct},
		"another":          {false, []party.Scope{"acme-y", "locations"}, routing.Refuse},
	} {
		ends := map[party.EndpointKey]string{{Module: "acme-x", Interface: ocpi.Receiver}: "https://p.example/x"}
		platform := func(id ocpi.PartyID, r ocpi.Role) *party.Platform {
			p := &party.Platform{ID: id.String(), State: party.StateConnected, Endpoints: ends}
			p.Parties = []*party.Party{{ID: id, Role: r, Confirmed: true, Status: party.Connected, Platform: p}}
			return p
		}
		a, b := platform(cp1, ocpi.RoleCPO), platform(em1, ocpi.RoleEMSP)
		snap := party.NewSnapshot(hub, c.open, []*party.Platform{a, b}, []*party.Agreement{{ID: "a", CPO: cp1, EMSP: em1, Scope: c.scope}})
		d := routing.Decide(routing.Request{
			Module: "acme-x", Interface: ocpi.Receiver, Method: "POST", From: a.Parties[0], To: em1,
		}, snap, now)
		if d.Mode != c.want {
			t.Errorf("%s: %v, want %v", name, d.Mode, c.want)
		}
	}
}

// Session ids are unique per CPO, reservation ids per provider: what is known of
// another party's id must not lead a message to a stranger.
func TestKeysHoldWhoNamesTheID(t *testing.T) {
	snap := network()
	cpo1, cpo2 := on(snap, "P1", cp1, ocpi.RoleCPO), on(snap, "P2", cp2, ocpi.RoleCPO)
	emsp1, emsp2 := on(snap, "P3", em1, ocpi.RoleEMSP), on(snap, "P2", em2, ocpi.RoleEMSP)
	key := func(from *party.Party, m ocpi.Module, i ocpi.Interface, method string, path []string, c routing.Content) routing.Key {
		k, ok := routing.Lookup(routing.Request{Module: m, Interface: i, Method: method, Path: path, From: from, Content: c}, hub)
		if !ok {
			t.Fatalf("%s has no key", m)
		}
		return k
	}
	profile := func(p *party.Party) routing.Key {
		return key(p, ocpi.ChargingProfiles, ocpi.Sender, "PUT", []string{"S"}, routing.Content{})
	}
	if profile(cpo1) == profile(cpo2) {
		t.Error("two operators' sessions share a charging profile")
	}
	if profile(cpo1) != routing.ProfileKey(cp1, "s") {
		t.Error("the profile is looked up under another key than it is learned")
	}
	reservation := func(p *party.Party) routing.Key {
		return key(p, ocpi.Commands, ocpi.Receiver, "POST", []string{"CANCEL_RESERVATION"}, routing.Content{ReservationID: "1"})
	}
	if reservation(emsp1) == reservation(emsp2) {
		t.Error("two providers' reservations share an owner")
	}
	if reservation(emsp1) != routing.ReservationKey(em1, "1") {
		t.Error("the reservation is looked up under another key than it is learned")
	}
}
