package catalog

import (
	"bytes"
	"net/http"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/eroam/eroam/ocpi/v221"
)

// nesting is where the parts of a location are kept.
var nesting = [...]struct{ list, key string }{{"evses", "uid"}, {"connectors", "id"}}

// edited is an object with a push applied to it.
type edited struct {
	out   []byte
	isNew bool // the part that the push names was not there
	// The EVSE that the push is about, before and after; was is nil for a new
	// one, both are nil for a push to the whole location.
	was, is []byte
	// What the push changes of the digest, where only members of an EVSE got
	// other values.
	delta      digest
	deltaKnown bool
}

// edit returns doc, the object at a depth of the path, with d applied. Parents
// take over a later last_updated.
func (d *document) edit(doc []byte, depth int) (edited, error) {
	if depth == d.level() {
		return d.replace(doc)
	}
	n := nesting[depth]
	place, found := locate(doc, n.list, n.key, d.ids[depth])
	var e edited
	var child []byte
	switch {
	case found:
		part, err := d.edit(doc[place.from:place.to:place.to], depth+1)
		if err != nil {
			return e, err
		}
		e, child = part, part.out
	case depth+1 == d.level() && d.Method == http.MethodPut:
		e, child = edited{isNew: true}, d.Body
	default:
		return e, unknown(d.Module)
	}
	if depth == 0 {
		e.is, e.was = child, nil
		if found {
			e.was = doc[place.from:place.to]
		}
	}
	var err error
	if !found || place.stamp.to == 0 {
		e.out, err = d.insert(doc, depth, found, child)
		return e, err
	}
	e.out = d.assemble(doc, place, child)
	return e, nil
}

// span is a part of a document.
type span struct{ from, to int }

// place is where an element of a list in an object stands, and last_updated of
// the object.
type place struct {
	span
	stamp span
}

// locate finds the element of a list whose key is the given CiString. It is the
// way of every change of an EVSE's status, and reads doc but once.
func locate(doc []byte, list, key, id string) (p place, found bool) {
	id = ocpi.FoldID(id)
	for c := walk(doc); ; {
		name, ok := c.name()
		if !ok {
			return p, found
		}
		if string(name) == list {
			if l, ok := c.enter('['); ok {
				for !found {
					e, ok := l.element()
					if !ok {
						break
					}
					if is(field(e, key), id) {
						p.span, found = span{l.at - len(e), l.at}, true
					}
				}
				c.leave(l)
				continue
			}
		}
		v, ok := c.element()
		if !ok {
			return p, found
		}
		if string(name) == "last_updated" {
			p.stamp = span{c.at - len(v), c.at}
		}
	}
}

// assemble returns doc with the element at place exchanged and last_updated
// raised.
func (d *document) assemble(doc []byte, p place, child []byte) []byte {
	out := make([]byte, 0, len(doc)+len(child)+len(d.stamp)+2)
	raise := before(text(doc[p.stamp.from:p.stamp.to]), d.at)
	if raise && p.stamp.from < p.from {
		out = append(out, doc[:p.stamp.from]...)
		out = append(append(append(out, '"'), d.stamp...), '"') // a DateTime needs no escapes
		out = append(append(out, doc[p.stamp.to:p.from]...), child...)
		return append(out, doc[p.to:]...)
	}
	out = append(append(out, doc[:p.from]...), child...)
	if !raise {
		return append(out, doc[p.to:]...)
	}
	out = append(out, doc[p.to:p.stamp.from]...)
	out = append(append(append(out, '"'), d.stamp...), '"')
	return append(out, doc[p.stamp.to:]...)
}

// insert is edit's way for what is seldom: a new element, or an object that
// lacks last_updated.
func (d *document) insert(doc []byte, depth int, found bool, child []byte) ([]byte, error) {
	n := nesting[depth]
	o, err := splice.Open(doc)
	if err != nil {
		return nil, err
	}
	raw := []byte("[]")
	if !o.Null(n.list) {
		raw = o.Get(n.list)
	}
	list, err := splice.OpenList(raw)
	if err != nil {
		return nil, err
	}
	if found {
		for i := range list.Len() {
			if k := field(list.At(i), n.key); ocpi.FoldID(text(k)) == ocpi.FoldID(d.ids[depth]) {
				list.Set(i, child)
				break
			}
		}
	} else {
		list.Append(child)
	}
	o.Set(n.list, list.Bytes())
	if s, ok := o.Text("last_updated"); !ok || before(s, d.at) {
		o.Set("last_updated", []byte(`"`+d.stamp+`"`))
	}
	return o.Bytes(), nil
}

// replace returns what stands in the place of old, the object that d names.
func (d *document) replace(old []byte) (edited, error) {
	if t, err := ocpi.ParseTime(text(field(old, "last_updated"))); err == nil && d.at < t.UnixMicro() {
		return edited{}, errStale
	}
	e := edited{out: d.Body}
	switch d.Method {
	case http.MethodPatch:
		var err error
		if e, err = d.merge(old); err != nil {
			return edited{}, err
		}
		// The rest of the object was valid when it came.
		if d.status() {
			break
		}
		if err := check(d.Version, d.Module, d.level(), e.out); err != nil {
			return edited{}, err
		}
	}
	if bytes.Equal(old, e.out) {
		return edited{}, errUnchanged
	}
	return e, nil
}

// status reports whether a PATCH gives an EVSE a status that OCPI knows, and
// last_updated, which was read, and nothing else: there is nothing to check.
func (d *document) status() bool {
	if d.level() != 1 {
		return false
	}
	for c := walk(d.Body); ; {
		name, v, ok := c.member()
		switch {
		case !ok:
			return true
		case string(name) == "last_updated":
			continue
		case string(name) != "status":
			return false
		}
		switch v221.Status(text(v)) { // the same in both versions
		case v221.Available, v221.Blocked, v221.Charging, v221.Inoperative, v221.OutOfOrder, v221.Planned, v221.Removed,
			v221.Reserved, v221.Unknown:
		default:
			return false
		}
	}
}

// merge applies a PATCH to the object that it names. Where it gives fields of an
// EVSE or connector, which the object has, another value, it does what
// ocpi.MergePatch does without reading again what was checked before: most of
// all messages are changes of a status.
func (d *document) merge(old []byte) (edited, error) {
	rules := ocpi.MergeRules(d.Module, d.level())
	whole := func() (edited, error) {
		out, err := ocpi.MergePatch(old, d.Body, rules)
		return edited{out: out}, err
	}
	if d.level() == 0 {
		return whole()
	}
	type member struct{ name, value []byte }
	var space [16]member
	patch := space[:0]
	id := idName(d.Module, d.level())
	for c := walk(d.Body); ; {
		name, v, ok := c.member()
		if !ok {
			break
		}
		if _, keyed := rules.ByKey[string(name)]; keyed || string(name) == id {
			return whole()
		}
		patch = append(patch, member{name, v})
	}
	e := edited{out: make([]byte, 0, len(old)+len(d.Body)), deltaKnown: d.level() == 1}
	at, done := 0, 0
	for c := walk(old); ; {
		name, v, ok := c.member()
		if !ok {
			break
		}
		for _, m := range patch {
			if bytes.Equal(m.name, name) {
				e.out = append(append(e.out, old[at:c.at-len(v)]...), m.value...)
				at = c.at
				done++
				e.exchange(old, name, v, m.value)
			}
		}
	}
	if done < len(patch) {
		return whole()
	}
	e.out = append(e.out, old[at:]...)
	return e, nil
}

// exchange notes what another value of a member of an EVSE makes of its digest.
func (e *edited) exchange(evse, name, was, is []byte) {
	if !e.deltaKnown || string(name) == "last_updated" || bytes.Equal(was, is) {
		return
	}
	uid := field(evse, "uid")
	var space [256]byte
	added, room := memberContent(space[:0], uid, name, is)
	removed, _ := memberContent(room, uid, name, was)
	e.delta = e.delta.plus(added).minus(removed)
}

// before reports whether the DateTime s lies before at, or is none.
func before(s string, at int64) bool {
	t, err := ocpi.ParseTime(s)
	return err != nil || t.UnixMicro() < at
}
