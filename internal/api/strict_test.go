package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// A member that is spelled in another letter case is not one that can be left
// out: dropping it would widen what was asked for.
func TestNamesOfMembersAreExact(t *testing.T) {
	r := newRig(t)
	platform := r.invite(emspPlatform)
	r.refuse(platform, "LOC1", 2001)
	for _, c := range [][4]string{
		{"POST", "/dead-letters/discard", `{"state":"open","Party":"DE-EM9"}`, "Party"},
		{"POST", "/dead-letters/replay", `{"all":true,"Dry_run":true}`, "Dry_run"},
		{"PATCH", "/platforms/" + platform, `{"Suspended":true}`, "Suspended"},
		{"PUT", "/parties/DE/EM1/EMSP/delivery", `{"Push":false}`, "Push"},
		{"PUT", "/agreements/a", `{"cpo":{"country_code":"NL","party_id":"CP1"},"emsp":{"country_code":"DE","party_id":"EM1"},"SCOPE":["locations"]}`, "SCOPE"},
		{"PATCH", "/platforms/" + platform, `{"limits":{"Burst":5}}`, "limits.Burst"},
	} {
		got := r.call(c[0], "/api/v1"+c[1], c[2]).want(http.StatusUnprocessableEntity)
		if want := c[3] + ": unexpected property"; !strings.Contains(got.get("errors.0.message"), want) {
			t.Errorf("%s: got %s, want %q", c[2], got.body, want)
		}
	}
	if got := r.call("GET", "/api/v1/dead-letters?state=open", nil).want(200); got.get("items.#") != "1" {
		t.Errorf("a refused request changed something: %s", got.body)
	}
}

// No text makes the hub fail, and a query that cannot be read is not one that
// asks for everything.
func TestOddTexts(t *testing.T) {
	r := newRig(t)
	platform := r.invite(emspPlatform)
	for path, want := range map[string]string{
		"/dead-letters/%00":                             "path",
		"/dead-letters/%ff":                             "path",
		"/platforms/%ff":                                "path",
		"/agreements/%ff":                               "path",
		"/dead-letters?first_id=%00":                    "query.first_id",
		"/dead-letters?last_id=%ff":                     "query.last_id",
		"/dead-letters?platform=%ff":                    "query.platform",
		"/dead-letters?cursor=%00":                      "query.cursor",
		"/audit?cursor=%ff":                             "query.cursor",
		"/dead-letters?party=%zz":                       "query",
		"/dead-letters?state=open;party=DE-EM1":         "query",
		"/dead-letters?party=DE-EM1&party=DE-EM2":       "query.party",
		"/dead-letters?party=DE":                        "query.party",
		"/messages?correlation_id=%00":                  "query.correlation_id",
		"/dead-letters?from=2026-01-01T00:00:00Z&%ff=1": "query",
	} {
		if got := r.call("GET", "/api/v1"+path, nil).want(http.StatusUnprocessableEntity); got.get("errors.0.location") != want {
			t.Errorf("%s: got %s, want %q", path, got.body, want)
		}
	}
	for body, want := range map[string]string{
		`{"first_id":"\u0000"}`: "body.first_id",
		`{"platform":"\u0000"}`: "body.platform",
		`{"party":"DE"}`:        "body.party",
	} {
		if got := r.call("POST", "/api/v1/dead-letters/replay", body).want(http.StatusUnprocessableEntity); got.get("errors.0.location") != want {
			t.Errorf("%s: got %s, want %q", body, got.body, want)
		}
	}
	r.refuse(platform, "LOC1", 2001)
	r.call("POST", "/api/v1/dead-letters/replay", `{"all":true,"reason":"\u0000"}`).want(http.StatusUnprocessableEntity)
	if n := len(r.audit()); n != 0 {
		t.Errorf("%d entries in the audit", n)
	}
}
