package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/config"
	"github.com/eroam/eroam/internal/crawl"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/station"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
)

// parts are what the hub is made of.
type parts struct {
	store    *store.Store
	lease    *lease.Node
	sealKey  []byte
	trace    *trace.Recorder
	egress   *egress.Client
	registry *party.Registry
	delivery *delivery.Delivery
	stations *station.Index
	quality  *quality.Judge
	catalog  *catalog.Catalog
	crawler  *crawl.Crawler
	relay    *relay.Relay
	ledger   *ledger.Ledger
	ocpi     http.Handler
	api      http.Handler
}

// openParts builds the parts from the bottom up, as docs/architecture.md lists
// them, and starts those that run. Stop ends them in the opposite order.
func (a *App) openParts(ctx context.Context) error {
	for _, open := range []func(context.Context) error{
		a.openProcessMetrics, a.openStore, a.openLease, a.openTrace, a.openEgress, a.openRegistry,
		a.openDelivery, a.openRelay, a.openLedger, a.openCatalog, a.openCrawler, a.openLetters, a.openStations, a.openIngress, a.openAPI,
	} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	a.onStop("giving jobs away", a.lease.Retire)
	return nil
}

// openProcessMetrics adds what is not about roaming: Go, the process and the
// build.
func (a *App) openProcessMetrics(context.Context) error {
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

func (a *App) openStore(ctx context.Context) (err error) {
	a.store, err = store.Open(ctx, store.Options{
		Database: a.cfg.Database.Reveal(), Dir: a.cfg.Data, Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	a.onStop("closing the database", func(context.Context) error { return a.store.Close() })
	a.sealKey, err = sealKey(ctx, a.store, a.cfg.Data)
	return err
}

// openLease joins the other processes on a shared database. It goes on until
// every part that has jobs has ended.
func (a *App) openLease(context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	_, port, _ := net.SplitHostPort(a.Addr())
	a.lease = lease.Open(lease.Options{
		Store: a.store, Place: lockPlace(a.lockName()), Name: net.JoinHostPort(host, port), Log: a.log, Metrics: a.metrics,
	})
	a.run("the leases", a.lease.Run)
	return nil
}

func (a *App) openTrace(ctx context.Context) (err error) {
	maxBody := int(a.cfg.Trace.MaxBody)
	if maxBody == 0 {
		maxBody = -1 // none; 0 is the recorder's default
	}
	a.trace, err = trace.Open(ctx, trace.Options{
		Path: filepath.Join(a.cfg.Data, "trace.db"), Key: derive(a.sealKey, "trace"),
		Keep: a.cfg.Trace.Keep, MaxBytes: int64(a.cfg.Trace.MaxSize), MaxBody: maxBody,
		Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return fmt.Errorf("opening the trace: %w", err)
	}
	a.onStop("closing the trace", func(context.Context) error { return a.trace.Close() })
	return nil
}

func (a *App) openEgress(context.Context) error {
	a.egress = egress.New(egress.Options{
		AllowNetworks: a.cfg.AllowNetworks, AllowPorts: a.cfg.AllowPorts,
		MaxResponse: int64(a.cfg.MaxResponse), PerPlatform: a.cfg.Limits.Outbound,
		Log: a.log, Metrics: a.metrics,
	})
	a.onStop("closing connections to partners", func(context.Context) error {
		a.egress.Close()
		return nil
	})
	return nil
}

func (a *App) openRegistry(ctx context.Context) (err error) {
	a.registry, err = party.Open(ctx, party.Options{
		Store: a.store, Egress: a.egress, Trace: a.trace, Lease: a.lease,
		Hub: a.cfg.Hub.Party(), HubName: a.cfg.Hub.Name, PublicURL: a.URL(),
		OpenAgreements: a.cfg.Agreements == config.AgreementsOpen,
		SealKey:        a.sealKey, StillAlive: a.cfg.StillAlive,
		Log: a.log, Metrics: a.metrics,
	})
	if err != nil {
		return fmt.Errorf("reading who is connected: %w", err)
	}
	a.run("the registry", a.registry.Run)
	return nil
}

func (a *App) openAPI(ctx context.Context) error {
	token, first, err := adminToken(ctx, a.store, a.cfg.AdminToken.Reveal(), a.NewAdminToken)
	if err != nil {
		return err
	}
	a.firstToken = first
	hub := a.cfg.Hub.Party()
	a.api, err = api.New(api.Options{
		Registry: a.registry, Store: a.store, Trace: a.trace, Lanes: a.delivery.AllLanes, AdminToken: token,
		Stations: a.stations, Quality: a.quality, Crawler: a.crawler, Ledger: a.ledger,
		Hub: api.Hub{
			CountryCode: hub.CountryCode, PartyID: hub.ID, Name: a.cfg.Hub.Name,
			VersionsURL: a.VersionsURL(), Agreements: a.cfg.Agreements, Version: a.Version,
		},
		Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("building the admin API: %w", err)
	}
	return nil
}
