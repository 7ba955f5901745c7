package main

import (
	"bytes"
	"encoding/json"
	"testing"

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
