package sim

import (
	"hash/fnv"
	"math/rand/v2"
)

// random returns a source that depends on the seed and the names only, so that
// what is drawn does not depend on the order of concurrent events.
func random(seed uint64, names ...string) *rand.Rand {
	h := fnv.New64a()
	for _, n := range names {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
