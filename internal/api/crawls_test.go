package api_test

import "testing"

func TestPullSettings(t *testing.T) {
	r := newRig(t)
	id := r.invite(cpo)
	path := "/api/v1/platforms/" + id
	if got := r.call("GET", path, nil).want(200); got.get("pull") != "" {
		t.Errorf("at first: %s", got.body)
	}
	const want = `{"modules":["locations","tariffs"],"parties":["NL-CP1"],"every_seconds":60,"full_every_seconds":86400}`
	if got := r.call("PATCH", path, `{"pull":{"modules":["tariffs","locations"],"parties":["nl-cp1"],"every_seconds":60,"full_every_seconds":86400}}`).want(200); got.get("pull") != want {
		t.Errorf("after PATCH: %s", got.body)
	}
	if got := r.call("PATCH", path, `{"name":"Y"}`).want(200); got.get("pull") != want {
		t.Errorf("after another PATCH: %s", got.body)
	}
	for body, field := range map[string]string{
		`{"pull":{"modules":["cdrs"]}}`:     "body.pull.modules[0]",
		`{"pull":{"every_seconds":1}}`:      "body.pull.every_seconds",
		`{"pull":{"full_every_seconds":1}}`: "body.pull.full_every_seconds",
		`{"pull":{"parties":["x"]}}`:        "body.pull.parties[0]",
		`{"pull":{"every_seconds":300}}`:    "body.pull.modules", // it would switch off what is fetched
	} {
		if got := r.call("PATCH", path, body).want(422); got.get("errors.0.location") != field {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	r.call("POST", path+"/crawl", nil).want(409) // not connected
	r.call("POST", "/api/v1/platforms/nobody/crawl", `{"full":true}`).want(404)
	if got := r.call("GET", "/api/v1/crawls", nil).want(200); got.body != `{"items":[]}` {
		t.Errorf("crawls: %s", got.body)
	}
	if got := r.call("PATCH", path, `{"pull":{}}`).want(200); got.get("pull") != "" {
		t.Errorf("switched off: %s", got.body)
	}
}
