package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/eroam/eroam/bench/result"
)

func median(t []turn, of func(turn) float64) float64 {
	var v []float64
	for _, x := range t {
		v = append(v, of(x))
	}
	return result.Median(v)
}

// fourElements has energy by day and by night, parking after an hour, a start fee
// and charging time.
const fourElements = `{"country_code":"NL","party_id":"CPO","id":"T","currency":"EUR","last_updated":"2025-01-01T00:00:00Z","elements":[
 {"price_components":[{"type":"ENERGY","price":0.38,"vat":21,"step_size":1}],"restrictions":{"start_time":"07:00","end_time":"23:00","day_of_week":["MONDAY","TUESDAY","WEDNESDAY","THURSDAY","FRIDAY"]}},
 {"price_components":[{"type":"ENERGY","price":0.29,"vat":21,"step_size":1}]},
 {"price_components":[{"type":"PARKING_TIME","price":3,"vat":21,"step_size":60}],"restrictions":{"min_duration":3600}},
 {"price_components":[{"type":"FLAT","price":0.35,"vat":21,"step_size":1},{"type":"TIME","price":0.06,"vat":21,"step_size":60}]}]}`

// cdrJSON is a CDR of five periods.
var cdrJSON = func() string {
	periods := ""
	for i := range 5 {
		at := time.Date(2025, 1, 13, 21, 30*i, 0, 0, time.UTC).Format(time.RFC3339)
		if i < 4 {
			periods += fmt.Sprintf(`{"start_date_time":%q,"dimensions":[{"type":"ENERGY","volume":4.25},{"type":"TIME","volume":0.5}]},`, at)
		} else {
			periods += fmt.Sprintf(`{"start_date_time":%q,"dimensions":[{"type":"PARKING_TIME","volume":0.7}]}`, at)
		}
	}
	return `{"country_code":"NL","party_id":"CPO","id":"C1","start_date_time":"2025-01-13T21:00:00Z","end_date_time":"2025-01-13T23:42:00Z","session_id":"S1",
 "cdr_token":{"country_code":"DE","party_id":"EM1","uid":"u","type":"RFID","contract_id":"c"},"auth_method":"WHITELIST",
 "cdr_location":{"id":"L","address":"a","city":"c","country":"NLD","coordinates":{"latitude":"52.0","longitude":"5.0"},"evse_uid":"E","evse_id":"NL*CPO*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},
 "currency":"EUR","charging_periods":[` + periods + `],"total_cost":{"excl_vat":8.27,"incl_vat":10.00},"total_energy":17,"total_time":2.7,"last_updated":"2025-01-13T23:45:00Z"}`
}()

// dayAhead has a price for each hour of four days, and one for all others.
func dayAhead() string {
	var s strings.Builder
	s.WriteString(`{"country_code":"NL","party_id":"CPO","id":"D","currency":"EUR","last_updated":"2025-01-01T00:00:00Z","elements":[`)
	for h := range 96 {
		day := time.Date(2025, 1, 12+h/24, 0, 0, 0, 0, time.UTC)
		fmt.Fprintf(&s, `{"price_components":[{"type":"ENERGY","price":0.%02d,"vat":21,"step_size":1}],"restrictions":{"start_time":"%02d:00","end_time":"%02d:00","start_date":%q,"end_date":%q}},`,
			20+h%50, h%24, (h+1)%24, day.Format(time.DateOnly), day.AddDate(0, 0, 1).Format(time.DateOnly))
	}
	return s.String() + `{"price_components":[{"type":"ENERGY","price":0.4,"vat":21,"step_size":1}]}]}`
}
