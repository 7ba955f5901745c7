package storetest

import (
	"context"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func testOwners(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	note := func(kind, id string, p ocpi.PartyID, seen int64) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error {
			return tx.PutOwner(store.OwnerRow{Kind: kind, ID: id, Party: p, Seen: seen})
		})
	}
	owners := func(kind, id string) []ocpi.PartyID {
		t.Helper()
		o, err := s.Owners(context.Background(), kind, id)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	same(t, len(owners("token", "x")), 0)
	note("token", "x", cpo1, 10)
	note("token", "x", cpo2, 20)
	note("token", "y", cpo3, 20)
	note("session", "x", emsp, 30)
	same(t, owners("token", "x"), []ocpi.PartyID{cpo2, cpo1})
	note("token", "x", cpo1, 30)
	same(t, owners("token", "x"), []ocpi.PartyID{cpo1, cpo2})
	note("token", "x", cpo1, 5) // arrives late
	same(t, owners("token", "x"), []ocpi.PartyID{cpo1, cpo2})
	same(t, owners("session", "x"), []ocpi.PartyID{emsp})
}
