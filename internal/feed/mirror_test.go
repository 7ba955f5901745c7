package feed_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// TestMirrorHoldsWhatTheStoreHolds loads more than one page, then follows
// changes, steps and deletions; objects of another kind do not show up.
func TestMirrorHoldsWhatTheStoreHolds(t *testing.T) {
	s := open(t)
	write := func(kind string, from, to int, body string, deleted bool) {
		t.Helper()
		err := s.Write(t.Context(), func(tx *store.Tx) error {
			for i := from; i < to; i++ {
				o := store.Object{ObjectKey: store.ObjectKey{
					Kind: kind, Party: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, ID: fmt.Sprint(i),
				}, Body: []byte(body), Deleted: deleted}
				if body == "step" {
					o.Step = []byte{1}
				}
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
	write("locations", 0, 600, "first", false)
	write("tokens", 0, 600, "secret", false)

	held := map[string]string{}
	last := make(chan struct{})
	m := &feed.Mirror{
		Store: s, Kinds: []string{"locations"},
		Step: func(h *store.Object) bool {
			if h.Body != nil {
				t.Error("a head has a body")
			}
			if len(h.Step) > 0 {
				held[h.ID] = "by step"
			}
			return len(h.Step) > 0
		},
		Apply: func(objects []store.Object) {
			for _, o := range objects {
				if held[o.ID] = string(o.Body); o.Deleted {
					delete(held, o.ID)
				}
				if o.Kind != "locations" || o.Seq == 0 {
					t.Errorf("got %s %s", o.Kind, o.ID)
				}
				if o.ID == "900" {
					close(last)
				}
			}
		},
		Report: func(err error) { t.Error(err) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	for complete := false; !complete; time.Sleep(time.Millisecond) {
		_, _, complete = m.Loaded()
	}
	if d, total, _ := m.Loaded(); d != 1200 || total != 1200 {
		t.Errorf("loaded %d of %d, want 1200", d, total)
	}
	write("locations", 100, 110, "step", false)
	write("locations", 200, 210, "second", false)
	write("locations", 300, 310, "", true)
	write("locations", 900, 901, "last", false)
	<-last
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	want := map[string]string{"900": "last"}
	for i := range 600 {
		want[fmt.Sprint(i)] = "first"
	}
	for i := range 10 {
		want[fmt.Sprint(100+i)], want[fmt.Sprint(200+i)] = "by step", "second"
		delete(want, fmt.Sprint(300+i))
	}
	if !maps.Equal(held, want) {
		t.Errorf("holds %d objects, want %d; 100: %q, 200: %q, 300: %q", len(held), len(want), held["100"], held["200"], held["300"])
	}
}
