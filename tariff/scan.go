package tariff

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner reads JSON that is known to be valid, in one pass, as pieces of one
// text. It takes what OCPI documents look like; at anything else (a value of
// another kind, a backslash in a text that is wanted) it is stuck, and somebody
// else has to read the document. A scanner that is stuck reads on no further, and
// what it returned is worth nothing.
//
// The methods expect the next value, or white space before it, at text[at], and
// leave at behind the value.
type scanner struct {
	text  string
	at    int
	stuck bool
}

// newScanner returns a scanner for body; false when body is not JSON as RFC 7493
// wants it: one value, UTF-8, no name twice in an object.
func newScanner(body []byte) (scanner, bool) {
	return scanner{text: string(body)}, jsontext.Value(body).IsValid()
}

// peek returns the first byte of what comes next, 0 at the end of the text.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// next reports whether c comes next, and passes it.
func (s *scanner) next(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

// null reports whether a null comes next, and passes it.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.scalar()
	return true
}

// scalar returns a number, true, false or null.
func (s *scanner) scalar() string {
	rest := s.text[s.at:]
	end := strings.IndexAny(rest, ",]} \t\r\n")
	if end < 0 {
		end = len(rest)
	}
	s.at += end
	return rest[:end]
}

// string returns the text of a string, "" for null.
func (s *scanner) string() string {
	if s.null() {
		return ""
	}
	if !s.next('"') {
		s.stuck = true
		return ""
	}
	rest := s.text[s.at:]
	end := strings.IndexByte(rest, '"')
	if end < 0 || strings.IndexByte(rest[:end], '\\') >= 0 {
		s.stuck = true
		return ""
	}
	s.at += end + 1
	return rest[:end]
}

// bool returns a boolean, false for null.
func (s *scanner) bool() bool {
	switch s.peek() {
	case 't', 'f', 'n':
		return s.scalar() == "true"
	}
	s.stuck = true
	return false
}

// number returns a number, or what a string spells; null is absent.
func (s *scanner) number() number {
	switch c := s.peek(); {
	case c == 'n':
		s.scalar()
		return number{}
	case c == '-' || c >= '0' && c <= '9':
		return number{text: s.scalar()}
	case c == '"':
		if text := s.string(); spellsNumber(text) {
			return number{text, true}
		}
	}
	s.stuck = true
	return number{}
}

// object calls member with the name of each member of an object; it must pass the
// value. A null has no members.
func (s *scanner) object(member func(name string)) {
	if s.null() {
		return
	}
	s.stuck = s.stuck || !s.next('{')
	for !s.stuck && !s.next('}') {
		s.next(',')
		name := s.string()
		s.next(':')
		if !s.stuck {
			member(name)
		}
	}
}

// list calls item for each item of a list; it must pass the item. It returns
// false for null.
func (s *scanner) list(item func()) bool {
	if s.null() {
		return false
	}
	s.stuck = s.stuck || !s.next('[')
	for !s.stuck && !s.next(']') {
		s.next(',')
		item()
	}
	return true
}

// skip passes a value of any kind and returns it as it is written.
func (s *scanner) skip() string {
	c := s.peek()
	from := s.at
	for depth := 0; ; c = s.peek() {
		switch c {
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			depth--
			s.at++
		case ',', ':':
			s.at++
		case '"':
			for s.at++; s.text[s.at] != '"'; s.at++ {
				if s.text[s.at] == '\\' {
					s.at++
				}
			}
			s.at++
		default:
			s.scalar()
		}
		if depth == 0 {
			return s.text[from:s.at]
		}
	}
}
