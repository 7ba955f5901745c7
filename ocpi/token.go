package ocpi

import (
	"encoding/base64"
	"strings"
)

// TokenEncoding is how a connection spells tokens in the Authorization header.
// OCPI 2.2-d2 and later want Base64; many platforms send the token as it is
// (OCPI 2.2.1 §4.1.2).
type TokenEncoding string

// The encodings. Auto accepts both and is replaced by the one that first
// worked.
const (
	EncodingAuto   TokenEncoding = "auto"
	EncodingBase64 TokenEncoding = "base64"
	EncodingRaw    TokenEncoding = "raw"
)

// maxToken is the longest token, in characters (OCPI 2.2.1 §7.3.1).
const maxToken = 64

// Readings are the tokens that one Authorization header can mean. Either may be
// empty. Both are set when a raw token happens to be valid Base64 of another
// printable string; whoever looks them up must refuse the header if they lead
// to different platforms.
type Readings struct {
	Raw     string
	Decoded string
}

// ParseAuthorization reads the value of an Authorization header: the scheme
// "Token" (in any case, RFC 9110 §11.1), one space, one value. It accepts
// standard padded Base64 in its canonical spelling only, and trims white space
// after decoding: both examples in the specification decode to a token that
// ends in a line feed. Anything else gives ok == false.
func ParseAuthorization(header string) (r Readings, ok bool) {
	const scheme = "token "
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return r, false
	}
	v := header[len(scheme):]
	if len(v) > 4*maxToken || !validTokenChars(v) {
		return r, false
	}
	if len(v) <= maxToken {
		r.Raw = v
	}
	if b, err := base64.StdEncoding.Strict().DecodeString(v); err == nil {
		t := strings.TrimRight(string(b), " \t\r\n")
		if ValidToken(t) {
			r.Decoded = t
		}
	}
	return r, r.Raw != "" || r.Decoded != ""
}

// FormatAuthorization returns the header value for a token. Auto is written as
// Base64, which is what the specification wants.
func FormatAuthorization(token string, enc TokenEncoding) string {
	if enc == EncodingRaw {
		return "Token " + token
	}
	return "Token " + base64.StdEncoding.EncodeToString([]byte(token))
}

// ValidToken reports whether t may be a credentials token: 1 to 64 characters
// from U+0021 to U+007E (OCPI 2.2.1 §7.3.1).
func ValidToken(t string) bool {
	return t != "" && len(t) <= maxToken && validTokenChars(t)
}

// validTokenChars reports whether every byte of t is printable ASCII without space.
func validTokenChars(t string) bool {
	for i := range len(t) {
		if t[i] < 0x21 || t[i] > 0x7e {
			return false
		}
	}
	return true
}
