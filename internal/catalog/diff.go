package catalog

import (
	"bytes"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/splice"
)

// keepRemoved is how long an EVSE that its owner has left out is kept as
// REMOVED.
const keepRemoved = 90 * 24 * time.Hour

// change is what a PUT of a whole location does to the stored one.
type change struct {
	body    []byte // to be stored: the PUT, with the EVSEs that it lacks as REMOVED
	content digest
	quiet   bool // nothing but last_updated and the order of EVSEs is another
	// When the whole change can be said as a PATCH of one EVSE, its body and
	// the uid as it is spelled.
	patch []byte
	uid   string
}

// compare finds out what the PUT body, with last_updated stamp, makes of old,
// a location in the same version.
//
// EVSEs that body lacks are kept in the stored location with status REMOVED and
// its last_updated: OCPI 2.2.1 §8.1 knows no other way for an EVSE to go, and
// pullers that see only what is new would never hear of it. They are dropped
// when they have been REMOVED for 90 days.
func compare(old, body []byte, stamp string, now time.Time) (change, error) {
	was, is := openLocation(old), openLocation(body)
	ch := change{body: body, content: is.digest()}
	if !was.whole || !is.whole {
		return ch, nil // its EVSEs cannot be told apart
	}
	keep, removed, err := is.lacks(&was, stamp, now)
	if err != nil {
		return ch, err
	}
	if len(keep) > 0 {
		if ch.body, err = withEVSEs(body, keep); err != nil {
			return ch, err
		}
		for _, e := range keep {
			ch.content = ch.content.plus(evseContent(e))
		}
	}
	changed := 0
	var from, to []byte
	for i := range is.evses {
		e := &is.evses[i]
		o := was.find(e.uid)
		if o == nil {
			return ch, nil // a new EVSE: the whole location is sent
		}
		if o.sum != e.sum {
			changed++
			from, to = o.raw, e.raw
		}
	}
	for _, e := range removed {
		changed++
		from, to = was.find(e.uid).raw, e.raw
	}
	switch {
	case was.own != is.own || changed > 1:
	case changed == 0:
		ch.quiet = true
	default:
		ch.patch = evsePatch(from, to)
		ch.uid = text(field(to, "uid"))
	}
	return ch, nil
}

// lacks returns the EVSEs of was that l does not have, as they are to be kept,
// and which of them were not REMOVED before.
func (l *location) lacks(was *location, stamp string, now time.Time) (keep [][]byte, removed []evse, err error) {
	for i := range was.evses {
		e := &was.evses[i]
		if l.find(e.uid) != nil {
			continue
		}
		if text(field(e.raw, "status")) == "REMOVED" {
			t, err := ocpi.ParseTime(text(field(e.raw, "last_updated")))
			if err == nil && now.Sub(t) <= keepRemoved {
				keep = append(keep, e.raw)
			}
			continue
		}
		o, err := splice.Open(e.raw)
		if err != nil {
			return nil, nil, err
		}
		o.Set("status", []byte(`"REMOVED"`))
		o.Set("last_updated", []byte(`"`+stamp+`"`)) // a DateTime needs no escapes
		raw := o.Bytes()
		keep = append(keep, raw)
		removed = append(removed, evse{uid: e.uid, raw: raw})
	}
	return keep, removed, nil
}

// withEVSEs returns a location with further EVSEs behind its own.
func withEVSEs(doc []byte, add [][]byte) ([]byte, error) {
	o, err := splice.Open(doc)
	if err != nil {
		return nil, err
	}
	list := []byte("[]")
	if !o.Null("evses") {
		list = o.Get("evses")
	}
	l, err := splice.OpenList(list)
	if err != nil {
		return nil, err
	}
	for _, e := range add {
		l.Append(e)
	}
	o.Set("evses", l.Bytes())
	return o.Bytes(), nil
}

// evsePatch returns the PATCH that turns an EVSE with the content of from into
// one with that of to, or nil when there is none: when a field or a connector
// vanishes, which a PATCH cannot say, and when last_updated does not grow, so
// that a receiver might take the PATCH for an old one.
func evsePatch(from, to []byte) []byte {
	was, err := ocpi.ParseTime(text(field(from, "last_updated")))
	if err != nil {
		return nil
	}
	if is, err := ocpi.ParseTime(text(field(to, "last_updated"))); err != nil || !is.After(was) {
		return nil
	}
	for c := walk(from); ; {
		name, v, ok := c.member()
		if !ok {
			break
		}
		w := field(to, string(name))
		if w == nil || string(name) == "connectors" && loses(v, w) {
			return nil
		}
	}
	out := []byte{'{'}
	for c := walk(to); ; {
		start := c.at
		name, v, ok := c.member()
		if !ok {
			break
		}
		if string(name) != "last_updated" && sameMember(string(name), field(from, string(name)), v) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, bytes.TrimLeft(c.src[start:c.at], " \t\r\n,")...)
	}
	return append(out, '}')
}

// sameMember reports whether a member of an EVSE has equal content; a is nil
// when it is new.
func sameMember(name string, a, b []byte) bool {
	switch {
	case a == nil:
		return false
	case bytes.Equal(a, b):
		return true
	case name == "connectors":
		wrap := func(v []byte) []byte { return append(append([]byte(`{"connectors":`), v...), '}') }
		return evseContent(wrap(a)) == evseContent(wrap(b))
	}
	return bytes.Equal(appendContent(nil, a), appendContent(nil, b))
}

// loses reports whether a list of connectors has one that the other has not, or
// either cannot be told apart by ids.
func loses(from, to []byte) bool {
	was, ok := idsOf(from)
	if !ok {
		return true
	}
	is, ok := idsOf(to)
	if !ok {
		return true
	}
	for id := range was {
		if !is[id] {
			return true
		}
	}
	return false
}

// idsOf returns the folded ids in a list of connectors; ok is false when one
// lacks an id or two have the same.
func idsOf(list []byte) (ids map[string]bool, ok bool) {
	if !kind(list, '[') {
		return nil, false
	}
	ids = make(map[string]bool)
	for c := walk(list); ; {
		v, more := c.element()
		if !more {
			return ids, true
		}
		id := ocpi.FoldID(text(field(v, "id")))
		if id == "" || ids[id] {
			return nil, false
		}
		ids[id] = true
	}
}
