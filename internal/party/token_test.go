package party

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func TestTokensAreNotReadable(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	_, c := r.register(p, ocpi.V221)
	open := r.invite(grantOf("NLCP2", "CPO"))
	if err := r.opts.Store.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	size := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		size += len(b)
		for _, secret := range []string{c, open.TokenA, p.token} {
			if strings.Contains(string(b), secret) {
				t.Errorf("%s holds a token in clear", filepath.Base(f))
			}
		}
	}
	if size == 0 {
		t.Fatal("nothing was read")
	}
	r.open()
	// Another key must not open the database, and must not damage it.
	o := r.opts
	o.SealKey = []byte("fedcba9876543210fedcba9876543210")
	if _, err := Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "sealing key") {
		t.Errorf("opening with another key: %v", err)
	}
	o.SealKey = []byte("short")
	if _, err := Open(t.Context(), o); err == nil {
		t.Error("a short key is accepted")
	}
	if r.opens(c) != KindFull {
		t.Error("the right key no longer works")
	}
}

func TestSealedTokenBelongsToItsPlatform(t *testing.T) {
	k, err := newKeyring(slices.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	s := k.seal("one", "secret")
	if got, err := k.unseal("one", s); err != nil || got != "secret" {
		t.Fatalf("%q %v", got, err)
	}
	if _, err := k.unseal("two", s); err == nil {
		t.Error("a token moved to another platform is accepted")
	}
	s[len(s)-1] ^= 1
	if _, err := k.unseal("one", s); err == nil {
		t.Error("a changed token is accepted")
	}
	k2, _ := newKeyring(slices.Repeat([]byte{8}, 32))
	if _, err := k2.unseal("one", k.seal("one", "secret")); !errors.Is(err, errSealedOtherKey) {
		t.Errorf("another key: %v", err)
	}
}
