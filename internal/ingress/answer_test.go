package ingress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/ocpi"
)

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"":                          false,
		"gzip":                      true,
		"GZIP":                      true,
		"x-gzip":                    true,
		"deflate, gzip;q=0.5":       true,
		"gzip;q=0":                  false,
		"gzip;q=0.000, *":           false,
		"*":                         true,
		"*;q=0":                     false,
		"identity":                  false,
		"identity, gzip;q=0.5":      false,
		"identity;q=0.2,gzip;q=0.5": true,
		"gzip; q = 1":               true,
		"gzip;q=2":                  false,
		"gzip;q=x":                  false,
		"gzip;level=1":              false,
		"br":                        false,
	} {
		if got := acceptsGzip([]string{header}); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
	if !acceptsGzip([]string{"br", "gzip"}) || acceptsGzip(nil) {
		t.Error("several headers or none")
	}
}

func TestMatches(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, `W/"a"`: true, `"a"`: true, `"b"`: false, `"b", W/"a"`: true, "*": true, "a": false,
	} {
		if got := matches([]string{header}, `W/"a"`); got != want {
			t.Errorf("%q: %v", header, got)
		}
	}
}

// The pieces come out in one row, however large they are.
func TestWritePieces(t *testing.T) {
	large, small := strings.Repeat("l", writeChunk+1), strings.Repeat("s", writeChunk/2)
	for _, pieces := range [][]string{nil, {""}, {"a"}, {"a", "b"}, {large}, {"a", large, "b"}, {small, small, small, large, large, "x"}} {
		var in [][]byte
		for _, p := range pieces {
			in = append(in, []byte(p))
		}
		var out bytes.Buffer
		write(&out, "<", in, ">")
		if want := "<" + strings.Join(pieces, ",") + ">"; out.String() != want {
			t.Errorf("%d pieces: %d bytes, want %d", len(pieces), out.Len(), len(want))
		}
	}
}

// Lists and objects have an entity tag that changes exactly when the answer
// does, and are compressed where that gives nothing away.
func TestAnswers(t *testing.T) {
	r := newRig(t)
	toHub := []string{"OCPI-to-country-code", "DE", "OCPI-to-party-id", "HUB"}
	push := func(by *relaytest.Partner, path, body string) {
		t.Helper()
		a := r.call(by, "PUT", "/ocpi/2.2.1/receiver"+path, strings.NewReader(body), append(toHub, "Content-Type", "application/json")...)
		if r.status(a) != ocpi.StatusSuccess {
			t.Fatalf("PUT %s: %s", path, a.body)
		}
	}
	get := func(path string, headers ...string) reply {
		t.Helper()
		by := r.emsp
		if strings.HasPrefix(path, "/receiver") {
			by = r.cpo // an owner looks at what the hub has
		}
		return r.call(by, "GET", "/ocpi/2.2.1"+path, nil, append(append([]string{}, toHub...), headers...)...)
	}
	const stamp = "2026-01-01T10:00:01Z"
	for _, id := range []string{"A", "B"} {
		push(r.cpo, "/locations/NL/CP1/"+id, deliverytest.Location(id, stamp))
	}
	for i := range 8 {
		uid := fmt.Sprintf("U1%d", i)
		push(r.emsp, "/tokens/DE/EM1/"+uid, deliverytest.Token(uid, "RFID", stamp))
	}

	for _, path := range []string{"/sender/locations", "/sender/locations?limit=1", "/receiver/locations/NL/CP1/A", "/receiver/locations/NL/CP1/A/E1"} {
		first := get(path)
		tag := first.Header.Get("Etag")
		if first.StatusCode != 200 || tag == "" || !strings.Contains(first.Header.Get("Vary"), "Accept-Encoding") || !strings.Contains(first.Header.Get("Cache-Control"), "private") {
			t.Fatalf("%s: %d %v", path, first.StatusCode, first.Header)
		}
		r.want(first, 200, ocpi.StatusSuccess)
		same := get(path, "If-None-Match", `"x", `+tag)
		if same.StatusCode != 304 || same.body != "" || same.Header.Get("Etag") != tag || same.Header.Get("Link") != first.Header.Get("Link") {
			t.Errorf("%s: unchanged is %d %q, Link %q", path, same.StatusCode, same.body, same.Header.Get("Link"))
		}
		packed := get(path, "Accept-Encoding", "gzip")
		if len(first.body) < minGzip {
			if packed.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: %d bytes are compressed", path, len(first.body))
			}
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil || packed.Header.Get("Content-Encoding") != "gzip" || packed.Header.Get("Etag") != tag {
			t.Fatalf("%s: gzip: %v, %v", path, err, packed.Header)
		}
		plain, err := io.ReadAll(z)
		if err != nil || gjson.GetBytes(plain, "data").Raw != gjson.Get(first.body, "data").Raw {
			t.Errorf("%s: unpacked %s, err %v", path, plain, err)
		}
	}
	tags := func() (list, object string) {
		return get("/sender/locations").Header.Get("Etag"), get("/receiver/locations/NL/CP1/A").Header.Get("Etag")
	}
	list, object := tags()
	push(r.cpo, "/locations/NL/CP1/B", deliverytest.Location("B", "2026-01-01T10:00:02Z"))
	if l, o := tags(); l == list || o != object {
		t.Errorf("B has a new time: list %s and %s, A %s and %s", list, l, object, o)
	}
	if a := get("/sender/locations", "If-None-Match", list); a.StatusCode != 200 || !strings.Contains(a.body, "10:00:02Z") {
		t.Errorf("the old tag still matches: %d", a.StatusCode)
	}
	// Drivers' tokens are not compressed.
	a := r.call(r.cpo, "GET", "/ocpi/2.2.1/sender/tokens", nil, append([]string{"Accept-Encoding", "gzip"}, toHub...)...)
	if a.Header.Get("Content-Encoding") != "" || len(a.body) < minGzip {
		t.Errorf("tokens: %v %s", a.Header, a.body)
	}
}
