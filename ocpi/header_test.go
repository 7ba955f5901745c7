package ocpi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func TestParseHeader(t *testing.T) {
	h := http.Header{}
	h.Set("x-request-id", "r-1")
	h.Set("X-CORRELATION-ID", "c-1")
	h.Set("ocpi-to-country-code", "de")
	h.Set("OCPI-to-party-id", "em1")
	h.Set("OCPI-from-country-code", "NL")
	h.Set("OCPI-FROM-PARTY-ID", "CP1")
	got, err := ocpi.ParseHeader(h)
	want := ocpi.Header{RequestID: "r-1", CorrelationID: "c-1", To: ocpi.Claim{CountryCode: "de", ID: "em1"}, From: ocpi.Claim{CountryCode: "NL", ID: "CP1"}}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	if p, err := got.To.Party(); err != nil || p.String() != "DE-EM1" || !p.Is("De", "eM1") {
		t.Errorf("the party is %v, %v", p, err)
	}
	out := http.Header{}
	ocpi.SetRouting(out, got.To, ocpi.ClaimOf(ocpi.PartyID{CountryCode: "NL", ID: "CP1"}))
	if back, _ := ocpi.ParseHeader(out); back.To != got.To || back.From != got.From {
		t.Errorf("written as %v", out)
	}
}

func TestParseHeaderAbsent(t *testing.T) {
	a, err := ocpi.ParseHeader(http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := ocpi.ParseHeader(http.Header{})
	if len(a.RequestID) < 20 || a.RequestID == b.RequestID || a.CorrelationID == b.CorrelationID || a.RequestID == a.CorrelationID {
		t.Errorf("ids are not fresh: %+v, %+v", a, b)
	}
	if !a.To.IsZero() || !a.From.IsZero() {
		t.Errorf("got %+v", a)
	}
	out := http.Header{}
	ocpi.SetRouting(out, a.To, a.From)
	if len(out) != 0 {
		t.Errorf("absent claims are written as %v", out)
	}
}

// TestParseHeaderRefusedT40: a header that two readers could take differently,
// or that could break out of a header, is refused, and no such id comes back.
func TestParseHeaderRefusedT40(t *testing.T) {
	const cc, pid = "Ocpi-To-Country-Code", "Ocpi-To-Party-Id"
	tests := []struct {
		name   string
		h      http.Header
		http   int
		prefix string
	}{
		{"request id twice", http.Header{"X-Request-Id": {"a", "b"}}, 400, "X-Request-ID"},
		{"request id too long", http.Header{"X-Request-Id": {strings.Repeat("a", 65)}}, 400, "X-Request-ID"},
		{"request id of 200 kB", http.Header{"X-Request-Id": {strings.Repeat("a", 200_000)}}, 400, "X-Request-ID"},
		{"line break", http.Header{"X-Correlation-Id": {"a\r\nX: y"}}, 400, "X-Correlation-ID"},
		{"NUL", http.Header{"X-Correlation-Id": {"a\x00"}}, 400, "X-Correlation-ID"},
		{"non-ASCII", http.Header{"X-Correlation-Id": {"é"}}, 400, "X-Correlation-ID"},
		{"party twice", http.Header{cc: {"DE", "FR"}, pid: {"EM1"}}, 400, "OCPI-to-country-code"},
		{"party twice the same", http.Header{cc: {"DE"}, pid: {"EM1", "EM1"}}, 400, "OCPI-to-party-id"},
		{"party id too long", http.Header{cc: {"DE"}, pid: {"EM1X"}}, 400, "OCPI-to-party-id"},
		{"party in Unicode", http.Header{cc: {"DE"}, pid: {"ſ1"}}, 400, "OCPI-to-party-id"},
		{"country alone E11", http.Header{cc: {"DE"}}, 200, "OCPI-to-country-code and"},
		{"party alone E11", http.Header{pid: {"EM1"}}, 200, "OCPI-to-country-code and"},
		{"party empty E11", http.Header{cc: {"DE"}, pid: {""}}, 200, "OCPI-to-country-code and"},
		{"from alone", http.Header{"Ocpi-From-Party-Id": {"CP1"}}, 200, "OCPI-from-country-code and"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, err := ocpi.ParseHeader(tt.h)
			e, ok := errors.AsType[*ocpi.Error](err)
			if !ok || e.HTTPStatus() != tt.http || e.Status != 2001 || !strings.HasPrefix(e.Message, tt.prefix) {
				t.Errorf("got %+v, %v", h, err)
			}
			for _, id := range []string{h.RequestID, h.CorrelationID} {
				if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
					t.Errorf("the id %.80q would be sent back", id)
				}
			}
		})
	}
}

func FuzzHeader(f *testing.F) {
	f.Add("r", "c", "DE", "EM1")
	f.Add("\r\n", strings.Repeat("x", 65), "", "E")
	f.Fuzz(func(t *testing.T, r, c, cc, pid string) {
		h, err := ocpi.ParseHeader(http.Header{"X-Request-Id": {r}, "X-Correlation-Id": {c}, "Ocpi-To-Country-Code": {cc}, "Ocpi-To-Party-Id": {pid}})
		for _, id := range []string{h.RequestID, h.CorrelationID} {
			if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
				t.Fatalf("unusable id %q", id)
			}
		}
		if err == nil && (h.To != ocpi.Claim{CountryCode: cc, ID: pid} || r != "" && h.RequestID != r || c != "" && h.CorrelationID != c) {
			t.Fatalf("read %+v", h)
		}
	})
}

func BenchmarkNewMessageID(b *testing.B) {
	for b.Loop() {
		ocpi.NewMessageID()
	}
}

func TestNewMessageID(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		id := ocpi.NewMessageID()
		if len(id) != 26 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			t.Fatalf("%q is not 26 letters and digits", id)
		}
		if seen[id] {
			t.Fatalf("%q came twice", id)
		}
		seen[id] = true
	}
}
