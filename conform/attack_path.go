package conform

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

func t04(t *T) {
	guest := t.invited(fresh{roles: []ocpi.Role{ocpi.RoleCPO}})
	base := strings.TrimSuffix(guest.HubVersionsURL, "/versions")
	if base == guest.HubVersionsURL {
		t.skip("the versions URL of this hub does not end in /versions")
	}
	endpoint, ok := t.CPO1.Platform.HubEndpoint(ocpi.Locations, ocpi.Receiver)
	t.require(ok, "the hub lists no locations endpoint")
	spellings := []string{
		endpoint + "?versions", endpoint + "?x=/credentials", endpoint + "/x/credentials", endpoint + ";credentials",
		endpoint + "/..;/credentials", endpoint + "/versions", endpoint + "/%2e%2e/%2e%2e/credentials", endpoint + "/..%2f..%2fversions",
		base + "//versions", base + "/VERSIONS", base + "/%76ersions", base + "/versions/../2.2.1/sender/locations",
		base + "/2.2.1/%63redentials", base + "/2.2.1//credentials", base + "/2.2.1/CREDENTIALS", base + "/2.2.1/credentials/x",
		base + "/2.2.1/sender/credentials", base + "/2.2.1/receiver/credentials", base + "/versions%00", base + "/versions%2f",
	}
	for _, u := range spellings {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			for _, c := range []Call{{Token: guest.TokenA}, {Authorization: "-"}} {
				c.Method, c.URL = method, u
				if method == http.MethodPost || method == http.MethodPut {
					c.Body = guest.CredentialsBody(NewToken())
				}
				t.httpStatus(t.as(guest, c), http.StatusUnauthorized, http.StatusNotFound)
			}
		}
	}
	t.require(len(guest.Seen(func(*Request) bool { return true })) == 0, "the hub called a platform that has not registered")
	t.nothingSoFar(func(r *Request) bool {
		return strings.Contains(r.Target, "credentials") && r.Method != http.MethodGet && r.Module != ocpi.Credentials
	})
}

// nasty are path segments, escaped, that a careless hub turns into another URL
// at the partner.
var nasty = []string{
	"..", ".", "%2e%2e", "%2E", "a%2Fb", "..%2F..%2Fcredentials", "..%2F..%2F..%2Fcredentials", "..%5C..%5Ccredentials", "%5c..%5c",
	"%00", "a%00b", "a%0d%0aX:1", "a;x", "a%3Bx", "a%3Fx=1", "a%23x", "%20", "%ff", "%c3%a9", "a%25%32%66b", "a%252Fb", "%",
	strings.Repeat("a", 37), strings.Repeat("a", 40), strings.Repeat("a", 300),
}

func t15(t *T) {
	type target struct {
		from, to *Party
		method   string
		module   ocpi.Module
		iface    ocpi.Interface
		path     func(segment string) string
		body     string
	}
	owner := func(p *Party) func(string) string {
		return func(s string) string { return p.Path() + "/" + s }
	}
	bare := func(s string) string { return "/" + s }
	patch := `{"last_updated":"` + lastUpdated + `"}`
	for _, c := range []target{
		{t.CPO1, t.EMSP1, http.MethodPatch, ocpi.Locations, ocpi.Receiver, owner(t.CPO1), patch},
		{t.CPO1, t.EMSP1, http.MethodPatch, ocpi.Locations, ocpi.Receiver, func(s string) string { return t.CPO1.Path("L") + "/" + s }, patch},
		{t.CPO1, t.EMSP1, http.MethodPatch, ocpi.Locations, ocpi.Receiver, func(s string) string { return t.CPO1.Path("L", "E") + "/" + s }, patch},
		{t.CPO1, t.EMSP1, http.MethodPatch, ocpi.Sessions, ocpi.Receiver, owner(t.CPO1), patch},
		{t.CPO1, t.EMSP1, http.MethodDelete, ocpi.Tariffs, ocpi.Receiver, owner(t.CPO1), ""},
		{t.EMSP1, t.CPO1, http.MethodPatch, ocpi.Tokens, ocpi.Receiver, owner(t.EMSP1), patch},
		{t.CPO1, t.EMSP1, http.MethodPost, ocpi.Tokens, ocpi.Sender, func(s string) string { return "/" + s + "/authorize" }, ""},
		{t.EMSP1, t.CPO1, http.MethodGet, ocpi.Locations, ocpi.Sender, bare, ""},
		{t.EMSP1, t.CPO1, http.MethodPut, ocpi.Sessions, ocpi.Sender, func(s string) string { return "/" + s + "/charging_preferences" }, `{"profile_type":"FAST"}`},
		{t.EMSP1, t.CPO1, http.MethodPost, ocpi.Commands, ocpi.Receiver, bare, `{"response_url":` + quote(responseURL(t.EMSP1, "x")) + `}`},
		{t.EMSP1, t.CPO1, http.MethodDelete, ocpi.ChargingProfiles, ocpi.Receiver, bare, ""},
		{t.CPO1, t.EMSP1, http.MethodGet, ocpi.CDRs, ocpi.Receiver, bare, ""},
	} {
		for _, segment := range nasty {
			call := Call{
				Method: c.method, Module: c.module, Interface: c.iface, Path: c.path(segment), Body: c.body, From: c.from, To: c.to,
				CorrelationID: NewID("c"),
			}
			r, err := t.try(c.from.Platform, call)
			if err != nil {
				continue // not even a URL for the client
			}
			t.require(r.HTTP < 300 || r.HTTP >= 400, "%s: the hub redirects: %s", segment, r)
			for _, got := range c.to.Platform.Seen(func(r *Request) bool { return r.CorrelationID() == call.CorrelationID }) {
				t.escapedOnce(got, segment)
			}
		}
	}
	for _, p := range t.Platforms {
		for _, r := range p.Seen(func(r *Request) bool { return r.Method != http.MethodGet && r.Module == ocpi.Credentials }) {
			t.failf("%s got a credentials request: %s", p.Name, r)
		}
	}
}

// escapedOnce fails unless the last nasty segment of a request is what was
// sent, escaped once, inside the partner's own endpoint.
func (t *T) escapedOnce(r *Request, segment string) {
	want, err := url.PathUnescape(segment)
	t.require(err == nil, "a broken escape was forwarded: %s", r)
	path, _, _ := strings.Cut(r.Target, "?")
	for s := range strings.SplitSeq(path, "/") {
		u, err := url.PathUnescape(s)
		t.require(err == nil && u != "." && u != "..", "a dot segment or broken escape was forwarded: %s", r)
		if u == want {
			t.require(s == url.PathEscape(want), "segment %q was not escaped once: %s", want, r)
			return
		}
	}
	t.failf("segment %q did not arrive as one segment: %s", want, r)
}
