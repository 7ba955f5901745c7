package ingress

import (
	"slices"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func TestParseRoute(t *testing.T) {
	for _, c := range []struct {
		path string
		want route
	}{
		{"/ocpi/versions", route{kind: routeVersions, module: ocpi.VersionsModule}},
		{"/ocpi/versions/", route{kind: routeVersions, module: ocpi.VersionsModule}},
		{"/ocpi/2.2.1", route{kind: routeDetails, version: ocpi.V221, module: ocpi.VersionsModule}},
		{"/ocpi/2.3.0/", route{kind: routeDetails, version: ocpi.V230, module: ocpi.VersionsModule}},
		{"/ocpi/2.2.1/credentials", route{kind: routeCredentials, version: ocpi.V221, module: ocpi.Credentials}},
		{"/ocpi/2.2.1/hubclientinfo/", route{version: ocpi.V221, module: ocpi.HubClientInfo, iface: ocpi.Sender}},
		{"/ocpi/2.2.1/receiver/locations/NL/CP1/a%20b/", route{version: ocpi.V221, module: ocpi.Locations, iface: ocpi.Receiver, path: []string{"NL", "CP1", "a b"}}},
		{"/ocpi/2.3.0/sender/acme-x", route{version: ocpi.V230, module: "acme-x", iface: ocpi.Sender}},
		{"/ocpi/c/ABC", route{kind: routeCapability, path: []string{"ABC"}}},
	} {
		got, err := parseRoute(c.path)
		if err != nil || got.kind != c.want.kind || got.version != c.want.version || got.module != c.want.module ||
			got.iface != c.want.iface || !slices.Equal(got.path, c.want.path) {
			t.Errorf("%s: %+v, %v; want %+v", c.path, got, err, c.want)
		}
	}
}

// T4: no other spelling of a path leads to a route that a registration token
// opens, nor to the credentials module by way of a functional one.
func TestNoSpellingOpensAnotherRoute(t *testing.T) {
	for _, path := range []string{
		"/ocpi", "/ocpi/", "/ocpi//versions", "/ocpi/Versions", "/ocpi/%76ersions", "/ocpi/versions/x", "/ocpi/versions;x",
		"/ocpi/2.1.1", "/ocpi/2.2.1/%63redentials", "/ocpi/2.2.1/Credentials", "/ocpi/2.2.1//credentials", "/ocpi/2.2.1/credentials/x",
		"/ocpi/2.2.1/credentials;x", "/ocpi/2.2.1/x/credentials", "/ocpi/2.2.1/sender/credentials", "/ocpi/2.2.1/receiver/credentials",
		"/ocpi/2.2.1/receiver/tokens/NL/TNM/..%2F..%2Fcredentials", "/ocpi/2.2.1/receiver/tokens/%2e%2e/x/y",
		"/ocpi/2.2.1/receiver/tokens/NL//T", "/ocpi/2.2.1/receiver/tokens/NL/TNM/a%00", "/ocpi/2.2.1/receiver/tokens/NL/TNM/%zz",
		"/ocpi/2.2.1/sender/", "/ocpi/2.2.1/sender", "/ocpi/c/", "/ocpi/c/a/b", "/ocpi/c/a%2Fb", "/ocpix/versions", "",
	} {
		if r, err := parseRoute(path); err == nil {
			t.Errorf("%s was read as %+v", path, r)
		}
	}
	for _, path := range []string{"/ocpi/2.2.1/sender/locations", "/ocpi/c/ABC", "/ocpi/2.2.1/hubclientinfo"} {
		if r, _ := parseRoute(path); r.open() {
			t.Errorf("%s is open to a registration token", path)
		}
	}
}

func FuzzParseRoute(f *testing.F) {
	f.Add("/ocpi/2.2.1/receiver/tokens/NL/TNM/..%2F..%2Fcredentials")
	f.Add("/ocpi/2.3.0/sender/locations/a%20b")
	f.Fuzz(func(t *testing.T, path string) {
		r, err := parseRoute(path)
		if err != nil {
			return
		}
		if r.open() && path != "/ocpi/versions" && path != "/ocpi/versions/" && r.kind != routeDetails && r.kind != routeCredentials {
			t.Fatalf("%q opens %+v", path, r)
		}
		for _, s := range r.path {
			if s == "" || s == "." || s == ".." {
				t.Fatalf("%q has segment %q", path, s)
			}
		}
	})
}

// T38: names that say whose an object is must not occur in a second spelling.
func TestScanRefusesOtherSpellings(t *testing.T) {
	for _, raw := range []string{
		`{"party_id":"GOO","Party_Id":"EVL"}`,
		`{"party_id":"GOO","PARTY_ID":"EVL"}`,
		`{"id":"1","ID":"2"}`,
		`{"uid":"1","UID":"2"}`,
		`{"response_url":"https://a","re\u017fponse_url":"https://b"}`,
		`{"token":{"uid":"1"},"to\u212aen":{"uid":"2"}}`,
		`{"Last_Updated":"2026-01-01T00:00:00Z"}`,
	} {
		if err := ocpi.CheckJSON([]byte(raw)); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		if _, err := scan([]byte(raw)); err == nil {
			t.Errorf("%s passed", raw)
		}
	}
	b, err := scan([]byte(`{"country_code":"NL","party_id":"CP1","id":"L","new_field":{"ID":1},"last_updated":"2026-01-01T00:00:00Z"}`))
	if err != nil || b.countryCode != "NL" || b.partyID != "CP1" || b.id != "L" {
		t.Errorf("%+v, %v", b, err)
	}
}
