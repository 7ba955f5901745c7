package receipt

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Promise is what a hub has signed at once of a leaf that no checkpoint covers
// yet: that the leaf with this hash stands at this index of its log, for ever. A
// receipt of the log that has another leaf there, or a checkpoint of a log that has
// not come that far, later, shows that the hub did not keep it.
//
// As text it is the index, the hash and the signature, both in base64, with a
// space between them: it stands in the header of an answer.
type Promise struct {
	Index int64
	Leaf  tlog.Hash // RFC 6962 hash of the leaf
}

// signed is the text under the signature; with its four lines it is no
// checkpoint.
func (p Promise) signed(origin string) []byte {
	return []byte("eroam leaf\n" + origin + "\n" + strconv.FormatInt(p.Index, 10) + "\n" + p.Leaf.String() + "\n")
}

// Promise signs a promise.
func (s *Signer) Promise(p Promise) (string, error) {
	if p.Index < 0 || p.Index >= MaxSize {
		return "", fault(FaultForm, "the index %d is not within 0 and %d", p.Index, int64(MaxSize))
	}
	sig, err := s.signer.Sign(p.signed(s.origin))
	if err != nil {
		return "", fmt.Errorf("signing the promise of leaf %d: %w", p.Index, err)
	}
	sig = append(binary.BigEndian.AppendUint32(nil, s.signer.KeyHash()), sig...)
	return strconv.FormatInt(p.Index, 10) + " " + p.Leaf.String() + " " + base64.StdEncoding.EncodeToString(sig), nil
}

// OpenPromise reads a promise and checks its signature by the verifier key. The
// faults: FaultForm, FaultKey (signed by another key), FaultSignature.
func OpenPromise(text, verifierKey string) (Promise, error) {
	v, err := verifier(verifierKey)
	if err != nil {
		return Promise{}, err
	}
	p, sig, err := parsePromise(text)
	switch {
	case err != nil:
		return Promise{}, err
	case binary.BigEndian.Uint32(sig) != v.KeyHash():
		return Promise{}, fault(FaultKey, "the promise is signed by the key %s, not by %s+%s", hex32(binary.BigEndian.Uint32(sig)), v.Name(), hex32(v.KeyHash()))
	case !v.Verify(p.signed(v.Name()), sig[4:]):
		return Promise{}, fault(FaultSignature, "the promise was not signed as it stands")
	}
	return p, nil
}

// parsePromise reads the one spelling of a promise; sig begins with the hash of the
// key.
func parsePromise(text string) (p Promise, sig []byte, err error) {
	parts := strings.Split(text, " ")
	if len(text) > maxOrigin || len(parts) != 3 {
		return p, nil, fault(FaultForm, "a promise has three parts: index, hash and signature")
	}
	if p.Index, err = strconv.ParseInt(parts[0], 10, 64); err != nil || p.Index < 0 || p.Index >= MaxSize || strconv.FormatInt(p.Index, 10) != parts[0] {
		return p, nil, fault(FaultForm, "the index of the promise, %.30q, is not that of a leaf", parts[0])
	}
	if p.Leaf, err = tlog.ParseHash(parts[1]); err != nil || p.Leaf.String() != parts[1] {
		return p, nil, fault(FaultForm, "the hash of the promise, %.60q, is not the base64 of 32 bytes", parts[1])
	}
	if sig, err = base64.StdEncoding.DecodeString(parts[2]); err != nil || len(sig) != 4+64 || base64.StdEncoding.EncodeToString(sig) != parts[2] {
		return p, nil, fault(FaultForm, "the signature of the promise is not the base64 of 68 bytes")
	}
	return p, sig, nil
}

// Kept compares a promise with a receipt of the same log that was checked: nil when
// it is about the promised leaf, else an *Error with FaultLeaf, which says that the
// log does not hold what was promised, or that they are about two leaves.
func (p Promise) Kept(c *Checked) error {
	switch got := tlog.RecordHash(c.Leaf); {
	case c.Index != p.Index:
		return fault(FaultLeaf, "the promise is about event %d, the receipt about %d", p.Index, c.Index)
	case got != p.Leaf:
		return fault(FaultLeaf, "event %d is not the one that was promised: its hash is %s, promised was %s", p.Index, got, p.Leaf)
	}
	return nil
}
