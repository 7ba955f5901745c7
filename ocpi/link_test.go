package ocpi_test

import (
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func TestParseNextLink(t *testing.T) {
	tests := []struct {
		name   string
		values []string
		want   string
	}{
		{"spec example", []string{`<https://www.server.com/ocpi/cpo/2.2.1/cdrs/?offset=150&limit=50>; rel="next"`}, "https://www.server.com/ocpi/cpo/2.2.1/cdrs/?offset=150&limit=50"},
		{"bare", []string{`<a>;rel=next`}, "a"},
		{"case", []string{`<a>; REL="Next"`}, "a"},
		{"among relations", []string{`<a>; rel="last next"`}, "a"},
		{"second link", []string{`<a>; rel="first", <b>; rel="next"`}, "b"},
		{"second header", []string{`<a>; rel="first"`, `<b>; rel="next"`}, "b"},
		{"after a broken header", []string{`garbage`, `<b>; rel="next"`}, "b"},
		{"comma in the target", []string{`<a?x=1,2>; rel="next"`}, "a?x=1,2"},
		{"comma in a parameter", []string{`<a>; title="x, <b>; y"; rel="next"`}, "a"},
		{"escaped quote", []string{`<a>; title="\"; rel=\"prev"; rel="next"`}, "a"},
		{"parameter without a value", []string{`<a>; crossorigin; rel="next"`}, "a"},
		{"bad white space", []string{"<a> ;\trel =\t\"next\" "}, "a"},
		{"empty elements", []string{` , ,<a>; rel="next"`}, "a"},
		{"first of two", []string{`<a>; rel=next, <b>; rel=next`}, "a"},
		{"other relation", []string{`<a>; rel="prev"`}, ""},
		{"only the first rel counts", []string{`<a>; rel="prev"; rel="next"`}, ""},
		{"part of a word", []string{`<a>; rel="nextpage"`}, ""},
		{"in another parameter", []string{`<a>; title="rel=next"`}, ""},
		{"no relation", []string{`<a>`}, ""},
		{"unclosed target", []string{`<a; rel="next"`}, ""},
		{"unclosed value", []string{`<a>; rel="next`}, ""},
		{"empty target", []string{`<>; rel="next"`}, ""},
		{"empty target first", []string{`<>; rel="next", <b>; rel="next"`}, "b"},
		{"nothing", nil, ""},
		{"empty", []string{""}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := ocpi.ParseNextLink(tt.values); got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, tt.want)
			}
		})
	}
}

func FuzzNextLink(f *testing.F) {
	f.Add(`<a>; title="x, <b>"; rel="next"`, "https://h/x?offset=1")
	f.Add(`<`, `"`)
	f.Add(`,;=<>\"`, "a,b")
	f.Fuzz(func(t *testing.T, value, target string) {
		got, ok := ocpi.ParseNextLink([]string{value})
		if ok != (got != "") || ok && !strings.Contains(value, "<"+got+">") {
			t.Fatalf("%q gives %q, %v", value, got, ok)
		}
		if target == "" || strings.Contains(target, ">") {
			return
		}
		if got, _ := ocpi.ParseNextLink([]string{ocpi.FormatNextLink(target)}); got != target {
			t.Fatalf("%q comes back as %q", target, got)
		}
	})
}
