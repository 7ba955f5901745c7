package catalog_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// twoEVSEs is a location with EVSEs E1 and E2.
func twoEVSEs(stamp, e1, e2 string) string {
	one := Location("LOC1", stamp)
	return strings.Replace(one, EVSE("E1", stamp), e1+","+e2, 1)
}

func status(evse, s string) string { return strings.Replace(evse, "AVAILABLE", s, 1) }

func object(t *testing.T, h *Hub, kind string, owner ocpi.PartyID, id string) store.Object {
	t.Helper()
	o, ok, err := h.Store.Object(context.Background(), store.ObjectKey{Kind: kind, Party: owner, ID: id})
	if err != nil || !ok {
		t.Fatalf("%s %s: found %v, err %v", kind, id, ok, err)
	}
	return o
}

// wantStep checks how the last change is kept.
func wantStep(t *testing.T, o store.Object, method, path, body string) {
	t.Helper()
	s, err := feed.Decode(o.Step)
	if err != nil || s.Method != method || strings.Join(s.Path, "/") != path || string(s.Body) != body || s.Version != ocpi.V221 || s.CorrelationID == "" {
		t.Errorf("step %+v, err %v, want %s %s %s", s, err, method, path, body)
	}
}

// A whole location that is PUT for the change of one EVSE goes to the others as
// a PATCH of that EVSE; the stored bytes are those of the owner.
func TestPutOfOneChangeBecomesPatch(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", twoEVSEs(t1, EVSE("E1", t1), EVSE("E2", t1)))
	h.Idle()
	before := object(t, h, "locations", cp1, "loc1")
	emsp.Forget()
	body := twoEVSEs(t2, EVSE("E1", t1), status(EVSE("E2", t2), "CHARGING"))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "nl/cp1/LOC1", body)
	h.Idle()
	patch := `{"status":"CHARGING","last_updated":"` + t2 + `"}`
	got := emsp.Received()
	if len(got) != 1 || got[0].Method != http.MethodPatch || got[0].Path != "/locations/nl/cp1/LOC1/E2" || got[0].Body != patch {
		t.Errorf("the eMSP got %v", got)
	}
	o := object(t, h, "locations", cp1, "loc1")
	if string(o.Body) != body {
		t.Errorf("stored %s", o.Body)
	}
	if o.Loud != o.Seq || o.Prev != before.Seq || len(o.Hash) != 16 || string(o.Hash) == string(before.Hash) {
		t.Errorf("seq %d, loud %d, prev %d, hash %x", o.Seq, o.Loud, o.Prev, o.Hash)
	}
	wantStep(t, o, "PATCH", "nl/cp1/LOC1/E2", patch)
	// What cannot be said as a PATCH goes as it was written.
	body = twoEVSEs(t3, EVSE("E1", t3), status(EVSE("E2", t3), "BLOCKED"))
	body = strings.Replace(body, `"Main 1"`, `"Main 2"`, 1)
	emsp.Forget()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", body)
	h.Idle()
	if got := emsp.Received(); len(got) != 1 || got[0].Method != http.MethodPut || got[0].Body != body {
		t.Errorf("the eMSP got %v", got)
	}
	wantStep(t, object(t, h, "locations", cp1, "loc1"), "PUT", "NL/CP1/LOC1", body)
}

// An EVSE that its owner leaves out stays as REMOVED, for pullers as for those
// who are pushed to, and comes back when the owner has it again.
func TestDroppedEVSEIsRemoved(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	put := func(body string) Request {
		t.Helper()
		h.Idle()
		emsp.Forget()
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", body)
		h.Idle()
		got := emsp.Received()
		if len(got) != 1 {
			t.Fatalf("the eMSP got %v", got)
		}
		return got[0]
	}
	statuses := func(body string) string { return gjson.Get(body, "evses.#.status").Raw }
	start := time.Now().Add(-time.Hour)
	at := func(n int) string {
		return ocpi.FormatTime(start.Add(time.Duration(n) * time.Second).Truncate(time.Second))
	}
	// E1 alone, as it has been since the first second.
	alone := func(street string, n int) string {
		return strings.Replace(strings.Replace(Location("LOC1", at(n)), "Main 1", street, 1), EVSE("E1", at(n)), EVSE("E1", at(1)), 1)
	}
	put(twoEVSEs(at(1), EVSE("E1", at(1)), EVSE("E2", at(1))))

	removed := `{"status":"REMOVED","last_updated":"` + at(2) + `"}`
	if r := put(alone("Main 1", 2)); r.Method != http.MethodPatch || r.Path != "/locations/NL/CP1/LOC1/E2" || r.Body != removed {
		t.Errorf("E2 is gone: %s %s", r, r.Body)
	}
	wantStep(t, object(t, h, "locations", cp1, "loc1"), "PATCH", "NL/CP1/LOC1/E2", removed)
	r := put(alone("Main 2", 3))
	if r.Method != http.MethodPut || statuses(r.Body) != `["AVAILABLE","REMOVED"]` || r.Body != stored(t, h, "locations", cp1, "loc1") {
		t.Errorf("another street, E2 still gone: %s %s", r, r.Body)
	}
	page := mustList(t, h, emsp, ocpi.Locations, "date_from="+at(3)).Data()
	if got := gjson.GetBytes(page, "0.evses.1"); got.Get("status").Str != "REMOVED" || got.Get("last_updated").Str != at(2) || got.Get("connectors.#").Int() != 1 {
		t.Errorf("a puller sees %s", page)
	}
	r = put(strings.Replace(alone("Main 2", 4), EVSE("E1", at(1)), EVSE("E1", at(1))+","+EVSE("E2", at(4)), 1))
	if r.Method != http.MethodPatch || r.Path != "/locations/NL/CP1/LOC1/E2" || gjson.Get(r.Body, "status").Str != "AVAILABLE" {
		t.Errorf("E2 is back: %s %s", r, r.Body)
	}
	r = put(alone("Main 3", 5))
	if r.Method != http.MethodPut || statuses(r.Body) != `["AVAILABLE","REMOVED"]` {
		t.Errorf("another street, E2 gone: %s %s", r, r.Body)
	}
}

// A push that changes nothing but last_updated is stored and stays quiet.
func TestRestampIsQuiet(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/U1", Token("U1", "RFID", t1))
	for _, tt := range []struct {
		from         *Partner
		method       string
		m            ocpi.Module
		path, body   string
		kind, id     string
		owner        ocpi.PartyID
		quiet        bool
		lastModified string
	}{
		{cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t2), "locations", "loc1", cp1, true, t2},
		{cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1", `{"city":"Gent","last_updated":"` + t3 + `"}`, "locations", "loc1", cp1, true, t3},
		{cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1/E1", `{"status":"AVAILABLE","last_updated":"` + t3 + `"}`, "locations", "loc1", cp1, true, t3},
		{cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1/E1/1", Connector("1", t4), "locations", "loc1", cp1, true, t4},
		{cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"` + t4 + `"}`, "locations", "loc1", cp1, false, t4},
		{cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t2), "tariffs", "t1", cp1, true, t2},
		{cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", strings.Replace(Tariff("T1", t2), "0.30", "0.31", 1), "tariffs", "t1", cp1, false, t2},
		{emsp, "PATCH", ocpi.Tokens, "DE/EM1/U1", `{"valid":true,"last_updated":"` + t2 + `"}`, "tokens", "u1/RFID", em1, true, t2},
		{emsp, "PATCH", ocpi.Tokens, "DE/EM1/U1", `{"valid":false,"last_updated":"` + t2 + `"}`, "tokens", "u1/RFID", em1, false, t2},
	} {
		before := object(t, h, tt.kind, tt.owner, tt.id)
		h.MustPublish(tt.from, tt.method, tt.m, tt.path, tt.body)
		o := object(t, h, tt.kind, tt.owner, tt.id)
		if o.Seq <= before.Seq || !strings.Contains(string(o.Body), tt.lastModified) {
			t.Errorf("%s %s is not stored: %s", tt.method, tt.path, o.Body)
		}
		if quiet := o.Loud == before.Loud; quiet != tt.quiet || quiet != (string(o.Hash) == string(before.Hash)) {
			t.Errorf("%s %s %s: quiet %v, want %v", tt.method, tt.path, tt.body, quiet, tt.quiet)
		}
		if whole := tt.method == "PUT"; (tt.quiet && whole) != (o.Step == nil) {
			t.Errorf("%s %s: step %q", tt.method, tt.path, o.Step)
		}
		if at, _ := ocpi.ParseTime(tt.lastModified); o.LastUpdated != at.UnixMicro() {
			t.Errorf("%s %s: last_updated %d, want %s", tt.method, tt.path, o.LastUpdated, tt.lastModified)
		}
	}
}

// Receivers hear nothing of a change that is quiet, and of the next one only
// what it changes.
func TestRestampIsNotSent(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.Idle()
	emsp.Forget()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t2))
	h.Idle()
	if got := emsp.Received(); len(got) != 0 {
		t.Errorf("the eMSP got %v", got)
	}
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"`+t3+`"}`)
	h.Idle()
	if got := emsp.Received(); len(got) != 1 || got[0].Method != http.MethodPatch {
		t.Errorf("the eMSP got %v", got)
	}
}

// Equal times: what comes later counts. And an EVSE that is newer is taken from
// a location that is not: some owners raise only the former.
func TestTimesOfOneSecond(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	for _, tt := range []struct {
		method, path, body string
		want               string
	}{
		{"PUT", "NL/CP1/LOC1", strings.Replace(Location("LOC1", t1), "Main 1", "Main 2", 1), "Main 2"},
		{"PATCH", "NL/CP1/LOC1", `{"address":"Main 3","last_updated":"` + t1 + `"}`, "Main 3"},
		{"PATCH", "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"` + t1 + `"}`, "CHARGING"},
		{"PATCH", "NL/CP1/LOC1/E1/1", `{"format":"SOCKET","last_updated":"` + t1 + `"}`, "SOCKET"},
	} {
		h.MustPublish(cpo, tt.method, ocpi.Locations, tt.path, tt.body)
		if got := stored(t, h, "locations", cp1, "loc1"); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s %s: stored %s", tt.method, tt.path, tt.body, got)
		}
	}
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1/E1", `{"status":"BLOCKED","last_updated":"`+t3+`"}`)
	put := func(evse string) string { return strings.Replace(Location("LOC1", t1), EVSE("E1", t1), evse, 1) }
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", put(EVSE("E1", t2)))
	if got := stored(t, h, "locations", cp1, "loc1"); !strings.Contains(got, "BLOCKED") {
		t.Errorf("an older EVSE was taken: %s", got)
	}
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", put(EVSE("E1", t4)))
	if got := stored(t, h, "locations", cp1, "loc1"); got != put(EVSE("E1", t4)) {
		t.Errorf("a newer EVSE was not taken: %s", got)
	}
	wantIDs(t, "date_from", mustList(t, h, cpo, ocpi.Locations, "date_from="+t4), "NL-CP1/LOC1")
}

// Pushes that were worked out on the same state do not undo each other.
func TestPushesThatCross(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", twoEVSEs(t1, EVSE("E1", t1), EVSE("E2", t1)))
	release, busy := make(chan struct{}), make(chan struct{})
	done := make(chan error, 6)
	go func() {
		done <- h.Store.Write(context.Background(), func(*store.Tx) error {
			close(busy)
			<-release
			return nil
		})
	}()
	<-busy
	publish := func(method, path, body string) {
		go func() {
			_, err := h.Publish(cpo, method, ocpi.Locations, path, body)
			done <- err
		}()
	}
	publish("PATCH", "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"`+t2+`"}`)
	publish("PATCH", "NL/CP1/LOC1/E2", `{"status":"BLOCKED","last_updated":"`+t2+`"}`)
	publish("PATCH", "NL/CP1/LOC1/E1/1", `{"format":"SOCKET","last_updated":"`+t2+`"}`)
	publish("PATCH", "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"`+t2+`"}`) // comes to nothing by then
	publish("PUT", "NL/CP1/LOC2", Location("LOC2", t1))
	Eventually(t, "all wait for the writer", func() bool { return h.Store.QueueLength() == 5 })
	close(release)
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	got := stored(t, h, "locations", cp1, "loc1")
	if s := gjson.Get(got, "evses.#.status").Raw; s != `["CHARGING","BLOCKED"]` || gjson.Get(got, "evses.0.connectors.0.format").Str != "SOCKET" {
		t.Errorf("stored %s", got)
	}
	if stored(t, h, "locations", cp1, "loc2") == "" {
		t.Error("the other location is missing")
	}
}
