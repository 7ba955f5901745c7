package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

func publishLocations(t *testing.T, h *Hub, cpo *Partner, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		id := fmt.Sprintf("L%03d", i)
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, Location(id, t1))
	}
}

// distinct returns the different paths that p received, in order.
func distinct(p *Partner, modules ...ocpi.Module) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range p.Received(modules...) {
		if !seen[r.Path] {
			seen[r.Path] = true
			out = append(out, r.Path)
		}
	}
	slices.Sort(out)
	return out
}

// What was accepted before a restart is delivered after it, and what was
// delivered is not sent again.
func TestRestartContinues(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	h.Start()
	publishLocations(t, h, cpo, 0, 10)
	h.Idle()
	h.Reopen()
	emsp.Forget()
	publishLocations(t, h, cpo, 10, 15) // accepted, and the hub stops before anything is sent
	h.Reopen()
	h.Start()
	h.Idle()
	want := []string{}
	for i := 10; i < 15; i++ {
		want = append(want, fmt.Sprintf("/locations/NL/CP1/L%03d", i))
	}
	if got := distinct(emsp, ocpi.Locations); !slices.Equal(got, want) || len(emsp.Received(ocpi.Locations)) != len(want) {
		t.Errorf("after the restart received %q, want %q", texts(emsp.Received(ocpi.Locations)), want)
	}
}

// A killed hub loses nothing that was accepted, also in the middle of sending.
func TestKilledHubLosesNothing(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	var n atomic.Int64
	half := make(chan struct{})
	release := make(chan struct{})
	emsp.Answers(func(r Request) Answer {
		if strings.HasPrefix(r.Path, "/locations/") {
			switch c := n.Add(1); {
			case c == 20:
				close(half)
			case c > 20:
				<-release
			}
		}
		return Answer{}
	})
	h.Start()
	publishLocations(t, h, cpo, 0, 60)
	<-half
	h.Kill()
	emsp.Answers(nil)
	close(release)
	Eventually(t, "what the dead hub sent is answered", func() bool { return emsp.Busy() == 0 })
	h.Start()
	h.Idle()
	if got := distinct(emsp, ocpi.Locations); len(got) != 60 {
		t.Errorf("%d of 60 locations arrived", len(got))
	}
}

// Cursors are stored while the hub runs, so that a killed one does not send
// everything again.
func TestCursorsAreStoredRegularly(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	publishLocations(t, h, cpo, 0, 5)
	h.Idle()
	Eventually(t, "the cursor is stored", func() bool {
		c, err := h.Store.Cursors(t.Context())
		return err == nil && c[lane(h, "DE-EM1").Lane] == lane(h, "DE-EM1").Cursor
	})
	h.Kill()
	emsp.Forget()
	h.Start()
	h.Idle()
	if got := emsp.Received(); len(got) != 0 {
		t.Errorf("after the restart received %q", texts(got))
	}
}

// A new receiver gets everything that is there, each object once, as it is now.
func TestNewReceiverIsSynchronised(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	h.Start()
	publishLocations(t, h, cpo, 0, 300) // more than a page and a window
	for i := range 300 {
		h.MustPublish(cpo, "PATCH", ocpi.Locations, fmt.Sprintf("NL/CP1/L%03d/E1", i), `{"status":"CHARGING","last_updated":"`+t2+`"}`)
	}
	late := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	Eventually(t, "the late receiver has a lane", func() bool { return lane(h, "DE-EM1").Cursor > 0 })
	h.Idle()
	got := late.Received()
	if len(got) != 300 || len(distinct(late)) != 300 {
		t.Errorf("%d requests for %d locations, want 300 for 300", len(got), len(distinct(late)))
	}
	for _, r := range got {
		if r.Method != "PUT" || !strings.Contains(r.Body, `"status":"CHARGING"`) {
			t.Fatalf("received %s %s", r, r.Body)
		}
	}
}

// A receiver that is OFFLINE is tried with one request at a time, and on return
// gets each changed object once in its newest state: no replay (F17 in its
// departure from OCPI).
func TestOfflineReceiverIsSynchronisedOnReturn(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	emsp.CheckAlive(false)
	h.Start()
	publishLocations(t, h, cpo, 0, 5)
	h.Idle()
	for range 3 {
		h.Registry.Failed(emsp.Platform)
	}
	h.Watch()
	Eventually(t, "the lane is offline", func() bool { return lane(h, "DE-EM1").State == delivery.LaneOffline })
	emsp.Answers(func(Request) Answer {
		if n := emsp.Busy(); n > 1 {
			t.Errorf("%d requests at a time while offline", n)
		}
		return Answer{HTTP: 503, Body: "down"}
	})
	for round := range 3 {
		for i := range 4 {
			h.MustPublish(cpo, "PATCH", ocpi.Locations, fmt.Sprintf("NL/CP1/L%03d", i),
				fmt.Sprintf(`{"name":"round %d","last_updated":"2026-01-01T11:00:%02dZ"}`, round, round))
		}
	}
	Eventually(t, "it is tried", func() bool { return lane(h, "DE-EM1").Failures > 2 })
	emsp.Answers(nil)
	emsp.Forget()
	emsp.CheckAlive(true)
	h.Registry.Heard(emsp.Platform)
	h.Idle()
	got := emsp.Received()
	if len(got) < 4 || len(got) > 5 || len(distinct(emsp)) != 4 { // one may be tried while Answers changes
		t.Errorf("on return received %q, want 4 locations once", texts(got))
	}
	if len(got) > 4 {
		got = got[1:] // that one; it may be older
	}
	for _, r := range got {
		if r.Method != "PUT" || !strings.Contains(r.Body, `"name":"round 2"`) {
			t.Errorf("on return received %s %s", r, r.Body)
		}
	}
}

// Lanes tell the registry what they see: a receiver that cannot be reached
// becomes OFFLINE, one that answers was heard.
func TestOutcomesReachTheRegistry(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	heard := func() time.Time { return h.Registry.Snapshot().Platform(emsp.Platform).LastHeard() }
	before := heard()
	h.Start()
	publishLocations(t, h, cpo, 0, 1)
	h.Idle()
	if !heard().After(before) {
		t.Error("a receiver that answers was not heard")
	}
	h.Watch()
	addr := emsp.Listener.Addr().String()
	emsp.CloseClientConnections()
	emsp.Listener.Close()
	publishLocations(t, h, cpo, 1, 2)
	Eventually(t, "the lane waits", func() bool { return lane(h, "DE-EM1").State == delivery.LaneOffline })
	emsp.Listen(addr)
	h.Registry.Heard(emsp.Platform)
	h.Idle()
	if got := distinct(emsp); len(got) != 2 {
		t.Errorf("received %q", got)
	}
}

// T19: without an agreement nothing is sent; one that comes later brings what
// is there, and only what is new; one that ends stops what is queued (T21).
func TestAgreementsDecide(t *testing.T) {
	h := New(t, false)
	cpo, cpo2 := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	em1, em2 := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	h.Agree("NL-CP2", "DE-EM1")
	h.Agree("NL-CP1", "DE-EM2", "tokens", "cdrs")
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/LOC2", LocationOf("NL", "CP2", "LOC2", t1))
	h.Idle()
	wantRequests(t, "the one with another CPO", em1.Received(ocpi.Locations), "PUT /locations/NL/CP2/LOC2")
	wantRequests(t, "the one with another scope", em2.Received(ocpi.Locations))
	em1.Forget()
	id := h.Agree("NL-CP1", "DE-EM1", "locations")
	Eventually(t, "the location comes after the agreement", func() bool { return len(em1.Received(ocpi.Locations)) > 0 })
	h.Idle()
	wantRequests(t, "the one with a new agreement", em1.Received(ocpi.Locations), "PUT /locations/NL/CP1/LOC1")
	em1.Forget()
	if err := h.Registry.DeleteAgreement(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1", `{"name":"x","last_updated":"`+t2+`"}`)
	h.Idle()
	wantRequests(t, "the one whose agreement ended", em1.Received(ocpi.Locations))
}

// T21: what waits for a receiver is checked again when it is sent.
func TestRevokedWhileQueued(t *testing.T) {
	h := New(t, false)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	id := h.Agree("NL-CP1", "DE-EM1")
	emsp.Answers(func(Request) Answer { return Answer{HTTP: 503, Status: 3000} })
	h.Start()
	publishLocations(t, h, cpo, 0, 20)
	Eventually(t, "the receiver was asked", func() bool { return len(emsp.Received()) > 0 && lane(h, "DE-EM1").Queued == 20 })
	if err := h.Registry.DeleteAgreement(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "nothing is in flight", func() bool { return lane(h, "DE-EM1").InFlight == 0 })
	emsp.Answers(nil)
	h.Idle()
	emsp.Forget() // what was in flight when the agreement ended
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/L001", `{"name":"x","last_updated":"`+t2+`"}`)
	h.Idle()
	if got := emsp.Received(); len(got) != 0 {
		t.Errorf("after the agreement ended received %q", texts(got))
	}
}

// A suspended platform gets nothing more, one that was removed loses its
// cursor, and whoever gets its party ids afterwards is a new receiver.
func TestSuspendedAndRemoved(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	publishLocations(t, h, cpo, 0, 3)
	h.Idle()
	emsp.Forget()
	yes, no := true, false
	if err := h.Registry.Update(t.Context(), emsp.Platform, party.Update{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	publishLocations(t, h, cpo, 3, 5)
	Eventually(t, "its lane ends", func() bool { return lane(h, "DE-EM1").Lane == "" })
	if got := emsp.Received(); len(got) != 0 {
		t.Errorf("while suspended received %q", texts(got))
	}
	if err := h.Registry.Update(t.Context(), emsp.Platform, party.Update{Suspended: &no}); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "it is back", func() bool { return len(emsp.Received()) == 2 })
	h.Idle()

	if got := distinct(emsp); !slices.Equal(got, []string{"/locations/NL/CP1/L003", "/locations/NL/CP1/L004"}) {
		t.Errorf("after the suspension received %q", got)
	}
	if err := h.Registry.Remove(t.Context(), emsp.Platform); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "its cursor is gone", func() bool {
		c, err := h.Store.Cursors(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name := range c {
			if strings.Contains(name, "DE-EM1") {
				return false
			}
		}
		return true
	})
	heir := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	Eventually(t, "the heir is synchronised", func() bool { return len(distinct(heir)) == 5 })
}

// L02, C07: client infos go to everybody related, without routing headers, once
// per platform, and never to the party itself.
func TestClientInfo(t *testing.T) {
	h := New(t, false)
	emsp := h.Join(ocpi.V221, []party.Grant{Grant("DE-EM1", ocpi.RoleEMSP), Grant("DE-EM3", ocpi.RoleEMSP)})
	stranger := h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	without := h.Join(ocpi.V221, one("DE-EM4", ocpi.RoleEMSP), ocpi.Locations)
	for _, e := range []string{"DE-EM1", "DE-EM3", "DE-EM4"} {
		h.Agree("NL-CP1", e)
	}
	h.Start()
	h.Idle()
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	h.Idle()
	got := emsp.Received(ocpi.HubClientInfo)
	if len(got) == 0 || !strings.Contains(got[len(got)-1].Body, `"CONNECTED"`) {
		t.Fatalf("the related platform received %q", texts(got))
	}
	for _, r := range got {
		if r.String() != "PUT /hubclientinfo/NL/CP1" || r.To() != "" || r.From() != "" {
			t.Errorf("received %s TO %q FROM %q", r, r.To(), r.From())
		}
	}
	bodies := map[string]int{}
	for _, r := range got {
		if bodies[r.Body]++; bodies[r.Body] > 1 {
			t.Errorf("received twice: %s", r.Body)
		}
	}
	wantRequests(t, "a stranger", stranger.Received(ocpi.HubClientInfo))
	wantRequests(t, "one without the module", without.Received(ocpi.HubClientInfo))
	for _, r := range cpo.Received(ocpi.HubClientInfo) {
		if r.Path != "/hubclientinfo/DE/EM1" && r.Path != "/hubclientinfo/DE/EM3" && r.Path != "/hubclientinfo/DE/EM4" {
			t.Errorf("the CPO received %s", r)
		}
	}
	emsp.Forget()
	if err := h.Registry.Remove(t.Context(), cpo.Platform); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "its end is told", func() bool {
		got := emsp.Received(ocpi.HubClientInfo)
		return len(got) == 1 && strings.Contains(got[0].Body, `"SUSPENDED"`)
	})
}

// The numbers that operators watch.
func TestMetrics(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Locations)
	h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	h.Idle()
	publishLocations(t, h, cpo, 0, 4)
	h.Idle()
	families, err := h.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				if l.GetName() != "lane" {
					name += " " + l.GetValue()
				}
			}
			switch {
			case m.Counter != nil:
				got[name] += m.Counter.GetValue()
			case m.Gauge != nil:
				got[name] += m.Gauge.GetValue()
			case m.Histogram != nil:
				got[name] += float64(m.Histogram.GetSampleCount())
			}
		}
	}
	for name, want := range map[string]float64{
		"eroam_delivery_total locations delivered":     4,
		"eroam_delivery_lag_seconds locations":         4,
		"eroam_catalog_pushes_total locations created": 4,
		"eroam_lane_behind":                            0,
		"eroam_lanes idle":                             2,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v (there: %v), want %v", name, v, ok, want)
		}
	}
}

// Lanes can be asked for at any time.
func TestLanesBeforeRun(t *testing.T) {
	h := New(t, true)
	h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	if l := h.Delivery.Lanes(); len(l) != 0 {
		t.Errorf("%+v", l)
	}
}
