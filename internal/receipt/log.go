package receipt

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Log makes proofs from the stored hashes of a tree. The function is given
// indexes as tlog.StoredHashIndex counts them and gives one hash for each, in
// order, or an error.
type Log func(indexes []int64) ([]tlog.Hash, error)

// Root gives the hash over the first size leaves; of none it is the hash of the
// empty tree.
func (l Log) Root(size int64) (tlog.Hash, error) {
	if size < 0 || size > MaxSize {
		return tlog.Hash{}, fault(FaultForm, "the tree size %d is not within 0 and %d", size, int64(MaxSize))
	}
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(l))
	if err != nil {
		return tlog.Hash{}, fmt.Errorf("the root of %d leaves: %w", size, err)
	}
	return root, nil
}

// Inclusion proves that the leaf at index (from 0) is in the tree of size
// leaves.
func (l Log) Inclusion(index, size int64) ([]tlog.Hash, error) {
	if index < 0 || index >= size || size > MaxSize {
		return nil, fault(FaultForm, "index %d is not in a tree of %d leaves", index, size)
	}
	proof, err := tlog.ProveRecord(size, index, tlog.HashReaderFunc(l))
	if err != nil {
		return nil, fmt.Errorf("proving leaf %d of %d: %w", index, size, err)
	}
	return proof, nil
}

// Consistency proves that the first older leaves of a tree of newer leaves are
// the tree of older leaves. The proof is empty where older is 0 or newer.
func (l Log) Consistency(older, newer int64) ([]tlog.Hash, error) {
	if older < 0 || older > newer || newer > MaxSize {
		return nil, fault(FaultForm, "a tree of %d leaves did not grow out of one of %d", newer, older)
	}
	if older == 0 {
		return nil, nil
	}
	proof, err := tlog.ProveTree(newer, older, tlog.HashReaderFunc(l))
	if err != nil {
		return nil, fmt.Errorf("proving that %d leaves grew out of %d: %w", newer, older, err)
	}
	return proof, nil
}

// Receipt makes the receipt of the leaf at index by a checkpoint signed with the
// verifier key, and checks it: a leaf that is not the one in the tree is an
// error.
func (l Log) Receipt(leaf []byte, index int64, checkpoint, verifierKey string) (Receipt, error) {
	c, err := Open(checkpoint, verifierKey)
	if err != nil {
		return Receipt{}, err
	}
	proof, err := l.Inclusion(index, c.Size)
	if err != nil {
		return Receipt{}, err
	}
	r := Receipt{
		Format: Format, Version: Version,
		Leaf: string(leaf), LeafHash: tlog.RecordHash(leaf), Index: index, Size: c.Size,
		Inclusion: proof, Checkpoint: checkpoint, VerifierKey: verifierKey,
	}
	if _, err := Check(r, verifierKey); err != nil {
		return Receipt{}, err
	}
	return r, nil
}
