package conform

import (
	"net/http"
	"net/url"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// checksL: HubClientInfo.
func checksL() []Check {
	return []Check{
		must("L01", "15.3", "GET hubclientinfo → every entry has country_code, party_id, role, status, last_updated; pagination headers", l01),
		must("L02", "15.2", "a party registers → others with hubclientinfo RECEIVER get PUT /{cc}/{pid} CONNECTED", l02),
		must("L03", "15.2", "a party stops answering → OFFLINE by PUT and in GET; back again → CONNECTED", l03),
		should("L04", "15.2", "no message for the configured time → the hub GETs the party's versions endpoint", l04),
		should("L05", "15.3", "a party with two roles → two entries in GET", l05),
		should("L06", "15.2", "TOKEN_A issued, not registered → PLANNED; the party is removed → SUSPENDED", l06),
		must("L07", "15.2", "the status changes → last_updated advances, and date_from finds it", l07),
		must("L08", "15.2", "the hub uses only GET and PUT towards receivers, and never calls a party without the module", l08).when(last),
	}
}

func l01(t *T) {
	r := t.ok(t.as(t.EMSP1.Platform, Call{Method: http.MethodGet, Module: ocpi.HubClientInfo, Interface: ocpi.Sender}))
	t.header(r, ocpi.HeaderTotalCount)
	t.header(r, ocpi.HeaderLimit)
	found := false
	for _, info := range t.clientInfos(t.EMSP1.Platform, "") {
		for _, field := range []string{"country_code", "party_id", "role", "status"} {
			t.require(info.Get(field).String() != "", "%s is missing: %s", field, info.Raw)
		}
		when := info.Get("last_updated").String()
		t.require(dateTime.MatchString(when), "last_updated %q is no DateTime: %s", when, info.Raw)
		found = found || info.Get("country_code").String() == t.CPO1.CountryCode && info.Get("party_id").String() == t.CPO1.ID
	}
	t.require(found, "%s is not listed", t.CPO1)
	if t.Stranger != nil {
		t.require(t.statusOf(t.Stranger.Platform, t.CPO1) == "", "a party without agreement sees %s", t.CPO1)
	}
}

// told waits until a platform has been told a status of a party.
func (t *T) told(at *Platform, about *Party, status string, limit time.Duration) *Request {
	got, err := at.Wait(t.ctx, 1, limit, All(At(ocpi.HubClientInfo, ocpi.Receiver), With(http.MethodPut), func(r *Request) bool {
		return r.Path == about.Path() && jsonField(r, "role") == string(about.Role) && jsonField(r, "status") == status
	}))
	if err != nil {
		for _, r := range at.Seen(All(Of(ocpi.HubClientInfo), func(r *Request) bool { return r.Path == about.Path() })) {
			t.notef("  hub → %s: %s", at.Name, r)
		}
		t.failf("no PUT %s with %s: %v", about.Path(), status, err)
	}
	t.notef("  hub → %s: %s", at.Name, got[0])
	return got[0]
}

func l02(t *T) {
	p := t.freshCPO(t.EMSP1)
	got := t.told(t.EMSP1.Platform, p, "CONNECTED", t.o.Patience)
	for _, field := range []string{"country_code", "party_id", "role", "status", "last_updated"} {
		t.require(jsonField(got, field) != "", "%s is missing", field)
	}
	t.require(got.Admitted, "without EMSP1's token")
}

func l03(t *T) {
	limit := t.backWithin()
	p := t.freshCPO(t.EMSP1)
	t.told(t.EMSP1.Platform, p, "CONNECTED", t.o.Patience)
	p.Platform.Stop()
	t.told(t.EMSP1.Platform, p, "OFFLINE", limit)
	t.equal("status in GET", t.statusOf(t.EMSP1.Platform, p), "OFFLINE")
	back := time.Now()
	if err := p.Platform.Start(); err != nil {
		t.failf("%v", err)
	}
	t.eventually(limit, p.String()+" is CONNECTED in GET", func() bool { return t.statusOf(t.EMSP1.Platform, p) == "CONNECTED" })
	t.arrives(t.EMSP1.Platform, Of(ocpi.HubClientInfo), Since(back), func(r *Request) bool {
		return r.Path == p.Path() && jsonField(r, "status") == "CONNECTED"
	})
}

func l04(t *T) {
	limit := t.backWithin()
	p := t.freshCPO(t.EMSP1).Platform
	quietSince := time.Now()
	got, err := p.Wait(t.ctx, 1, limit, All(Of(ocpi.VersionsModule), Since(quietSince)))
	t.require(err == nil, "%v", err)
	t.equal("method", got[0].Method, http.MethodGet)
	t.require(got[0].Admitted, "without the partner's token")
}

func l05(t *T) {
	roles := map[string]bool{}
	for _, info := range t.clientInfos(t.CPO2.Platform, "") {
		if info.Get("country_code").String() == "NL" && info.Get("party_id").String() == "XXX" {
			roles[info.Get("role").String()] = true
		}
	}
	t.require(roles["CPO"] && roles["EMSP"] && len(roles) == 2, "NL-XXX is listed as %v", roles)
}

func l06(t *T) {
	p := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, with: []*Party{t.EMSP1}})
	t.equal("status after the invitation", t.statusOf(t.EMSP1.Platform, p.Parties[0]), "PLANNED")
	if err := p.Register(t.ctx); err != nil {
		t.failf("%v", err)
	}
	t.told(t.EMSP1.Platform, p.Parties[0], "CONNECTED", t.o.Patience)
	t.operator("remove "+p.Name, t.o.Operator.Remove(t.ctx, p.ID))
	t.told(t.EMSP1.Platform, p.Parties[0], "SUSPENDED", t.o.Patience)
}

func l07(t *T) {
	p := t.freshCPO(t.EMSP1)
	viewer := t.EMSP1.Platform
	before := t.infoOf(viewer, p).Get("last_updated").String()
	t.pause(1100 * time.Millisecond) // some hubs count whole seconds
	t.ok(t.credentials(p.Platform, http.MethodDelete, p.Platform.Token(), ""))
	info := t.infoOf(viewer, p)
	after := info.Get("last_updated").String()
	t.equal("status", info.Get("status").String(), "SUSPENDED")
	a, errA := ocpi.ParseTime(before)
	b, errB := ocpi.ParseTime(after)
	t.require(errA == nil && errB == nil && b.After(a), "last_updated was %q and is %q", before, after)

	listed := func(from time.Time) bool {
		for _, x := range t.clientInfos(viewer, "date_from="+url.QueryEscape(ocpi.FormatTime(from))) {
			if x.Get("party_id").String() == p.ID && x.Get("country_code").String() == p.CountryCode {
				return true
			}
		}
		return false
	}
	t.require(listed(b), "date_from = last_updated does not find it")
	t.require(!listed(b.Add(time.Second)), "date_from after last_updated finds it")
}

func l08(t *T) {
	p := t.registered(fresh{
		roles: []ocpi.Role{ocpi.RoleEMSP}, with: []*Party{t.CPO1},
		prepare: func(p *Platform) { p.Without(ocpi.HubClientInfo) },
	})
	other := t.freshCPO(t.EMSP1, p.Parties[0])
	t.told(t.EMSP1.Platform, other, "CONNECTED", t.o.Patience)
	t.nothing(Of(ocpi.HubClientInfo), p)
	n := 0
	for _, r := range t.everything(At(ocpi.HubClientInfo, ocpi.Receiver)) {
		t.require(r.Method == http.MethodGet || r.Method == http.MethodPut, "%s", r)
		n++
	}
	t.notef("%d requests to hubclientinfo, all GET or PUT", n)
}
