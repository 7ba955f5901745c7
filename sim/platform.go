package sim

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// Party is a party behind a platform.
type Party struct {
	ID   ocpi.PartyID
	Role ocpi.Role
	Name string
}

// Config is what every simulated platform needs. Only the parties are required;
// [NewCPO] and [NewEMSP] fill them in.
type Config struct {
	Name     string       // in logs; default: the first party
	Version  ocpi.Version // the one version it speaks; default 2.2.1
	Encoding ocpi.TokenEncoding
	Listen   string // default 127.0.0.1:0
	Seed     uint64
	Clock    *Clock        // nil: real time
	Timeout  time.Duration // of one request, real time; default 15 s
	RetryFor time.Duration // how long it tries to deliver what must arrive, real time; default 60 s
	Faults   Faults
	// PageLimit is the largest number of objects in one answer; default 100.
	PageLimit int
	Log       *slog.Logger // nil: silent
}

// Platform is the part that all simulated partners have in common: an HTTP
// server with versions, details and credentials, a client with the peer's
// endpoints and token, and a journal. Make one with [NewCPO] or [NewEMSP].
type Platform struct {
	cfg      Config
	parties  []Party
	wire     wire
	log      *slog.Logger
	client   *http.Client
	faults   faulty
	journal  Journal
	handlers map[endpoint]handler

	ctx    context.Context // of what the platform does by itself
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	server   *http.Server // nil while it has disappeared
	addr     string
	accepts  map[string]tokenKind // tokens that open this platform
	mine     string               // the newest of them that the peer has
	peer     peer
	closed   bool
	register sync.Mutex // one credentials exchange at a time
}

type endpoint struct {
	module ocpi.Module
	side   ocpi.Interface
}

// handler answers a request to one interface of a module.
type handler func(ctx context.Context, c *call) (*reply, error)

// peer is the other end of the connection.
type peer struct {
	peerIdentity
	endpoints  map[endpoint]string
	registered bool
}

// peerIdentity is what credentials say about the other end.
type peerIdentity struct {
	token, url string
	hub        ocpi.PartyID // zero where it is not a hub
	parties    []ocpi.PartyID
}

func (p peerIdentity) check() error {
	switch {
	case !ocpi.ValidToken(p.token):
		return ocpi.Invalid("token", "must be 1 to 64 printable characters")
	case p.url == "":
		return ocpi.Invalid("url", "is required")
	case len(p.parties) == 0:
		return ocpi.Invalid("roles", "at least one is required")
	}
	return nil
}

type tokenKind uint8

const (
	tokenA       tokenKind = iota + 1 // opens versions and credentials
	tokenOffered                      // given in a registration whose answer has not come yet; opens the modules already
	tokenFull
)

func newPlatform(cfg Config, parties []Party) (*Platform, error) {
	if len(parties) == 0 {
		return nil, errors.New("a platform needs at least one party")
	}
	if cfg.Version == "" {
		cfg.Version = ocpi.V221
	}
	if !cfg.Version.Known() {
		return nil, fmt.Errorf("OCPI %s is not simulated", cfg.Version)
	}
	if cfg.Name == "" {
		cfg.Name = parties[0].ID.String()
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.PageLimit <= 0 {
		cfg.PageLimit = pageLimit
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 15 * time.Second
	}
	if cfg.RetryFor == 0 {
		cfg.RetryFor = time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Encoding == "" {
		cfg.Encoding = ocpi.EncodingBase64
	}
	p := &Platform{
		cfg: cfg, parties: parties, wire: wireOf(cfg.Version), log: cfg.Log.With("platform", cfg.Name),
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 16, MaxConnsPerHost: 32, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Timeout:       cfg.Timeout,
		},
		handlers: make(map[endpoint]handler), accepts: make(map[string]tokenKind),
	}
	p.faults.faults = cfg.Faults
	p.faults.rng = random(cfg.Seed, cfg.Name, "faults")
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// start opens the listener; handlers must be set before.
func (p *Platform) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.listen(p.cfg.Listen)
}

// listen serves on addr; p.mu is held.
func (p *Platform) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listening for %s: %w", p.cfg.Name, err)
	}
	p.addr = l.Addr().String()
	srv := &http.Server{
		Handler: p, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	p.server = srv
	p.wg.Go(func() { _ = srv.Serve(l) }) // ends with Close, which says why
	return nil
}

// URL returns the base of everything that the platform serves.
func (p *Platform) url(path string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return "http://" + p.addr + "/ocpi" + path
}

// VersionsURL returns the address of the platform's versions endpoint, which is
// what partners are told offline.
func (p *Platform) VersionsURL() string { return p.url("/versions") }

// Name returns the name in logs and reports.
func (p *Platform) Name() string { return p.cfg.Name }

// Version returns the OCPI version that the platform speaks.
func (p *Platform) Version() ocpi.Version { return p.cfg.Version }

// Parties returns the parties behind the platform.
func (p *Platform) Parties() []Party { return append([]Party(nil), p.parties...) }

// Journal returns what the platform has sent and received.
func (p *Platform) Journal() *Journal { return &p.journal }

// SetFaults changes how the platform misbehaves from the next request on.
func (p *Platform) SetFaults(f Faults) { p.faults.set(f) }

// Registered reports whether the platform has exchanged credentials with a peer.
func (p *Platform) Registered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peer.registered
}

// Disappear closes the listener and all connections: requests to the platform
// are refused until [Platform.Return]. What it sends is not affected.
func (p *Platform) Disappear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		_ = p.server.Close() // nothing is left to do about a listener that does not close
		p.server = nil
	}
}

// Return listens at the same address again.
func (p *Platform) Return() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil || p.closed {
		return nil
	}
	return p.listen(p.addr)
}

// Close ends the platform and waits for everything that it does to end. It tells
// nobody: see [Platform.Unregister].
func (p *Platform) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.Disappear()
	p.client.CloseIdleConnections()
	p.wg.Wait()
}

// do runs f in the background until it ends or the platform is closed. It
// reports false and does nothing on a closed platform.
func (p *Platform) do(f func(ctx context.Context)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.wg.Go(func() { f(p.ctx) })
	return true
}

// peerParty returns the receiver of pushes that are meant for everybody: the hub,
// or the party of a peer that is no hub.
func (p *Platform) peerParty() ocpi.PartyID {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.peer.hub.IsZero() || len(p.peer.parties) == 0 {
		return p.peer.hub
	}
	return p.peer.parties[0]
}

// endpoints lists what the platform serves.
func (p *Platform) endpoints() []v221.Endpoint {
	base := "/" + string(p.cfg.Version)
	out := []v221.Endpoint{{Identifier: string(ocpi.Credentials), Role: v221.InterfaceRole(ocpi.Sender), URL: p.url(base + "/credentials")}}
	for e := range p.handlers {
		out = append(out, v221.Endpoint{Identifier: string(e.module), Role: v221.InterfaceRole(e.side), URL: p.url(base + e.path())})
	}
	return out
}

func (e endpoint) path() string {
	if e.side == ocpi.Sender {
		return "/sender/" + string(e.module)
	}
	return "/receiver/" + string(e.module)
}

// newToken returns a fresh credentials token.
func newToken() string { return rand.Text() + rand.Text() }
