package convert_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"
)

// The generators write JSON text, so that spelling, order and unknown fields
// vary as they do in the field.

var number = rapid.Custom(func(t *rapid.T) string {
	s := fmt.Sprint(rapid.IntRange(-99999, 99999).Draw(t, "int"))
	if n := rapid.IntRange(0, 6).Draw(t, "decimals"); n > 0 {
		s += "." + fmt.Sprintf("%0*d", n, rapid.IntRange(0, 999999).Draw(t, "fraction"))
	}
	return s
})

// members writes an object of some of the given members and perhaps unknown
// ones, in any order.
func members(t *rapid.T, required, optional []string) string {
	all := append([]string(nil), required...)
	for _, m := range append(optional, `"x-vendor":{"excl_vat": 1.50,"before_taxes":null}`, `"ext":[1e2,"\u00e9",null]`, `"x":null`) {
		if rapid.Bool().Draw(t, "has") {
			all = append(all, m)
		}
	}
	sep := rapid.SampledFrom([]string{",", ", ", "\n,\t"}).Draw(t, "separator")
	return "{" + strings.Join(rapid.Permutation(all).Draw(t, "order"), sep) + "}"
}

var price221 = rapid.Custom(func(t *rapid.T) string {
	return members(t, []string{`"excl_vat":` + number.Draw(t, "excl")}, []string{
		rapid.SampledFrom([]string{`"incl_vat":null`, `"incl_vat": ` + number.Draw(t, "incl")}).Draw(t, "vat")})
})

var element = rapid.Custom(func(t *rapid.T) string {
	return members(t, []string{`"price_components":[{"type":"ENERGY","price":` + number.Draw(t, "price") + `,"step_size":1},{"type":"FLAT","price":1,"vat":null,"step_size":1}]`},
		[]string{`"restrictions":{"min_kwh":1.0,"day_of_week":["MONDAY"]}`})
})

var tariff221 = rapid.Custom(func(t *rapid.T) string {
	return members(t, []string{`"id":"T"`, `"last_updated":"2024-01-01T00:00:00.1Z"`, `"elements":[` + element.Draw(t, "element") + `]`}, []string{
		`"min_price":` + price221.Draw(t, "min"), `"max_price":` + price221.Draw(t, "max"), `"type":null`})
})

var cdr221 = rapid.Custom(func(t *rapid.T) string {
	return members(t, []string{`"id":"C"`, `"total_cost":` + price221.Draw(t, "total"), `"last_updated":"2024-01-01T00:00:00"`, `"cdr_token":{"uid":"u","type":"RFID"}`}, []string{
		`"total_fixed_cost":` + price221.Draw(t, "fixed"), `"total_energy_cost":null`, `"total_time_cost":` + price221.Draw(t, "time"),
		`"total_parking_cost":` + price221.Draw(t, "parking"), `"total_reservation_cost":` + price221.Draw(t, "reservation"),
		`"tariffs":[` + tariff221.Draw(t, "tariff") + `]`, `"charging_periods":[{"dimensions":[{"type":"ENERGY","volume":1.50}]}]`})
})

var session221 = rapid.Custom(func(t *rapid.T) string {
	return members(t, []string{`"id":"S"`, `"kwh":` + number.Draw(t, "kwh"), `"last_updated":"2024-01-01T00:00:00Z"`}, []string{
		`"total_cost":` + price221.Draw(t, "total"), `"cdr_token":{"uid":"u","type":"APP_USER"}`})
})

// TestThereAndBack: an object of 2.2.1 that went through 2.3.0 is the same, but
// for trailing zeros of incl_vat; nothing that the other version does not have
// is left in between.
func TestThereAndBack(t *testing.T) {
	for name, p := range map[string]struct {
		m   convert.Message
		gen *rapid.Generator[string]
	}{"cdr": {cdr, cdr221}, "tariff": {tariff, tariff221}, "session": {session, session221}} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in := []byte(p.gen.Draw(t, "object"))
				there, _, err := convert.Body(p.m, v2, v3, in)
				if err != nil {
					t.Fatalf("%s: %v", in, err)
				}
				back, _, err := convert.Body(p.m, v3, v2, there)
				if err != nil {
					t.Fatalf("%s: %v", there, err)
				}
				if a, b := canonical(t, in), canonical(t, back); !bytes.Equal(a, b) {
					t.Fatalf("sent     %s\nbetween  %s\nreturned %s", in, there, back)
				}
			})
		})
	}
}

// TestUnknownFieldsSurvive: every member that is not itself converted comes out
// with the same bytes, in either direction.
func TestUnknownFieldsSurvive(t *testing.T) {
	converted := map[string]bool{
		"total_cost": true, "total_fixed_cost": true, "total_energy_cost": true, "total_time_cost": true, "total_parking_cost": true,
		"total_reservation_cost": true, "tariffs": true, "tax_included": true, "min_price": true, "max_price": true,
	}
	rapid.Check(t, func(t *rapid.T) {
		in := []byte(cdr221.Draw(t, "object"))
		out, _, err := convert.Body(cdr, v2, v3, in)
		if err != nil {
			t.Fatal(err)
		}
		a, b := open(t, in), open(t, out)
		for _, name := range a.Names() {
			if !converted[name] && !bytes.Equal(a.Get(name), b.Get(name)) {
				t.Fatalf("%s was %s and is %s", name, a.Get(name), b.Get(name))
			}
		}
		if len(a.Names()) != len(b.Names()) {
			t.Fatalf("%v became %v", a.Names(), b.Names())
		}
	})
}

// canonical sorts names, takes white space away and writes numbers of prices
// without trailing zeros.
func canonical(t *rapid.T, b []byte) []byte {
	var trim func(b []byte) []byte
	trim = func(b []byte) []byte {
		switch jsontext.Value(b).Kind() {
		case '{':
			o := open(t, b)
			for _, name := range o.Names() {
				o.Set(name, trim(o.Get(name)))
			}
			return o.Bytes()
		case '[':
			l, err := splice.OpenList(b)
			if err != nil {
				t.Fatal(err)
			}
			for i := range l.Len() {
				l.Set(i, trim(l.At(i)))
			}
			return l.Bytes()
		case '0':
			d, err := decimal.Parse(string(b))
			if err != nil {
				t.Fatal(err)
			}
			return []byte(ocpi.NumberOf(d.Trim(0)).String())
		}
		return b
	}
	v := jsontext.Value(trim(b)).Clone()
	if err := v.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	return v
}

func open(t *rapid.T, b []byte) *splice.Object {
	o, err := splice.Open(b)
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return o
}

// FuzzBody: no body makes it panic, write to its input or leave JSON.
func FuzzBody(f *testing.F) {
	messages := []convert.Message{location, locPatch, evse, connector, locations, session, cdr, cdrs, tariff, tariffs, token, allowed, start}
	for i, tt := range rows {
		f.Add([]byte(tt.in), uint8(i), tt.from == v3)
	}
	f.Fuzz(func(t *testing.T, in []byte, which uint8, down bool) {
		from, to := v2, v3
		if down {
			from, to = v3, v2
		}
		before := string(in)
		out, _, err := convert.Body(messages[int(which)%len(messages)], from, to, in)
		if string(in) != before {
			t.Fatal("the input was written to")
		}
		if err == nil && jsontext.Value(in).IsValid() && !jsontext.Value(out).IsValid() {
			t.Fatalf("%s became %s", in, out)
		}
	})
}
