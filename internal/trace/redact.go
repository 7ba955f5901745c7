package trace

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// hasher makes keyed hashes.
type hasher struct{ pool *sync.Pool }

func newHasher(key []byte) hasher {
	key = bytes.Clone(key)
	return hasher{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// appendHash appends 16 hexadecimal digits.
func (h hasher) appendHash(dst, value []byte) []byte {
	mac := h.pool.Get().(hash.Hash) //nolint:forcetypeassert // nothing else is put there
	mac.Reset()
	mac.Write(lower(value))
	var sum [sha256.Size]byte
	dst = hex.AppendEncode(dst, mac.Sum(sum[:0])[:8])
	h.pool.Put(mac)
	return dst
}

// lower folds ASCII letters: token uids and contract ids are CiStrings.
func lower(b []byte) []byte {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			return bytes.ToLower(b)
		}
	}
	return b
}

// Hash returns what stands for a token uid, contract id or other value that
// must not be kept: HMAC-SHA-256 with Options.Key over the value in lower case,
// the first 64 bits, in hexadecimal. The same value has the same hash in
// bodies, where it is written as "hmac:" and the hash. A nil Recorder returns
// "redacted".
func (r *Recorder) Hash(value string) string {
	if r == nil {
		return "redacted"
	}
	return string(r.hasher.appendHash(make([]byte, 0, 16), []byte(value)))
}

// redact makes of m what may be stored. It must see each message once.
func (r *Recorder) redact(m *handed) *Message {
	if m.Time.IsZero() {
		m.Time = time.Now()
	}
	if m.brief {
		m.RequestBody, m.ResponseBody = omitted(m.RequestBody), omitted(m.ResponseBody)
		return &m.Message
	}
	uid := m.Module != "locations" // there uid is the EVSE's
	m.RequestBody = r.redactBody(m.RequestBody, uid)
	m.ResponseBody = r.redactBody(m.ResponseBody, uid)
	return &m.Message
}

// Redact returns what may be kept of the body of a message of a module: a copy
// with the values of sensitive names replaced, cut after limit bytes; of what is
// not JSON, and of everything with a nil Recorder, only that it was there.
func (r *Recorder) Redact(module string, body []byte, limit int) []byte {
	if r == nil {
		return omitted(body)
	}
	return r.redactTo(body, module != "locations", limit)
}

// redactBody returns a copy of a JSON text with the values of sensitive names
// replaced, cut after MaxBody bytes. It reads little further than it writes.
func (r *Recorder) redactBody(body []byte, uid bool) []byte {
	return r.redactTo(body, uid, r.opt.MaxBody)
}

func (r *Recorder) redactTo(body []byte, uid bool, limit int) []byte {
	if len(body) == 0 {
		return nil
	}
	if limit < 0 {
		return omitted(body)
	}
	s := scanner{
		in: body, limit: limit, uid: uid, hash: r.hasher.appendHash,
		out: make([]byte, 0, min(len(body)+len(body)/8, limit)+64),
	}
	if !s.run() {
		return omitted(body)
	}
	if len(s.out) > limit {
		return cut(s.out, limit, len(body))
	}
	return s.out
}

// cut shortens a redacted body to limit bytes, at a character, and says so.
func cut(b []byte, limit, length int) []byte {
	for limit > 0 && !utf8.RuneStart(b[limit]) {
		limit--
	}
	b = append(b[:limit], "… cut, of "...)
	b = strconv.AppendInt(b, int64(length), 10)
	return append(b, " bytes"...)
}

const omittedMark = "not kept: "

// omitted stands for a body that is not stored.
func omitted(body []byte) []byte {
	if len(body) == 0 {
		return nil
	}
	sum := sha256.Sum256(body)
	b := append(make([]byte, 0, 112), omittedMark...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(b, " bytes, sha256 "...)
	return hex.AppendEncode(b, sum[:])
}
