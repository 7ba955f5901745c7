package deliverytest

import "fmt"

// The objects below are valid in OCPI 2.2.1 and 2.3.0. They carry fields that
// OCPI does not know and numbers in unusual spellings, which must survive.

// Location is a location of NL-CP1 with one EVSE "E1" and connector "1".
func Location(id, stamp string) string { return LocationOf("NL", "CP1", id, stamp) }

// LocationOf is Location for another owner.
func LocationOf(country, partyID, id, stamp string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"publish":true,"address":"Main 1","city":"Gent",`+
		`"country":"BEL","coordinates":{"latitude":"51.047599","longitude":"3.729944"},"x-unknown":{"n":1.50e0},`+
		`"evses":[%s],"time_zone":"Europe/Brussels","last_updated":%q}`, country, partyID, id, EVSE("E1", stamp), stamp)
}

// EVSE is an EVSE with connector "1".
func EVSE(uid, stamp string) string {
	return fmt.Sprintf(`{"uid":%q,"evse_id":"BE*BEC*E041503001","status":"AVAILABLE","connectors":[%s],"last_updated":%q}`,
		uid, Connector("1", stamp), stamp)
}

// Connector is a connector.
func Connector(id, stamp string) string {
	return fmt.Sprintf(`{"id":%q,"standard":"IEC_62196_T2","format":"CABLE","power_type":"AC_3_PHASE","max_voltage":220,"max_amperage":16,"last_updated":%q}`,
		id, stamp)
}

// Token is a token of DE-EM1.
func Token(uid, tokenType, stamp string) string {
	return fmt.Sprintf(`{"country_code":"DE","party_id":"EM1","uid":%q,"type":%q,"contract_id":"DE8ACC12E46L89","issuer":"EM1",`+
		`"valid":true,"whitelist":"ALWAYS","last_updated":%q}`, uid, tokenType, stamp)
}

// Tariff is a tariff of NL-CP1, in the form of OCPI 2.2.1.
func Tariff(id, stamp string) string {
	return fmt.Sprintf(`{"country_code":"NL","party_id":"CP1","id":%q,"currency":"EUR",`+
		`"elements":[{"price_components":[{"type":"ENERGY","price":0.30,"vat":20.0,"step_size":1}]}],"last_updated":%q}`, id, stamp)
}

// Session is a session of NL-CP1 of a driver of the given party, in the form of
// OCPI 2.2.1.
func Session(id, country, partyID, stamp string) string {
	return fmt.Sprintf(`{"country_code":"NL","party_id":"CP1","id":%q,"start_date_time":"2026-01-01T10:00:00Z","kwh":1.0,`+
		`"cdr_token":{"country_code":%q,"party_id":%q,"uid":"U1","type":"RFID","contract_id":"DE8ACC12E46L89"},"auth_method":"WHITELIST",`+
		`"location_id":"LOC1","evse_uid":"E1","connector_id":"1","currency":"EUR","status":"ACTIVE","last_updated":%q}`, id, country, partyID, stamp)
}
