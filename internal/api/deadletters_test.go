package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

var (
	owner    = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}
	receiver = ocpi.PartyID{CountryCode: "DE", ID: "EM1"}
)

// refuse publishes a location and has the receiver's lane refuse it.
func (r *rig) refuse(platform, id string, code int) store.ObjectKey {
	r.t.Helper()
	key := store.ObjectKey{Kind: "locations", Party: owner, ID: strings.ToLower(id)}
	o := store.Object{ObjectKey: key, Name: id, Version: "2.2.1", LastUpdated: 1, Body: fmt.Appendf(nil, `{"id":%q}`, id)}
	check(r.t, r.store.Write(r.t.Context(), func(tx *store.Tx) error {
		if err := tx.PutObject(&o); err != nil {
			return err
		}
		return tx.PutDeadLetter(store.DeadLetter{
			Lane: platform + "/DE-EM1/EMSP", Platform: platform, Receiver: receiver, Role: "EMSP", Key: key, Name: id,
			Seq: o.Seq, Method: "PUT", URL: "https://em.example/" + id, HTTPStatus: 200, OCPIStatus: code, Error: "it said no",
			Attempts: 1, RequestHeader: "X-Request-Id: a\n", Request: o.Body, Response: []byte("\xff{}"), Version: "2.2.1",
		})
	}))
	return key
}

func (r *rig) invite(body string) (id string) {
	r.t.Helper()
	return r.call("POST", "/api/v1/platforms", body).want(201).get("id")
}

func (r *rig) audit() []gjson.Result {
	r.t.Helper()
	return gjson.Get(r.call("GET", "/api/v1/audit", nil).want(200).body, "items").Array()
}

const emspPlatform = `{"name":"X","parties":[{"country_code":"DE","party_id":"EM1","role":"EMSP"}]}`

func TestDeadLetterShowsTheExchange(t *testing.T) {
	r := newRig(t)
	key := r.refuse(r.invite(emspPlatform), "LOC1", 2001)
	list := r.call("GET", "/api/v1/dead-letters", nil).want(200)
	path := "/api/v1/dead-letters/" + list.get("items.0.id")
	got := r.call("GET", path, nil).want(200)
	for field, want := range map[string]string{
		"state": "open", "owner": "NL-CP1", "object": "LOC1", "request": `{"id":"LOC1"}`, "response": "\uFFFD{}",
		"request_header": "X-Request-Id: a\n", "now.body": `{"id":"LOC1"}`, "changed": "false",
		"words": "DE-EM1 refused the PUT of locations NL-CP1 LOC1: OCPI status 2001 (invalid or missing parameters); it said no.",
	} {
		if v := got.get(field); v != want {
			t.Errorf("%s: got %q, want %q", field, v, want)
		}
	}
	if strings.Contains(list.body, `"request"`) {
		t.Errorf("the list has exchanges: %s", list.body)
	}
	o := store.Object{ObjectKey: key, Name: "LOC1", LastUpdated: 2, Body: []byte(`{"id":"LOC1","x":1}`)}
	check(t, r.store.Write(t.Context(), func(tx *store.Tx) error { return tx.PutObject(&o) }))
	if got := r.call("GET", path, nil); got.get("changed") != "true" || got.get("now.body.x") != "1" {
		t.Errorf("after a change of the object: %s", got.body)
	}
	r.call("GET", "/api/v1/dead-letters/none", nil).want(404)
}

func TestReplayAndDiscardOfOne(t *testing.T) {
	r := newRig(t)
	platform := r.invite(emspPlatform)
	r.refuse(platform, "LOC1", 2001)
	path := "/api/v1/dead-letters/" + r.call("GET", "/api/v1/dead-letters", nil).get("items.0.id")
	if got := r.call("POST", path+"/replay", `{"reason":"mended"}`).want(200); got.get("state") != "queued" {
		t.Errorf("after a replay: %s", got.body)
	}
	queued, err := r.store.QueuedDeadLetters(t.Context())
	if err != nil || len(queued) != 1 {
		t.Fatalf("queued %v, error %v", queued, err)
	}
	if got := r.call("POST", path+"/replay", nil).want(409); !strings.Contains(got.body, "is queued") {
		t.Errorf("a second replay: %s", got.body)
	}
	if got := r.call("POST", path+"/discard", nil).want(200); got.get("state") != "discarded" {
		t.Errorf("after a discard: %s", got.body)
	}
	r.call("POST", path+"/discard", nil).want(409)
	r.call("POST", path+"/replay", nil).want(409)
	r.call("POST", "/api/v1/dead-letters/none/replay", nil).want(404)
	r.call("POST", "/api/v1/dead-letters/none/discard", nil).want(404)

	log := r.audit()
	if len(log) != 2 {
		t.Fatalf("%d audit entries, want one for each of the two changes: %v", len(log), log)
	}
	first := log[1]
	if s := fmt.Sprintln(first.Get("who"), first.Get("action"), first.Get("reason"), first.Get("count"), first.Get("detail.id")); s !=
		"admin dead-letter.replay mended 1 "+strings.TrimPrefix(path, "/api/v1/dead-letters/")+"\n" {
		t.Errorf("audit: %s", first)
	}
	if at := first.Get("at").Time(); time.Since(at) > time.Minute || log[0].Get("action").String() != "dead-letter.discard" {
		t.Errorf("audit: %s", log)
	}

	r.refuse(platform, "LOC2", 2001)
	gone := "/api/v1/dead-letters/" + r.call("GET", "/api/v1/dead-letters?state=open", nil).get("items.0.id")
	r.call("DELETE", "/api/v1/platforms/"+platform, nil).want(204)
	r.call("POST", gone+"/replay", nil).want(409) // nobody would ever send it
	r.call("POST", gone+"/discard", nil).want(200)
}

func TestReplayByFilter(t *testing.T) {
	r := newRig(t)
	platform := r.invite(emspPlatform)
	for i := range 7 {
		r.refuse(platform, fmt.Sprint("LOC", i), 2001+i%2)
	}
	const path = "/api/v1/dead-letters/"
	states := func(state string) string {
		return r.call("GET", "/api/v1/dead-letters?state="+state, nil).get("items.#")
	}
	dry := r.call("POST", path+"replay", `{"code":2001,"dry_run":true}`).want(200)
	if dry.get("count") != "4" || dry.get("first.#") != "4" || dry.get("first.0.object") != "LOC6" || states("open") != "7" {
		t.Errorf("a dry run: %s; then %s open", dry.body, states("open"))
	}
	if dry := r.call("POST", path+"replay", `{"all":true,"dry_run":true}`).want(200); dry.get("count") != "7" || dry.get("first.#") != "5" {
		t.Errorf("a dry run of all: %s", dry.body)
	}
	if got := r.call("POST", path+"replay", `{"code":2001,"reason":"x"}`).want(200); got.get("count") != "4" || states("queued") != "4" {
		t.Errorf("a replay: %s; then %s queued", got.body, states("queued"))
	}
	if got := r.call("POST", path+"replay", `{"code":2001}`).want(200); got.get("count") != "0" {
		t.Errorf("again: %s", got.body)
	}
	if dry := r.call("POST", path+"discard", `{"party":"de*em1","dry_run":true}`).want(200); dry.get("count") != "7" {
		t.Errorf("open and queued ones can be discarded: %s", dry.body)
	}
	ids := r.call("GET", "/api/v1/dead-letters?state=open", nil)
	some := fmt.Sprintf(`{"first_id":%q,"last_id":%q}`, ids.get("items.2.id"), ids.get("items.1.id"))
	if got := r.call("POST", path+"discard", some).want(200); got.get("count") != "3" { // with one that is queued between them
		t.Errorf("a range: %s", got.body)
	}
	log := r.audit()
	if len(log) != 2 || log[1].Get("count").Int() != 4 || log[1].Get("detail.code").Int() != 2001 || log[1].Get("reason").String() != "x" {
		t.Errorf("audit of what was changed: %s", log)
	}

	for body, field := range map[string]string{
		`{}`: "body", `{"dry_run":true}`: "body", `{"party":"x"}`: "body.party", `{"state":"x"}`: "body.state", `{"form":1}`: "body.form",
	} {
		if got := r.call("POST", path+"replay", body).want(422); got.get("errors.0.location") != field {
			t.Errorf("%s: %s", body, got.body)
		}
	}
	r.call("GET", "/api/v1/dead-letters?party=x", nil).want(422)
	if len(r.audit()) != 2 {
		t.Error("what was refused is in the audit")
	}
}

func TestDeadLetterPages(t *testing.T) {
	r := newRig(t)
	for i := range 5 {
		r.refuse("p", fmt.Sprint("LOC", i), 2001)
	}
	var seen []string
	for cursor := ""; ; {
		page := r.call("GET", "/api/v1/dead-letters?limit=2&party=DE-EM1&platform=p&module=locations&from=2020-01-01T00:00:00Z&to=2200-01-01T00:00:00Z&cursor="+cursor, nil).want(200)
		for _, d := range gjson.Get(page.body, "items.#.object").Array() {
			seen = append(seen, d.String())
		}
		if cursor = page.get("next"); cursor == "" {
			break
		}
	}
	if s := strings.Join(seen, " "); s != "LOC4 LOC3 LOC2 LOC1 LOC0" {
		t.Errorf("pages: %s", s)
	}
	if n := r.call("GET", "/api/v1/dead-letters?to=2020-01-01T00:00:00Z", nil).get("items.#"); n != "0" {
		t.Errorf("%s letters of long ago", n)
	}
}
