package quality

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// TestShelf puts places in and takes them out at random: each is found by its key
// and by its number, which no other has at the same time.
func TestShelf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	s := shelf{numbers: map[key]uint32{}}
	want := map[key]*place{}
	for range 2000 {
		k := key{byte(r.IntN(40))}
		if p := want[k]; p != nil {
			s.drop(p)
			delete(want, k)
		} else {
			want[k] = &place{key: k}
			s.put(want[k])
		}
		got := map[key]*place{}
		for p := range s.all() {
			got[p.key] = p
		}
		if !maps.Equal(got, want) {
			t.Fatalf("holds %d places, want %d", len(got), len(want))
		}
		for k, p := range want {
			if s.get(k) != p || s.places[p.number] != p {
				t.Fatalf("place %v is not under its key and number %d", k, p.number)
			}
		}
		if s.get(key{99}) != nil || len(s.places) > 40 {
			t.Fatalf("%d numbers, and %v for a key that was never there", len(s.places), s.get(key{99}))
		}
	}
}
