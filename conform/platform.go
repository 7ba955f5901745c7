package conform

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// Party is a country code and party id with a role, on a platform of ours. The
// hub itself is a Party without a platform.
type Party struct {
	Platform    *Platform
	CountryCode string
	ID          string
	Role        ocpi.Role
}

// String returns "NL-CP1".
func (p *Party) String() string { return dashed(p.CountryCode, p.ID) }

// Path is the path of an object that p owns, below a receiver endpoint.
func (p *Party) Path(ids ...string) string {
	s := "/" + p.CountryCode + "/" + p.ID
	for _, id := range ids {
		s += "/" + url.PathEscape(id)
	}
	return s
}

// Platform is both halves of a simulated system: the peer that the hub calls,
// and what it needs to call the hub.
type Platform struct {
	*Peer
	ID      string // how the operator names it
	Parties []*Party
	Version ocpi.Version // that it registers with

	HubVersionsURL string
	TokenA         string

	client *client
	mu     sync.Mutex
	token  string              // that opens the hub: TOKEN_C
	hub    map[Endpoint]string // the hub's endpoints
}

// Token is what the platform calls the hub with, "" before it has registered.
func (p *Platform) Token() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.token
}

func (p *Platform) setToken(t string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = t
}

// HubEndpoint is what the hub's version details say of an endpoint.
func (p *Platform) HubEndpoint(m ocpi.Module, i ocpi.Interface) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := p.hub[Endpoint{m, i}]
	if !ok && m == ocpi.Credentials {
		for e, u := range p.hub { // its role has no meaning (OCPI 2.2.1 §6.2.2)
			if e.Module == m {
				return u, true
			}
		}
	}
	return u, ok
}

// HubEndpoints are all of them.
func (p *Platform) HubEndpoints() map[Endpoint]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[Endpoint]string, len(p.hub))
	maps.Copy(out, p.hub)
	return out
}

// roles are the parties as credentials name them.
func (p *Platform) rolesOf() []Role { return rolesOf(p.Parties) }

func rolesOf(parties []*Party) []Role {
	var out []Role
	for _, q := range parties {
		out = append(out, Role{q.CountryCode, q.ID, q.Role})
	}
	return out
}

// Discover reads versions and version details with token and remembers the
// hub's endpoints.
func (p *Platform) Discover(ctx context.Context, token string) error {
	return p.discover(ctx, p.Version, p.HubVersionsURL, token)
}

func (p *Platform) discover(ctx context.Context, v ocpi.Version, versionsURL, token string) error {
	resp, err := p.client.do(ctx, p, Call{Method: http.MethodGet, URL: versionsURL, Token: token})
	if err != nil {
		return err
	}
	if resp.Status != ocpi.StatusSuccess {
		return fmt.Errorf("GET versions: %s", resp)
	}
	var details string
	for _, item := range resp.Data.Array() {
		if item.Get("version").String() == string(v) {
			details = item.Get("url").String()
		}
	}
	if details == "" {
		return fmt.Errorf("the hub does not list version %s: %s", v, resp)
	}
	resp, err = p.client.do(ctx, p, Call{Method: http.MethodGet, URL: details, Token: token})
	if err != nil {
		return err
	}
	if resp.Status != ocpi.StatusSuccess {
		return fmt.Errorf("GET version details: %s", resp)
	}
	hub := make(map[Endpoint]string)
	resp.Data.Get("endpoints").ForEach(func(_, e gjson.Result) bool {
		hub[Endpoint{ocpi.ParseModule(e.Get("identifier").String()), ocpi.Interface(strings.ToUpper(e.Get("role").String()))}] = e.Get("url").String()
		return true
	})
	p.mu.Lock()
	p.hub = hub
	p.mu.Unlock()
	return nil
}

// Register does the whole handshake as the side that starts (OCPI 2.2.1
// §7.1.1): versions and details with TOKEN_A, POST of its own credentials, and
// keeps TOKEN_C.
func (p *Platform) Register(ctx context.Context) error {
	if err := p.Discover(ctx, p.TokenA); err != nil {
		return err
	}
	b := NewToken()
	p.Accept(b)
	resp, err := p.credentialsCall(ctx, http.MethodPost, p.TokenA, p.CredentialsBody(b))
	if err != nil {
		return err
	}
	return p.keep(ctx, resp)
}

// Renew PUTs the credentials again with a new token for the hub, and keeps the
// one that it gets.
func (p *Platform) Renew(ctx context.Context) error {
	b := NewToken()
	p.AlsoAccept(b)
	resp, err := p.credentialsCall(ctx, http.MethodPut, p.Token(), p.CredentialsBody(b))
	if err != nil {
		return err
	}
	return p.keep(ctx, resp)
}

func (p *Platform) credentialsCall(ctx context.Context, method, token, body string) (*Response, error) {
	return p.client.do(ctx, p, Call{Method: method, Module: ocpi.Credentials, Interface: ocpi.Receiver, Token: token, Body: body})
}

// keep takes the token and the endpoints out of an answer to POST or PUT.
func (p *Platform) keep(ctx context.Context, resp *Response) error {
	c := resp.Data.Get("token").String()
	if resp.Status != ocpi.StatusSuccess || c == "" {
		return fmt.Errorf("the hub did not register %s: %s", p.Name, resp)
	}
	p.setToken(c)
	return p.Discover(ctx, c)
}
