package delivery

import (
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// What a lane keeps of the last answer holds for one owner and kind, one snapshot,
// and no longer than its agreements do.
func TestStandAsksAnew(t *testing.T) {
	me := &party.Party{ID: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}, Role: ocpi.RoleEMSP, Confirmed: true, Status: party.Connected}
	cpo := &party.Party{ID: owner, Role: ocpi.RoleCPO, Confirmed: true, Status: party.Connected}
	other := &party.Party{ID: ocpi.PartyID{CountryCode: "NL", ID: "XXX"}, Role: ocpi.RoleCPO, Confirmed: true, Status: party.Connected}
	var platforms []*party.Platform
	for _, p := range []*party.Party{me, cpo, other} {
		p.Platform = &party.Platform{
			ID: p.ID.String(), State: party.StateConnected, Version: ocpi.V221, Parties: []*party.Party{p},
			Endpoints: map[party.EndpointKey]string{{Module: ocpi.Locations, Interface: ocpi.Receiver}: "http://127.0.0.1/"},
		}
		platforms = append(platforms, p.Platform)
	}
	now := time.Now()
	look := func(agreements ...*party.Agreement) *view {
		return &view{
			snapshot:   party.NewSnapshot(owner, false, platforms, agreements),
			agreements: map[ocpi.PartyID][]*party.Agreement{me.ID: agreements},
		}
	}
	v := look(&party.Agreement{ID: "a", CPO: owner, EMSP: me.ID, ValidFrom: now.Add(time.Hour), ValidTo: now.Add(2 * time.Hour)})
	l := &lane{id: laneID{me.Platform.ID, me.ID, me.Role}}
	location := key("x")
	foreign, tariff := location, location
	foreign.Party, tariff.Kind = other.ID, string(ocpi.Tariffs)
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {time.Hour - 1, false}, {time.Hour, true}, {2*time.Hour - 1, true}, {2 * time.Hour, false}, {3 * time.Hour, false}} {
		at := now.Add(c.after)
		s := l.at(v, at)
		for range 2 {
			first, f, tr, last := s.wants(location, at), s.wants(foreign, at), s.wants(tariff, at), s.wants(location, at)
			if s.me != me || first != c.want || last != c.want || f || tr {
				t.Errorf("after %v: wanted: %v, %v, of another owner: %v, a tariff: %v; want %v and nothing else", c.after, first, last, f, tr, c.want)
			}
		}
	}
	if !l.at(look(&party.Agreement{ID: "b", CPO: owner, EMSP: me.ID}), now).wants(location, now) {
		t.Error("not wanted by a snapshot with an agreement")
	}
	if l.at(look(), now).wants(location, now) {
		t.Error("wanted by a snapshot without an agreement")
	}
}
