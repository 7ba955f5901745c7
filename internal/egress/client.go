package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Defaults of [Options].
const (
	defaultMaxResponse = 4 << 20
	defaultPerPlatform = 32
	defaultWait        = 100 * time.Millisecond
	defaultTimeout     = 30 * time.Second
	defaultIdle        = 45 * time.Second
	maxConnAge         = 10 * time.Minute // so that a partner who moves to another address is followed
)

// Options configure a [Client]. The zero value reaches public addresses over
// https on the ports 443 and 8443 and nothing else.
type Options struct {
	// AllowNetworks are reachable although they are private, over http as well
	// as https and on any port. Everything else that IANA lists as
	// special-purpose is refused when the connection is made.
	AllowNetworks []netip.Prefix
	// AllowPorts replaces the ports 443 and 8443 outside AllowNetworks.
	AllowPorts []uint16
	// RootCAs are trusted beside those of the system.
	RootCAs []*x509.Certificate
	// Resolver looks host names up; nil is the system's.
	Resolver *net.Resolver
	// Dial makes connections instead of the system, for tests on a network in
	// memory. network is tcp4 or tcp6, and address a literal address with its
	// port: names are looked up before, and the guard has allowed it. The
	// connection must honour deadlines, and Write to one that its peer has closed
	// must fail without taking a byte. Where TLS is wanted it is spoken over it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	MaxResponse int64         // bytes of a response body; default 4 MiB
	PerPlatform int           // exchanges in flight to one platform; default 32
	Wait        time.Duration // for a place in a full bulkhead; default 100 ms, negative: fail at once
	IdleTimeout time.Duration // of an unused connection; default 45 s
	// MaxConns bounds the connections to all platforms together. When they are
	// used up, one that nobody uses is closed for a new one; when there is none,
	// the exchange fails as Busy. Default: 60 % of the files that the system lets
	// this process open.
	MaxConns int

	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Client sends requests to partners over HTTP/1.1.
//
// It guarantees that
//   - a request of which a byte may have left this machine is never sent again;
//   - every exchange ends by its deadline and takes no more memory than
//     MaxResponse and 64 KiB of header;
//   - no connection is made to an address that the guard refuses, whatever a
//     name resolves to and however often that changes;
//   - redirects are not followed, proxies are not used, no cookie is kept, and
//     compressed answers are neither asked for nor unpacked;
//   - certificates are always verified, with TLS 1.2 or later;
//   - a platform that hangs holds its own bulkhead and nothing else.
//
// A Client starts no goroutines. It is safe for concurrent use.
type Client struct {
	opt     Options
	guard   *guard
	tls     *tls.Config
	log     *slog.Logger
	metrics *metrics

	mu        sync.RWMutex
	platforms map[string]*platform
	closed    bool

	open  atomic.Int64 // connections, those too that are being made
	short atomic.Int64 // when it was last logged that there are too few, Unix s
}

var errClosed = errors.New("egress client is closed")

// New returns a Client. Close releases its connections.
func New(opt Options) *Client {
	opt.MaxResponse = cmp.Or(opt.MaxResponse, defaultMaxResponse)
	opt.PerPlatform = cmp.Or(opt.PerPlatform, defaultPerPlatform)
	opt.Wait = cmp.Or(opt.Wait, defaultWait)
	opt.MaxConns = cmp.Or(opt.MaxConns, maxFiles()*6/10, math.MaxInt)
	opt.IdleTimeout = cmp.Or(opt.IdleTimeout, defaultIdle)
	c := &Client{
		opt:       opt,
		guard:     newGuard(opt.AllowNetworks, opt.AllowPorts),
		log:       cmp.Or(opt.Log, slog.New(slog.DiscardHandler)),
		platforms: make(map[string]*platform),
		tls: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			NextProtos:         []string{"http/1.1"},
			RootCAs:            roots(opt.RootCAs, opt.Log),
			ClientSessionCache: tls.NewLRUClientSessionCache(256),
		},
	}
	c.metrics = newMetrics(opt.Metrics, c)
	return c
}

// roots returns the system's pool with extra added, or nil for the system's own.
func roots(extra []*x509.Certificate, log *slog.Logger) *x509.CertPool {
	if len(extra) == 0 {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		if log != nil {
			log.Warn("cannot read the certificates of the system", "err", err)
		}
		pool = x509.NewCertPool()
	}
	for _, cert := range extra {
		pool.AddCert(cert)
	}
	return pool
}

// Do sends r and reads the whole answer, whatever its HTTP status. The error
// is an [*Error]. r.Timeout (30 s when zero) and ctx bound everything: waiting
// for a place, connecting, sending, reading. r.Body and r.Header are not kept.
//
// The headers Host, Content-Length, Connection and the like are the client's
// own; where r.Header has them they are not sent. A body without Content-Type
// is sent as application/json.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	resp, err := c.do(ctx, r)
	c.metrics.count(err)
	if err != nil {
		return Response{}, err
	}
	return resp, nil
}

func (c *Client) do(ctx context.Context, r Request) (Response, *Error) {
	var t target
	var err error
	if r.To != nil {
		t, err = r.To.at(r.URL)
	} else {
		t, err = parseTarget(r.URL)
	}
	if err != nil {
		return Response{}, fail(Unreachable, fmt.Errorf("%s: %w", "URL of a partner", err))
	}
	deadline := time.Now().Add(cmp.Or(r.Timeout, defaultTimeout))
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	if over(r.NotAfter) {
		return Response{}, fail(Busy, errTooLate)
	}
	if !r.NotAfter.IsZero() && r.NotAfter.Before(deadline) {
		deadline = r.NotAfter
	}
	buf := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	defer putBuffer(buf)
	if *buf, err = appendRequest((*buf)[:0], t, &r); err != nil {
		return Response{}, fail(Unreachable, err)
	}
	p, err := c.platform(r.Platform)
	if err != nil {
		return Response{}, fail(Unreachable, err)
	}
	if err := p.enter(ctx, min(c.opt.Wait, time.Until(deadline))); err != nil {
		return Response{}, fail(Busy, err)
	}
	defer p.leave()
	return c.exchange(ctx, p, t, &r, *buf, deadline)
}

// exchange sends the request on an idle connection or a new one. It goes on to
// another connection only when not a byte was written to the one before.
func (c *Client) exchange(ctx context.Context, p *platform, t target, r *Request, head []byte, deadline time.Time) (Response, *Error) {
	for {
		conn := p.take(t.key(), time.Now())
		reused := conn != nil
		if conn == nil {
			var err error
			if conn, err = c.connect(ctx, t, deadline); err != nil {
				switch {
				case over(r.NotAfter):
					return Response{}, fail(Busy, errTooLate)
				case errors.Is(err, errShort):
					return Response{}, fail(Busy, err)
				}
				return Response{}, fail(Unreachable, err)
			}
		}
		if r.Permit != nil {
			if err := r.Permit(); err != nil {
				keep := c.opt.IdleTimeout
				if reused {
					keep = conn.keep - time.Since(conn.idle)
				}
				p.put(conn, keep)
				return Response{}, fail(Withdrawn, err)
			}
		}
		resp, keep, err := conn.roundTrip(ctx, r, head, deadline, c.opt.MaxResponse)
		if err == nil && keep > 0 {
			p.put(conn, min(keep, c.opt.IdleTimeout))
		} else {
			conn.Close()
		}
		if err != nil && reused && !conn.wrote() && ctx.Err() == nil && time.Now().Before(deadline) {
			continue // the peer had closed it; nothing was sent
		}
		return resp, err
	}
}

// connect opens a connection, with TLS where the target wants it.
func (c *Client) connect(ctx context.Context, t target, deadline time.Time) (*conn, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	if !c.reserve() {
		return nil, errShort
	}
	raw, err := c.dial(ctx, t)
	c.metrics.dialled(err)
	if err != nil {
		c.open.Add(-1)
		return nil, fmt.Errorf("connecting: %w", err)
	}
	conn := newConn(raw, t.key())
	conn.open = &c.open
	if !t.tls {
		return conn, nil
	}
	cfg := c.tls.Clone()
	cfg.ServerName = t.host
	if err := conn.startTLS(ctx, cfg); err != nil {
		conn.Close()
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	return conn, nil
}

// dial connects to t, at the first of its addresses that answers. The guard sees
// every address before.
func (c *Client) dial(ctx context.Context, t target) (net.Conn, error) {
	if c.opt.Dial == nil {
		d := net.Dialer{Resolver: c.opt.Resolver, ControlContext: c.guard.control(t.tls)}
		return d.DialContext(ctx, "tcp", t.dialAddress())
	}
	addrs := []netip.Addr{t.addr}
	if !t.addr.IsValid() {
		var err error
		if addrs, err = cmp.Or(c.opt.Resolver, net.DefaultResolver).LookupNetIP(ctx, "ip", t.host); err != nil {
			return nil, err
		}
	}
	var failed error
	for _, addr := range addrs {
		ap := netip.AddrPortFrom(addr.Unmap(), t.port)
		network := "tcp6"
		if ap.Addr().Is4() {
			network = "tcp4"
		}
		err := c.guard.check(ap, t.tls)
		if err == nil {
			var conn net.Conn
			if conn, err = c.opt.Dial(ctx, network, ap.String()); err == nil {
				return conn, nil
			}
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func (c *Client) platform(id string) (*platform, error) {
	c.mu.RLock()
	p, closed := c.platforms[id], c.closed
	c.mu.RUnlock()
	if p != nil || closed {
		if closed {
			return nil, errClosed
		}
		return p, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed
	}
	if p = c.platforms[id]; p == nil {
		p = newPlatform(c.opt.PerPlatform)
		c.platforms[id] = p
	}
	return p, nil
}

// Forget drops what is kept for a platform and closes its idle connections.
// Exchanges in flight end as they would have.
func (c *Client) Forget(platformID string) {
	c.mu.Lock()
	p := c.platforms[platformID]
	delete(c.platforms, platformID)
	c.mu.Unlock()
	if p != nil {
		p.close()
	}
}

// Close closes all idle connections. Exchanges in flight end as they would
// have; later ones fail.
func (c *Client) Close() {
	c.mu.Lock()
	all := c.platforms
	c.platforms, c.closed = nil, true
	c.mu.Unlock()
	for _, p := range all {
		p.close()
	}
	c.metrics.unregister()
}

func fail(f Failure, err error) *Error { return &Error{Failure: f, Err: err} }
