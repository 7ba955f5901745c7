package catalog

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
)

// This file reads JSON that was checked before it was stored (ocpi.CheckJSON):
// it looks for no mistakes, which makes it several times as fast as a decoder.
// Given something else it ends early, with parts that mean nothing.

// cursor walks over the members of an object or the elements of a list.
type cursor struct {
	src []byte
	at  int // behind the last value
}

// walk returns a cursor over v, an object or a list.
func walk(v []byte) cursor { return cursor{v, bytes.IndexAny(v, "{[") + 1} }

// member returns the next member of an object: its name without escapes, and
// its value as it is written.
func (c *cursor) member() (name, value []byte, ok bool) {
	if name, ok = c.name(); !ok {
		return nil, nil, false
	}
	value, ok = c.element()
	return name, value, ok
}

// name returns the name of the next member of an object; element its value.
func (c *cursor) name() (name []byte, ok bool) {
	if !c.next() || c.src[c.at] != '"' {
		return nil, false
	}
	start := c.at
	c.at = skipString(c.src, c.at)
	name = c.src[start+1 : max(c.at-1, start+1)]
	if bytes.IndexByte(name, '\\') >= 0 {
		name, _ = jsontext.AppendUnquote(nil, c.src[start:c.at])
	}
	return name, true
}

// enter returns a cursor over the list or object that comes next, in the same
// source, or false when that is neither. leave goes on behind it.
func (c *cursor) enter(k byte) (cursor, bool) {
	if !c.next() || c.src[c.at] != k {
		return cursor{}, false
	}
	return cursor{c.src, c.at + 1}, true
}

func (c *cursor) leave(inner cursor) {
	for {
		if _, ok := inner.element(); !ok {
			break
		}
	}
	c.at = min(inner.at+1, len(c.src))
}

// element returns the next element of a list. The value ends at c.at.
func (c *cursor) element() (value []byte, ok bool) {
	if !c.next() {
		return nil, false
	}
	start := c.at
	c.at = skipValue(c.src, start)
	return c.src[start:c.at:c.at], c.at > start
}

// next goes to the beginning of what comes next; false at the end.
func (c *cursor) next() bool {
	for c.at < len(c.src) {
		switch c.src[c.at] {
		case ' ', '\t', '\r', '\n', ',', ':':
			c.at++
		case '}', ']':
			return false
		default:
			return true
		}
	}
	return false
}

// skipString returns the place behind the string that begins at b[i].
func skipString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// skipValue returns the place behind the value that begins at b[i].
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipString(b, i); depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i
			}
		case ' ', '\t', '\r', '\n', ',', ':':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(b)
}

// field returns the value of a member of an object, nil when there is none.
func field(object []byte, name string) []byte {
	c := walk(object)
	for {
		n, v, ok := c.member()
		if !ok {
			return nil
		}
		if string(n) == name {
			return v
		}
	}
}

// text returns the text of a string value, "" for anything else.
func text(v []byte) string {
	switch {
	case len(v) < 2 || v[0] != '"':
		return ""
	case bytes.IndexByte(v, '\\') < 0:
		return string(v[1 : len(v)-1])
	}
	s, _ := jsontext.AppendUnquote(nil, v)
	return string(s)
}

// kind reports whether v begins with the byte k.
func kind(v []byte, k byte) bool { return len(v) > 0 && v[0] == k }

// is reports whether v is a string that is the CiString id, which is folded.
func is(v []byte, id string) bool {
	if !kind(v, '"') {
		return false
	}
	if bytes.IndexByte(v, '\\') >= 0 {
		return ocpi.FoldID(text(v)) == id
	}
	if len(v) != len(id)+2 {
		return false
	}
	for i := range len(id) {
		c := v[i+1]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != id[i] {
			return false
		}
	}
	return true
}
