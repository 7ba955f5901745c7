package party

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/ocpi"
)

func TestInviteChecksGrants(t *testing.T) {
	r := newRig(t)
	taken := r.invite(grantOf("NLCP1", "CPO"))
	before := len(r.Snapshot().Platforms())
	for _, tt := range []struct {
		name   string
		grants []Grant
		want   error
	}{
		{"none", nil, ErrInvalid},
		{"country code", []Grant{{CountryCode: "NLD", PartyID: "CP1", Role: "CPO"}}, ErrInvalid},
		{"party id", []Grant{{CountryCode: "NL", PartyID: "C*1", Role: "CPO"}}, ErrInvalid},
		{"role", []Grant{grantOf("NLCP2", "KING")}, ErrInvalid},
		{"no role", []Grant{grantOf("NLCP2", "")}, ErrInvalid},
		{"twice", []Grant{grantOf("NLCP2", "CPO"), grantOf("nlcp2", "CPO")}, ErrInvalid},
		{"the hub itself", []Grant{grantOf("DEHUB", "CPO")}, ErrInvalid},
		{"taken", []Grant{grantOf("NLCP3", "CPO"), grantOf("nlcp1", "CPO")}, ErrConflict},
		{"control character in the name", []Grant{{"NL", "CP2", "CPO", "a\nb"}}, ErrInvalid},
	} {
		if _, err := r.Invite(t.Context(), Invitation{Name: "x", Parties: tt.grants}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := r.Invite(t.Context(), Invitation{Name: "x", Parties: []Grant{grantOf("NLCP2", "CPO")}, Encoding: "rot13"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("encoding: %v", err)
	}
	if n := len(r.Snapshot().Platforms()); n != before || len(r.Snapshot().Parties(ocpi.PartyID{CountryCode: "NL", ID: "CP3"})) != 0 {
		t.Errorf("refused invitations left %d platforms", n-before)
	}
	r.reopen()
	if n := len(r.Snapshot().Platforms()); n != before {
		t.Errorf("after a restart there are %d platforms", n)
	}
	// The same id in another role, and a triple that was freed.
	r.invite(grantOf("NLCP1", "EMSP"))
	if err := r.Remove(t.Context(), taken.ID); err != nil {
		t.Fatal(err)
	}
	r.invite(grantOf("NLCP1", "CPO"))
	for _, role := range []ocpi.Role{"EMSP", "NSP", "NAP", "SCSP", "OTHER", "PTP"} {
		r.invite(grantOf("BEXXX", role))
	}
}

func TestUpdate(t *testing.T) {
	r := newRig(t)
	one, two := r.invite(grantOf("NLCP1", "CPO")), r.invite(grantOf("NLCP2", "CPO"))
	name, raw, limits := "new name", ocpi.EncodingRaw, Limits{RequestsPerSecond: 2.5, Burst: 3, Concurrent: 4}
	if err := r.Update(t.Context(), one.ID, Update{Name: &name, Encoding: &raw, Limits: &limits}); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if p := r.platform(one.ID); p.Name != name || p.Encoding != raw || p.Limits != limits || len(p.Parties) != 1 {
		t.Errorf("%+v", p)
	}
	steal := []Grant{grantOf("NLCP1", "CPO"), grantOf("NLCP2", "CPO")}
	bad := Limits{Burst: -1}
	for _, tt := range []struct {
		id   string
		u    Update
		want error
	}{
		{"nobody", Update{Name: &name}, ErrNotFound},
		{one.ID, Update{Parties: &steal}, ErrConflict},
		{one.ID, Update{Parties: &[]Grant{}}, ErrInvalid},
		{one.ID, Update{Limits: &bad}, ErrInvalid},
	} {
		if err := r.Update(t.Context(), tt.id, tt.u); !errors.Is(err, tt.want) {
			t.Errorf("%+v: %v, want %v", tt.u, err, tt.want)
		}
	}
	if q := r.platform(two.ID).Parties; len(q) != 1 || len(r.platform(one.ID).Parties) != 1 {
		t.Errorf("a refused update moved a party: %+v", q)
	}
	if err := r.Remove(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if _, err := r.Reinvite(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// A platform that lost its token registers again while the old one works on.
func TestReinviteOfAConnectedPlatform(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, c := r.register(p, ocpi.V221)
	inv, err := r.Reinvite(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if r.opens(c) != KindFull || r.platform(id).State != StateConnected {
		t.Error("the invitation alone broke the connection")
	}
	got, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials())
	if e != nil || r.opens(got.Token) != KindFull || r.opens(c) != "" || r.opens(inv.TokenA) != "" {
		t.Errorf("registering again: %v", e)
	}
}

func TestAgreements(t *testing.T) {
	r := newRig(t)
	cpo, emsp := newPartner(t, grantOf("NLCP1", "CPO")), newPartner(t, grantOf("DEEM1", "EMSP"), grantOf("DEEM1", "CPO"))
	cid, _ := r.register(cpo, ocpi.V221)
	eid, _ := r.register(emsp, ocpi.V221)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	a := Agreement{
		ID: "a1", CPO: ocpi.PartyID{CountryCode: "nl", ID: "cp1"}, EMSP: ocpi.PartyID{CountryCode: "DE", ID: "EM1"},
		Scope: []Scope{"Locations", "authorize", "profiles", "Booking", "nltnm-custom", "locations"}, ValidFrom: now, ValidTo: now.Add(time.Hour),
		AskOnUnknownToken: true, CDRDelivery: "relay",
	}
	if err := r.PutAgreement(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		s := r.Snapshot()
		c := s.Platform(cid).Parties[0]
		var e, ecpo *Party
		for _, q := range s.Platform(eid).Parties {
			if q.Role == ocpi.RoleEMSP {
				e = q
			} else {
				ecpo = q
			}
		}
		for _, tt := range []struct {
			at   time.Time
			want bool
		}{{now.Add(-1), false}, {now, true}, {now.Add(time.Hour - 1), true}, {now.Add(time.Hour), false}} {
			if got := s.Agreement(c, e, ScopeAuthorize, tt.at) != nil; got != tt.want || s.Related(e, c, tt.at) != tt.want {
				t.Errorf("at %s: %v, want %v", tt.at, got, tt.want)
			}
		}
		for scope, want := range map[Scope]bool{"locations": true, "authorize": true, "chargingprofiles": true, "bookings": true, "nltnm-custom": true, "tariffs": false, ScopeReservations: false} {
			if got := s.Agreement(e, c, scope, now) != nil; got != want {
				t.Errorf("scope %s: %v, want %v", scope, got, want)
			}
		}
		if s.Agreement(c, ecpo, "locations", now) != nil || s.Related(c, ecpo, now) {
			t.Error("two parties of one side are related")
		}
		got := r.Agreements()
		if len(got) != 1 || !got[0].AskOnUnknownToken || got[0].CDRDelivery != "relay" || !got[0].ValidTo.Equal(a.ValidTo) || got[0].CPO.ID != "CP1" {
			t.Errorf("%+v", got)
		}
	}
	check()
	r.reopen()
	check()
	if err := r.DeleteAgreement(t.Context(), "a1"); err != nil {
		t.Fatal(err)
	}
	if s := r.Snapshot(); s.Related(s.Platform(cid).Parties[0], s.Platform(eid).Parties[1], now) || len(r.Agreements()) != 0 {
		t.Error("a deleted agreement still holds")
	}
	if err := r.DeleteAgreement(t.Context(), "a1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	r.reopen()
	if len(r.Agreements()) != 0 {
		t.Error("a deleted agreement is back after a restart")
	}
	for name, change := range map[string]func(*Agreement){
		"no id":       func(a *Agreement) { a.ID = "" },
		"bad id":      func(a *Agreement) { a.ID = "a/../b" },
		"no cpo":      func(a *Agreement) { a.CPO = ocpi.PartyID{} },
		"bad emsp":    func(a *Agreement) { a.EMSP.ID = "TOOLONG" },
		"never valid": func(a *Agreement) { a.ValidTo = a.ValidFrom },
		"empty scope": func(a *Agreement) { a.Scope = []Scope{""} },
	} {
		b := a
		b.Scope = slices.Clone(a.Scope)
		change(&b)
		if err := r.PutAgreement(t.Context(), b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenAgreements(t *testing.T) {
	r := newRig(t, func(o *Options) { o.OpenAgreements = true })
	cpo, nsp := newPartner(t, grantOf("NLCP1", "CPO")), newPartner(t, grantOf("FRNS1", "NSP"))
	r.register(cpo, ocpi.V221)
	inv := r.invite(nsp.parties...)
	c, e := r.call(inv.TokenA, ocpi.V230, "POST", nsp.credentials())
	if e != nil || len(c.Roles) != 1 || c.Roles[0].PartyID != "CP1" {
		t.Errorf("roster %+v %v", c.Roles, e)
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	r := newRig(t, func(o *Options) { o.Metrics = reg })
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	r.register(p, ocpi.V221)
	r.invite(grantOf("NLCP2", "CPO"))
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"eroam_party_platforms CONNECTED": 1, "eroam_party_platforms PLANNED": 1,
		"eroam_party_platforms SUSPENDED": 0, "eroam_party_platforms OFFLINE": 0,
		"eroam_party_exchanges_total done partner": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("metrics %v, want %v", got, want)
	}
}

// A write that fails leaves memory and database as they were.
func TestFailedWriteChangesNothing(t *testing.T) {
	r := newRig(t)
	inv := r.invite(grantOf("NLCP1", "CPO"))
	if err := r.opts.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Invite(context.Background(), Invitation{Name: "x", Parties: []Grant{grantOf("NLCP2", "CPO")}}); err == nil {
		t.Error("no error")
	}
	if len(r.Snapshot().Platforms()) != 1 || r.opens(inv.TokenA) != KindInvite {
		t.Error("the snapshot changed")
	}
}
