package simulation

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	partner "github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/simulation/virtualnet"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// world is a hub with its partners, and what is known about what should happen.
// One goroutine drives it; the receivers look things up meanwhile.
type world struct {
	t         *testing.T
	hub       *hub
	rng       *rand.Rand
	receivers []*receiver
	byID      map[string]*receiver
	begin     time.Time
	replayed  int // dead letters

	mu         sync.Mutex
	model      model
	deals      []*deal
	markers    int               // the last one that was given to a push
	committed  map[int]time.Time // when the push with a marker was accepted
	deletes    map[objectID]int  // the marker of the last DELETE of an object
	upSince    time.Time         // of the hub
	failures   []string
	violations map[string]int
}

// newWorld opens a hub without partners. It must be called within a bubble.
func newWorld(t *testing.T, seed uint64, o store.Options) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), byID: make(map[string]*receiver), begin: time.Now(), upSince: time.Now(),
		model: make(model), committed: make(map[int]time.Time), deletes: make(map[objectID]int), violations: make(map[string]int),
	}
	w.hub = &hub{t: t, options: o, network: virtualnet.New()}
	w.hub.up()
	t.Cleanup(func() { w.hub.down(false) })
	return w
}

// violation notes that an invariant does not hold. The format begins with its
// name; a few of each are kept.
func (w *world) violation(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kind, _, _ := strings.Cut(format, " ")
	if w.violations[kind]++; w.violations[kind] <= maxViolations {
		w.failures = append(w.failures, fmt.Sprintf("%s: ", time.Since(w.begin).Round(time.Millisecond))+fmt.Sprintf(format, args...))
	}
}

// maxViolations bounds those of one invariant that are told.
const maxViolations = 5

// report fails the test with the violations so far.
func (w *world) report() {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.failures {
		w.t.Error(f)
	}
	if len(w.violations) > 0 {
		w.t.Errorf("violations: %v", w.violations)
	}
}

// join makes a partner and has it register with the hub.
func (w *world) join(id string, role ocpi.Role, version ocpi.Version) *receiver {
	w.t.Helper()
	r := &receiver{
		w: w, id: id, role: role, version: version, latency: 5*time.Millisecond + upTo(w.rng, 35*time.Millisecond),
		modules: []ocpi.Module{ocpi.Locations, ocpi.Tariffs, ocpi.HubClientInfo}, refuses: make(map[objectID]bool),
		holds: make(map[objectID]doc), infos: make(map[string]string), order: make(map[slot]note), open: make(map[objectID]int),
		answer: make(map[objectID]answered), settings: []setting{{}},
	}
	if role == ocpi.RoleCPO {
		r.modules = []ocpi.Module{ocpi.Tokens, ocpi.HubClientInfo}
	}
	k := len(w.receivers)
	r.host = w.hub.network.Listen(fmt.Sprintf("10.0.%d.%d:80", k/100, 1+k%100))
	server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(r.host)
	}()
	w.t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	w.receivers = append(w.receivers, r)
	w.byID[id] = r
	w.register(r)
	return r
}

func (w *world) register(r *receiver) {
	w.t.Helper()
	ctx := context.Background()
	country, name := party(r.id)
	made, err := w.hub.registry.Invite(ctx, partner.Invitation{
		Name: r.id, Encoding: ocpi.EncodingBase64, Parties: []partner.Grant{{CountryCode: country, PartyID: name, Role: r.role, Name: r.id}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	r.platform = made.ID
	a, err := w.hub.registry.Authenticate(ctx, "Token "+base64.StdEncoding.EncodeToString([]byte(made.TokenA)))
	if err != nil {
		w.t.Fatal(err)
	}
	credentials := encode(doc{
		"token": "token-of-" + r.id, "url": "http://" + r.host.Addr().String() + "/versions",
		"roles": []doc{{"role": r.role, "country_code": country, "party_id": name, "business_details": doc{"name": r.id}}},
	})
	if _, err := w.hub.registry.Credentials(ctx, a, r.version, http.MethodPost, credentials); err != nil {
		w.t.Fatalf("registering %s: %v", r.id, err)
	}
}

// find returns r's party as the hub knows it.
func (w *world) find(r *receiver) *partner.Party {
	return w.hub.registry.Snapshot().Platform(r.platform).Parties[0]
}

// publish pushes p to the hub and compares the answer with that of the model. It
// may be called by several goroutines for different objects.
func (w *world) publish(p push, n int) verdict {
	w.mu.Lock()
	if p.method == http.MethodDelete {
		w.deletes[p.object] = n
	}
	w.mu.Unlock()
	owner := w.byID[p.object.owner]
	country, name := party(p.object.owner)
	out := delivery.Push{
		From: w.find(owner), Version: owner.version, Module: p.object.module, Method: p.method,
		Path: append([]string{country, name, p.object.id}, p.parts...), CorrelationID: ocpi.NewMessageID(),
	}
	if p.body != nil {
		out.Body = encode(p.body)
	}
	isNew, err := w.hub.catalog.Publish(context.Background(), out)
	w.mu.Lock()
	v := w.model.push(p, time.Now())
	if v >= accepted {
		w.committed[n] = time.Now()
	}
	w.mu.Unlock()
	if (err != nil) != (v == refused) || err == nil && isNew != (v == isCreated) {
		w.violation("the hub answered %s with new %v, %v; verdict %d", p, isNew, err, v)
	}
	return v
}

func (w *world) marker() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.markers++
	return w.markers
}

// lastDelete returns the marker of the last DELETE of o that was sent to the hub.
func (w *world) lastDelete(o objectID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deletes[o]
}

// permitted reports whether a message about an owner's objects may arrive at a
// receiver at t.
func (w *world) permitted(m ocpi.Module, owner, receiver string, t time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	cpo, emsp := sides(m, owner, receiver)
	return slices.ContainsFunc(w.deals, func(d *deal) bool { return d.cpo == cpo && d.emsp == emsp && d.permitted(m, t) })
}

// entitled reports whether a receiver is to have an owner's objects from now on.
func (w *world) entitled(m ocpi.Module, owner, receiver string) bool {
	now := time.Now()
	cpo, emsp := sides(m, owner, receiver)
	return slices.ContainsFunc(w.deals, func(d *deal) bool {
		return d.cpo == cpo && d.emsp == emsp && d.ended.IsZero() && d.covers(m, now)
	})
}

// due returns since when the hub could send the push with marker n to a receiver;
// ok is false when it was not entitled already.
func (w *world) due(o objectID, receiver string, n int) (since time.Time, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, known := w.committed[n]
	if !known {
		return time.Now(), true // its commit is of this very instant
	}
	cpo, emsp := sides(o.module, o.owner, receiver)
	for _, d := range w.deals {
		if d.cpo == cpo && d.emsp == emsp && d.permitted(o.module, time.Now()) && d.since().Before(at) {
			if w.upSince.After(at) {
				at = w.upSince
			}
			return at, true
		}
	}
	return time.Time{}, false
}

// entitledSince reports whether a receiver was entitled to an object at a time
// and is so by the same agreement.
func (w *world) entitledSince(o objectID, receiver string, t time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	cpo, emsp := sides(o.module, o.owner, receiver)
	return slices.ContainsFunc(w.deals, func(d *deal) bool {
		return d.cpo == cpo && d.emsp == emsp && d.permitted(o.module, time.Now()) && d.since().Before(t)
	})
}

// agree makes an agreement.
func (w *world) agree(d *deal) {
	d.id = fmt.Sprintf("a%d", len(w.deals))
	d.made = time.Now()
	w.mu.Lock()
	w.deals = append(w.deals, d)
	w.mu.Unlock()
	a := partner.Agreement{ID: d.id, ValidFrom: d.from, ValidTo: d.to}
	for _, m := range d.scope {
		a.Scope = append(a.Scope, partner.Scope(m))
	}
	a.CPO, _ = ocpi.ParsePartyString(d.cpo)
	a.EMSP, _ = ocpi.ParsePartyString(d.emsp)
	if err := w.hub.registry.PutAgreement(context.Background(), a); err != nil {
		w.t.Error(err)
	}
}

// end ends an agreement.
func (w *world) end(d *deal) {
	w.mu.Lock()
	d.ended = time.Now()
	w.mu.Unlock()
	if err := w.hub.registry.DeleteAgreement(context.Background(), d.id); err != nil && !errors.Is(err, partner.ErrNotFound) {
		w.t.Error(err)
	}
}

// set changes what is pushed to a receiver.
func (w *world) set(r *receiver, s partner.DeliverySettings) {
	r.mu.Lock()
	r.settings = append(r.settings, setting{s, time.Now()})
	r.mu.Unlock()
	id, _ := ocpi.ParsePartyString(r.id)
	if err := w.hub.registry.SetDelivery(context.Background(), id, r.role, s); err != nil {
		w.t.Error(err)
	}
}

// restart stops the hub and starts it again in the same instant.
func (w *world) restart(kill bool) {
	w.hub.restart(kill)
	w.mu.Lock()
	w.upSince = time.Now()
	w.mu.Unlock()
	for _, r := range w.receivers {
		r.mu.Lock()
		r.back = 0           // what was sent in the last second may come again
		r.hold = time.Time{} // and what receivers asked for is forgotten
		r.mu.Unlock()
	}
}
