package result

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// A ratio that is set is kept, any other is worked out; files grow.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out", "x.jsonl")
	for _, lines := range [][]Line{
		{{Name: "alone", Value: 3}, {Name: "beside", Value: 3, BaselineValue: 4}},
		{{Name: "set", Value: 3, BaselineValue: 4, Ratio: 0.7, Commit: "abc"}},
	} {
		if err := Append(path, lines); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got []Line
	for dec := json.NewDecoder(bytes.NewReader(b)); dec.More(); {
		var l Line
		if err := dec.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Machine == "" || l.Commit == "" || (l.Commit == "abc") != (l.Name == "set") {
			t.Errorf("%+v: machine or commit is wrong", l)
		}
		got = append(got, l)
	}
	want := []float64{0, 0.75, 0.7}
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	for i, r := range want {
		if got[i].Ratio != r {
			t.Errorf("%s: ratio %g, want %g", got[i].Name, got[i].Ratio, r)
		}
	}
}

func TestMiddle(t *testing.T) {
	v := []float64{4, 1, 3, 2}
	if m := Median(v); m != 3 || v[0] != 4 {
		t.Errorf("median %g of %v, want 3 of what it was", m, v)
	}
	if p := Percentile([]int{1, 2, 3, 4, 5}, 50); p != 3 {
		t.Errorf("the 50th is %d, want 3", p)
	}
	if p := Percentile([]int{1, 2, 3, 4, 5}, 99); p != 4 {
		t.Errorf("the 99th is %d, want 4", p)
	}
}
