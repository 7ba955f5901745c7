package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
)

// owner is a CPO that publishes without pause.
type owner struct {
	party   partyID
	truth   *truth
	hub     *hub
	token   string
	client  *http.Client
	writers []*writer
}

// What an owner publishes: locations whose EVSEs change one by one, locations
// that are always sent as a whole, locations where both happens, tariffs, and
// new locations that never change again: what is lost of those, no later change
// can hide.
const (
	locationsOfEach = 3
	evsesOfEach     = 3
	tariffsOfOwner  = 3
)

// writer changes one set of cells, one change after the other; no other writer
// touches them. So the newest that was acknowledged is what everybody must end
// up with.
type writer struct {
	*owner
	next func(w *writer) change
	rev  int
	last time.Time // last_updated of the latest change
	id   string
	evse string
}

// change is one request.
type change struct {
	method string
	path   []string // from the module on
	body   string
	cells  map[cell]value
}

func newOwner(h *hub, p partyID, truth *truth) *owner {
	o := &owner{party: p, truth: truth, hub: h, client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	add := func(next func(*writer) change, id, evse string) {
		o.writers = append(o.writers, &writer{owner: o, next: next, id: id, evse: evse})
	}
	for i := range locationsOfEach {
		add((*writer).whole, fmt.Sprintf("WHOLE%d", i), "")
		add((*writer).mixed, fmt.Sprintf("MIXED%d", i), "")
		for e := range evsesOfEach {
			add((*writer).single, fmt.Sprintf("SINGLE%d", i), fmt.Sprintf("E%d", e))
		}
	}
	add((*writer).fresh, "NEW", "")
	for i := range tariffsOfOwner {
		add((*writer).tariff, fmt.Sprintf("T%d", i), "")
	}
	return o
}

// connect registers the owner and publishes the locations whose EVSEs are
// changed one by one.
func (o *owner) connect(t testing.TB) {
	// Nobody asks for its CDRs, but there must be something.
	s := blackbox.Platform(nil, blackbox.Endpoint{Identifier: "cdrs", Role: "SENDER", URL: "/cdrs"})
	t.Cleanup(s.Close)
	o.token = o.hub.register(t, o.party, "CPO", s.URL+"/versions")
	for i := range locationsOfEach {
		w := &writer{owner: o, id: fmt.Sprintf("SINGLE%d", i)}
		w.step()
		c := w.present()
		o.truth.try(c.cells)
		if _, err := w.push(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		o.truth.acknowledge(c.cells)
	}
	for _, w := range o.writers {
		if w.evse != "" {
			w.rev, w.last = 1, time.Now()
		}
	}
}

// step begins a new revision and returns its last_updated.
func (w *writer) step() string {
	w.rev++
	if now := time.Now().Truncate(time.Millisecond); now.After(w.last) {
		w.last = now
	} else {
		w.last = w.last.Add(time.Millisecond)
	}
	return w.stamp()
}

func (w *writer) stamp() string { return w.last.UTC().Format("2006-01-02T15:04:05.000Z") }

func (w *writer) cell(kind, evse string) cell { return cell{w.party, kind, w.id, evse} }

func (w *writer) status() string {
	return [...]string{"AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER"}[w.rev%4]
}

// whole puts the location with all its EVSEs.
func (w *writer) whole() change {
	w.step()
	return w.present()
}

// fresh puts a new location.
func (w *writer) fresh() change {
	w.step()
	n := *w
	n.id = fmt.Sprintf("%s%d", w.id, w.rev)
	return n.present()
}

func (w *writer) present() change {
	at, cells := w.stamp(), map[cell]value{w.cell("locations", ""): {revision: w.rev}}
	var evses []string
	for e := range evsesOfEach {
		uid := fmt.Sprintf("E%d", e)
		cells[w.cell("locations", uid)] = value{revision: w.rev}
		evses = append(evses, w.evseBody(uid, at))
	}
	return change{
		method: http.MethodPut, path: []string{"locations", w.party.country, w.party.id, w.id}, cells: cells,
		body: fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"publish":true,"name":"r%d","address":"Quay 17","city":"Rotterdam","country":"NLD",`+
			`"coordinates":{"latitude":"51.917000","longitude":"4.484000"},"evses":[%s],"time_zone":"Europe/Amsterdam","last_updated":%q}`,
			w.party.country, w.party.id, w.id, w.rev, strings.Join(evses, ","), at),
	}
}

func (w *writer) evseBody(uid, at string) string {
	return fmt.Sprintf(`{"uid":%q,"status":%q,"physical_reference":"r%d","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET",`+
		`"power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,"last_updated":%[4]q}],"last_updated":%[4]q}`, uid, w.status(), w.rev, at)
}

// single changes the status of one EVSE.
func (w *writer) single() change { at := w.step(); return w.patch(w.evse, at) }

func (w *writer) patch(uid, at string) change {
	return change{
		method: http.MethodPatch, path: []string{"locations", w.party.country, w.party.id, w.id, uid},
		body:  fmt.Sprintf(`{"status":%q,"physical_reference":"r%d","last_updated":%q}`, w.status(), w.rev, at),
		cells: map[cell]value{w.cell("locations", uid): {revision: w.rev}},
	}
}

// mixed puts the whole location, puts an EVSE, or changes one.
func (w *writer) mixed() change {
	uid := fmt.Sprintf("E%d", rand.IntN(evsesOfEach))
	switch n := rand.IntN(10); {
	case w.rev == 0 || n < 2:
		return w.whole()
	case n < 4:
		at := w.step()
		return change{
			method: http.MethodPut, path: []string{"locations", w.party.country, w.party.id, w.id, uid}, body: w.evseBody(uid, at),
			cells: map[cell]value{w.cell("locations", uid): {revision: w.rev}},
		}
	default:
		at := w.step()
		return w.patch(uid, at)
	}
}

// tariff puts a tariff, or now and then deletes it.
func (w *writer) tariff() change {
	at, path := w.step(), []string{"tariffs", w.party.country, w.party.id, w.id}
	if w.rev%5 == 0 {
		return change{method: http.MethodDelete, path: path, cells: map[cell]value{w.cell("tariffs", ""): {w.rev, true}}}
	}
	return change{
		method: http.MethodPut, path: path, cells: map[cell]value{w.cell("tariffs", ""): {revision: w.rev}},
		body: fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":%d,"step_size":1}]}],`+
			`"last_updated":%q}`, w.party.country, w.party.id, w.id, w.rev, at),
	}
}

// run publishes until ctx ends. The change that is under way then is still
// repeated until it is acknowledged.
func (o *owner) run(ctx context.Context, pause time.Duration) {
	var wg sync.WaitGroup
	for _, w := range o.writers {
		wg.Go(func() {
			for ctx.Err() == nil {
				w.publish(w.next(w))
				time.Sleep(rand.N(pause))
			}
		})
	}
	wg.Wait()
}

// publish sends a change until the hub has acknowledged it.
func (w *writer) publish(c change) {
	w.truth.try(c.cells)
	for again := false; ; again = true {
		refused, err := w.push(context.Background(), c)
		switch {
		case err != nil:
			w.truth.repeat()
			time.Sleep(20 * time.Millisecond)
			continue
		case refused != "" && !(again && c.method == http.MethodDelete): // the first DELETE may have been carried out
			w.truth.complain("the hub refused %s %s with %s", c.method, strings.Join(c.path, "/"), refused)
		}
		w.truth.acknowledge(c.cells)
		return
	}
}

// push makes one request. An error means that the outcome is not known, or that
// the hub asked to try again.
func (o *owner) push(ctx context.Context, c change) (refused string, err error) {
	status, body, err := o.ask(ctx, c.method, c.path, c.body)
	switch {
	case err != nil:
		return "", err
	case status == http.StatusTooManyRequests || status >= 500:
		return "", fmt.Errorf("HTTP %d %s", status, body)
	}
	var e struct {
		Status int `json:"status_code"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return "", err
	}
	if status/100 != 2 || e.Status/1000 != 1 {
		return fmt.Sprintf("HTTP %d %s", status, body), nil
	}
	return "", nil
}

func (o *owner) ask(ctx context.Context, method string, path []string, body string) (status int, answer []byte, err error) {
	u := o.hub.URL() + "/ocpi/2.2.1/receiver"
	for _, p := range path {
		u += "/" + url.PathEscape(p)
	}
	req, err := http.NewRequestWithContext(ctx, method, u, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Token "+o.token)
	req.Header.Set("X-Request-ID", fmt.Sprintf("%016x", rand.Uint64()))
	req.Header.Set("X-Correlation-ID", "soak")
	req.Header.Set("OCPI-to-country-code", "US")
	req.Header.Set("OCPI-to-party-id", "HUB")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := o.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// stored asks the hub for everything that the owner has published.
func (o *owner) stored(t testing.TB) map[cell]value {
	t.Helper()
	has := map[cell]value{}
	for _, c := range o.truth.objects(o.party) {
		path := []string{c.kind, o.party.country, o.party.id, c.id}
		status, body, err := o.ask(t.Context(), http.MethodGet, path, "")
		if err != nil {
			t.Fatal(err)
		}
		var e struct {
			Status int             `json:"status_code"`
			Data   json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatalf("GET %v: %d %s", path, status, body)
		}
		if e.Status != 1000 {
			continue // it has none, or not any more
		}
		says, err := read(http.MethodPut, path, e.Data)
		if err != nil {
			t.Fatalf("GET %v: %v", path, err)
		}
		maps.Copy(has, says)
	}
	return has
}
