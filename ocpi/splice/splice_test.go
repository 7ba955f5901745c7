package splice_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi/splice"
	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"
)

func Example() {
	o, err := splice.Open([]byte(`{"id": "LOC1", "x-vendor": 1.500, "status": "AVAILABLE", "name": null}`))
	if err != nil {
		panic(err)
	}
	o.Set("status", []byte(`"CHARGING"`))
	o.Rename("id", "uid")
	o.Delete("name")
	o.Set("power", []byte(`22`))
	fmt.Println(string(o.Bytes()))
	// Output: {"uid": "LOC1", "x-vendor": 1.500, "status": "CHARGING","power":22}
}

func TestObject(t *testing.T) {
	tests := []struct {
		name, in string
		do       func(o *splice.Object)
		want     string
	}{
		{"nothing", ` {"a" : 1 } `, func(o *splice.Object) {}, ` {"a" : 1 } `},
		{"set first", `{"a":1,"b":2}`, func(o *splice.Object) { o.Set("a", []byte(`{}`)) }, `{"a":{},"b":2}`},
		{"set escaped name", `{"\u0061":1}`, func(o *splice.Object) { o.Set("a", []byte(`2`)) }, `{"\u0061":2}`},
		{"add to empty", `{ }`, func(o *splice.Object) { o.Set("a", []byte(`1`)) }, `{"a":1 }`},
		{"add two", `{}`, func(o *splice.Object) { o.Set("a", []byte(`1`)); o.Set("", []byte(`2`)) }, `{"a":1,"":2}`},
		{"delete only", `{ "a" : 1 }`, func(o *splice.Object) { o.Delete("a") }, `{  }`},
		{"delete first", `{"a":1, "b":2}`, func(o *splice.Object) { o.Delete("a") }, `{"b":2}`},
		{"delete middle", `{"a":1, "b":2, "c":3}`, func(o *splice.Object) { o.Delete("b") }, `{"a":1, "c":3}`},
		{"delete last", "{\n\"a\":1,\n\"b\":2\n}", func(o *splice.Object) { o.Delete("b") }, "{\n\"a\":1\n}"},
		{"delete first two", `{"a":1,"b":2,"c":3}`, func(o *splice.Object) { o.Delete("a"); o.Delete("b") }, `{"c":3}`},
		{"delete last two", `{"a":1,"b":2,"c":3}`, func(o *splice.Object) { o.Delete("c"); o.Delete("b") }, `{"a":1}`},
		{"delete first and last", `{"a":1,"b":2,"c":3}`, func(o *splice.Object) { o.Delete("a"); o.Delete("c") }, `{"b":2}`},
		{"delete all, add", `{"a":1,"b":2}`, func(o *splice.Object) { o.Delete("a"); o.Delete("b"); o.Set("c", []byte(`3`)) }, `{"c":3}`},
		{"delete, set again", `{"a":1,"b":2}`, func(o *splice.Object) { o.Delete("a"); o.Set("a", []byte(`3`)) }, `{"b":2,"a":3}`},
		{"rename", `{"a" : 1.0}`, func(o *splice.Object) { o.Rename("a", "b") }, `{"b" : 1.0}`},
		{"rename and set", `{"a" : 1.0}`, func(o *splice.Object) { o.Rename("a", "b"); o.Set("b", []byte(`2`)) }, `{"b" : 2}`},
		{"rename over", `{"b":1,"a":2}`, func(o *splice.Object) { o.Rename("a", "b") }, `{"b":2}`},
		{"rename absent", `{"b":1}`, func(o *splice.Object) { o.Rename("a", "b") }, `{"b":1}`},
		{"quote", `{}`, func(o *splice.Object) { o.Set("a\"\n", []byte(`1`)) }, `{"a\"\n":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := splice.Open([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			tt.do(o)
			if got := string(o.Bytes()); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestList(t *testing.T) {
	l, err := splice.OpenList([]byte(`[ 1.0, null ,{"a":1}, 4 ]`))
	if err != nil {
		t.Fatal(err)
	}
	l.Delete(0)
	l.Set(1, []byte(`2`))
	l.Delete(3)
	l.Append([]byte(`5`))
	if got, want := string(l.Bytes()), `[ 2 ,{"a":1},5 ]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if l.Left() != 3 || l.Len() != 4 {
		t.Errorf("left %d of %d, want 3 of 4", l.Left(), l.Len())
	}
}

func TestRefused(t *testing.T) {
	for _, in := range []string{``, ` `, `[]`, `1`, `null`, `{`, `{}x`, `{}{}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":2}}`,
		`{"a":1,"\u0061":2}`, "\ufeff{}", `{"a":"` + "\xff" + `"}`, `{"a":"\ud800"}`, `{"a":1,}`, `{"a"}`, `{a:1}`} {
		if _, err := splice.Open([]byte(in)); err == nil {
			t.Errorf("Open(%q): no error", in)
		}
	}
	if _, err := splice.Open([]byte(`[1]`)); !errors.Is(err, splice.ErrKind) {
		t.Errorf("a list opened as an object: %v", err)
	}
	for _, in := range []string{``, `{}`, `[`, `[1`, `[1,]`, `[] []`, `[{"a":1,"a":2}]`} {
		if _, err := splice.OpenList([]byte(in)); err == nil {
			t.Errorf("OpenList(%q): no error", in)
		}
	}
}

// TestObjectAgainstModel compares any sequence of changes with the same on a
// plain ordered list of members.
func TestObjectAgainstModel(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	value := rapid.SampledFrom([]string{`1`, `1.50`, `null`, `"x"`, `{"y": [ ]}`, `[1, 2]`})
	space := rapid.SampledFrom([]string{"", " ", "\n\t"})
	type member struct{ name, value string }
	rapid.Check(t, func(t *rapid.T) {
		var model []member
		var src strings.Builder
		src.WriteString(space.Draw(t, "s") + "{")
		for i, n := range rapid.Permutation(names).Draw(t, "names")[:rapid.IntRange(0, 5).Draw(t, "n")] {
			if i > 0 {
				src.WriteString(space.Draw(t, "s") + ",")
			}
			v := value.Draw(t, "v")
			model = append(model, member{n, v})
			src.WriteString(space.Draw(t, "s") + `"` + n + `"` + space.Draw(t, "s") + ":" + space.Draw(t, "s") + v)
		}
		src.WriteString(space.Draw(t, "s") + "}")
		o, err := splice.Open([]byte(src.String()))
		if err != nil {
			t.Fatal(err)
		}
		at := func(n string) int { return slices.IndexFunc(model, func(m member) bool { return m.name == n }) }
		for range rapid.IntRange(0, 8).Draw(t, "steps") {
			n := rapid.SampledFrom(names).Draw(t, "name")
			switch rapid.IntRange(0, 2).Draw(t, "op") {
			case 0:
				v := value.Draw(t, "v")
				o.Set(n, []byte(v))
				if i := at(n); i >= 0 {
					model[i].value = v
				} else {
					model = append(model, member{n, v})
				}
			case 1:
				o.Delete(n)
				if i := at(n); i >= 0 {
					model = slices.Delete(model, i, i+1)
				}
			case 2:
				to := rapid.SampledFrom(names).Draw(t, "to")
				o.Rename(n, to)
				if i := at(n); i >= 0 && n != to {
					model[i].name = "" // so that at(to) is the other one
					if j := at(to); j >= 0 {
						model = slices.Delete(model, j, j+1)
					}
					model[at("")].name = to
				}
			}
		}
		got, err := splice.Open(o.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", o.Bytes(), err)
		}
		var have []member
		for _, n := range got.Names() {
			have = append(have, member{n, string(got.Get(n))})
		}
		if !slices.Equal(have, model) {
			t.Fatalf("got %v, want %v", have, model)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1,{"c":null}]}`), "a")
	f.Add([]byte(` { } `), "")
	f.Add([]byte(`{"\u0061\"":1}`), `a"`)
	f.Fuzz(func(t *testing.T, src []byte, name string) {
		o, err := splice.Open(src)
		if err != nil {
			return
		}
		if !jsontext.Value(src).IsValid() {
			t.Fatalf("opened invalid JSON %q", src)
		}
		o.Set(name, []byte(`[1]`))
		if len(o.Names()) > 1 {
			o.Delete(o.Names()[0])
		}
		if !jsontext.Value(o.Bytes()).IsValid() {
			t.Fatalf("%q became invalid: %q", src, o.Bytes())
		}
	})
}
