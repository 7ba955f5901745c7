package receipt_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/receipt"
)

// A promise holds for its leaf, its index and its log, and for nothing else; each
// of its bytes matters.
func TestPromise(t *testing.T) {
	s, err := receipt.NewSigner("hub.example", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	leaf := []byte(`{"v":1}`)
	text, err := s.Promise(receipt.Promise{Index: 12, Leaf: tlog.RecordHash(leaf)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := receipt.OpenPromise(text, s.VerifierKey())
	if err != nil || p.Index != 12 || p.Leaf != tlog.RecordHash(leaf) {
		t.Fatalf("%+v, %v", p, err)
	}
	for i := range text {
		for _, c := range []byte{text[i] + 1, text[i] ^ 0x20} {
			changed := text[:i] + string(rune(c)) + text[i+1:]
			if _, err := receipt.OpenPromise(changed, s.VerifierKey()); err == nil {
				t.Errorf("%q is taken for %q", changed, text)
			}
		}
	}
	for _, bad := range []string{"", " ", text + " ", "0" + text, text + "\n", strings.Replace(text, "12", "-1", 1), strings.Replace(text, "12", "9999999999999999", 1)} {
		if _, err := receipt.OpenPromise(bad, s.VerifierKey()); fault(err) != receipt.FaultForm {
			t.Errorf("%q: %v", bad, err)
		}
	}
	other, _ := receipt.NewSigner("hub.example", [32]byte{2})
	moved, _ := receipt.NewSigner("hub2.example", [32]byte{1})
	for _, key := range []string{other.VerifierKey(), moved.VerifierKey()} {
		if _, err := receipt.OpenPromise(text, key); fault(err) != receipt.FaultKey {
			t.Errorf("by %s: %v", key, err)
		}
	}
	if _, err := s.Promise(receipt.Promise{Index: -1}); err == nil {
		t.Error("promised a leaf before the first")
	}
	for name, c := range map[string]struct {
		checked receipt.Checked
		want    receipt.Fault
	}{
		"kept":          {receipt.Checked{Index: 12, Leaf: leaf}, ""},
		"another leaf":  {receipt.Checked{Index: 12, Leaf: []byte(`{"v":2}`)}, receipt.FaultLeaf},
		"another index": {receipt.Checked{Index: 13, Leaf: leaf}, receipt.FaultLeaf},
	} {
		if err := p.Kept(&c.checked); fault(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func fault(err error) receipt.Fault {
	if e, ok := errors.AsType[*receipt.Error](err); ok {
		return e.Fault
	}
	return ""
}

// BenchmarkPromise is what each CDR costs for it.
func BenchmarkPromise(b *testing.B) {
	s, err := receipt.NewSigner("hub.example", [32]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Promise(receipt.Promise{Index: 1234567}); err != nil {
			b.Fatal(err)
		}
	}
}
