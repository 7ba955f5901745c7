// Package schema checks the bytes of an object against the Go type that
// describes it: names, kinds, required fields, lengths and enums, as the json
// and ocpi tags of the type say. It decodes nothing and passes unknown fields.
//
// A field is optional when its json tag has omitzero, and may then be null. A
// required list has at least one element. The ocpi tag of a string field names
// its type, see texts; a named string type is an enum, closed when it has a
// method Values() []string and open (any non-empty string) otherwise. On a list
// of objects the tag without(name) makes one of their fields optional.
package schema

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/eroam/eroam/ocpi"
	"github.com/go-json-experiment/json"
)

// Check checks body, which must be valid JSON, against type T. The error is an
// *ocpi.Error: status 2001 with a message that begins with the path of the field.
func Check[T any](body []byte) error { return check(body, of(reflect.TypeFor[T]())) }

// Validate checks the JSON form of v, a struct or a pointer to one.
func Validate[T any](v *T) error {
	body, err := json.Marshal(v)
	if err != nil {
		return ocpi.Invalid("body", "cannot be written as JSON: "+err.Error())
	}
	return Check[T](body)
}

// rule says what a JSON value must be.
type rule struct {
	kind     kind
	text     func(b []byte) (problem string) // of a string
	fields   map[string]*field               // of an object
	required []*field                        // of an object
	elem     *rule                           // of a list
}

type kind uint8

const (
	object kind = iota
	list
	text
	number
	integer
	boolean
)

type field struct {
	name     string
	bit      uint64
	required bool
	rule     *rule
}

// compiled holds the rules of types, which are made once and never change.
var compiled sync.Map // of reflect.Type to *rule

func of(t reflect.Type) *rule {
	v, ok := compiled.Load(t)
	if !ok {
		v, _ = compiled.LoadOrStore(t, compile(t, "", true))
	}
	r, _ := v.(*rule)
	return r
}

// compile makes the rule of a type. Mistakes in tags panic; the tests of the
// packages that declare them reach every type.
func compile(t reflect.Type, tag string, required bool) *rule {
	switch t {
	case reflect.TypeFor[ocpi.Number]():
		return &rule{kind: number}
	case reflect.TypeFor[ocpi.DateTime]():
		return &rule{kind: text, text: dateTime}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return compile(t.Elem(), tag, required)
	case reflect.Slice:
		r := &rule{kind: list, elem: compile(t.Elem(), tag, true)}
		return r
	case reflect.Struct:
		return compileStruct(t, tag)
	case reflect.Bool:
		return &rule{kind: boolean}
	case reflect.Int:
		return &rule{kind: integer}
	case reflect.String:
		if v, ok := reflect.TypeAssert[interface{ Values() []string }](reflect.Zero(t)); ok {
			return &rule{kind: text, text: closed(v.Values())}
		}
		if t != reflect.TypeFor[string]() {
			return &rule{kind: text, text: open}
		}
		return &rule{kind: text, text: textRule(tag, required)}
	}
	panic(fmt.Sprintf("schema: type %v is not supported", t))
}

func compileStruct(t reflect.Type, tag string) *rule {
	without := ""
	if tag != "" {
		if _, err := fmt.Sscanf(strings.NewReplacer("(", " ", ")", "").Replace(tag), "without %s", &without); err != nil {
			panic(fmt.Sprintf("schema: tag %q on %v", tag, t))
		}
	}
	r := &rule{kind: object, fields: make(map[string]*field, t.NumField())}
	for i := range t.NumField() {
		sf := t.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if name == "" || i >= 64 {
			panic(fmt.Sprintf("schema: field %s of %v", sf.Name, t))
		}
		f := &field{name: name, bit: 1 << i, required: options != "omitzero" && name != without}
		f.rule = compile(sf.Type, sf.Tag.Get("ocpi"), f.required)
		r.fields[name] = f
		if f.required {
			r.required = append(r.required, f)
		}
	}
	return r
}
