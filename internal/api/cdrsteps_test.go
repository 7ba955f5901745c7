package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// next lists what the CDR says can be done, such as "approve DE-EM1".
func next(a answer) (all []string) {
	a.t.Helper()
	for _, s := range gjson.Get(a.want(200).body, "next").Array() {
		for _, by := range s.Get("by").Array() {
			all = append(all, s.Get("action").String()+" "+by.String())
		}
	}
	return all
}

// What a CDR says can be done is just what can be done, in every state and by
// everybody.
func TestNextStepsAreWhatIsAllowed(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	const root = "/cdrs/NL/CP1/"
	dispute := func(name string) {
		b.as(b.emsp, "POST", root+name+"/dispute", `{"reason":"other"}`).want(200)
	}
	steps := map[string][2]string{ // of nextSteps: the path and the body
		"approve": {"approve", `{}`}, "dispute": {"dispute", `{"reason":"other"}`}, "release": {"release", `{"text":"fine"}`},
		"withdraw": {"resolve", `{"outcome":"withdrawn"}`}, "reject": {"resolve", `{"outcome":"rejected"}`}, "forgo": {"resolve", `{"outcome":"forgone"}`},
		"redeliver": {"redeliver", `{}`},
	}
	n := 0
	for state, begin := range map[string]func(name string){
		"presented": func(name string) { b.take("NL-CP1", "DE-EM1", name) },
		"held":      func(name string) { b.take("NL-CP1", "DE-EM1", name, overcharged...) },
		"dead":      func(name string) { b.take("NL-CP1", "DE-EM1", name); b.giveUp("NL-CP1", name) },
		"approved":  func(name string) { b.take("NL-CP1", "DE-EM1", name); b.op("POST", root+name+"/approve", nil).want(200) },
		"disputed":  func(name string) { b.take("NL-CP1", "DE-EM1", name); dispute(name) },
		"resolved": func(name string) {
			b.take("NL-CP1", "DE-EM1", name)
			dispute(name)
			b.op("POST", root+name+"/resolve", `{"outcome":"rejected"}`).want(200)
		},
	} {
		for who, post := range map[string]func(path, body string) answer{
			"NL-CP1":   func(path, body string) answer { return b.as(b.cpo, "POST", path, body) },
			"DE-EM1":   func(path, body string) answer { return b.as(b.emsp, "POST", path, body) },
			"operator": func(path, body string) answer { return b.op("POST", path, body) },
		} {
			for action, call := range steps {
				n++
				name := fmt.Sprint("N", n)
				begin(name)
				said := slices.Contains(next(b.op("GET", root+name, nil)), action+" "+who)
				got := post(root+name+"/"+call[0], call[1])
				if did := got.status == 200; did != said || !did && got.status != 403 && got.status != 409 {
					t.Errorf("%s: %s %s was said to be possible: %v; got %d %s", state, who, action, said, got.status, got.body)
				}
			}
		}
	}
	v, err := ledger.Verify(t.Context(), b.store, b.ledger.VerifierKey(), nil)
	if err != nil || len(v.Faults) > 0 {
		t.Errorf("verification: %v, %v", v.Faults, err)
	}
}

func TestStepsAreToldAndNoted(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	for _, name := range []string{"A", "D", "H", "X"} {
		b.take("NL-CP1", "DE-EM1", name, overcharged...)
	}
	const root = "/cdrs/NL/CP1/"
	got := b.as(b.emsp, "POST", root+"d/dispute?party=de-em1", `{"reason":"wrong-price","text":"it is 0.40","party":"DE-EM1"}`).want(200)
	for field, want := range map[string]string{
		"state": "disputed", "events.2.kind": "disputed", "events.2.actor": "DE-EM1", "events.2.reason": "wrong-price", "events.2.text": "it is 0.40",
		"explanation.price.lines.0.excl": "4.0000", "explanation.claimed_net": "5.00", "explanation.net": "4.00",
	} {
		if v := got.get(field); v != want {
			t.Errorf("dispute: %s: got %q, want %q", field, v, want)
		}
	}
	if gjson.Get(b.op("GET", root+"D", nil).body, "explanation").Exists() {
		t.Error("the CDR carries the lines of its price")
	}
	if log := b.audit(); len(log) != 0 {
		t.Errorf("what a party does is no action of the operator: %s", log)
	}
	got = b.as(b.cpo, "POST", root+"D/resolve", `{"outcome":"forgone","text":"ours"}`).want(200)
	if got.get("state") != "resolved" || got.get("events.3.actor") != "NL-CP1" || got.get("posted") != "" {
		t.Errorf("resolved: %s", got.body)
	}
	got = b.op("POST", root+"H/release", `{"text":"announced"}`).want(200)
	if got.get("held") != "false" || got.get("deadline") == "" || got.get("events.2.actor") != "operator" || got.get("events.2.text") != "announced" {
		t.Errorf("released: %s", got.body)
	}
	got = b.op("POST", root+"A/approve", `{"text":"by phone"}`).want(200)
	if got.get("state") != "approved" || got.get("posted") == "" || got.get("events.2.postings.#") != "3" || got.get("events.2.postings.0.amount") != "6.05" {
		t.Errorf("approved: %s", got.body)
	}
	b.giveUp("NL-CP1", "X")
	got = b.op("POST", root+"X/redeliver", `{"reason":"it is back"}`).want(200)
	if got.get("delivery.state") != "waiting" || got.get("delivery.next_attempt") == "" {
		t.Errorf("sent again: %s", got.body)
	}
	want := []string{"cdr.redeliver it is back X", "cdr.approve by phone A", "cdr.release announced H"}
	for i, e := range b.audit() {
		if s := fmt.Sprintf("%s %s %s", e.Get("action"), e.Get("reason"), e.Get("detail.id")); i >= len(want) || s != want[i] || e.Get("who").String() != "admin" {
			t.Errorf("audit %d: %s", i, e)
		}
	}
	// What was refused is not noted.
	b.op("POST", root+"A/approve", nil).want(409)
	b.op("POST", root+"none/approve", nil).want(404)
	b.op("POST", root+"A/redeliver", nil).want(409)
	if n := len(b.audit()); n != len(want) {
		t.Errorf("%d audit entries, want %d", n, len(want))
	}
}

func TestStepsThatAreRefused(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.agree("NL-CP2", "BE-EM2")
	b.agree("FR-TWO", "FR-TWO")
	b.take("NL-CP1", "DE-EM1", "A")
	b.take("NL-CP2", "BE-EM2", "M")
	b.take("FR-TWO", "FR-TWO", "T")
	long := strings.Repeat("x", 1001)
	for _, c := range []struct {
		path, body string
		status     int
		location   string
	}{
		{"A/dispute", `{}`, 422, "body"},
		{"A/dispute", `{"reason":"because"}`, 422, "body.reason"},
		{"A/dispute", `{"reason":"other","text":"` + long + `"}`, 422, "body.text"},
		{"A/dispute", `{"reason":"other","text":"` + strings.Repeat("é", 600) + `"}`, 422, "body.text"},
		{"A/dispute", `{"reason":"other","text":"\u0000"}`, 422, "body.text"},
		{"A/dispute", `{"reason":"other","Text":"x"}`, 400, ""},
		{"A/dispute", `{"reason":"other","party":"NL-CP1"}`, 403, ""},
		{"A/dispute", `{"reason":"other","party":"x"}`, 422, "body.party"},
		{"A/dispute?party=DE-EM1", `{"reason":"other","party":"NL-CP1"}`, 422, "body.party"},
		{"A/dispute?party=NL-CP1", `{"reason":"other"}`, 403, ""},
		{"A/resolve", `{"outcome":"credited"}`, 422, "body.outcome"},
		{"A/resolve", `{"outcome":"withdrawn"}`, 409, ""},
		{"A/resolve", `{"outcome":"forgone"}`, 403, ""},
		{"A/resolve", `{"outcome":"rejected"}`, 403, ""},
		{"A/release", `{"text":"x"}`, 403, ""},
		{"A/redeliver", `{}`, 403, ""},
	} {
		got := b.as(b.emsp, "POST", "/cdrs/NL/CP1/"+c.path, c.body)
		if got.status != c.status && (c.status != 400 || got.status != 422) || c.location != "" && got.get("errors.0.location") != c.location {
			t.Errorf("%s %.60s: got %d %s, want %d %s", c.path, c.body, got.status, got.body, c.status, c.location)
		}
	}
	b.op("POST", "/cdrs/NL/CP1/A/release", `{}`).want(422)
	b.op("POST", "/cdrs/NL/CP1/A/release", `{"text":"x"}`).want(409)
	b.op("POST", "/cdrs/NL/CP1/A/approve", `{"party":"DE-EM1"}`).want(422)
	b.op("POST", "/cdrs/NL/CP1/A/dispute", `{"reason":"other"}`).want(403)
	// Which of its parties acts has to be said where there are several, and only the
	// right one may.
	if got := b.as(b.multi, "POST", "/cdrs/NL/CP2/M/approve", nil).want(422); got.get("errors.0.location") != "query.party" {
		t.Errorf("several parties: %s", got.body)
	}
	b.as(b.multi, "POST", "/cdrs/NL/CP2/M/approve?party=NL-CP2", nil).want(403)
	b.as(b.multi, "POST", "/cdrs/NL/CP2/M/approve", `{"party":"BE-EM2"}`).want(200)
	b.as(b.both, "POST", "/cdrs/FR/TWO/T/approve", nil).want(200)
	if c := b.as(b.emsp, "GET", "/cdrs/NL/CP1/A", nil); c.get("state") != "presented" || c.get("events.#") != "2" {
		t.Errorf("what was refused changed the CDR: %s", c.body)
	}
}

// The id of a party on the other side gives no right to act: the ledger knows
// parties without their roles.
func TestSidesOfSteps(t *testing.T) {
	b := newBill(t)
	grant := func(s string, r ocpi.Role) party.Grant {
		p := id(t, s)
		return party.Grant{CountryCode: p.CountryCode, PartyID: p.ID, Role: r, Name: s}
	}
	cpo := b.hub.Join(ocpi.V221, grant("SE-ONE", ocpi.RoleCPO))
	emsp := b.hub.Join(ocpi.V221, grant("SE-ONE", ocpi.RoleEMSP))
	b.agree("SE-ONE", "SE-ONE")
	b.take("SE-ONE", "SE-ONE", "A")
	b.as(cpo, "POST", "/cdrs/SE/ONE/A/approve", nil).want(403)
	b.as(cpo, "POST", "/cdrs/SE/ONE/A/dispute", `{"reason":"other"}`).want(403)
	b.as(emsp, "POST", "/cdrs/SE/ONE/A/dispute", `{"reason":"other"}`).want(200)
	b.as(cpo, "POST", "/cdrs/SE/ONE/A/resolve", `{"outcome":"withdrawn"}`).want(403)
	b.as(emsp, "POST", "/cdrs/SE/ONE/A/resolve", `{"outcome":"forgone"}`).want(403)
	b.as(cpo, "POST", "/cdrs/SE/ONE/A/resolve", `{"outcome":"forgone"}`).want(200)
}

// Dead letters of CDRs are listed, told in words and replayed like others, also
// where the receiver's platform was not known.
func TestDeadLettersOfCDRs(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.take("NL-CP1", "DE-EM1", "A")
	b.giveUp("NL-CP1", "A")
	list := b.op("GET", "/dead-letters?module=cdrs&party=DE-EM1", nil).want(200)
	path := "/dead-letters/" + list.get("items.0.id")
	got := b.op("GET", path, nil).want(200)
	for field, want := range map[string]string{
		"module": "cdrs", "lane": "bill/DE-EM1", "owner": "NL-CP1", "object": "A", "changed": "false", "now.deleted": "false",
		"words": "DE-EM1 has not taken the CDR NL-CP1 A: the receiver was away for seven days.",
	} {
		if v := got.get(field); v != want {
			t.Errorf("%s: got %q, want %q", field, v, want)
		}
	}
	if got := b.op("POST", path+"/replay", nil).want(200); got.get("state") != "queued" {
		t.Errorf("replay: %s", got.body)
	}
	letters, err := b.store.QueuedDeadLetters(t.Context())
	if err != nil || len(letters) != 1 || letters[0].State != store.LetterQueued {
		t.Errorf("queued: %v, %v", letters, err)
	}
	b.op("POST", path+"/discard", nil).want(200)
	b.giveUp("NL-CP1", "A")
	b.op("DELETE", "/platforms/"+b.emsp.ID, nil).want(204)
	open := b.op("GET", "/dead-letters?module=cdrs&state=open", nil).want(200)
	if got := b.op("POST", "/dead-letters/"+open.get("items.0.id")+"/replay", nil).want(409); !strings.Contains(got.body, "no longer a provider") {
		t.Errorf("without a receiver: %s", got.body)
	}
}
