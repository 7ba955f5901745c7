package crawl

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// rig is a hub that fetches the lists of one partner.
type rig struct {
	*deliverytest.Hub
	t       *testing.T
	egress  *egress.Client
	partner *partner
	stop    func()
}

func newRig(t *testing.T, modules ...ocpi.Module) *rig {
	t.Helper()
	r := &rig{t: t, Hub: deliverytest.New(t, true)}
	r.egress = egress.New(egress.Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(r.egress.Close)
	r.partner = newPartner(r, "NL-CP1", "NL-CP2")
	if len(modules) > 0 {
		r.pull(party.PullSettings{Modules: modules, Parties: []string{"NL-CP1"}})
	}
	t.Cleanup(func() { r.halt() })
	return r
}

func (r *rig) pull(s party.PullSettings) {
	r.t.Helper()
	check(r.t, r.Registry.Update(context.Background(), r.partner.id, party.Update{Pull: &s}))
}

func (r *rig) crawler() *Crawler {
	return New(Options{
		Store: r.Store, Registry: r.Registry, Egress: r.egress, Trace: r.Trace, Hub: deliverytest.ID, Publish: r.Catalog.Publish,
		Tick: 2 * time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 4 * time.Millisecond, Timeout: 5 * time.Second,
	})
}

// run runs a crawler until halt.
func (r *rig) run() *Crawler {
	c := r.crawler()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	r.stop = func() {
		cancel()
		check(r.t, <-done)
	}
	return c
}

func (r *rig) halt() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// job is what the API says about a list of NL-CP1.
func (r *rig) job(m ocpi.Module) JobState {
	r.t.Helper()
	list, err := r.crawler().States(context.Background())
	check(r.t, err)
	for _, j := range list {
		if j.Module == m && j.Party.ID == "CP1" {
			return j
		}
	}
	r.t.Fatalf("there is no job for %s: %+v", m, list)
	return JobState{}
}

// ended waits for the end of a run that began at after or later, and returns it.
func (r *rig) ended(m ocpi.Module, after time.Time) Run {
	r.t.Helper()
	var last *Run
	deliverytest.Eventually(r.t, "a run ends", func() bool {
		last = r.job(m).Last
		return last != nil && !last.Started.Before(after)
	})
	return *last
}

// fetch runs one crawl to its end, a full one or a delta.
func (r *rig) fetch(m ocpi.Module, full bool) Run {
	r.t.Helper()
	c, begun := r.run(), time.Now()
	if _, err := c.Ask(context.Background(), r.partner.id, full); err != nil {
		r.t.Fatal(err)
	}
	run := r.ended(m, begun)
	for full && !run.Full {
		run = r.ended(m, run.Ended)
	}
	r.halt()
	return run
}

// bodies are the objects in the hub by name, deleted ones left out.
func (r *rig) bodies(m ocpi.Module) map[string]string {
	r.t.Helper()
	list, _, err := r.Store.List(context.Background(), store.ListQuery{Kind: string(m)})
	check(r.t, err)
	out := map[string]string{}
	for _, o := range list {
		out[o.Name] = string(o.Body)
	}
	return out
}

// partner is a platform that pushes nothing and has lists.
type partner struct {
	*httptest.Server
	id, token string

	mu      sync.Mutex
	objects map[string][]string // by module, in the order of the list
	limit   int                 // most objects on a page
	noLink  bool
	noTotal bool
	before  func(w http.ResponseWriter, q *http.Request) bool // true: the request is answered
	log     []*http.Request
}

func newPartner(r *rig, parties ...string) *partner {
	p := &partner{token: "secret-of-the-hub", objects: map[string][]string{}, limit: 2}
	p.Server = httptest.NewServer(p)
	r.t.Cleanup(p.Close)
	var grants []party.Grant
	var roles []map[string]any
	for _, id := range parties {
		g := deliverytest.Grant(id, ocpi.RoleCPO)
		grants = append(grants, g, deliverytest.Grant(id, ocpi.RoleEMSP))
		for _, role := range []string{"CPO", "EMSP"} {
			roles = append(roles, map[string]any{"role": role, "party_id": g.PartyID, "country_code": g.CountryCode, "business_details": map[string]string{"name": "x"}})
		}
	}
	ctx := context.Background()
	made, err := r.Registry.Invite(ctx, party.Invitation{Name: "lists only", Parties: grants, Encoding: ocpi.EncodingBase64})
	check(r.t, err)
	p.id = made.ID
	a, err := r.Registry.Authenticate(ctx, "Token "+base64.StdEncoding.EncodeToString([]byte(made.TokenA)))
	check(r.t, err)
	body, err := json.Marshal(map[string]any{"token": p.token, "url": p.URL + "/versions", "roles": roles})
	check(r.t, err)
	_, err = r.Registry.Credentials(ctx, a, ocpi.V221, http.MethodPost, body)
	check(r.t, err)
	return p
}

func (p *partner) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	write := func(data string) { ocpi.WriteEnvelope(w, 200, 1000, "", []byte(data)) }
	if q.Header.Get("Authorization") != "Token "+base64.StdEncoding.EncodeToString([]byte(p.token)) {
		ocpi.WriteEnvelope(w, 401, 2000, "who are you?", nil)
		return
	}
	switch q.URL.Path {
	case "/versions":
		write(fmt.Sprintf(`[{"version":"2.2.1","url":"%s/details"}]`, p.URL))
		return
	case "/details":
		var list []string
		for _, m := range []string{"credentials", "locations", "tariffs", "tokens"} {
			list = append(list, fmt.Sprintf(`{"identifier":%q,"role":"SENDER","url":"%s/%s"}`, m, p.URL, m))
		}
		write(`{"version":"2.2.1","endpoints":[` + strings.Join(list, ",") + `]}`)
		return
	}
	p.mu.Lock()
	p.log = append(p.log, q)
	before := p.before
	p.mu.Unlock()
	if before != nil && before(w, q) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	module, id, single := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	if single {
		for _, o := range p.objects[module] {
			if idOf(o) == id {
				write(o)
				return
			}
		}
		ocpi.WriteEnvelope(w, 404, 2003, "unknown", nil)
		return
	}
	p.list(w, q, module)
}

// list answers with a page.
func (p *partner) list(w http.ResponseWriter, q *http.Request, module string) {
	query := q.URL.Query()
	var match []string
	for _, o := range p.objects[module] {
		if from := query.Get("date_from"); from == "" || field(o, "last_updated") >= from {
			match = append(match, o)
		}
	}
	offset, _ := strconv.Atoi(query.Get("offset"))
	limit, _ := strconv.Atoi(query.Get("limit"))
	limit = min(limit, p.limit)
	begin := min(offset, len(match))
	end := min(begin+limit, len(match))
	if !p.noTotal {
		w.Header().Set("X-Total-Count", strconv.Itoa(len(match)))
	}
	if end < len(match) && !p.noLink {
		query.Set("offset", strconv.Itoa(end))
		query.Set("limit", strconv.Itoa(limit))
		w.Header().Set("Link", `<`+p.URL+"/"+module+"?"+query.Encode()+`>; rel="next"`)
	}
	ocpi.WriteEnvelope(w, 200, 1000, "", []byte("["+strings.Join(match[begin:end], ",")+"]"))
}

// set replaces the list of a module.
func (p *partner) set(m ocpi.Module, objects ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.objects[string(m)] = slices.Clone(objects)
}

// answers has fn see each request first; nil for none.
func (p *partner) answers(fn func(w http.ResponseWriter, q *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = fn
}

// requests returns what was asked since the last call.
func (p *partner) requests() (urls []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.log {
		u, _ := url.QueryUnescape(q.URL.RequestURI())
		urls = append(urls, u)
	}
	p.log = nil
	return urls
}

func field(object, name string) string {
	var v map[string]any
	_ = json.Unmarshal([]byte(object), &v)
	s, _ := v[name].(string)
	return s
}

func idOf(object string) string { return field(object, "id") }

// locationOf is a location with one EVSE.
func locationOf(owner, id, updated string) string {
	return fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"publish":true,"address":"A 1","city":"B","country":"NLD",
		"coordinates":{"latitude":"52.0","longitude":"5.0"},"time_zone":"Europe/Amsterdam","evses":[{"uid":"E-%s","status":"AVAILABLE",
		"connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,"last_updated":%q}],
		"last_updated":%q}],"last_updated":%q}`, owner[:2], owner[3:], id, id, updated, updated, updated)
}

func tariffOf(id, updated string) string {
	return fmt.Sprintf(`{"country_code":"NL","party_id":"CP1","id":%q,"currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.3,"step_size":1}]}],"last_updated":%q}`, id, updated)
}

func locations(n int) (list []string) {
	for i := range n {
		list = append(list, locationOf("NL-CP1", fmt.Sprint("LOC", i), fmt.Sprintf("2026-01-01T00:00:%02dZ", i)))
	}
	return list
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
