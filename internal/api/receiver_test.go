package api_test

import "testing"

func TestDeliverySettings(t *testing.T) {
	r := newRig(t)
	r.call("POST", "/api/v1/platforms", `{"name":"X","parties":[{"country_code":"DE","party_id":"EM1","role":"EMSP"}]}`).want(201)
	const path = "/api/v1/parties/DE/EM1/EMSP/delivery"
	if got := r.call("GET", path, nil).want(200); got.body != `{}` {
		t.Errorf("at first: %s", got.body)
	}
	const want = `{"push":false,"rate":2.5,"in_flight":3,"countries":["DE","NL"],"parties":["NL-CP1"],"bbox":[3.3,50.7,7.3,53.6],"publish_only":true}`
	put := r.call("PUT", path, `{"push":false,"rate":2.5,"in_flight":3,"countries":["NL","DE"],"parties":["nl-cp1"],"bbox":[3.3,50.7,7.3,53.6],"publish_only":true}`).want(200)
	if put.body != want {
		t.Errorf("PUT answered %s", put.body)
	}
	if got := r.call("GET", "/api/v1/parties/de/em1/emsp/delivery", nil).want(200); got.body != want {
		t.Errorf("then: %s", got.body)
	}
	for body, field := range map[string]string{
		`{"rate":-1}`:              "body.rate",
		`{"in_flight":1000000}`:    "body.in_flight",
		`{"countries":["NL","x"]}`: "body.countries[1]",
		`{"parties":["x"]}`:        "body.parties[0]",
		`{"bbox":[1,2,3]}`:         "body.bbox",
		`{"bbox":[1,2,200,3]}`:     "body.bbox[2]",
		`{"pusch":true}`:           "body.pusch",
		`{"rate":1,"rate":2}`:      "body",
	} {
		if got := r.call("PUT", path, body); got.status/100 != 4 || got.get("errors.0.location") != field {
			t.Errorf("%s: %d %s; want field %q", body, got.status, got.body, field)
		}
	}
	if got := r.call("GET", path, nil); got.body != want {
		t.Errorf("what was refused changed them: %s", got.body)
	}
	r.call("GET", "/api/v1/parties/DE/EM1/CPO/delivery", nil).want(404)
	r.call("PUT", "/api/v1/parties/DE/EM2/EMSP/delivery", `{}`).want(404)
	r.call("PUT", "/api/v1/parties/D1/EM2/EMSP/delivery", `{}`).want(422)
	if got := r.call("PUT", path, `{}`).want(200); got.body != `{}` {
		t.Errorf("taken back: %s", got.body)
	}
}
