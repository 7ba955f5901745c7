package delivery_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

// everywhere runs a test on both engines.
func everywhere(t *testing.T, open bool, test func(t *testing.T, h *Hub)) {
	storetest.Engines(t, func(t *testing.T, fresh func(testing.TB) store.Options) {
		test(t, NewOn(t, fresh(t).Database, open, egress.Options{}))
	})
}

// stored waits until what a restart goes on from is in the database.
func stored(t *testing.T, h *Hub) {
	t.Helper()
	Eventually(t, "the cursors are stored", func() bool {
		c, err := h.Store.Cursors(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range h.Delivery.Lanes() {
			if c[l.Lane] != l.Cursor {
				return false
			}
		}
		return true
	})
}

// holdUp has p not answer requests whose path ends so until the hub is killed by
// what it returns.
func holdUp(t *testing.T, h *Hub, p *Partner, end string) (kill func()) {
	release := make(chan struct{})
	p.Answers(func(r Request) Answer {
		if strings.HasSuffix(r.Path, end) {
			<-release
		}
		return Answer{}
	})
	return func() {
		h.Kill()
		close(release)
		Eventually(t, "what the dead hub sent is answered", func() bool { return p.Busy() == 0 })
		p.Forget()
	}
}

// What a receiver becomes entitled to while no process has its lane is sent when
// one has it again, and nothing that it has already.
func TestEntitledWhileDown(t *testing.T) {
	for name, tt := range map[string]struct {
		modules []ocpi.Module
		before  party.DeliverySettings
		from    time.Duration // until an agreement is valid that is made at first
		down    func(t *testing.T, h *Hub, emsp *Partner)
		want    []string
	}{
		"nothing": {down: func(*testing.T, *Hub, *Partner) {}},
		"an agreement is added": {
			down: func(_ *testing.T, h *Hub, _ *Partner) { h.Agree("NL-CP2", "DE-EM1") },
			want: []string{"PUT NL/CP2/B", "PUT NL/CP2/TB"},
		},
		"an agreement is added for one module": {
			down: func(_ *testing.T, h *Hub, _ *Partner) { h.Agree("NL-CP2", "DE-EM1", "tariffs", "sessions") },
			want: []string{"PUT NL/CP2/TB"},
		},
		"an agreement ends, and comes back": {
			down: func(t *testing.T, h *Hub, _ *Partner) {
				if err := h.Registry.DeleteAgreement(t.Context(), "a1"); err != nil {
					t.Fatal(err)
				}
				h.Agree("NL-CP1", "DE-EM1")
			},
		},
		"an agreement begins": {
			from: 1500 * time.Millisecond,
			down: func(t *testing.T, h *Hub, _ *Partner) {
				Eventually(t, "it is valid", func() bool {
					for _, a := range h.Registry.Agreements() {
						if !a.Allows("", time.Now()) {
							return false
						}
					}
					return true
				})
			},
			want: []string{"PUT NL/CP2/B", "PUT NL/CP2/TB"},
		},
		"a module is added": {
			modules: []ocpi.Module{ocpi.Locations},
			down:    func(_ *testing.T, h *Hub, emsp *Partner) { h.Renew(emsp, ocpi.V221, ocpi.Locations, ocpi.Tariffs) },
			want:    []string{"PUT NL/CP1/TA"},
		},
		"another version": {
			down: func(_ *testing.T, h *Hub, emsp *Partner) { h.Renew(emsp, ocpi.V230, ocpi.Locations, ocpi.Tariffs) },
			want: []string{"PUT NL/CP1/A", "PUT NL/CP1/TA"},
		},
		"a wider filter": {
			before: party.DeliverySettings{BBox: &[4]float64{10, 50, 11, 52}},
			down:   func(_ *testing.T, h *Hub, emsp *Partner) { h.Deliver(emsp, "", party.DeliverySettings{}) },
			want:   []string{"PUT NL/CP1/A"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, false, func(t *testing.T, h *Hub) {
				if len(tt.modules) == 0 {
					tt.modules = []ocpi.Module{ocpi.Locations, ocpi.Tariffs}
				}
				cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
				cpo2 := h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO), ocpi.Tokens)
				emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), tt.modules...)
				h.Deliver(emsp, "", tt.before)
				h.Agree("NL-CP1", "DE-EM1")
				if tt.from > 0 {
					a := party.Agreement{ID: "later", CPO: ocpi.PartyID{CountryCode: "NL", ID: "CP2"},
						EMSP: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}, ValidFrom: time.Now().Add(tt.from)}
					if err := h.Registry.PutAgreement(t.Context(), a); err != nil {
						t.Fatal(err)
					}
				}
				h.Start()
				h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/A", Location("A", t1))
				h.MustPublish(cpo, "PUT", ocpi.Tariffs, "NL/CP1/TA", Tariff("TA", t1))
				h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/B", LocationOf("NL", "CP2", "B", t1))
				h.MustPublish(cpo2, "PUT", ocpi.Tariffs, "NL/CP2/TB", strings.Replace(Tariff("TB", t1), "CP1", "CP2", 1))
				h.Idle()
				stored(t, h)
				h.Kill()
				emsp.Forget()
				tt.down(t, h, emsp)
				h.Start()
				h.Idle()
				wantOnly(t, "when the hub is back", emsp, tt.want...)
				stored(t, h)
				h.Reopen()
				h.Start()
				h.Idle()
				wantOnly(t, "after another restart", emsp)
			})
		})
	}
}

// A hub that is killed while it sends what a receiver has become entitled to goes
// on with that, and with nothing else.
func TestKilledWhileExtending(t *testing.T) {
	everywhere(t, false, func(t *testing.T, h *Hub) {
		cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		cpo2 := h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		h.Agree("NL-CP1", "DE-EM1")
		h.Start()
		h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/B", LocationOf("NL", "CP2", "B", t1))
		h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/C", LocationOf("NL", "CP2", "C", t1))
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/A", Location("A", t1))
		h.Idle()
		stored(t, h)
		emsp.Forget()
		killed := holdUp(t, h, emsp, "/C")
		h.Agree("NL-CP2", "DE-EM1")
		Eventually(t, "one of two is taken", func() bool { l := lane(h, "DE-EM1"); return len(distinct(emsp)) == 2 && l.InFlight == 1 })
		time.Sleep(1200 * time.Millisecond) // cursors are stored every second
		killed()
		h.Start()
		h.Idle()
		wantOnly(t, "when the hub is back", emsp, "PUT NL/CP2/B", "PUT NL/CP2/C")
	})
}

// An object whose change was to be told, and that has changed quietly since,
// stands in the feed behind that change. A lane that has passed the change and
// not the object must not leave it out after a restart.
func TestQuietlyMovedOnIsNotLost(t *testing.T) {
	everywhere(t, true, func(t *testing.T, h *Hub) {
		h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		h.Start()
		h.Idle()
		h.Reopen()
		h.Put(ocpi.Locations, "A", Location("A", t1), nil, false)
		h.Put(ocpi.Locations, "B", Location("B", t1), nil, false)
		h.Put(ocpi.Locations, "A", Location("A", t2), nil, true)
		killed := holdUp(t, h, emsp, "/A")
		h.Start()
		Eventually(t, "B is taken, A is not", func() bool { l := lane(h, "DE-EM1"); return len(distinct(emsp)) == 2 && l.InFlight == 1 })
		stored(t, h)
		killed()
		h.Start()
		h.Idle()
		wantOnly(t, "when the hub is back", emsp, "PUT NL/CP1/A")
	})
}
