package letter

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func TestKeep(t *testing.T) {
	ctx := context.Background()
	h := deliverytest.New(t, true)
	partner := h.Join(ocpi.V221, []party.Grant{deliverytest.Grant("DE-EM1", ocpi.RoleEMSP)})
	here, gone := partner.Platform+"/DE-EM1/EMSP", partner.Platform+"/DE-EM2/EMSP"
	key := func(id string) store.ObjectKey {
		return store.ObjectKey{Kind: "locations", Party: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, ID: id}
	}
	write := func(fn func(tx *store.Tx) error) {
		t.Helper()
		if err := h.Store.Write(ctx, fn); err != nil {
			t.Fatal(err)
		}
	}
	for lane, ids := range map[string][]string{here: {"open", "queued", "settled"}, gone: {"a", "b"}} {
		for _, id := range ids {
			write(func(tx *store.Tx) error { return tx.PutDeadLetter(store.DeadLetter{Lane: lane, Key: key(id)}) })
		}
	}
	write(func(tx *store.Tx) error { return tx.SettleDeadLetters(here, key("settled"), store.LetterSuperseded) })
	queued := ""
	list, err := h.Store.DeadLetters(ctx, store.LetterQuery{Lane: here})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Key.ID == "queued" {
			queued = d.ID
		}
	}
	write(func(tx *store.Tx) error {
		_, err := tx.SetDeadLetters(store.LetterQuery{MinID: queued, MaxID: queued}, store.LetterQueued)
		return err
	})
	states := func() map[string]string {
		t.Helper()
		list, err := h.Store.DeadLetters(ctx, store.LetterQuery{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, d := range list {
			out[d.Key.ID] = d.State
		}
		return out
	}
	metrics := prometheus.NewRegistry()
	k := New(Options{Store: h.Store, Registry: h.Registry, Metrics: metrics})
	now := time.Now()
	look := func(at time.Time) {
		t.Helper()
		if err := k.look(ctx, at); err != nil {
			t.Fatal(err)
		}
	}
	look(now.Add(Keep - time.Hour))
	if s := states(); len(s) != 5 || s["open"] != "open" || s["queued"] != "queued" || s["settled"] != "superseded" || s["a"] != "discarded" || s["b"] != "discarded" {
		t.Errorf("after a first look: %v", s)
	}
	audit, err := h.Store.Audit(ctx, "", 10)
	if err != nil || len(audit) != 1 || audit[0].Who != "hub" || audit[0].Count != 2 {
		t.Errorf("audit: %+v, error %v", audit, err)
	}
	look(now.Add(Keep + time.Hour))
	if s := states(); len(s) != 2 || s["open"] != "open" || s["queued"] != "queued" {
		t.Errorf("after 30 days: %v", s)
	}
	families, err := metrics.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 2 {
		t.Fatalf("metrics: %v, error %v", families, err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetGauge().GetValue() != 1 {
			t.Errorf("the gauge is %v", m)
		}
	}
}
