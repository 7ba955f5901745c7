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

func check(body []byte, r *rule) error {
	w := walker{dec: jsontext.NewDecoder(bytes.NewBuffer(body))}
	f := w.value(r)
	if w.err == nil && f == nil {
		if rest := bytes.TrimLeft(body[w.dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
			return ocpi.Malformed("body: data after the JSON value")
		}
	}
	switch {
	case w.err != nil:
		return ocpi.Malformed("body: not valid JSON (syntax, UTF-8, or a name occurs twice)")
	case f == nil:
		return nil
	case f.path == "":
		f.path = "body"
	}
	return ocpi.Invalid(f.path, f.problem)
}

// walker reads one document. After a syntax error err is set and the faults
// mean nothing.
type walker struct {
	dec *jsontext.Decoder
	err error
}

func (w *walker) value(r *rule) *fault {
	switch k := w.dec.PeekKind(); {
	case r.kind == object && k == '{':
		return w.object(r)
	case r.kind == list && k == '[':
		return w.list(r)
	case r.kind == object || r.kind == list:
		w.skip()
		return wrong("must be %s", r.kind.noun())
	default:
		return w.scalar(r, k)
	}
}

func (w *walker) scalar(r *rule, k jsontext.Kind) *fault {
	if k == '{' || k == '[' {
		w.skip()
		return wrong("must be %s", r.kind.noun())
	}
	v, err := w.dec.ReadValue()
	if err != nil {
		w.err = err
		return nil
	}
	ok, problem := false, ""
	switch r.kind {
	case text:
		if ok = k == '"'; ok {
			problem = r.text(inner(v))
		}
	case number:
		if ok = k == '0'; ok {
			problem = decimalNumber(v)
		}
	case integer:
		if ok = k == '0'; ok {
			problem = wholeNumber(v)
		}
	case boolean:
		ok = k == 't' || k == 'f'
	}
	if !ok {
		return wrong("must be %s", r.kind.noun())
	}
	if problem != "" {
		return &fault{problem: problem}
	}
	return nil
}

func (w *walker) object(r *rule) *fault {
	if _, w.err = w.dec.ReadToken(); w.err != nil {
		return nil
	}
	var seen uint64
	for w.dec.PeekKind() == '"' {
		raw, err := w.dec.ReadValue()
		if err != nil {
			w.err = err
			return nil
		}
		f := r.fields[string(inner(raw))]
		if f == nil {
			w.skip()
		} else {
			if flt := w.member(f); flt != nil {
				return flt.under(f.name)
			}
			seen |= f.bit
		}
		if w.err != nil {
			return nil
		}
	}
	if _, w.err = w.dec.ReadToken(); w.err != nil {
		return nil
	}
	for _, f := range r.required {
		if seen&f.bit == 0 {
			return wrong("is missing").under(f.name)
		}
	}
	return nil
}

func (w *walker) member(f *field) *fault {
	if w.dec.PeekKind() == 'n' {
		w.skip()
		if f.required {
			return wrong("must not be null")
		}
		return nil
	}
	if f.required && f.rule.kind == list && w.dec.PeekKind() == '[' {
		n, flt := w.elements(f.rule)
		if flt == nil && n == 0 && w.err == nil {
			return wrong("must have at least one element")
		}
		return flt
	}
	return w.value(f.rule)
}

func (w *walker) list(r *rule) *fault {
	_, flt := w.elements(r)
	return flt
}

func (w *walker) elements(r *rule) (n int, flt *fault) {
	if _, w.err = w.dec.ReadToken(); w.err != nil {
		return 0, nil
	}
	for w.dec.PeekKind() != ']' {
		if flt := w.value(r.elem); flt != nil {
			return n, flt.under("[" + strconv.Itoa(n) + "]")
		}
		if w.err != nil {
			return n, nil
		}
		n++
	}
	_, w.err = w.dec.ReadToken()
	return n, nil
}

func (w *walker) skip() {
	if err := w.dec.SkipValue(); err != nil {
		w.err = err
	}
}

// inner returns the text of a quoted string, without a copy when it holds no
// escapes.
func inner(v jsontext.Value) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	b, _ := jsontext.AppendUnquote(nil, v) // the decoder has checked it
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
