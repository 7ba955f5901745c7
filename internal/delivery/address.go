package delivery

import (
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// address is where requests of one module to one receiver go, and what is the
// same in all of them.
type address struct {
	platform  *party.Platform // of which it was made
	endpoint  string
	header    http.Header
	recipient *egress.Recipient // nil: the endpoint has a query, and each URL is to be put together
}

// address returns where requests of a module go; it is worked out when the
// platform has changed. It is safe to call concurrently.
func (l *lane) address(to *party.Party, m ocpi.Module) (*address, error) {
	slot := &l.addresses[slotOf(m)]
	if a := slot.Load(); a != nil && a.platform == to.Platform {
		return a, nil
	}
	pl := to.Platform
	endpoint, ok := pl.Endpoint(m, ocpi.Receiver)
	if !ok {
		return nil, fmt.Errorf("the receiver has no endpoint for %s", m)
	}
	h := http.Header{ocpi.HeaderAuthorization: {ocpi.FormatAuthorization(pl.Token, pl.Encoding)}}
	if m != ocpi.HubClientInfo {
		ocpi.SetRouting(h, ocpi.ClaimOf(to.ID), ocpi.ClaimOf(l.d.o.Hub))
	}
	a := &address{platform: pl, endpoint: endpoint, header: h}
	if !strings.ContainsAny(endpoint, "?#") {
		a.recipient, _ = egress.NewRecipient(endpoint, h) // what is wrong with it, each request tells
	}
	slot.Store(a)
	return a, nil
}

// slotOf numbers the modules that are published.
func slotOf(m ocpi.Module) int {
	switch m {
	case ocpi.Locations:
		return 0
	case ocpi.Tariffs:
		return 1
	case ocpi.Tokens:
		return 2
	}
	return 3
}

// sent returns URL and header of a request to a, as they went out.
func (a *address) sent(q *egress.Request) (url string, h http.Header) {
	h = maps.Clone(a.header)
	for _, f := range q.Fields {
		h[f.Name] = []string{f.Value}
	}
	if len(q.Body) > 0 {
		h["Content-Type"] = []string{"application/json"}
	}
	if q.To == nil {
		return q.URL, h
	}
	return strings.TrimRight(a.endpoint, "/") + q.URL, h
}
