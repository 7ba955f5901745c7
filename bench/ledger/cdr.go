package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/eroam/eroam/bench/wire"
	"github.com/eroam/eroam/tariff"
)

var amsterdam = mustZone("Europe/Amsterdam")

func mustZone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// document is a session and its CDR, ready to be sent.
type document struct {
	session, cdr []byte
}

const head = "%s /ocpi/2.2.1/receiver/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Token %s\r\nX-Request-ID: b6f0a2d2e6b54b3f8f6d2f0a\r\nX-Correlation-ID: c6f0a2d2e6b54b3f8f6d2f0a\r\n" +
	"OCPI-from-country-code: %s\r\nOCPI-from-party-id: %s\r\nOCPI-to-country-code: %s\r\nOCPI-to-party-id: %s\r\nContent-Type: application/json\r\nContent-Length: "

// request puts a request of an operator together; path is behind receiver/.
func (l *lab) request(method, path string, from *operator, toCountry, to string, body []byte) []byte {
	return wire.AppendBody(fmt.Appendf(nil, head, method, path, l.hub.Addr, from.token, from.Country, from.ID, toCountry, to), body)
}

// evse returns the station and the EVSE of a CDR.
func evse(i int) (station, evse int) {
	n := i * 7 % (stations * evsesOfEach)
	return n / evsesOfEach, n % evsesOfEach
}

func location(o *operator, n int) []byte {
	var evses []string
	for e := range evsesOfEach {
		evses = append(evses, fmt.Sprintf(`{"uid":"E%d-%d","evse_id":"NL*%s*E%d*%d","status":"AVAILABLE","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE",`+
			`"max_voltage":230,"max_amperage":32,"tariff_ids":["T1"],"last_updated":"2026-01-01T00:00:00Z"}],"last_updated":"2026-01-01T00:00:00Z"}`, n, e, o.ID, n, e))
	}
	return fmt.Appendf(nil, `{"country_code":"NL","party_id":%q,"id":"LOC%d","publish":true,"name":"Kade %[2]d","address":"Kade %[2]d","city":"Nieuwegein","postal_code":"3431AA","country":"NLD",`+
		`"coordinates":{"latitude":"52.020000","longitude":"5.085000"},"evses":[%s],"time_zone":"Europe/Amsterdam","last_updated":"2026-01-01T00:00:00Z"}`, o.ID, n, strings.Join(evses, ","))
}

func token(p *provider, driver int) (uid string, body []byte) {
	uid = fmt.Sprintf("04A1B2%06d", driver)
	return uid, fmt.Appendf(nil, `{"country_code":"DE","party_id":%q,"uid":%q,"type":"RFID","contract_id":"DE-%[1]s-C%08[3]d","issuer":%[1]q,"valid":true,"whitelist":"ALLOWED","last_updated":"2026-01-01T00:00:00Z"}`,
		p.ID, uid, driver)
}

// document makes the next session for one of the drivers of a provider: an hour and
// more of charging some hours ago, and perhaps parking. Providers that are none
// of 0 to providers-1 stand for any.
func (l *lab) document(to int) (document, error) {
	i := l.next
	l.next++
	driver := i % drivers
	if to >= 0 {
		driver = driver/providers*providers%drivers + to
	} else if to = driver % providers; to == 0 { // the one that is away at times
		driver, to = driver+1, 1
	}
	o, p := &l.cpos[i/drivers%operators], &l.emsps[to]
	station, place := evse(i)
	// Each run through the drivers is an earlier one of a day.
	end := time.Now().UTC().Truncate(time.Second).Add(-time.Duration(i/drivers+1)*5*time.Hour - time.Duration(i%600)*time.Second)
	charged, parked := time.Duration(3600+i*37%7200)*time.Second, time.Duration(i%3*900)*time.Second
	start := end.Add(-charged - parked)
	m := tariff.Metering{Start: start, End: end, Zone: amsterdam, Readings: []tariff.Reading{{At: start, Energy: 0}, {At: start.Add(charged), Energy: int64(2000+i%9000) * 1e6}}}
	if parked > 0 {
		m.ChargingUntil = start.Add(charged)
	}
	g, err := l.list.Generate(&m)
	if err != nil {
		return document{}, err
	}
	price, err := l.list.Price(&g.Session, tariff.Policy{})
	if err != nil {
		return document{}, err
	}
	totals := g.Session.Totals()
	var periods []string
	for i := range g.Session.Periods {
		var dimensions []string
		for _, d := range g.Session.Periods[i].Dimensions() {
			dimensions = append(dimensions, fmt.Sprintf(`{"type":%q,"volume":%s}`, d.Type, d.Volume))
		}
		periods = append(periods, fmt.Sprintf(`{"start_date_time":%q,"dimensions":[%s],"tariff_id":"T1"}`, stamp(g.Session.Periods[i].Start), strings.Join(dimensions, ",")))
	}
	uid, _ := token(p, driver)
	common := fmt.Sprintf(`"country_code":"NL","party_id":%q,"start_date_time":%q,"end_date_time":%q,"cdr_token":{"country_code":"DE","party_id":%q,"uid":%q,"type":"RFID","contract_id":"DE-%[4]s-C%08[6]d"},`+
		`"auth_method":"WHITELIST","currency":"EUR","total_cost":{"excl_vat":%[7]s,"incl_vat":%[8]s}`, o.ID, stamp(start), stamp(end), p.ID, uid, driver, price.TotalExcl.Text(4), price.TotalIncl.Text(4))
	session := fmt.Appendf(nil, `{%s,"id":"S%d","kwh":%s,"location_id":"LOC%d","evse_uid":"E%[4]d-%d","connector_id":"1","status":"COMPLETED","last_updated":%q}`,
		common, i, totals.Energy, station, place, stamp(end))
	cdr := fmt.Appendf(nil, `{%s,"id":"CDR%d","session_id":"S%[2]d","cdr_location":{"id":"LOC%[3]d","name":"Kade %[3]d","address":"Kade %[3]d","city":"Nieuwegein","postal_code":"3431AA","country":"NLD",`+
		`"coordinates":{"latitude":"52.020000","longitude":"5.085000"},"evse_uid":"E%[3]d-%[4]d","evse_id":"NL*%[5]s*E%[3]d*%[4]d","connector_id":"1","connector_standard":"IEC_62196_T2",`+
		`"connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},"tariffs":[%[6]s],"charging_periods":[%[7]s],"total_energy":%[8]s,"total_time":%[9]s,"total_parking_time":%[10]s,"last_updated":%[11]q}`,
		common, i, station, place, o.ID, o.tariff, strings.Join(periods, ","), totals.Energy, totals.Time, totals.Parking, stamp(end))
	return document{
		session: l.request("PUT", "sessions/NL/"+o.ID+"/"+url.PathEscape(fmt.Sprintf("S%d", i)), o, p.Country, p.ID, session),
		cdr:     l.request("POST", "cdrs", o, p.Country, p.ID, cdr),
	}, nil
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// documents makes n of them.
func (l *lab) documents(n, to int) ([]document, error) {
	all := make([]document, n)
	for i := range all {
		var err error
		if all[i], err = l.document(to); err != nil {
			return nil, err
		}
	}
	return all, nil
}
