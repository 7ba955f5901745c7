package ocpi

import (
	"fmt"

	"github.com/eroam/eroam/ocpi/splice"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// MergeOptions say how [MergePatch] treats the fields of one kind of object.
type MergeOptions struct {
	// Immutable fields may be repeated by a patch, in any letter case, but not
	// changed, removed or added.
	Immutable []string
	// Append names a list field to which a patch adds: charging_periods of a
	// session (OCPI 2.2.1 §9.2.2). Null adds nothing.
	Append string
	// ByKey names list fields whose elements a patch replaces one by one, and
	// the field that identifies an element: evses by uid. Elements the patch
	// does not name stay, new ones go to the end.
	ByKey map[string]string
}

// MergeRules returns the options for objects of a module. Level counts for
// locations only: 0 is the Location, 1 an EVSE, 2 a Connector.
func MergeRules(m Module, level int) MergeOptions {
	switch m {
	case Locations:
		switch level {
		case 0:
			return MergeOptions{
				Immutable: []string{"country_code", "party_id", "id"},
				ByKey:     map[string]string{"evses": "uid"},
			}
		case 1:
			return MergeOptions{Immutable: []string{"uid"}, ByKey: map[string]string{"connectors": "id"}}
		}
		return MergeOptions{Immutable: []string{"id"}}
	case Sessions:
		return MergeOptions{Immutable: []string{"country_code", "party_id", "id"}, Append: "charging_periods"}
	case Tokens:
		return MergeOptions{Immutable: []string{"country_code", "party_id", "uid", "type"}}
	}
	return MergeOptions{Immutable: []string{"country_code", "party_id", "id"}}
}

// MergePatch applies the body of an OCPI PATCH to a stored object (OCPI 2.2.1
// §4.1.4.3): every field of the patch replaces the field of that name in doc or
// is added, an explicit null included, but for the exceptions that opt names.
// Every byte of doc outside the replaced values survives.
//
// The patch must carry last_updated as a DateTime and leave the immutable
// fields alone; otherwise the error is status 2001 and names the field. The
// result may lack required fields (a patch can set them to null) and wants the
// checks that a whole object gets.
func MergePatch(doc, patch []byte, opt MergeOptions) ([]byte, error) {
	if err := CheckJSON(patch); err != nil {
		return nil, err
	}
	p, err := splice.Open(patch)
	if err != nil {
		return nil, Invalid("body", "must be a JSON object")
	}
	d, err := splice.Open(doc)
	if err != nil {
		return nil, &Error{Status: StatusServerError, Message: "the stored object cannot be read", Err: err}
	}
	if err := CheckNames(patch, append([]string{"last_updated"}, opt.Immutable...)...); err != nil {
		return nil, err
	}
	if err := checkPatchTime(p); err != nil {
		return nil, err
	}
	for _, name := range opt.Immutable {
		if p.Has(name) && !sameID(p, d, name) {
			return nil, Invalid(name, "must not change")
		}
		p.Delete(name)
	}
	for _, name := range p.Names() {
		v := p.Get(name)
		key, keyed := opt.ByKey[name]
		switch old := d.Get(name); {
		case name == opt.Append:
			v, err = appendList(name, old, v)
		case keyed:
			v, err = mergeList(name, key, old, v)
		}
		if err != nil {
			return nil, err
		}
		if v != nil {
			d.Set(name, v)
		}
	}
	return d.Bytes(), nil
}

func checkPatchTime(p *splice.Object) error {
	s, ok := p.Text("last_updated")
	if !ok {
		return Invalid("last_updated", "must be present")
	}
	if _, err := ParseTime(s); err != nil {
		return Invalid("last_updated", err.Error())
	}
	return nil
}

// sameID reports whether both objects hold the same CiString in a field.
func sameID(a, b *splice.Object, name string) bool {
	s, ok1 := a.Text(name)
	t, ok2 := b.Text(name)
	return ok1 && ok2 && FoldID(s) == FoldID(t)
}

// appendList returns old with the elements of add behind it, nil for no change.
func appendList(field string, old, add jsontext.Value) (jsontext.Value, error) {
	if add.Kind() == 'n' {
		return nil, nil
	}
	from, err := splice.OpenList(add)
	if err != nil {
		return nil, Invalid(field, "must be a list")
	}
	if old == nil || old.Kind() != '[' {
		return add, nil
	}
	to, err := splice.OpenList(old)
	if err != nil {
		return nil, err
	}
	for i := range from.Len() {
		to.Append(from.At(i))
	}
	return to.Bytes(), nil
}

// mergeList returns old with the elements of add put in the place of those with
// the same key, the others behind it.
func mergeList(field, key string, old, add jsontext.Value) (jsontext.Value, error) {
	if add.Kind() == 'n' {
		return add, nil
	}
	from, err := splice.OpenList(add)
	if err != nil {
		return nil, Invalid(field, "must be a list")
	}
	seen := make(map[string]bool, from.Len())
	ids := make([]string, from.Len())
	for i := range from.Len() {
		id, ok := elementID(from.At(i), key)
		if !ok {
			return nil, Invalid(elementPath(field, i, key), "must be a string")
		}
		if seen[id] {
			return nil, Invalid(elementPath(field, i, key), "occurs twice")
		}
		ids[i], seen[id] = id, true
	}
	if old == nil || old.Kind() != '[' {
		return add, nil
	}
	to, err := splice.OpenList(old)
	if err != nil {
		return nil, err
	}
	place := make(map[string]int, to.Len())
	for i := range to.Len() {
		if id, ok := elementID(to.At(i), key); ok {
			if _, double := place[id]; !double {
				place[id] = i
			}
		}
	}
	for i, id := range ids {
		if at, ok := place[id]; ok {
			to.Set(at, from.At(i))
		} else {
			to.Append(from.At(i))
		}
	}
	return to.Bytes(), nil
}

func elementID(v jsontext.Value, key string) (string, bool) {
	id := gjson.GetBytes(v, key)
	return FoldID(id.Str), id.Type == gjson.String
}

func elementPath(list string, i int, field string) string {
	return fmt.Sprintf("%s[%d].%s", list, i, field)
}
