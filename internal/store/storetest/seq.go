package storetest

import (
	"fmt"
	"testing"

	"github.com/eroam/eroam/internal/store"
)

// ObjectSeq is the Seq of an object as the transaction sees it, deleted ones
// included, and 0 for none; NeverStored is certain only where one process has the
// database.
func testObjectSeq(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	put(t, s, location(cpo1, "other"))
	never := func(want bool) {
		t.Helper()
		if got := s.NeverStored(location(cpo1, "a").ObjectKey); got != (want && !s.Shared()) {
			t.Errorf("never stored: %v, want %v", got, want)
		}
	}
	never(true)
	a := location(cpo1, "a")
	for i, change := range []func(tx *store.Tx) error{
		nil,
		func(tx *store.Tx) error { return tx.PutObject(&a) },
		func(tx *store.Tx) error { return tx.PutQuiet(&a) },
		func(tx *store.Tx) error {
			a.Deleted = true
			return tx.PutObject(&a)
		},
	} {
		want := int64(0)
		if i > 0 {
			want = int64(i) + 1
		}
		write(t, s, func(tx *store.Tx) error {
			if change != nil {
				if err := change(tx); err != nil {
					return err
				}
			}
			if seq, err := tx.ObjectSeq(a.ObjectKey); err != nil || seq != want {
				return fmt.Errorf("change %d: seq %d in the transaction, want %d, %w", i, seq, want, err)
			}
			return nil
		})
		write(t, s, func(tx *store.Tx) error {
			if seq, err := tx.ObjectSeq(a.ObjectKey); err != nil || seq != want {
				return fmt.Errorf("change %d: seq %d, want %d, %w", i, seq, want, err)
			}
			return nil
		})
		never(i == 0)
	}
}
