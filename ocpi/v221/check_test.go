package v221_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

func ExampleCheck() {
	err := v221.Check(ocpi.Locations, 1, []byte(`{"uid":"1","status":"AVAILABLE","connectors":[{"id":"1","standard":7}],"last_updated":"2024-01-01T00:00:00Z"}`))
	fmt.Println(err)
	// Output: ocpi 2001: connectors[0].standard: must be a string
}

const now = ocpi.DateTime("2024-01-01T00:00:00.1Z")

func connector() v221.Connector {
	return v221.Connector{ID: "1", Standard: "IEC_62196_T2", Format: v221.Socket, PowerType: v221.AC3Phase, MaxVoltage: 230, MaxAmperage: 16, LastUpdated: now}
}

func evse() v221.EVSE {
	return v221.EVSE{UID: "3256", EVSEID: "NL*TNM*E1", Status: v221.Available, Connectors: []v221.Connector{connector()}, LastUpdated: now}
}

func location() v221.Location {
	return v221.Location{
		CountryCode: "NL", PartyID: "TNM", ID: "LOC1", Publish: true, Address: "Kade 1", City: "Gent", Country: "NLD", TimeZone: "Europe/Amsterdam",
		Coordinates: v221.GeoLocation{Latitude: "52.1", Longitude: "-5.123456"}, EVSEs: []v221.EVSE{evse()}, LastUpdated: now,
		OpeningTimes: &v221.Hours{RegularHours: []v221.RegularHours{{Weekday: 1, PeriodBegin: "00:00", PeriodEnd: "24:00"}}},
		Images:       []v221.Image{{URL: "https://example.com/a.png", Category: "CHARGER", Type: "png"}},
		EnergyMix:    &v221.EnergyMix{EnergySources: []v221.EnergySource{{Source: "WIND", Percentage: ocpi.MustNumber("99.9")}}},
	}
}

func tariff() v221.Tariff {
	return v221.Tariff{
		CountryCode: "NL", PartyID: "TNM", ID: "T1", Currency: "EUR", LastUpdated: now, MaxPrice: &v221.Price{ExclVAT: ocpi.MustNumber("10")},
		Elements: []v221.TariffElement{{
			PriceComponents: []v221.PriceComponent{{Type: v221.PriceEnergy, Price: ocpi.MustNumber("0.25"), VAT: ocpi.MustNumber("0.0"), StepSize: 1}},
			Restrictions:    &v221.TariffRestrictions{StartTime: "09:00", StartDate: "2024-02-29", DayOfWeek: []v221.DayOfWeek{"MONDAY"}, MinKWh: ocpi.MustNumber("0")},
		}},
	}
}

func token() v221.Token {
	return v221.Token{CountryCode: "DE", PartyID: "8AA", UID: "012345678", Type: v221.RFID, ContractID: "DE8ACC1", Issuer: "TheNewMotion", Whitelist: v221.WhitelistAlways, LastUpdated: now}
}

func session() v221.Session {
	return v221.Session{
		CountryCode: "NL", PartyID: "TNM", ID: "101", StartDateTime: now, KWh: ocpi.MustNumber("0.0"), AuthMethod: v221.AuthRequest, LocationID: "LOC1", EVSEUID: "3256",
		ConnectorID: "1", Currency: "EUR", Status: v221.SessionPending, LastUpdated: now,
		CdrToken: v221.CdrToken{CountryCode: "DE", PartyID: "8AA", UID: "1", Type: v221.RFID, ContractID: "C"},
	}
}

func cdr() v221.CDR {
	return v221.CDR{
		CountryCode: "NL", PartyID: "TNM", ID: strings.Repeat("1", 39), StartDateTime: now, EndDateTime: now, AuthMethod: v221.AuthWhitelist, Currency: "EUR",
		CdrToken: session().CdrToken, Tariffs: []v221.Tariff{tariff()}, TotalCost: v221.Price{ExclVAT: ocpi.MustNumber("-4.00")}, LastUpdated: now,
		TotalEnergy: ocpi.MustNumber("15.342"), TotalTime: ocpi.MustNumber("1.973"),
		CdrLocation: v221.CdrLocation{
			ID: "LOC1", Address: strings.Repeat("é", 255), City: "Gent", Country: "BEL", Coordinates: v221.GeoLocation{Latitude: "3.7", Longitude: "51"},
			EVSEUID: "3256", EVSEID: "#NA", ConnectorID: "#NA", ConnectorStandard: "SAE_J3400", ConnectorFormat: v221.Cable, ConnectorPowerType: v221.DC,
		},
		ChargingPeriods: []v221.ChargingPeriod{{StartDateTime: now, Dimensions: []v221.CdrDimension{{Type: v221.DimensionEnergy, Volume: ocpi.MustNumber("1.973")}}}},
		SignedData:      &v221.SignedData{EncodingMethod: "OCMF", SignedValues: []v221.SignedValue{{Nature: "Start", PlainData: "a\x00\n", SignedData: "b"}}},
	}
}

// TestWritten: objects made of the Go types are valid as bytes and come back as
// they were.
func TestWritten(t *testing.T) {
	for _, tt := range []struct {
		module ocpi.Module
		level  int
		object interface{ Validate() error }
		empty  any
	}{
		{ocpi.Locations, 0, new(location()), new(v221.Location)}, {ocpi.Locations, 1, new(evse()), new(v221.EVSE)}, {ocpi.Locations, 2, new(connector()), new(v221.Connector)},
		{ocpi.Tariffs, 0, new(tariff()), new(v221.Tariff)}, {ocpi.Tokens, 0, new(token()), new(v221.Token)}, {ocpi.Sessions, 0, new(session()), new(v221.Session)},
		{ocpi.CDRs, 0, new(cdr()), new(v221.CDR)},
		{ocpi.HubClientInfo, 0, &v221.ClientInfo{PartyID: "TNM", CountryCode: "NL", Role: "CPO", Status: v221.PartyPlanned, LastUpdated: now}, new(v221.ClientInfo)},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.module, tt.level), func(t *testing.T) {
			if err := tt.object.Validate(); err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(tt.object)
			if err != nil {
				t.Fatal(err)
			}
			if err := v221.Check(tt.module, tt.level, body); err != nil {
				t.Fatalf("%v: %s", err, body)
			}
			if err := json.Unmarshal(body, tt.empty); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.object, tt.empty, cmp.Comparer(func(a, b ocpi.Number) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			// Every required member is missed, and none may be null.
			removeEach(t, body, func(path string, without, null []byte) {
				for what, body := range map[string][]byte{"is missing": without, "must not be null": null} {
					err := v221.Check(tt.module, tt.level, body)
					if e, ok := errors.AsType[*ocpi.Error](err); optional[path] != (err == nil) || ok && e.Message != path+": "+what {
						t.Errorf("%s: got %v", path, err)
					}
				}
			})
		})
	}
}

// optional are the optional members that the objects above have.
var optional = map[string]bool{
	"evses": true, "opening_times": true, "images": true, "energy_mix": true, "evse_id": true, "max_price": true, "tariffs": true, "signed_data": true,
}

// removeEach calls f for each member of the object.
func removeEach(t *testing.T, body []byte, f func(path string, without, null []byte)) {
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	for name, v := range members {
		delete(members, name)
		without, _ := json.Marshal(members)
		members[name] = jsontext.Value("null")
		null, _ := json.Marshal(members)
		members[name] = v
		f(name, without, null)
	}
}

// TestFaults changes one value of a valid object.
func TestFaults(t *testing.T) {
	loc, _ := json.Marshal(location())
	tar, _ := json.Marshal(tariff())
	ses, _ := json.Marshal(session())
	bill, _ := json.Marshal(cdr())
	tok, _ := json.Marshal(token())
	tests := []struct {
		module         ocpi.Module
		body           []byte
		old, new, want string // want is the message; empty for none
	}{
		{ocpi.Locations, loc, `"NL"`, `"NLD"`, "country_code: must be two letters"},
		{ocpi.Locations, loc, `"NL"`, `"N1"`, "country_code: must be two letters"},
		{ocpi.Locations, loc, `"NL"`, `"nl"`, ""},
		{ocpi.Locations, loc, `"TNM"`, `"T\u017fM"`, "party_id: must be three letters or digits"},
		{ocpi.Locations, loc, `"LOC1"`, `""`, "id: must not be empty"},
		{ocpi.Locations, loc, `"LOC1"`, `"LOC\u0000"`, "id: must be printable ASCII"},
		{ocpi.Locations, loc, `"LOC1"`, `"` + strings.Repeat("x", 37) + `"`, "id: must not be longer than 36 characters"},
		{ocpi.Locations, loc, `"LOC1"`, `12`, "id: must be a string"},
		{ocpi.Locations, loc, `"Kade 1"`, `"Kade\n1"`, ""},
		{ocpi.Locations, loc, `"Kade 1"`, `"Kade\u001b1"`, "address: must not hold control characters"},
		{ocpi.Locations, loc, `"Kade 1"`, `"` + strings.Repeat("é", 255) + `"`, ""},
		{ocpi.Locations, loc, `"Kade 1"`, `"` + strings.Repeat("é", 256) + `"`, "address: must not be longer than 255 characters"},
		{ocpi.Locations, loc, `"NLD"`, `"NL"`, "country: must be an ISO 3166-1 alpha-3 code"},
		{ocpi.Locations, loc, `"Europe/Amsterdam"`, `"Europe Amsterdam"`, "time_zone: must be a time zone such as Europe/Oslo"},
		{ocpi.Locations, loc, `"52.1"`, `52.1`, "coordinates.latitude: must be a string"},
		{ocpi.Locations, loc, `"52.1"`, `"52,1"`, "coordinates.latitude: must be decimal degrees from -90 to 90"},
		{ocpi.Locations, loc, `"52.1"`, `"NaN"`, "coordinates.latitude: must be decimal degrees from -90 to 90"},
		{ocpi.Locations, loc, `"-5.123456"`, `"-181"`, "coordinates.longitude: must be decimal degrees from -180 to 180"},
		{ocpi.Locations, loc, `"24:00"`, `"24:01"`, "opening_times.regular_hours[0].period_end: must be a time such as 18:15"},
		{ocpi.Locations, loc, `"weekday":1`, `"weekday":1.5`, "opening_times.regular_hours[0].weekday: must be a whole number"},
		{ocpi.Locations, loc, `"weekday":1`, `"weekday":1.0`, ""},
		{ocpi.Locations, loc, `99.9`, `"99.9"`, "energy_mix.energy_sources[0].percentage: must be a number"},
		{ocpi.Locations, loc, `99.9`, `1e400`, "energy_mix.energy_sources[0].percentage: must be a number of at most 19 digits"},
		{ocpi.Locations, loc, `"WIND"`, `"HAMSTER"`, "energy_mix.energy_sources[0].source: is not a value of this enum"},
		{ocpi.Locations, loc, `"CHARGER"`, `"BENCH"`, ""},
		{ocpi.Locations, loc, `"AVAILABLE"`, `"available"`, "evses[0].status: is not a value of this enum"},
		{ocpi.Locations, loc, `"SOCKET"`, `"PLUG"`, "evses[0].connectors[0].format: must be one of SOCKET, CABLE"},
		{ocpi.Locations, loc, `"IEC_62196_T2"`, `"MCS"`, ""},
		{ocpi.Locations, loc, `"IEC_62196_T2"`, `""`, "evses[0].connectors[0].standard: must not be empty"},
		{ocpi.Locations, loc, `"IEC_62196_T2"`, `null`, "evses[0].connectors[0].standard: must not be null"},
		{ocpi.Locations, loc, `"max_voltage":230`, `"max_voltage":"230"`, "evses[0].connectors[0].max_voltage: must be a number"},
		{ocpi.Locations, loc, `"max_voltage":230`, `"max_voltage":2147483648`, "evses[0].connectors[0].max_voltage: must be a whole number"},
		{ocpi.Locations, loc, `"publish":true`, `"publish":"true"`, "publish: must be true or false"},
		{ocpi.Locations, loc, `"publish":true`, `"publish":true,"x-new":{"a":[]}`, ""},
		{ocpi.Locations, loc, `"publish":true`, `"publish":true,"publish":true`, "body: not valid JSON (syntax, UTF-8, or a name occurs twice)"},
		{ocpi.Locations, loc, `"publish":true`, `"publish":true,"x":{"a":1,"a":1}`, "body: not valid JSON (syntax, UTF-8, or a name occurs twice)"},
		{ocpi.Locations, loc, `"evse_id":"NL*TNM*E1"`, `"evse_id":""`, ""},
		{ocpi.Locations, loc, `"evse_id":"NL*TNM*E1"`, `"evse_id":null,"capabilities":[],"images":null,"status_schedule":[],"parking_restrictions":null`, ""},
		{ocpi.Locations, loc, `"evse_id":"NL*TNM*E1"`, `"capabilities":{}`, "evses[0].capabilities: must be a list"},
		{ocpi.Locations, loc, `"evse_id":"NL*TNM*E1"`, `"capabilities":[null]`, "evses[0].capabilities[0]: must be a string"},
		{ocpi.Locations, loc, `"coordinates":{`, `"coordinates":[],"x":{`, "coordinates: must be an object"},
		{ocpi.Locations, []byte(`[]`), `[]`, `[]`, "body: must be an object"},
		{ocpi.Locations, loc, `"2024-01-01T00:00:00.1Z"}]`, `"2024-01-01T00:00:00+01:00"}]`, "evses[0].connectors[0].last_updated: must be a DateTime in UTC such as 2015-06-29T20:39:09Z"},
		{ocpi.Tariffs, tar, `"EUR"`, `"eur"`, "currency: must be an ISO 4217 code"},
		{ocpi.Tariffs, tar, `"price_components":[`, `"price_components":[],"x":[`, "elements[0].price_components: must have at least one element"},
		{ocpi.Tariffs, tar, `"MONDAY"`, `"Monday"`, "elements[0].restrictions.day_of_week[0]: is not a value of this enum"},
		{ocpi.Tariffs, tar, `"2024-02-29"`, `"2023-02-29"`, "elements[0].restrictions.start_date: must be a date such as 2015-12-24"},
		{ocpi.Tariffs, tar, `"09:00"`, `"9:00"`, "elements[0].restrictions.start_time: must be a time such as 18:15"},
		{ocpi.Tariffs, tar, `"type":"ENERGY"`, `"type":"WATER"`, "elements[0].price_components[0].type: must be one of ENERGY, FLAT, PARKING_TIME, TIME"},
		{ocpi.Tariffs, tar, `0.25`, `0.250000000000000000000001`, ""},
		{ocpi.Tariffs, tar, `"max_price":{"excl_vat":10}`, `"max_price":{"before_taxes":10}`, "max_price.excl_vat: is missing"},
		{ocpi.Tokens, tok, `"RFID"`, `"EMAID"`, ""},
		{ocpi.Tokens, tok, `"ALWAYS"`, `"SOMETIMES"`, "whitelist: must be one of ALWAYS, ALLOWED, ALLOWED_OFFLINE, NEVER"},
		{ocpi.Sessions, ses, `"kwh":0.0`, `"kwh":1.2e1`, ""},
		{ocpi.Sessions, ses, `"PENDING"`, `"RESERVED"`, "status: must be one of ACTIVE, COMPLETED, INVALID, PENDING, RESERVATION"},
		{ocpi.CDRs, bill, `"currency":"EUR","tariffs"`, `"currency":"EUR","credit":"yes","tariffs"`, "credit: must be true or false"},
		{ocpi.CDRs, bill, `"total_cost":{"excl_vat":-4.00}`, `"total_cost":4`, "total_cost: must be an object"},
		{ocpi.Commands, []byte(`{"a":1}`), `1`, `2`, ""},
		{ocpi.Commands, []byte(`{"a":1}`), `{"a":1}`, `7`, "body: must be an object"},
	}
	for _, tt := range tests {
		t.Run(tt.new, func(t *testing.T) {
			body := strings.Replace(string(tt.body), tt.old, tt.new, 1)
			if body == string(tt.body) && tt.old != tt.new {
				t.Fatalf("%s does not occur in %s", tt.old, body)
			}
			err := v221.Check(tt.module, 0, []byte(body))
			e, _ := errors.AsType[*ocpi.Error](err)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (e == nil || e.Message != tt.want || e.Status != ocpi.StatusInvalidParameters):
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	for _, body := range []string{string(loc) + "x", string(loc[:len(loc)-1]), ``, `{"id":`} {
		if e := ocpi.AsError(v221.Check(ocpi.Locations, 0, []byte(body))); e == nil || e.HTTP != 400 {
			t.Errorf("%.20q: got %v, want HTTP 400", body, e)
		}
	}
}

// TestEveryType: each type that is a body has rules for all its fields.
func TestEveryType(t *testing.T) {
	for _, o := range []interface{ Validate() error }{
		new(v221.VersionDetails), new(v221.Credentials), new(v221.ClientInfo), new(v221.Location), new(v221.EVSE), new(v221.Connector), new(v221.Session),
		new(v221.ChargingPreferences), new(v221.CDR), new(v221.Tariff), new(v221.Token), new(v221.AuthorizationInfo), new(v221.StartSession), new(v221.StopSession),
		new(v221.ReserveNow), new(v221.CancelReservation), new(v221.UnlockConnector), new(v221.CommandResponse), new(v221.CommandResult), new(v221.SetChargingProfile),
		new(v221.ActiveChargingProfile), new(v221.ChargingProfileResponse), new(v221.ActiveChargingProfileResult), new(v221.ChargingProfileResult),
	} {
		if e, ok := errors.AsType[*ocpi.Error](o.Validate()); !ok || e.Status != 2001 {
			t.Errorf("%T without anything: %v", o, e)
		}
	}
}

func TestCredentials(t *testing.T) {
	c := v221.Credentials{Token: "t", URL: "https://example.com/ocpi/versions", Roles: []v221.CredentialsRole{
		{Role: "HUB", PartyID: "HUB", CountryCode: "DE"}, {Role: "CPO", PartyID: "HUB", CountryCode: "DE"},
	}}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *v221.Credentials){
		"roles[1]: occurs twice": func(c *v221.Credentials) {
			c.Roles[1] = v221.CredentialsRole{Role: "HUB", PartyID: "hub", CountryCode: "de"}
		},
		"roles: must have at least one element":                     func(c *v221.Credentials) { c.Roles = nil },
		"token: must be 1 to 64 printable characters without space": func(c *v221.Credentials) { c.Token = "a b" },
		"url: must not be empty":                                    func(c *v221.Credentials) { c.URL = "" },
		"roles[1].role: is not a value of this enum":                func(c *v221.Credentials) { c.Roles[1].Role = "KING" },
		"roles[0].party_id: must be three letters or digits":        func(c *v221.Credentials) { c.Roles[0].PartyID = "HU" },
	} {
		d := c
		d.Roles = append([]v221.CredentialsRole(nil), c.Roles...)
		change(&d)
		if e, ok := errors.AsType[*ocpi.Error](d.Validate()); !ok || e.Message != want {
			t.Errorf("got %v, want %s", e, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, o := range []any{location(), tariff(), session(), cdr(), token()} {
		b, err := json.Marshal(o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	modules := []ocpi.Module{ocpi.Locations, ocpi.Tariffs, ocpi.Sessions, ocpi.CDRs, ocpi.Tokens, ocpi.Commands}
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := jsontext.Value(body).IsValid()
		for _, m := range modules {
			_ = v221.CheckValid(m, 0, body) // ends, whatever it says
			err := v221.Check(m, 0, body)
			e, ok := errors.AsType[*ocpi.Error](err)
			if err != nil && !ok || err == nil && !valid || ok && e.HTTP == 400 && valid {
				t.Fatalf("%s of %q: %v", m, body, err)
			}
		}
	})
}
