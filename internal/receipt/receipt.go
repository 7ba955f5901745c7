package receipt

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/mod/sumdb/tlog"
)

// What a receipt says of its own form. A new version is a new number; a reader
// refuses versions that it does not know.
const (
	Format  = "eroam receipt"
	Version = 1
)

// Bounds of a receipt.
const (
	MaxFile  = 4 << 20 // bytes of a file
	MaxLeaf  = 1 << 20 // bytes of a leaf
	maxProof = 64      // hashes of a proof; a tree of MaxSize leaves has 53 levels
)

// Receipt proves that one leaf is in the log of a hub. As a file it is a JSON
// object with these members, in this order and in no other spelling but for
// white space between them; a member that is not listed is refused.
type Receipt struct {
	Format  string `json:"format"`  // "eroam receipt"
	Version int    `json:"version"` // 1
	// Leaf is the record as it was logged, byte for byte, as a JSON string; its
	// hash is over these bytes after unescaping (jq -j .leaf).
	Leaf     string    `json:"leaf"`
	LeafHash tlog.Hash `json:"leaf_hash"` // SHA-256 over a zero byte and the leaf (RFC 6962 §2.1), base64
	Index    int64     `json:"index"`     // position of the leaf, from 0
	Size     int64     `json:"size"`      // leaves in the tree, as in the checkpoint
	// Inclusion is the audit path from the leaf to the root, lowest first
	// (RFC 6962 §2.1.1), base64.
	Inclusion  []tlog.Hash `json:"inclusion_proof"`
	Checkpoint string      `json:"checkpoint"` // signed note over origin, size and root
	// VerifierKey is the key that the hub says it signs with. It proves nothing
	// by itself.
	VerifierKey string `json:"verifier_key"`
	// Consistency ties the checkpoint to an older one; nil where there is none.
	Consistency *Consistency `json:"consistency,omitzero"`
}

// Consistency proves that the tree of a receipt holds all of an older tree.
type Consistency struct {
	Checkpoint string      `json:"checkpoint"` // the older signed checkpoint, of the same log and key
	Proof      []tlog.Hash `json:"proof"`      // RFC 6962 §2.1.2, base64
}

// Encode gives the file: indented JSON that ends in a line feed, always the same
// for the same receipt. It fails where Parse would refuse the result.
func (r Receipt) Encode() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(r, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("writing a receipt: %w", err)
	}
	return append(text, '\n'), nil
}

// Parse reads a receipt file. It checks the form only; see Check. White space
// between the members is free, everything else must be spelled as Encode does:
// no two files but for white space are the same receipt. Every error has
// FaultForm.
func Parse(file []byte) (Receipt, error) {
	if len(file) > MaxFile {
		return Receipt{}, fault(FaultForm, "the receipt has %d bytes; at most %d are read", len(file), MaxFile)
	}
	var head struct {
		Format  string         `json:"format"`
		Version jsontext.Value `json:"version"`
	}
	if err := json.Unmarshal(file, &head); err != nil {
		return Receipt{}, &Error{FaultForm, "the receipt is not readable JSON", err}
	}
	if head.Format != Format {
		return Receipt{}, fault(FaultForm, "format is %.40q, not %q", head.Format, Format)
	}
	if string(head.Version) != "1" {
		return Receipt{}, fault(FaultForm, "version is %.20s; this program reads version %d", head.Version, Version)
	}
	var r Receipt
	if err := json.Unmarshal(file, &r, json.RejectUnknownMembers(true)); err != nil {
		return Receipt{}, &Error{FaultForm, "the receipt is not of version 1's form", err}
	}
	if err := r.check(); err != nil {
		return Receipt{}, err
	}
	again, err := json.Marshal(r)
	if err != nil {
		return Receipt{}, &Error{FaultForm, "the receipt cannot be written again", err}
	}
	text := jsontext.Value(bytes.Clone(file))
	if err := text.Compact(jsontext.PreserveRawStrings(true)); err != nil {
		return Receipt{}, &Error{FaultForm, "the receipt is not readable JSON", err}
	}
	if !bytes.Equal(text, again) {
		at := differ(text, again)
		return Receipt{}, fault(FaultForm, "the receipt is not spelled as it would be written: %.40q instead of %.40q", text[at:], again[at:])
	}
	return r, nil
}

// differ gives the first position at which two texts differ.
func differ(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// check refuses values out of bounds.
func (r Receipt) check() error {
	switch {
	case r.Format != Format || r.Version != Version:
		return fault(FaultForm, "format and version are %q %d, not %q %d", r.Format, r.Version, Format, Version)
	case r.Leaf == "" || len(r.Leaf) > MaxLeaf:
		return fault(FaultForm, "leaf must have 1 to %d bytes, not %d", MaxLeaf, len(r.Leaf))
	case !utf8.ValidString(r.Leaf):
		return fault(FaultForm, "leaf is not UTF-8")
	case r.Size < 1 || r.Size > MaxSize:
		return fault(FaultForm, "size %d is not within 1 and %d", r.Size, int64(MaxSize))
	case r.Index < 0 || r.Index >= r.Size:
		return fault(FaultForm, "index %d is not in a tree of %d leaves", r.Index, r.Size)
	case len(r.Inclusion) > maxProof:
		return fault(FaultForm, "inclusion_proof has %d hashes; no tree needs more than %d", len(r.Inclusion), maxProof)
	case r.Checkpoint == "" || len(r.Checkpoint) > maxNote:
		return fault(FaultForm, "checkpoint must have 1 to %d bytes, not %d", maxNote, len(r.Checkpoint))
	case r.Consistency == nil:
		return nil
	case len(r.Consistency.Proof) > maxProof:
		return fault(FaultForm, "consistency.proof has %d hashes; no tree needs more than %d", len(r.Consistency.Proof), maxProof)
	case r.Consistency.Checkpoint == "" || len(r.Consistency.Checkpoint) > maxNote:
		return fault(FaultForm, "consistency.checkpoint must have 1 to %d bytes, not %d", maxNote, len(r.Consistency.Checkpoint))
	}
	return nil
}
