package ocmf

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Curve names an elliptic curve as OCMF does.
type Curve string

// The curves that are verified here. All others are only named.
const (
	P256 Curve = "secp256r1"
	P384 Curve = "secp384r1"
)

// maxKey is the longest text of a key; OCPI allows 512 characters.
const maxKey = 4096

// Key is a public key of a meter or gateway.
type Key struct {
	Curve Curve // "" where the text does not tell: a bare point that is on neither P-256 nor P-384
	point []byte
	ecdsa *ecdsa.PublicKey
}

// Supported reports whether signatures by this key can be verified.
func (k *Key) Supported() bool { return k != nil && k.ecdsa != nil }

// Equal reports whether two keys are the same point, however they were written.
func (k *Key) Equal(other *Key) bool {
	return k != nil && other != nil && bytes.Equal(k.point, other.point) &&
		(k.Curve == other.Curve || k.Curve == "" || other.Curve == "")
}

// ParseKey reads a public key: hex or base64 of a SubjectPublicKeyInfo (DER), or
// of an uncompressed point (0x04, X, Y). A key on a curve that cannot be
// verified is no error; it is not Supported. White space around and inside the
// text is ignored.
func ParseKey(text string) (*Key, error) {
	if len(text) > maxKey {
		return nil, fmt.Errorf("the key has %d characters; at most %d are read", len(text), maxKey)
	}
	text = strings.Join(strings.Fields(text), "")
	if text == "" {
		return nil, errors.New("the key is empty")
	}
	var first error
	if der, err := hex.DecodeString(text); err == nil {
		k, err := keyOf(der)
		if err == nil {
			return k, nil
		}
		first = err // hex digits alone may also be base64
	}
	if der, err := fromBase64(text); err == nil {
		k, err := keyOf(der)
		if err == nil {
			return k, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = errors.New("the key is neither hex nor base64")
	}
	return nil, first
}

// fromBase64 decodes standard base64 with or without padding.
func fromBase64(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

// keyOf reads the bytes of a key.
func keyOf(b []byte) (*Key, error) {
	switch {
	case len(b) > 0 && b[0] == 0x30:
		return subjectKey(b)
	case len(b) == 65 && b[0] == 4:
		return pointKey(b, P256, elliptic.P256()), nil
	case len(b) == 97 && b[0] == 4:
		return pointKey(b, P384, elliptic.P384()), nil
	case len(b) == 49 && b[0] == 4:
		return &Key{point: b}, nil // one of the curves of 192 bits
	}
	return nil, fmt.Errorf("the key's %d bytes are neither a SubjectPublicKeyInfo nor an uncompressed point", len(b))
}

// pointKey takes a bare point for one of the supported curve where it lies on
// it, and else for one of another curve of the same length.
func pointKey(b []byte, name Curve, curve elliptic.Curve) *Key {
	public, err := ecdsa.ParseUncompressedPublicKey(curve, b)
	if err != nil {
		return &Key{point: b}
	}
	return &Key{Curve: name, point: b, ecdsa: public}
}

// subjectKey reads a SubjectPublicKeyInfo (RFC 5480). crypto/x509 would refuse
// the curves that are only to be named.
func subjectKey(der []byte) (*Key, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, fmt.Errorf("the key is not a SubjectPublicKeyInfo: %w", err)
	} else if len(rest) != 0 {
		return nil, fmt.Errorf("%d bytes follow the key", len(rest))
	}
	if !info.Algorithm.Algorithm.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}) {
		return nil, fmt.Errorf("the key's algorithm %s is not elliptic curves", info.Algorithm.Algorithm)
	}
	k := &Key{Curve: "explicit parameters", point: info.PublicKey.RightAlign()}
	var oid asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(info.Algorithm.Parameters.FullBytes, &oid); err == nil && len(rest) == 0 {
		k.Curve = curveOf(oid)
	}
	var curve elliptic.Curve
	switch k.Curve {
	case P256:
		curve = elliptic.P256()
	case P384:
		curve = elliptic.P384()
	default:
		return k, nil
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, k.point)
	if err != nil {
		return nil, fmt.Errorf("the key is not an uncompressed point of %s: %w", k.Curve, err)
	}
	k.ecdsa = public
	return k, nil
}

// curveOf names a curve by its object identifier, those of OCMF as OCMF does.
func curveOf(oid asn1.ObjectIdentifier) Curve {
	switch s := oid.String(); s {
	case "1.2.840.10045.3.1.7":
		return P256
	case "1.3.132.0.34":
		return P384
	case "1.2.840.10045.3.1.1":
		return "secp192r1"
	case "1.3.132.0.31":
		return "secp192k1"
	case "1.3.132.0.10":
		return "secp256k1"
	case "1.3.132.0.35":
		return "secp521r1"
	case "1.3.36.3.3.2.8.1.1.7":
		return "brainpool256r1"
	case "1.3.36.3.3.2.8.1.1.11":
		return "brainpool384r1"
	default:
		return Curve(s)
	}
}
