package conform

import (
	"context"
	"errors"
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

// Fixture is who stands around the hub. P1 to P5 and the parties on them are in
// every run; a [Manual] operator may leave out the others, and what needs them
// is skipped.
//
//	P1   CPO1 NL-CP1, and NL-XXX as CPO
//	P2   CPO2 BE-CP2, EMSP2 BE-EM2
//	P3   EMSP1 DE-EM1, EMSP3 DE-EM3, and NL-XXX as EMSP
//	P4   NSP1 FR-NS1
//	P5   OTHER1 FR-OT1
//	P6   another hub, DE-HB2, with EMSP9 DE-EM9 and CPO9 DE-CP9 behind it
//	P7   a stranger, SE-STR, EMSP, that nobody has an agreement with
//	P8   CPO30 NL-C30, 2.3.0
//	P9   EMSP30 DE-E30, 2.3.0
//	P10  PTP1 FR-PT1, a payment terminal provider, 2.3.0
type Fixture struct {
	Hub       *Party // has no platform
	Platforms []*Platform

	CPO1, CPO2, CPO9, CPO30            *Party
	EMSP1, EMSP2, EMSP3, EMSP9, EMSP30 *Party
	NSP1, OTHER1, PTP1, HUB2, Stranger *Party
	TwofoldCPO, TwofoldEMSP            *Party // NL-XXX
}

type fixturePlatform struct {
	name    string
	version ocpi.Version
	parties []fixtureParty
}

type fixtureParty struct {
	Role
	at **Party
}

func (f *Fixture) table() []fixturePlatform {
	party := func(country, id string, role ocpi.Role, at **Party) fixtureParty {
		return fixtureParty{Role{country, id, role}, at}
	}
	return []fixturePlatform{
		{"P1", ocpi.V221, []fixtureParty{party("NL", "CP1", ocpi.RoleCPO, &f.CPO1), party("NL", "XXX", ocpi.RoleCPO, &f.TwofoldCPO)}},
		{"P2", ocpi.V221, []fixtureParty{party("BE", "CP2", ocpi.RoleCPO, &f.CPO2), party("BE", "EM2", ocpi.RoleEMSP, &f.EMSP2)}},
		{"P3", ocpi.V221, []fixtureParty{
			party("DE", "EM1", ocpi.RoleEMSP, &f.EMSP1), party("DE", "EM3", ocpi.RoleEMSP, &f.EMSP3),
			party("NL", "XXX", ocpi.RoleEMSP, &f.TwofoldEMSP),
		}},
		{"P4", ocpi.V221, []fixtureParty{party("FR", "NS1", ocpi.RoleNSP, &f.NSP1)}},
		{"P5", ocpi.V221, []fixtureParty{party("FR", "OT1", ocpi.RoleOther, &f.OTHER1)}},
		{"P6", ocpi.V221, []fixtureParty{
			party("DE", "HB2", ocpi.RoleHub, &f.HUB2), party("DE", "EM9", ocpi.RoleEMSP, &f.EMSP9),
			party("DE", "CP9", ocpi.RoleCPO, &f.CPO9),
		}},
		{"P7", ocpi.V221, []fixtureParty{party("SE", "STR", ocpi.RoleEMSP, &f.Stranger)}},
		{"P8", ocpi.V230, []fixtureParty{party("NL", "C30", ocpi.RoleCPO, &f.CPO30)}},
		{"P9", ocpi.V230, []fixtureParty{party("DE", "E30", ocpi.RoleEMSP, &f.EMSP30)}},
		{"P10", ocpi.V230, []fixtureParty{party("FR", "PT1", ocpi.RolePTP, &f.PTP1)}},
	}
}

// required are the platforms without which nothing can be checked.
const required = 5

// build invites, agrees and registers.
func (s *Suite) build(ctx context.Context) (*Fixture, error) {
	f := &Fixture{}
	s.Fixture = f // so that Close removes what was made when something fails
	for i, row := range f.table() {
		inv := Invitation{Name: row.name, Fixture: true}
		for _, p := range row.parties {
			inv.Roles = append(inv.Roles, p.Role)
		}
		p, err := s.platform(ctx, row.version, inv)
		if errors.Is(err, ErrByHand) && i >= required {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.name, err)
		}
		f.Platforms = append(f.Platforms, p)
		for j, q := range row.parties {
			*q.at = p.Parties[j]
		}
		if row.name == "P6" {
			p.playHub()
		}
	}
	if err := s.agreeAll(ctx); err != nil {
		return nil, err
	}
	for _, p := range f.Platforms {
		if err := p.Register(ctx); err != nil {
			return nil, fmt.Errorf("registering %s: %w", p.Name, err)
		}
	}
	return f, s.findHub(ctx)
}

// agreeAll makes an agreement between every CPO and every provider but the
// stranger.
func (s *Suite) agreeAll(ctx context.Context) error {
	var cpos, providers []*Party
	for _, p := range s.Platforms {
		for _, q := range p.Parties {
			switch {
			case q == s.Stranger || q.Role == ocpi.RoleHub:
			case q.Role == ocpi.RoleCPO:
				cpos = append(cpos, q)
			default:
				providers = append(providers, q)
			}
		}
	}
	for _, c := range cpos {
		for _, e := range providers {
			if c.String() == e.String() {
				continue
			}
			if err := s.agree(ctx, c, e); err != nil {
				return fmt.Errorf("agreement of %s and %s: %w", c, e, err)
			}
		}
	}
	return nil
}

// findHub learns the hub's own party from its credentials.
func (s *Suite) findHub(ctx context.Context) error {
	p := s.CPO1.Platform
	resp, err := s.client.do(ctx, p, Call{Method: "GET", Module: ocpi.Credentials, Interface: ocpi.Receiver})
	if err != nil {
		return err
	}
	for _, r := range resp.Data.Get("roles").Array() {
		if r.Get("role").String() == string(ocpi.RoleHub) {
			s.Hub = &Party{CountryCode: r.Get("country_code").String(), ID: r.Get("party_id").String(), Role: ocpi.RoleHub}
			return nil
		}
	}
	return fmt.Errorf("the hub's credentials name no role HUB: %s", resp)
}

// playHub makes a platform look like another hub: its credentials name only the
// role HUB, its hubclientinfo the parties behind it (OCPI 2.2.1 §7.1, §15).
func (p *Platform) playHub() {
	p.Play(Role{p.Parties[0].CountryCode, p.Parties[0].ID, ocpi.RoleHub})
	p.On(All(At(ocpi.HubClientInfo, ocpi.Sender), With("GET")), func(_ *Request, reply *Reply) {
		list := ""
		for i, q := range p.Parties[1:] {
			if i > 0 {
				list += ","
			}
			list += clientInfo(q, "CONNECTED")
		}
		reply.HTTP, reply.Status, reply.Data = 200, ocpi.StatusSuccess, "["+list+"]"
		reply.Header.Set(ocpi.HeaderTotalCount, fmt.Sprint(len(p.Parties)-1))
		reply.Header.Set(ocpi.HeaderLimit, "50")
	})
}

// has skips the check when the operator left out a party.
func (t *T) has(parties ...*Party) {
	for _, p := range parties {
		if p == nil {
			t.skip("the fixture has no such platform on this hub")
		}
	}
}

// has230 skips the check when the operator left out the 2.3.0 platforms.
func (t *T) has230() { t.has(t.CPO30, t.EMSP30) }
