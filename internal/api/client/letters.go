package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/eroam/eroam/internal/api"
)

// Letters is a page of dead letters.
type Letters struct {
	Items []api.DeadLetter `json:"items"`
	Next  string           `json:"next"` // cursor of the next page; empty on the last one
}

// DeadLetters returns a page of dead letters, the newest first.
func (c *Client) DeadLetters(ctx context.Context, f api.LetterFilter, cursor string, limit int) (Letters, error) {
	q := url.Values{}
	for name, v := range map[string]string{
		"party": f.Party, "platform": f.Platform, "module": f.Module, "state": f.State,
		"first_id": f.FirstID, "last_id": f.LastID, "cursor": cursor,
	} {
		if v != "" {
			q.Set(name, v)
		}
	}
	for name, n := range map[string]int{"code": f.Code, "limit": limit} {
		if n != 0 {
			q.Set(name, strconv.Itoa(n))
		}
	}
	for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return call[Letters](ctx, c, http.MethodGet, "/dead-letters?"+q.Encode(), nil)
}

// DeadLetter returns one dead letter with its exchange.
func (c *Client) DeadLetter(ctx context.Context, id string) (api.Exchange, error) {
	return call[api.Exchange](ctx, c, http.MethodGet, "/dead-letters/"+url.PathEscape(id), nil)
}

// Replay has the objects of the selected dead letters sent again.
func (c *Client) Replay(ctx context.Context, s api.Selection) (api.Selected, error) {
	return call[api.Selected](ctx, c, http.MethodPost, "/dead-letters/replay", s)
}

// Discard gives the selected dead letters up.
func (c *Client) Discard(ctx context.Context, s api.Selection) (api.Selected, error) {
	return call[api.Selected](ctx, c, http.MethodPost, "/dead-letters/discard", s)
}

// Audit returns what was done last, the newest first.
func (c *Client) Audit(ctx context.Context) ([]api.AuditEntry, error) {
	out, err := call[list[api.AuditEntry]](ctx, c, http.MethodGet, "/audit", nil)
	return out.Items, err
}

// Delivery returns what is pushed to one role of a party.
func (c *Client) Delivery(ctx context.Context, p api.PartyRef, role string) (api.DeliverySettings, error) {
	return call[api.DeliverySettings](ctx, c, http.MethodGet, delivery(p, role), nil)
}

// SetDelivery replaces what is pushed to one role of a party.
func (c *Client) SetDelivery(ctx context.Context, p api.PartyRef, role string, s api.DeliverySettings) (api.DeliverySettings, error) {
	return call[api.DeliverySettings](ctx, c, http.MethodPut, delivery(p, role), s)
}

func delivery(p api.PartyRef, role string) string {
	return "/parties/" + url.PathEscape(p.CountryCode) + "/" + url.PathEscape(p.PartyID) + "/" + url.PathEscape(role) + "/delivery"
}

// Crawl has the lists of a platform fetched now; full: as a whole.
func (c *Client) Crawl(ctx context.Context, id string, full bool) (api.CrawlAsked, error) {
	return call[api.CrawlAsked](ctx, c, http.MethodPost, platform(id)+"/crawl", api.CrawlRequest{Full: full})
}

// Crawls returns how far the lists are fetched.
func (c *Client) Crawls(ctx context.Context) ([]api.Crawl, error) {
	out, err := call[list[api.Crawl]](ctx, c, http.MethodGet, "/crawls", nil)
	return out.Items, err
}
