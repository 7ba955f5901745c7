package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/crawl"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/ingress"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/letter"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/station"
)

// This file builds the ways that a message takes: tell (delivery, catalog), ask
// (relay), bill (ledger), and the ingress that leads to them.

// openDelivery starts the lanes. They end before the registry does.
func (a *App) openDelivery(context.Context) error {
	a.delivery = delivery.New(delivery.Options{
		Store: a.store, Registry: a.registry, Egress: a.egress, Trace: a.trace, Hub: a.cfg.Hub.Party(), Lease: a.lease,
		Log: a.log, Metrics: a.metrics,
	})
	a.run("the delivery", a.delivery.Run)
	return nil
}

func (a *App) openCatalog(context.Context) error {
	a.catalog = catalog.New(catalog.Options{
		Store: a.store, Registry: a.registry, Delivery: a.delivery, SignKey: derive(a.sealKey, "links to next pages"),
		Kept: a.ledger.Kept, Log: a.log, Metrics: a.metrics,
	})
	return nil
}

// openCrawler starts what fetches the lists of partners that do not push.
func (a *App) openCrawler(context.Context) error {
	a.crawler = crawl.New(crawl.Options{
		Store: a.store, Registry: a.registry, Egress: a.egress, Lease: a.lease, Trace: a.trace, Hub: a.cfg.Hub.Party(),
		Publish: a.catalog.Publish, Log: a.log, Metrics: a.metrics,
	})
	a.run("the crawler", a.crawler.Run)
	return nil
}

// openLetters starts what looks after the dead letters.
func (a *App) openLetters(context.Context) error {
	letters := letter.New(letter.Options{Store: a.store, Registry: a.registry, Log: a.log, Metrics: a.metrics})
	a.run("the keeper of dead letters", letters.Run)
	return nil
}

// openStations starts what is known in memory of all that was published. Both
// read it in the background; the hub is ready without them.
func (a *App) openStations(context.Context) (err error) {
	a.stations = station.New(station.Options{Store: a.store, Log: a.log, Metrics: a.metrics})
	a.run("the index of stations", a.stations.Run)
	a.quality, err = quality.New(quality.Options{Store: a.store, Log: a.log})
	if err != nil {
		return fmt.Errorf("opening the judge of data quality: %w", err)
	}
	a.run("the judge of data quality", a.quality.Run)
	return nil
}

func (a *App) openRelay(context.Context) error {
	a.relay = relay.New(relay.Options{
		Store: a.store, Registry: a.registry, Egress: a.egress, Trace: a.trace, PublicURL: a.URL(),
		Timeout: a.cfg.ForwardTimeout, AuthorizeTimeout: a.cfg.AuthorizeTimeout, Grace: a.cfg.CommandGrace,
		Log: a.log, Metrics: a.metrics,
	})
	a.run("the relay", a.relay.Run)
	return nil
}

// openLedger starts the bill way. Nothing is published, relayed or taken in before
// it is open.
func (a *App) openLedger(ctx context.Context) error {
	signer, err := openSigner(ctx, a.store, a.URL(), a.sealKey)
	if err != nil {
		return err
	}
	a.ledger = ledger.New(ledger.Options{
		Store: a.store, Registry: a.registry, Relay: a.relay, Lease: a.lease, Trace: a.trace, Signer: signer,
		Hub: a.cfg.Hub.Party(), PublicURL: a.URL(), Log: a.log, Metrics: a.metrics,
	})
	if err := a.ledger.Open(ctx); err != nil {
		return err
	}
	a.run("the ledger", a.ledger.Run)
	return nil
}

func (a *App) openIngress(context.Context) error {
	a.ocpi = ingress.New(ingress.Options{
		Registry: a.registry, Relay: a.relay, Ledger: a.ledger, Catalog: a.catalog, PublicURL: a.URL(),
		Limits: party.Limits{
			RequestsPerSecond: a.cfg.Limits.RequestsPerSecond, Burst: a.cfg.Limits.Burst, Concurrent: a.cfg.Limits.Concurrent,
		},
		MaxBody: int64(a.cfg.MaxBody), Log: a.log, Metrics: a.metrics,
	})
	return nil
}

// derive makes a key for one purpose from the sealing key.
func derive(key []byte, purpose string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte("eroam " + purpose))
	return m.Sum(nil)
}
