package feed_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.SQLite(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestFollowSeesEveryChangeOnceInOrder follows a feed that grows while it is
// read, from its middle, over more than one page.
func TestFollowSeesEveryChangeOnceInOrder(t *testing.T) {
	s := open(t)
	put := func(from, to int) {
		t.Helper()
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			for i := from; i < to; i++ {
				o := store.Object{ObjectKey: store.ObjectKey{
					Kind: "tariffs", Party: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, ID: fmt.Sprint("t", i),
				}, Body: []byte("{}")}
				if err := tx.PutObject(&o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(0, 700)
	enough := errors.New("enough")
	var got []int64
	asked := false
	err := feed.Follow(t.Context(), s, 100, func(heads []store.Object) error {
		for _, h := range heads {
			if h.Body != nil {
				t.Errorf("the head of %s has a body", h.ID)
			}
			got = append(got, h.Seq)
		}
		switch {
		case len(got) == 600 && !asked:
			asked = true
			put(700, 1300)
		case len(got) >= 1200:
			return enough
		}
		return nil
	}, func(err error) { t.Errorf("reported %v", err) })
	if !errors.Is(err, enough) {
		t.Fatalf("ended with %v", err)
	}
	for i, seq := range got {
		if seq != int64(101+i) {
			t.Fatalf("entry %d is place %d, want %d", i, seq, 101+i)
		}
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := feed.Follow(ctx, s, 0, func([]store.Object) error { return nil }, func(error) {})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
}
