package simulation

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/egress"
	partner "github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/simulation/virtualnet"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

var hubID = ocpi.PartyID{CountryCode: "DE", ID: "HUB"}

// hub is the hub from the store to the lanes, on a virtual network.
type hub struct {
	t       *testing.T
	options store.Options
	network *virtualnet.Network

	store    *store.Store
	egress   *egress.Client
	registry *partner.Registry
	delivery *delivery.Delivery
	catalog  *catalog.Catalog
	stop     context.CancelFunc
	ended    chan error
}

// up starts the hub. It must have been stopped, or be new.
func (h *hub) up() {
	h.t.Helper()
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("EROAM_SIM_LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	var err error
	// Waiting for the network would keep the clock from going on, and nobody
	// else writes.
	h.options.NoListen, h.options.Poll = true, time.Minute
	if h.store, err = store.Open(ctx, h.options); err != nil {
		h.t.Fatal(err)
	}
	h.egress = egress.New(egress.Options{Dial: h.network.Dial, AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	h.registry, err = partner.Open(ctx, partner.Options{
		Store: h.store, Egress: h.egress, Hub: hubID, HubName: "Hub", PublicURL: "http://10.255.0.1", SealKey: []byte(strings.Repeat("k", 32)), Log: log,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.delivery = delivery.New(delivery.Options{
		Store: h.store, Registry: h.registry, Egress: h.egress, Hub: hubID, Log: log,
		Timeout: requestTimeout, MinBackoff: time.Second, MaxBackoff: maxBackoff,
	})
	h.catalog = catalog.New(catalog.Options{Store: h.store, Registry: h.registry, Delivery: h.delivery, SignKey: []byte("sign")})
	ctx, h.stop = context.WithCancel(ctx)
	h.ended = make(chan error, 2)
	d, r, ended := h.delivery, h.registry, h.ended
	go func() { ended <- d.Run(ctx) }()
	go func() { ended <- r.Run(ctx) }()
}

const (
	requestTimeout = 8 * time.Second
	maxBackoff     = 15 * time.Minute
)

// down stops the hub. Killed, it cannot write how far its lanes are.
func (h *hub) down(kill bool) {
	h.t.Helper()
	if kill {
		if err := h.store.Close(); err != nil {
			h.t.Error(err)
		}
	}
	h.stop()
	for range 2 {
		if err := <-h.ended; err != nil && !errors.Is(err, context.Canceled) && !kill {
			h.t.Errorf("a part of the hub ended with %v", err)
		}
	}
	h.egress.Close()
	if err := h.store.Close(); err != nil {
		h.t.Error(err)
	}
}

func (h *hub) restart(kill bool) {
	h.t.Helper()
	h.down(kill)
	h.up()
}
