// Package splice changes single members and elements of a JSON document and
// leaves every other byte as it was written: unknown fields, explicit nulls, the
// spelling of numbers and strings, white space.
//
// An [Object] or [List] is opened on the bytes of one value, changed, and
// written with Bytes. Nested values are opened on what Get or At returns and put
// back with Set. The source is never written to.
package splice

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrKind is wrapped by the errors of [Open] and [OpenList] for a valid JSON
// value that is not an object or a list.
var ErrKind = errors.New("wrong kind of JSON value")

// part is a member of an object or an element of a list. Its source range is
// src[start:end]; set, when not nil, replaces its value.
type part struct {
	name       string
	start, end int // of the whole part: name, colon and value
	value      int // where the value begins
	rename     []byte
	set        []byte
	dropped    bool
}

// Object is a JSON object opened for changes to its members. It is not safe for
// concurrent use.
type Object struct {
	src     []byte
	parts   []part
	added   []part // set and without a source range
	changed bool
}

// Open reads src, which must hold exactly one JSON object without duplicate
// names. Nested values are checked too.
func Open(src []byte) (*Object, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(src))
	if err := begin(dec, '{'); err != nil {
		return nil, err
	}
	o := &Object{src: src, parts: make([]part, 0, 16)}
	for dec.PeekKind() == '"' {
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		p := part{start: int(dec.InputOffset()) - len(raw), name: plain(raw)}
		v, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		p.end = int(dec.InputOffset())
		p.value = p.end - len(v)
		o.parts = append(o.parts, p)
	}
	return o, finish(dec, src)
}

// Get returns the value of a member as it is written or was set, nil when there
// is none. It must not be changed.
func (o *Object) Get(name string) jsontext.Value {
	if p := o.find(name); p != nil {
		return p.bytes(o.src)
	}
	return nil
}

// Has reports whether there is a member with that name, be it null.
func (o *Object) Has(name string) bool { return o.find(name) != nil }

// Null reports whether the member is absent or null.
func (o *Object) Null(name string) bool {
	v := o.Get(name)
	return v == nil || v.Kind() == 'n'
}

// Text returns the value of a string member; ok is false for anything else.
func (o *Object) Text(name string) (s string, ok bool) {
	v := o.Get(name)
	if v == nil || v.Kind() != '"' {
		return "", false
	}
	return plain(v), true
}

// Names returns the names of all members in their order.
func (o *Object) Names() []string {
	names := make([]string, 0, len(o.parts)+len(o.added))
	for _, list := range [2][]part{o.parts, o.added} {
		for i := range list {
			if !list[i].dropped {
				names = append(names, list[i].name)
			}
		}
	}
	return names
}

// Set replaces the value of a member in its place, or adds the member at the
// end. value must be one valid JSON value.
func (o *Object) Set(name string, value []byte) {
	o.changed = true
	if p := o.find(name); p != nil {
		p.set = value
		return
	}
	o.added = append(o.added, part{name: name, set: value})
}

// Rename changes the name of a member and nothing else. A member that has the
// new name already is dropped.
func (o *Object) Rename(from, to string) {
	p := o.find(from)
	if p == nil || from == to {
		return
	}
	o.Delete(to)
	p.name, p.rename, o.changed = to, quote(to), true
}

// Delete drops a member and reports whether there was one.
func (o *Object) Delete(name string) bool {
	p := o.find(name)
	if p == nil {
		return false
	}
	p.dropped, o.changed = true, true
	return true
}

// Bytes returns the object as it now is: the source itself when nothing was
// changed, a new slice otherwise.
func (o *Object) Bytes() []byte {
	if !o.changed {
		return o.src
	}
	return assemble(o.src, o.parts, o.added)
}

func (o *Object) find(name string) *part {
	for _, list := range [2][]part{o.parts, o.added} {
		for i := range list {
			if list[i].name == name && !list[i].dropped {
				return &list[i]
			}
		}
	}
	return nil
}

func (p *part) bytes(src []byte) []byte {
	if p.set != nil {
		return p.set
	}
	return src[p.value:p.end:p.end]
}

// assemble writes the parts of an object or list. What stands between two kept
// parts is kept; a dropped part takes the comma and white space before it along,
// or those behind it when nothing before it is kept.
func assemble(src []byte, parts, added []part) []byte {
	size := len(src)
	for _, list := range [2][]part{parts, added} {
		for i := range list {
			size += len(list[i].set) + len(list[i].rename) + len(list[i].name) + 4
		}
	}
	out := make([]byte, 0, size)
	at, kept := 0, false
	for i := range parts {
		p := &parts[i]
		switch {
		case p.dropped && kept:
			at = p.end
			continue
		case p.dropped:
			out = append(out, src[at:p.start]...)
			at = p.end
			if i+1 < len(parts) {
				at = parts[i+1].start
			}
			continue
		}
		out = append(out, src[at:p.start]...)
		kept = true
		at = p.start
		if p.rename != nil {
			out = append(out, p.rename...)
			at = p.start + nameLen(src[p.start:p.value])
		}
		if p.set != nil {
			out = append(out, src[at:p.value]...)
			out = append(out, p.set...)
		} else {
			out = append(out, src[at:p.end]...)
		}
		at = p.end
	}
	if len(parts) == 0 {
		at = bytes.IndexAny(src, "{[") + 1
		out = append(out, src[:at]...)
	}
	for i := range added {
		p := &added[i]
		if p.dropped {
			continue
		}
		if kept {
			out = append(out, ',')
		}
		kept = true
		if p.name != "" || src[bytes.IndexAny(src, "{[")] == '{' {
			out = append(append(out, quote(p.name)...), ':')
		}
		out = append(out, p.set...)
	}
	return append(out, src[at:]...)
}

// nameLen returns the length of the quoted name that b begins with.
func nameLen(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

func begin(dec *jsontext.Decoder, want jsontext.Kind) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != want {
		return fmt.Errorf("%w: want %s, have %s", ErrKind, want, tok.Kind())
	}
	return nil
}

func finish(dec *jsontext.Decoder, src []byte) error {
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if rest := bytes.TrimLeft(src[dec.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return errors.New("data after the JSON value")
	}
	return nil
}

func plain(quoted jsontext.Value) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	s, _ := jsontext.AppendUnquote(nil, quoted) // the decoder has checked it
	return string(s)
}

func quote(s string) []byte {
	b, _ := jsontext.AppendQuote(nil, s) // invalid UTF-8 becomes U+FFFD
	return b
}
