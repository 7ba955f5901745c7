package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/bench/usage"
)

// hanging measures the lag under a steady load, first with all receivers well,
// then with a tenth of them accepting connections and never answering. Only the
// other nine tenths count, in both.
func (f *stage) hanging(ctx context.Context) error {
	sick := f.n / 10
	rate := f.o.share * f.lastRate() / float64(f.n)
	fmt.Printf("fanout to %d: %.1f status changes/s for %v, first all well, then %d receivers hanging\n", f.n, rate, f.o.pace, sick)
	if err := f.rest(ctx); err != nil {
		return err
	}
	well, err := f.paced(ctx, rate, 0, sick)
	if err != nil {
		return err
	}
	f.result(f.name+"lag_p50", well.P50, "ms", int(well.Lagged))
	f.result(f.name+"lag_p99", well.P99, "ms", int(well.Lagged))
	ill, err := f.paced(ctx, rate, sick, sick)
	if err != nil {
		return err
	}
	f.result(f.name+"hanging_lag_p50", ill.P50, "ms", int(ill.Lagged))
	f.result(f.name+"hanging_lag_p99", ill.P99, "ms", int(ill.Lagged))
	f.add(row{Line: result.Line{Name: f.name + "hanging_lag_p99_ratio", Value: ill.P99 / well.P99, Unit: "times", N: int(ill.Lagged)}, Most: 1.5})
	rss, _ := usage.Memory(f.hub.Pid())
	f.result(f.name+"hanging_rss", rss, "MiB", 1)
	return nil
}

// restLimit is longer than the hub keeps connections that nobody uses.
const restLimit = 75 * time.Second

// rest waits until the hub has closed the thousands of connections that only the
// bursts needed: it would do so during one of the measurements and not the other.
// Then it has one opened to each receiver.
func (f *stage) rest(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < restLimit; time.Sleep(time.Second) {
		n, err := f.hub.gauge("eroam_egress_connections_open")
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if n <= float64(f.n)/2 {
			break
		}
	}
	for range 3 {
		if err := f.reset(0, 0); err != nil {
			return err
		}
		if err := f.change(); err != nil {
			return err
		}
		if _, err := f.settle(ctx, int64(f.n)); err != nil {
			return err
		}
	}
	return nil
}

// lastRate is the rate that the bursts reached.
func (f *stage) lastRate() float64 {
	for _, row := range slices.Backward(f.state.Rows) {
		if row.Name == f.name+"rate" {
			return row.Value
		}
	}
	return float64(f.n)
}

func (f *stage) paced(ctx context.Context, rate float64, hanging, uncounted int) (tally, error) {
	if err := f.reset(hanging, uncounted); err != nil {
		return tally{}, err
	}
	before := usage.Now(f.hub.Pid(), f.inbox.Process.Pid)
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	changes := 0
	for time.Since(before.At) < f.o.pace {
		select {
		case <-ctx.Done():
			return tally{}, ctx.Err()
		case <-tick.C:
		}
		if err := f.change(); err != nil {
			return tally{}, err
		}
		changes++
	}
	t, err := f.settle(ctx, int64(changes)*int64(f.n-uncounted))
	s := before.Since()
	fmt.Printf("  %d changes, %d deliveries (%d expected), %d unanswered: lag p50 %.1f, p99 %.1f, at most %.0f ms; %s\n",
		changes, t.Total, changes*(f.n-uncounted), t.Hung, t.P50, t.P99, t.Max, s)
	return t, err
}
