package receipt_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/receipt"
)

// The committed file must stay readable for ever, and must be what is written.
func TestStableFile(t *testing.T) {
	const name = "testdata/receipt-v1.json"
	r, s, _ := sample(t)
	file, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("EROAM_WRITE_TESTDATA") != "" {
		if err := os.WriteFile(name, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(file)); diff != "" {
		t.Error(diff)
	}
	old, err := receipt.Parse(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := receipt.Check(old, s.VerifierKey())
	if err != nil || got.Older == nil || got.Older.Size != 6 || got.Checkpoint.Size != 13 || got.Checkpoint.Origin != origin {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWhiteSpaceIsFree(t *testing.T) {
	r, _, _ := sample(t)
	file, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	small := jsontext.Value(bytes.Clone(file))
	if err := small.Compact(); err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{small, []byte(strings.ReplaceAll(string(file), "\n", "\r\n")), append([]byte("\n\t "), file...)} {
		back, err := receipt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, back); diff != "" {
			t.Error(diff)
		}
	}
}

func TestRefusedFiles(t *testing.T) {
	r, _, _ := sample(t)
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	file := string(b)
	edit := func(old, with string) string {
		if !strings.Contains(file, old) {
			t.Fatalf("no %q in the file", old)
		}
		return strings.Replace(file, old, with, 1)
	}
	for name, c := range map[string]struct{ file, word string }{
		"empty":          {"", "not readable JSON"},
		"other JSON":     {`{"format":"x","version":1}`, "format is"},
		"array":          {`[]`, "not readable JSON"},
		"next version":   {edit(`"version": 1`, `"version": 2`), "version is 2"},
		"version 1.0":    {edit(`"version": 1`, `"version": 1.0`), "version is 1.0"},
		"unknown member": {edit(`"version": 1,`, `"version": 1, "comment": "x",`), "unknown"},
		"member twice":   {edit(`"version": 1,`, `"version": 1, "version": 1,`), "duplicate"},
		"member missing": {edit(`"index": 5,`, ``), "spelled"},
		"other order":    {edit(`"index": 5,`+"\n"+`  "size": 13,`, `"size": 13,`+"\n"+`  "index": 5,`), "spelled"},
		"other number":   {edit(`"index": 5,`, `"index": 5e0,`), "version 1's form"},
		"text as number": {edit(`"index": 5,`, `"index": "5",`), "version 1's form"},
		"huge number":    {edit(`"size": 13,`, `"size": 9007199254740992,`), "size 9007199254740992"},
		"other escape":   {edit(`received`, `\u0072eceived`), "spelled"},
		"null":           {edit(`"index": 5,`, `"index": null,`), "spelled"},
		"null list":      {strings.Replace(file, file[strings.Index(file, `"inclusion_proof"`):strings.Index(file, `],`)+1], `"inclusion_proof": null`, 1), "spelled"},
		"trailing":       {file + "{}", "not readable JSON"},
		"too large":      {file + strings.Repeat(" ", receipt.MaxFile), "at most"},
		"bad UTF-8":      {edit("é", "\xe9"), "not readable JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := receipt.Parse([]byte(c.file))
			wantFault(t, err, receipt.FaultForm, c.word)
		})
	}
}

func TestEncodeRefuses(t *testing.T) {
	r, _, _ := sample(t)
	r.Leaf = "\xff"
	_, err := r.Encode()
	wantFault(t, err, receipt.FaultForm, "not UTF-8")
}

func TestOrigins(t *testing.T) {
	for _, bad := range []string{"", "a b", "a+b", "a\nb", "a\u00a0b", "a\xffb", "a\x7f", strings.Repeat("x", 513)} {
		if _, err := receipt.NewSigner(bad, [32]byte{1}); err == nil {
			t.Errorf("origin %q is accepted", bad)
		}
	}
	for _, good := range []string{"hub.example.org", "hub.example.org:8443/x", "xn--bcher-kva.example", "127.0.0.1:8080"} {
		if _, err := receipt.NewSigner(good, [32]byte{1}); err != nil {
			t.Error(err)
		}
	}
}

func TestVerifierKeys(t *testing.T) {
	// Many seeds, so that the base64 of some holds a plus sign.
	plus := false
	for seed := range byte(64) {
		s := signer(t, origin, seed)
		plus = plus || strings.Count(s.VerifierKey(), "+") > 2
		if got, err := receipt.ParseVerifierKey(s.VerifierKey()); err != nil || got != origin {
			t.Errorf("%s: %q %v", s.VerifierKey(), got, err)
		}
		if s.VerifierKey() != signer(t, origin, seed).VerifierKey() {
			t.Error("the key is not deterministic")
		}
		text, err := s.Sign(0, tlog.Hash{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := receipt.Open(text, s.VerifierKey()); err != nil {
			t.Error(err)
		}
	}
	if !plus {
		t.Error("no key holds a further plus sign")
	}
	key := signer(t, origin, 7).VerifierKey()
	hash := strings.SplitN(key, "+", 3)[1]
	for _, bad := range []string{
		"", "x", "+", "++", key + " ", key[:len(key)-4], strings.Replace(key, origin, "x.example", 1),
		strings.Replace(key, hash, strings.ToUpper(hash), 1) + "=", strings.Repeat("x", 1000),
	} {
		_, err := receipt.ParseVerifierKey(bad)
		wantFault(t, err, receipt.FaultForm, "verifier key")
	}
}

// A checkpoint with the signature of a witness is read; so is one with two by
// other keys, but not trusted.
func TestWitnessedCheckpoint(t *testing.T) {
	_, s, tr := sample(t)
	text := checkpoint(t, tr, s, 13)
	secret, public, err := note.GenerateKey(strings.NewReader(strings.Repeat("w", 64)), "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	w, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(s.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		t.Fatal(err)
	}
	both, err := note.Sign(n, w)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := receipt.Open(string(both), s.VerifierKey()); err != nil || c.Size != 13 {
		t.Errorf("%+v %v", c, err)
	}
	_, err = receipt.Open(string(both), public)
	wantFault(t, err, receipt.FaultKey, "the key is of")
}

// Notes that the right key has signed, but that are no checkpoint of its log.
func TestSignedNonsense(t *testing.T) {
	s := signer(t, origin, 7)
	root := tlog.Hash{1}.String()
	for text, want := range map[string]receipt.Fault{
		"":                                            receipt.FaultForm,
		origin + "\n1\n":                              receipt.FaultForm,
		origin + "\n01\n" + root + "\n":               receipt.FaultForm,
		origin + "\n-1\n" + root + "\n":               receipt.FaultForm,
		origin + "\n1\n" + root[1:] + "\n":            receipt.FaultForm,
		origin + "\n1\n" + root + "\nmore\n":          receipt.FaultForm,
		"other.example\n1\n" + root + "\n":            receipt.FaultKey,
		origin + "\n9007199254740992\n" + root + "\n": receipt.FaultForm,
	} {
		_, err := receipt.Open(signText(t, text+""), s.VerifierKey())
		wantFault(t, err, want, "")
	}
}

// signText signs any text with the key of sample.
func signText(t *testing.T, text string) string {
	t.Helper()
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	signed, err := note.Sign(&note.Note{Text: text}, noteSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

func FuzzParse(f *testing.F) {
	r, s, _ := sample(f)
	file, err := r.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte(`{"format":"eroam receipt","version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := receipt.Parse(data)
		if err != nil {
			return
		}
		again, err := got.Encode()
		if err != nil {
			t.Fatalf("parsed, but cannot be written: %v", err)
		}
		if back, err := receipt.Parse(again); err != nil || !cmp.Equal(back, got) {
			t.Fatalf("written, but not read the same: %v", err)
		}
		if c, err := receipt.Check(got, s.VerifierKey()); err == nil && string(c.Leaf) != r.Leaf {
			t.Fatalf("another leaf is accepted: %q", c.Leaf)
		}
	})
}

// noteSigner is the key of sample as a note signer, so that it can sign what
// receipt.Signer does not.
func noteSigner(t *testing.T) note.Signer {
	t.Helper()
	seed := bytes.Repeat([]byte{7}, 32)
	secret, verifier, err := note.GenerateKey(bytes.NewReader(seed), origin)
	if err != nil {
		t.Fatal(err)
	}
	if verifier != signer(t, origin, 7).VerifierKey() {
		t.Fatal("the key is not the one that note would make")
	}
	s, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
