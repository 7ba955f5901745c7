package conform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// Admin is the operator of an eroam hub, through its admin API.
type Admin struct {
	base  string
	token string
	http  *http.Client
}

var _ Operator = (*Admin)(nil)

// NewAdmin works with the API below base, such as "http://127.0.0.1:8080".
func NewAdmin(base, token string) *Admin {
	return &Admin{base: strings.TrimRight(base, "/") + "/api/v1", token: token, http: &http.Client{Timeout: 30 * time.Second}}
}

// Invite makes a platform. One that an earlier run left behind under the same
// name is removed first.
func (a *Admin) Invite(ctx context.Context, inv Invitation) (Invited, error) {
	body := map[string]any{"name": inv.Name, "parties": grants(inv.Roles)}
	if inv.Encoding != "" {
		body["token_encoding"] = inv.Encoding
	}
	r, err := a.call(ctx, http.MethodPost, "/platforms", body)
	if p, ok := errors.AsType[*problem](err); ok && p.status == http.StatusConflict {
		if err := a.sweep(ctx, inv.Name); err != nil {
			return Invited{}, err
		}
		r, err = a.call(ctx, http.MethodPost, "/platforms", body)
	}
	if err != nil {
		return Invited{}, err
	}
	return Invited{
		ID: r.Get("id").String(), VersionsURL: r.Get("versions_url").String(), TokenA: r.Get("token_a").String(), Roles: inv.Roles,
	}, nil
}

// sweep removes the platforms of an earlier run with that name.
func (a *Admin) sweep(ctx context.Context, name string) error {
	list, err := a.call(ctx, http.MethodGet, "/platforms", nil)
	if err != nil {
		return err
	}
	for _, p := range list.Get("items").Array() {
		if p.Get("name").String() == name {
			if err := a.Remove(ctx, p.Get("id").String()); err != nil {
				return err
			}
		}
	}
	return nil
}

// Connect makes the hub start the handshake.
func (a *Admin) Connect(ctx context.Context, platform, versionsURL, tokenA string) error {
	r, err := a.call(ctx, http.MethodPost, "/platforms/"+url.PathEscape(platform)+"/connect",
		map[string]any{"versions_url": versionsURL, "token_a": tokenA})
	if err != nil {
		return err
	}
	if s := r.Get("status").String(); !strings.EqualFold(s, "CONNECTED") {
		return fmt.Errorf("connecting %s: %s", platform, short(r.Raw))
	}
	return nil
}

// Grant replaces the parties of a platform.
func (a *Admin) Grant(ctx context.Context, platform string, roles []Role) error {
	_, err := a.call(ctx, http.MethodPatch, "/platforms/"+url.PathEscape(platform), map[string]any{"parties": grants(roles)})
	return err
}

// Suspend stops a platform, or lets it go on.
func (a *Admin) Suspend(ctx context.Context, platform string, stop bool) error {
	_, err := a.call(ctx, http.MethodPatch, "/platforms/"+url.PathEscape(platform), map[string]any{"suspended": stop})
	return err
}

// Remove deletes a platform.
func (a *Admin) Remove(ctx context.Context, platform string) error {
	_, err := a.call(ctx, http.MethodDelete, "/platforms/"+url.PathEscape(platform), nil)
	return err
}

// Agree makes an agreement without limits. CDRs are relayed only, as OCPI has it:
// what a hub does with them beyond that is not for these checks.
func (a *Admin) Agree(ctx context.Context, cpo, provider Role) error {
	id := fmt.Sprintf("conform-%s%s-%s%s", cpo.CountryCode, cpo.PartyID, provider.CountryCode, provider.PartyID)
	party := func(r Role) map[string]string {
		return map[string]string{"country_code": r.CountryCode, "party_id": r.PartyID}
	}
	_, err := a.call(ctx, http.MethodPut, "/agreements/"+id, map[string]any{
		"cpo": party(cpo), "emsp": party(provider), "cdr_delivery": "relay",
	})
	return err
}

type grant struct {
	CountryCode string    `json:"country_code"`
	PartyID     string    `json:"party_id"`
	Role        ocpi.Role `json:"role"`
	Name        string    `json:"name"`
}

func grants(roles []Role) []grant {
	out := make([]grant, 0, len(roles))
	for _, r := range roles {
		out = append(out, grant{r.CountryCode, r.PartyID, r.Role, "Conformance " + r.PartyID})
	}
	return out
}

// problem is an answer of the API that is not a success.
type problem struct {
	method, path string
	status       int
	body         string
}

func (p *problem) Error() string {
	return fmt.Sprintf("admin API: %s %s: HTTP %d: %s", p.method, p.path, p.status, p.body)
}

func (a *Admin) call(ctx context.Context, method, path string, body any) (gjson.Result, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return gjson.Result{}, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(data))
	if err != nil {
		return gjson.Result{}, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return gjson.Result{}, fmt.Errorf("admin API: %w", err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return gjson.Result{}, fmt.Errorf("admin API: reading the answer to %s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		return gjson.Result{}, &problem{method, path, resp.StatusCode, short(string(out))}
	}
	return gjson.ParseBytes(out), nil
}
