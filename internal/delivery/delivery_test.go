package delivery_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

const (
	t1 = "2026-01-01T10:00:01Z"
	t2 = "2026-01-01T10:00:02Z"
	t3 = "2026-01-01T10:00:03Z"
	t4 = "2026-01-01T10:00:04Z"
)

func one(id string, role ocpi.Role) []party.Grant { return []party.Grant{Grant(id, role)} }

// texts are the requests as "PUT /locations/…".
func texts(list []Request) []string {
	out := []string{}
	for _, r := range list {
		out = append(out, r.String())
	}
	return out
}

func wantRequests(t *testing.T, who string, got []Request, want ...string) {
	t.Helper()
	if g := texts(got); !slices.Equal(g, append([]string{}, want...)) {
		t.Errorf("%s received %q, want %q", who, g, want)
	}
}

// F02, F03, F04, F05, F08, B06: a location pushed to the hub reaches everybody
// on the other side who takes locations, and nobody else.
func TestLocationReachesProviders(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	cpo2 := h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	takers := map[string]*Partner{}
	for id, role := range map[string]ocpi.Role{
		"DE-EM1": ocpi.RoleEMSP, "DE-EM2": ocpi.RoleEMSP, "FR-NS1": ocpi.RoleNSP, "FR-OT1": ocpi.RoleOther, "FR-NA1": ocpi.RoleNAP,
	} {
		takers[id] = h.Join(ocpi.V221, one(id, role))
	}
	scsp := h.Join(ocpi.V221, one("FR-SC1", ocpi.RoleSCSP))
	without := h.Join(ocpi.V221, one("DE-EM4", ocpi.RoleEMSP), ocpi.Tariffs, ocpi.HubClientInfo)
	h.Start()
	h.Idle()
	body := Location("LOC1", t1)
	push := cpo.Push("PUT", ocpi.Locations, "NL/CP1/LOC1", body)
	if _, err := h.Catalog.Publish(t.Context(), push); err != nil {
		t.Fatal(err)
	}
	h.Idle()
	ids := map[string]bool{}
	for id, p := range takers {
		got := p.Received(ocpi.Locations)
		wantRequests(t, id, got, "PUT /locations/NL/CP1/LOC1")
		if len(got) != 1 {
			continue
		}
		r := got[0]
		if r.Body != body || r.To() != id || r.From() != "DE-HUB" {
			t.Errorf("%s received TO %s FROM %s, body equal: %v", id, r.To(), r.From(), r.Body == body)
		}
		if c := r.Header.Get(ocpi.HeaderCorrelationID); c != push.CorrelationID {
			t.Errorf("%s received correlation id %s, want %s", id, c, push.CorrelationID)
		}
		ids[r.Header.Get(ocpi.HeaderRequestID)] = true
	}
	if len(ids) != len(takers) || ids[""] {
		t.Errorf("%d receivers got %d different request ids", len(takers), len(ids))
	}
	for who, p := range map[string]*Partner{"the owner": cpo, "another CPO": cpo2, "a SCSP": scsp, "an EMSP without the module": without} {
		wantRequests(t, who, p.Received(ocpi.Locations))
	}
}

// F06, F07: tokens go to CPOs only, whoever of the provider's side pushes them.
func TestTokenReachesCPOs(t *testing.T) {
	h := New(t, true)
	cpo1, cpo2 := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	other := h.Join(ocpi.V221, one("FR-OT1", ocpi.RoleOther))
	h.Start()
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/Ab1", Token("Ab1", "RFID", t1))
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/Ab2?type=APP_USER", Token("Ab2", "APP_USER", t1))
	h.MustPublish(other, "PUT", ocpi.Tokens, "FR/OT1/Ab3", strings.NewReplacer(`"DE"`, `"FR"`, `"EM1"`, `"OT1"`).Replace(Token("Ab3", "RFID", t1)))
	h.Idle()
	for _, cpo := range []*Partner{cpo1, cpo2} {
		got := texts(cpo.Received(ocpi.Tokens))
		slices.Sort(got)
		want := []string{"PUT /tokens/DE/EM1/Ab1", "PUT /tokens/DE/EM1/Ab2?type=APP_USER", "PUT /tokens/FR/OT1/Ab3"}
		if !slices.Equal(got, want) {
			t.Errorf("a CPO received %q, want %q", got, want)
		}
	}
	wantRequests(t, "the eMSP", emsp.Received(ocpi.Tokens))
	wantRequests(t, "the other", other.Received(ocpi.Tokens))
}

// F12: what receivers get is the owner's own PATCH, also on an EVSE.
func TestPatchStaysPatch(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.Idle()
	emsp.Forget()
	patches := []string{
		`{"status":"CHARGING", "last_updated":"` + t2 + `", "x": null}`,
		`{"status":"AVAILABLE","last_updated":"` + t3 + `"}`,
	}
	for _, b := range patches {
		h.MustPublish(cpo, "PATCH", ocpi.Locations, "nl/cp1/Loc1/e1", b)
	}
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1/E1/2", Connector("2", t4))
	h.Idle()
	got := emsp.Received(ocpi.Locations)
	wantRequests(t, "the eMSP", got, "PATCH /locations/nl/cp1/Loc1/e1", "PATCH /locations/nl/cp1/Loc1/e1", "PUT /locations/NL/CP1/LOC1/E1/2")
	for i, b := range patches {
		if i < len(got) && got[i].Body != b {
			t.Errorf("body %d is %s, want %s", i, got[i].Body, b)
		}
	}
}

// A receiver that does not have the object gets the whole of it.
func TestPatchOfUnknownBecomesPut(t *testing.T) {
	for name, no := range map[string]Answer{"HTTP 404": {HTTP: 404, Status: 2003}, "status 2003": {Status: 2003}} {
		t.Run(name, func(t *testing.T) {
			h := New(t, true)
			cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
			h.Start()
			h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
			h.Idle()
			emsp.Forget()
			emsp.Answers(func(r Request) Answer {
				if r.Method == "PATCH" {
					return no
				}
				return Answer{}
			})
			h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1/E1", `{"status":"CHARGING","last_updated":"`+t2+`"}`)
			h.Idle()
			got := emsp.Received(ocpi.Locations)
			wantRequests(t, "the eMSP", got, "PATCH /locations/NL/CP1/LOC1/E1", "PUT /locations/NL/CP1/LOC1")
			want := strings.Replace(Location("LOC1", t1), `"status":"AVAILABLE"`, `"status":"CHARGING"`, 1)
			if len(got) == 2 && (!strings.Contains(got[1].Body, `"status":"CHARGING"`) || !strings.Contains(got[1].Body, `"x-unknown":{"n":1.50e0}`)) {
				t.Errorf("the whole location is %s, want like %s", got[1].Body, want)
			}
		})
	}
}

// F20: a deleted tariff is deleted at the receivers; one that comes later never
// hears of it.
func TestTariffDelete(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	h.Idle()
	h.MustPublish(cpo, "DELETE", ocpi.Tariffs, "NL/CP1/t1", "")
	h.Idle()
	got := emsp.Received(ocpi.Tariffs)
	wantRequests(t, "the eMSP", got, "PUT /tariffs/NL/CP1/T1", "DELETE /tariffs/NL/CP1/t1")
	if len(got) == 2 && got[1].Body != "" {
		t.Errorf("DELETE has the body %s", got[1].Body)
	}
	late := h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T2", Tariff("T2", t1))
	Eventually(t, "the late eMSP has its tariff", func() bool { return len(late.Received(ocpi.Tariffs)) > 0 })
	h.Idle()
	wantRequests(t, "the late eMSP", late.Received(ocpi.Tariffs), "PUT /tariffs/NL/CP1/T2")
}

// A receiver that was away for the deletion gets it as a DELETE, and one that
// has lost the tariff already is no obstacle.
func TestTariffDeletedWhileAway(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	h.Idle()
	h.Reopen()
	h.MustPublish(cpo, "DELETE", ocpi.Tariffs, "NL/CP1/T1", "")
	emsp.Forget()
	emsp.Answers(func(Request) Answer { return Answer{HTTP: 404, Status: 2000} })
	h.Start()
	h.Idle()
	wantRequests(t, "the eMSP", emsp.Received(ocpi.Tariffs), "DELETE /tariffs/NL/CP1/T1")
	if l := lane(h, "DE-EM1"); l.Error != "" {
		t.Errorf("the lane complains: %s", l.Error)
	}
}

func lane(h *Hub, receiver string) delivery.LaneState {
	for _, l := range h.Delivery.Lanes() {
		if l.Receiver.String() == receiver {
			return l
		}
	}
	return delivery.LaneState{}
}

// Changes of one object arrive in order and never two at once (the partner
// checks that), while many objects change.
func TestOrderPerObject(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	emsps := []*Partner{h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))}
	h.Start()
	const objects, rounds = 12, 30
	for i := range objects {
		id := fmt.Sprintf("L%d", i)
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, Location(id, t1))
	}
	done := make(chan error, objects)
	for i := range objects {
		go func() {
			for n := range rounds {
				_, err := h.Catalog.Publish(t.Context(), cpo.Push("PATCH", ocpi.Locations, fmt.Sprintf("NL/CP1/L%d", i),
					fmt.Sprintf(`{"name":"%03d","last_updated":"2026-01-01T11:00:%02dZ"}`, n, n)))
				if err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range objects {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	h.Idle()
	for _, p := range emsps {
		last := map[string]string{}
		for _, r := range p.Received(ocpi.Locations) {
			_, rest, ok := strings.Cut(r.Body, `"name":"`)
			if !ok {
				continue
			}
			if name := rest[:3]; name < last[r.Path] {
				t.Fatalf("%s: %s came after %s", r.Path, name, last[r.Path])
			} else {
				last[r.Path] = name
			}
		}
		for i := range objects {
			if got := last[fmt.Sprintf("/locations/NL/CP1/L%d", i)]; got != fmt.Sprintf("%03d", rounds-1) {
				t.Errorf("L%d ended with %q", i, got)
			}
		}
	}
}

// F15: a platform with two parties gets one request per party.
func TestOneRequestPerParty(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	p := h.Join(ocpi.V221, []party.Grant{Grant("DE-EM1", ocpi.RoleEMSP), Grant("DE-EM3", ocpi.RoleEMSP)})
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.Idle()
	var to []string
	for _, r := range p.Received(ocpi.Locations) {
		to = append(to, r.To())
	}
	slices.Sort(to)
	if !slices.Equal(to, []string{"DE-EM1", "DE-EM3"}) {
		t.Errorf("requests for %q", to)
	}
}

// O03: what came from behind another hub does not go to a hub.
func TestNothingFromHubToHub(t *testing.T) {
	h := New(t, true)
	hub1 := h.JoinHub(ocpi.V221, []party.Grant{Grant("FR-HB1", ocpi.RoleHub), Grant("NL-CP1", ocpi.RoleCPO), Grant("FR-EM8", ocpi.RoleEMSP)})
	hub2 := h.JoinHub(ocpi.V221, []party.Grant{Grant("BE-HB2", ocpi.RoleHub), Grant("BE-EM9", ocpi.RoleEMSP)})
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	cpo2 := h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	h.Start()
	h.MustPublish(hub1, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/LOC2", LocationOf("NL", "CP2", "LOC2", t1))
	h.Idle()
	wantRequests(t, "the hub it came from", hub1.Received(ocpi.Locations), "PUT /locations/NL/CP2/LOC2")
	wantRequests(t, "another hub", hub2.Received(ocpi.Locations), "PUT /locations/NL/CP2/LOC2")
	got := texts(emsp.Received(ocpi.Locations))
	slices.Sort(got)
	if !slices.Equal(got, []string{"PUT /locations/NL/CP1/LOC1", "PUT /locations/NL/CP2/LOC2"}) {
		t.Errorf("the eMSP received %q", got)
	}
}

// Each delivery can be found by the correlation id of the push.
func TestDeliveriesAreTraced(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.Start()
	h.Idle()
	push := cpo.Push("PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	if _, err := h.Catalog.Publish(t.Context(), push); err != nil {
		t.Fatal(err)
	}
	h.Idle()
	if err := h.Trace.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err := h.Trace.Find(t.Context(), trace.Query{CorrelationID: push.CorrelationID})
	if err != nil || len(found) != 1 {
		t.Fatalf("found %d messages, err %v", len(found), err)
	}
	m := found[0]
	if m.Mode != "delivery" || m.To != "DE-EM1" || m.From != "NL-CP1" || m.PartnerHTTP != http.StatusOK || m.PartnerOCPI != 1000 || m.ToPlatform != emsp.Platform {
		t.Errorf("%+v", m)
	}
}
