// Package deliverytest sets up what tests of publishing need: the parts of a hub
// from the database to the lanes, and partners that registered with it and take
// what it sends, over real HTTP on the loopback interface.
package deliverytest

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// ID is the hub's own party.
var ID = ocpi.PartyID{CountryCode: "DE", ID: "HUB"}

// Hub is a hub without its HTTP side.
type Hub struct {
	Store    *store.Store
	Registry *party.Registry
	Catalog  *catalog.Catalog
	Delivery *delivery.Delivery
	Trace    *trace.Recorder
	Metrics  *prometheus.Registry

	t      testing.TB
	dir    string
	base   string // URL of a database on PostgreSQL; "" for SQLite
	url    string
	egress *egress.Client
	agree  bool
	change []func(*delivery.Options)
	stop   func()
	agreed int
}

// New opens a hub that does not deliver yet; see Start. With open, every CPO
// has an agreement with every provider.
func New(t testing.TB, open bool, change ...func(*delivery.Options)) *Hub {
	t.Helper()
	return NewWith(t, open, egress.Options{}, change...)
}

// NewWith is New with a client that has the given options.
func NewWith(t testing.TB, open bool, client egress.Options, change ...func(*delivery.Options)) *Hub {
	t.Helper()
	return NewOn(t, "", open, client, change...)
}

// NewOn is NewWith on a database as store.Options names it.
func NewOn(t testing.TB, database string, open bool, client egress.Options, change ...func(*delivery.Options)) *Hub {
	t.Helper()
	server := httptest.NewServer(http.NotFoundHandler()) // parties only need its URL
	t.Cleanup(server.Close)
	h := &Hub{t: t, dir: t.TempDir(), base: database, url: server.URL, agree: open, change: change}
	client.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	h.egress = egress.New(client)
	t.Cleanup(h.egress.Close)
	h.open()
	t.Cleanup(h.Close)
	return h
}

func (h *Hub) open() {
	h.t.Helper()
	ctx := context.Background()
	var err error
	if h.Store, err = store.Open(ctx, store.Options{Dir: h.dir, Database: h.base}); err != nil {
		h.t.Fatal(err)
	}
	if h.Trace, err = trace.Open(ctx, trace.Options{Path: filepath.Join(h.dir, "trace.db")}); err != nil {
		h.t.Fatal(err)
	}
	h.Registry, err = party.Open(ctx, party.Options{
		Store: h.Store, Egress: h.egress, Hub: ID, HubName: "Test Hub", PublicURL: h.url,
		OpenAgreements: h.agree, SealKey: []byte(strings.Repeat("k", 32)),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.Metrics = prometheus.NewRegistry()
	o := delivery.Options{
		Store: h.Store, Registry: h.Registry, Egress: h.egress, Trace: h.Trace, Hub: ID, Metrics: h.Metrics,
		Timeout: 5 * time.Second, MinBackoff: 5 * time.Millisecond, MaxBackoff: 20 * time.Millisecond,
	}
	for _, c := range h.change {
		c(&o)
	}
	h.Delivery = delivery.New(o)
	h.Catalog = catalog.New(catalog.Options{
		Store: h.Store, Registry: h.Registry, Delivery: h.Delivery, SignKey: []byte("sign"), Metrics: h.Metrics,
	})
}

// Start begins to deliver.
func (h *Hub) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	d, done := h.Delivery, make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	h.stop = func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("delivery ended with %v", err)
		}
		h.stop = nil
	}
}

// Stop ends delivering; Start must be called again.
func (h *Hub) Stop() {
	if h.stop != nil {
		h.stop()
	}
}

// Watch has the registry look after its platforms until the test ends.
func (h *Hub) Watch() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	registry := h.Registry // Reopen brings another
	go func() { done <- registry.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("running the registry: %v", err)
		}
	})
}

// Close stops the hub. It may be called more than once.
func (h *Hub) Close() {
	h.Stop()
	if err := h.Trace.Close(); err != nil {
		h.t.Error(err)
	}
	if err := h.Store.Close(); err != nil {
		h.t.Error(err)
	}
}

// Reopen is a restart; Start must be called again.
func (h *Hub) Reopen() {
	h.t.Helper()
	h.Close()
	h.open()
}

// Grant is a party such as "NL-CP1" with a role.
func Grant(id string, role ocpi.Role) party.Grant {
	p, err := ocpi.ParsePartyString(id)
	if err != nil {
		panic(err)
	}
	return party.Grant{CountryCode: p.CountryCode, PartyID: p.ID, Role: role, Name: id}
}

// Join invites a platform with the given parties and has it register in
// version v. It advertises the given modules as RECEIVER; none: all that are
// pushed.
func (h *Hub) Join(v ocpi.Version, grants []party.Grant, modules ...ocpi.Module) *Partner {
	h.t.Helper()
	return h.join(party.Invitation{Name: "partner", Parties: grants}, v, modules)
}

// JoinHub is Join for another hub with the parties behind it.
func (h *Hub) JoinHub(v ocpi.Version, grants []party.Grant, modules ...ocpi.Module) *Partner {
	h.t.Helper()
	return h.join(party.Invitation{Name: "another hub", Parties: grants, Hub: true}, v, modules)
}

func (h *Hub) join(inv party.Invitation, v ocpi.Version, modules []ocpi.Module) *Partner {
	h.t.Helper()
	p := newPartner(h.t, h, v, inv.Parties, modules)
	inv.Encoding = ocpi.EncodingBase64
	ctx := context.Background()
	made, err := h.Registry.Invite(ctx, inv)
	if err != nil {
		h.t.Fatal(err)
	}
	p.Platform = made.ID
	a, err := h.Registry.Authenticate(ctx, "Token "+base64.StdEncoding.EncodeToString([]byte(made.TokenA)))
	if err != nil {
		h.t.Fatal(err)
	}
	h.exchange(p, a, http.MethodPost, p.credentials(inv.Hub))
	return p
}

// exchange sends the credentials of p, and keeps the token that it is given.
func (h *Hub) exchange(p *Partner, a *party.Access, method string, body []byte) {
	h.t.Helper()
	data, err := h.Registry.Credentials(context.Background(), a, p.Version, method, body)
	if err != nil {
		h.t.Fatalf("registering: %v", err)
	}
	p.issued = gjson.GetBytes(data, "token").String()
}

// Renew has p, which is no hub, register again in version v and with the given
// modules.
func (h *Hub) Renew(p *Partner, v ocpi.Version, modules ...ocpi.Module) {
	h.t.Helper()
	p.mu.Lock()
	p.Version, p.modules = v, modules
	p.mu.Unlock()
	a, err := h.Registry.Authenticate(context.Background(), "Token "+base64.StdEncoding.EncodeToString([]byte(p.issued)))
	if err != nil {
		h.t.Fatal(err)
	}
	h.exchange(p, a, http.MethodPut, p.credentials(false))
}

// Agree makes an agreement between a CPO and a provider; without scope over
// everything. It returns its id.
func (h *Hub) Agree(cpo, emsp string, scope ...party.Scope) string {
	h.t.Helper()
	h.agreed++
	a := party.Agreement{ID: fmt.Sprintf("a%d", h.agreed), Scope: scope}
	a.CPO, _ = ocpi.ParsePartyString(cpo)
	a.EMSP, _ = ocpi.ParsePartyString(emsp)
	if err := h.Registry.PutAgreement(context.Background(), a); err != nil {
		h.t.Fatal(err)
	}
	return a.ID
}

// Publish pushes to the hub as a party of from, and returns what Catalog.Publish
// does. Path is separated by slashes; a query may follow.
func (h *Hub) Publish(from *Partner, method string, m ocpi.Module, path, body string) (bool, error) {
	h.t.Helper()
	return h.Catalog.Publish(context.Background(), from.Push(method, m, path, body))
}

// MustPublish is Publish that has to succeed.
func (h *Hub) MustPublish(from *Partner, method string, m ocpi.Module, path, body string) {
	h.t.Helper()
	if _, err := h.Publish(from, method, m, path, body); err != nil {
		h.t.Fatalf("%s %s %s: %v", method, m, path, err)
	}
}

// Party returns a party of p as the registry knows it now; id "" for its first.
func (h *Hub) Party(p *Partner, id string) *party.Party {
	h.t.Helper()
	for _, q := range h.Registry.Snapshot().Platform(p.Platform).Parties {
		if q.Role != ocpi.RoleHub && (id == "" || q.ID.String() == id) {
			return q
		}
	}
	h.t.Fatalf("platform %s has no party %s", p.Platform, id)
	return nil
}

// Push makes a push of the party in the path.
func (p *Partner) Push(method string, m ocpi.Module, path, body string) delivery.Push {
	path, query, _ := strings.Cut(path, "?")
	q, err := url.ParseQuery(query)
	if err != nil {
		p.t.Fatal(err)
	}
	segments := strings.Split(path, "/")
	if path == "" {
		segments = nil
	}
	var from *party.Party
	side := m.Implementer(ocpi.Sender)
	for _, c := range p.hub.Registry.Snapshot().Platform(p.Platform).Parties {
		if len(segments) < 2 || c.ID.Is(segments[0], segments[1]) {
			if from == nil || from.Role.Side() != side {
				from = c
			}
		}
	}
	if from == nil {
		from = p.hub.Party(p, "")
	}
	return delivery.Push{
		From: from, Version: p.Version, Module: m, Method: method, Path: segments, Query: q,
		Body: []byte(body), CorrelationID: ocpi.NewMessageID(), FromHub: from.Platform.Hub,
	}
}

// Idle waits until every connected receiver has everything.
func (h *Hub) Idle() {
	h.t.Helper()
	Eventually(h.t, "all lanes are idle", func() bool {
		head, err := h.Store.Seq(context.Background())
		if err != nil {
			h.t.Fatal(err)
		}
		lanes := h.Delivery.Lanes()
		if len(lanes) != h.receivers() {
			return false
		}
		for _, l := range lanes {
			if l.State != delivery.LaneIdle || l.Cursor < head {
				return false
			}
		}
		return true
	})
}

// receivers is how many parties should have a lane.
func (h *Hub) receivers() int {
	n := 0
	for _, pl := range h.Registry.Snapshot().Platforms() {
		for _, p := range pl.Parties {
			takes := false
			for k := range pl.Endpoints {
				takes = takes || k.Interface == ocpi.Receiver
			}
			if takes && p.Reachable() && p.Role != ocpi.RoleHub {
				n++
			}
		}
	}
	return n
}

// Eventually waits for something that happens in the background.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 4000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("did not happen: %s", what)
}

// Kill ends the hub without letting it store how far its lanes are, as kill -9
// would; Start must be called again.
func (h *Hub) Kill() {
	h.t.Helper()
	if err := h.Store.Close(); err != nil {
		h.t.Error(err)
	}
	h.Reopen()
}

// Put writes an object to the store as a push would, without announcing it: as
// what another process accepted, or this one before it was started again. step,
// unless nil, is kept as its last change; quiet changes nothing that is told.
func (h *Hub) Put(kind ocpi.Module, id string, body string, step *feed.Step, quiet bool) store.Object {
	h.t.Helper()
	var o store.Object
	err := h.Store.Write(context.Background(), func(tx *store.Tx) error {
		o = h.Object(kind, id, body)
		if step != nil {
			o.Step = step.Encode()
		}
		if quiet {
			return tx.PutQuiet(&o)
		}
		return tx.PutObject(&o)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return o
}

// Object is an object of NL-CP1, or a token of DE-EM1, as the catalog stores it.
func (h *Hub) Object(kind ocpi.Module, id, body string) store.Object {
	owner, key := ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, ocpi.FoldID(id)
	if kind == ocpi.Tokens {
		owner, key = ocpi.PartyID{CountryCode: "DE", ID: "EM1"}, ocpi.TokenKey(id, "RFID")
	}
	return store.Object{
		ObjectKey: store.ObjectKey{Kind: string(kind), Party: owner, ID: key}, Name: id,
		Version: string(ocpi.V221), Body: []byte(body), Deleted: body == "",
	}
}

// Deliver replaces the delivery settings of a party of p; id "" for its first.
func (h *Hub) Deliver(p *Partner, id string, s party.DeliverySettings) {
	h.t.Helper()
	q := h.Party(p, id)
	if err := h.Registry.SetDelivery(context.Background(), q.ID, q.Role, s); err != nil {
		h.t.Fatal(err)
	}
}
