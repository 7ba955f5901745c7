package ocpi_test

import (
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

func ExampleNumber() {
	var cdr struct {
		TotalEnergy ocpi.Number `json:"total_energy"`
		Parking     ocpi.Number `json:"total_parking_time,omitzero"`
	}
	if err := json.Unmarshal([]byte(`{"total_energy":15.3420}`), &cdr); err != nil {
		panic(err)
	}
	kwh, err := cdr.TotalEnergy.Decimal()
	fmt.Println(kwh, err, cdr.Parking.IsSet())
	b, _ := json.Marshal(cdr)
	fmt.Println(string(b))
	// Output:
	// 15.3420 <nil> false
	// {"total_energy":15.3420}
}

func TestNumber(t *testing.T) {
	for _, s := range []string{"0", "-0", "1.50", "-2.5", "1e3", "1E-2", "12345678901234567890123456789"} {
		n, err := ocpi.ParseNumber(s)
		if err != nil || n.String() != s || !n.IsSet() {
			t.Errorf("%s: got %v, %v", s, n, err)
		}
	}
	for _, s := range []string{"", " 1", "1 ", "+1", "01", ".5", "1.", "NaN", "0x1", "1,5", `"1"`, "null", "1 2", "true"} {
		if n, err := ocpi.ParseNumber(s); err == nil {
			t.Errorf("%q: got %v", s, n)
		}
	}
	if d, err := ocpi.MustNumber("1e2").Decimal(); err != nil || d.String() != "100" {
		t.Errorf("1e2 is %v, %v", d, err)
	}
	if d, err := (ocpi.Number{}).Decimal(); err != nil || !d.IsZero() {
		t.Errorf("absent is %v, %v", d, err)
	}
	if _, err := ocpi.MustNumber("1e40").Decimal(); err == nil {
		t.Error("1e40 fits")
	}
	type object struct {
		A ocpi.Number `json:"a"`
		B ocpi.Number `json:"b,omitzero"`
	}
	for in, want := range map[string]string{
		`{"a":1.50,"b":0.0}`: `{"a":1.50,"b":0.0}`, `{"b":null}`: `{"a":0}`, `{}`: `{"a":0}`,
	} {
		var o, p object
		if err := json.Unmarshal([]byte(in), &o); err != nil {
			t.Fatal(err)
		}
		if err := stdjson.Unmarshal([]byte(in), &p); err != nil || o != p {
			t.Errorf("%s: %v and %v, %v", in, o, p, err)
		}
		a, _ := json.Marshal(o)
		b, _ := stdjson.Marshal(p)
		if string(a) != want || string(b) != want {
			t.Errorf("%s is written %s and %s, want %s", in, a, b, want)
		}
	}
	var o object
	if err := json.Unmarshal([]byte(`{"a":"1"}`), &o); err == nil {
		t.Error("a quoted number is read")
	}
	defer func() {
		if recover() == nil {
			t.Error("MustNumber did not panic")
		}
	}()
	ocpi.MustNumber("x")
}

// FuzzNumber compares with a JSON decoder.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"-12.50e+07", "0", "-0.0E-1", "00", "1.e1", "-", "1e", "1e+", ".1", "1 ", "-01", "0x1", "1.2.3", "1e5e5", "--1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := jsontext.Value(s)
		want := s != "" && v.Kind() == '0' && v.IsValid() && strings.TrimSpace(s) == s
		if _, err := ocpi.ParseNumber(s); (err == nil) != want {
			t.Errorf("%q: %v, want a number: %v", s, err, want)
		}
	})
}
