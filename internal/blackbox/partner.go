package blackbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/eroam/eroam/ocpi"
)

// Partner is the side of a registered platform that sends requests to the hub. Its
// methods may be called by any number of goroutines.
type Partner struct {
	Party
	Hub    *Hub
	Token  string // from Register
	Client *http.Client
	Header http.Header // more headers for each request
}

// HubParty is the party of every Hub.
var HubParty = Party{Country: "US", ID: "HUB", Role: "HUB"}

// Reply is what the hub answered.
type Reply struct {
	HTTP    int
	Status  int    // of OCPI; 0: the body was no envelope
	Message string // of OCPI
	Data    json.RawMessage
	Header  http.Header
}

// Accepted reports whether the hub said yes.
func (r *Reply) Accepted() bool { return r.HTTP/100 == 2 && r.Status/1000 == 1 }

// Again reports whether the hub said that the request may be sent again as it is.
func (r *Reply) Again() bool {
	return r.HTTP >= 500 || r.HTTP == http.StatusTooManyRequests || r.Status >= 3000
}

func (r *Reply) String() string { return fmt.Sprintf("HTTP %d, %d %s", r.HTTP, r.Status, r.Message) }

// Send makes a request of OCPI 2.2.1 for a party, or for whom it may concern when
// that is zero. The path begins at the interface: receiver/cdrs. An error means that
// nobody knows what came of it.
func (p *Partner) Send(ctx context.Context, method, path string, to Party, body []byte) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.Hub.URL()+"/ocpi/2.2.1/"+path, bytes.NewReader(body))
	if err != nil {
		return Reply{}, err
	}
	h := req.Header
	h.Set("Authorization", "Token "+p.Token)
	h.Set("X-Request-ID", ocpi.NewMessageID())
	h.Set("X-Correlation-ID", ocpi.NewMessageID())
	h.Set("OCPI-from-country-code", p.Country)
	h.Set("OCPI-from-party-id", p.ID)
	if to.ID != "" {
		h.Set("OCPI-to-country-code", to.Country)
		h.Set("OCPI-to-party-id", to.ID)
	}
	if len(body) > 0 {
		h.Set("Content-Type", "application/json")
	}
	maps.Copy(h, p.Header)
	client := p.Client
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return Reply{}, err
	}
	r := Reply{HTTP: res.StatusCode, Header: res.Header}
	var e struct {
		Status  int             `json:"status_code"`
		Message string          `json:"status_message"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal(answer, &e) == nil {
		r.Status, r.Message, r.Data = e.Status, e.Message, e.Data
	}
	return r, nil
}

// Must is Send for a request that is to be accepted.
func (p *Partner) Must(ctx context.Context, method, path string, to Party, body []byte) (Reply, error) {
	r, err := p.Send(ctx, method, path, to, body)
	if err == nil && !r.Accepted() {
		err = fmt.Errorf("%s %s: %s", method, path, &r)
	}
	return r, err
}

// List walks through a list of the hub's page by page, from a path such as
// sender/cdrs on, and calls fn with each object.
func (p *Partner) List(ctx context.Context, path string, fn func(object json.RawMessage) error) error {
	const most = 1000
	for offset := 0; ; {
		r, err := p.Must(ctx, http.MethodGet, fmt.Sprintf("%s?offset=%d&limit=%d", path, offset, most), HubParty, nil)
		if err != nil {
			return err
		}
		var page []json.RawMessage
		if err := json.Unmarshal(r.Data, &page); err != nil {
			return fmt.Errorf("reading a page of %s: %w", path, err)
		}
		for _, o := range page {
			if err := fn(o); err != nil {
				return err
			}
		}
		offset += len(page)
		if len(page) == 0 || r.Header.Get("Link") == "" {
			return nil
		}
	}
}
