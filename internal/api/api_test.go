package api_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/api/client"
	"github.com/eroam/eroam/internal/trace"
)

const cpo = `{"name":"Example Charging","parties":[{"country_code":"nl","party_id":"cp1","role":"CPO","name":"Example"}]}`

func TestPlatformFromInvitationToRemoval(t *testing.T) {
	r := newRig(t)
	invited := r.call("POST", "/api/v1/platforms", cpo).want(201)
	id := invited.get("id")
	if u := invited.get("versions_url"); u != "https://hub.example.com/ocpi/versions" {
		t.Errorf("versions_url: got %s", u)
	}
	if len(invited.get("token_a")) < 32 {
		t.Errorf("token_a: got %q", invited.get("token_a"))
	}
	if e, err := time.Parse(time.RFC3339, invited.get("expires_at")); err != nil || time.Until(e) < 71*time.Hour {
		t.Errorf("expires_at: got %s", invited.get("expires_at"))
	}

	got := r.call("GET", "/api/v1/platforms/"+id, nil).want(200)
	if s := got.get("state") + got.get("parties.0.country_code") + got.get("parties.0.status"); s != "PLANNEDNLPLANNED" {
		t.Errorf("a platform after its invitation: %s", got.body)
	}
	if strings.Contains(got.body, invited.get("token_a")) {
		t.Error("a token is shown")
	}
	if n := r.call("GET", "/api/v1/platforms", nil).want(200).get("items.#"); n != "1" {
		t.Errorf("platforms: got %s", n)
	}
	if p := r.call("GET", "/api/v1/parties?role=cpo", nil).want(200); p.get("items.0.platform_id") != id {
		t.Errorf("parties: %s", p.body)
	}
	if n := r.call("GET", "/api/v1/parties?role=EMSP", nil).want(200).get("items.#"); n != "0" {
		t.Errorf("parties of another role: got %s", n)
	}

	r.call("POST", "/api/v1/platforms", cpo).want(409) // the party belongs to somebody

	again := r.call("POST", "/api/v1/platforms/"+id+"/invite", nil).want(201)
	if again.get("token_a") == invited.get("token_a") || again.get("id") != id {
		t.Errorf("a second invitation: %s", again.body)
	}

	changed := r.call("PATCH", "/api/v1/platforms/"+id,
		`{"parties":[{"country_code":"BE","party_id":"CP1","role":"CPO"}],"suspended":true,"limits":{"burst":3},"token_encoding":"raw"}`).want(200)
	if s := strings.Join([]string{changed.get("state"), changed.get("parties.#"), changed.get("parties.0.country_code"),
		changed.get("limits.burst"), changed.get("token_encoding"), changed.get("name")}, " "); s != "SUSPENDED 1 BE 3 raw Example Charging" {
		t.Errorf("after PATCH: %s", changed.body)
	}
	r.call("POST", "/api/v1/platforms", cpo).want(201) // what was taken away is free
	r.call("PATCH", "/api/v1/platforms/"+id, `{"parties":[{"country_code":"NL","party_id":"CP1","role":"CPO"}]}`).want(409)

	r.call("DELETE", "/api/v1/platforms/"+id, nil).want(204)
	for _, q := range []struct{ method, path, body string }{
		{"GET", "", ""}, {"DELETE", "", ""}, {"PATCH", "", `{"suspended":true}`}, {"POST", "/invite", ""}, {"POST", "/rotate", ""},
		{"POST", "/connect", `{"versions_url":"https://a.example.com","token_a":"x"}`},
	} {
		var body any
		if q.body != "" {
			body = q.body
		}
		r.call(q.method, "/api/v1/platforms/"+id+q.path, body).want(404)
	}
}

func TestConnectSaysWhatWentWrong(t *testing.T) {
	r := newRig(t)
	id := r.call("POST", "/api/v1/platforms", cpo).want(201).get("id")
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	got := r.call("POST", "/api/v1/platforms/"+id+"/connect", fmt.Sprintf(`{"versions_url":%q,"token_a":"abc"}`, gone.URL)).want(200)
	if got.get("status") != "PLANNED" || got.get("message") == "" || !strings.Contains(got.body, `"missing_modules":[]`) {
		t.Errorf("a partner that is not there: %s", got.body)
	}
	for _, url := range []string{"ftp://a.example.com", "http://10.0.0.1/ocpi", "https://u:p@a.example.com/"} {
		r.call("POST", "/api/v1/platforms/"+id+"/connect", fmt.Sprintf(`{"versions_url":%q,"token_a":"abc"}`, url)).want(422)
	}
	r.call("POST", "/api/v1/platforms/"+id+"/rotate", nil).want(409)
}

func TestAgreements(t *testing.T) {
	r := newRig(t)
	const path = "/api/v1/agreements/cp1-em1"
	terms := `{"cpo":{"country_code":"NL","party_id":"CP1"},"emsp":{"country_code":"de","party_id":"em1"},
		"scope":["locations","authorize"],"valid_from":"2026-01-01T00:00:00Z","cdr_delivery":"relay","ask_on_unknown_token":true}`
	r.call("GET", path, nil).want(404)
	made := r.call("PUT", path, terms).want(201)
	want := `{"id":"cp1-em1","cpo":{"country_code":"NL","party_id":"CP1"},"emsp":{"country_code":"DE","party_id":"EM1"},` +
		`"scope":["locations","authorize"],"valid_from":"2026-01-01T00:00:00Z","ask_on_unknown_token":true,"cdr_delivery":"relay"}`
	if d := cmp.Diff(want, made.body); d != "" {
		t.Error(d)
	}
	if got := r.call("GET", path, nil).want(200); got.body != want {
		t.Errorf("GET differs from PUT: %s", got.body)
	}
	replaced := r.call("PUT", path, `{"cpo":{"country_code":"NL","party_id":"CP1"},"emsp":{"country_code":"DE","party_id":"EM1"}}`).want(200)
	if replaced.get("scope") != "" {
		t.Errorf("PUT replaces the whole: %s", replaced.body)
	}
	if n := r.call("GET", "/api/v1/agreements", nil).want(200).get("items.#"); n != "1" {
		t.Errorf("agreements: got %s", n)
	}
	r.call("PUT", path, strings.Replace(terms, `"valid_from"`, `"valid_to":"2020-01-01T00:00:00Z","valid_from"`, 1)).want(422)
	r.call("DELETE", path, nil).want(204)
	r.call("DELETE", path, nil).want(404)
}

func TestValidationNamesTheField(t *testing.T) {
	r := newRig(t)
	tests := []struct {
		body, location string
		status         int
	}{
		{`{"name":"x","parties":[{"country_code":"NLD","party_id":"CP1","role":"CPO"}]}`, "body.parties[0].country_code", 422},
		{`{"name":"x","parties":[{"country_code":"NL","party_id":"CP1","role":"KING"}]}`, "body.parties[0].role", 422},
		{`{"name":"x","parties":[]}`, "body.parties", 422},
		{`{"parties":[{"country_code":"NL","party_id":"CP1","role":"CPO"}]}`, "body", 422},
		{`{"name":"x","extra":"y","parties":[{"country_code":"NL","party_id":"CP1","role":"CPO"}]}`, "body.extra", 422},
		{`{"name":"x","token_encoding":"rot13","parties":[{"country_code":"NL","party_id":"CP1","role":"CPO"}]}`, "body.token_encoding", 422},
		{`{"name":"x","name":"y","parties":[{"country_code":"NL","party_id":"CP1","role":"CPO"}]}`, "body", 400},
		{`{"name":`, "body", 400},
		{`{"name":"x","parties":[{"country_code":"DE","party_id":"HUB","role":"CPO"}]}`, "", 422},
	}
	for _, test := range tests {
		got := r.call("POST", "/api/v1/platforms", test.body)
		if got.status != test.status || got.get("errors.0.location") != test.location {
			t.Errorf("%s:\ngot %d %s\nwant %d at %s", test.body, got.status, got.body, test.status, test.location)
		}
	}
	if n := r.call("GET", "/api/v1/platforms", nil).want(200).get("items.#"); n != "0" {
		t.Errorf("something was stored: %s", n)
	}
}

// What was sent could be a token: no answer repeats it.
func TestErrorsDoNotRepeatInput(t *testing.T) {
	r := newRig(t)
	id := r.call("POST", "/api/v1/platforms", cpo).want(201).get("id")
	for _, body := range []string{
		`{"versions_url":"https://a.example.com","token_a":"canary with spaces"}`,
		`{"versions_url":"https://a.example.com","token_a":"` + strings.Repeat("canary", 20) + `"}`,
		`{"versions_url":"https://a.example.com","token_a":["canary"]}`,
		`{"versions_url":"https://a.example.com","token_a":"canary"`,
	} {
		got := r.call("POST", "/api/v1/platforms/"+id+"/connect", body)
		if got.status < 400 || strings.Contains(got.body, "canary") {
			t.Errorf("%s: got %d %s", body, got.status, got.body)
		}
	}
}

// An invitation writes the ClientInfo of each party, which is an object.
func TestObjectsInPages(t *testing.T) {
	r := newRig(t)
	var parties []string
	for i := range 5 {
		parties = append(parties, fmt.Sprintf(`{"country_code":"NL","party_id":"CP%d","role":"CPO"}`, i))
	}
	r.call("POST", "/api/v1/platforms", `{"name":"x","parties":[`+strings.Join(parties, ",")+`]}`).want(201)
	var seen []string
	next := ""
	for {
		page := r.call("GET", "/api/v1/objects?kind=hubclientinfo&limit=2"+next, nil).want(200)
		if page.get("total") != "5" {
			t.Fatalf("total: got %s, want 5", page.get("total"))
		}
		if page.get("items.0.body.status") != "PLANNED" {
			t.Errorf("body: %s", page.body)
		}
		seen = append(seen, page.get("items.0.party_id"), page.get("items.1.party_id"))
		if page.get("next") == "" {
			break
		}
		next = "&after=" + page.get("next")
	}
	slices.Sort(seen)
	if d := cmp.Diff([]string{"", "CP0", "CP1", "CP2", "CP3", "CP4"}, seen); d != "" {
		t.Errorf("on all pages: %s", d)
	}
	if one := r.call("GET", "/api/v1/objects?kind=hubclientinfo&country_code=nl&party_id=cp3", nil).want(200); one.get("total") != "1" {
		t.Errorf("objects of one party: %s", one.body)
	}
	for _, q := range []string{"", "?kind=secrets", "?kind=cdrs&party_id=CP1", "?kind=cdrs&limit=0", "?kind=cdrs&limit=1001", "?kind=cdrs&limt=3", "?kind=cdrs&after=-1"} {
		r.call("GET", "/api/v1/objects"+q, nil).want(422)
	}
}

func TestMessages(t *testing.T) {
	r := newRig(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.trace.Record(trace.Message{Time: at, CorrelationID: "c1", RequestID: "r1", From: "NL-CP1", To: "DE-EM1", Module: "sessions", Method: "PUT",
		HTTPStatus: 200, OCPIStatus: 1000, RequestBody: []byte(`{"id":"S1"}`), ResponseBody: []byte(`[1,`)})
	r.trace.Record(trace.Message{Time: at.Add(time.Hour), CorrelationID: "c2", RequestID: "r2", From: "DE-EM1", To: "NL-CP1", Module: "commands", Method: "POST"})
	got := r.call("GET", "/api/v1/messages?correlation_id=c1", nil).want(200)
	if got.get("items.#") != "1" || got.get("items.0.request_body.id") != "S1" || !strings.HasPrefix(got.get("items.0.response_body"), "not kept: 3 bytes") || got.get("dropped") != "0" {
		t.Errorf("by correlation id: %s", got.body)
	}
	for q, want := range map[string]string{
		"?party=nl*cp1": "2", "?module=commands": "1", "?request_id=r2": "1", "?from=2026-01-02T04:00:00Z": "1", "?to=2026-01-02T04:00:00Z": "1",
		"?limit=1": "1", "?correlation_id=c3": "0",
	} {
		if n := r.call("GET", "/api/v1/messages"+q, nil).want(200).get("items.#"); n != want {
			t.Errorf("%s: got %s, want %s", q, n, want)
		}
	}
	r.call("GET", "/api/v1/messages?party=NLCP", nil).want(422)
	r.call("GET", "/api/v1/messages?from=yesterday", nil).want(422)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	r := newRig(t)
	r.call("GET", "/api/v1/nothing", nil).want(404)
	r.call("GET", "/api/v2/platforms", nil).want(404)
	got := r.call("PUT", "/api/v1/platforms", cpo).want(405)
	if a := got.header.Get("Allow"); !strings.Contains(a, "POST") || !strings.Contains(a, "GET") {
		t.Errorf("Allow: got %q", a)
	}
}

func TestClient(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	c, err := client.New(r.server.URL+"/", adminToken)
	check(t, err)
	hub, err := c.Hub(ctx)
	check(t, err)
	if hub.Name != "Test" || hub.Agreements != "required" {
		t.Errorf("hub: %+v", hub)
	}
	invited, err := c.Invite(ctx, api.Invitation{Name: "x", Parties: []api.Grant{{PartyRef: api.PartyRef{CountryCode: "NL", PartyID: "CP1"}, Role: "CPO"}}})
	check(t, err)
	stop := true
	p, err := c.Update(ctx, invited.ID, api.PlatformChange{Suspended: &stop})
	check(t, err)
	if p.State != "SUSPENDED" {
		t.Errorf("suspended: %+v", p)
	}
	if _, err = c.Reinvite(ctx, invited.ID); err != nil {
		t.Error(err)
	}
	list, err := c.Platforms(ctx)
	check(t, err)
	one, err := c.Platform(ctx, invited.ID)
	check(t, err)
	if len(list) != 1 || cmp.Diff(list[0], one) != "" {
		t.Errorf("list %+v, one %+v", list, one)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	g, err := c.PutAgreement(ctx, "a b", api.Terms{CPO: api.PartyRef{CountryCode: "NL", PartyID: "CP1"}, EMSP: api.PartyRef{CountryCode: "DE", PartyID: "EM1"}, ValidFrom: &from})
	check(t, err)
	all, err := c.Agreements(ctx)
	check(t, err)
	if d := cmp.Diff([]api.Agreement{g}, all); d != "" || g.ID != "a b" {
		t.Error(d)
	}
	check(t, c.DeleteAgreement(ctx, "a b"))
	check(t, c.Remove(ctx, invited.ID))
	_, err = c.Platform(ctx, invited.ID)
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 404 || !strings.Contains(err.Error(), "404 Not Found: platform "+invited.ID) {
		t.Errorf("a platform that is gone: %v", err)
	}
	if m, err := c.Messages(ctx, "none"); err != nil || len(m) != 0 {
		t.Errorf("messages: %v %v", m, err)
	}
	_, err = c.Invite(ctx, api.Invitation{Name: "x", Parties: []api.Grant{{Role: "CPO"}}})
	if err == nil || !strings.Contains(err.Error(), "body.parties[0].country_code") {
		t.Errorf("an invalid request: %v", err)
	}
	wrong, err := client.New(r.server.URL, "wrong")
	check(t, err)
	if _, err = wrong.Hub(ctx); err == nil || !strings.Contains(err.Error(), "401 Unauthorized") {
		t.Errorf("a wrong token: %v", err)
	}
	other, err := client.New("http://"+strings.TrimPrefix(r.server.URL, "http://")+"/elsewhere", adminToken)
	check(t, err)
	if _, err = other.Hub(ctx); err == nil {
		t.Error("a wrong path succeeds")
	}
	for _, bad := range []string{"", "127.0.0.1:8080", "ftp://x"} {
		if _, err := client.New(bad, adminToken); err == nil {
			t.Errorf("%q is taken for a URL", bad)
		}
	}
}
