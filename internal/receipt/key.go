package receipt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// maxOrigin is the longest origin, in bytes: a host name and a path.
const maxOrigin = 512

// algEd25519 is the algorithm byte of note keys (C2SP signed-note).
const algEd25519 = 1

// Signer signs the checkpoints of one log.
type Signer struct {
	origin   string
	verifier string
	signer   note.Signer
}

// NewSigner gives the signer of the log with this origin: the hub's public host
// and path without scheme, as hub.example.org/ocpi. The same origin and seed
// always give the same key; the seed is the Ed25519 private key and must be kept
// secret. An origin that is empty, longer than 512 bytes or holds white space,
// control characters or "+" is refused.
func NewSigner(origin string, seed [32]byte) (*Signer, error) {
	if err := checkOrigin(origin); err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(seed[:])
	public := private.Public().(ed25519.PublicKey) //nolint:forcetypeassert // by its documentation
	verifier, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, fmt.Errorf("the verifier key of %s: %w", origin, err)
	}
	secret := base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, seed[:]...))
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", origin, keyHash(origin, public), secret))
	if err != nil {
		return nil, fmt.Errorf("the signing key of %s: %w", origin, err)
	}
	return &Signer{origin: origin, verifier: verifier, signer: signer}, nil
}

// Origin names the log.
func (s *Signer) Origin() string { return s.origin }

// VerifierKey is the public key as text, origin+hash+base64, which those who
// check receipts must get from the hub by a way that they trust.
func (s *Signer) VerifierKey() string { return s.verifier }

// Sign gives the checkpoint of a tree: a signed note, deterministic, ending in a
// line feed.
func (s *Signer) Sign(size int64, root tlog.Hash) (string, error) {
	if size < 0 || size > MaxSize {
		return "", fault(FaultForm, "the tree size %d is not within 0 and %d", size, int64(MaxSize))
	}
	signed, err := note.Sign(&note.Note{Text: body(s.origin, size, root)}, s.signer)
	if err != nil {
		return "", fmt.Errorf("signing the checkpoint of size %d: %w", size, err)
	}
	return string(signed), nil
}

// ParseVerifierKey gives the origin that a verifier key is for, and an error
// with FaultForm where the text is not an Ed25519 verifier key in its one
// spelling.
func ParseVerifierKey(key string) (origin string, err error) {
	v, err := verifier(key)
	if err != nil {
		return "", err
	}
	return v.Name(), nil
}

// verifier reads a verifier key and refuses every spelling but the one that
// NewSigner gives, so that equal keys are equal texts.
func verifier(key string) (note.Verifier, error) {
	if len(key) > maxOrigin+64 {
		return nil, fault(FaultForm, "the verifier key has %d bytes, more than any", len(key))
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, &Error{FaultForm, "the verifier key is not of the form origin+hash+base64", err}
	}
	if err := checkOrigin(v.Name()); err != nil {
		return nil, err
	}
	// NewVerifier has seen the three parts; base64 may hold further plus signs.
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(key, "+", 3)[2])
	if err != nil || len(raw) == 0 {
		return nil, fault(FaultForm, "the verifier key does not end in base64")
	}
	if want, err := note.NewEd25519VerifierKey(v.Name(), raw[1:]); err != nil || want != key {
		return nil, fault(FaultForm, "the verifier key is not spelled as it would be written")
	}
	return v, nil
}

// keyHash is the hash of a key's name and public part (C2SP signed-note).
func keyHash(name string, public ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"+string(rune(algEd25519))), public...))
	return binary.BigEndian.Uint32(sum[:4])
}

// checkOrigin refuses what cannot stand in a note.
func checkOrigin(origin string) error {
	switch {
	case origin == "" || len(origin) > maxOrigin:
		return fault(FaultForm, "the origin must have 1 to %d bytes, not %d", maxOrigin, len(origin))
	case strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r == '+' || r == 0x7f || r == '\uFFFD' || !strconv.IsPrint(r) }):
		return fault(FaultForm, "the origin %q holds a space, a control character or a plus sign", origin)
	}
	return nil
}
