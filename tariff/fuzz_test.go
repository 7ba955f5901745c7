package tariff

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/ocpi"
)

// seedFiles adds the files of a name in all cases.
func seedFiles(f *testing.F, name string, add func(b []byte)) {
	f.Helper()
	files, err := filepath.Glob("testdata/cases/*/" + name)
	if err != nil || len(files) == 0 {
		f.Fatalf("no %s in testdata (%v)", name, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		add(b)
	}
}

var versions = []ocpi.Version{v211, ocpi.V221, ocpi.V230}

// FuzzTariff reads, lints and compiles anything; what compiles can be priced with.
func FuzzTariff(f *testing.F) {
	seedFiles(f, "tariff.json", func(b []byte) { f.Add(b, uint8(1)) })
	f.Add([]byte(`{"id":"1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":1e400,"step_size":-1}],"restrictions":{"dayOfWeek":[]}}]}`), uint8(2))
	f.Fuzz(func(t *testing.T, body []byte, v uint8) {
		version := versions[int(v)%len(versions)]
		_, _ = LintJSON(version, body, LintOptions{Now: time.Unix(1.8e9, 0), AFIR: true})
		tariffs, _, err := ParseTariffs(version, body)
		if err != nil {
			return
		}
		list, err := Compile(tariffs...)
		if err != nil {
			return
		}
		start := time.Date(2025, 3, 29, 20, 0, 0, 0, time.UTC)
		e, err := list.Estimate(Plan{Arrival: start, Zone: zones[0], Energy: 30e9, Power: 11e6, Stay: 10 * time.Hour}, Policy{})
		if err != nil {
			return
		}
		if _, err := json.Marshal(e.Result); err != nil {
			t.Errorf("the result cannot be written: %v", err)
		}
		for _, l := range Languages() {
			_ = e.Result.Text(l)
		}
	})
}

// FuzzCDR reads, prices and verifies anything under its own tariffs.
func FuzzCDR(f *testing.F) {
	seedFiles(f, "cdr.json", func(b []byte) { f.Add(b, uint8(1)) })
	f.Fuzz(func(t *testing.T, body []byte, v uint8) {
		_ = DetectVersion(body)
		c, _, err := ParseCDR(versions[int(v)%len(versions)], body, zones[0])
		if err != nil {
			return
		}
		list, err := Compile(c.Tariffs...)
		if err != nil {
			return
		}
		r, err := list.Explain(&c.Session, Policy{})
		if err != nil {
			return
		}
		if _, err := list.Verify(&c, &r); err != nil {
			t.Errorf("cannot be verified: %v", err)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("the result cannot be written: %v", err)
		}
	})
}

// FuzzMetering makes periods from anything.
func FuzzMetering(f *testing.F) {
	seedFiles(f, "session.json", func(b []byte) { f.Add(b) })
	f.Add([]byte(`{"reserved_from":"2025-10-25T23:10:00Z","start_date_time":"2025-10-26T00:00:00Z","end_date_time":"2025-10-26T03:00:00Z","charging_until":"2025-10-26T01:00:00Z","meter_values":[{"timestamp":"2025-10-26T00:00:00Z","kwh":0},{"timestamp":"2025-10-26T03:00:00Z","kwh":20.5}]}`))
	body, err := os.ReadFile("testdata/cases/spec-04-complex-monday/tariff.json")
	if err != nil {
		f.Fatal(err)
	}
	tariffs, _, err := ParseTariffs(ocpi.V221, body)
	if err != nil {
		f.Fatal(err)
	}
	held, _, err := ParseTariffs(ocpi.V221, []byte(lintTariff(elements(`TIME 1 1 - {"reservation":"RESERVATION","end_time":"02:30"}`, `FLAT 1 1 - {"reservation":"RESERVATION","min_duration":600}`))))
	if err != nil {
		f.Fatal(err)
	}
	tariffs[0].Elements = append(tariffs[0].Elements, held[0].Elements...)
	list, err := Compile(tariffs...)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := ParseMetering(body, zones[0])
		if err != nil {
			return
		}
		g, err := list.Generate(&m)
		if err != nil {
			return
		}
		if _, err := list.Price(&g.Session, Policy{}); err != nil {
			t.Errorf("what was generated cannot be priced: %v", err)
		}
	})
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"rounding":{"where":"line","mode":"truncate","decimals":3},"tolerance":"0.02","step_size":"period","in_utc":true}`))
	f.Fuzz(func(_ *testing.T, body []byte) {
		_, _ = ParsePolicy(body)
		_, _ = ParseExternalTaxes(body)
	})
}

// FuzzScanCDR reads anything with both readers of a CDR.
func FuzzScanCDR(f *testing.F) {
	seedFiles(f, "cdr.json", func(b []byte) { f.Add(b) })
	f.Add([]byte(everyField))
	f.Fuzz(func(t *testing.T, body []byte) { scanned(t, body) })
}
