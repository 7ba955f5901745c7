package tariff

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
)

// scanned reads a CDR with both readers. What the scanner takes json.Unmarshal
// must take, and read alike.
func scanned(t testing.TB, body []byte) (took bool) {
	t.Helper()
	var fast, slow wireCDR
	took = new(cdrScanner).scan(body, &fast)
	err := unmarshal(body, &slow)
	if !took {
		return false
	}
	if err != nil {
		t.Fatalf("the scanner takes what cannot be read (%v):\n%s", err, body)
	}
	for _, c := range []*wireCost{&slow.TotalCost, &slow.TotalFixed, &slow.TotalEnergyCost, &slow.TotalTimeCost, &slow.TotalParkingCost, &slow.TotalReservation} {
		c.price.Unknown = nil // the scanner leaves these out
		for i := range c.price.Taxes {
			c.price.Taxes[i].Unknown = nil
		}
	}
	for _, w := range []*wireCDR{&fast, &slow} { // empty or nil, both say nothing
		if len(w.Periods) == 0 {
			w.Periods = nil
		}
		for i := range w.Periods {
			if len(w.Periods[i].Dimensions) == 0 {
				w.Periods[i].Dimensions = nil
			}
		}
	}
	if !reflect.DeepEqual(fast, slow) {
		t.Fatalf("read as\n%+v\nwant\n%+v\nof %s", fast, slow, body)
	}
	return true
}

// everyField has each field of a CDR that is read, each once.
const everyField = `{"id":"C","start_date_time":"2025-01-13T10:00:00Z","end_date_time":"2025-01-13T12:00:00Z","stop_date_time":"2025-01-13T12:00:00Z","session_id":"S","booking_id":"B",
 "credit":true,"currency":"EUR","tariffs":[{"id":"T","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.4,"step_size":1}],"restrictions":{"day_of_week":[]}}]}],
 "charging_periods":[{"start_date_time":"2025-01-13T10:00:00Z","tariff_id":"T","dimensions":[{"type":"ENERGY","volume":"1.5","x":1},{"volume":-2e1,"type":"TIME"}],"x-1":{"a":["]}\"\\",null]},"y":[ ]},
  null,{"dimensions":[null]},{"dimensions":null},{"dimensions":[]}],
 "cdr_location":{"id":"L","country":"NLD","evse_uid":"E","coordinates":{"latitude":"52"}},"location":{"country":"NLD","time_zone":"Europe/Amsterdam","evses":[]},
 "total_cost":{"excl_vat":8.27,"incl_vat":10.00,"x":[]},"total_fixed_cost":"1.5","total_energy_cost":{"before_taxes":1,"after_taxes":2,"taxes":[{"name":"VAT","amount":1},{},null],"z":{}},
 "total_time_cost":{"before_taxes":1,"taxes":[]},"total_parking_cost":{"before_taxes":1,"taxes":null},"total_reservation_cost":3,
 "total_energy":17,"total_time":2.7,"total_parking_time":"0.7","remark":"\ud83d\ude00 \\","extra":[{"id":"no"},[[]]],"last_updated":null}`

// TestCDRReader reads all CDRs again and again: with the tariffs that it remembers
// they are what they were without, findings included.
func TestCDRReader(t *testing.T) {
	var c CDRReader
	remembered := 0
	for range 3 {
		for _, body := range append(cdrFiles(t), []byte(everyField)) {
			for _, v := range []ocpi.Version{v211, ocpi.V221, ocpi.V230} {
				want, notes, wrong := ParseCDR(v, body, nil)
				got, found, err := c.Parse(v, body, nil)
				if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(found, notes) || !reflect.DeepEqual(err, wrong) {
					t.Fatalf("read as\n%+v %v %v\nwant\n%+v %v %v\nof %s", got, found, err, want, notes, wrong, body)
				}
				if again, _, _ := c.Parse(v, body, nil); len(again.Tariffs) > 0 && &again.Tariffs[0] == &got.Tariffs[0] {
					remembered++
				}
			}
		}
	}
	if remembered == 0 {
		t.Error("no tariffs were remembered")
	}
	for n := range 3 * maxKnown / 60_000 {
		c.keep(ocpi.V221, fmt.Appendf(nil, "%060000d", n), make([]Tariff, 1))
	}
	if size := len(c.by) * 60_000; size > maxKnown || c.size < size {
		t.Errorf("%d bytes of tariffs are remembered, said to be %d", size, c.size)
	}
}

// TestScanReadsEveryField fails when a field of wireCDR is not read, or has no
// place in everyField.
func TestScanReadsEveryField(t *testing.T) {
	if !scanned(t, []byte(everyField)) {
		t.Fatal("not taken")
	}
	var w wireCDR
	new(cdrScanner).scan([]byte(everyField), &w)
	for _, v := range []reflect.Value{reflect.ValueOf(w), reflect.ValueOf(w.Periods[0]), reflect.ValueOf(w.Periods[0].Dimensions[0]), reflect.ValueOf(w.CDRLocation), reflect.ValueOf(w.Location)} {
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s is not read", v.Type().Field(i).Name)
			}
		}
	}
}

func cdrFiles(t *testing.T) (list [][]byte) {
	t.Helper()
	for _, dir := range []string{"cases", "own"} {
		files, err := filepath.Glob("testdata/" + dir + "/*/cdr.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("no CDRs in %s (%v)", dir, err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, b)
		}
	}
	return list
}

// TestScanEqualsUnmarshal reads all CDRs, and each with values and bytes
// replaced, with both readers.
func TestScanEqualsUnmarshal(t *testing.T) {
	values := []string{"null", "{}", "[]", "[null]", `""`, `"1"`, `"1e3"`, `"-"`, `"a\u0062"`, `"NaN"`, "-0.50", "1e400", "true", "false", `{"country":1}`, `{"id":"a","id":"b"}`, `{"amount":"7"}`}
	const marks = "\"\\{}[],:0-. nt\x00\xff"
	took, all := 0, 0
	r := rand.New(rand.NewPCG(5, 6))
	for _, body := range append(cdrFiles(t), []byte(everyField)) {
		if !scanned(t, body) {
			t.Errorf("not taken: %.300s", body)
		}
		for range 300 {
			changed := bytes.Clone(body)
			switch at := r.IntN(len(changed)); r.IntN(3) {
			case 0:
				changed[at] = marks[r.IntN(len(marks))]
			case 1:
				changed = append(changed[:at], changed[at+r.IntN(len(changed)-at):]...)
			default:
				changed = replaceValue(changed, at, pickOne(random{r}, values...))
			}
			all++
			if scanned(t, changed) {
				took++
			}
		}
	}
	if took < all/10 {
		t.Errorf("only %d of %d were taken", took, all)
	}
}

// replaceValue puts another value behind the next colon.
func replaceValue(body []byte, at int, value string) []byte {
	colon := bytes.IndexByte(body[at:], ':')
	if colon < 0 {
		return body
	}
	from := at + colon + 1
	d := jsontext.NewDecoder(bytes.NewReader(body[from:]))
	if d.SkipValue() != nil {
		return body
	}
	return slices.Concat(body[:from], []byte(value), body[from+int(d.InputOffset()):])
}

// TestScanIsStuck has what json.Unmarshal has to judge. Of these ParseCDR reads
// the ones without an error.
func TestScanIsStuck(t *testing.T) {
	good := testCDR("", "ENERGY 1")
	for _, c := range []struct{ old, new, message string }{
		{`"id":"C"`, `"id":"\u0043"`, ""},
		{`"id":"C"`, `"\u0069d":"C"`, ""},
		{`"id":"C"`, `"id":5`, "/id: must not be a JSON number"},
		{`"id":"C"`, `"id":"C","id":"C"`, "/id: is not JSON: duplicate object member name at byte "},
		{`"id":"C"`, `"a":{"b":1,"b":2}`, "/a/b: is not JSON: duplicate object member name at byte "},
		{`"id":"C"`, "\"id\":\"\xff\"", "/id: is not JSON: invalid UTF-8 at byte "},
		{`"id":"C"`, `"id":"\ud800"`, "/id: is not JSON: invalid surrogate pair"},
		{`"id":"C"`, `"credit":"true"`, "/credit: must not be a JSON string"},
		{`"id":"C"`, `"tariffs":[5]`, "/tariffs/0: must not be a JSON number"},
		{`"id":"C"`, `"total_cost":{"taxes":{}}`, "/total_cost/taxes: must not be a JSON object"},
		{`"id":"C"`, `"total_energy":NaN`, "/total_energy: is not JSON: invalid character 'N'"},
		{`"id":"C"`, `"total_energy":"NaN"`, "/total_energy: must be a number"},
		{`"id":"C"`, `"total_energy":[1]`, "/total_energy: must be a number"},
		{`"dimensions":[`, `"dimensions":[5,`, "/charging_periods/0/dimensions/0: must not be a JSON number"},
		{`"charging_periods":[`, `"charging_periods":[[],`, "/charging_periods/0: must not be a JSON list"},
		{good, good + "x", "is not JSON: invalid character 'x' after top-level value at byte "},
		{good, good + "{}", "is not JSON: invalid character '{' after top-level value at byte "},
		{good, good[:len(good)-1], "is not JSON: unexpected EOF at byte "},
		{good, "[]", "must not be a JSON list"},
		{good, "null", "must not be a JSON null"},
	} {
		body := strings.Replace(good, c.old, c.new, 1)
		if body == good {
			t.Fatalf("%s is not in the CDR", c.old)
		}
		if scanned(t, []byte(body)) {
			t.Errorf("%.60s: taken", c.new)
		}
		cdr, _, err := ParseCDR(ocpi.V221, []byte(body), zones[0])
		switch {
		case c.message == "" && (err != nil || cdr.ID != "C"):
			t.Errorf("%.60s: read as %q, %v", c.new, cdr.ID, err)
		case c.message != "" && (err == nil || !strings.HasPrefix(err.Error(), c.message)):
			t.Errorf("%.60s: got %v, want %s", c.new, err, c.message)
		}
	}
}

// TestParseCDRAllocates little: at most two pieces of memory per line of a result,
// for reading, pricing, comparing and writing together.
func TestParseCDRAllocates(t *testing.T) {
	tariffs, _, err := ParseTariffs(ocpi.V221, []byte(benchTariff))
	if err != nil {
		t.Fatal(err)
	}
	list, err := Compile(tariffs...)
	if err != nil {
		t.Fatal(err)
	}
	body, out, lines := []byte(benchCDR()), make([]byte, 0, 1<<14), 0
	n := testing.AllocsPerRun(100, func() {
		c, _, err := ParseCDR(ocpi.V221, body, zones[0])
		if err != nil {
			t.Fatal(err)
		}
		r, err := list.Price(&c.Session, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := list.Verify(&c, &r); err != nil || v.Verdict != Match {
			t.Fatal(v, err)
		}
		out, lines = r.AppendJSON(out[:0]), len(r.Lines)
	})
	if n > 2*float64(lines) {
		t.Errorf("%.0f allocations for %d lines", n, lines)
	}
}
