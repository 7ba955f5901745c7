package ocmf

import "crypto/ecdsa"

// Curve names an elliptic curve as OCMF does.
type Curve string

// The curves that are verified here. All others are only named.
const (
	P256 Curve = "secp256r1"
	P384 Curve = "secp384r1"
)

// Key is a public key of a meter or gateway.
type Key struct {
	Curve Curve // "" where the text does not tell: a bare point that is on neither P-256 nor P-384
	ecdsa *ecdsa.PublicKey
}

// Supported reports whether signatures by this key can be verified.
func (k *Key) Supported() bool { return k != nil && k.ecdsa != nil }

// ParseKey reads a public key: hex or base64 of a SubjectPublicKeyInfo (DER), or
// of an uncompressed point (0x04, X, Y). A key on a curve that cannot be
// verified is no error; it is not Supported. White space around and inside the
// text is ignored.
func ParseKey(text string) (*Key, error) { return parseKey(text) }
