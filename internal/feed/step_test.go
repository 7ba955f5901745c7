package feed

import (
	"bytes"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestStepKeepsEveryByte(t *testing.T) {
	for name, s := range map[string]Step{
		"EVSE status": {
			Method: "PATCH", Path: []string{"NL", "CP1", "LOC 1", "a/b"}, Version: "2.2.1", CorrelationID: "c-1",
			Body: []byte("{ \"status\":\"CHARGING\",\n\"last_updated\":\"2026-06-07T18:40:07Z\" }"),
		},
		"token":  {Method: "PUT", Path: []string{"DE", "EM1", "uid"}, Query: url.Values{"type": {"APP_USER"}}, Version: "2.3.0", Body: []byte(`{}`), FromHub: true},
		"delete": {Method: "DELETE", Path: []string{"NL", "CP1", "T1"}, Version: "2.2.1"},
	} {
		got, err := Decode(s.Encode())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(s, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: -want +got\n%s", name, d)
		}
	}
}

func TestLargeStepIsNotKept(t *testing.T) {
	for _, s := range []Step{
		{Method: "PUT", Body: bytes.Repeat([]byte(" "), MaxStep)},
		{Method: "PUT", Path: strings.Split(strings.Repeat("x/", MaxStep/2), "/")},
	} {
		if b := s.Encode(); b != nil {
			t.Errorf("a step of %d bytes was kept", len(b))
		}
	}
	s := Step{Method: "PUT", Body: bytes.Repeat([]byte(" "), MaxStep-32)}
	if b := s.Encode(); len(b) > MaxStep || b == nil {
		t.Errorf("a step just below the bound takes %d bytes", len(b))
	}
}

func FuzzDecode(f *testing.F) {
	s := Step{Method: "PATCH", Path: []string{"NL", "CP1", "L", "E"}, Query: url.Values{"type": {"RFID"}}, Version: "2.2.1", Body: []byte(`{"status":"BLOCKED"}`)}
	f.Add(s.Encode())
	f.Add([]byte{stepFormat, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Decode(b)
		if err != nil {
			return
		}
		enc := got.Encode()
		if enc == nil {
			return
		}
		again, err := Decode(enc)
		if err != nil {
			t.Fatalf("what was decoded cannot be decoded again: %v", err)
		}
		if d := cmp.Diff(got, again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("changed on the way:\n%s", d)
		}
	})
}
