package splice

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// List is a JSON array opened for changes to its elements. It is not safe for
// concurrent use.
type List struct {
	src     []byte
	parts   []part
	added   []part
	changed bool
}

// OpenList reads src, which must hold exactly one JSON array.
func OpenList(src []byte) (*List, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(src))
	if err := begin(dec, '['); err != nil {
		return nil, err
	}
	l := &List{src: src}
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		end := int(dec.InputOffset())
		l.parts = append(l.parts, part{start: end - len(v), value: end - len(v), end: end})
	}
	return l, finish(dec, src)
}

// Len returns the number of elements in the source, dropped ones included and
// appended ones not.
func (l *List) Len() int { return len(l.parts) }

// At returns element i of the source as it is written or was set. It must not
// be changed.
func (l *List) At(i int) jsontext.Value { return l.parts[i].bytes(l.src) }

// Set replaces element i. value must be one valid JSON value.
func (l *List) Set(i int, value []byte) { l.parts[i].set, l.changed = value, true }

// Delete drops element i; the others keep their numbers.
func (l *List) Delete(i int) { l.parts[i].dropped, l.changed = true, true }

// Append adds an element at the end.
func (l *List) Append(value []byte) {
	l.added, l.changed = append(l.added, part{set: value}), true
}

// Left returns the number of elements that Bytes will write.
func (l *List) Left() int {
	n := len(l.added)
	for i := range l.parts {
		if !l.parts[i].dropped {
			n++
		}
	}
	return n
}

// Bytes returns the list as it now is: the source itself when nothing was
// changed, a new slice otherwise.
func (l *List) Bytes() []byte {
	if !l.changed {
		return l.src
	}
	return assemble(l.src, l.parts, l.added)
}
