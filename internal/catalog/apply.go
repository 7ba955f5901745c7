package catalog

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
	"github.com/eroam/eroam/ocpi/splice"
)

// Reasons to leave the stored object as it is and answer with success.
var (
	errStale     = errors.New("older than what is stored")
	errUnchanged = errors.New("equal to what is stored")
)

// apply returns what is to be stored once d has been accepted, given what is
// stored now, and whether the object that d names is new. It changes nothing.
// The error is errStale, errUnchanged or an *ocpi.Error.
func apply(d *document, old store.Object, found bool) (next store.Object, isNew bool, err error) {
	next = store.Object{
		ObjectKey: d.key, Name: d.name, Version: string(d.Version), LastUpdated: d.at, Audience: old.Audience,
	}
	there := found && !old.Deleted
	if d.Method == http.MethodDelete {
		if !there {
			return next, false, unknown(d.Module)
		}
		next.Name, next.LastUpdated, next.Deleted = old.Name, old.LastUpdated, true
		return next, false, nil
	}
	if d.Method == http.MethodPut && d.level() == 0 {
		switch {
		case found && d.at < old.LastUpdated:
			return next, false, errStale
		case there && old.Version == next.Version && bytes.Equal(old.Body, d.Body):
			return next, false, errUnchanged
		}
		next.Body = d.Body
		return next, !there, nil
	}
	if !there {
		return next, false, unknown(d.Module)
	}
	body, err := inVersion(d, old)
	if err != nil {
		return next, false, err
	}
	body, isNew, err = d.edit(body, 0)
	if err != nil {
		return next, false, err
	}
	next.Body = body
	if d.level() > 0 {
		next.Name, next.LastUpdated = old.Name, max(old.LastUpdated, d.at)
	}
	return next, isNew, nil
}

// inVersion returns the stored object in the version of the push. An owner that
// has changed its version and patches what cannot be converted has to put the
// object first.
func inVersion(d *document, old store.Object) ([]byte, error) {
	out, _, err := convert.Body(convert.Message{
		Module: d.Module, Interface: ocpi.Receiver, Method: http.MethodPut, Path: d.Path[:3],
	}, ocpi.Version(old.Version), d.Version, old.Body)
	if err != nil {
		e := unknown(d.Module)
		e.Err = err
		return nil, e
	}
	return out, nil
}

// nesting is where the parts of a location are kept.
var nesting = [...]struct{ list, key string }{{"evses", "uid"}, {"connectors", "id"}}

// edit returns doc, the object at a depth of the path, with d applied. Parents
// take over a later last_updated.
func (d *document) edit(doc []byte, depth int) (out []byte, isNew bool, err error) {
	if depth == d.level() {
		out, err = d.replace(doc)
		return out, false, err
	}
	n := nesting[depth]
	o, err := splice.Open(doc)
	if err != nil {
		return nil, false, err
	}
	var list *splice.List
	if o.Null(n.list) {
		list, err = splice.OpenList([]byte("[]"))
	} else {
		list, err = splice.OpenList(o.Get(n.list))
	}
	if err != nil {
		return nil, false, err
	}
	at := -1
	for i := range list.Len() {
		if id := gjson.GetBytes(list.At(i), n.key); id.Type == gjson.String && ocpi.FoldID(id.Str) == ocpi.FoldID(d.ids[depth]) {
			at = i
			break
		}
	}
	switch {
	case at >= 0:
		var child []byte
		if child, isNew, err = d.edit(list.At(at), depth+1); err != nil {
			return nil, false, err
		}
		list.Set(at, child)
	case depth+1 == d.level() && d.Method == http.MethodPut:
		list.Append(d.Body)
		isNew = true
	default:
		return nil, false, unknown(d.Module)
	}
	o.Set(n.list, list.Bytes())
	if s, ok := o.Text("last_updated"); !ok || before(s, d.at) {
		o.Set("last_updated", []byte(`"`+d.stamp+`"`)) // a DateTime needs no escapes
	}
	return o.Bytes(), isNew, nil
}

// replace returns what stands in the place of old, the object that d names.
func (d *document) replace(old []byte) ([]byte, error) {
	if t, err := ocpi.ParseTime(gjson.GetBytes(old, "last_updated").Str); err == nil && d.at < t.UnixMicro() {
		return nil, errStale
	}
	out := d.Body
	if d.Method == http.MethodPatch {
		var err error
		if out, err = ocpi.MergePatch(old, d.Body, ocpi.MergeRules(d.Module, d.level())); err != nil {
			return nil, err
		}
		if err := check(d.Version, d.Module, d.level(), out); err != nil {
			return nil, err
		}
	}
	if bytes.Equal(old, out) {
		return nil, errUnchanged
	}
	return out, nil
}

// before reports whether the DateTime s lies before at, or is none.
func before(s string, at int64) bool {
	t, err := ocpi.ParseTime(s)
	return err != nil || t.UnixMicro() < at
}
