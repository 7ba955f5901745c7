package relay_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

func allowed(value string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		ocpi.WriteEnvelope(w, 200, 1000, "", []byte(`{"allowed":"`+value+`"}`))
	}
}

func unknown(w http.ResponseWriter, _ *http.Request) {
	ocpi.WriteEnvelope(w, 404, ocpi.StatusUnknownToken, "", nil)
}

// hang answers when the hub no longer waits, and tells so.
func hang(gone chan<- struct{}) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		gone <- struct{}{}
	}
}

func TestAsk(t *testing.T) {
	h := relaytest.New(t, true, func(o *relay.Options) { o.AuthorizeTimeout = time.Second })
	cpo := h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO))
	var partners []*relaytest.Partner
	for _, id := range []string{"DE-EM1", "DE-EM2", "DE-EM3"} {
		partners = append(partners, h.Join(ocpi.V221, deliverytest.Grant(id, ocpi.RoleEMSP)))
	}
	gone := make(chan struct{}, 3)
	for name, c := range map[string]struct {
		answers [3]http.HandlerFunc
		want    string // party that answered; empty: nobody knows the token
		cancels int
	}{
		"the first ALLOWED wins, others are no longer waited for": {[3]http.HandlerFunc{hang(gone), allowed("ALLOWED"), hang(gone)}, "EM2", 2},
		"ALLOWED beats BLOCKED":                                   {[3]http.HandlerFunc{allowed("BLOCKED"), unknown, allowed("ALLOWED")}, "EM3", 0},
		"BLOCKED beats unknown":                                   {[3]http.HandlerFunc{unknown, unknown, allowed("BLOCKED")}, "EM3", 0},
		"nobody knows it":                                         {[3]http.HandlerFunc{unknown, unknown, unknown}, "", 0},
		"one is broken":                                           {[3]http.HandlerFunc{unknown, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, allowed("EXPIRED")}, "EM3", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var candidates []*party.Party
			for i, p := range partners {
				p.Answers(c.answers[i])
				candidates = append(candidates, p.Party(ocpi.RoleEMSP))
			}
			x := exchange(cpo.Party(ocpi.RoleCPO), candidates[0], ocpi.Tokens, ocpi.Sender, "POST", "T-"+c.want+"/authorize", "")
			x.Target, x.Mode = nil, routing.Ask
			a, err := h.Relay.Ask(context.Background(), x, candidates)
			if c.want == "" {
				wantStatus(t, err, 404, ocpi.StatusUnknownToken)
			} else if err != nil || a.From.ID != c.want {
				t.Errorf("answered by %q (%v), want %q", a.From.ID, err, c.want)
			}
			for range c.cancels {
				<-gone
			}
		})
	}
	if p := h.Registry.Snapshot().Platform(partners[0].ID); p.Offline {
		t.Error("a partner that we stopped waiting for counts as away")
	}
}

// Three providers behind one other hub are all asked.
func TestAskBehindOneHub(t *testing.T) {
	h := relaytest.New(t, true)
	cpo := h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO))
	other := h.JoinHub(ocpi.V221, deliverytest.Grant("FR-HUB", ocpi.RoleHub), deliverytest.Grant("FR-EM1", ocpi.RoleEMSP), deliverytest.Grant("FR-EM2", ocpi.RoleEMSP))
	other.Answers(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Ocpi-To-Party-Id") == "EM2" {
			allowed("ALLOWED")(w, r)
			return
		}
		unknown(w, r)
	})
	var candidates []*party.Party
	for _, p := range other.Platform().Parties {
		if p.Role == ocpi.RoleEMSP {
			candidates = append(candidates, p)
		}
	}
	x := exchange(cpo.Party(ocpi.RoleCPO), candidates[0], ocpi.Tokens, ocpi.Sender, "POST", "T/authorize", "")
	x.Mode = routing.Ask
	if a, err := h.Relay.Ask(context.Background(), x, candidates); err != nil || a.From.ID != "EM2" {
		t.Errorf("answered by %+v, %v", a.From, err)
	}
}

// A message that comes back from another hub while that hub's answer is waited
// for is refused, and requests to a hub carry the list of hubs passed.
func TestLoopGuard(t *testing.T) {
	h := relaytest.New(t, true)
	cpo := h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO))
	other := h.JoinHub(ocpi.V221, deliverytest.Grant("FR-HUB", ocpi.RoleHub), deliverytest.Grant("FR-CP2", ocpi.RoleCPO), deliverytest.Grant("FR-EM1", ocpi.RoleEMSP))
	target := other.Party(ocpi.RoleEMSP)
	var back error
	other.Answers(func(w http.ResponseWriter, _ *http.Request) {
		_, back = h.Relay.Forward(context.Background(), exchange(other.Party(ocpi.RoleCPO), target, ocpi.Locations, ocpi.Receiver, "PUT", "NL/CP1/L", `{}`))
		ocpi.WriteEnvelope(w, 200, 1000, "", nil)
	})
	x := exchange(cpo.Party(ocpi.RoleCPO), target, ocpi.Locations, ocpi.Receiver, "PUT", "NL/CP1/L", `{}`)
	x.Via = []string{"BE-HUB"}
	for range 2 { // the second time nothing is open any more
		if _, err := h.Relay.Forward(context.Background(), x); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, back, 200, 4000)
	}
	got := other.Received()
	if len(got) != 2 || got[0].Header.Get(relay.HeaderVia) != "BE-HUB, DE-HUB" {
		t.Errorf("the other hub got %+v", got)
	}
}

func TestParseVia(t *testing.T) {
	hub := deliverytest.ID
	for value, ok := range map[string]bool{
		"": true, "FR-HUB": true, "FR-HUB, BE-HUB ,NL-HUB": true, "FR-HUB, de-hub": false, "DE-HUB": false,
		"AA-AAA,BB-BBB,CC-CCC,DD-DDD": false, "nonsense": false, "FR-HUB, \x01": false,
	} {
		if _, err := relay.ParseVia(http.Header{relay.HeaderVia: {value}}, hub); (err == nil) != ok {
			t.Errorf("%q: %v, want passing %v", value, err, ok)
		}
	}
}
