package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// Register connects the platform to a hub or another platform that has issued
// token (TOKEN_A) and told the address of its versions (OCPI 2.2.1 §7.1.1). On
// an error nothing has changed and it can be tried again.
func (p *Platform) Register(ctx context.Context, versionsURL, token string) error {
	p.register.Lock()
	defer p.register.Unlock()
	if p.Registered() {
		return fmt.Errorf("%s is registered already", p.cfg.Name)
	}
	return p.exchangeCredentials(ctx, http.MethodPost, versionsURL, token)
}

// Rotate exchanges new tokens with the peer (PUT credentials), and tells it about
// parties and endpoints anew.
func (p *Platform) Rotate(ctx context.Context) error {
	p.register.Lock()
	defer p.register.Unlock()
	p.mu.Lock()
	pe := p.peer
	p.mu.Unlock()
	if !pe.registered {
		return errNotRegistered
	}
	return p.exchangeCredentials(ctx, http.MethodPut, pe.url, pe.token)
}

// exchangeCredentials is the sender's side of POST and PUT.
func (p *Platform) exchangeCredentials(ctx context.Context, method, versionsURL, token string) error {
	endpoints, err := p.discover(ctx, versionsURL, token)
	if err != nil {
		return err
	}
	mine := newToken()
	p.accept(mine, tokenOffered)
	a, err := p.bare(ctx, ocpi.Credentials, method, endpoints[credentialsOf(endpoints)], token,
		encode(p.wire.credentials(mine, p.VersionsURL(), p.parties)))
	if err != nil {
		p.accept(mine, 0)
		return fmt.Errorf("exchanging credentials: %w", err)
	}
	id, err := p.wire.readCredentials(a.Data)
	if err != nil {
		p.accept(mine, 0)
		return fmt.Errorf("reading the peer's credentials: %w", err)
	}
	p.connect(peer{peerIdentity: id, endpoints: endpoints, registered: true}, mine)
	return nil
}

// Unregister ends the connection (DELETE credentials).
func (p *Platform) Unregister(ctx context.Context) error {
	p.register.Lock()
	defer p.register.Unlock()
	p.mu.Lock()
	pe := p.peer
	p.mu.Unlock()
	if !pe.registered {
		return errNotRegistered
	}
	if _, err := p.bare(ctx, ocpi.Credentials, http.MethodDelete, pe.endpoints[credentialsOf(pe.endpoints)], pe.token, nil); err != nil {
		return fmt.Errorf("deleting the credentials: %w", err)
	}
	p.disconnect()
	return nil
}

// Expect makes the platform accept a registration that a peer starts with token
// (TOKEN_A).
func (p *Platform) Expect(token string) { p.accept(token, tokenA) }

// serveCredentials is the receiver's side.
func (p *Platform) serveCredentials(ctx context.Context, kind tokenKind, method string, body []byte) (*reply, error) {
	p.register.Lock()
	defer p.register.Unlock()
	switch {
	case method == http.MethodGet && kind == tokenFull:
		return &reply{data: encode(p.wire.credentials(p.currentToken(), p.VersionsURL(), p.parties))}, nil
	case method == http.MethodDelete && kind == tokenFull:
		p.disconnect()
		return nil, nil
	case method == http.MethodPost && kind == tokenA, method == http.MethodPut && kind == tokenFull:
	default:
		return nil, wrongMethod()
	}
	id, err := p.wire.readCredentials(body)
	if err != nil {
		return nil, err
	}
	endpoints, err := p.discover(ctx, id.url, id.token)
	if err != nil {
		return nil, &ocpi.Error{Status: ocpi.StatusCannotUseClient, Message: "the client's versions or details cannot be used", Err: err}
	}
	mine := newToken()
	p.connect(peer{peerIdentity: id, endpoints: endpoints, registered: true}, mine)
	return &reply{data: encode(p.wire.credentials(mine, p.VersionsURL(), p.parties))}, nil
}

// discover reads versions and details of a peer and returns its endpoints.
func (p *Platform) discover(ctx context.Context, versionsURL, token string) (map[endpoint]string, error) {
	a, err := p.bare(ctx, ocpi.VersionsModule, http.MethodGet, versionsURL, token, nil)
	if err != nil {
		return nil, fmt.Errorf("getting the peer's versions: %w", err)
	}
	var versions []v221.Version
	if err := unmarshal(a.Data, &versions); err != nil {
		return nil, fmt.Errorf("reading the peer's versions: %w", err)
	}
	i := slices.IndexFunc(versions, func(v v221.Version) bool { return v.Version == string(p.cfg.Version) })
	if i < 0 {
		return nil, fmt.Errorf("the peer does not speak OCPI %s", p.cfg.Version)
	}
	if a, err = p.bare(ctx, ocpi.VersionsModule, http.MethodGet, versions[i].URL, token, nil); err != nil {
		return nil, fmt.Errorf("getting the peer's endpoints: %w", err)
	}
	var details v221.VersionDetails
	if err := unmarshal(a.Data, &details); err != nil {
		return nil, fmt.Errorf("reading the peer's endpoints: %w", err)
	}
	out := make(map[endpoint]string, len(details.Endpoints))
	for _, e := range details.Endpoints {
		out[endpoint{ocpi.ParseModule(e.Identifier), ocpi.Interface(e.Role)}] = e.URL
	}
	if out[credentialsOf(out)] == "" {
		return nil, errors.New("the peer has no credentials endpoint")
	}
	return out, nil
}

// credentialsOf finds the credentials endpoint, whose role is not fixed.
func credentialsOf(endpoints map[endpoint]string) endpoint {
	e := endpoint{ocpi.Credentials, ocpi.Sender}
	if endpoints[e] == "" {
		e.side = ocpi.Receiver
	}
	return e
}

// bare is a message of the registration: without routing headers and retries, to
// a given address with a given token.
func (p *Platform) bare(ctx context.Context, m ocpi.Module, method, target, token string, body []byte) (answer, error) {
	e := Entry{Time: time.Now(), Sent: true, Module: m, Method: method, RequestID: ocpi.NewMessageID(), CorrelationID: ocpi.NewMessageID(), Attempt: 1}
	a, err := p.exchange(ctx, target, token, method, body, &e)
	e.Took = time.Since(e.Time)
	e.HTTP, e.Status = a.http, a.StatusCode
	if err != nil {
		e.Err = err.Error()
	}
	p.journal.add(e)
	return a, err
}

// accept sets what a token opens; 0 ends it.
func (p *Platform) accept(token string, kind tokenKind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if kind == 0 {
		delete(p.accepts, token)
		return
	}
	p.accepts[token] = kind
}

// connect makes pe the peer and mine the newest token that opens this platform.
// The token before it stays valid, since the peer may be using it.
func (p *Platform) connect(pe peer, mine string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for t, k := range p.accepts {
		if k == tokenA || k == tokenOffered {
			delete(p.accepts, t)
		}
	}
	p.accepts[mine] = tokenFull
	p.mine = mine
	p.peer = pe
}

func (p *Platform) disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.accepts)
	p.peer = peer{}
}

func (p *Platform) currentToken() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mine
}
