package schema

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/eroam/eroam/ocpi"
	"github.com/go-json-experiment/json/jsontext"
)

// fault is a problem at a path that is built from the inside out.
type fault struct{ path, problem string }

func (f *fault) Error() string { return f.path + ": " + f.problem }

// under returns f as seen from the value that holds name.
func (f *fault) under(name string) *fault {
	switch {
	case f.path == "":
		f.path = name
	case f.path[0] == '[':
		f.path = name + f.path
	default:
		f.path = name + "." + f.path
	}
	return f
}

func wrong(format string, args ...any) *fault { return &fault{problem: fmt.Sprintf(format, args...)} }

// Valid refuses what is not JSON, with HTTP 400.
func Valid(body []byte) error {
	if !jsontext.Value(body).IsValid() {
		return ocpi.Malformed("body: not valid JSON (syntax, UTF-8, or a name occurs twice)")
	}
	return nil
}

func check(body []byte, r *rule) error {
	w := walker{b: body}
	f := w.value(r)
	switch {
	case f == nil:
		return nil
	case f.path == "":
		f.path = "body"
	}
	return ocpi.Invalid(f.path, f.problem)
}

// walker reads one document that is valid JSON. Its methods expect the next value,
// or white space before it, at b[at], and leave at behind the value. What is not
// JSON ends it somewhere.
type walker struct {
	b  []byte
	at int
}

// peek returns the first byte of what comes next, 0 at the end.
func (w *walker) peek() byte {
	for ; w.at < len(w.b); w.at++ {
		switch c := w.b[w.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

func (w *walker) value(r *rule) *fault {
	switch c := w.peek(); {
	case r.kind == object && c == '{':
		return w.object(r)
	case r.kind == list && c == '[':
		_, flt := w.elements(r)
		return flt
	case r.kind == object || r.kind == list || c == '{' || c == '[':
		return wrong("must be %s", r.kind.noun())
	default:
		return w.scalar(r, c)
	}
}

func (w *walker) scalar(r *rule, c byte) *fault {
	v := w.skip()
	ok, problem := false, ""
	switch r.kind {
	case text:
		if ok = c == '"'; ok {
			problem = r.text(inner(v))
		}
	case number:
		if ok = startsNumber(c); ok {
			problem = decimalNumber(v)
		}
	case integer:
		if ok = startsNumber(c); ok {
			problem = wholeNumber(v)
		}
	case boolean:
		ok = c == 't' || c == 'f'
	}
	if !ok {
		return wrong("must be %s", r.kind.noun())
	}
	if problem != "" {
		return &fault{problem: problem}
	}
	return nil
}

func startsNumber(c byte) bool { return c == '-' || c >= '0' && c <= '9' }

func (w *walker) object(r *rule) *fault {
	var seen uint64
	w.at++
	for c := w.peek(); c == '"' || c == ','; c = w.peek() {
		if c == ',' {
			w.at++
			w.peek()
		}
		f := r.fields[string(inner(w.skip()))]
		if w.peek() == ':' {
			w.at++
		}
		if f == nil {
			w.skip()
			continue
		}
		if flt := w.member(f); flt != nil {
			return flt.under(f.name)
		}
		seen |= f.bit
	}
	w.at++
	for _, f := range r.required {
		if seen&f.bit == 0 {
			return wrong("is missing").under(f.name)
		}
	}
	return nil
}

func (w *walker) member(f *field) *fault {
	switch c := w.peek(); {
	case c == 'n':
		w.skip()
		if f.required {
			return wrong("must not be null")
		}
		return nil
	case c == '[' && f.required && f.rule.kind == list:
		n, flt := w.elements(f.rule)
		if flt == nil && n == 0 {
			return wrong("must have at least one element")
		}
		return flt
	}
	return w.value(f.rule)
}

func (w *walker) elements(r *rule) (n int, flt *fault) {
	w.at++
	for c := w.peek(); c != ']' && c != 0; c = w.peek() {
		if c == ',' {
			w.at++
		}
		if flt := w.value(r.elem); flt != nil {
			return n, flt.under("[" + strconv.Itoa(n) + "]")
		}
		n++
	}
	w.at++
	return n, nil
}

// skip passes a value and returns it as it is written.
func (w *walker) skip() []byte {
	c := w.peek()
	from := w.at
	for depth := 0; c != 0; c = w.peek() {
		switch c {
		case '{', '[':
			depth++
			w.at++
		case '}', ']':
			depth--
			w.at++
		case ',', ':':
			w.at++
		case '"':
			w.text()
		default:
			for w.at++; w.at < len(w.b) && w.b[w.at] > ' ' && w.b[w.at] != ',' && w.b[w.at] != '}' && w.b[w.at] != ']'; {
				w.at++
			}
		}
		if depth <= 0 {
			break
		}
	}
	w.at = min(w.at, len(w.b))
	return w.b[from:w.at]
}

// text passes a string.
func (w *walker) text() {
	for w.at++; w.at < len(w.b) && w.b[w.at] != '"'; w.at++ {
		if w.b[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
}

// inner returns the text of a quoted string, without a copy when it holds no
// escapes.
func inner(v jsontext.Value) []byte {
	if len(v) >= 2 && bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	b, _ := jsontext.AppendUnquote(nil, v) // it is valid
	return b
}

func (k kind) noun() string {
	switch k {
	case object:
		return "an object"
	case list:
		return "a list"
	case text:
		return "a string"
	case boolean:
		return "true or false"
	}
	return "a number"
}
