package ocpi

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth is the deepest nesting that [CheckJSON] lets through. The deepest
// object of OCPI 2.3.0, a CDR with tariffs, needs nine levels.
const maxDepth = 32

// CheckJSON refuses what two parsers could read differently: anything that is
// not exactly one JSON value in valid UTF-8, duplicate names, trailing data, a
// byte order mark, and nesting deeper than 32 levels. The error is HTTP 400.
func CheckJSON(body []byte) error {
	if depth(body) > maxDepth {
		return Malformed("body: JSON is nested too deeply")
	}
	if !jsontext.Value(body).IsValid() {
		return Malformed("body: not valid JSON (syntax, UTF-8, or a name occurs twice)")
	}
	return nil
}

// depth counts the deepest nesting of brackets outside strings. It does not
// need valid JSON and stops as soon as the limit is passed.
func depth(b []byte) int {
	deepest, d := 0, 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; i < len(b) && b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if d++; d > deepest {
				if deepest = d; deepest > maxDepth {
					return deepest
				}
			}
		case '}', ']':
			d--
		}
	}
	return deepest
}

// IsObject reports whether body begins like a JSON object.
func IsObject(body []byte) bool {
	t := bytes.TrimLeft(body, " \t\r\n")
	return len(t) > 0 && t[0] == '{'
}

// CheckNames refuses an object that carries one of the given names in another
// spelling (letter case or Unicode case folding): some parsers would take it
// for the field. It expects a body that passed [CheckJSON], and looks at the
// top level only.
func CheckNames(object []byte, names ...string) error {
	dec := jsontext.NewDecoder(bytes.NewBuffer(object))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return Malformed("body: not valid JSON")
		}
		got := tok.String()
		for _, want := range names {
			if got != want && strings.EqualFold(got, want) {
				return Invalid(want, "also occurs in another spelling")
			}
		}
		if err := dec.SkipValue(); err != nil {
			return Malformed("body: not valid JSON")
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return Malformed("body: not valid JSON")
	}
	return nil
}
