package v230_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v230"
	"github.com/go-json-experiment/json"
)

const now = ocpi.DateTime("2024-01-01T00:00:00Z")

func location() *v230.Location {
	return &v230.Location{
		CountryCode: "NL", PartyID: "TNM", ID: "LOC1", Address: "Kade 1", City: "Gent", Country: "NLD", TimeZone: "Europe/Amsterdam", HelpPhone: "+31 20",
		Coordinates: v230.GeoLocation{Latitude: "52.1", Longitude: "-5.123456"}, LastUpdated: now,
		ParkingPlaces: []v230.Parking{{ID: "P1", VehicleTypes: []v230.VehicleType{"VAN", "HOVERCRAFT"}, Direction: "ANGLE", TimeLimit: ocpi.MustNumber("60")}},
		EVSEs: []v230.EVSE{{
			UID: "1", Status: "AVAILABLE", LastUpdated: now, Parking: []v230.EVSEParking{{ParkingID: "P1", EVSEPosition: "LEFT"}},
			Connectors: []v230.Connector{{
				ID: "1", Standard: v230.MCS, Format: "CABLE", PowerType: "DC", MaxVoltage: 1250, MaxAmperage: 3000, LastUpdated: now,
				Capabilities: []v230.ConnectorCapability{"ISO_15118_20_PLUG_AND_CHARGE"},
			}},
		}},
	}
}

func tariff() *v230.Tariff {
	return &v230.Tariff{
		CountryCode: "NL", PartyID: "TNM", ID: "T1", Currency: "EUR", TaxIncluded: v230.TaxesIncluded, LastUpdated: now,
		MinPrice: &v230.PriceLimit{BeforeTaxes: ocpi.MustNumber("1")}, PreauthorizeAmount: ocpi.MustNumber("50"),
		Elements: []v230.TariffElement{{
			PriceComponents: []v230.PriceComponent{{Type: "ENERGY", Price: ocpi.MustNumber("0.25"), StepSize: 1}},
			Restrictions:    &v230.TariffRestrictions{Booking: "BOOKING"},
		}},
	}
}

func session() *v230.Session {
	return &v230.Session{
		CountryCode: "NL", PartyID: "TNM", ID: "101", StartDateTime: now, AuthMethod: "COMMAND", LocationID: "LOC1", EVSEUID: "3256", ConnectorID: "1", Currency: "EUR",
		Status: "ACTIVE", LastUpdated: now, CdrToken: v230.CdrToken{CountryCode: "DE", PartyID: "8AA", UID: "1", Type: v230.EMAID, ContractID: "C"},
		TotalCost: &v230.Price{BeforeTaxes: ocpi.MustNumber("4"), Taxes: []v230.TaxAmount{{Name: "VAT", Amount: ocpi.MustNumber("0.84")}}},
	}
}

func cdr() *v230.CDR {
	return &v230.CDR{
		CountryCode: "NL", PartyID: "TNM", ID: "C1", StartDateTime: now, EndDateTime: now, AuthMethod: "COMMAND", Currency: "EUR", CdrToken: session().CdrToken,
		Tariffs: []v230.Tariff{*tariff()}, TotalCost: *session().TotalCost, LastUpdated: now, BookingID: "B1",
		CdrLocation: v230.CdrLocation{
			ID: "LOC1", Address: "Kade 1", City: "Gent", Country: "BEL", Coordinates: v230.GeoLocation{Latitude: "3.7", Longitude: "51"},
			EVSEUID: "1", EVSEID: "#NA", ConnectorID: "1", ConnectorStandard: v230.SAEJ3400, ConnectorFormat: "CABLE", ConnectorPowerType: "DC",
		},
		ChargingPeriods: []v230.ChargingPeriod{{StartDateTime: now, Dimensions: []v230.CdrDimension{{Type: "RESERVATION_OVERTIME"}}}},
	}
}

func TestCheck(t *testing.T) {
	objects := map[string]struct {
		module ocpi.Module
		level  int
		object interface{ Validate() error }
	}{
		"location": {ocpi.Locations, 0, location()}, "evse": {ocpi.Locations, 1, &location().EVSEs[0]}, "connector": {ocpi.Locations, 2, &location().EVSEs[0].Connectors[0]},
		"tariff": {ocpi.Tariffs, 0, tariff()}, "session": {ocpi.Sessions, 0, session()}, "cdr": {ocpi.CDRs, 0, cdr()},
		"record": {ocpi.InvoiceReconciliation, 0, &v230.InvoiceReconciliationRecord{CountryCode: "NL", PartyID: "TNM", ID: "R", InvoiceID: "I", CDRs: []string{"C1"}, LastUpdated: now}},
		"token":  {ocpi.Tokens, 0, &v230.Token{CountryCode: "DE", PartyID: "8AA", UID: "1", Type: v230.EMAID, ContractID: "C", Issuer: "I", Whitelist: "NEVER", LastUpdated: now}},
		"client": {ocpi.HubClientInfo, 0, &v230.ClientInfo{CountryCode: "NL", PartyID: "TNM", Role: "CPO", Status: "CONNECTED", LastUpdated: now}},
	}
	for name, o := range objects {
		if err := o.object.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		body, _ := json.Marshal(o.object)
		if err := v230.Check(o.module, o.level, body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tt := range []struct{ object, old, new, want string }{
		{"location", `"restricted_to_type":false,`, ``, "parking_places[0].restricted_to_type: is missing"},
		{"location", `"ANGLE"`, `"SLOPE"`, "parking_places[0].direction: must be one of PARALLEL, PERPENDICULAR, ANGLE"},
		{"location", `["VAN","HOVERCRAFT"]`, `[]`, "parking_places[0].vehicle_types: must have at least one element"},
		{"location", `"MCS"`, `"vendor-plug"`, ""},
		{"tariff", `"tax_included":"YES",`, ``, "tax_included: is missing"},
		{"tariff", `"YES"`, `"MAYBE"`, "tax_included: must be one of YES, NO, N/A"},
		{"tariff", `"before_taxes":1`, `"excl_vat":1`, "min_price.before_taxes: is missing"},
		{"tariff", `"BOOKING"`, `"BOOK"`, "elements[0].restrictions.booking: must be one of BOOKING, BOOKING_EXPIRES, BOOKING_CANCELLATION_FEES, BOOKING_OVERTIME"},
		{"session", `"amount":0.84`, `"amount":"0.84"`, "total_cost.taxes[0].amount: must be a number"},
		{"session", `"taxes":[`, `"taxes":null,"x":[`, ""},
		{"cdr", `"tax_included":"YES",`, ``, ""}, // the specification's own example lacks it there
		{"cdr", `"before_taxes":4`, `"excl_vat":4`, "total_cost.before_taxes: is missing"},
		{"record", `["C1"]`, `[]`, "cdrs: must have at least one element"},
	} {
		o := objects[tt.object]
		body, _ := json.Marshal(o.object)
		changed := strings.Replace(string(body), tt.old, tt.new, 1)
		if changed == string(body) {
			t.Fatalf("%s does not occur in %s", tt.old, body)
		}
		err := v230.Check(o.module, o.level, []byte(changed))
		e, _ := errors.AsType[*ocpi.Error](err)
		if tt.want == "" && err != nil || tt.want != "" && (e == nil || e.Message != tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestCredentials(t *testing.T) {
	c := v230.Credentials{Token: "t", URL: "https://example.com/ocpi/versions", HubPartyID: "DEHUB", Roles: []v230.CredentialsRole{{Role: "CPO", PartyID: "CP1", CountryCode: "NL"}}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *v230.Credentials){
		"hub_party_id: must be a country code and a party id, five characters": func(c *v230.Credentials) { c.HubPartyID = "DE-HUB" },
		"roles[0].role: is not a value of this enum": func(c *v230.Credentials) {
			c.Roles = []v230.CredentialsRole{{Role: "HUB", PartyID: "HUB", CountryCode: "DE"}}
		},
		"roles[1]: occurs twice": func(c *v230.Credentials) { c.Roles = append(c.Roles, c.Roles[0]) },
	} {
		d := c
		change(&d)
		if e, ok := errors.AsType[*ocpi.Error](d.Validate()); !ok || e.Message != want {
			t.Errorf("got %v, want %s", e, want)
		}
	}
}

func ExampleTariff_Validate() {
	t := v230.Tariff{CountryCode: "NL", PartyID: "TNM", ID: "1", Currency: "EUR", LastUpdated: "2024-01-01T00:00:00Z", Elements: []v230.TariffElement{
		{PriceComponents: []v230.PriceComponent{{Type: "ENERGY", Price: ocpi.MustNumber("0.30"), StepSize: 1}}},
	}}
	fmt.Println(t.Validate())
	// Output: ocpi 2001: tax_included: must be one of YES, NO, N/A
}
