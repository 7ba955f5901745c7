package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// placed is a location at a longitude, for publishing or not.
func placed(id string, lon float64, publish bool) string {
	s := strings.Replace(Location(id, t1), `"3.729944"`, fmt.Sprintf(`"%.6f"`, lon), 1)
	return strings.Replace(s, `"publish":true`, fmt.Sprintf(`"publish":%v`, publish), 1)
}

func wantOnly(t *testing.T, what string, p *Partner, want ...string) {
	t.Helper()
	got := []string{}
	for _, r := range p.Received() {
		got = append(got, r.Method+" "+r.Path[strings.Index(r.Path[1:], "/")+2:])
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, append([]string{}, want...)) {
		t.Errorf("%s: received %q, want %q", what, got, want)
	}
	p.Forget()
}

// The owner's country and id narrow what is pushed; who is connected is told all
// the same. What a wider filter adds is pushed, and nothing else again.
func TestFilterByOwner(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, []party.Grant{Grant("NL-CP1", ocpi.RoleCPO), Grant("NL-CP2", ocpi.RoleCPO), Grant("BE-CP3", ocpi.RoleCPO)}, ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations, ocpi.HubClientInfo)
	h.Deliver(emsp, "", party.DeliverySettings{Countries: []string{"NL"}, Parties: []string{"NL-CP1", "BE-CP3"}})
	h.Start()
	h.Idle()
	infos := 0
	for _, r := range emsp.Received(ocpi.HubClientInfo) {
		if strings.Contains(r.Path, "/BE/CP3") {
			infos++
		}
	}
	if infos != 1 {
		t.Errorf("told %d times who is connected", infos)
	}
	emsp.Forget()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L", Location("L", t1))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP2/L", LocationOf("NL", "CP2", "L", t1))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "BE/CP3/L", LocationOf("BE", "CP3", "L", t1))
	h.Idle()
	wantOnly(t, "filtered", emsp, "PUT NL/CP1/L")
	h.Deliver(emsp, "", party.DeliverySettings{Countries: []string{"NL"}})
	Eventually(t, "more comes", func() bool { return len(emsp.Received()) > 0 })
	h.Idle()
	wantOnly(t, "with all of a country", emsp, "PUT NL/CP2/L")
	h.Deliver(emsp, "", party.DeliverySettings{})
	Eventually(t, "more comes", func() bool { return len(emsp.Received()) > 0 })
	h.Idle()
	wantOnly(t, "without a filter", emsp, "PUT BE/CP3/L")
}

// A box and "published only" look into locations: what moves in is sent whole,
// what moves out is not heard of any more, and a wider box brings what it adds.
func TestFilterByContent(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations, ocpi.Tariffs)
	h.Deliver(emsp, "", party.DeliverySettings{BBox: &[4]float64{3, 50, 4, 52}, PublishOnly: true})
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/IN", placed("IN", 3.5, true))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/OUT", placed("OUT", 4.5, true))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/HIDDEN", placed("HIDDEN", 3.5, false))
	h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/T", Tariff("T", t1))
	h.Idle()
	wantOnly(t, "at first", emsp, "PUT NL/CP1/IN", "PUT NL/CP1/T")
	status := `{"status":"CHARGING","last_updated":"` + t2 + `"}`
	for _, id := range []string{"IN", "OUT", "HIDDEN"} {
		h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/"+id+"/E1", status)
	}
	h.Idle()
	wantOnly(t, "new status", emsp, "PATCH NL/CP1/IN/E1")
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/OUT", `{"coordinates":{"latitude":"51.0","longitude":"3.6"},"last_updated":"`+t2+`"}`)
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/IN", `{"publish":false,"last_updated":"`+t2+`"}`)
	h.Idle()
	wantOnly(t, "one in, one out", emsp, "PUT NL/CP1/OUT")
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/IN/E1", `{"status":"AVAILABLE","last_updated":"`+t3+`"}`)
	h.Idle()
	wantOnly(t, "what is out", emsp)
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/FAR", placed("FAR", 5.5, true))
	h.Idle()
	h.Deliver(emsp, "", party.DeliverySettings{BBox: &[4]float64{3, 50, 6, 52}, PublishOnly: true})
	Eventually(t, "more comes", func() bool { return len(emsp.Received()) > 0 })
	h.Idle()
	wantOnly(t, "in a wider box", emsp, "PUT NL/CP1/FAR")
	h.Deliver(emsp, "", party.DeliverySettings{})
	Eventually(t, "more comes", func() bool { return len(emsp.Received()) > 1 })
	h.Idle()
	wantOnly(t, "without a filter", emsp, "PUT NL/CP1/HIDDEN", "PUT NL/CP1/IN")
}

// With push off nothing is sent; with push on again each object that changed is
// sent once.
func TestPushOff(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/A", Location("A", t1))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/B", Location("B", t1))
	h.Idle()
	emsp.Forget()
	off := false
	h.Deliver(emsp, "", party.DeliverySettings{Push: &off})
	Eventually(t, "the lane is paused", func() bool { return lane(h, "DE-EM1").State == delivery.LanePaused })
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/A/E1", `{"status":"CHARGING","last_updated":"`+t2+`"}`)
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/A/E1", `{"status":"BLOCKED","last_updated":"`+t3+`"}`)
	Eventually(t, "others have it", func() bool { return lane(h, "NL-CP1").State == delivery.LaneIdle && lane(h, "NL-CP1").Behind == 0 })
	wantOnly(t, "while off", emsp)
	h.Deliver(emsp, "", party.DeliverySettings{})
	Eventually(t, "it is on", func() bool { return len(emsp.Received()) > 0 })
	h.Idle()
	wantOnly(t, "on again", emsp, "PUT NL/CP1/A")
}

// The receiver's bound on requests at the same time holds, above and below the
// default.
func TestInFlight(t *testing.T) {
	for _, limit := range []int{1, 3, 20} {
		h := New(t, true)
		cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		h.Deliver(emsp, "", party.DeliverySettings{InFlight: limit})
		gate := make(chan struct{})
		emsp.Answers(func(Request) Answer { <-gate; return Answer{} })
		h.Start()
		publishLocations(t, h, cpo, 0, 30)
		Eventually(t, "all are queued", func() bool { l := lane(h, "DE-EM1"); return l.Queued == 30 && l.InFlight == limit })
		Eventually(t, "all in flight have arrived", func() bool { return emsp.Busy() == limit })
		close(gate)
		h.Idle()
		h.Close()
	}
}

// A rate holds requests up, and says so; without it they go on. An agreement
// that ends meanwhile sends nothing.
func TestRate(t *testing.T) {
	h := New(t, false)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	id := h.Agree("NL-CP1", "DE-EM1")
	h.Deliver(emsp, "", party.DeliverySettings{Rate: 0.0001})
	h.Start()
	publishLocations(t, h, cpo, 0, 5)
	Eventually(t, "the rate holds it up", func() bool { l := lane(h, "DE-EM1"); return l.RateLimited && l.InFlight == 0 && l.Queued == 4 })
	if n := len(emsp.Received()); n != 1 {
		t.Errorf("%d requests", n)
	}
	if err := h.Registry.DeleteAgreement(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	h.Deliver(emsp, "", party.DeliverySettings{})
	h.Idle()
	if n := len(emsp.Received()); n != 1 {
		t.Errorf("%d requests after the agreement ended", n)
	}
	h.Agree("NL-CP1", "DE-EM1")
	Eventually(t, "the rest comes", func() bool { return len(distinct(emsp)) == 5 })
	h.Idle()
}
