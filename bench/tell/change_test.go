package main

import (
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/bench/wire"
)

// A change is one of the status, as of now.
func TestPatch(t *testing.T) {
	tg := target{head: []byte("PATCH x\r\nContent-Length: ")}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	req := tg.patch(nil, at)
	head, length, err := wire.Frame(req)
	if err != nil || head+length != len(req) {
		t.Fatalf("%q: %d, %d, %v", req, head, length, err)
	}
	if want := `{"status":"BLOCKED","last_updated":"2026-01-02T03:04:05.6789Z"}`; string(req[head:]) != want {
		t.Errorf("%s, want %s", req[head:], want)
	}
	if next := tg.patch(nil, at); !strings.Contains(string(next), `{"status":"AVAILABLE"`) {
		t.Errorf("after BLOCKED came %s", next)
	}
}
