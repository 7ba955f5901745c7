package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/store"
)

// Writes that are in no hurry share the commits of others and cause none, however
// many there are; alone they are written when their time has come.
func testWriteLater(t *testing.T, fresh func(testing.TB) store.Options) {
	for name, push := range map[string]func(*store.Store) error{
		"others": func(s *store.Store) error {
			return s.Write(context.Background(), func(*store.Tx) error { return nil })
		},
		"one whose time has come": func(s *store.Store) error {
			return s.WriteLater(context.Background(), 0, func(*store.Tx) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := prometheus.NewRegistry()
			o := fresh(t)
			o.Metrics = r
			s := Open(t, o)
			const n = 20
			results := make(chan error, n)
			for i := range n {
				go func() {
					results <- s.WriteLater(context.Background(), time.Hour, func(tx *store.Tx) error {
						if i == 3 {
							return errRefused
						}
						return tx.SetMeta(fmt.Sprint(i), []byte{1})
					})
				}()
			}
			commits, failed := 0, 0
			for done := 0; done < n; {
				if err := push(s); err != nil {
					t.Fatal(err)
				}
				if commits++; commits > 5000 {
					t.Fatalf("after %d commits of others only %d of %d are written", commits, done, n)
				}
				for len(results) > 0 {
					if err := <-results; errors.Is(err, errRefused) {
						failed++
					} else if err != nil {
						t.Error(err)
					}
					done++
				}
			}
			same(t, failed, 1)
			same(t, marked(t, s, n), n-1)
			if got, want := gather(t, r), fmt.Sprintf("eroam_store_batch_writes 0 %d %d", commits, commits+n); !slices.Contains(got, want) {
				t.Errorf("%v; want %q", got, want)
			}
		})
	}
}

// Who gives up waiting is not written, and closing writes what waits.
func testWriteLaterEnds(t *testing.T, fresh func(testing.TB) store.Options) {
	o := fresh(t)
	s := Open(t, o)
	ctx, cancel := context.WithCancel(context.Background())
	mark := func(name string) func(*store.Tx) error {
		return func(tx *store.Tx) error { return tx.SetMeta(name, []byte{1}) }
	}
	gone, waits := make(chan error, 1), make(chan error, 1)
	go func() { gone <- s.WriteLater(ctx, time.Hour, mark("gone")) }()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	begun := make(chan struct{})
	go func() {
		close(begun)
		waits <- s.WriteLater(context.Background(), time.Second, mark("waits"))
	}()
	<-begun
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err := <-waits
	if err := s.WriteLater(context.Background(), 0, mark("late")); !errors.Is(err, store.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	s = Open(t, o)
	v, metaErr := s.Meta(context.Background(), "waits")
	if metaErr != nil || (err == nil) != (len(v) > 0) || err != nil && !errors.Is(err, store.ErrClosed) {
		t.Errorf("what waited: %v, and is there: %q, %v", err, v, metaErr)
	}
	for _, name := range []string{"gone", "late"} {
		if v, err := s.Meta(context.Background(), name); v != nil || err != nil {
			t.Errorf("%s is there: %q, %v", name, v, err)
		}
	}
}
