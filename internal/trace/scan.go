package trace

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// hashMark begins every redacted value.
const hashMark = `"hmac:`

// maxNesting is the deepest nesting of a body that is kept.
const maxNesting = 64

// scanner copies a JSON text and replaces the values of sensitive names on the
// way. It knows at each byte whether it is in a name or a value; a text about
// which another parser could think otherwise is given up.
type scanner struct {
	in    []byte
	out   []byte
	limit int  // of out; reading stops there
	uid   bool // the name uid means a token
	hash  func(dst, value []byte) []byte

	pos     int    // next byte to read
	copied  int    // bytes of in that are in out, or replaced there
	depth   int    // open objects and arrays
	objects uint64 // a bit for each of them, the innermost last: 1 is an object
}

// run scans until the end of the text or until out is longer than the limit,
// and reports whether all that it read was in order.
func (s *scanner) run() bool {
	if !s.value(visible) {
		return false
	}
	for s.depth > 0 {
		if len(s.out)+s.pos-s.copied > s.limit {
			s.copy(s.pos)
			return utf8.Valid(s.in[:s.pos])
		}
		if !s.member() {
			return false
		}
	}
	s.space()
	s.copy(s.pos)
	return s.pos == len(s.in) && utf8.Valid(s.in)
}

// member reads what may follow within an object or array that has begun: a
// comma and a member, or the end. The first member was read by open.
func (s *scanner) member() bool {
	s.space()
	if s.pos == len(s.in) {
		return false
	}
	object := s.objects&1 == 1
	c := s.in[s.pos]
	s.pos++
	switch {
	case c == '}' && object, c == ']' && !object:
		s.depth--
		s.objects >>= 1
		return true
	case c != ',':
		return false
	case object:
		return s.named()
	}
	return s.value(visible)
}

// named reads a name, a colon and a value.
func (s *scanner) named() bool {
	s.space()
	start := s.pos
	if !s.text() {
		return false
	}
	name, ok := plain(s.in[start:s.pos])
	if !ok {
		return false
	}
	s.space()
	if s.pos == len(s.in) || s.in[s.pos] != ':' {
		return false
	}
	s.pos++
	return s.value(sensitivity(name, s.uid))
}

// value reads a scalar, or the beginning of an object or array.
func (s *scanner) value(v visibility) bool {
	s.space()
	if s.pos == len(s.in) {
		return false
	}
	start := s.pos
	switch c := s.in[start]; {
	case c == '{' || c == '[':
		if v == hidden || (v == scalar && c == '[') {
			return s.skip() && s.replace(start)
		}
		return s.open(c == '{')
	case c == '"':
		if !s.text() {
			return false
		}
		if v != visible || vehicle(s.in[start:s.pos]) {
			return s.replace(start)
		}
	case c == '-' || (c >= '0' && c <= '9'):
		for s.pos < len(s.in) && numeric(s.in[s.pos]) {
			s.pos++
		}
		if v != visible {
			return s.replace(start)
		}
	default:
		for _, word := range []string{"true", "false", "null"} {
			if bytes.HasPrefix(s.in[start:], []byte(word)) {
				s.pos += len(word)
				return true
			}
		}
		return false
	}
	return true
}

// open enters an object or array and reads its first member.
func (s *scanner) open(object bool) bool {
	if s.depth == maxNesting {
		return false
	}
	s.pos++
	s.depth++
	s.objects <<= 1
	end := byte(']')
	if object {
		s.objects |= 1
		end = '}'
	}
	s.space()
	if s.pos < len(s.in) && s.in[s.pos] == end {
		return true // member closes it
	}
	if object {
		return s.named()
	}
	return s.value(visible)
}

// skip passes over a whole object or array.
func (s *scanner) skip() bool {
	dec := jsontext.NewDecoder(bytes.NewBuffer(s.in[s.pos:]), jsontext.AllowDuplicateNames(true))
	v, err := dec.ReadValue()
	s.pos += len(v)
	return err == nil
}

// text passes over a string.
func (s *scanner) text() bool {
	if s.pos == len(s.in) || s.in[s.pos] != '"' {
		return false
	}
	for i := s.pos + 1; i < len(s.in); i++ {
		switch c := s.in[i]; {
		case c == '"':
			s.pos = i + 1
			return true
		case c == '\\':
			i++
		case c < ' ':
			return false
		}
	}
	return false
}

func (s *scanner) space() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// copy takes over what was read up to to; of what is cut off anyway, one byte.
func (s *scanner) copy(to int) {
	n := min(to-s.copied, max(0, s.limit+1-len(s.out)))
	s.out = append(s.out, s.in[s.copied:s.copied+n]...)
	s.copied = to
}

// replace writes a hash instead of what was read since start.
func (s *scanner) replace(start int) bool {
	value := s.in[start:s.pos]
	s.copy(start)
	s.copied = s.pos
	text, ok := plain(value)
	s.out = append(s.out, hashMark...)
	s.out = s.hash(s.out, text)
	s.out = append(s.out, '"')
	return ok
}

func numeric(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
}

// plain returns the characters that a JSON string stands for, and any other
// value as it is.
func plain(v []byte) (text []byte, ok bool) {
	if v[0] != '"' {
		return v, true
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], true
	}
	b, err := jsontext.AppendUnquote(nil, v)
	return b, err == nil
}

// visibility says how a value is treated.
type visibility uint8

const (
	visible visibility = iota
	hidden             // whatever it is
	scalar             // when it is not an object; an object is looked into
)

// maxName is longer than every name that [sensitivity] knows.
const maxName = 24

// sensitivity tells how the value of a name is treated; contract_id, contractId
// and CONTRACT-ID are one name. uid says whether the name uid means a token.
func sensitivity(name []byte, uid bool) visibility {
	if len(name) < 3 || len(name) > maxName {
		return visible
	}
	var folded [maxName]byte
	n := 0
	for _, c := range name {
		if c == '_' || c == '-' {
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		folded[n] = c
		n++
	}
	switch string(folded[:n]) {
	case "uid":
		if !uid {
			return visible
		}
		return hidden
	case "token": // an object in commands, a string in credentials
		return scalar
	case "tokenuid", "authorization", "contractid", "visualnumber", "authid", "authtoken",
		"accesstoken", "tokena", "tokenb", "tokenc", "issueruid", "rfid", "idtag", "groupid",
		"vin", "vehicleid", "evccid", "licenseplate", "licenceplate", "numberplate",
		"verification", "verificationcode", "pin", "pincode", "password", "secret", "apikey",
		"driverid", "drivername", "customerid", "phonenumber", "email":
		return hidden
	}
	return visible
}

// vehicle reports whether a quoted string looks like a vehicle identification
// number (ISO 3779): 17 capital letters and digits without I, O and Q, both
// occurring.
func vehicle(quoted []byte) bool {
	if len(quoted) != 19 {
		return false
	}
	letters, digits := 0, 0
	for _, c := range quoted[1:18] {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'A' && c <= 'Z' && c != 'I' && c != 'O' && c != 'Q':
			letters++
		default:
			return false
		}
	}
	return letters > 0 && digits > 0
}
