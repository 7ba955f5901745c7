package delivery_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/ocpi"
)

// F09, F10, F13 of the lanes: whatever one receiver does, the others are served
// and the sick one gets the newest state in the end.
func TestSickReceiverDelaysNobody(t *testing.T) {
	release := make(chan struct{})
	var well atomic.Bool
	sick := map[string]func(Request) Answer{
		"HTTP 401":    func(Request) Answer { return Answer{HTTP: 401, Status: 2000} },
		"HTTP 500":    func(Request) Answer { return Answer{HTTP: 500, Status: 3000} },
		"HTTP 429":    func(Request) Answer { return Answer{HTTP: 429, Status: 2000} },
		"status 3000": func(Request) Answer { return Answer{Status: 3000} },
		"redirect":    func(Request) Answer { return Answer{HTTP: 307} },
		"no envelope": func(Request) Answer { return Answer{Body: "thanks"} },
		"hangs":       func(Request) Answer { <-release; return Answer{} },
	}
	h := New(t, true)
	cpo, healthy := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	patients := map[string]*Partner{}
	for name, how := range sick {
		p := h.Join(ocpi.V221, one(fmt.Sprintf("FR-S%02d", len(patients)), ocpi.RoleEMSP), ocpi.Locations)
		p.Answers(func(r Request) Answer {
			if well.Load() {
				return Answer{}
			}
			return how(r)
		})
		patients[name] = p
	}
	h.Start()
	for i := range 20 {
		h.MustPublish(cpo, "PUT", ocpi.Locations, fmt.Sprintf("NL/CP1/L%d", i), Location(fmt.Sprintf("L%d", i), t1))
	}
	Eventually(t, "the healthy receiver has all", func() bool { return len(healthy.Received(ocpi.Locations)) == 20 })
	for name, p := range patients {
		Eventually(t, name+" was asked", func() bool { return len(p.Received()) > 0 })
		if name != "hangs" {
			Eventually(t, name+" is asked again", func() bool { return lane(h, h.Party(p, "").ID.String()).State == delivery.LaneRetrying })
		}
	}
	for i := range 20 {
		h.MustPublish(cpo, "PATCH", ocpi.Locations, fmt.Sprintf("NL/CP1/L%d", i), `{"name":"new","last_updated":"`+t2+`"}`)
	}
	Eventually(t, "the healthy receiver has the changes", func() bool { return len(healthy.Received(ocpi.Locations)) == 40 })
	well.Store(true)
	close(release)
	h.Idle()
	for name, p := range patients {
		last := map[string]Request{}
		for _, r := range p.Received() {
			last[r.Path] = r
		}
		for i := range 20 {
			if r := last[fmt.Sprintf("/locations/NL/CP1/L%d", i)]; !strings.Contains(r.Body, `"name":"new"`) {
				t.Errorf("%s: the last of L%d is %s %s", name, i, r.Method, r.Body)
			}
		}
	}
}

// A receiver that is refused by the network is behind, and catches up.
func TestRefusedReceiverCatchesUp(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	addr := emsp.Listener.Addr().String()
	emsp.Listener.Close()
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	Eventually(t, "the lane retries", func() bool {
		l := lane(h, "DE-EM1")
		return l.State == delivery.LaneRetrying && l.Behind > 0 && l.Error != ""
	})
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/LOC1", `{"name":"new","last_updated":"`+t2+`"}`)
	emsp.Listen(addr)
	h.Idle()
	got := emsp.Received(ocpi.Locations)
	if len(got) == 0 || got[0].Method != "PUT" || !strings.Contains(got[len(got)-1].Body, `"name":"new"`) {
		t.Errorf("received %q", texts(got))
	}
	if l := lane(h, "DE-EM1"); l.Error != "" || l.Behind != 0 {
		t.Errorf("after recovery the lane is %+v", l)
	}
}

// A receiver that fails is probed with one request at a time.
func TestOneProbeWhileFailing(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	var probes atomic.Int64
	emsp.Answers(func(Request) Answer {
		probes.Add(1)
		if n := emsp.Busy(); n > 1 {
			t.Errorf("%d requests at a time", n)
		}
		time.Sleep(2 * time.Millisecond) // gives others a chance to come
		return Answer{HTTP: 503, Status: 3000}
	})
	h.Start()
	publishLocations(t, h, cpo, 0, 1)
	Eventually(t, "the lane retries", func() bool { return lane(h, "DE-EM1").State == delivery.LaneRetrying })
	publishLocations(t, h, cpo, 1, 30)
	before := probes.Load()
	Eventually(t, "it was probed", func() bool { return probes.Load() > before+5 })
}

// 4xx and 2xxx say that the receiver does not want it: it is passed over.
func TestRefusedMessageIsPassedOver(t *testing.T) {
	for name, no := range map[string]Answer{
		"HTTP 400": {HTTP: 400, Status: 2001}, "HTTP 404": {HTTP: 404, Status: 2000}, "status 2001": {Status: 2001},
	} {
		t.Run(name, func(t *testing.T) {
			h := New(t, true)
			cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
			emsp.Answers(func(r Request) Answer {
				if strings.HasSuffix(r.Path, "/BAD") {
					return no
				}
				return Answer{}
			})
			h.Start()
			h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/BAD", Location("BAD", t1))
			h.Idle()
			h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/GOOD", Location("GOOD", t1))
			h.Idle()
			wantRequests(t, "the eMSP", emsp.Received(ocpi.Locations), "PUT /locations/NL/CP1/BAD", "PUT /locations/NL/CP1/GOOD")
		})
	}
}

// One object that a receiver can never take does not hold up the others for ever.
func TestPoisonIsPassedOver(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	emsp.Answers(func(r Request) Answer {
		if strings.HasSuffix(r.Path, "/BAD") {
			return Answer{HTTP: 500, Status: 3000}
		}
		return Answer{}
	})
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/BAD", Location("BAD", t1))
	Eventually(t, "it was refused", func() bool { return len(emsp.Received(ocpi.Locations)) > 0 })
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/GOOD", Location("GOOD", t1))
	h.Idle()
	if n := len(emsp.Received(ocpi.Locations)); n < 5 {
		t.Errorf("only %d requests: passed over too early", n)
	}
}
