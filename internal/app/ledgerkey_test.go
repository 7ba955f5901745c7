package app

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
)

// A hub that moves to another URL goes on with the log that it has: the verifier
// key stays, and everything signed before still verifies.
func TestLedgerKeyStays(t *testing.T) {
	c := newConfig(t, "EROAM_PUBLIC_URL=https://old.example")
	key := func() string {
		t.Helper()
		a, err := New(c, nil)
		check(t, err)
		check(t, a.Start(t.Context()))
		_, err = a.ledger.Checkpoint(t.Context())
		check(t, err)
		key := a.ledger.VerifierKey()
		check(t, a.Stop(context.Background()))
		return key
	}
	first := key()
	if !strings.HasPrefix(first, "old.example+") {
		t.Errorf("the key is %s", first)
	}
	c.PublicURL = "https://new.example"
	if second := key(); second != first {
		t.Errorf("the key was %s and is %s", first, second)
	}
	db, err := store.OpenReader(t.Context(), store.Options{Dir: c.Data})
	check(t, err)
	defer func() { check(t, db.Close()) }()
	if derived, err := VerifierKey(t.Context(), db, c.Data); err != nil || derived != first {
		t.Errorf("beside the hub the key is %s, %v", derived, err)
	}
	v, err := ledger.Verify(t.Context(), db, first, nil)
	if err != nil || len(v.Faults) > 0 || v.Events == 0 || v.Checkpoints == 0 {
		t.Errorf("%+v, %v", v, err)
	}
	check(t, os.Remove(SealKeyFile(c.Data)))
	if _, err := VerifierKey(t.Context(), db, c.Data); err == nil || !strings.Contains(err.Error(), "seal.key") {
		t.Errorf("without the sealing key: %v", err)
	}
}
