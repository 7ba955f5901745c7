package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/eroam/eroam/ocpi"
)

// What an object says is its content: every member but last_updated, of the
// object itself, its EVSEs and their connectors. Neither the order of members,
// of EVSEs and of connectors nor white space is content. Everything else is,
// also when it makes no difference to OCPI: another spelling of a number, an
// explicit null (but for one in the place of EVSEs or connectors), the order of
// another list.

// digest stands for the content of an object, 128 bits. That of a location is
// the sum of its own fields' and its EVSEs', that of an EVSE the sum of its
// members', so that one of them can be exchanged without reading the others. An owner that makes up two contents of one digest
// keeps its own change from being broadcast, and nothing else; so does one that gives two
// EVSEs of a location the same uid and has them exchange their values.
type digest struct{ hi, lo uint64 }

func (d digest) plus(e digest) digest {
	lo, carry := bits.Add64(d.lo, e.lo, 0)
	hi, _ := bits.Add64(d.hi, e.hi, carry)
	return digest{hi, lo}
}

func (d digest) minus(e digest) digest {
	lo, borrow := bits.Sub64(d.lo, e.lo, 0)
	hi, _ := bits.Sub64(d.hi, e.hi, borrow)
	return digest{hi, lo}
}

func (d digest) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 0, 16), d.hi), d.lo)
}

// readDigest is the inverse of bytes; ok is false for anything else.
func readDigest(b []byte) (d digest, ok bool) {
	if len(b) != 16 {
		return digest{}, false
	}
	return digest{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, true
}

func sum(b []byte) digest {
	h := sha256.Sum256(b)
	return digest{binary.BigEndian.Uint64(h[:]), binary.BigEndian.Uint64(h[8:])}
}

// contentOf returns the digest of a whole object.
func contentOf(m ocpi.Module, body []byte) digest {
	if m == ocpi.Locations {
		return openLocation(body).digest()
	}
	out, _ := appendObject(make([]byte, 0, len(body)+64), body, "last_updated", "")
	return sum(out)
}

// location is a Location taken apart.
type location struct {
	own   digest // of its own fields
	evses []evse // in their order
	whole bool   // evses are objects with a uid each, and no two of one uid
}

type evse struct {
	uid string // folded
	raw []byte
	sum digest
}

func openLocation(doc []byte) location {
	l := location{whole: true}
	own, list := appendObject(make([]byte, 0, len(doc)), doc, "last_updated", "evses")
	l.own = sum(own)
	if !kind(list, '[') {
		return l
	}
	for c := walk(list); ; {
		v, ok := c.element()
		if !ok {
			return l
		}
		e := evse{ocpi.FoldID(text(field(v, "uid"))), v, evseContent(v)}
		if e.uid == "" || l.find(e.uid) != nil {
			l.whole = false
		}
		l.evses = append(l.evses, e)
	}
}

func (l location) digest() digest {
	d := l.own
	for i := range l.evses {
		d = d.plus(l.evses[i].sum)
	}
	return d
}

func (l *location) find(uid string) *evse {
	for i := range l.evses {
		if l.evses[i].uid == uid {
			return &l.evses[i]
		}
	}
	return nil
}

// evseContent returns the digest of an EVSE: the sum of its members'.
func evseContent(v []byte) digest {
	uid := field(v, "uid")
	var d digest
	room := make([]byte, 0, len(v)+64)
	for c := walk(v); ; {
		name, value, ok := c.member()
		if !ok {
			return d
		}
		if counts(name, value) {
			var m digest
			m, room = memberContent(room, uid, name, value)
			d = d.plus(m)
		}
	}
}

// counts reports whether a member of an EVSE is content. No connectors are as
// good as an empty list of them.
func counts(name, value []byte) bool {
	switch string(name) {
	case "last_updated":
		return false
	case "connectors":
		if kind(value, 'n') {
			return false
		}
		c := walk(value)
		return !kind(value, '[') || c.next()
	}
	return true
}

// memberContent returns the digest of a member of the EVSE with a uid, as it is
// written: the same in another EVSE is another. It works in memory that it
// returns for the next call.
func memberContent(room, uid, name, value []byte) (digest, []byte) {
	room = append(room[:0], '.')
	for _, b := range [...][]byte{uid, name} {
		room = append(binary.AppendUvarint(room, uint64(len(b))), b...)
	}
	if string(name) == "connectors" && kind(value, '[') {
		room = appendConnectors(room, value)
	} else {
		room = appendContent(room, value)
	}
	return sum(room), room
}

// appendConnectors appends a form of a list of connectors that is the same in
// any order.
func appendConnectors(out, list []byte) []byte {
	start := len(out)
	var space [8]span
	connectors := space[:0]
	for c := walk(list); ; {
		e, ok := c.element()
		if !ok {
			break
		}
		from := len(out)
		out, _ = appendObject(append(out, '+'), e, "last_updated", "")
		connectors = append(connectors, span{from, len(out)})
	}
	if len(connectors) < 2 {
		return out
	}
	slices.SortFunc(connectors, func(a, b span) int { return bytes.Compare(out[a.from:a.to], out[b.from:b.to]) })
	sorted := make([]byte, 0, len(out)-start)
	for _, c := range connectors {
		sorted = append(sorted, out[c.from:c.to]...)
	}
	return append(out[:start], sorted...)
}

// appendObject appends a form of an object that is the same for equal contents:
// members sorted by name, without one, and without another if that is a list or
// null, which is returned. Other values are appended as they are.
func appendObject(out, v []byte, without, list string) (form, left []byte) {
	if !kind(v, '{') {
		return appendContent(out, v), nil
	}
	type member struct{ name, value []byte }
	var space [32]member
	members := space[:0]
	for c := walk(v); ; {
		name, value, ok := c.member()
		if !ok {
			break
		}
		if without != "" && string(name) == without {
			continue
		}
		if list != "" && string(name) == list && (kind(value, '[') || kind(value, 'n')) {
			left = value
			continue
		}
		members = append(members, member{name, value})
	}
	slices.SortFunc(members, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	out = binary.AppendUvarint(append(out, '{'), uint64(len(members)))
	for _, m := range members {
		out = binary.AppendUvarint(out, uint64(len(m.name)))
		out = appendContent(append(out, m.name...), m.value)
	}
	return out, left
}

func appendContent(out, v []byte) []byte {
	switch {
	case kind(v, '{'):
		out, _ = appendObject(out, v, "", "")
		return out
	case kind(v, '['):
		out = append(out, '[')
		for c := walk(v); ; {
			e, ok := c.element()
			if !ok {
				break
			}
			out = appendContent(out, e)
		}
		return append(out, ']')
	}
	return append(binary.AppendUvarint(append(out, '='), uint64(len(v))), v...)
}
