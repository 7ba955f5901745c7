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

// pushed is a location of 1.5 kB as a 2.2.1 platform pushes it to one receiver:
// relayed, and neither stored nor published. (CDRs go through the ledger.)
var pushed = `{"country_code":"NL","party_id":"CP1","id":"LOC-17","publish":true,"name":"Harbour","address":"Quay 17","city":"Rotterdam","postal_code":"3011 AA",` +
	`"country":"NLD","coordinates":{"latitude":"51.917000","longitude":"4.484000"},"parking_type":"ON_STREET","evses":[` +
	evse("1", "AVAILABLE") + `,` + evse("2", "CHARGING") + `],"directions":[{"language":"nl","text":"Langs het water, de tweede straat rechts."}],` +
	`"operator":{"name":"Charge Point One","website":"https://www.cp1.example"},"time_zone":"Europe/Amsterdam",` +
	`"opening_times":{"twentyfourseven":true},"charging_when_closed":true,"last_updated":"2026-03-01T09:15:00Z"}`

func evse(uid, status string) string {
	return `{"uid":"E-17-` + uid + `","evse_id":"NL*CP1*E17*` + uid + `","status":"` + status + `","capabilities":["RFID_READER","REMOTE_START_STOP_CAPABLE"],` +
		`"connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":32,` +
		`"tariff_ids":["T-1"],"last_updated":"2026-01-01T00:00:00Z"}],"physical_reference":"` + uid + `","floor_level":"0","last_updated":"2026-03-01T09:15:00Z"}`
}
