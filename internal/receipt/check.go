package receipt

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// Checked is what a receipt proves.
type Checked struct {
	Leaf       []byte      // the record, byte for byte
	Index      int64       // its position in the log
	Checkpoint Checkpoint  // the signed state that holds it
	Older      *Checkpoint // an earlier state that the log grew out of; nil none
	Key        string      // the verifier key that the checkpoint was checked with
	// Trusted is true where the caller gave the key. Where it is false the
	// receipt was checked with the key inside it: that shows only that whoever
	// has that key made it.
	Trusted bool
	Warning string // a sentence for the user where Trusted is false
}

// Check checks a receipt, offline: the leaf has the hash, the proof leads from
// it to the root of the checkpoint, and the checkpoint is signed by the trusted
// key. Without a trusted key ("") the key in the receipt is used, and the result
// says that it is only as good as that key. The first fault found is returned
// as *Error.
func Check(r Receipt, trustedVerifierKey string) (Checked, error) {
	if err := r.check(); err != nil {
		return Checked{}, err
	}
	key, err := chooseKey(r.VerifierKey, trustedVerifierKey)
	if err != nil {
		return Checked{}, err
	}
	c, err := Open(r.Checkpoint, key)
	if err != nil {
		return Checked{}, err
	}
	if c.Size != r.Size {
		return Checked{}, fault(FaultInclusion, "size is %d, but the signed checkpoint is of %d leaves", r.Size, c.Size)
	}
	hash := tlog.RecordHash([]byte(r.Leaf))
	if hash != r.LeafHash {
		return Checked{}, fault(FaultLeaf, "the leaf was changed: its hash is %s, the receipt's leaf_hash is %s", hash, r.LeafHash)
	}
	if err := tlog.CheckRecord(r.Inclusion, c.Size, c.Root, r.Index, hash); err != nil {
		return Checked{}, &Error{FaultInclusion, "the proof does not lead from this leaf at this index to the signed root: leaf, index or inclusion_proof was changed", err}
	}
	out := Checked{Leaf: []byte(r.Leaf), Index: r.Index, Checkpoint: c, Key: key, Trusted: trustedVerifierKey != ""}
	if !out.Trusted {
		out.Warning = "checked with the key in the receipt itself: this shows only that whoever has that key made the receipt; give the verifier key that the hub publishes"
	}
	if r.Consistency != nil {
		older, _, err := CheckConsistency(r.Consistency.Checkpoint, r.Checkpoint, r.Consistency.Proof, key)
		if err != nil {
			return Checked{}, err
		}
		out.Older = &older
	}
	return out, nil
}

// chooseKey gives the key to check with: the trusted one where there is one,
// which must then be the one that the receipt names.
func chooseKey(own, trusted string) (string, error) {
	origin, err := ParseVerifierKey(own)
	if err != nil {
		return "", err
	}
	if trusted == "" {
		return own, nil
	}
	want, err := ParseVerifierKey(trusted)
	switch {
	case err != nil:
		return "", err
	case origin != want:
		return "", fault(FaultKey, "the receipt is of the log %q, the trusted key is of %q", origin, want)
	case own != trusted:
		return "", fault(FaultKey, "the receipt is made with another key of %q than the trusted one: %s instead of %s", want, own, trusted)
	}
	return trusted, nil
}

// CheckConsistency checks, offline, that the log of the newer checkpoint grew out
// of that of the older one: nothing in the older was changed or dropped. Both
// must be signed by the verifier key. Two checkpoints of the same size must have
// the same root.
func CheckConsistency(older, newer string, proof []tlog.Hash, verifierKey string) (Checkpoint, Checkpoint, error) {
	o, err := Open(older, verifierKey)
	if err != nil {
		return Checkpoint{}, Checkpoint{}, inCheckpoint("older", err)
	}
	n, err := Open(newer, verifierKey)
	if err != nil {
		return Checkpoint{}, Checkpoint{}, inCheckpoint("newer", err)
	}
	return o, n, grew(o, n, proof)
}

// inCheckpoint says in which of two checkpoints a fault is.
func inCheckpoint(which string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return &Error{e.Fault, "the " + which + " checkpoint: " + e.Text, e.Err}
	}
	return err
}

// grew checks the proof between two trees.
func grew(o, n Checkpoint, proof []tlog.Hash) error {
	switch {
	case o.Size > n.Size:
		return fault(FaultConsistency, "the older checkpoint has %d leaves, the newer only %d: leaves were dropped", o.Size, n.Size)
	case o.Size == n.Size && o.Root != n.Root:
		return fault(FaultConsistency, "two signed checkpoints of %d leaves differ: the log was changed, or shows two faces", o.Size)
	case len(proof) > maxProof:
		return fault(FaultForm, "the consistency proof has %d hashes; no tree needs more than %d", len(proof), maxProof)
	case o.Size == 0 || o.Size == n.Size:
		if len(proof) != 0 {
			return fault(FaultConsistency, "the consistency proof has %d hashes where none is needed", len(proof))
		}
		if empty, err := tlog.TreeHash(0, nil); o.Size == 0 && (err != nil || o.Root != empty) {
			return fault(FaultConsistency, "the root of the older checkpoint is not that of an empty log")
		}
		return nil
	}
	if err := tlog.CheckTree(proof, n.Size, n.Root, o.Size, o.Root); err != nil {
		return &Error{FaultConsistency, fmt.Sprintf("the log of %d leaves did not grow out of that of %d, or the proof was changed", n.Size, o.Size), err}
	}
	return nil
}
