package ocpi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"pgregory.net/rapid"
)

func ExampleParsePartyID() {
	p, err := ocpi.ParsePartyID("nl", "tnm")
	fmt.Println(p, p.Joined(), err)
	// Output: NL-TNM NLTNM <nil>
}

func TestParsePartyID(t *testing.T) {
	for _, s := range [][2]string{{"N", "TNM"}, {"NLD", "TNM"}, {"NL", "TN"}, {"NL", "TNMX"}, {"", ""}, {"N1", "TNM"}, {"NL", "T M"}, {"NL", "T-M"}, {"é", "TNM"}, {"NL", "ſM"}, {"NL", "T\x00M"}} {
		if p, err := ocpi.ParsePartyID(s[0], s[1]); err == nil || ocpi.AsError(err).Status != 2001 {
			t.Errorf("%q: got %v, %v", s, p, err)
		}
	}
	if p, err := ocpi.ParsePartyID("De", "8aa"); err != nil || p != (ocpi.PartyID{CountryCode: "DE", ID: "8AA"}) {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestParsePartyString(t *testing.T) {
	for _, s := range []string{"US*HUB", "US-HUB", "USHUB", "us*hub"} {
		if p, err := ocpi.ParsePartyString(s); err != nil || p.String() != "US-HUB" {
			t.Errorf("%s: got %v, %v", s, p, err)
		}
	}
	for _, s := range []string{"", "US", "US_HUB", "US*HU", "US*HUBX", "*USHUB", "12345"} {
		if p, err := ocpi.ParsePartyString(s); err == nil {
			t.Errorf("%s: got %v", s, p)
		}
	}
}

// TestPartyIs: only ASCII letters fold; a letter that Unicode folds to another
// is another party.
func TestPartyIs(t *testing.T) {
	p := ocpi.PartyID{CountryCode: "NL", ID: "TSK"}
	if !p.Is("nl", "tsk") || !p.Is("NL", "TSK") {
		t.Error("letter case matters")
	}
	for _, id := range []string{"T\u017fK", "TS\u212a", "TS", "TSKX", ""} {
		if p.Is("NL", id) {
			t.Errorf("%q is TSK", id)
		}
	}
}

func TestFoldID(t *testing.T) {
	for in, want := range map[string]string{"": "", "loc1": "loc1", "LOC-1*[Z": "loc-1*[z", "\u212a": "\u212a", "A\xffB": "a\xffb"} {
		if got := ocpi.FoldID(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		got := ocpi.FoldID(s)
		if len(got) != len(s) || got != ocpi.FoldID(got) || strings.ContainsAny(got, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			t.Fatalf("%q becomes %q", s, got)
		}
	})
}
