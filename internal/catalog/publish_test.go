package catalog_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

const (
	t1 = "2026-01-01T10:00:01Z"
	t2 = "2026-01-01T10:00:02Z"
	t3 = "2026-01-01T10:00:03Z"
	t4 = "2026-01-01T10:00:04Z"
)

var cp1 = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}

func one(id string, role ocpi.Role) []party.Grant { return []party.Grant{Grant(id, role)} }

// stored reads what the hub has; "" for nothing.
func stored(t *testing.T, h *Hub, kind string, owner ocpi.PartyID, id string) string {
	t.Helper()
	o, ok, err := h.Store.Object(context.Background(), store.ObjectKey{Kind: kind, Party: owner, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if !ok || o.Deleted {
		return ""
	}
	return string(o.Body)
}

// wantError checks status codes and that the message begins with the field.
func wantError(t *testing.T, err error, httpStatus, status int, field string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want HTTP %d status %d", httpStatus, status)
		return
	}
	if e := ocpi.AsError(err); e.HTTPStatus() != httpStatus || e.Status != status || !strings.HasPrefix(e.Message, field) {
		t.Errorf("HTTP %d status %d %q, want HTTP %d status %d %q…", e.HTTPStatus(), e.Status, e.Message, httpStatus, status, field)
	}
}

// The bytes that are stored are those of the owner, with parts and patches
// spliced in and last_updated of the parents raised.
func TestPublishLocation(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	body := Location("LOC1", t1)
	for i, want := range []bool{true, false} {
		isNew, err := h.Publish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", body)
		if err != nil || isNew != want {
			t.Fatalf("PUT %d: new %v, err %v", i, isNew, err)
		}
	}
	if got := stored(t, h, "locations", cp1, "loc1"); got != body {
		t.Errorf("stored %s", got)
	}
	for _, step := range []struct {
		method, path, body string
		isNew              bool
		want               func(string) string
	}{
		{"PATCH", "NL/CP1/LOC1/E1", `{"status":"CHARGING","y":null,"last_updated":"` + t2 + `"}`, false, func(s string) string {
			s = strings.Replace(s, `"AVAILABLE"`, `"CHARGING"`, 1)
			return replaceLast(s, t1, t2, 2, `,"y":null`)
		}},
		{"PUT", "nl/cp1/loc1/e1/2", Connector("2", t3), true, nil},
		{"PUT", "NL/CP1/LOC1/E2", EVSE("E2", t4), true, nil},
	} {
		isNew, err := h.Publish(cpo, step.method, ocpi.Locations, step.path, step.body)
		if err != nil || isNew != step.isNew {
			t.Fatalf("%s %s: new %v, err %v", step.method, step.path, isNew, err)
		}
		if step.want != nil {
			body = step.want(body)
			if got := stored(t, h, "locations", cp1, "loc1"); got != body {
				t.Errorf("after %s %s stored\n%s, want\n%s", step.method, step.path, got, body)
			}
		}
	}
	got := stored(t, h, "locations", cp1, "loc1")
	evse := strings.Replace(EVSE("E1", t1), `"AVAILABLE"`, `"CHARGING"`, 1)
	evse = strings.Replace(evse, `}],"last_updated":"`+t1+`"}`, `},`+Connector("2", t3)+`],"last_updated":"`+t3+`","y":null}`, 1)
	want := strings.Replace(Location("LOC1", t4), EVSE("E1", t4), evse+","+EVSE("E2", t4), 1)
	if got != want {
		t.Errorf("in the end stored\n%s, want\n%s", got, want)
	}
	o, _, _ := h.Store.Object(t.Context(), store.ObjectKey{Kind: "locations", Party: cp1, ID: "loc1"})
	if at, _ := ocpi.ParseTime(t4); o.LastUpdated != at.UnixMicro() || o.Name != "LOC1" {
		t.Errorf("last_updated %d, name %q", o.LastUpdated, o.Name)
	}
	owners, err := h.Store.Owners(t.Context(), "location", "loc1")
	if err != nil || len(owners) != 1 || owners[0] != cp1 {
		t.Errorf("owners %v, err %v", owners, err)
	}
}

// replaceLast replaces the last n occurrences, and puts add behind the first of
// these values.
func replaceLast(s, old, new string, n int, add string) string {
	parts := strings.Split(s, old)
	out := strings.Join(parts[:len(parts)-n], old)
	for i, p := range parts[len(parts)-n:] {
		if i == 0 {
			p = `"` + add + strings.TrimPrefix(p, `"`)
		}
		out += new + p
	}
	return out
}

// What is refused, why, and that nothing of it is stored (F18, F19, T1, T10,
// T30, T38).
func TestPublishRefuses(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/U1", Token("U1", "RFID", t1))
	ahead := ocpi.FormatTime(time.Now().Add(6 * time.Minute))
	change := func(body string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(body) }
	at := func(fields string) string { return `{` + fields + `"last_updated":"` + t2 + `"}` }
	loc := Location("LOC1", t2)
	for _, tt := range []struct {
		name       string
		from       *Partner
		method     string
		module     ocpi.Module
		path, body string
		http, ocpi int
		field      string
	}{
		{"id differs from path", cpo, "PUT", "locations", "NL/CP1/LOC2", loc, 200, 2001, "id"},
		{"party_id differs", cpo, "PUT", "locations", "NL/CP1/LOC1", change(loc, `"CP1"`, `"CP2"`), 200, 2001, "party_id"},
		{"country_code differs", cpo, "PUT", "locations", "NL/CP1/LOC1", change(loc, `"NL"`, `"BE"`), 200, 2001, "country_code"},
		{"foreign owner in the path", cpo, "PUT", "locations", "NL/CP2/LOC1", change(loc, `"CP1"`, `"CP2"`), 200, 2001, "path"},
		{"party_id in two spellings", cpo, "PUT", "locations", "NL/CP1/LOC1", change(loc, `{"country`, `{"Party_Id":"CP2","country`), 200, 2001, "party_id"},
		{"a name twice", cpo, "PUT", "locations", "NL/CP1/LOC1", change(loc, `"publish":true`, `"publish":true,"publish":false`), 400, 2001, "body"},
		{"a list", cpo, "PUT", "locations", "NL/CP1/LOC1", "[" + loc + "]", 200, 2001, "body"},
		{"not JSON", cpo, "PUT", "locations", "NL/CP1/LOC1", loc + "}", 400, 2001, "body"},
		{"required field missing", cpo, "PUT", "locations", "NL/CP1/LOC1", change(loc, `"city":"Gent",`, ``), 200, 2001, "city"},
		{"bad enum in a part", cpo, "PUT", "locations", "NL/CP1/LOC1", change(loc, `"AVAILABLE"`, `"BUSY"`), 200, 2001, "evses[0].status"},
		{"EVSE without its uid", cpo, "PUT", "locations", "NL/CP1/LOC1/E1", change(EVSE("E1", t2), `"uid":"E1",`, ``), 200, 2001, "uid"},
		{"EVSE with another uid", cpo, "PUT", "locations", "NL/CP1/LOC1/E1", EVSE("E2", t2), 200, 2001, "uid"},
		{"connector with another id", cpo, "PUT", "locations", "NL/CP1/LOC1/E1/1", Connector("2", t2), 200, 2001, "id"},
		{"last_updated ahead", cpo, "PUT", "locations", "NL/CP1/LOC1", Location("LOC1", ahead), 200, 2001, "last_updated"},
		{"last_updated of a part ahead", cpo, "PUT", "locations", "NL/CP1/LOC1", change(loc, EVSE("E1", t2), EVSE("E1", ahead)), 200, 2001, "evses"},
		{"last_updated with an offset", cpo, "PUT", "locations", "NL/CP1/LOC1", Location("LOC1", "2026-01-01T10:00:02+00:00"), 200, 2001, "last_updated"},
		{"PATCH without last_updated", cpo, "PATCH", "locations", "NL/CP1/LOC1", `{"name":"x"}`, 200, 2001, "last_updated"},
		{"PATCH with null last_updated", cpo, "PATCH", "locations", "NL/CP1/LOC1", `{"name":"x","last_updated":null}`, 200, 2001, "last_updated"},
		{"PATCH last_updated ahead", cpo, "PATCH", "locations", "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"` + ahead + `"}`, 200, 2001, "last_updated"},
		{"PATCH moves the owner", cpo, "PATCH", "locations", "NL/CP1/LOC1", at(`"party_id":"CP2",`), 200, 2001, "party_id"},
		{"PATCH nulls the owner", cpo, "PATCH", "locations", "NL/CP1/LOC1", at(`"country_code":null,`), 200, 2001, "country_code"},
		{"PATCH changes the id", cpo, "PATCH", "locations", "NL/CP1/LOC1", at(`"id":"LOC2",`), 200, 2001, "id"},
		{"PATCH nulls a required field", cpo, "PATCH", "locations", "NL/CP1/LOC1", at(`"city":null,`), 200, 2001, "city"},
		{"PATCH of an EVSE with a bad status", cpo, "PATCH", "locations", "NL/CP1/LOC1/E1", at(`"status":"BUSY",`), 200, 2001, "status"},
		{"PATCH of an unknown location", cpo, "PATCH", "locations", "NL/CP1/LOC9", at(`"name":"x",`), 404, 2003, ""},
		{"PATCH of an unknown EVSE", cpo, "PATCH", "locations", "NL/CP1/LOC1/E9", at(`"status":"CHARGING",`), 404, 2003, ""},
		{"PATCH of an unknown connector", cpo, "PATCH", "locations", "NL/CP1/LOC1/E1/9", at(`"format":"SOCKET",`), 404, 2003, ""},
		{"EVSE of an unknown location", cpo, "PUT", "locations", "NL/CP1/LOC9/E1", EVSE("E1", t2), 404, 2003, ""},
		{"connector of an unknown EVSE", cpo, "PUT", "locations", "NL/CP1/LOC1/E9/1", Connector("1", t2), 404, 2003, ""},
		{"PATCH of an unknown token", emsp, "PATCH", "tokens", "DE/EM1/U9", at(`"valid":false,`), 404, 2004, ""},
		{"PATCH of a token of another type", emsp, "PATCH", "tokens", "DE/EM1/U1?type=APP_USER", at(`"valid":false,`), 404, 2004, ""},
		{"token type differs from the query", emsp, "PUT", "tokens", "DE/EM1/U1?type=APP_USER", Token("U1", "RFID", t2), 200, 2001, "type"},
		{"token uid differs", emsp, "PUT", "tokens", "DE/EM1/U2", Token("U1", "RFID", t2), 200, 2001, "uid"},
		{"token type with a slash", emsp, "PUT", "tokens", "DE/EM1/U1", Token("U1", "a/b", t2), 200, 2001, "type"},
		{"DELETE of an unknown tariff", cpo, "DELETE", "tariffs", "NL/CP1/T9", "", 404, 2000, ""},
		{"PATCH of a tariff", cpo, "PATCH", "tariffs", "NL/CP1/T1", at(""), 405, 2000, "method"},
		{"DELETE of a location", cpo, "DELETE", "locations", "NL/CP1/LOC1", "", 405, 2000, "method"},
		{"a session for everybody (T19)", cpo, "PUT", "sessions", "NL/CP1/S1", Session("S1", "DE", "EM1", t1), 200, 2001, "OCPI-to"},
		{"a location of an eMSP", emsp, "PUT", "locations", "DE/EM1/LOC1", LocationOf("DE", "EM1", "LOC1", t1), 200, 2001, "OCPI-from"},
		{"a path that is too short", cpo, "PUT", "locations", "NL/CP1", loc, 404, 2000, "path"},
		{"a path that is too long", cpo, "PUT", "tariffs", "NL/CP1/T1/x", Tariff("T1", t2), 404, 2000, "path"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before, err := h.Store.Seq(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = h.Publish(tt.from, tt.method, tt.module, tt.path, tt.body)
			wantError(t, err, tt.http, tt.ocpi, tt.field)
			if after, err := h.Store.Seq(t.Context()); err != nil || after != before {
				t.Errorf("the feed went from %d to %d, err %v", before, after, err)
			}
		})
	}
	if got := stored(t, h, "locations", cp1, "loc1"); got != Location("LOC1", t1) {
		t.Errorf("the location became %s", got)
	}
}

// T30: what is older is accepted and dropped, what is equal changes nothing,
// and neither is sent to anybody.
func TestStaleAndUnchanged(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations, ocpi.Tariffs)
	h.Start()
	body := Location("LOC1", t3)
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", body)
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t3))
	h.Idle()
	emsp.Forget()
	for _, p := range []struct{ method, path, body string }{
		{"PUT", "NL/CP1/LOC1", Location("LOC1", t2)},
		{"PUT", "NL/CP1/LOC1/E1", EVSE("E1", t2)},
		{"PATCH", "NL/CP1/LOC1", `{"name":"old","last_updated":"` + t2 + `"}`},
		{"PATCH", "NL/CP1/LOC1/E1/1", `{"format":"SOCKET","last_updated":"` + t2 + `"}`},
		{"PUT", "NL/CP1/LOC1", body},
		{"PUT", "NL/CP1/LOC1/E1", EVSE("E1", t3)},
		{"PATCH", "NL/CP1/LOC1/E1", `{"status":"AVAILABLE","last_updated":"` + t3 + `"}`},
	} {
		isNew, err := h.Publish(cpo, p.method, ocpi.Locations, p.path, p.body)
		if err != nil || isNew {
			t.Errorf("%s %s: new %v, err %v", p.method, p.path, isNew, err)
		}
		if got := stored(t, h, "locations", cp1, "loc1"); got != body {
			t.Fatalf("after %s %s %s stored %s", p.method, p.path, p.body, got)
		}
	}
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1", `{"name":"new","last_updated":"`+t4+`"}`)
	// A deleted tariff does not come back by an old message.
	h.MustPublish(cpo, "DELETE", ocpi.Tariffs, "NL/CP1/T1", "")
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t2))
	if got := stored(t, h, "tariffs", cp1, "t1"); got != "" {
		t.Errorf("the deleted tariff is back: %s", got)
	}
	_, err := h.Publish(cpo, "DELETE", ocpi.Tariffs, "NL/CP1/T1", "")
	wantError(t, err, 404, 2000, "")
	h.Idle()
	got := emsp.Received()
	if len(got) != 2 || len(emsp.Received(ocpi.Locations)) != 1 {
		t.Errorf("%d requests, want the one change and the deletion", len(got))
	}
	families, err := h.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for _, f := range families {
		if f.GetName() == "eroam_catalog_pushes_total" {
			for _, m := range f.Metric {
				counts[m.Label[0].GetValue()+" "+m.Label[1].GetValue()] = m.Counter.GetValue()
			}
		}
	}
	for name, want := range map[string]float64{
		"locations stale": 4, "locations unchanged": 3, "locations created": 1, "locations updated": 1,
		"tariffs stale": 1, "tariffs deleted": 1, "tariffs created": 1, "tariffs refused": 1,
	} {
		if counts[name] != want {
			t.Errorf("%s: %v, want %v", name, counts[name], want)
		}
	}
}

// Tokens are told apart by uid without regard to case and by type; open routing
// learns whose they are (G09).
func TestPublishTokens(t *testing.T) {
	h := New(t, true)
	em1, em2 := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	h.MustPublish(em1, "PUT", ocpi.Tokens, "DE/EM1/Ab12", Token("Ab12", "RFID", t1))
	h.MustPublish(em2, "PUT", ocpi.Tokens, "DE/EM2/Ab12?type=APP_USER", strings.Replace(Token("Ab12", "APP_USER", t1), "EM1", "EM2", 1))
	h.MustPublish(em1, "PATCH", ocpi.Tokens, "DE/EM1/aB12", `{"valid":false,"last_updated":"`+t2+`"}`)
	if got := stored(t, h, "tokens", ocpi.PartyID{CountryCode: "DE", ID: "EM1"}, "ab12/RFID"); !strings.Contains(got, `"valid":false`) {
		t.Errorf("stored %s", got)
	}
	for id, want := range map[string]string{"ab12/RFID": "DE-EM1", "ab12/APP_USER": "DE-EM2"} {
		owners, err := h.Store.Owners(t.Context(), "token", id)
		if err != nil || len(owners) != 1 || owners[0].String() != want {
			t.Errorf("owners of %s: %v, err %v, want %s", id, owners, err, want)
		}
	}
}

// Ids of different owners do not collide, however they are spelled.
func TestOwnersAreApart(t *testing.T) {
	h := New(t, true)
	p := h.Join(ocpi.V221, []party.Grant{Grant("NL-CP1", ocpi.RoleCPO), Grant("NL-CP2", ocpi.RoleCPO)})
	h.MustPublish(p, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.MustPublish(p, "PUT", ocpi.Locations, "nl/cp2/loc1", LocationOf("nl", "cp2", "Loc1", t1))
	if a, b := stored(t, h, "locations", cp1, "loc1"), stored(t, h, "locations", ocpi.PartyID{CountryCode: "NL", ID: "CP2"}, "loc1"); a == b || a == "" || b == "" {
		t.Errorf("stored %s and %s", a, b)
	}
}

// Concurrent pushes of one object end with the newest, whatever their order.
func TestConcurrentPushes(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	const n = 40
	done := make(chan error, n)
	for i := range n {
		go func() {
			_, err := h.Publish(cpo, http.MethodPut, ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", fmt.Sprintf("2026-01-01T10:00:%02dZ", i)))
			done <- err
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got, want := stored(t, h, "locations", cp1, "loc1"), Location("LOC1", fmt.Sprintf("2026-01-01T10:00:%02dZ", n-1)); got != want {
		t.Errorf("stored %s", got)
	}
}

// When the store fails nothing is acknowledged, and the owner is told to come
// again.
func TestStoreFails(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	if err := h.Store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := h.Publish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	wantError(t, err, 503, 3000, "temporarily")
	_, err = list(h, emsp, ocpi.Locations, "")
	wantError(t, err, 503, 3000, "temporarily")
	_, err = get(h, emsp, ocpi.Locations, ocpi.Receiver, "NL/CP1/LOC1")
	wantError(t, err, 503, 3000, "temporarily")
	_, err = get(h, emsp, ocpi.Locations, ocpi.Sender, "LOC1")
	wantError(t, err, 503, 3000, "temporarily")
}
