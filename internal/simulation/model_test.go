package simulation

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// doc is a JSON object in decoded form. Elements of a list are docs too.
type doc = map[string]any

// objectID names an object by its module, its owner ("NL-C01") and its id.
type objectID struct {
	module ocpi.Module
	owner  string
	id     string
}

func (o objectID) String() string { return fmt.Sprintf("%s/%s/%s", o.module, o.owner, o.id) }

// push is what an owner sends.
type push struct {
	object objectID
	method string
	parts  []string // EVSE uid, connector id
	body   doc      // nil for DELETE
}

func (p push) String() string {
	b, _ := json.Marshal(p.body)
	return fmt.Sprintf("%s %s %v %s", p.method, p.object, p.parts, b)
}

// verdict is what the hub should make of a push.
type verdict int

const (
	refused   verdict = iota + 1 // it changes nothing, and the owner is told
	ignored                      // … and the owner is told that all is well
	quiet                        // only last_updated changes: stored, not sent
	accepted                     // stored and sent
	isCreated                    // … and HTTP 201
)

// model is what the hub should hold, worked out without its code: whole decoded
// documents instead of spliced bytes. It knows no store, no feed and no lanes.
type model map[objectID]*entry

type entry struct {
	doc     doc // the last one, also when it is deleted
	deleted bool
}

// stamp reads last_updated.
func stamp(d doc) time.Time {
	s, _ := d["last_updated"].(string)
	t, err := ocpi.ParseTime(s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// push applies p as OCPI and docs/divergences.md say.
func (m model) push(p push, now time.Time) verdict {
	e := m[p.object]
	there := e != nil && !e.deleted
	if p.method == "DELETE" {
		if !there {
			return refused
		}
		e.deleted = true
		return accepted
	}
	if latestStamp(p.body).After(now.Add(5 * time.Minute)) {
		return refused
	}
	if p.method == "PUT" && len(p.parts) == 0 {
		return m.put(p, e, there)
	}
	if !there {
		return refused
	}
	next, v := change(clone(e.doc), p.parts, p.method, p.body, stamp(p.body))
	if v >= quiet && same(next, e.doc) {
		v = quiet
	}
	if v >= quiet {
		e.doc = next
	}
	return v
}

func (m model) put(p push, e *entry, there bool) verdict {
	if e != nil && stamp(p.body).Before(stamp(e.doc)) {
		return ignored
	}
	next := clone(p.body)
	if there && p.object.module == ocpi.Locations {
		keepRemoved(next, e.doc)
	}
	if !there {
		m[p.object] = &entry{doc: next}
		return isCreated
	}
	v := accepted
	switch {
	case reflect.DeepEqual(next, e.doc):
		v = ignored
	case same(next, e.doc):
		v = quiet
	}
	e.doc = next
	return v
}

// keepRemoved adds the EVSEs that a PUT left out, as REMOVED since then.
func keepRemoved(next, old doc) {
	for _, o := range list(old, "evses") {
		if find(next, "evses", "uid", o["uid"]) != nil {
			continue
		}
		gone := clone(o)
		if gone["status"] != "REMOVED" {
			gone["status"] = "REMOVED"
			gone["last_updated"] = next["last_updated"]
		}
		next["evses"] = append(elements(next, "evses"), gone)
	}
}

var partKeys = [...]struct{ list, key string }{{"evses", "uid"}, {"connectors", "id"}}

// change applies a push to the part of d that parts name.
func change(d doc, parts []string, method string, body doc, at time.Time) (doc, verdict) {
	if len(parts) == 0 {
		if at.Before(stamp(d)) {
			return d, ignored
		}
		if method == "PUT" {
			return clone(body), accepted
		}
		depth := 0
		if _, evse := d["uid"]; evse && d["status"] != nil {
			depth = 1
		}
		merge(d, body, depth)
		return d, accepted
	}
	depth := 0
	if _, evse := d["connectors"]; evse {
		depth = 1
	}
	k := partKeys[depth]
	v := accepted
	switch old := find(d, k.list, k.key, parts[0]); {
	case old != nil:
		var next doc
		if next, v = change(old, parts[1:], method, body, at); v < quiet {
			return d, v
		}
		replace(d, k.list, k.key, next)
	case len(parts) == 1 && method == "PUT":
		d[k.list] = append(elements(d, k.list), clone(body))
		v = isCreated
	default:
		return d, refused
	}
	if stamp(d).Before(at) {
		d["last_updated"] = body["last_updated"]
	}
	return d, v
}

// merge is a PATCH (OCPI 2.2.1 §4.1.4.3): each field replaces the one of its
// name, but EVSEs and connectors are matched one by one.
func merge(d, patch doc, depth int) {
	for name, v := range patch {
		if depth < len(partKeys) && name == partKeys[depth].list && v != nil {
			for _, e := range list(patch, name) {
				if find(d, name, partKeys[depth].key, e[partKeys[depth].key]) != nil {
					replace(d, name, partKeys[depth].key, clone(e))
				} else {
					d[name] = append(elements(d, name), clone(e))
				}
			}
			continue
		}
		d[name] = cloneValue(v)
	}
}

func elements(d doc, name string) []any {
	l, _ := d[name].([]any)
	return l
}

func list(d doc, name string) []doc {
	var out []doc
	for _, e := range elements(d, name) {
		if o, ok := e.(doc); ok {
			out = append(out, o)
		}
	}
	return out
}

func find(d doc, name, key string, id any) doc {
	for _, e := range list(d, name) {
		if e[key] == id {
			return e
		}
	}
	return nil
}

func replace(d doc, name, key string, next doc) {
	l := elements(d, name)
	for i, e := range l {
		if o, ok := e.(doc); ok && o[key] == next[key] {
			l[i] = next
			return
		}
	}
}

func clone(d doc) doc { return cloneValue(d).(doc) }

func cloneValue(v any) any {
	switch v := v.(type) {
	case doc:
		out := make(doc, len(v))
		for k, e := range v {
			out[k] = cloneValue(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = cloneValue(e)
		}
		return out
	}
	return v
}

// latestStamp is the latest last_updated anywhere in v.
func latestStamp(v any) time.Time {
	var t time.Time
	switch v := v.(type) {
	case doc:
		t = stamp(v)
		for e := range maps.Values(v) {
			if s := latestStamp(e); s.After(t) {
				t = s
			}
		}
	case []any:
		for _, e := range v {
			if s := latestStamp(e); s.After(t) {
				t = s
			}
		}
	}
	return t
}

// same reports whether two documents say the same, whenever they were written.
func same(a, b doc) bool { return reflect.DeepEqual(undated(a, false), undated(b, false)) }

// seen is what a receiver of pushes has of d: nothing of EVSEs that are REMOVED,
// since a PUT that leaves them out says so too.
func seen(d doc) any { return undated(d, true) }

// undated is v without any last_updated, and with EVSEs and connectors in the
// order of their ids.
func undated(v any, live bool) any {
	switch v := v.(type) {
	case doc:
		out := make(doc, len(v))
		for k, e := range v {
			if k == "last_updated" {
				continue
			}
			u := undated(e, live)
			if l, ok := u.([]any); ok && len(l) == 0 && k == "evses" {
				continue // as good as none
			}
			out[k] = u
		}
		return out
	case []any:
		out := []any{}
		for _, e := range v {
			if o, ok := e.(doc); !live || !ok || o["uid"] == nil || o["status"] != "REMOVED" {
				out = append(out, undated(e, live))
			}
		}
		slices.SortStableFunc(out, func(a, b any) int { return strings.Compare(partID(a), partID(b)) })
		return out
	}
	return v
}

// partID is the uid of an EVSE or the id of a connector; other elements have none
// and keep their order.
func partID(v any) string {
	d, _ := v.(doc)
	if uid, ok := d["uid"].(string); ok {
		return uid
	}
	id, _ := d["id"].(string)
	return id
}

// decode reads a JSON object; what cannot be read is nil.
func decode(b []byte) doc {
	var d doc
	if json.Unmarshal(b, &d) != nil {
		return nil
	}
	return d
}

func encode(d doc) []byte {
	b, err := json.Marshal(d)
	if err != nil {
		panic(err)
	}
	return b
}

// differences says in what two documents differ, for people.
func differences(path string, got, want any) []string {
	if reflect.DeepEqual(got, want) {
		return nil
	}
	a, ok1 := got.(doc)
	b, ok2 := want.(doc)
	if ok1 && ok2 {
		var out []string
		names := slices.Sorted(maps.Keys(a))
		for k := range b {
			if _, both := a[k]; !both {
				names = append(names, k)
			}
		}
		for _, k := range names {
			out = append(out, differences(path+"/"+k, a[k], b[k])...)
		}
		return out
	}
	x, ok1 := got.([]any)
	y, ok2 := want.([]any)
	if ok1 && ok2 && len(x) == len(y) {
		var out []string
		for i := range x {
			out = append(out, differences(fmt.Sprintf("%s/%d", path, i), x[i], y[i])...)
		}
		return out
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	return []string{fmt.Sprintf("%s is %s, want %s", path, g, w)}
}
