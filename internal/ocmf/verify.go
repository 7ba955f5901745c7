package ocmf

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
)

// Outcome is what is known of a signature.
type Outcome string

// The outcomes.
const (
	Verified     Outcome = "verified"      // the payload was signed by the key
	Invalid      Outcome = "invalid"       // it was not
	CannotVerify Outcome = "cannot_verify" // curve, hash or encoding are none that can be verified here, or the key is unreadable
	NoKey        Outcome = "no_key"        // no key is known
)

// Verification is an outcome with its reason, a sentence; the reason is "" for
// Verified.
type Verification struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitzero"`
}

// outcome builds a Verification.
func outcome(o Outcome, format string, args ...any) Verification {
	return Verification{o, fmt.Sprintf(format, args...)}
}

// Verify checks the signature over the payload's bytes; nil is no key. The
// curve is that of the key: SA is outside of what is signed. Where SA names
// another curve and the signature does not fit, the outcome is Invalid if SA's
// curve is P-256 or P-384, and CannotVerify otherwise.
func (r *Record) Verify(k *Key) Verification {
	if k == nil {
		return outcome(NoKey, "no public key is known")
	}
	curve, hash, ok := algorithm(r.Signature.Algorithm)
	switch {
	case !ok:
		return outcome(CannotVerify, "the signature algorithm %.60q cannot be verified here", r.Signature.Algorithm)
	case !k.Supported() && k.Curve == "":
		return outcome(CannotVerify, "the key is a bare point that is on neither P-256 nor P-384; the record is signed with %s", r.Signature.Algorithm)
	case !k.Supported():
		return outcome(CannotVerify, "the key is of the curve %s, which cannot be verified here", k.Curve)
	case !strings.EqualFold(r.Signature.MIME, "application/x-der"):
		return outcome(CannotVerify, "SM %.60q is not application/x-der", r.Signature.MIME)
	}
	der, v := r.Signature.bytes()
	if v.Outcome == "" && !ecdsa.VerifyASN1(k.ecdsa, hash(r.Payload), der) {
		v = outcome(Invalid, "the signature does not fit the payload and the %s key", k.Curve)
	}
	switch {
	case v.Outcome == "":
		return Verification{Outcome: Verified}
	case v.Outcome == Invalid && curve != P256 && curve != P384:
		return outcome(CannotVerify, "the record says that it is signed with %.60s, which cannot be verified here; the key is of %s", r.Signature.Algorithm, k.Curve)
	case v.Outcome == Invalid && curve != k.Curve:
		v.Reason += fmt.Sprintf(", and the record says that it is signed with %s", r.Signature.Algorithm)
	}
	return v
}

// bytes decodes SD; a Verification with an Outcome says why it cannot be.
func (s Signature) bytes() ([]byte, Verification) {
	var (
		der []byte
		err error
	)
	switch {
	case strings.EqualFold(s.Encoding, "hex"):
		der, err = hex.DecodeString(s.Data)
	case strings.EqualFold(s.Encoding, "base64"):
		der, err = fromBase64(s.Data)
	default:
		return nil, outcome(CannotVerify, "SE %.60q is neither hex nor base64", s.Encoding)
	}
	if err != nil {
		return nil, outcome(Invalid, "SD is not %s, as SE says: %v", s.Encoding, err)
	}
	return der, Verification{}
}

// algorithm reads SA, as ECDSA-secp256r1-SHA256. False where it is not ECDSA or
// the hash is not known; any curve is returned, synonyms under one name.
func algorithm(sa string) (Curve, func([]byte) []byte, bool) {
	rest, ok := strings.CutPrefix(strings.ToLower(sa), "ecdsa-")
	at := strings.LastIndex(rest, "-sha")
	if !ok || at < 0 {
		return "", nil, false
	}
	curve := Curve(rest[:at])
	switch curve {
	case "prime256v1", "p-256", "p256", "nist p-256":
		curve = P256
	case "prime384v1", "p-384", "p384", "nist p-384":
		curve = P384
	}
	switch strings.ReplaceAll(rest[at+1:], "-", "") {
	case "sha256":
		return curve, func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }, true
	case "sha384":
		return curve, func(b []byte) []byte { s := sha512.Sum384(b); return s[:] }, true
	case "sha512":
		return curve, func(b []byte) []byte { s := sha512.Sum512(b); return s[:] }, true
	}
	return "", nil, false
}
