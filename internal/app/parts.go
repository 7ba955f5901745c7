package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/eroam/eroam/internal/store"
)

// parts are what the hub is made of.
type parts struct {
	store *store.Store
	ocpi  http.Handler
	api   http.Handler
}

// openParts builds the parts from the bottom up, as docs/architecture.md lists
// them, and starts those that run.
func (a *App) openParts(ctx context.Context) error {
	if err := a.registerProcessMetrics(); err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Options{Database: a.cfg.Database.Reveal(), Dir: a.cfg.Data, Log: a.log})
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	a.store = db
	a.onStop("closing the database", func(context.Context) error { return db.Close() })
	key, err := sealKey(ctx, db, a.cfg.Data)
	if err != nil {
		return err
	}
	_ = key
	a.ocpi = http.NotFoundHandler()
	a.api = http.NotFoundHandler()
	return nil
}

// registerProcessMetrics adds what is not about roaming: Go, the process and
// the build.
func (a *App) registerProcessMetrics() error {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "eroam_build_info", Help: "Always 1; the label says what was built.",
		ConstLabels: prometheus.Labels{"version": a.Version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build,
	} {
		if err := a.metrics.Register(c); err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}
