package tariff

import (
	"sync"

	"github.com/eroam/eroam/ocpi"
)

// CDRReader reads CDRs and remembers the tariffs in them, of which an operator
// sends the same ones with each CDR: to read them takes longer than all the rest.
// The zero value is ready. Its methods may be called by any number of goroutines.
type CDRReader struct {
	mu   sync.Mutex
	by   map[knownTariffs][]Tariff
	size int // of the texts in by
}

// knownTariffs is a list of tariffs as a CDR has it, byte for byte.
type knownTariffs struct {
	version ocpi.Version
	text    string
}

// maxKnown bounds the texts of the tariffs that are remembered, in bytes: some
// 5,000 usual ones. What is made of them takes several times that.
const maxKnown = 4 << 20

// tariffs returns what was read of a text before; nil when it was not.
func (c *CDRReader) tariffs(v ocpi.Version, text []byte) []Tariff {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[knownTariffs{v, string(text)}]
}

// keep remembers the tariffs of a text. When there is no more room it begins anew.
func (c *CDRReader) keep(v ocpi.Version, text []byte, tariffs []Tariff) {
	if c == nil || len(tariffs) == 0 || len(text) == 0 || len(text) > maxKnown/16 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[knownTariffs{v, string(text)}] != nil {
		return
	}
	if c.by == nil || c.size+len(text) > maxKnown {
		c.by, c.size = make(map[knownTariffs][]Tariff), 0
	}
	c.by[knownTariffs{v, string(text)}] = tariffs
	c.size += len(text)
}
