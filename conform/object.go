package conform

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/sjson"
)

// lastUpdated is what the objects of the checks carry, where it does not matter.
const lastUpdated = "2024-03-01T10:00:00Z"

// location is a small valid Location of 2.2.1 and 2.3.0.
func location(owner *Party, id string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"publish":true,"name":"Garage %s",`+
		`"address":"Damrak 1","city":"Amsterdam","postal_code":"1012LG","country":"NLD",`+
		`"coordinates":{"latitude":"52.370216","longitude":"4.895168"},"time_zone":"Europe/Amsterdam",`+
		`"evses":[{"uid":"E1","evse_id":"NL*CP1*E1","status":"AVAILABLE","connectors":[{"id":"1","standard":"IEC_62196_T2",`+
		`"format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":32,"last_updated":%q}],"last_updated":%q}],`+
		`"last_updated":%q}`, owner.CountryCode, owner.ID, id, id, lastUpdated, lastUpdated, lastUpdated)
}

// tariff is a Tariff of 2.2.1: prices are without VAT.
func tariff(owner *Party, id string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"currency":"EUR",`+
		`"elements":[{"price_components":[{"type":"ENERGY","price":0.25,"vat":20.0,"step_size":1}]}],"last_updated":%q}`,
		owner.CountryCode, owner.ID, id, lastUpdated)
}

// token is a Token of an RFID card.
func token(owner *Party, uid string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"uid":%q,"type":"RFID","contract_id":%s,"issuer":"Conformance",`+
		`"valid":true,"whitelist":"NEVER","last_updated":%q}`, owner.CountryCode, owner.ID, uid, quote("C-"+uid), lastUpdated)
}

// cdrToken is the cdr_token of a session or CDR of a driver of the eMSP.
func cdrToken(driver *Party, uid string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"uid":%q,"type":"RFID","contract_id":%q}`,
		driver.CountryCode, driver.ID, uid, "C-"+uid)
}

// session is an ACTIVE Session of 2.2.1 without costs.
func session(owner, driver *Party, id string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"start_date_time":"2024-03-01T09:00:00Z","kwh":3.5,`+
		`"cdr_token":%s,"auth_method":"WHITELIST","location_id":"LOC1","evse_uid":"E1","connector_id":"1",`+
		`"currency":"EUR","status":"ACTIVE","last_updated":%q}`, owner.CountryCode, owner.ID, id, cdrToken(driver, "T"+id[:3]), lastUpdated)
}

// cdr is a CDR of 2.2.1: 10 without VAT, 12 with.
func cdr(owner, driver *Party, id string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"start_date_time":"2024-03-01T09:00:00Z",`+
		`"end_date_time":"2024-03-01T10:00:00Z","session_id":%q,"cdr_token":%s,"auth_method":"WHITELIST",`+
		`"cdr_location":{"id":"LOC1","name":"Garage","address":"Damrak 1","city":"Amsterdam","postal_code":"1012LG","country":"NLD",`+
		`"coordinates":{"latitude":"52.370216","longitude":"4.895168"},"evse_uid":"E1","evse_id":"NL*CP1*E1","connector_id":"1",`+
		`"connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},`+
		`"currency":"EUR","charging_periods":[{"start_date_time":"2024-03-01T09:00:00Z","dimensions":[{"type":"ENERGY","volume":40.0}]}],`+
		`"total_cost":{"excl_vat":10.00,"incl_vat":12.00},"total_energy":40.0,"total_time":1.0,"last_updated":%q}`,
		owner.CountryCode, owner.ID, id, "S-"+id[:3], cdrToken(driver, "T"+id[:3]), lastUpdated)
}

// clientInfo is a ClientInfo (OCPI 2.2.1 §15.4.1).
func clientInfo(p *Party, status string) string {
	return fmt.Sprintf(`{"party_id":%q,"country_code":%q,"role":%q,"status":%q,"last_updated":%q}`,
		p.ID, p.CountryCode, p.Role, status, lastUpdated)
}

// startSession is the body of START_SESSION.
func startSession(driver *Party, responseURL, locationID string) string {
	return fmt.Sprintf(`{"response_url":%s,"token":%s,"location_id":%q,"evse_uid":"E1"}`,
		quote(responseURL), token(driver, "T-"+locationID), locationID)
}

// with sets fields of a JSON object: with(body, "name", `"x"`) takes the value
// as JSON.
func with(body string, pathsAndJSON ...string) string {
	for i := 0; i+1 < len(pathsAndJSON); i += 2 {
		out, err := sjson.SetRaw(body, pathsAndJSON[i], pathsAndJSON[i+1])
		if err != nil {
			panic(fmt.Sprintf("setting %s: %v", pathsAndJSON[i], err))
		}
		body = out
	}
	return body
}

// without removes fields of a JSON object.
func without(body string, paths ...string) string {
	for _, p := range paths {
		out, err := sjson.Delete(body, p)
		if err != nil {
			panic(fmt.Sprintf("removing %s: %v", p, err))
		}
		body = out
	}
	return body
}

func quote(s string) string {
	out, err := sjson.Set("", "s", s)
	if err != nil {
		return strconv.Quote(s)
	}
	return out[len(`{"s":`) : len(out)-1]
}

// window is a short time in the past that no other check uses, so that a list
// with date_from and date_to shows the objects of one check.
type window struct{ start time.Time }

func newWindow() window {
	base := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	return window{base.Add(time.Duration(rand.Int64N(20*365*24*60)) * time.Minute)}
}

// at is the time of the n-th object, one second after the other.
func (w window) at(n int) string { return ocpi.FormatTime(w.start.Add(time.Duration(n) * time.Second)) }

// query selects the whole window.
func (w window) query() string { return "date_from=" + w.at(0) + "&date_to=" + w.at(60) }

// put pushes an object to a receiver interface, with its owner as sender.
func put(m ocpi.Module, owner *Party, id, body string, to *Party) Call {
	return Call{Method: http.MethodPut, Module: m, Interface: ocpi.Receiver, Path: owner.Path(id), Body: body, To: to}
}

// list asks a sender interface for a list.
func list(m ocpi.Module, query string, to *Party) Call {
	return Call{Method: http.MethodGet, Module: m, Interface: ocpi.Sender, Query: query, To: to}
}

// command sends a command.
func command(name, body string, to *Party) Call {
	return Call{Method: http.MethodPost, Module: ocpi.Commands, Interface: ocpi.Receiver, Path: "/" + name, Body: body, To: to}
}

// responseURL is a callback of a party's platform, with a query, which must
// survive.
func responseURL(p *Party, id string) string {
	return p.Platform.EndpointURL(p.Platform.Version, ocpi.Commands, ocpi.Sender) + "/answer/" + id + "?ref=a%2Fb&n=1"
}
