package ocpi_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/go-json-experiment/json/jsontext"
)

func ExampleMergePatch() {
	stored := []byte(`{"uid":"3256","status":"AVAILABLE","x-depot":7.50,"last_updated":"2019-06-24T12:39:09Z"}`)
	patch := []byte(`{"status":"CHARGING","last_updated":"2019-06-24T12:41:00Z"}`)
	merged, err := ocpi.MergePatch(stored, patch, ocpi.MergeRules(ocpi.Locations, 1))
	fmt.Println(string(merged), err)
	// Output: {"uid":"3256","status":"CHARGING","x-depot":7.50,"last_updated":"2019-06-24T12:41:00Z"} <nil>
}

const (
	oldTime = `"last_updated":"2024-01-01T00:00:00Z"`
	newTime = `"last_updated":"2024-02-01T00:00:00Z"`
)

func TestMergePatch(t *testing.T) {
	location := ocpi.MergeRules(ocpi.Locations, 0)
	evse := ocpi.MergeRules(ocpi.Locations, 1)
	session := ocpi.MergeRules(ocpi.Sessions, 0)
	tests := []struct {
		name             string
		opt              ocpi.MergeOptions
		doc, patch, want string
	}{
		{"replaces in place", location, `{"id":"L","name":"a","x": 1.0,` + oldTime + `}`, `{"name":"b",` + newTime + `}`,
			`{"id":"L","name":"b","x": 1.0,` + newTime + `}`},
		{"adds at the end", location, `{"id":"L",` + oldTime + `}`, `{` + newTime + `,"x-new":{"a": 1e2}}`,
			`{"id":"L",` + newTime + `,"x-new":{"a": 1e2}}`},
		{"null is kept", location, `{"id":"L","name":"a",` + oldTime + `}`, `{"name":null,` + newTime + `}`,
			`{"id":"L","name":null,` + newTime + `}`},
		{"objects are replaced whole", location, `{"operator":{"name":"a","website":"w"},` + oldTime + `}`, `{"operator":{"name":"b"},` + newTime + `}`,
			`{"operator":{"name":"b"},` + newTime + `}`},
		{"ids may be repeated", location, `{"country_code":"NL","party_id":"TNM","id":"Loc1",` + oldTime + `}`,
			`{"country_code":"nl","party_id":"tnm","id":"LOC1",` + newTime + `}`,
			`{"country_code":"NL","party_id":"TNM","id":"Loc1",` + newTime + `}`},
		{"evses by uid", location,
			`{"evses": [ {"uid":"1","status":"AVAILABLE"}, {"uid":"b2","status":"BLOCKED","x":1.0} ],` + oldTime + `}`,
			`{"evses":[{"uid":"B2","status":"CHARGING"},{"uid":"3"}],` + newTime + `}`,
			`{"evses": [ {"uid":"1","status":"AVAILABLE"}, {"uid":"B2","status":"CHARGING"},{"uid":"3"} ],` + newTime + `}`},
		{"evses where there were none", location, `{"id":"L",` + oldTime + `}`, `{"evses":[{"uid":"3"}],` + newTime + `}`,
			`{"id":"L",` + newTime + `,"evses":[{"uid":"3"}]}`},
		{"evses where there was null", location, `{"evses":null,` + oldTime + `}`, `{"evses":[{"uid":"3"}],` + newTime + `}`,
			`{"evses":[{"uid":"3"}],` + newTime + `}`},
		{"no evses change none", location, `{"evses":[{"uid":"3"}],` + oldTime + `}`, `{"evses":[],` + newTime + `}`,
			`{"evses":[{"uid":"3"}],` + newTime + `}`},
		{"connectors of an evse by id", evse, `{"uid":"1","connectors":[{"id":"1","a":1},{"id":"2","a":1}],` + oldTime + `}`,
			`{"connectors":[{"id":"2","a":2}],` + newTime + `}`,
			`{"uid":"1","connectors":[{"id":"1","a":1},{"id":"2","a":2}],` + newTime + `}`},
		{"charging periods are appended", session, `{"charging_periods":[{"a":1}],"kwh":1.10,` + oldTime + `}`, `{"charging_periods":[{"a":1}],"kwh":2.20,` + newTime + `}`,
			`{"charging_periods":[{"a":1},{"a":1}],"kwh":2.20,` + newTime + `}`},
		{"charging periods null appends nothing", session, `{"charging_periods":[{"a":1}],` + oldTime + `}`, `{"charging_periods":null,` + newTime + `}`,
			`{"charging_periods":[{"a":1}],` + newTime + `}`},
		{"lists of other fields are replaced", session, `{"x":[1],` + oldTime + `}`, `{"x":[2],` + newTime + `}`, `{"x":[2],` + newTime + `}`},
		{"layout survives", location, "{\n  \"id\": \"L\",\n  \"name\": \"a\",\n  " + oldTime + "\n}\n", `{"name":"b",` + newTime + `}`,
			"{\n  \"id\": \"L\",\n  \"name\": \"b\",\n  " + newTime + "\n}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc, patch := []byte(tt.doc), []byte(tt.patch)
			got, err := ocpi.MergePatch(doc, patch, tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if string(doc) != tt.doc || string(patch) != tt.patch {
				t.Error("the input was written to")
			}
		})
	}
}

// TestMergePatchRefusedT10: a patch cannot move an object to another owner or
// name, nor go without last_updated.
func TestMergePatchRefusedT10(t *testing.T) {
	doc := `{"country_code":"NL","party_id":"TNM","id":"L","evses":[{"uid":"1"}],` + oldTime + `}`
	tests := []struct{ name, patch, field string }{
		{"no last_updated", `{"name":"a"}`, "last_updated"},
		{"null last_updated", `{"last_updated":null}`, "last_updated"},
		{"last_updated with offset", `{"last_updated":"2024-01-01T00:00:00+00:00"}`, "last_updated"},
		{"last_updated a number", `{"last_updated":1}`, "last_updated"},
		{"other country", `{"country_code":"BE",` + newTime + `}`, "country_code"},
		{"null country", `{"country_code":null,` + newTime + `}`, "country_code"},
		{"other party", `{"party_id":"EVB",` + newTime + `}`, "party_id"},
		{"other id", `{"id":"M",` + newTime + `}`, "id"},
		{"id a number", `{"id":1,` + newTime + `}`, "id"},
		{"id in another case", `{"ID":"M",` + newTime + `}`, "id"},
		{"id by a folded letter", `{"party_\u0131d":"X","Party_id":"X",` + newTime + `}`, "party_id"},
		{"evses not a list", `{"evses":{},` + newTime + `}`, "evses"},
		{"evse without uid", `{"evses":[{"uid":"1"},{}],` + newTime + `}`, "evses[1].uid"},
		{"evse twice", `{"evses":[{"uid":"a"},{"uid":"A"}],` + newTime + `}`, "evses[1].uid"},
		{"a list", `[]`, "body"},
		{"null", `null`, "body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ocpi.MergePatch([]byte(doc), []byte(tt.patch), ocpi.MergeRules(ocpi.Locations, 0))
			e, ok := errors.AsType[*ocpi.Error](err)
			if !ok {
				t.Fatalf("got %s, %v; want an *ocpi.Error", got, err)
			}
			if e.Status != ocpi.StatusInvalidParameters || !strings.HasPrefix(e.Message, tt.field+": ") {
				t.Errorf("got %d %q, want 2001 naming %s", e.Status, e.Message, tt.field)
			}
		})
	}
	for _, patch := range []string{``, `{`, `{"a":1,"a":2,` + newTime + `}`, `{` + newTime + `}x`} {
		_, err := ocpi.MergePatch([]byte(doc), []byte(patch), ocpi.MergeOptions{})
		if e, ok := errors.AsType[*ocpi.Error](err); !ok || e.HTTP != 400 {
			t.Errorf("patch %q: got %v, want HTTP 400", patch, err)
		}
	}
}

func FuzzMergePatch(f *testing.F) {
	f.Add([]byte(`{"id":"L","evses":[{"uid":"1"}],`+oldTime+`}`), []byte(`{"evses":[{"uid":"2"}],`+newTime+`}`), true)
	f.Add([]byte(`{"id":"L","charging_periods":[{"a":1}]}`), []byte(`{"charging_periods":[{}],"id":"l",`+newTime+`}`), false)
	f.Add([]byte(`{}`), []byte(`{"\u0069d":"x",`+newTime+`}`), false)
	f.Fuzz(func(t *testing.T, doc, patch []byte, location bool) {
		opt := ocpi.MergeRules(ocpi.Sessions, 0)
		if location {
			opt = ocpi.MergeRules(ocpi.Locations, 0)
		}
		before := string(doc) + string(patch)
		got, err := ocpi.MergePatch(doc, patch, opt)
		if string(doc)+string(patch) != before {
			t.Fatal("the input was written to")
		}
		if err != nil {
			return
		}
		if !jsontext.Value(got).IsValid() {
			t.Fatalf("%q merged with %q is not valid: %q", doc, patch, got)
		}
		d, p, m := open(t, doc), open(t, patch), open(t, got)
		for _, name := range opt.Immutable {
			if string(m.Get(name)) != string(d.Get(name)) {
				t.Fatalf("%s changed from %s to %s", name, d.Get(name), m.Get(name))
			}
		}
		for _, name := range d.Names() {
			if !p.Has(name) && string(m.Get(name)) != string(d.Get(name)) {
				t.Fatalf("%s was not in the patch and changed", name)
			}
		}
		for _, name := range p.Names() {
			if !m.Has(name) && name != opt.Append {
				t.Fatalf("%s of the patch is missing", name)
			}
			_, keyed := opt.ByKey[name]
			if !keyed && name != opt.Append && !slices.Contains(opt.Immutable, name) && string(m.Get(name)) != string(p.Get(name)) {
				t.Fatalf("%s is not what the patch says", name)
			}
		}
	})
}

func open(t *testing.T, b []byte) *splice.Object {
	t.Helper()
	o, err := splice.Open(b)
	if err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	return o
}

func BenchmarkMergePatch(b *testing.B) {
	var evses []string
	for i := range 10 {
		evses = append(evses, fmt.Sprintf(`{"uid":"%d","status":"AVAILABLE","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,%s}],%s}`, i, oldTime, oldTime))
	}
	doc := []byte(`{"country_code":"NL","party_id":"TNM","id":"L","evses":[` + strings.Join(evses, ",") + `],` + oldTime + `}`)
	patch := []byte(`{"evses":[` + evses[7] + `],` + newTime + `}`)
	opt := ocpi.MergeRules(ocpi.Locations, 0)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ocpi.MergePatch(doc, patch, opt); err != nil {
			b.Fatal(err)
		}
	}
}
