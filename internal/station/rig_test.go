package station

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

var cp1, cp2 = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, ocpi.PartyID{CountryCode: "BE", ID: "CP2"}

// rig is an index that follows a real store.
type rig struct {
	*Index
	t     *testing.T
	store *store.Store
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), storetest.SQLite(t))
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return &rig{New(Options{Store: s, Log: slog.New(slog.DiscardHandler)}), t, s}
}

// run begins to follow the store; the test waits for its end.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Error(err)
		}
	})
}

// write puts an object and returns its place in the feed.
func (r *rig) write(o store.Object) int64 {
	r.t.Helper()
	o.Kind, o.Version = "locations", "2.2.1"
	if o.Name == "" {
		o.Name = o.ID
	}
	o.ID = ocpi.FoldID(o.ID)
	check(r.t, r.store.Write(r.t.Context(), func(tx *store.Tx) error { return tx.PutObject(&o) }))
	return o.Seq
}

func object(party ocpi.PartyID, id, body string) store.Object {
	return store.Object{ObjectKey: store.ObjectKey{Party: party, ID: id}, Body: []byte(body)}
}

// until waits until the index satisfies a condition.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("it never came to this: %s", what)
		}
	}
}

// at waits until the index holds a place of the feed for an object.
func (r *rig) at(party ocpi.PartyID, id string, seq int64) {
	r.t.Helper()
	r.until(fmt.Sprintf("%s is at %d", id, seq), func() bool {
		r.mu.RLock()
		defer r.mu.RUnlock()
		p := r.places[keyOf(party, id)]
		return p != nil && p.seq == seq
	})
}

func patchStatus(party ocpi.PartyID, id, uid, body string) []byte {
	s := feed.Step{Method: "PATCH", Path: []string{party.CountryCode, party.ID, id, uid}, Version: "2.2.1", Body: []byte(body)}
	return s.Encode()
}

// one is a Location with an EVSE for each status.
func one(lat, lon float64, statuses ...string) string {
	body := fmt.Sprintf(`{"name":"At the mill","address":"Mill 1","city":"Ede","country":"NLD","publish":true,
		"coordinates":{"latitude":"%.7f","longitude":"%.7f"},"evses":[`, lat, lon)
	for i, s := range statuses {
		if i > 0 {
			body += ","
		}
		body += fmt.Sprintf(`{"uid":"E%d","status":"%s","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET",
			"power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,"max_electric_power":null}]}`, i, s)
	}
	return body + `]}`
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
