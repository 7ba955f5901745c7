// Package client calls the admin API of a hub.
package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/ocpi"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// Client calls one hub. It follows no redirects, so that the token goes to
// nobody else. It may be used concurrently.
type Client struct {
	base          string
	authorization string
	http          *http.Client
}

// New returns a client for the hub at baseURL ("http://127.0.0.1:8080"), without
// talking to it.
func New(baseURL, adminToken string) (*Client, error) {
	if adminToken == "" {
		return nil, errors.New("the admin token is missing")
	}
	return open(baseURL, "Bearer "+adminToken)
}

// NewForPlatform returns a client with the credentials token of a connected
// platform, spelled as the platform does, which opens the ledger of its CDRs only.
func NewForPlatform(baseURL, token string, enc ocpi.TokenEncoding) (*Client, error) {
	if token == "" {
		return nil, errors.New("the credentials token is missing")
	}
	return open(baseURL, ocpi.FormatAuthorization(token, enc))
}

func open(baseURL, authorization string) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not the URL of a hub: want one such as http://127.0.0.1:8080", baseURL)
	}
	return &Client{
		base: strings.TrimSuffix(baseURL, "/") + "/api/v1", authorization: authorization,
		http: &http.Client{
			Timeout:       time.Minute,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Problem is an answer that is not a success (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the hub answered %d %s", p.Status, p.Title)
	if p.Detail != "" {
		fmt.Fprintf(&b, ": %s", p.Detail)
	}
	for _, e := range p.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", e.Location, e.Message)
	}
	return b.String()
}

// list is how the API wraps lists.
type list[T any] struct {
	Items []T `json:"items"`
}

// Hub returns what the hub is called and where it is.
func (c *Client) Hub(ctx context.Context) (api.Hub, error) {
	return call[api.Hub](ctx, c, http.MethodGet, "/hub", nil)
}

// Invite makes a platform and a registration token for it.
func (c *Client) Invite(ctx context.Context, in api.Invitation) (api.Invited, error) {
	return call[api.Invited](ctx, c, http.MethodPost, "/platforms", in)
}

// Reinvite makes a new registration token for a platform.
func (c *Client) Reinvite(ctx context.Context, id string) (api.Invited, error) {
	return call[api.Invited](ctx, c, http.MethodPost, platform(id)+"/invite", nil)
}

// Platforms returns all platforms, ordered by id.
func (c *Client) Platforms(ctx context.Context) ([]api.Platform, error) {
	out, err := call[list[api.Platform]](ctx, c, http.MethodGet, "/platforms", nil)
	return out.Items, err
}

// Platform returns one platform.
func (c *Client) Platform(ctx context.Context, id string) (api.Platform, error) {
	return call[api.Platform](ctx, c, http.MethodGet, platform(id), nil)
}

// Update changes a platform and returns it as it is then.
func (c *Client) Update(ctx context.Context, id string, in api.PlatformChange) (api.Platform, error) {
	return call[api.Platform](ctx, c, http.MethodPatch, platform(id), in)
}

// Remove removes a platform and frees its parties.
func (c *Client) Remove(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, platform(id), nil)
	return err
}

// Connect has the hub start the handshake with a platform. A handshake that
// failed is a result with a message, not an error.
func (c *Client) Connect(ctx context.Context, id, versionsURL, tokenA string) (api.Connection, error) {
	in := api.Handshake{VersionsURL: versionsURL, TokenA: tokenA}
	return call[api.Connection](ctx, c, http.MethodPost, platform(id)+"/connect", in)
}

// Rotate replaces the tokens between the hub and a platform.
func (c *Client) Rotate(ctx context.Context, id string) (api.Platform, error) {
	return call[api.Platform](ctx, c, http.MethodPost, platform(id)+"/rotate", nil)
}

// PutAgreement makes or replaces an agreement.
func (c *Client) PutAgreement(ctx context.Context, id string, in api.Terms) (api.Agreement, error) {
	return call[api.Agreement](ctx, c, http.MethodPut, "/agreements/"+url.PathEscape(id), in)
}

// Agreements returns all agreements, ordered by id.
func (c *Client) Agreements(ctx context.Context) ([]api.Agreement, error) {
	out, err := call[list[api.Agreement]](ctx, c, http.MethodGet, "/agreements", nil)
	return out.Items, err
}

// DeleteAgreement ends an agreement.
func (c *Client) DeleteAgreement(ctx context.Context, id string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, "/agreements/"+url.PathEscape(id), nil)
	return err
}

// Messages returns what happened to the messages of one exchange.
func (c *Client) Messages(ctx context.Context, correlationID string) ([]api.Message, error) {
	q := url.Values{"correlation_id": {correlationID}}
	out, err := call[list[api.Message]](ctx, c, http.MethodGet, "/messages?"+q.Encode(), nil)
	return out.Items, err
}

func platform(id string) string { return "/platforms/" + url.PathEscape(id) }

// call sends in as JSON, unless it is nil, and reads the answer. An answer
// that is not 2xx is a *Problem.
func call[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	status, text, header, err := c.exchange(ctx, method, path, in)
	switch {
	case err != nil:
		return out, err
	case status/100 != 2:
		return out, problem(status, header, text)
	case len(text) == 0:
		return out, nil
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("reading the hub's answer: %w", err)
	}
	return out, nil
}

func (c *Client) exchange(ctx context.Context, method, path string, in any) (status int, text []byte, h http.Header, err error) {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return 0, nil, nil, fmt.Errorf("writing the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return 0, nil, nil, err
	}
	r.Header.Set("Authorization", c.authorization)
	r.Header.Set("Accept", "application/json")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("calling the hub: %w", err)
	}
	defer answer.Body.Close()
	if text, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer)); err != nil {
		return 0, nil, nil, fmt.Errorf("reading the hub's answer: %w", err)
	}
	return answer.StatusCode, text, answer.Header, nil
}

func problem(status int, h http.Header, text []byte) error {
	p := &Problem{}
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if kind != "application/problem+json" || json.Unmarshal(text, p) != nil {
		p = &Problem{Detail: "this does not look like the admin API of a hub"}
	}
	p.Status, p.Title = status, http.StatusText(status)
	return p
}
