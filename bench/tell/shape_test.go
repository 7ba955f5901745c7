package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// The generated set is like the real one where it matters: 36,924 locations have
// 2.43 EVSEs and 1,978 bytes on average, and 34 more with a time zone.
func TestGeneratedLooksReal(t *testing.T) {
	s := dutch()
	const n = 20_000
	evses, size := 0, 0
	seen := map[string]bool{}
	for i := range uint64(n) {
		p := s.generate(1, i)
		evses += len(p.evses)
		size += len(p.body)
		key := p.owner.country + p.owner.id + "/" + p.id
		if seen[key] {
			t.Fatalf("location %s occurs twice", key)
		}
		seen[key] = true
		uids := map[string]bool{}
		for _, u := range p.evses {
			if uids[u] {
				t.Fatalf("EVSE %s occurs twice in %s", u, key)
			}
			uids[u] = true
		}
		if i < 500 {
			if !json.Valid(p.body) {
				t.Fatalf("not JSON: %s", p.body)
			}
			if err := v221.Check(ocpi.Locations, 0, p.body); err != nil {
				t.Fatalf("%v: %s", err, p.body)
			}
		}
	}
	if mean := float64(evses) / n; mean < 2.3 || mean > 2.6 {
		t.Errorf("%.2f EVSEs per location, want about 2.43", mean)
	}
	if mean := float64(size) / n; mean < 1900 || mean > 2150 {
		t.Errorf("%.0f bytes per location, want about 2010", mean)
	}
	if a, b := s.generate(7, 42), s.generate(7, 42); !bytes.Equal(a.body, b.body) {
		t.Error("one seed gives different locations")
	}
}

func TestFrame(t *testing.T) {
	for _, c := range []struct {
		in           string
		head, length int
	}{
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 38, 2},
		{"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nDate: x\r\n\r\n", 48, 12},
		{"HTTP/1.1 200 OK\r\nContent-Le", -1, 0},
	} {
		head, length, err := frame([]byte(c.in))
		if head != c.head || length != c.length || err != nil {
			t.Errorf("%q: %d, %d, %v; want %d, %d", c.in, head, length, err, c.head, c.length)
		}
	}
	if _, _, err := frame([]byte("HTTP/1.1 200 OK\r\n\r\n")); err == nil {
		t.Error("an answer without a length is taken")
	}
}

func TestReceiver(t *testing.T) {
	for in, want := range map[string]int64{"PATCH /r/17/locations/NL": 17, "PUT /r/0/locations/NL": 0, "PUT /r/x/locations": -1, "PUT /q/1/": -1} {
		got, ok := receiver([]byte(in))
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

// Each change is newer than the one before, and the hub can read its time.
func TestPatch(t *testing.T) {
	tg := target{head: []byte("PATCH x\r\nContent-Length: ")}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	req := tg.patch(nil, at)
	head, length, err := frame(req)
	if err != nil || head+length != len(req) {
		t.Fatalf("%q: %d, %d, %v", req, head, length, err)
	}
	if want := `{"status":"BLOCKED","last_updated":"2026-01-02T03:04:05.6789Z"}`; string(req[head:]) != want {
		t.Errorf("%s, want %s", req[head:], want)
	}
}
