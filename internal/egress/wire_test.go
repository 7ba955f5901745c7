package egress

import (
	"net/http"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	for c := range 256 {
		want := c > ' ' && c < 0x7f && !strings.ContainsRune(`()<>@,;:\"/[]?={}`, rune(c))
		if got := token(string([]byte{'a', byte(c)})); got != want {
			t.Errorf("%q in a token: %v, want %v", rune(c), got, want)
		}
	}
	if token("") {
		t.Error("nothing is a token")
	}
}

func TestOurs(t *testing.T) {
	for _, name := range []string{
		"Host", "host", "HOST", "Content-Length", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "Proxy-Connection",
		"Proxy-Authorization", "Te", "TE", "Trailer", "Upgrade", "Expect", "Accept-Encoding",
	} {
		if !ours(name) {
			t.Errorf("%s is left to the caller", name)
		}
	}
	for _, name := range []string{"Authorization", "Content-Type", "X-Request-Id", "Ocpi-To-Party-Id", "Ocpi-From-Country-Code", "X-Host", ""} {
		if ours(name) {
			t.Errorf("%s is kept from the caller", name)
		}
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	t, err := parseTarget("http://127.0.0.1:8080/r/17/locations/NL/CP1/252d5e60-dc10-11ec-b057-42010aa40fc0/NLCP1E1234567")
	if err != nil {
		b.Fatal(err)
	}
	r := &Request{
		Method: "PATCH", Body: []byte(`{"status":"CHARGING","last_updated":"2026-01-01T00:00:00.000Z"}`),
		Header: http.Header{
			"Authorization": {"Token aGVsbG8td29ybGQtaGVsbG8td29ybGQ="}, "Content-Type": {"application/json"},
			"X-Request-Id": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, "X-Correlation-Id": {"ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
			"Ocpi-To-Country-Code": {"NL"}, "Ocpi-To-Party-Id": {"CP1"}, "Ocpi-From-Country-Code": {"DE"}, "Ocpi-From-Party-Id": {"MS1"},
		},
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = appendRequest(buf[:0], t, r); err != nil {
			b.Fatal(err)
		}
	}
}
