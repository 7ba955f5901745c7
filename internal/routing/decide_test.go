package routing_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

var (
	hub  = id("DEHUB")
	cp1  = id("NLCP1")
	cp2  = id("BECP2")
	em1  = id("DEEM1")
	em2  = id("BEEM2")
	em3  = id("DEEM3")
	xxx  = id("NLXXX")
	late = id("FRLAT") // agreement has ended
	off  = id("FROFF") // offline
	plan = id("FRPLN") // invited only
	gone = id("FRGON") // role withdrawn
	bare = id("FRBAR") // implements nothing
	far  = id("ATFAR") // no agreement with anybody
)

func id(s string) ocpi.PartyID {
	p, err := ocpi.ParsePartyString(s)
	if err != nil {
		panic(err)
	}
	return p
}

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// network is the fixture: two CPOs, several providers, and one of each kind of
// party that must not get anything.
func network() *party.Snapshot {
	all := map[party.EndpointKey]string{}
	for _, m := range ocpi.Functional(ocpi.V230) {
		all[party.EndpointKey{Module: m, Interface: ocpi.Sender}] = "https://p.example/s/" + string(m)
		all[party.EndpointKey{Module: m, Interface: ocpi.Receiver}] = "https://p.example/r/" + string(m)
	}
	platform := func(name string, endpoints map[party.EndpointKey]string, roles ...*party.Party) *party.Platform {
		p := &party.Platform{ID: name, State: party.StateConnected, Version: ocpi.V221, Endpoints: endpoints, Parties: roles}
		for _, r := range roles {
			r.Platform = p
		}
		return p
	}
	role := func(id ocpi.PartyID, r ocpi.Role) *party.Party {
		return &party.Party{ID: id, Role: r, Confirmed: true, Status: party.Connected}
	}
	offline, withdrawn, planned := role(off, ocpi.RoleEMSP), role(gone, ocpi.RoleEMSP), role(plan, ocpi.RoleEMSP)
	offline.Status, withdrawn.Confirmed = party.Offline, false
	planned.Status, planned.Confirmed = party.Planned, false
	invited := platform("P8", nil, planned)
	invited.State = party.StatePlanned
	platforms := []*party.Platform{
		platform("P1", all, role(cp1, ocpi.RoleCPO), role(xxx, ocpi.RoleCPO)),
		platform("P2", all, role(cp2, ocpi.RoleCPO), role(em2, ocpi.RoleEMSP)),
		platform("P3", all, role(em1, ocpi.RoleEMSP), role(em3, ocpi.RoleEMSP), role(xxx, ocpi.RoleEMSP)),
		platform("P4", all, role(late, ocpi.RoleEMSP)),
		platform("P5", all, offline),
		platform("P6", all, withdrawn),
		platform("P7", nil, role(bare, ocpi.RoleEMSP)),
		invited,
		platform("P9", all, role(far, ocpi.RoleEMSP)),
	}
	var agreements []*party.Agreement
	for _, c := range []ocpi.PartyID{cp1, cp2, xxx} {
		for _, e := range []ocpi.PartyID{em1, em2, xxx, late, off, plan, gone, bare} {
			a := &party.Agreement{ID: c.String() + e.String(), CPO: c, EMSP: e}
			if e == late {
				a.ValidTo = now
			}
			agreements = append(agreements, a)
		}
	}
	agreements = append(agreements, &party.Agreement{ID: "narrow", CPO: cp1, EMSP: em3, Scope: []party.Scope{"locations"}})
	return party.NewSnapshot(hub, false, platforms, agreements)
}

func on(s *party.Snapshot, platform string, id ocpi.PartyID, r ocpi.Role) *party.Party {
	for _, p := range s.Platform(platform).Parties {
		if p.ID == id && p.Role == r {
			return p
		}
	}
	panic("no such party in the fixture")
}

func TestDecide(t *testing.T) {
	snap := network()
	cpo1, cpo2 := on(snap, "P1", cp1, ocpi.RoleCPO), on(snap, "P2", cp2, ocpi.RoleCPO)
	emsp1, emsp3 := on(snap, "P3", em1, ocpi.RoleEMSP), on(snap, "P3", em3, ocpi.RoleEMSP)
	loc := []string{"NL", "CP1", "LOC1"}
	token := routing.Content{TokenType: "RFID"}
	type want struct {
		mode   routing.Mode
		target string // "platform party"
		status int
		keep   bool
		bill   bool
		away   int // OCPI status
	}
	const (
		S = ocpi.Sender
		R = ocpi.Receiver
	)
	none := ocpi.PartyID{}
	for _, c := range []struct {
		name    string
		from    *party.Party
		to      ocpi.PartyID
		module  ocpi.Module
		iface   ocpi.Interface
		method  string
		path    []string
		content routing.Content
		known   []ocpi.PartyID
		want    want
	}{
		{"E01 direct push", cpo1, em1, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{mode: routing.Direct, target: "P3 DE-EM1"}},
		{"E08 unknown receiver", cpo1, id("ZZZZZ"), ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{status: 4001}},
		{"E13 one id, two sides: a push goes to the provider", cpo1, xxx, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{mode: routing.Direct, target: "P3 NL-XXX"}},
		{"E13 one id, two sides: a token goes to the operator", emsp1, xxx, ocpi.Tokens, R, "PUT", []string{"DE", "EM1", "T"}, routing.Content{}, nil, want{mode: routing.Direct, target: "P1 NL-XXX"}},
		{"E14 module not implemented", cpo1, bare, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{status: 4000}},
		{"E23 receiver planned", cpo1, plan, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{status: 4003}},
		{"D23 role withdrawn", cpo1, gone, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{status: 4001}},
		{"offline receiver", cpo1, off, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{status: 4003}},
		{"no agreement looks like unknown", cpo1, far, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{status: 4001}},
		{"agreement has ended", cpo1, late, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{status: 4001}},
		{"agreement covers the module", cpo1, em3, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{mode: routing.Direct, target: "P3 DE-EM3"}},
		{"agreement does not cover the module", cpo1, em3, ocpi.Sessions, R, "PUT", loc, routing.Content{}, nil, want{status: 4001}},
		{"CPO to CPO", cpo1, cp2, ocpi.Locations, S, "GET", nil, routing.Content{}, nil, want{status: 4001}},
		{"invoice reconciliation goes to the other side", cpo1, em1, ocpi.InvoiceReconciliation, R, "POST", nil, routing.Content{}, nil, want{mode: routing.Direct, target: "P3 DE-EM1"}},

		{"F01 broadcast push", cpo1, hub, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{mode: routing.Broadcast}},
		{"F06 token to the hub", emsp1, hub, ocpi.Tokens, R, "PATCH", []string{"DE", "EM1", "T"}, routing.Content{}, nil, want{mode: routing.Broadcast}},
		{"F20 tariff withdrawn", cpo1, hub, ocpi.Tariffs, R, "DELETE", []string{"NL", "CP1", "T"}, routing.Content{}, nil, want{mode: routing.Broadcast}},
		{"push without TO is a broadcast", cpo1, none, ocpi.Locations, R, "PUT", loc, routing.Content{}, nil, want{mode: routing.Broadcast}},
		{"F11 GET is never broadcast", cpo1, hub, ocpi.Locations, R, "GET", loc, routing.Content{}, nil, want{mode: routing.Get}},
		{"F13 CDR to the hub goes to the driver's eMSP", cpo1, hub, ocpi.CDRs, R, "POST", nil, routing.Content{TokenParty: em1}, nil, want{mode: routing.Open, target: "P3 DE-EM1", bill: true}},
		{"F13 session to the hub goes to the driver's eMSP", cpo1, hub, ocpi.Sessions, R, "PUT", []string{"NL", "CP1", "S"}, routing.Content{TokenParty: em1}, nil, want{mode: routing.Open, target: "P3 DE-EM1", keep: true}},
		{"F14 command to the hub", emsp1, hub, ocpi.Commands, R, "POST", []string{"START_SESSION"}, routing.Content{LocationID: "LOC1"}, []ocpi.PartyID{cp1}, want{status: 2001}},
		{"charging preferences to the hub", emsp1, hub, ocpi.Sessions, S, "PUT", []string{"S", "charging_preferences"}, routing.Content{}, []ocpi.PartyID{cp1}, want{status: 2001}},

		{"G01 authorize by known token", cpo1, none, ocpi.Tokens, S, "POST", []string{"T", "authorize"}, token, []ocpi.PartyID{em2}, want{mode: routing.Open, target: "P2 BE-EM2"}},
		{"G03 CDR by cdr_token", cpo1, none, ocpi.CDRs, R, "POST", nil, routing.Content{TokenParty: em2}, nil, want{mode: routing.Open, target: "P2 BE-EM2", bill: true}},
		{"direct CDR", cpo1, em1, ocpi.CDRs, R, "POST", nil, routing.Content{}, nil, want{mode: routing.Direct, target: "P3 DE-EM1", bill: true}},
		{"CDR for one who is offline", cpo1, off, ocpi.CDRs, R, "POST", nil, routing.Content{}, nil, want{mode: routing.Direct, target: "P5 " + off.String(), bill: true, away: 4003}},
		{"CDR for one without the module", cpo1, bare, ocpi.CDRs, R, "POST", nil, routing.Content{}, nil, want{mode: routing.Direct, target: "P7 " + bare.String(), bill: true, away: 4000}},
		{"direct session", cpo1, em1, ocpi.Sessions, R, "PUT", []string{"NL", "CP1", "S"}, routing.Content{}, nil, want{mode: routing.Direct, target: "P3 DE-EM1", keep: true}},
		{"G03 CDR for a stranger's driver", cpo1, none, ocpi.CDRs, R, "POST", nil, routing.Content{TokenParty: far}, nil, want{status: 4001}},
		{"G04 session PATCH by what the PUT said", cpo1, none, ocpi.Sessions, R, "PATCH", []string{"NL", "CP1", "S"}, routing.Content{}, []ocpi.PartyID{em1}, want{mode: routing.Open, target: "P3 DE-EM1", keep: true}},
		{"G05 START_SESSION by location", emsp1, none, ocpi.Commands, R, "POST", []string{"START_SESSION"}, routing.Content{LocationID: "LOC1"}, []ocpi.PartyID{cp2}, want{mode: routing.Open, target: "P2 BE-CP2"}},
		{"G06 ambiguous location", emsp1, none, ocpi.Commands, R, "POST", []string{"START_SESSION"}, routing.Content{LocationID: "LOC1"}, []ocpi.PartyID{cp1, cp2}, want{status: 2001}},
		{"a stranger with the same id makes nothing ambiguous", emsp3, none, ocpi.Locations, S, "GET", []string{"LOC1"}, routing.Content{}, []ocpi.PartyID{cp1, cp2}, want{mode: routing.Open, target: "P1 NL-CP1"}},
		{"G07 unknowable", emsp1, none, ocpi.Commands, R, "POST", []string{"STOP_SESSION"}, routing.Content{SessionID: "S"}, nil, want{status: 4001}},
		{"G08 list without TO", emsp1, none, ocpi.Locations, S, "GET", nil, routing.Content{}, nil, want{status: 2001}},
		{"G10 unknown token, nobody may be asked", cpo1, none, ocpi.Tokens, S, "POST", []string{"T", "authorize"}, token, nil, want{status: 2004}},
		{"G10 known to a stranger only: the same answer", cpo1, none, ocpi.Tokens, S, "POST", []string{"T", "authorize"}, token, []ocpi.PartyID{far}, want{status: 2004}},
		{"charging profile by session", emsp1, none, ocpi.ChargingProfiles, R, "GET", []string{"S"}, routing.Content{}, []ocpi.PartyID{cp2}, want{mode: routing.Open, target: "P2 BE-CP2"}},
		{"active profile to the party that set one", cpo1, none, ocpi.ChargingProfiles, S, "PUT", []string{"S"}, routing.Content{}, []ocpi.PartyID{em1}, want{mode: routing.Open, target: "P3 DE-EM1"}},
		{"booking without TO", emsp1, none, ocpi.Bookings, S, "POST", nil, routing.Content{}, nil, want{status: 2001}},

		{"H01 GET all", emsp1, hub, ocpi.Locations, S, "GET", nil, routing.Content{}, nil, want{mode: routing.List}},
		{"GET all of a module without stored objects", emsp1, hub, ocpi.Bookings, S, "GET", nil, routing.Content{}, nil, want{status: 2001}},
		{"tokens pulled by an operator", cpo2, em1, ocpi.Tokens, S, "GET", nil, routing.Content{}, nil, want{mode: routing.Direct, target: "P3 DE-EM1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := routing.Decide(routing.Request{
				Module: c.module, Interface: c.iface, Method: c.method, Path: c.path, Query: url.Values{},
				From: c.from, To: c.to, Content: c.content, Known: c.known,
			}, snap, now)
			if d.Mode != c.want.mode {
				t.Fatalf("mode %v, want %v (%v)", d.Mode, c.want.mode, d.Err)
			}
			if d.Mode == routing.Refuse && d.Err.Status != c.want.status {
				t.Errorf("status %d, want %d: %s", d.Err.Status, c.want.status, d.Err.Message)
			}
			if got := targetName(d); got != c.want.target {
				t.Errorf("target %q, want %q", got, c.want.target)
			}
			if d.Keep != c.want.keep {
				t.Errorf("keep %v, want %v", d.Keep, c.want.keep)
			}
			if d.Bill != c.want.bill {
				t.Errorf("bill %v, want %v", d.Bill, c.want.bill)
			}
			away := 0
			if d.Away != nil {
				away = d.Away.Status
			}
			if away != c.want.away {
				t.Errorf("away with %d, want %d", away, c.want.away)
			}
		})
	}
}

func targetName(d routing.Decision) string {
	if d.Target == nil {
		return ""
	}
	return d.Target.Platform.ID + " " + d.Target.ID.String()
}

func TestAskAroundIsBoundedAndByAgreement(t *testing.T) {
	parties := []*party.Party{}
	p := &party.Platform{ID: "P", State: party.StateConnected, Endpoints: map[party.EndpointKey]string{
		{Module: ocpi.Tokens, Interface: ocpi.Sender}: "https://p.example/tokens",
	}}
	var agreements []*party.Agreement
	for _, s := range []string{"DEAA1", "DEAA2", "DEAA3", "DEAA4", "DENO1"} {
		q := &party.Party{ID: id(s), Role: ocpi.RoleEMSP, Confirmed: true, Status: party.Connected, Platform: p}
		parties = append(parties, q)
		agreements = append(agreements, &party.Agreement{ID: s, CPO: cp1, EMSP: q.ID, AskOnUnknownToken: s != "DENO1"})
	}
	p.Parties = parties
	cpo := &party.Party{ID: cp1, Role: ocpi.RoleCPO, Confirmed: true, Status: party.Connected}
	cpo.Platform = &party.Platform{ID: "C", State: party.StateConnected, Parties: []*party.Party{cpo}}
	snap := party.NewSnapshot(hub, false, []*party.Platform{p, cpo.Platform}, agreements)
	d := routing.Decide(routing.Request{
		Module: ocpi.Tokens, Interface: ocpi.Sender, Method: "POST", Path: []string{"T", "authorize"}, From: cpo,
	}, snap, now)
	if d.Mode != routing.Ask || len(d.Candidates) != 3 {
		t.Fatalf("mode %v with %d candidates, want ask with 3", d.Mode, len(d.Candidates))
	}
	for _, c := range d.Candidates {
		if c.ID == id("DENO1") {
			t.Error("asked an eMSP whose agreement does not allow it")
		}
	}
}
