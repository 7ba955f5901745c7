package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

func TestLedger(t *testing.T) { storetest.Engines(t, storetest.RunLedger) }

func TestLedgerOfManyEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("66,000 events")
	}
	storetest.LargeHashes(t, storetest.SQLite(t))
}

// Two processes write to one ledger: numbers are given once, without gaps, in
// the order of commits, and the tree is that of all events.
func TestSharedLedger(t *testing.T) {
	o := store.Options{Database: storetest.Postgres(t)}
	stores := []*store.Store{storetest.Open(t, o), storetest.Open(t, o)}
	err := stores[1].Write(t.Context(), func(tx *store.Tx) error {
		return tx.AppendEvent(&store.LedgerEvent{Kind: store.EventOpened})
	})
	if err != nil {
		t.Fatal(err)
	}
	const writers, rounds = 4, 30
	refused := errors.New("refused")
	var wg sync.WaitGroup
	for which, s := range stores {
		for w := range writers {
			wg.Go(func() {
				for i := range rounds {
					bad := (i+w)%5 == 0
					err := s.Write(context.Background(), func(tx *store.Tx) error {
						for k := range 2 { // an event, its postings, and the same again
							e := store.LedgerEvent{Kind: store.EventReceived, At: 1, Leaf: fmt.Append(nil, which, w, i, k, bad)}
							if err := tx.AppendEvent(&e); err != nil {
								return err
							}
							err := tx.Post([]store.Posting{
								{Event: e.Seq, CDR: e.Seq, Account: fmt.Sprint("a", w), Currency: "EUR", Amount: 3},
								{Event: e.Seq, CDR: e.Seq, Account: fmt.Sprint("a", (w+1)%writers), Currency: "EUR", Amount: -2},
								{Event: e.Seq, CDR: e.Seq, Account: "tax", Currency: "EUR", Amount: -1},
							})
							if err != nil {
								return err
							}
						}
						if bad {
							return refused
						}
						return nil
					})
					if bad != errors.Is(err, refused) || !bad && err != nil {
						t.Errorf("store %d, writer %d, round %d: %v", which, w, i, err)
					}
				}
			})
		}
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	// A reader that goes on from the last number misses nothing.
	var leaves [][]byte
	for ended := false; ; {
		events, err := stores[0].Events(t.Context(), int64(len(leaves)), 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Seq != int64(len(leaves)) {
				t.Fatalf("event %d comes after %d", e.Seq, len(leaves)-1)
			}
			leaves = append(leaves, e.Leaf)
		}
		if len(events) > 0 {
			continue
		}
		if ended {
			break
		}
		select {
		case <-finished:
			ended = true
		default:
		}
	}
	const good = len("ab") * writers * rounds * 4 / 5
	if len(leaves) != 1+2*good {
		t.Errorf("%d events; want %d", len(leaves), 1+2*good)
	}
	checkTree(t, stores[1], leaves)
	id := int64(0)
	if err := stores[1].EachPosting(t.Context(), store.PostingQuery{}, func(p store.Posting) error {
		if id++; p.ID != id || p.Event != 1+(id-1)/3 {
			t.Errorf("posting %d has the ID %d and the event %d", id, p.ID, p.Event)
		}
		return nil
	}); err != nil || id != int64(2*good*3) {
		t.Errorf("%d postings, %v", id, err)
	}
	balances, err := stores[0].Balances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, b := range balances {
		if b.Account == "tax" && b.Amount != -2*int64(good) {
			t.Errorf("balance of tax: %d", b.Amount)
		}
		sum += b.Amount
	}
	if sum != 0 {
		t.Errorf("the balances add up to %d", sum)
	}
}

// checkTree compares the root with that of the leaves.
func checkTree(t *testing.T, s *store.Store, leaves [][]byte) {
	t.Helper()
	var hashes []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, err error) {
		for _, x := range indexes {
			found = append(found, hashes[x])
		}
		return found, nil
	})
	for i, l := range leaves {
		h, err := tlog.StoredHashes(int64(i), l, read)
		if err != nil {
			t.Fatal(err)
		}
		hashes = append(hashes, h...)
	}
	n := int64(len(leaves))
	want, err := tlog.TreeHash(n, read)
	got, err2 := tlog.TreeHash(n, tlog.HashReaderFunc(func(x []int64) ([]tlog.Hash, error) { return s.LedgerHashes(t.Context(), x) }))
	if err := errors.Join(err, err2); err != nil || got != want {
		t.Errorf("the root is %v; want %v, %v", got, want, err)
	}
}
