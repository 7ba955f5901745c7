package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/store"
)

// RunLedger tests every behaviour of the ledger that both engines share.
func RunLedger(t *testing.T, fresh func(testing.TB) store.Options) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(testing.TB) store.Options)
	}{
		{"Events", testEvents},
		{"FirstEvent", testFirstEvent},
		{"Hashes", testHashes},
		{"FailuresLeaveNoGaps", testLedgerFailures},
		{"Reopen", testLedgerReopen},
		{"Guards", testGuards},
		{"Reader", testReader},
		{"ReaderRefuses", testReaderRefuses},
		{"ReadInParts", testParts},
		{"CDR", testCDR},
		{"CDRChanges", testCDRChanges},
		{"CDRQueries", testCDRQueries},
		{"CountCDRs", testCountCDRs},
		{"CDRWork", testCDRWork},
		{"RelatedCDRs", testRelatedCDRs},
		{"CDRMail", testCDRMail},
		{"CDROfSession", testCDROfSession},
		{"NewestRival", testNewestRival},
		{"Evidence", testEvidence},
		{"Post", testPost},
		{"PostRefuses", testPostRefuses},
		{"PostingQueries", testPostingQueries},
		{"TariffVersions", testTariffVersions},
		{"Authorizations", testAuthorizations},
		{"SessionWatches", testSessionWatches},
		{"MeterKeys", testMeterKeys},
		{"Findings", testFindings},
		{"Checkpoints", testCheckpoints},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh) })
	}
}

// Tamper changes the database behind the back of the store, which may be open,
// after taking away what guards the ledger. It fails the test when a statement
// changes nothing.
func Tamper(t testing.TB, o store.Options, statements ...string) {
	t.Helper()
	db := raw(t, o)
	for _, table := range []string{"ledger_event", "ledger_node", "ledger_checkpoint", "posting"} {
		for _, op := range []string{"update", "delete"} {
			drop := fmt.Sprintf("DROP TRIGGER IF EXISTS %s_%s", table, op)
			if o.Database != "" {
				drop += " ON " + table
			}
			if _, err := db.Exec(drop); err != nil {
				t.Fatalf("%s: %v", drop, err)
			}
		}
	}
	for _, s := range statements {
		r, err := db.Exec(s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if n, err := r.RowsAffected(); n == 0 || err != nil {
			t.Fatalf("%s: changed %d rows, %v", s, n, err)
		}
	}
}

// raw opens the database beside the store.
func raw(t testing.TB, o store.Options) *sql.DB {
	t.Helper()
	driver, source := "pgx", o.Database
	if source == "" {
		driver = "sqlite"
		source = (&url.URL{Scheme: "file", Path: filepath.Join(o.Dir, "eroam.db"), RawQuery: "_pragma=busy_timeout(10000)"}).String()
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// openLedger writes event 0 if need be.
func openLedger(tx *store.Tx) error {
	size, err := tx.LedgerSize()
	if err != nil || size > 0 {
		return err
	}
	return tx.AppendEvent(&store.LedgerEvent{Kind: store.EventOpened, At: 1, Leaf: []byte(`{"kind":"opened"}`)})
}

// appendEvents makes the log n events long, in transactions of up to 1,000.
func appendEvents(t testing.TB, s *store.Store, n int64) {
	t.Helper()
	for size := int64(-1); size < n; {
		write(t, s, func(tx *store.Tx) (err error) {
			if err := openLedger(tx); err != nil {
				return err
			}
			if size, err = tx.LedgerSize(); err != nil {
				return err
			}
			for end := min(n, size+1000); size < end; size++ {
				if err := tx.AppendEvent(&store.LedgerEvent{Kind: "presented", CDR: 1, At: size, Leaf: leaf(size)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func leaf(seq int64) []byte {
	if seq == 0 {
		return []byte(`{"kind":"opened"}`)
	}
	return fmt.Appendf(nil, `{"n":%d}`, seq)
}

func testEvents(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	size, err := s.LedgerSize(ctx)
	if size != 0 || err != nil {
		t.Fatalf("size %d of an empty ledger, %v", size, err)
	}
	events := []store.LedgerEvent{
		{Kind: "opened", At: 7, Leaf: []byte(`{"kind":"opened"}`)},
		{Kind: "received", At: 9, Leaf: []byte(`{"kind":"received","é":1}`)},
		{Kind: "received", At: 8, Leaf: []byte{0, 0xff}},
		{Kind: "presented", CDR: 1, At: 9, Leaf: nil},
		{Kind: "received", CDR: 1, At: 10, Leaf: []byte(`again`)},
		{Kind: "finding", At: 11, Leaf: []byte(`of no CDR`)},
	}
	write(t, s, func(tx *store.Tx) error {
		for i := range events {
			e := &events[i]
			if err := tx.AppendEvent(e); err != nil {
				return err
			}
			if size, err := tx.LedgerSize(); e.Seq != int64(i) || size != e.Seq+1 || err != nil {
				t.Errorf("event %d has Seq %d, the size is %d, %v", i, e.Seq, size, err)
			}
			if hash := tlog.RecordHash(e.Leaf); !slices.Equal(e.Hash, hash[:]) {
				t.Errorf("event %d has the hash %x", i, e.Hash)
			}
		}
		return nil
	})
	want := slices.Clone(events)
	want[1].CDR, want[2].CDR, want[3].Leaf = 1, 2, []byte{}
	got, err := s.Events(ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
	if got, err = s.Events(ctx, 2, 2); err != nil {
		t.Fatal(err)
	}
	same(t, got, want[2:4])
	if got, err = s.CDREvents(ctx, 1); err != nil {
		t.Fatal(err)
	}
	same(t, got, []store.LedgerEvent{want[1], want[3], want[4]})
	if size, err := s.LedgerSize(ctx); size != 6 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
}

func testFirstEvent(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	add := func(kind string) error {
		return s.Write(ctx, func(tx *store.Tx) error { return tx.AppendEvent(&store.LedgerEvent{Kind: kind}) })
	}
	if add("received") == nil {
		t.Error("a ledger begins without being opened")
	}
	if err := add("opened"); err != nil {
		t.Error(err)
	}
	if add("opened") == nil {
		t.Error("a ledger is opened twice")
	}
	if size, err := s.LedgerSize(ctx); size != 1 || err != nil {
		t.Errorf("size %d, %v", size, err)
	}
}

// storedHashes is the storage that tlog itself would make of the leaves.
func storedHashes(t testing.TB, n int64) (all []tlog.Hash) {
	t.Helper()
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			found[i] = all[x]
		}
		return found, nil
	})
	for i := range n {
		h, err := tlog.StoredHashes(i, leaf(i), read)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, h...)
	}
	return all
}

// compareHashes compares the hashes at the indexes with those of tlog.
func compareHashes(t testing.TB, s *store.Store, want []tlog.Hash, indexes []int64) {
	t.Helper()
	got, err := s.LedgerHashes(context.Background(), indexes)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range indexes {
		if got[i] != want[x] {
			level, n := tlog.SplitStoredHashIndex(x)
			t.Fatalf("hash %d of level %d is %v; want %v", n, level, got[i], want[x])
		}
	}
}

func testHashes(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	if got, err := s.LedgerHashes(ctx, nil); len(got) != 0 || err != nil {
		t.Errorf("no hashes of an empty ledger: %v, %v", got, err)
	}
	if _, err := s.LedgerHashes(ctx, []int64{0}); err == nil {
		t.Error("the first hash of an empty ledger: no error")
	}
	const last = 1000
	want := storedHashes(t, last)
	read := tlog.HashReaderFunc(func(x []int64) ([]tlog.Hash, error) { return s.LedgerHashes(ctx, x) })
	have := int64(0)
	for _, size := range []int64{1, 2, 3, 127, 128, 255, 256, 257, 511, 512, 513, 767, 768, 999, last} {
		appendEvents(t, s, size)
		end := tlog.StoredHashCount(size)
		var indexes []int64
		for ; have < end; have++ {
			indexes = append(indexes, have)
		}
		compareHashes(t, s, want, indexes)
		for _, bad := range []int64{-1, end, end + 1, 1 << 40} {
			if _, err := s.LedgerHashes(ctx, []int64{bad}); err == nil {
				t.Errorf("index %d of a ledger of size %d: no error", bad, size)
			}
		}
		of := tlog.HashReaderFunc(func(x []int64) (found []tlog.Hash, err error) {
			for _, x := range x {
				found = append(found, want[x])
			}
			return found, nil
		})
		a, err := tlog.TreeHash(size, read)
		b, err2 := tlog.TreeHash(size, of)
		if err := errors.Join(err, err2); err != nil || a != b {
			t.Errorf("root of size %d: %v, want %v, %v", size, a, b, err)
		}
	}
	for size := range int64(last) { // the trees of before
		if size%37 == 0 {
			proof, err := tlog.ProveTree(last, size+1, read)
			if err != nil {
				t.Fatal(err)
			}
			newer, _ := tlog.TreeHash(last, read)
			older, _ := tlog.TreeHash(size+1, read)
			if err := tlog.CheckTree(proof, last, newer, size+1, older); err != nil {
				t.Errorf("size %d is not a part of size %d: %v", size+1, last, err)
			}
		}
	}
}

// LargeHashes tests nodes of the levels 8 and 16.
func LargeHashes(t *testing.T, o store.Options) {
	s := Open(t, o)
	const last = 1<<16 + 300
	want := storedHashes(t, last)
	for _, size := range []int64{1<<16 - 1, 1 << 16, 1<<16 + 1, last} {
		appendEvents(t, s, size)
		end := tlog.StoredHashCount(size)
		var indexes []int64
		for i := range min(end, 600) {
			indexes = append(indexes, end-1-i)
		}
		for level := range 17 {
			if last := tlog.StoredHashIndex(level, size>>level-1); size>>level > 0 {
				indexes = append(indexes, last, tlog.StoredHashIndex(level, rand.Int64N(size>>level)))
			}
		}
		compareHashes(t, s, want, indexes)
	}
	var nodes []string
	err := s.EachNode(context.Background(), func(n store.LedgerNode) error {
		if h := want[tlog.StoredHashIndex(n.Level, n.N)]; !slices.Equal(n.Hash, h[:]) {
			t.Errorf("node %d of level %d is %x", n.N, n.Level, n.Hash)
		}
		nodes = append(nodes, fmt.Sprint(n.Level, " ", n.N))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, len(nodes), 258)
	same(t, []string{nodes[0], nodes[256], nodes[257]}, []string{"8 0", "8 256", "16 0"})
}

// A write that fails among others of one commit takes no number with it, and no
// node of the tree.
func testLedgerFailures(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	appendEvents(t, s, 250)
	release := hold(t, s)
	var results []<-chan error
	for i := range 9 {
		results = append(results, queue(ctx, t, s, func(tx *store.Tx) error {
			for range 3 { // event 255 is one of the third write that succeeds
				size, err := tx.LedgerSize()
				if err != nil {
					return err
				}
				l := leaf(size)
				if i%3 == 1 {
					l = []byte("undone")
				}
				if err := tx.AppendEvent(&store.LedgerEvent{Kind: "presented", CDR: 1, Leaf: l}); err != nil {
					return err
				}
				if err := tx.Post(transfer("a", "b", 1, size)); err != nil {
					return err
				}
			}
			if i%3 == 1 {
				return errRefused
			}
			return nil
		}))
	}
	release()
	for i, r := range results {
		if err := <-r; (i%3 == 1) != errors.Is(err, errRefused) || i%3 != 1 && err != nil {
			t.Errorf("write %d: %v", i, err)
		}
	}
	const size = 250 + 6*3
	want := storedHashes(t, size)
	var indexes []int64
	for i := range want {
		indexes = append(indexes, int64(i))
	}
	compareHashes(t, s, want, indexes)
	next := int64(0)
	if err := s.EachEvent(ctx, 0, 1<<62, func(e store.LedgerEvent) error {
		if e.Seq != next || string(e.Leaf) != string(leaf(next)) {
			t.Errorf("event %d is %d with leaf %s", next, e.Seq, e.Leaf)
		}
		next++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	same(t, next, int64(size))
	next = 0
	if err := s.EachPosting(ctx, store.PostingQuery{}, func(p store.Posting) error {
		if next++; p.ID != next || p.Event != 250+(next-1)/2 {
			t.Errorf("posting %d has ID %d and event %d", next, p.ID, p.Event)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	same(t, next, int64(2*6*3))
	same(t, balances(t, s), []store.Balance{{Account: "a", Currency: "EUR", Amount: 18}, {Account: "b", Currency: "EUR", Amount: -18}})
}

func testLedgerReopen(t *testing.T, fresh func(testing.TB) store.Options) {
	o := fresh(t)
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, 300)
	write(t, s, func(tx *store.Tx) error { return tx.Post(transfer("a", "b", 1, 5)) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = Open(t, o)
	appendEvents(t, s, 520)
	write(t, s, func(tx *store.Tx) error {
		p := transfer("a", "b", 1, 5)
		if err := tx.Post(p); p[1].ID != 4 || err != nil {
			t.Errorf("posting %d, %v; want 4", p[1].ID, err)
		}
		return nil
	})
	want := storedHashes(t, 520)
	compareHashes(t, s, want, []int64{int64(len(want)) - 1, tlog.StoredHashIndex(8, 1), tlog.StoredHashIndex(9, 0)})
}

// Nobody changes the past by accident.
func testGuards(t *testing.T, fresh func(testing.TB) store.Options) {
	o := fresh(t)
	s := Open(t, o)
	appendEvents(t, s, 256)
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.Post(transfer("a", "b", 1, 5)), tx.PutCheckpoint(256, 1, []byte("note")))
	})
	db := raw(t, o)
	for _, statement := range []string{
		"UPDATE ledger_event SET at = 5 WHERE seq = 7", "DELETE FROM ledger_event WHERE seq = 255", "DELETE FROM ledger_event",
		"UPDATE ledger_node SET n = 5", "DELETE FROM ledger_node",
		"UPDATE ledger_checkpoint SET at = 5", "DELETE FROM ledger_checkpoint",
		"UPDATE posting SET amount = 0", "DELETE FROM posting WHERE id = 1",
	} {
		if _, err := db.Exec(statement); err == nil || !strings.Contains(err.Error(), "are never changed") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	Tamper(t, o, "UPDATE ledger_event SET at = 5 WHERE seq = 7", "DELETE FROM ledger_event WHERE seq = 255", "DELETE FROM posting")
	if e, err := s.Events(context.Background(), 7, 1); len(e) != 1 || e[0].At != 5 || err != nil {
		t.Errorf("what was changed is %v, %v", e, err)
	}
	appendEvents(t, s, 255) // the store goes on
	Tamper(t, o, "UPDATE ledger_event SET hash = leaf WHERE seq = 9")
	if h, err := s.LedgerHashes(context.Background(), []int64{tlog.StoredHashIndex(0, 9)}); err == nil {
		t.Errorf("a hash of another size: %v, no error", h)
	}
}
