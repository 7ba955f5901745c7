package ledger

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// A leaf is written as reflection writes it, whatever is in it.
func TestLeafBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string { return []string{"", "a", "b\"\\\n<\u2028é", "DE-EM1"}[r.IntN(4)] }
	for range 500 {
		var l Leaf
		for v, i := reflect.ValueOf(&l).Elem(), 0; i < v.NumField(); i++ {
			switch f := v.Field(i); f.Kind() {
			case reflect.String:
				f.SetString(text())
			case reflect.Int, reflect.Int64:
				f.SetInt(r.Int64N(3) * (r.Int64N(1<<60) - 1<<59))
			case reflect.Bool:
				f.SetBool(r.IntN(2) == 0)
			}
		}
		l.At = time.Unix(r.Int64N(1<<31), r.Int64N(2)*r.Int64N(1e9)).UTC()
		for range r.IntN(3) {
			l.Findings, l.Postings = append(l.Findings, text()), append(l.Postings, Entry{text(), text(), r.Int64() - 1<<62})
		}
		want, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.bytes()
		if err != nil || string(got) != string(want) {
			t.Fatalf("%s, %v\nwant %s", got, err, want)
		}
		if again, err := ParseLeaf(got); err != nil || !reflect.DeepEqual(again, l) {
			t.Fatalf("%+v, %v\nwant %+v", again, err, l)
		}
	}
	if _, err := (&Leaf{Text: "\xff"}).bytes(); err == nil {
		t.Error("a text that is not UTF-8: no error")
	}
}
