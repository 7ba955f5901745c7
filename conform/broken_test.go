package conform_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/eroam/eroam/conform"
	"github.com/eroam/eroam/ocpi"
)

// brokenHub registers platforms properly and gets everything else wrong. It
// says yes to whatever is asked without doing it or, when forwards is set,
// passes direct messages on with every header as it came.
type brokenHub struct {
	forwards bool
	base     string

	mu       sync.Mutex
	byToken  map[string]*brokenPlatform
	byParty  map[string]*brokenPlatform
	invented int
}

type brokenPlatform struct {
	version   string
	token     string            // that the hub sends
	endpoints map[string]string // "RECEIVER locations" → URL
	roles     []conform.Role
}

func newBrokenHub(t *testing.T, forwards bool) *brokenHub {
	h := &brokenHub{forwards: forwards, byToken: map[string]*brokenPlatform{}, byParty: map[string]*brokenPlatform{}}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	h.base = s.URL
	return h
}

func (h *brokenHub) Invite(_ context.Context, inv conform.Invitation) (conform.Invited, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.invented++
	a := fmt.Sprint("A", h.invented)
	p := &brokenPlatform{roles: inv.Roles}
	h.byToken[a] = p
	for _, r := range inv.Roles {
		h.byParty[r.CountryCode+r.PartyID] = p
	}
	return conform.Invited{ID: a, VersionsURL: h.base + "/versions", TokenA: a, Roles: inv.Roles}, nil
}

func (h *brokenHub) Connect(context.Context, string, string, string) error   { return nil }
func (h *brokenHub) Grant(context.Context, string, []conform.Role) error     { return nil }
func (h *brokenHub) Suspend(context.Context, string, bool) error             { return nil }
func (h *brokenHub) Remove(context.Context, string) error                    { return nil }
func (h *brokenHub) Agree(context.Context, conform.Role, conform.Role) error { return nil }

func (h *brokenHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	readings, _ := ocpi.ParseAuthorization(r.Header.Get("Authorization"))
	h.mu.Lock()
	p := h.byToken[readings.Decoded]
	h.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case parts[0] == "versions":
		yes(w, fmt.Sprintf(`[{"version":"2.2.1","url":"%s/2.2.1"},{"version":"2.3.0","url":"%s/2.3.0"}]`, h.base, h.base))
	case len(parts) == 1:
		yes(w, h.details(parts[0]))
	case parts[len(parts)-1] == "credentials" && p != nil:
		h.register(w, r.Method, parts[0], p, body)
	case h.forwards && len(parts) > 2:
		h.forward(w, r, parts, body)
	default:
		yes(w, "[]")
	}
}

func yes(w http.ResponseWriter, data string) {
	ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusSuccess, "", []byte(data))
}

func (h *brokenHub) details(version string) string {
	list := []string{fmt.Sprintf(`{"identifier":"credentials","role":"SENDER","url":"%s/%s/SENDER/credentials"}`, h.base, version)}
	for _, m := range append(ocpi.Functional(ocpi.V230), ocpi.HubClientInfo) {
		for _, i := range []ocpi.Interface{ocpi.Sender, ocpi.Receiver} {
			list = append(list, fmt.Sprintf(`{"identifier":%q,"role":%q,"url":"%s/%s/%s/%s"}`, m, i, h.base, version, i, m))
		}
	}
	return fmt.Sprintf(`{"version":%q,"endpoints":[%s]}`, version, strings.Join(list, ","))
}

// register gives out a token. Where messages are to be forwarded it learns the
// endpoints; else it does not even look.
func (h *brokenHub) register(w http.ResponseWriter, method, version string, p *brokenPlatform, body []byte) {
	roles := `[{"role":"HUB","country_code":"DE","party_id":"HUB","business_details":{"name":"broken"}}]`
	h.mu.Lock()
	h.invented++
	c := fmt.Sprint("C", h.invented)
	h.mu.Unlock()
	if method != http.MethodGet {
		var in struct{ Token, URL string }
		_ = json.Unmarshal(body, &in)
		p.token, p.version = in.Token, version
		if h.forwards {
			p.learn(in.URL)
		}
		h.mu.Lock()
		h.byToken[c] = p
		h.mu.Unlock()
	}
	yes(w, fmt.Sprintf(`{"token":%q,"url":"%s/versions","roles":%s}`, c, h.base, roles))
}

func (p *brokenPlatform) learn(versions string) {
	var list struct {
		Data []struct{ Version, URL string }
	}
	p.get(versions, &list)
	for _, v := range list.Data {
		var details struct {
			Data struct {
				Endpoints []struct{ Identifier, Role, URL string }
			}
		}
		if v.Version != p.version {
			continue
		}
		p.get(v.URL, &details)
		p.endpoints = map[string]string{}
		for _, e := range details.Data.Endpoints {
			p.endpoints[e.Role+" "+e.Identifier] = e.URL
		}
	}
}

func (p *brokenPlatform) get(url string, into any) {
	req, _ := http.NewRequest(http.MethodGet, url, nil)
	req.Header.Set("Authorization", ocpi.FormatAuthorization(p.token, ocpi.EncodingBase64))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	_ = json.NewDecoder(resp.Body).Decode(into)
}

// forward passes a direct message on.
func (h *brokenHub) forward(w http.ResponseWriter, r *http.Request, parts []string, body []byte) {
	h.mu.Lock()
	to := h.byParty[r.Header.Get("OCPI-to-country-code")+r.Header.Get("OCPI-to-party-id")]
	h.mu.Unlock()
	if to == nil || to.endpoints[parts[1]+" "+parts[2]] == "" {
		yes(w, "[]")
		return
	}
	url := to.endpoints[parts[1]+" "+parts[2]]
	for _, s := range parts[3:] {
		url += "/" + s
	}
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	req, err := http.NewRequestWithContext(r.Context(), r.Method, url, strings.NewReader(string(body)))
	if err != nil {
		return
	}
	req.Header = r.Header.Clone()
	req.Header.Set("Authorization", ocpi.FormatAuthorization(to.token, ocpi.EncodingBase64))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// TestSuiteFindsABrokenHub: a check that passes whatever the hub does is worth
// nothing.
func TestSuiteFindsABrokenHub(t *testing.T) {
	for _, test := range []struct {
		name       string
		forwards   bool
		fail, pass []string
	}{
		{
			name: "says yes",
			fail: []string{
				"A01", "A02", "A05", "A06", "A09", "A10", "A16", "B01", "B04", "B06", "D01", "D04", "D09", "D10", "D13",
				"D26", "D27", "E01", "E02", "E08", "E10", "E11", "E16", "E20", "E21", "E28", "E29", "F01", "F02", "F12", "F17", "F19",
				"G01", "G06", "G08", "H01", "H02", "H07", "H08", "I01", "I03", "J01", "J04", "L01", "L02", "N01", "N05", "O01",
			},
			pass: []string{"C01", "C02", "D06"},
		},
		{
			name: "passes everything on", forwards: true,
			fail: []string{"A01", "B03", "B05", "E10", "E11", "E18", "E19", "E28", "F02", "H11", "I01", "I06", "J01", "N01", "N04"},
			pass: []string{"B04", "E01", "E02", "E04", "E05", "E16", "E26", "E31", "J03", "J04"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			hub := newBrokenHub(t, test.forwards)
			suite, err := conform.Open(t.Context(), conform.Options{
				Operator: hub, Only: append(test.fail, test.pass...), Parallel: 32,
				ForwardTimeout: 100e6, StillAlive: 100e6, Patience: 300e6,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer suite.Close()
			got := map[string]conform.Result{}
			for _, r := range suite.Run(t.Context()).Results {
				got[r.ID] = r
			}
			for _, id := range test.fail {
				if r := got[id]; r.Outcome != conform.Fail || r.Reason == "" {
					t.Errorf("%s: %s %s; the hub gets this wrong", id, r.Outcome, r.Reason)
				}
			}
			for _, id := range test.pass {
				if r := got[id]; r.Outcome != conform.Pass {
					t.Error(r.Explain())
				}
			}
		})
	}
}

func TestSelect(t *testing.T) {
	all := conform.Checks()
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.ID] {
			t.Errorf("%s occurs twice", c.ID)
		}
		seen[c.ID] = true
		if c.Title == "" || c.Ref == "" || c.Level != conform.Must && c.Level != conform.Should {
			t.Errorf("%s is not complete: %+v", c.ID, c)
		}
	}
	for letter, n := range map[string]int{
		"A": 16, "B": 8, "C": 7, "D": 32, "E": 31, "F": 20, "G": 10, "H": 13, "I": 13, "J": 5, "L": 8, "N": 13, "O": 3,
	} {
		for i := 1; i <= n; i++ {
			if id := fmt.Sprintf("%s%02d", letter, i); !seen[id] {
				t.Errorf("%s is missing", id)
			}
		}
	}
	got, err := conform.Select(all, "F*", "e01", "E01")
	if err != nil || len(got) != 21 || got[0].ID != "E01" {
		t.Errorf("selected %d: %v", len(got), err)
	}
	if _, err := conform.Select(all, "Z*"); err == nil {
		t.Error("a pattern that selects nothing is no error")
	}
}
