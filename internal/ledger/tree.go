package ledger

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is the right edge of a Merkle tree that grows (RFC 6962): at most one
// hash a level.
type frontier struct {
	size  int64
	nodes []tlog.Hash // complete subtrees, the largest first
	last  [64]tlog.Hash
}

// add adds a leaf.
func (f *frontier) add(h tlog.Hash) {
	f.last[0] = h
	for level := range bits.TrailingZeros64(^uint64(f.size)) {
		left := f.nodes[len(f.nodes)-1]
		f.nodes = f.nodes[:len(f.nodes)-1]
		h = tlog.NodeHash(left, h)
		f.last[level+1] = h
	}
	f.nodes = append(f.nodes, h)
	f.size++
}

// node returns the newest complete node of a level; there must be one.
func (f *frontier) node(level int) tlog.Hash { return f.last[level] }

// root returns the hash over all leaves.
func (f *frontier) root() tlog.Hash {
	if len(f.nodes) == 0 {
		return tlog.Hash(sha256.Sum256(nil))
	}
	h := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.nodes[i], h)
	}
	return h
}
