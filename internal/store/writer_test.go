package store_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

// Those who are ready to write when the first of them does share its commit. On
// one processor the writer would else begin with that one alone.
func TestReadyWritersShareACommit(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	o := storetest.SQLite(t)
	reg := prometheus.NewRegistry()
	o.Metrics = reg
	s := storetest.Open(t, o)
	const rounds, writers = 20, 20
	for range rounds {
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				err := s.Write(t.Context(), func(tx *store.Tx) error { return tx.SetMeta("m", []byte{byte(i)}) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() != "eroam_store_batch_writes" {
			continue
		}
		h := f.GetMetric()[0].GetHistogram()
		if h.GetSampleSum() != rounds*writers {
			t.Errorf("%v writes, want %d", h.GetSampleSum(), rounds*writers)
		}
		// The scheduler looks after the writer now and then all the same.
		if n := h.GetSampleCount(); n > rounds*3/2 {
			t.Errorf("%d rounds of %d writes took %d commits", rounds, writers, n)
		}
		return
	}
	t.Error("the metric is missing")
}
