package conform

import (
	"fmt"
	"math/big"

	"github.com/tidwall/gjson"
)

// difference compares two JSON texts: the same names with the same values, lists
// in the same order, numbers by value (1.10 is 1.1), text exactly, null is not
// absent. It returns "" when they are the same, else the first difference.
func difference(got, want string) string {
	switch {
	case !gjson.Valid(got):
		return fmt.Sprintf("what was received is not JSON: %s", short(got))
	case !gjson.Valid(want):
		return fmt.Sprintf("what was sent is not JSON: %s", short(want))
	}
	return differ("", gjson.Parse(got), gjson.Parse(want))
}

func differ(at string, got, want gjson.Result) string {
	switch {
	case want.IsObject():
		if !got.IsObject() {
			break
		}
		g, w := got.Map(), want.Map()
		for name, v := range w {
			other, ok := g[name]
			if !ok {
				return fmt.Sprintf("%s/%s is missing", at, name)
			}
			if d := differ(at+"/"+name, other, v); d != "" {
				return d
			}
		}
		for name := range g {
			if _, ok := w[name]; !ok {
				return fmt.Sprintf("%s/%s was added", at, name)
			}
		}
		return ""
	case want.IsArray():
		if !got.IsArray() {
			break
		}
		g, w := got.Array(), want.Array()
		if len(g) != len(w) {
			return fmt.Sprintf("%s has %d elements, want %d", orRoot(at), len(g), len(w))
		}
		for i := range w {
			if d := differ(fmt.Sprintf("%s/%d", at, i), g[i], w[i]); d != "" {
				return d
			}
		}
		return ""
	case want.Type == gjson.Number && got.Type == gjson.Number:
		if sameNumber(got.Raw, want.Raw) {
			return ""
		}
	case got.Type == want.Type && got.String() == want.String():
		return ""
	}
	return fmt.Sprintf("%s is %s, want %s", orRoot(at), short(got.Raw), short(want.Raw))
}

func orRoot(at string) string {
	if at == "" {
		return "the whole"
	}
	return at
}

func sameNumber(a, b string) bool {
	x, okA := new(big.Rat).SetString(a)
	y, okB := new(big.Rat).SetString(b)
	return okA && okB && x.Cmp(y) == 0
}

// same fails unless the two JSON texts say the same.
func (t *T) same(what, got, want string) {
	if d := difference(got, want); d != "" {
		t.failf("%s: %s\n  got  %s\n  want %s", what, d, short(got), short(want))
	}
}

// number fails unless the field is a number of that value.
func (t *T) number(what string, got gjson.Result, want string) {
	t.require(got.Type == gjson.Number && sameNumber(got.Raw, want), "%s: got %s, want %s", what, orNone(got.Raw), want)
}
