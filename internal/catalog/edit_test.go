package catalog

import (
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/ocpi"
)

// FuzzMerge: the short way of a PATCH of an EVSE or connector comes to the same
// bytes as ocpi.MergePatch, and what it says of the digest is so.
func FuzzMerge(f *testing.F) {
	stamp := `"last_updated":"2026-01-01T10:00:02Z"`
	for _, old := range []string{
		testEVSE("E1", "AVAILABLE", stamp1), ` { "uid" : "E1" , "st\u0061tus" : "AVAILABLE" } `, `{}`, ` { } `, `{"a":{"b":"}"},"status":[]}` + "\n",
	} {
		f.Add(old, `{"status":"CHARGING",`+stamp+`}`)
		f.Add(old, `{ "status" : "CHARGING" , "x y" : [ 1 , 2 ] ,`+stamp+` }`)
		f.Add(old, `{"uid":"e1","connectors":[{"id":"3"}],`+stamp+`}`)
		f.Add(old, `{"\u0078":null,"st\u0061tus":null,`+stamp+`}`)
	}
	f.Fuzz(func(t *testing.T, old, patch string) {
		if ocpi.CheckJSON([]byte(old)) != nil || !ocpi.IsObject([]byte(old)) || ocpi.CheckJSON([]byte(patch)) != nil || !strings.HasPrefix(patch, "{") {
			return
		}
		rules := ocpi.MergeRules(ocpi.Locations, 1)
		want, err := ocpi.MergePatch([]byte(old), []byte(patch), rules)
		if err != nil {
			return // Publish has refused most of these before
		}
		d := &document{Push: delivery.Push{Module: ocpi.Locations, Body: []byte(patch)}, ids: []string{"E1"}}
		got, err := d.merge([]byte(old))
		if err != nil || string(got.out) != string(want) {
			t.Fatalf("%s with %s is %s, err %v, want %s", old, patch, got.out, err, want)
		}
		if is := evseContent([]byte(old)).plus(got.delta); got.deltaKnown && is != evseContent(want) {
			t.Errorf("%s with %s: the digest is %v, want %v", old, patch, is, evseContent(want))
		}
	})
}
