package convert_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/ocpi/v230"
)

const (
	v2 = ocpi.V221
	v3 = ocpi.V230
)

// Messages of the table, named by what their body is.
var (
	location  = convert.Message{Module: ocpi.Locations, Interface: ocpi.Receiver, Method: http.MethodPut, Path: []string{"NL", "CP1", "L"}}
	locPatch  = convert.Message{Module: ocpi.Locations, Interface: ocpi.Receiver, Method: http.MethodPatch, Path: []string{"NL", "CP1", "L"}}
	evse      = convert.Message{Module: ocpi.Locations, Interface: ocpi.Receiver, Method: http.MethodPut, Path: []string{"NL", "CP1", "L", "1"}}
	connector = convert.Message{Module: ocpi.Locations, Interface: ocpi.Sender, Method: http.MethodGet, Path: []string{"L", "1", "1"}, Response: true}
	locations = convert.Message{Module: ocpi.Locations, Interface: ocpi.Sender, Method: http.MethodGet, Response: true}
	session   = convert.Message{Module: ocpi.Sessions, Interface: ocpi.Receiver, Method: http.MethodPut, Path: []string{"NL", "CP1", "S"}}
	sesPatch  = convert.Message{Module: ocpi.Sessions, Interface: ocpi.Receiver, Method: http.MethodPatch, Path: []string{"NL", "CP1", "S"}}
	sesPrefs  = convert.Message{Module: ocpi.Sessions, Interface: ocpi.Sender, Method: http.MethodPut, Path: []string{"S", "charging_preferences"}}
	cdr       = convert.Message{Module: ocpi.CDRs, Interface: ocpi.Receiver, Method: http.MethodPost}
	cdrs      = convert.Message{Module: ocpi.CDRs, Interface: ocpi.Sender, Method: http.MethodGet, Response: true}
	tariff    = convert.Message{Module: ocpi.Tariffs, Interface: ocpi.Receiver, Method: http.MethodPut, Path: []string{"NL", "CP1", "T"}}
	tarPatch  = convert.Message{Module: ocpi.Tariffs, Interface: ocpi.Receiver, Method: http.MethodPatch, Path: []string{"NL", "CP1", "T"}}
	tariffs   = convert.Message{Module: ocpi.Tariffs, Interface: ocpi.Sender, Method: http.MethodGet, Response: true}
	token     = convert.Message{Module: ocpi.Tokens, Interface: ocpi.Receiver, Method: http.MethodPut, Path: []string{"DE", "EM1", "U"}}
	authorize = convert.Message{Module: ocpi.Tokens, Interface: ocpi.Sender, Method: http.MethodPost, Path: []string{"U", "authorize"}}
	allowed   = convert.Message{Module: ocpi.Tokens, Interface: ocpi.Sender, Method: http.MethodPost, Path: []string{"U", "authorize"}, Response: true}
	start     = convert.Message{Module: ocpi.Commands, Interface: ocpi.Receiver, Method: http.MethodPost, Path: []string{"START_SESSION"}}
	result    = convert.Message{Module: ocpi.Commands, Interface: ocpi.Sender, Method: http.MethodPost}
	booking   = convert.Message{Module: ocpi.Bookings, Interface: ocpi.Sender, Method: http.MethodPost}
	terminal  = convert.Message{Module: ocpi.Payments, Interface: ocpi.Sender, Method: http.MethodPost}
	invoice   = convert.Message{Module: ocpi.InvoiceReconciliation, Interface: ocpi.Receiver, Method: http.MethodPost}
	creds     = convert.Message{Module: ocpi.Credentials, Method: http.MethodPost}
	custom    = convert.Message{Module: "nltnm-parking", Method: http.MethodPost}
)

type row struct {
	name     string
	m        convert.Message
	from, to ocpi.Version
	in, want string
	losses   []string // their pointers
	fault    string   // pointer of the error when it cannot be converted
}

var rows = []row{
	// Prices.
	{"N01 session down", session, v3, v2, `{"total_cost":{"before_taxes":10,"taxes":[{"name":"VAT","amount":2}]},"x":1.0}`, `{"total_cost":{"excl_vat":10,"incl_vat":12},"x":1.0}`, nil, ""},
	{"N02 CDR up", cdr, v2, v3, `{"total_cost":{"excl_vat":10,"incl_vat":12}}`, `{"total_cost":{"before_taxes":10,"taxes":[{"name":"VAT","amount":2}]}}`, nil, ""},
	{"price without VAT up", cdr, v2, v3, `{"total_cost":{"excl_vat": 10.50}}`, `{"total_cost":{"before_taxes": 10.50}}`, nil, ""},
	{"price with null VAT up", cdr, v2, v3, `{"total_cost":{"excl_vat":1,"incl_vat":null}}`, `{"total_cost":{"before_taxes":1,"taxes":null}}`, nil, ""},
	{"price with no VAT on it up", cdr, v2, v3, `{"total_cost":{"incl_vat":1.10,"excl_vat":1.1}}`, `{"total_cost":{"taxes":[{"name":"VAT","amount":0.00}],"before_taxes":1.1}}`, nil, ""},
	{"credit up", cdr, v2, v3, `{"total_cost":{"excl_vat":-10.00,"incl_vat":-12.10}}`, `{"total_cost":{"before_taxes":-10.00,"taxes":[{"name":"VAT","amount":-2.10}]}}`, nil, ""},
	{"price without taxes down", cdr, v3, v2, `{"total_cost":{"before_taxes":10.0}}`, `{"total_cost":{"excl_vat":10.0}}`, nil, ""},
	{"price with null taxes down", cdr, v3, v2, `{"total_cost":{"before_taxes":10,"taxes":null}}`, `{"total_cost":{"excl_vat":10,"incl_vat":null}}`, nil, ""},
	{"price with empty taxes down", cdr, v3, v2, `{"total_cost":{"before_taxes":10,"taxes":[]}}`, `{"total_cost":{"excl_vat":10}}`, nil, ""},
	{"several taxes down", cdr, v3, v2, `{"total_cost":{"before_taxes":10.10,"taxes":[{"name":"GST","account_number":"1","amount":0.5},{"name":"QST","percentage":9.975,"amount":0.998}]}}`, `{"total_cost":{"excl_vat":10.10,"incl_vat":11.598}}`, []string{"/total_cost/taxes/0", "/total_cost/taxes/1"}, ""},
	{"float noise down", cdr, v3, v2, `{"total_cost":{"before_taxes":0.30000000000000004,"taxes":[{"name":"VAT","amount":0.1}]}}`, `{"total_cost":{"excl_vat":0.30000000000000004,"incl_vat":0.40000000000000004}}`, nil, ""},
	{"all totals up", cdr, v2, v3,
		`{"total_cost":{"excl_vat":1},"total_fixed_cost":{"excl_vat":2},"total_energy":3,"total_energy_cost":{"excl_vat":4},"total_time_cost":{"excl_vat":5},"total_parking_cost":{"excl_vat":6},"total_reservation_cost":{"excl_vat":7},"last_updated":"2024-01-01T00:00:00"}`,
		`{"total_cost":{"before_taxes":1},"total_fixed_cost":{"before_taxes":2},"total_energy":3,"total_energy_cost":{"before_taxes":4},"total_time_cost":{"before_taxes":5},"total_parking_cost":{"before_taxes":6},"total_reservation_cost":{"before_taxes":7},"last_updated":"2024-01-01T00:00:00"}`, nil, ""},
	{"all totals down", cdr, v3, v2,
		`{"total_cost":{"before_taxes":1},"total_fixed_cost":{"before_taxes":2},"total_energy":3,"total_energy_cost":{"before_taxes":4},"total_time_cost":{"before_taxes":5},"total_parking_cost":null,"total_reservation_cost":{"before_taxes":7}}`,
		`{"total_cost":{"excl_vat":1},"total_fixed_cost":{"excl_vat":2},"total_energy":3,"total_energy_cost":{"excl_vat":4},"total_time_cost":{"excl_vat":5},"total_parking_cost":null,"total_reservation_cost":{"excl_vat":7}}`, nil, ""},
	{"price of the wrong version", cdr, v3, v2, `{"total_cost":{"excl_vat":1}}`, ``, nil, "/total_cost/before_taxes"},
	{"price as a number", cdr, v2, v3, `{"total_cost":10}`, ``, nil, "/total_cost"},
	{"price as a string", cdr, v2, v3, `{"total_cost":{"excl_vat":"10"}}`, ``, nil, "/total_cost/excl_vat"},
	{"tax without amount", cdr, v3, v2, `{"total_cost":{"before_taxes":1,"taxes":[{"name":"VAT"}]}}`, ``, nil, "/total_cost/taxes/0/amount"},
	{"taxes not a list", cdr, v3, v2, `{"total_cost":{"before_taxes":1,"taxes":{}}}`, ``, nil, "/total_cost/taxes"},
	{"amount too large", cdr, v3, v2, `{"total_cost":{"before_taxes":1e30}}`, ``, nil, "/total_cost/before_taxes"},
	{"sum too large", cdr, v3, v2, `{"total_cost":{"before_taxes":9999999999999999999,"taxes":[{"name":"VAT","amount":1}]}}`, ``, nil, "/total_cost/taxes/0/amount"},
	{"difference too large", cdr, v2, v3, `{"total_cost":{"excl_vat":-9999999999999999999,"incl_vat":9999999999999999999}}`, ``, nil, "/total_cost/incl_vat"},

	// Tariffs.
	{"N03 tariff up", tariff, v2, v3, `{"min_price":{"excl_vat":1,"incl_vat":1.20},"max_price":{"excl_vat":5},"elements":[]}`, `{"min_price":{"before_taxes":1,"after_taxes":1.20},"max_price":{"before_taxes":5},"elements":[],"tax_included":"NO"}`, []string{"/tax_included"}, ""},
	{"tariff that says it up", tariff, v2, v3, `{"tax_included":"N/A","elements":[]}`, `{"tax_included":"N/A","elements":[]}`, nil, ""},
	{"tariff limits null up", tariff, v2, v3, `{"min_price":null,"max_price":null}`, `{"min_price":null,"max_price":null,"tax_included":"NO"}`, []string{"/tax_included"}, ""},
	{"tariff limits down", tariff, v3, v2, `{"min_price":{"before_taxes":1,"after_taxes":1.20},"max_price":{"before_taxes":5},"elements":[],"tax_included":"NO"}`, `{"min_price":{"excl_vat":1,"incl_vat":1.20},"max_price":{"excl_vat":5},"elements":[]}`, nil, ""},
	{"N04 gross with VAT", tariff, v3, v2, `{"tax_included":"YES","elements":[{"price_components":[{"type":"ENERGY","price":1.20,"vat":20,"step_size":1}]}]}`, `{"elements":[{"price_components":[{"type":"ENERGY","price":1.00,"vat":20,"step_size":1}]}]}`, nil, ""},
	{"gross with VAT, rounded", tariff, v3, v2, `{"tax_included":"YES","elements":[{"price_components":[{"price":0.49,"vat":21}]}]}`, `{"elements":[{"price_components":[{"price":0.40495868,"vat":21}]}]}`, []string{"/elements/0/price_components/0/price"}, ""},
	{"gross with VAT of 0", tariff, v3, v2, `{"tax_included":"YES","elements":[{"price_components":[{"price":0.490,"vat":0.0}]}]}`, `{"elements":[{"price_components":[{"price":0.490,"vat":0.0}]}]}`, nil, ""},
	{"N05 gross without VAT", tariff, v3, v2, `{"tax_included":"YES","elements":[{"price_components":[{"price":1,"vat":20}]},{"price_components":[{"price":1.2,"vat":20},{"price":2.10,"vat":null}]}]}`, ``, nil, "/elements/1/price_components/1/vat"},
	{"gross zero without VAT", tariff, v3, v2, `{"tax_included":"YES","elements":[{"price_components":[{"price":0.0}]}]}`, `{"elements":[{"price_components":[{"price":0.0}]}]}`, nil, ""},
	{"gross with a VAT of -100", tariff, v3, v2, `{"tax_included":"YES","elements":[{"price_components":[{"price":1,"vat":-100}]}]}`, ``, nil, "/elements/0/price_components/0/vat"},
	{"net and VAT", tariff, v3, v2, `{"tax_included":"NO","elements":[{"price_components":[{"price":1.20,"vat":20}]}]}`, `{"elements":[{"price_components":[{"price":1.20,"vat":20}]}]}`, nil, ""},
	{"taxes not applicable", tariff, v3, v2, `{"elements":[{"price_components":[{"price":1.20}]}],"tax_included":"N/A"}`, `{"elements":[{"price_components":[{"price":1.20}]}]}`, nil, ""},
	{"tariff that does not say", tariff, v3, v2, `{"elements":[{"price_components":[{"price":1.20,"vat":20}]}]}`, ``, nil, "/tax_included"},
	{"preauthorize_amount", tariff, v3, v2, `{"preauthorize_amount":50,"tax_included":"NO"}`, `{}`, []string{"/preauthorize_amount"}, ""},
	{"price for bookings", tariff, v3, v2, `{"tax_included":"NO","elements":[{"price_components":[],"restrictions":{"booking":"BOOKING","min_kwh":1}},{"price_components":[{"price":1}],"restrictions":{"booking":null}}]}`, `{"elements":[{"price_components":[{"price":1}],"restrictions":{}}]}`, []string{"/elements/0"}, ""},
	{"prices for bookings only", tariff, v3, v2, `{"tax_included":"NO","elements":[{"restrictions":{"booking":"BOOKING"}}]}`, ``, nil, "/elements"},
	{"energy mix of a tariff", tariff, v3, v2, `{"tax_included":"NO","energy_mix":{"environ_impact":[{"category":"NOISE","amount":1}]}}`, `{"energy_mix":{"environ_impact":[]}}`, []string{"/energy_mix/environ_impact/0"}, ""},
	{"tariff patch up", tarPatch, v2, v3, `{"currency":"EUR"}`, `{"currency":"EUR"}`, nil, ""},
	{"tariff patch down", tarPatch, v3, v2, `{"currency":"EUR"}`, `{"currency":"EUR"}`, nil, ""},
	{"tariff patch with prices down", tarPatch, v3, v2, `{"elements":[]}`, ``, nil, "/tax_included"},
	{"tariff list down", tariffs, v3, v2, `[{"id":"a","tax_included":"NO"}, {"id":"b","tax_included":"YES","elements":[{"price_components":[{"price":1}]}]},{"id":"c","tax_included":"N/A"}]`, `[{"id":"a"},{"id":"c"}]`, []string{"/1"}, ""},

	// CDRs.
	{"N06 tariffs in a CDR up", cdr, v2, v3, `{"tariffs":[{"id":"a","min_price":{"excl_vat":1},"last_updated":"2024-01-01T00:00:00Z"}],"last_updated":"2024-01-02T00:00:00Z"}`, `{"tariffs":[{"id":"a","min_price":{"before_taxes":1},"last_updated":"2024-01-01T00:00:00Z","tax_included":"NO"}],"last_updated":"2024-01-02T00:00:00Z"}`, []string{"/tariffs/0/tax_included"}, ""},
	{"N06 tariffs in a CDR down", cdr, v3, v2, `{"tariffs":[{"id":"a","tax_included":"NO","last_updated":"2024-01-01T00:00:00Z"},{"id":"b"}]}`, `{"tariffs":[{"id":"a","last_updated":"2024-01-01T00:00:00Z"}]}`, []string{"/tariffs/1"}, ""},
	{"booking_id", cdr, v3, v2, `{"id":"1","booking_id":"B"}`, `{"id":"1"}`, []string{"/booking_id"}, ""},
	{"token of a CDR", cdr, v3, v2, `{"cdr_token":{"type":"EMAID","uid":"u"}}`, `{"cdr_token":{"type":"OTHER","uid":"u"}}`, []string{"/cdr_token/type"}, ""},
	{"connector of a CDR", cdr, v3, v2, `{"cdr_location":{"connector_standard":"SAE_J3400"}}`, `{"cdr_location":{"connector_standard":"TESLA_S"}}`, []string{"/cdr_location/connector_standard"}, ""},
	{"other connector of a CDR", cdr, v3, v2, `{"cdr_location":{"connector_standard":"MCS"}}`, `{"cdr_location":{"connector_standard":"MCS"}}`, []string{"/cdr_location/connector_standard"}, ""},
	{"dimensions of bookings", cdr, v3, v2,
		`{"charging_periods":[{"dimensions":[{"type":"RESERVATION_EXPIRES","volume":1},{"type":"RESERVATION_OVERTIME","volume":2}]},{"dimensions":[{"type":"RESERVATION_OVERTIME","volume":2}]}]}`,
		`{"charging_periods":[{"dimensions":[{"type":"RESERVATION_TIME","volume":1}]},{"dimensions":[{"type":"RESERVATION_OVERTIME","volume":2}]}]}`,
		[]string{"/charging_periods/0/dimensions/0/type", "/charging_periods/0/dimensions/1", "/charging_periods/1/dimensions/0/type"}, ""},
	{"CDR list down", cdrs, v3, v2, `[ {"total_cost":{"before_taxes":1}} , {"total_cost":{}} , 7]`, `[ {"total_cost":{"excl_vat":1}} , 7]`, []string{"/1"}, ""},
	{"unknown fields of a CDR", cdr, v2, v3, `{"x-a":{"excl_vat":1},"total_cost":{"excl_vat":1e0,"x":null}}`, `{"x-a":{"excl_vat":1},"total_cost":{"before_taxes":1e0,"x":null}}`, nil, ""},

	// Sessions.
	{"N07 session patch down", sesPatch, v3, v2, `{"total_cost":{"before_taxes":4.00,"taxes":[{"name":"VAT","amount":0.84}]},"last_updated":"2024-01-01T00:00:00Z"}`, `{"total_cost":{"excl_vat":4.00,"incl_vat":4.84},"last_updated":"2024-01-01T00:00:00Z"}`, nil, ""},
	{"N07 session patch up", sesPatch, v2, v3, `{"total_cost":{"excl_vat":4.00},"last_updated":"2024-01-01T00:00:00Z"}`, `{"total_cost":{"before_taxes":4.00},"last_updated":"2024-01-01T00:00:00Z"}`, nil, ""},
	{"session patch without cost", sesPatch, v2, v3, `{"kwh": 1.50}`, `{"kwh": 1.50}`, nil, ""},
	{"session cost null", sesPatch, v3, v2, `{"total_cost":null}`, `{"total_cost":null}`, nil, ""},
	{"token of a session", session, v3, v2, `{"cdr_token":{"type":"EMAID"}}`, `{"cdr_token":{"type":"OTHER"}}`, []string{"/cdr_token/type"}, ""},
	{"charging preferences", sesPrefs, v3, v2, `{"profile_type":"FAST","total_cost":1}`, `{"profile_type":"FAST","total_cost":1}`, nil, ""},

	// Tokens and commands.
	{"N08 token EMAID", token, v3, v2, `{"uid":"u","type":"EMAID"}`, `{"uid":"u","type":"OTHER"}`, []string{"/type"}, ""},
	{"N08 token of a vendor", token, v3, v2, `{"type":"vendor-qr"}`, `{"type":"OTHER"}`, []string{"/type"}, ""},
	{"token RFID", token, v3, v2, `{"type":"RFID"}`, `{"type":"RFID"}`, nil, ""},
	{"token up", token, v2, v3, `{"type":"APP_USER"}`, `{"type":"APP_USER"}`, nil, ""},
	{"authorize", authorize, v3, v2, `{"location_id":"L","type":"EMAID"}`, `{"location_id":"L","type":"EMAID"}`, nil, ""},
	{"authorization", allowed, v3, v2, `{"allowed":"ALLOWED","token":{"type":"EMAID"}}`, `{"allowed":"ALLOWED","token":{"type":"OTHER"}}`, []string{"/token/type"}, ""},
	{"START_SESSION", start, v3, v2, `{"response_url":"https://a/b","token":{"type":"EMAID"}}`, `{"response_url":"https://a/b","token":{"type":"OTHER"}}`, []string{"/token/type"}, ""},
	{"CommandResult", result, v3, v2, `{"result":"ACCEPTED","token":{"type":"EMAID"}}`, `{"result":"ACCEPTED","token":{"type":"EMAID"}}`, nil, ""},

	// Locations.
	{"location up", location, v2, v3, ` {"id":"L" , "x":1.0}`, ` {"id":"L" , "x":1.0}`, nil, ""},
	{"parking places and phone", location, v3, v2, `{"id":"L","parking_places":[{"id":"P"}],"help_phone":"+1"}`, `{"id":"L"}`, []string{"/parking_places", "/help_phone"}, ""},
	{"nothing is lost with nulls", location, v3, v2, `{"id":"L","parking_places":[],"help_phone":null}`, `{"id":"L"}`, nil, ""},
	{"parking type", location, v3, v2, `{"parking_type":"ROOF","id":"L"}`, `{"id":"L"}`, []string{"/parking_type"}, ""},
	{"parking type in a patch", locPatch, v3, v2, `{"parking_type":"ROOF","last_updated":"2024-01-01T00:00:00Z"}`, `{"parking_type":null,"last_updated":"2024-01-01T00:00:00Z"}`, []string{"/parking_type"}, ""},
	{"facilities", location, v3, v2, `{"facilities":["HOTEL","SAUNA"]}`, `{"facilities":["HOTEL"]}`, []string{"/facilities/1"}, ""},
	{"images", location, v3, v2, `{"images":[{"category":"MAP"}],"operator":{"name":"a","logo":{"category":"ICON"}}}`, `{"images":[{"category":"OTHER"}],"operator":{"name":"a","logo":{"category":"OTHER"}}}`, []string{"/operator/logo/category", "/images/0/category"}, ""},
	{"energy mix", location, v3, v2, `{"energy_mix":{"is_green_energy":true,"environ_impact":[{"category":"NOISE","amount":1},{"category":"CARBON_DIOXIDE","amount":2}]}}`, `{"energy_mix":{"is_green_energy":true,"environ_impact":[{"category":"CARBON_DIOXIDE","amount":2}]}}`, []string{"/energy_mix/environ_impact/0"}, ""},
	{"publish_allowed_to", location, v3, v2, `{"publish_allowed_to":[{"uid":"a","type":"EMAID"}]}`, `{"publish_allowed_to":[{"uid":"a","type":"OTHER"}]}`, []string{"/publish_allowed_to/0/type"}, ""},
	{"additions of an EVSE", evse, v3, v2, `{"uid":"1","parking":[{"parking_id":"P"}],"accepted_service_providers":["a"],"capabilities":["RFID_READER","HOVER"],"parking_restrictions":["TAXIS","PLUGGED","EMPLOYEES","TENANTS"]}`, `{"uid":"1","capabilities":["RFID_READER"],"parking_restrictions":["PLUGGED"]}`,
		[]string{"/parking", "/accepted_service_providers", "/capabilities/1", "/parking_restrictions/0", "/parking_restrictions/2", "/parking_restrictions/3"}, ""},
	{"connector that 2.2.1 lacks", evse, v3, v2, `{"connectors":[{"id":"1","standard":"MCS"},{"id":"2","standard":"CHADEMO","capabilities":["ISO_15118_2_PLUG_AND_CHARGE"]}]}`, `{"connectors":[{"id":"2","standard":"CHADEMO"}]}`, []string{"/connectors/0", "/connectors/1/capabilities"}, ""},
	{"EVSE of such connectors", evse, v3, v2, `{"connectors":[{"standard":"MCS"}]}`, ``, nil, "/connectors"},
	{"connector that 2.2.1 knows by another name", evse, v3, v2, `{"connectors":[{"standard":"SAE_J3400"}]}`, `{"connectors":[{"standard":"TESLA_S"}]}`, []string{"/connectors/0/standard"}, ""},
	{"Location with such an EVSE", location, v3, v2, `{"evses":[{"uid":"1","help":1,"connectors":[{"standard":"MCS"}]}, {"uid":"2","connectors":[{"standard":"TESLA_S"}]}]}`, `{"evses":[{"uid":"2","connectors":[{"standard":"TESLA_S"}]}]}`, []string{"/evses/0"}, ""},
	{"such a connector alone", connector, v3, v2, `{"id":"1","standard":"MCS"}`, ``, nil, "/standard"},
	{"EVSE status in a patch", locPatch, v3, v2, `{"evses":[{"uid":"1","status":"CHARGING"}]}`, `{"evses":[{"uid":"1","status":"CHARGING"}]}`, nil, ""},
	{"location list", locations, v3, v2, `[{"id":"1","help_phone":"+1"},{"id":"2"}]`, `[{"id":"1"},{"id":"2"}]`, []string{"/0/help_phone"}, ""},

	// Other bodies and modules.
	{"no body", session, v3, v2, ``, ``, nil, ""},
	{"null", cdrs, v3, v2, `null`, `null`, nil, ""},
	{"plain result", convert.Message{Module: ocpi.Sessions, Interface: ocpi.Sender, Method: http.MethodPut, Response: true}, v3, v2, `"ACCEPTED"`, `"ACCEPTED"`, nil, ""},
	{"data of an answer to a push", convert.Message{Module: ocpi.CDRs, Interface: ocpi.Receiver, Method: http.MethodPost, Response: true}, v3, v2, `{"total_cost":1}`, `{"total_cost":1}`, nil, ""},
	{"list in a request", cdr, v3, v2, `[]`, ``, nil, "/"},
	{"not JSON", cdr, v3, v2, `{`, ``, nil, "/"},
	{"list that is not JSON", cdrs, v3, v2, `[`, ``, nil, "/"},
	{"bookings", booking, v3, v2, `{}`, ``, nil, "/"},
	{"bookings without a body", booking, v3, v2, ``, ``, nil, "/"},
	{"payments", terminal, v3, v2, `{}`, ``, nil, "/"},
	{"invoice reconciliation", invoice, v3, v2, `{}`, ``, nil, "/"},
	{"credentials", creds, v3, v2, `{}`, ``, nil, "/"},
	{"a custom module", custom, v3, v2, `{"type":"EMAID","total_cost":1}`, `{"type":"EMAID","total_cost":1}`, nil, ""},
	{"an unknown version", session, "2.1.1", v2, `{}`, ``, nil, "/"},
	{"the same version", cdr, v2, v2, `{"total_cost":1`, `{"total_cost":1`, nil, ""},
}

func ExampleBody() {
	out, losses, err := convert.Body(
		convert.Message{Module: ocpi.Tariffs, Interface: ocpi.Receiver, Method: "PUT", Path: []string{"NL", "TNM", "12"}}, ocpi.V230, ocpi.V221,
		[]byte(`{"id":"12","preauthorize_amount":50,"tax_included":"YES","elements":[{"price_components":[{"type":"ENERGY","price":0.363,"vat":21,"step_size":1}]}]}`))
	fmt.Println(string(out))
	fmt.Println(losses, err)
	// Output:
	// {"id":"12","elements":[{"price_components":[{"type":"ENERGY","price":0.30,"vat":21,"step_size":1}]}]}
	// [{/preauthorize_amount 2.2.1 has no such field}] <nil>
}

func TestBody(t *testing.T) {
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			in := []byte(tt.in)
			got, losses, err := convert.Body(tt.m, tt.from, tt.to, in)
			if string(in) != tt.in {
				t.Error("the input was written to")
			}
			if tt.fault != "" {
				e, ok := errors.AsType[*convert.Error](err)
				if !ok || !errors.Is(err, convert.ErrNotConvertible) || e.Pointer != strings.TrimSuffix(tt.fault, "/") {
					t.Fatalf("got %s, error %v, want one at %s", got, err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			var pointers []string
			for _, l := range losses {
				pointers = append(pointers, l.Pointer)
				if l.Problem == "" {
					t.Errorf("the loss at %s has no text", l.Pointer)
				}
			}
			if !slices.Equal(pointers, tt.losses) {
				t.Errorf("losses %q, want %q", losses, tt.losses)
			}
		})
	}
}

func TestQuery(t *testing.T) {
	tokens := convert.Message{Module: ocpi.Tokens, Interface: ocpi.Sender, Method: http.MethodPost}
	in := url.Values{"type": {"EMAID"}, "x": {"1"}}
	if got := convert.Query(tokens, v3, v2, in); got.Encode() != "type=OTHER&x=1" || in.Get("type") != "EMAID" {
		t.Errorf("got %v from %v", got, in)
	}
	for _, same := range []struct {
		m        convert.Message
		from, to ocpi.Version
		q        url.Values
	}{
		{tokens, v2, v3, in}, {tokens, v3, v3, in}, {location, v3, v2, in},
		{tokens, v3, v2, url.Values{"type": {"RFID"}}}, {tokens, v3, v2, url.Values{}},
	} {
		if got := convert.Query(same.m, same.from, same.to, same.q); got.Encode() != same.q.Encode() {
			t.Errorf("got %v from %v", got, same.q)
		}
	}
}

// TestValidAfterwards: what is valid in one version is valid in the other after
// conversion.
func TestValidAfterwards(t *testing.T) {
	const up = `{"country_code":"NL","party_id":"CP1","id":"T","currency":"EUR","min_price":{"excl_vat":1},"elements":[{"price_components":[{"type":"ENERGY","price":0.5,"step_size":1}]}],"last_updated":"2024-01-01T00:00:00Z"}`
	if err := v221.Check(ocpi.Tariffs, 0, []byte(up)); err != nil {
		t.Fatal(err)
	}
	got, _, err := convert.Body(tariff, v2, v3, []byte(up))
	if err != nil {
		t.Fatal(err)
	}
	if err := v230.Check(ocpi.Tariffs, 0, got); err != nil {
		t.Errorf("%v: %s", err, got)
	}
	if err := v230.Check(ocpi.Tariffs, 0, []byte(up)); err == nil {
		t.Error("a 2.2.1 tariff is valid in 2.3.0 without conversion")
	}
}
