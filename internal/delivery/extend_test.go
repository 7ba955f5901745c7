package delivery_test

import (
	"strings"
	"testing"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/ocpi"
)

// A receiver that becomes entitled to more while requests are under way gets the
// rest, never a second request for an object that one is under way for (the
// partner checks that), and each object ends in its newest state.
func TestEntitledWhileInFlight(t *testing.T) {
	h := New(t, false)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	cpo2 := h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Agree("NL-CP1", "DE-EM1")
	release := make(chan struct{})
	emsp.Answers(func(Request) Answer { <-release; return Answer{} })
	h.Start()
	h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/B", LocationOf("NL", "CP2", "B", t1))
	publishLocations(t, h, cpo, 0, 8)
	Eventually(t, "eight requests are under way", func() bool { return emsp.Busy() == 8 })
	h.Agree("NL-CP2", "DE-EM1")
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/L003", `{"name":"new","last_updated":"`+t2+`"}`)
	h.MustPublish(cpo2, "PATCH", ocpi.Locations, "NL/CP2/B", `{"name":"new","last_updated":"`+t2+`"}`)
	Eventually(t, "the lane has noticed", func() bool { return lane(h, "DE-EM1").Behind > 1 })
	if n := len(emsp.Received()); n != 8 {
		t.Errorf("%d requests before the first is answered", n)
	}
	close(release)
	h.Idle()
	last := map[string]Request{}
	for _, r := range emsp.Received() {
		last[objectPath(r)] = r
	}
	if len(last) != 9 {
		t.Errorf("%d of 9 objects arrived: %q", len(last), texts(emsp.Received()))
	}
	for _, path := range []string{"/locations/NL/CP1/L003", "/locations/NL/CP2/B"} {
		if !strings.Contains(last[path].Body, `"name":"new"`) {
			t.Errorf("the last of %s is %s", path, last[path])
		}
	}
}

// objectPath is the path of the object of a request.
func objectPath(r Request) string { return strings.Join(strings.Split(r.Path, "/")[:5], "/") }

// A request that waits for its place while its object changes is sent in the
// state of the moment in which it leaves.
func TestStaleIsReadAgain(t *testing.T) {
	h := NewWith(t, true, oneAtATime())
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Put(ocpi.Locations, "A", Location("A", t1), nil, false)
	h.Put(ocpi.Locations, "B", Location("B", t1), nil, false)
	release := make(chan struct{})
	emsp.Answers(func(Request) Answer { <-release; return Answer{} })
	h.Start()
	Eventually(t, "one is under way and one waits", func() bool { return len(emsp.Received()) == 1 && lane(h, "DE-EM1").InFlight == 2 })
	waiting := "B"
	if strings.HasSuffix(emsp.Received()[0].Path, "/B") {
		waiting = "A"
	}
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/"+waiting, `{"name":"new","last_updated":"`+t2+`"}`)
	Eventually(t, "the change is queued", func() bool { return lane(h, "DE-EM1").Queued == 3 })
	close(release)
	h.Idle()
	for _, r := range emsp.Received() {
		if strings.HasSuffix(r.Path, "/"+waiting) && !strings.Contains(r.Body, `"name":"new"`) {
			t.Errorf("an old state was sent: %s %s", r, r.Body)
		}
	}
}
