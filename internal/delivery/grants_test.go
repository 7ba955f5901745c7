package delivery

import (
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// What counts as more than before, what is left of it, and that it is kept as it
// is.
func TestStanding(t *testing.T) {
	all := []string{"hubclientinfo", "locations", "tariffs"}
	of := func(r rights) map[string]rights { return map[string]rights{"NL-CP1": r} }
	base := &standing{Version: ocpi.V221, Modules: all, Rights: of("il")}
	for name, tt := range map[string]struct {
		now     *standing
		exceeds bool
		had     bool // of a location of NL-CP1, by what is left of base
	}{
		"the same":         {&standing{Version: ocpi.V221, Modules: all, Rights: of("il")}, false, true},
		"less scope":       {&standing{Version: ocpi.V221, Modules: all, Rights: of("i")}, false, false},
		"no agreement":     {&standing{Version: ocpi.V221, Modules: all}, false, false},
		"more scope":       {&standing{Version: ocpi.V221, Modules: all, Rights: of("ilt")}, true, true},
		"another owner":    {&standing{Version: ocpi.V221, Modules: all, Rights: map[string]rights{"NL-CP1": "il", "NL-CP2": "l"}}, true, true},
		"less modules":     {&standing{Version: ocpi.V221, Modules: all[:1], Rights: of("il")}, false, false},
		"another version":  {&standing{Version: ocpi.V230, Modules: all, Rights: of("il")}, true, true},
		"open":             {&standing{Version: ocpi.V221, Modules: all, Rights: of("il"), Open: true}, true, true},
		"open, no rights":  {&standing{Version: ocpi.V221, Modules: all, Open: true}, true, true},
		"a filter":         {&standing{Version: ocpi.V221, Modules: all, Rights: of("il"), Filter: party.DeliverySettings{PublishOnly: true}}, true, true},
		"a box":            {&standing{Version: ocpi.V221, Modules: all, Rights: of("il"), Filter: party.DeliverySettings{BBox: &[4]float64{1, 2, 3, 4}}}, true, true},
		"another for more": {&standing{Version: ocpi.V221, Modules: all, Rights: of("t")}, true, false},
	} {
		if got := tt.now.exceeds(base); got != tt.exceeds {
			t.Errorf("%s: exceeds: %v", name, got)
		}
		if got := base.without(tt.now).had(key("x")); got != tt.had {
			t.Errorf("%s: had: %v", name, got)
		}
		b, err := tt.now.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := readStanding(b); err != nil || !back.same(tt.now) || back.exceeds(tt.now) {
			t.Errorf("%s: kept as %s, read as %+v, %v", name, b, back, err)
		}
	}
	if base.without(base) != base || (*standing)(nil).without(base) != nil {
		t.Error("nothing is taken away, and it is not the same")
	}
}

// An agreement that ends and begins again between two looks of a lane has ended
// all the same: changes that were handed out meanwhile did not reach the lane.
func TestEndedBetweenTwoLooks(t *testing.T) {
	f := newFeed(t)
	cpo := &party.Party{ID: owner, Role: ocpi.RoleCPO, Confirmed: true, Status: party.Connected}
	me := &party.Party{ID: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}, Role: ocpi.RoleEMSP, Confirmed: true, Status: party.Connected}
	var platforms []*party.Platform
	for _, p := range []*party.Party{cpo, me} {
		p.Platform = &party.Platform{
			ID: p.ID.String(), State: party.StateConnected, Version: ocpi.V221, Parties: []*party.Party{p},
			Endpoints: map[party.EndpointKey]string{{Module: ocpi.Locations, Interface: ocpi.Receiver}: "http://127.0.0.1/"},
		}
		platforms = append(platforms, p.Platform)
	}
	look := func(agreements ...*party.Agreement) *view {
		v := &view{snapshot: party.NewSnapshot(owner, false, platforms, agreements), agreements: map[ocpi.PartyID][]*party.Agreement{}}
		for _, a := range agreements {
			v.agreements[me.ID], v.agreements[owner] = append(v.agreements[me.ID], a), append(v.agreements[owner], a)
		}
		return v
	}
	l, now := f.lane, time.Now()
	l.id = laneID{me.Platform.ID, me.ID, me.Role}
	with := look(&party.Agreement{CPO: owner, EMSP: me.ID})
	f.tail.view, f.view = with, func() *view { return with }
	f.tail.changed = true
	l.regrant(with, me, now)
	f.put("A", "p1")
	if err := f.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := l.inbox.take(9); len(c) != 1 {
		t.Fatalf("with an agreement it is handed %d changes", len(c))
	}
	l.read, l.live = 1, true
	l.inbox.settle(true)
	f.view = func() *view { return look() }
	f.put("A", "p2")
	if err := f.catchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := l.inbox.take(9); len(c) != 0 {
		t.Fatalf("without an agreement it is handed %d changes", len(c))
	}
	if r := l.reached(); r.cursor >= 2 {
		t.Errorf("its cursor is %d before it has looked", r.cursor)
	}
	for _, v := range l.inbox.passedOver() {
		l.lose(v, now)
	}
	l.regrant(look(&party.Agreement{CPO: owner, EMSP: me.ID}), me, now)
	if !l.restart {
		t.Error("the feed is not read again")
	}
}
