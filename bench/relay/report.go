package main

import (
	"fmt"
	"os"

	"github.com/eroam/eroam/bench/result"
)

func report(o options, l *lab, results map[string][]turn, p pace) error {
	var lines []result.Line
	fmt.Printf("\n%-14s %10s %9s %9s %13s %9s %14s\n", "median of", "req/s", "p50 ms", "p99 ms", "CPU µs/req", "of nginx", "of ReverseProxy")
	for _, c := range l.candidates {
		t := results[c.name]
		rate := median(t, func(t turn) float64 { return t.rate })
		var ofNginx, ofProxy []float64
		for i := range t {
			ofNginx = append(ofNginx, t[i].rate/results["nginx"][i].rate)
			ofProxy = append(ofProxy, t[i].rate/results["ReverseProxy"][i].rate)
		}
		n, q := result.Median(ofNginx), result.Median(ofProxy)
		used := median(t, func(t turn) float64 { return t.cpu })
		p50, p99 := median(t, func(t turn) float64 { return t.p50 }), median(t, func(t turn) float64 { return t.p99 })
		fmt.Printf("%-14s %10.0f %9.2f %9.2f %13.1f %9.2f %14.2f\n", c.name, rate, p50, p99, used, n, q)
		base := median(results["nginx"], func(t turn) float64 { return t.rate })
		lines = append(lines,
			result.Line{Name: "relay_throughput_" + c.name, Value: rate, Unit: "req/s", Baseline: "nginx", BaselineValue: base, Ratio: n, N: len(t)},
			result.Line{Name: "relay_p50_" + c.name, Value: p50, Unit: "ms", N: len(t)},
			result.Line{Name: "relay_p99_" + c.name, Value: p99, Unit: "ms", N: len(t)},
			result.Line{Name: "relay_cpu_" + c.name, Value: used, Unit: "us/req", N: len(t)})
		if c.name == "eroam" {
			proxy := median(results["ReverseProxy"], func(t turn) float64 { return t.rate })
			lines = append(lines, result.Line{Name: "relay_throughput_eroam_vs_reverseproxy", Value: rate, Unit: "req/s",
				Baseline: "ReverseProxy", BaselineValue: proxy, Ratio: q, N: len(t)})
		}
	}
	fmt.Printf("\nhub time at %d requests/s over %d requests: p50 %.2f ms, p99 %.2f ms\n", o.pace, p.requests, p.p50, p.p99)
	lines = append(lines, result.Line{Name: "relay_hub_time_p50", Value: p.p50, Unit: "ms", N: p.requests},
		result.Line{Name: "relay_hub_time_p99", Value: p.p99, Unit: "ms", N: p.requests})
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("load average at the end: %s", b)
	}
	return result.Append(o.out, lines)
}

func median(t []turn, of func(turn) float64) float64 {
	var v []float64
	for _, x := range t {
		v = append(v, of(x))
	}
	return result.Median(v)
}

// cdr is a CDR of 1.5 kB as a 2.2.1 platform sends it.
var cdr = `{"country_code":"NL","party_id":"CP1","id":"CDR-2026-03-01-000017","start_date_time":"2026-03-01T08:02:11Z","end_date_time":"2026-03-01T09:14:45Z",` +
	`"session_id":"S-000017","cdr_token":{"country_code":"DE","party_id":"EM1","uid":"04A1B2C3D4E580","type":"RFID","contract_id":"DE-EM1-C00017-X"},` +
	`"auth_method":"AUTH_REQUEST","authorization_reference":"auth-000017","cdr_location":{"id":"LOC-17","name":"Harbour","address":"Quay 17","city":"Rotterdam",` +
	`"postal_code":"3011 AA","country":"NLD","coordinates":{"latitude":"51.917000","longitude":"4.484000"},"evse_uid":"E-17-1","evse_id":"NL*CP1*E17*1",` +
	`"connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},"currency":"EUR",` +
	`"tariffs":[{"country_code":"NL","party_id":"CP1","id":"T-1","currency":"EUR","type":"REGULAR","elements":[{"price_components":[` +
	`{"type":"ENERGY","price":0.41,"vat":21,"step_size":1},{"type":"FLAT","price":0.35,"vat":21,"step_size":0}]}],"last_updated":"2026-01-01T00:00:00Z"}],` +
	`"charging_periods":[{"start_date_time":"2026-03-01T08:02:11Z","dimensions":[{"type":"ENERGY","volume":9.731},{"type":"TIME","volume":1.1}],"tariff_id":"T-1"},` +
	`{"start_date_time":"2026-03-01T09:08:11Z","dimensions":[{"type":"PARKING_TIME","volume":0.109}],"tariff_id":"T-1"}],` +
	`"total_cost":{"excl_vat":4.34,"incl_vat":5.25},"total_energy":9.731,"total_energy_cost":{"excl_vat":3.99,"incl_vat":4.83},"total_time":1.209,` +
	`"total_parking_time":0.109,"remark":"none","last_updated":"2026-03-01T09:15:00Z"}`
