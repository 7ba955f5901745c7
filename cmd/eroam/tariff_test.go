package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// TestTariffCases runs the cases of package tariff through the command and looks
// at the shape of what it prints: the members, the kinds of their values and the
// exit code.
func TestTariffCases(t *testing.T) {
	files, err := filepath.Glob("../../tariff/testdata/*/*/expected.json")
	if err != nil || len(files) < 46 {
		t.Fatalf("%d cases (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) { tariffCase(t, filepath.Dir(file)) })
	}
}

func tariffCase(t *testing.T, dir string) {
	var want map[string]any
	b, err := os.ReadFile(dir + "/expected.json")
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	input := want["input"].(map[string]any)
	args := []string{"tariff", "price", "--tariff", dir + "/tariff.json", "--ocpi-version", input["ocpi_version"].(string), "--format", "json"}
	if zone, ok := input["time_zone"].(string); ok {
		args = append(args, "--time-zone", zone)
	}
	switch want["kind"] {
	case "lint":
		args[1] = "lint"
	case "generate":
		args[1] = "generate"
		args = append(args, "--session", dir+"/session.json")
	default:
		args = append(args, "--cdr", dir+"/cdr.json")
	}
	if taxes, ok := input["external_taxes"]; ok {
		b, err := json.Marshal(taxes)
		name := filepath.Join(t.TempDir(), "taxes.json")
		if err == nil {
			err = os.WriteFile(name, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--external-taxes", name)
	}
	var out, errs bytes.Buffer
	code := run(args, Streams{&out, &errs})
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %s%s", err, &out, &errs)
	}
	expected := want["expected"].(map[string]any)
	wantCode := 0
	claim, _ := want["claim"].(map[string]any)
	switch {
	case want["kind"] == "error":
		wantCode = 2
		if e := got["error"].(map[string]any); e["code"] != expected["error"] || e["message"] == "" {
			t.Errorf("error %v, want %v", e, expected["error"])
		}
		return
	case claim != nil && claim["verdict"] == "mismatch":
		wantCode = 1
	case want["kind"] == "lint":
		wantCode = -1 // as the findings are
	}
	if wantCode >= 0 && code != wantCode {
		t.Errorf("exit code %d, want %d", code, wantCode)
	}
	if claim != nil {
		mine := got["claim"].(map[string]any)
		same(t, "claim.verdict", mine["verdict"], claim["verdict"])
		same(t, "claim.differing_fields", mine["differing_fields"], claim["differing_fields"])
	}
	for _, name := range []string{"currency", "limit_applied", "charging_periods", "taxes", "total_after_external_taxes"} {
		if w, ok := expected[name]; ok {
			same(t, name, got[name], w)
		}
	}
	if w, ok := expected["rounded"].(map[string]any); ok {
		mine := got["rounded"].(map[string]any)
		for _, name := range []string{"decimals", "total_excl", "total_incl"} {
			if v, ok := w[name]; ok {
				same(t, "rounded."+name, mine[name], v)
			}
		}
	}
	shape(t, "", got, expected)
	exits(t, want, got, code)
}

// exits compares findings, and the exit code of lint with them.
func exits(t *testing.T, want, got map[string]any, code int) {
	errors := 0
	var codes []any
	list, _ := got["findings"].([]any)
	for _, f := range list {
		codes = append(codes, f.(map[string]any)["code"])
		if f.(map[string]any)["severity"] == "error" {
			errors++
		}
	}
	if want["kind"] == "lint" && (code == 1) != (errors > 0) {
		t.Errorf("exit code %d with %d errors", code, errors)
	}
	wanted, _ := want["expected"].(map[string]any)["findings"].([]any)
	for _, w := range wanted {
		if m, ok := w.(map[string]any); ok {
			w = m["code"]
		}
		if !slices.Contains(codes, w) {
			t.Errorf("finding %v is missing in %v", w, codes)
		}
	}
}

func same(t *testing.T, name string, got, want any) {
	t.Helper()
	a, _ := json.Marshal(got, json.Deterministic(true))
	b, _ := json.Marshal(want, json.Deterministic(true))
	if !bytes.Equal(a, b) {
		t.Errorf("%s is %s, want %s", name, a, b)
	}
}

// shape compares members and kinds of values where both have an object or list of
// one length.
func shape(t *testing.T, at string, got, want any) {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			t.Errorf("%s is %T, want an object", at, got)
			return
		}
		for name, v := range w {
			mine, there := g[name]
			switch {
			case name == "findings", name == "findings_optional", name == "tolerance", name == "mode":
			case !there:
				t.Errorf("%s/%s is missing", at, name)
			default:
				shape(t, at+"/"+name, mine, v)
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			t.Errorf("%s has %d of %d", at, len(g), len(w))
			return
		}
		for i := range w {
			shape(t, at, g[i], w[i])
		}
	default:
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if jsontext.Value(a).Kind() != jsontext.Value(b).Kind() {
			t.Errorf("%s is %s, want %s", at, a, b)
		}
	}
}
