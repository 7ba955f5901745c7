package conform

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Endpoint is one line of a peer's version details.
type Endpoint struct {
	Module    ocpi.Module
	Interface ocpi.Interface
}

// Role is one entry of the roles in a credentials object.
type Role struct {
	CountryCode string
	PartyID     string
	Role        ocpi.Role
}

func (r Role) String() string { return r.CountryCode + "-" + r.PartyID + ":" + string(r.Role) }

// Peer is a scripted OCPI platform: an HTTP server that records every request
// and answers like a proper platform unless a rule says otherwise, see [Peer.On].
// Its methods may be called from any goroutine.
type Peer struct {
	Name string

	listenHost, publicHost string

	mu        sync.Mutex
	server    *http.Server
	stopped   context.CancelFunc // ends requests that hang
	addr      string             // where it listens, and listens again after Stop
	prefix    string             // of every functional endpoint; see Move
	versions  []ocpi.Version
	endpoints map[ocpi.Version][]Endpoint
	roles     []Role
	accepts   map[string]bool // tokens that it lets in
	encoding  ocpi.TokenEncoding
	rules     []*rule
	seen      []*Request
	news      chan struct{} // closed and replaced when seen grows
	joined    joined        // what the other side POSTed to its credentials
}

// NewPeer starts a peer. It listens on a free port of listenHost, and names
// itself publicHost in its URLs ("" for the same).
func NewPeer(name, listenHost, publicHost string, roles ...Role) (*Peer, error) {
	p := &Peer{
		Name: name, listenHost: listenHost, publicHost: publicHost, roles: roles,
		prefix:    "/api/ocpi",
		versions:  []ocpi.Version{ocpi.V221},
		endpoints: make(map[ocpi.Version][]Endpoint),
		accepts:   make(map[string]bool),
		encoding:  ocpi.EncodingBase64,
		news:      make(chan struct{}),
	}
	for _, v := range ocpi.Versions() {
		p.endpoints[v] = EndpointsOf(v, roles...)
	}
	p.addr = net.JoinHostPort(listenHost, "0")
	if err := p.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

// EndpointsOf lists the endpoints that a platform with these roles usually has.
func EndpointsOf(v ocpi.Version, roles ...Role) []Endpoint {
	list := []Endpoint{{ocpi.Credentials, ocpi.Receiver}, {ocpi.HubClientInfo, ocpi.Receiver}}
	has := map[Endpoint]bool{}
	add := func(i ocpi.Interface, modules ...ocpi.Module) {
		for _, m := range modules {
			if e := (Endpoint{m, i}); m.Standard(v) && !has[e] {
				has[e] = true
				list = append(list, e)
			}
		}
	}
	for _, r := range roles {
		switch r.Role {
		case ocpi.RoleCPO:
			add(ocpi.Sender, ocpi.Locations, ocpi.Sessions, ocpi.CDRs, ocpi.Tariffs, ocpi.Bookings, ocpi.InvoiceReconciliation)
			add(ocpi.Receiver, ocpi.Tokens, ocpi.Commands, ocpi.ChargingProfiles, ocpi.Payments)
		case ocpi.RoleNSP, ocpi.RoleNAP:
			add(ocpi.Receiver, ocpi.Locations, ocpi.Tariffs)
		case ocpi.RolePTP:
			add(ocpi.Sender, ocpi.Payments)
		case ocpi.RoleHub:
			modules := ocpi.Functional(v)
			add(ocpi.Sender, append(modules, ocpi.HubClientInfo)...)
			add(ocpi.Receiver, modules...)
		default:
			add(ocpi.Receiver, ocpi.Locations, ocpi.Sessions, ocpi.CDRs, ocpi.Tariffs, ocpi.Bookings, ocpi.InvoiceReconciliation)
			add(ocpi.Sender, ocpi.Tokens, ocpi.Commands, ocpi.ChargingProfiles, ocpi.Payments)
		}
	}
	return list
}

// Start listens, again on the same port after [Peer.Stop].
func (p *Peer) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		return nil
	}
	var ln net.Listener
	var err error
	for range 20 { // somebody else's outgoing connection may hold the port for a moment
		if ln, err = net.Listen("tcp", p.addr); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("starting peer %s: %w", p.Name, err)
	}
	p.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	p.stopped = cancel
	p.server = &http.Server{
		Handler:           http.HandlerFunc(p.serve),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	go func(s *http.Server) { _ = s.Serve(ln) }(p.server)
	return nil
}

// Stop closes the listener and every connection: the peer refuses from now on.
func (p *Peer) Stop() {
	p.mu.Lock()
	server, stopped := p.server, p.stopped
	p.server = nil
	p.mu.Unlock()
	if server == nil {
		return
	}
	stopped()
	_ = server.Close()
}

// BaseURL is scheme, host and port.
func (p *Peer) BaseURL() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.base()
}

func (p *Peer) base() string {
	host, port, _ := net.SplitHostPort(p.addr)
	if p.publicHost != "" {
		host = p.publicHost
	}
	return "http://" + net.JoinHostPort(host, port)
}

// VersionsURL is what a hub is told.
func (p *Peer) VersionsURL() string { return p.BaseURL() + "/ocpi/versions" }

// DetailsURL is the version details of v.
func (p *Peer) DetailsURL(v ocpi.Version) string { return p.BaseURL() + "/ocpi/details/" + string(v) }

// EndpointURL is what the version details say of an endpoint.
func (p *Peer) EndpointURL(v ocpi.Version, m ocpi.Module, i ocpi.Interface) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.base() + p.prefix + "/" + string(v) + "/" + strings.ToLower(string(i)) + "/" + string(m)
}

// Move gives all functional endpoints other URLs; the old ones answer 404.
func (p *Peer) Move(prefix string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prefix = prefix
}

// Speak sets the versions that the peer lists.
func (p *Peer) Speak(versions ...ocpi.Version) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.versions = versions
}

// Advertise replaces the endpoints of every version.
func (p *Peer) Advertise(list ...Endpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range ocpi.Versions() {
		p.endpoints[v] = list
	}
}

// Without takes modules out of what is advertised.
func (p *Peer) Without(modules ...ocpi.Module) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for v, list := range p.endpoints {
		var kept []Endpoint
		for _, e := range list {
			keep := true
			for _, m := range modules {
				keep = keep && e.Module != m
			}
			if keep {
				kept = append(kept, e)
			}
		}
		p.endpoints[v] = kept
	}
}

// Has reports whether the peer advertises the endpoint in 2.2.1.
func (p *Peer) Has(m ocpi.Module, i ocpi.Interface) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.endpoints[ocpi.V221], (Endpoint{m, i}))
}

// Accept makes token the only one that opens the peer; with none given, no
// token does. AlsoAccept adds one.
func (p *Peer) Accept(tokens ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.accepts)
	for _, t := range tokens {
		p.accepts[t] = true
	}
}

// AlsoAccept lets another token in.
func (p *Peer) AlsoAccept(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepts[token] = true
}

// serve records the request and answers it.
func (p *Peer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return
	}
	req := &Request{
		Peer: p, At: time.Now(), Method: r.Method, Target: r.RequestURI, Host: r.Host,
		Header: r.Header.Clone(), Body: body, Query: r.URL.Query(), ctx: r.Context(),
	}
	p.mu.Lock()
	p.place(req, r.URL)
	req.Token = tokenOf(req.Header.Get(ocpi.HeaderAuthorization))
	req.Admitted = p.accepts[req.Token]
	p.seen = append(p.seen, req)
	close(p.news)
	p.news = make(chan struct{})
	script := p.script(req)
	p.mu.Unlock()
	reply := p.standard(req)
	if script != nil {
		script(req, &reply)
	}
	reply.write(w, r, req)
}

// place says which endpoint of ours a request is for.
func (p *Peer) place(req *Request, u *url.URL) {
	path := u.EscapedPath()
	switch {
	case path == "/ocpi/versions":
		req.Module = ocpi.VersionsModule
		return
	case strings.HasPrefix(path, "/ocpi/details/"):
		req.Module, req.Version = moduleDetails, ocpi.Version(strings.TrimPrefix(path, "/ocpi/details/"))
		return
	case !strings.HasPrefix(path, p.prefix+"/"):
		return
	}
	rest := strings.TrimPrefix(path, p.prefix+"/")
	parts := strings.SplitN(rest, "/", 4)
	if len(parts) < 3 {
		return
	}
	req.Version = ocpi.Version(parts[0])
	req.Interface = ocpi.Interface(strings.ToUpper(parts[1]))
	req.Module = ocpi.Module(parts[2])
	if len(parts) == 4 {
		req.Path = "/" + parts[3]
	}
}

// moduleDetails stands for the version details, which are not a module.
const moduleDetails ocpi.Module = "version details"

// Seen returns what came in and matches, oldest first.
func (p *Peer) Seen(match Match) []*Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []*Request
	for _, r := range p.seen {
		if match(r) {
			out = append(out, r)
		}
	}
	return out
}

// ErrNothing is what [Peer.Wait] returns when nothing came in time.
var ErrNothing = errors.New("nothing arrived")

// Wait returns the first n matching requests, oldest first, as soon as they
// have come in. When they do not come in time it returns those that did, and
// an error that wraps [ErrNothing].
func (p *Peer) Wait(ctx context.Context, n int, limit time.Duration, match Match) ([]*Request, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		p.mu.Lock()
		news := p.news
		p.mu.Unlock()
		got := p.Seen(match)
		if len(got) >= n {
			return got[:n], nil
		}
		select {
		case <-news:
		case <-timer.C:
			return got, fmt.Errorf("%w at %s within %s (%d of %d)", ErrNothing, p.Name, limit, len(got), n)
		case <-ctx.Done():
			return got, ctx.Err()
		}
	}
}
