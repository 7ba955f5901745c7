package storetest

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/store"
)

// A second opening sees what the hub commits, and changes nothing.
func testReader(t *testing.T, fresh func(testing.TB) store.Options) {
	o, ctx := fresh(t), context.Background()
	s := Open(t, o)
	r, err := store.OpenReader(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	same(t, r.Engine(), s.Engine())
	for i := int64(1); i <= 300; i += 100 {
		appendEvents(t, s, i)
		if size, err := r.LedgerSize(ctx); size != i || err != nil {
			t.Errorf("the reader sees %d events, %v; want %d", size, err, i)
		}
	}
	put(t, s, location(cpo1, "a"))
	write(t, s, func(tx *store.Tx) error { return tx.SetMeta("key", []byte("value")) })
	want, _ := object(t, s, location(cpo1, "a").ObjectKey)
	o1, found, err := r.Object(ctx, want.ObjectKey)
	if !found || err != nil {
		t.Errorf("an object: %v, %v", found, err)
	}
	same(t, o1, want)
	if _, found, err := r.Object(ctx, location(cpo1, "b").ObjectKey); found || err != nil {
		t.Errorf("an object that is not there: %v, %v", found, err)
	}
	if v, err := r.Meta(ctx, "key"); string(v) != "value" || err != nil {
		t.Errorf("a value: %q, %v", v, err)
	}
	// In the middle of what it reads the hub writes.
	n := int64(0)
	err = r.EachEvent(ctx, 0, 1<<62, func(e store.LedgerEvent) error {
		if n++; n == 100 {
			appendEvents(t, s, 1500)
		}
		return nil
	})
	if err != nil || n < 201 {
		t.Errorf("%d events, %v", n, err)
	}
	// The hub ends first.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if size, err := r.LedgerSize(ctx); size != 1500 || err != nil {
		t.Errorf("after the hub the reader sees %d events, %v", size, err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	s = Open(t, o)
	if size, err := s.LedgerSize(ctx); size != 1500 || err != nil {
		t.Errorf("after the reader the hub sees %d events, %v", size, err)
	}
}

func testReaderRefuses(t *testing.T, fresh func(testing.TB) store.Options) {
	o, ctx := fresh(t), context.Background()
	refused := func(why string) {
		t.Helper()
		r, err := store.OpenReader(ctx, o)
		if err == nil {
			_ = r.Close()
			t.Fatalf("opened; want an error with %q", why)
		}
		if !strings.Contains(err.Error(), why) {
			t.Errorf("the error is %q; want one with %q", err, why)
		}
	}
	if o.Database == "" {
		refused("eroam.db: no such file")
		if files, err := os.ReadDir(o.Dir); len(files) != 0 || err != nil {
			t.Errorf("it made %v, %v", files, err)
		}
	} else {
		refused("does not look like a database of this program")
	}
	Open(t, o)
	Tamper(t, o, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
	refused("a newer version has used it")
	Tamper(t, o, "DELETE FROM goose_db_version WHERE version_id > 3")
	refused("start the hub once")
}

// What is read in parts is all there, once, in order, whatever the number, and
// ends with the error of the function.
func testParts(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	count := func(want int, each func(fn func() error) error) {
		t.Helper()
		n := 0
		if err := each(func() error { n++; return nil }); err != nil || n != want {
			t.Errorf("%d rows, %v; want %d", n, err, want)
		}
		if want > 0 {
			n = 0
			err := each(func() error { n++; return errRefused })
			if !errors.Is(err, errRefused) || n != 1 {
				t.Errorf("after a failure: %d rows, %v", n, err)
			}
		}
	}
	for _, size := range []int64{0, 1, 499, 500, 501, 1000, 1001} {
		if size > 0 {
			appendEvents(t, s, size)
		}
		write(t, s, func(tx *store.Tx) error {
			for i := range size {
				if i > 0 {
					if _, found, err := tx.CDRByID(i); found || err != nil {
						if err != nil {
							return err
						}
						continue
					}
					c := someCDR(i)
					c.Received = 5
					if err := tx.InsertCDR(&c); err != nil {
						return err
					}
					if err := tx.Post([]store.Posting{{Account: "a", Currency: "EUR", At: 3}}); err != nil {
						return err
					}
				}
				if err := tx.PutCDREvidence(i, []byte("evidence")); err != nil {
					return err
				}
			}
			return nil
		})
		n, cdrs := int(size), max(0, int(size)-1)
		count(n, func(fn func() error) error {
			return s.EachEvent(ctx, 0, 1<<62, func(store.LedgerEvent) error { return fn() })
		})
		count(n/2, func(fn func() error) error {
			return s.EachEvent(ctx, 0, size/2, func(store.LedgerEvent) error { return fn() })
		})
		count(n, func(fn func() error) error {
			return s.EachEvidence(ctx, func(int64, []byte) error { return fn() })
		})
		for _, limit := range []int{0, 1, 500, 700, 5000} {
			want := cdrs
			if limit > 0 {
				want = min(cdrs, limit)
			}
			count(want, func(fn func() error) error {
				return s.EachCDR(ctx, store.CDRQuery{Limit: limit, From: 5}, func(store.LedgerCDR) error { return fn() })
			})
			count(want, func(fn func() error) error {
				return s.EachPosting(ctx, store.PostingQuery{Limit: limit, To: 4}, func(store.Posting) error { return fn() })
			})
		}
		count(0, func(fn func() error) error {
			return s.EachCDR(ctx, store.CDRQuery{From: 6}, func(store.LedgerCDR) error { return fn() })
		})
	}
}
