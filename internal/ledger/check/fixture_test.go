package check_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/sjson"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/ocpi"
)

// goodTariff has four elements: energy by day and by night, parking after an hour,
// and a start fee with a price for time.
const goodTariff = `{"country_code":"NL","party_id":"CP1","id":"T1","currency":"EUR","type":"REGULAR","elements":[
 {"price_components":[{"type":"ENERGY","price":0.38,"vat":21,"step_size":1}],"restrictions":{"start_time":"07:00","end_time":"23:00","day_of_week":["MONDAY","TUESDAY","WEDNESDAY","THURSDAY","FRIDAY"]}},
 {"price_components":[{"type":"ENERGY","price":0.29,"vat":21,"step_size":1}]},
 {"price_components":[{"type":"PARKING_TIME","price":3,"vat":21,"step_size":60}],"restrictions":{"min_duration":3600}},
 {"price_components":[{"type":"FLAT","price":0.35,"vat":21,"step_size":1},{"type":"TIME","price":0.06,"vat":21,"step_size":60}]}],
 "last_updated":"2026-01-01T00:00:00Z"}`

// goodCDR is Monday 10:00 to 12:30 in Amsterdam: two hours of charging, half an
// hour of parking. 18.5 · 0.38 + 2 · 0.06 + 0.5 · 3 + 0.35 = 9.00.
const goodCDR = `{"country_code":"NL","party_id":"CP1","id":"CDR1","start_date_time":"2026-03-02T09:00:00Z","end_date_time":"2026-03-02T11:30:00Z","session_id":"S1",
 "cdr_token":{"country_code":"DE","party_id":"EM1","uid":"04A1B2C3","type":"RFID","contract_id":"DE-EM1-C12345678-X"},"auth_method":"AUTH_REQUEST","authorization_reference":"REF1",
 "cdr_location":{"id":"LOC1","name":"Kade","address":"Kade 1","city":"Amsterdam","postal_code":"1011AA","country":"NLD","coordinates":{"latitude":"52.3700","longitude":"4.9000"},
  "evse_uid":"E1","evse_id":"NL*CP1*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},
 "meter_id":"M1","currency":"EUR","tariffs":[` + goodTariff + `],
 "charging_periods":[{"start_date_time":"2026-03-02T09:00:00Z","dimensions":[{"type":"ENERGY","volume":18.5},{"type":"TIME","volume":2.0},{"type":"MAX_POWER","volume":11.0}],"tariff_id":"T1"},
  {"start_date_time":"2026-03-02T11:00:00Z","dimensions":[{"type":"PARKING_TIME","volume":0.5}],"tariff_id":"T1"}],
 "total_cost":{"excl_vat":9.00,"incl_vat":10.89},"total_fixed_cost":{"excl_vat":0.35,"incl_vat":0.4235},"total_energy":18.5,"total_energy_cost":{"excl_vat":7.03,"incl_vat":8.5063},
 "total_time":2.5,"total_time_cost":{"excl_vat":0.12,"incl_vat":0.1452},"total_parking_time":0.5,"total_parking_cost":{"excl_vat":1.5,"incl_vat":1.815},
 "last_updated":"2026-03-02T11:31:00Z"}`

const goodSession = `{"country_code":"NL","party_id":"CP1","id":"s1","start_date_time":"2026-03-02T09:00:10Z","end_date_time":"2026-03-02T11:29:40Z","kwh":18.45,
 "cdr_token":{"country_code":"DE","party_id":"EM1","uid":"04a1b2c3","type":"RFID","contract_id":"DE-EM1-C12345678-X"},"auth_method":"AUTH_REQUEST","location_id":"LOC1","evse_uid":"E1","connector_id":"1",
 "currency":"EUR","total_cost":{"excl_vat":9.00},"status":"COMPLETED","last_updated":"2026-03-02T11:30:00Z"}`

const goodLocation = `{"country_code":"NL","party_id":"CP1","id":"LOC1","publish":true,"name":"Kade","address":"Kade 1","city":"Amsterdam","country":"NLD","coordinates":{"latitude":"52.37","longitude":"4.9"},
 "evses":[{"uid":"E0","status":"AVAILABLE","connectors":[],"last_updated":"2026-01-01T00:00:00Z"},{"uid":"E1","evse_id":"NLCP1E1","status":"AVAILABLE",
  "connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":32,"last_updated":"2026-01-01T00:00:00Z"}],"last_updated":"2026-01-01T00:00:00Z"}],
 "time_zone":"Europe/Amsterdam","last_updated":"2026-01-01T00:00:00Z"}`

const goodToken = `{"country_code":"DE","party_id":"EM1","uid":"04A1B2C3","type":"RFID","contract_id":"DEEM1C12345678","issuer":"EM1","valid":true,"whitelist":"NEVER","last_updated":"2026-01-01T00:00:00Z"}`

var (
	cpo, emsp = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, ocpi.PartyID{CountryCode: "DE", ID: "EM1"}
	tokenKey  = ocpi.TokenKey("04A1B2C3", "RFID")
)

// fixture is a case that is still being made.
type fixture struct {
	t    testing.TB
	body []byte
	v    ocpi.Version
	check.Case
}

// good returns a case in which nothing is wrong.
func good(t testing.TB) *fixture {
	start := at("2026-03-02T09:00:00Z")
	return &fixture{t: t, body: []byte(goodCDR), v: ocpi.V221, Case: check.Case{
		Now: at("2026-03-02T11:31:05Z"), Settings: check.DefaultSettings(), Zone: zone(t), Sender: cpo, Receiver: emsp, Agreement: &check.Agreement{Currency: "EUR"},
		Session: object(goodSession), Location: object(goodLocation), Token: object(goodToken),
		Auths:   []check.Authorization{{ID: "A1", At: start.Add(-time.Minute), Reference: "ref1", Token: tokenKey, Location: "LOC1", Method: "AUTH_REQUEST"}},
		AtStart: []check.TariffVersion{version(t, goodTariff, "2026-01-01T00:00:00Z")}, Latest: []check.TariffVersion{version(t, goodTariff, "2026-01-01T00:00:00Z")},
		LastMeter: "m1",
		Others: []check.Other{{
			Party: cpo, ID: "CDR0", Session: "s0", Token: tokenKey, EVSE: "e1", Start: start.Add(-30 * time.Hour), End: start.Add(-29 * time.Hour),
			Currency: "EUR", Net: 500, Gross: 605, Energy: 10e9, HasPlace: true, Latitude: 52.37, Longitude: 4.9,
		}},
		Usual: &check.Usual{Count: 100, Mean: 0.45, Deviation: 0.05},
	}}
}

// creditOf returns the good case taken back.
func creditOf(t testing.TB) *fixture {
	f := good(t)
	f.Original = &check.Original{CPO: cpo, EMSP: emsp, ID: "CDR1", Currency: "EUR", Net: 900, Gross: 1089, Version: ocpi.V221, Body: f.body}
	f.set("id", `"CREDIT1"`).set("credit", `true`).set("credit_reference_id", `"cdr1"`).set("total_cost", `{"excl_vat":-9.00,"incl_vat":-10.89}`)
	return f
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func zone(t testing.TB) *time.Location {
	z, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func object(body string) *check.Object { return &check.Object{Version: ocpi.V221, Body: []byte(body)} }

func version(t testing.TB, body, received string) check.TariffVersion {
	one, err := check.ReadTariff(ocpi.V221, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return check.TariffVersion{Tariff: one, Received: at(received), Hash: "h" + received}
}

// set changes the CDR; value is JSON.
func (f *fixture) set(path, value string) *fixture {
	body, err := sjson.SetRawBytes(f.body, path, []byte(value))
	if err != nil {
		f.t.Fatal(err)
	}
	f.body = body
	return f
}

// drop removes a field of the CDR.
func (f *fixture) drop(path string) *fixture {
	body, err := sjson.DeleteBytes(f.body, path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.body = body
	return f
}

// edit changes another object; value is JSON.
func edit(t testing.TB, o *check.Object, path, value string) *check.Object {
	body, err := sjson.SetRawBytes(o.Body, path, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return &check.Object{Version: o.Version, Body: body}
}

func (f *fixture) run() check.Report {
	f.t.Helper()
	c := f.Case
	if f.body != nil {
		cdr, err := check.Read(f.v, f.body, nil)
		if err != nil {
			f.t.Fatalf("Read: %v", err)
		}
		c.CDR = cdr
	}
	return check.Run(&c)
}

// sign puts signed data into the case: what a meter says of the good session,
// after changes to the text.
func (f *fixture) sign(changes ...string) *fixture {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		f.t.Fatal(err)
	}
	payload := strings.NewReplacer(changes...).Replace(`{"FV":"1.0","GI":"GW","GS":"G1","GV":"1","PG":"T1","MV":"Maker","MM":"Model","MS":"M1","MF":"1","IS":true,"IL":"VERIFIED","IF":[],"IT":"ISO14443","ID":"04A1B2C3","CT":"EVSEID","CI":"NL*CP1*E1",` +
		`"RD":[{"TM":"2026-03-02T10:00:05,000+0100 S","TX":"B","RV":1000.000,"RI":"1-b:1.8.0","RU":"kWh","RT":"AC","EF":"","ST":"G"},` +
		`{"TM":"2026-03-02T12:29:55,000+0100 S","TX":"E","RV":1018.500,"RI":"1-b:1.8.0","RU":"kWh","RT":"AC","EF":"","ST":"G"}]}`)
	sum := sha256.Sum256([]byte(payload))
	der, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		f.t.Fatal(err)
	}
	record := fmt.Sprintf(`OCMF|%s|{"SD":"%x"}`, payload, der)
	f.MeterKey = hex.EncodeToString(public)
	value := fmt.Sprintf(`{"nature":"%%s","plain_data":"","signed_data":%q}`, record)
	return f.set("signed_data", fmt.Sprintf(`{"encoding_method":"OCMF","public_key":%q,"signed_values":[%s,%s]}`,
		f.MeterKey, fmt.Sprintf(value, "Start"), fmt.Sprintf(value, "End")))
}

func replace(s, old, new string) string { return strings.ReplaceAll(s, old, new) }

func number(s string) ocpi.Number { return ocpi.MustNumber(s) }
