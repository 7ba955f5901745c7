package party

import (
	"bytes"
	"encoding/base64"
)

// minEcho is the length from which a token is looked for in an answer: a very
// short one that a partner chose would be found everywhere.
const minEcho = 16

// Echoed reports whether a partner's answer holds the token that the hub calls
// it with. Some platforms repeat the Authorization header in error messages;
// passed on, it would let others call that partner in the hub's name.
func (p *Platform) Echoed(body []byte) bool {
	if len(p.Token) < minEcho || len(body) < len(p.Token) {
		return false
	}
	var encoded [128]byte // room for the 64 characters that a token may have, encoded
	return bytes.Contains(body, []byte(p.Token)) ||
		bytes.Contains(body, base64.StdEncoding.AppendEncode(encoded[:0], []byte(p.Token)))
}
