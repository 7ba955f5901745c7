package tariff

import (
	"bytes"
	"testing"

	"github.com/go-json-experiment/json"
)

// What is written by hand is what reflection writes.
func TestJSONByHand(t *testing.T) {
	for _, w := range []Why{
		{}, {Matched: []string{"start_time"}}, {Matched: []string{"a", "b\"<\u2028"}},
		{Passed: []Passed{{}}}, {Passed: []Passed{{1, 2, "min_power", true}, {3, 4, "", false}}},
		{Matched: []string{"a"}, Passed: []Passed{{Element: 7}}},
	} {
		want, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.appendJSON(nil); string(got) != string(want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, p := range []Policy{{}, {Tolerance: "0.05"}, {Tolerance: "1", InUTC: true}, {Rounding: Rounding{Mode: HalfEven}}} {
		want, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		r := Result{Policy: p}
		if body := r.AppendJSON(nil); !bytes.Contains(body, []byte(`"policy":`+string(want)+`,`)) {
			t.Errorf("%s, want the policy %s", body, want)
		}
	}
}
