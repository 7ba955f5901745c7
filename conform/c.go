package conform

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// checksC: versions and version details.
func checksC() []Check {
	return []Check{
		must("C01", "6.1", "GET versions → a list with 2.2.1 and 2.3.0, absolute URLs", c01),
		must("C02", "6.2", "GET details → the version, and endpoints each with identifier, role and url", c02),
		must("C03", "2.3.1", "details → locations, sessions, cdrs, tariffs, tokens, commands, chargingprofiles as SENDER and RECEIVER", c03),
		must("C04", "15", "details → hubclientinfo as SENDER; credentials once", c04),
		must("C05", "6.2", "details for a partner without agreement → no custom module ids", c05),
		must("C06", "6.2", "every advertised URL with TOKEN_C and a documented method → not 404 or 405", c06),
		must("C07", "4.1.8.2", "requests and answers of the hub on versions, credentials, hubclientinfo → no routing headers", c07).when(last),
	}
}

// absolute reports whether s is an http or https URL with a host.
func absolute(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// detailsOf returns the version details of every version that the hub lists.
func (t *T) detailsOf(p *Platform) map[ocpi.Version]gjson.Result {
	out := map[ocpi.Version]gjson.Result{}
	versions := t.ok(t.as(p, Call{Method: http.MethodGet, URL: p.HubVersionsURL}))
	for _, v := range versions.Data.Array() {
		out[ocpi.Version(v.Get("version").String())] = t.ok(t.as(p, Call{Method: http.MethodGet, URL: v.Get("url").String()})).Data
	}
	return out
}

func c01(t *T) {
	r := t.ok(t.as(t.CPO1.Platform, Call{Method: http.MethodGet, URL: t.CPO1.Platform.HubVersionsURL}))
	t.require(r.Data.IsArray(), "data is not a list: %s", r)
	listed := map[string]bool{}
	for _, v := range r.Data.Array() {
		listed[v.Get("version").String()] = true
		t.require(absolute(v.Get("url").String()), "url is not absolute: %s", v.Raw)
	}
	t.require(listed["2.2.1"] && listed["2.3.0"], "versions listed: %v", listed)
}

func c02(t *T) {
	for v, details := range t.detailsOf(t.CPO1.Platform) {
		t.equal("version", details.Get("version").String(), string(v))
		t.require(len(details.Get("endpoints").Array()) > 0, "version %s has no endpoints: %s", v, short(details.Raw))
		for _, e := range details.Get("endpoints").Array() {
			role := e.Get("role").String()
			t.require(e.Get("identifier").String() != "" && (role == "SENDER" || role == "RECEIVER") && absolute(e.Get("url").String()),
				"endpoint is not complete: %s", e.Raw)
		}
	}
}

func c03(t *T) {
	for _, v := range ocpi.Versions() {
		details := t.detailsOf(t.CPO1.Platform)[v]
		for _, m := range []ocpi.Module{
			ocpi.Locations, ocpi.Sessions, ocpi.CDRs, ocpi.Tariffs, ocpi.Tokens, ocpi.Commands, ocpi.ChargingProfiles,
		} {
			for _, i := range []ocpi.Interface{ocpi.Sender, ocpi.Receiver} {
				t.require(len(endpointsOf(details, m, i)) == 1, "%s: %s %s is not listed once", v, m, i)
			}
		}
	}
}

// endpointsOf returns the URLs of a module in version details; an empty
// interface matches both.
func endpointsOf(details gjson.Result, m ocpi.Module, i ocpi.Interface) []string {
	var out []string
	for _, e := range details.Get("endpoints").Array() {
		if e.Get("identifier").String() == string(m) && (i == "" || e.Get("role").String() == string(i)) {
			out = append(out, e.Get("url").String())
		}
	}
	return out
}

func c04(t *T) {
	for v, details := range t.detailsOf(t.CPO1.Platform) {
		t.require(len(endpointsOf(details, ocpi.HubClientInfo, ocpi.Sender)) == 1, "%s: hubclientinfo SENDER is not listed once", v)
		t.require(len(endpointsOf(details, ocpi.Credentials, "")) == 1, "%s: credentials is not listed once", v)
	}
}

func c05(t *T) {
	t.has(t.Stranger)
	for v, details := range t.detailsOf(t.Stranger.Platform) {
		for _, e := range details.Get("endpoints").Array() {
			m := ocpi.ParseModule(e.Get("identifier").String())
			t.require(m.Standard(v), "%s lists %s to a stranger", v, m)
		}
	}
}

func c06(t *T) {
	id := t.id()
	cpo, emsp := t.CPO1, t.EMSP1
	receiver := func(method string, m ocpi.Module, path, query, body string, to *Party) Call {
		return Call{Method: method, Module: m, Interface: ocpi.Receiver, Path: path, Query: query, Body: body, To: to}
	}
	back := url.QueryEscape(responseURL(emsp, id))
	for _, x := range []struct {
		from *Party
		call Call
	}{
		{emsp, list(ocpi.Locations, "", t.Hub)},
		{emsp, list(ocpi.Sessions, "date_from=2024-01-01T00:00:00Z", t.Hub)},
		{emsp, list(ocpi.CDRs, "", t.Hub)},
		{emsp, list(ocpi.Tariffs, "", t.Hub)},
		{cpo, list(ocpi.Tokens, "", t.Hub)},
		{cpo, put(ocpi.Locations, cpo, id, location(cpo, id), emsp)},
		{cpo, put(ocpi.Sessions, cpo, id, session(cpo, emsp, id), emsp)},
		{cpo, put(ocpi.Tariffs, cpo, id, tariff(cpo, id), emsp)},
		{emsp, put(ocpi.Tokens, emsp, id, token(emsp, id), cpo)},
		{cpo, receiver(http.MethodPost, ocpi.CDRs, "", "", cdr(cpo, emsp, id), emsp)},
		{emsp, command("START_SESSION", startSession(emsp, responseURL(emsp, id), id), cpo)},
		{emsp, receiver(http.MethodGet, ocpi.ChargingProfiles, "/"+id, "duration=900&response_url="+back, "", cpo)},
		{cpo, Call{Method: http.MethodPut, Module: ocpi.ChargingProfiles, Interface: ocpi.Sender, Path: "/" + id, Body: activeProfile, To: emsp}},
		{cpo, Call{Method: http.MethodGet, Module: ocpi.HubClientInfo, Interface: ocpi.Sender}},
		{cpo, Call{Method: http.MethodGet, Module: ocpi.Credentials, Interface: ocpi.Receiver}},
	} {
		if x.call.To != nil {
			x.call.From = x.from
		}
		r := t.as(x.from.Platform, x.call)
		t.require(r.HTTP != http.StatusNotFound && r.HTTP != http.StatusMethodNotAllowed && r.HTTP != http.StatusUnauthorized,
			"%s %s: %s", x.call.Method, r.URL, r)
	}
	// The commands SENDER endpoint is listed and never called: results go to the
	// response_url (issue 489 of ocpi/ocpi).
	sender, ok := emsp.Platform.HubEndpoint(ocpi.Commands, ocpi.Sender)
	t.require(ok && absolute(sender), "commands SENDER has no URL")
}

func c07(t *T) {
	exchange(t)
	p := t.registered(fresh{roles: []ocpi.Role{ocpi.RoleCPO}, with: []*Party{t.EMSP1}})
	t.arrives(t.EMSP1.Platform, Of(ocpi.HubClientInfo), func(r *Request) bool { return r.Path == p.Parties[0].Path() })
	for _, r := range t.everything(func(r *Request) bool { return !functional(r) }) {
		t.require(r.To() == "" && r.From() == "", "routing headers in %s", r)
	}
	_, _, routed := t.client.seen()
	t.require(len(routed) == 0, "routing headers in %s", strings.Join(routed, "\n  "))
}
