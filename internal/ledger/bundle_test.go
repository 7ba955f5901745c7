package ledger_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
)

// evidenced is a rig with one CDR of which everything is known: its tariff was
// published before the session, the session was kept, the driver authorised.
func evidenced(t *testing.T) *rig {
	t.Helper()
	rec, err := trace.Open(t.Context(), trace.Options{Path: filepath.Join(t.TempDir(), "trace.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rec.Close() })
	r := newTracedRig(t, rec)
	r.agree(func(a *party.Agreement) { a.CDRChecks = []byte(`{"severity":{"C14":"off","C15":"off"}}`) })
	early := time.Now().Add(-5 * time.Hour)
	r.ledger.SetClock(func() time.Time { return early })
	_, err = r.catalog.Publish(t.Context(), delivery.Push{
		From: r.cpo.Party(ocpi.RoleCPO), Version: ocpi.V221, Module: ocpi.Tariffs, Method: "PUT", Path: []string{"NL", "CP1", "T1"},
		Body: []byte(tariff1),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = r.ledger.Authorized(t.Context(), ledger.Authorization{
		CPO: cp1, EMSP: em1, Method: ledger.ByRequest, Reference: "Ref-1", Token: "U-C1", TokenType: "RFID", Contract: "DE-EM1-C1-X",
	})
	if err != nil {
		t.Fatal(err)
	}
	r.ledger.SetClock(time.Now)
	r.keep("S-C1", "COMPLETED", time.Now().Add(-time.Hour))
	r.accept(cdr("C1", `"auth_method":"WHITELIST"`, `"auth_method":"AUTH_REQUEST","authorization_reference":"Ref-1"`))
	must(t, "approve", r.ledger.Approve(t.Context(), key("C1"), byEMSP), nil)
	return r
}

func (r *rig) bundle(s ledger.Subject) []byte {
	r.t.Helper()
	file, err := r.ledger.Bundle(r.t.Context(), s)
	if err != nil {
		r.t.Fatal(err)
	}
	return file
}

// proofs are the parts of a checked bundle with how sure they are.
func proofs(c ledger.BundleCheck) map[string]ledger.Proof {
	out := map[string]ledger.Proof{}
	for _, j := range c.Parts {
		out[j.Part] = j.Proof
	}
	return out
}

func TestBundle(t *testing.T) {
	r := evidenced(t)
	file := r.bundle(ledger.Subject{Owner: cp1, CDR: "c1"})
	var b struct {
		Session struct {
			Body string `json:"body"`
		} `json:"session"`
		Authorizations []map[string]any `json:"authorizations"`
		Messages       []map[string]any `json:"messages"`
		CDRs           []struct {
			Body string `json:"body"`
		} `json:"cdrs"`
	}
	if err := json.Unmarshal(file, &b); err != nil {
		t.Fatal(err)
	}
	if len(b.Authorizations) != 1 || b.Authorizations[0]["authorization_reference"] != "ref-1" || !strings.Contains(b.Session.Body, `"id":"S-C1"`) {
		t.Errorf("authorizations %v, session %s", b.Authorizations, b.Session.Body)
	}
	if len(b.Messages) != 1 || b.Messages[0]["object"] != "C1" || b.Messages[0]["way"] != "bill" || strings.Contains(fmt.Sprint(b.Messages), "U-C1") {
		t.Errorf("messages %v", b.Messages)
	}
	c, err := ledger.CheckBundle(file, r.ledger.VerifierKey())
	if err != nil || !c.Sound() || !c.Trusted || c.CPO != "NL-CP1" || c.EMSP != "DE-EM1" || c.Log.Size == 0 {
		t.Fatalf("%+v, %v", c, err)
	}
	want := map[string]ledger.Proof{
		"log": ledger.Proven, "CDR C1: events": ledger.Proven, "CDR C1: bytes": ledger.Proven, "CDR C1: amounts": ledger.Proven,
		"CDR C1: evidence": ledger.Proven, "CDR C1: tariff T1": ledger.Proven, "CDR C1: price": ledger.Proven,
		"session": ledger.Stated, "authorizations": ledger.Stated, "messages": ledger.Stated, "completeness": ledger.Unchecked,
	}
	if got := proofs(c); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, j := range c.Parts {
		if j.Part == "CDR C1: price" && j.Text != "computed again from the tariff of the hub: 4.00 before and 4.84 after tax EUR; claim: match; every line is as stored" {
			t.Errorf("price: %s", j.Text)
		}
	}
	// Without a trusted key it says what it is worth; with another one it is nothing.
	if c, err = ledger.CheckBundle(file, ""); err != nil || c.Trusted || proofs(c)["log"] != ledger.Stated {
		t.Errorf("%+v, %v", c, err)
	}
	other, err := receipt.NewSigner("hub.example", [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = ledger.CheckBundle(file, other.VerifierKey()); err != nil || c.Sound() {
		t.Errorf("%+v, %v", c, err)
	}
	// The session gives the same.
	if c, err = ledger.CheckBundle(r.bundle(ledger.Subject{Owner: cp1, Session: "s-c1"}), r.ledger.VerifierKey()); err != nil || !reflect.DeepEqual(proofs(c), want) {
		t.Errorf("%+v, %v", c, err)
	}
}

// A committed file of the first form must be readable for ever.
func TestStableBundle(t *testing.T) {
	const name = "testdata/evidence-v1.json"
	if os.Getenv("EROAM_WRITE_TESTDATA") != "" {
		r := evidenced(t)
		if err := os.MkdirAll("testdata", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, r.bundle(ledger.Subject{Owner: cp1, CDR: "C1"}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := receipt.NewSigner("hub.example", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ledger.CheckBundle(file, signer.VerifierKey())
	if p := proofs(c); err != nil || !c.Sound() || p["CDR C1: price"] != ledger.Proven || p["CDR C1: evidence"] != ledger.Proven {
		t.Errorf("%v, %v", c.Parts, err)
	}
}

// What nothing in the log proves: members of the file, and of each CDR. (The time
// zone has its effect on the price.)
var unproven = []string{"hub", "made_at", "session", "authorizations", "messages", "messages_note", "time_zone"}

// Whoever changes one byte is seen, unless nothing that is proven has changed.
func TestBundleWithAChangedByte(t *testing.T) {
	r := evidenced(t)
	file, key := r.bundle(ledger.Subject{Owner: cp1, CDR: "C1"}), r.ledger.VerifierKey()
	want := provenPart(t, file)
	seen := 0
	step := 7
	if testing.Short() {
		step = 97
	}
	for at := 0; at < len(file); at += step {
		changed := []byte(string(file))
		changed[at] ^= 1
		c, err := ledger.CheckBundle(changed, key)
		if err != nil || !c.Sound() {
			seen++
			continue
		}
		if !reflect.DeepEqual(provenPart(t, changed), want) {
			t.Errorf("a change of byte %d was not seen: %s", at, changed[max(0, at-40):at+40])
		}
	}
	if seen < len(file)/step/3 {
		t.Errorf("only %d changes were seen", seen)
	}
}

// The last digit of base64 has bits that mean nothing: they are not free either.
func TestBundleIsSpelledInOneWay(t *testing.T) {
	r := evidenced(t)
	file, key := string(r.bundle(ledger.Subject{Owner: cp1, CDR: "C1"})), r.ledger.VerifierKey()
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	n := 0
	for _, at := range regexp.MustCompile(`"[A-Za-z0-9+/]{43}="`).FindAllStringIndex(file, -1) {
		last := at[1] - 3
		other := digits[strings.IndexByte(digits, file[last])^1]
		c, err := ledger.CheckBundle([]byte(file[:last]+string(other)+file[last+1:]), key)
		if err == nil && c.Sound() {
			t.Errorf("%s was taken with %c for its last digit", file[at[0]:at[1]], other)
		}
		n++
	}
	if n < 3 {
		t.Errorf("%d hashes were changed", n)
	}
}

// provenPart is a file without the members that nothing proves.
func provenPart(t *testing.T, file []byte) map[string]any {
	t.Helper()
	var b map[string]any
	if err := json.Unmarshal(file, &b); err != nil {
		t.Fatal(err)
	}
	for _, name := range unproven {
		delete(b, name)
	}
	for _, c := range b["cdrs"].([]any) {
		delete(c.(map[string]any), "time_zone")
	}
	return b
}

// Each proven part, changed with care: the file is well formed, and what is
// changed is named.
func TestForgedBundle(t *testing.T) {
	r := evidenced(t)
	file, key := string(r.bundle(ledger.Subject{Owner: cp1, CDR: "C1"})), r.ledger.VerifierKey()
	forger, err := receipt.NewSigner("hub.example", [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ part, old, with string }{
		{"CDR C1: bytes", `\"incl_vat\":4.84}`, `\"incl_vat\":4.94}`},
		{"CDR C1: evidence", `\"basis\":\"hub\"`, `\"basis\":\"cdr\"`},
		{"CDR C1: tariff T1", `"body": "{\"country_code\":\"NL\",\"party_id\":\"CP1\",\"id\":\"T1\",\"currency\":\"EUR\",\"elements\":[{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.40`,
			`"body": "{\"country_code\":\"NL\",\"party_id\":\"CP1\",\"id\":\"T1\",\"currency\":\"EUR\",\"elements\":[{\"price_components\":[{\"type\":\"ENERGY\",\"price\":0.30`},
		{"CDR C1: events", `"leaf": "{\"v\":1,\"kind\":\"approved\"`, `"leaf": "{\"v\":1,\"kind\":\"disputed\"`},
		{"CDR C1: events", `\"amount\":484`, `\"amount\":584`},
		{"CDR C1: events", `"state": "approved"`, `"state": "disputed"`},
		{"log", `"verifier_key": "` + key, `"verifier_key": "` + forger.VerifierKey()},
	} {
		changed := strings.ReplaceAll(file, c.old, c.with)
		if changed == file {
			t.Errorf("%s: nothing is changed by %s", c.part, c.old)
			continue
		}
		got, err := ledger.CheckBundle([]byte(changed), key)
		if err != nil || got.Sound() || proofs(got)[c.part] != ledger.Wrong {
			t.Errorf("%s: %v, %v", c.part, got.Parts, err)
		}
	}
	received := regexp.MustCompile(`"received_at": "(\d{3})\d(.*\s+"sha256")`) // of the tariff
	late := received.ReplaceAllString(file, `"received_at": "${1}9$2`)
	if got, err := ledger.CheckBundle([]byte(late), key); err != nil || late == file || proofs(got)["CDR C1: tariff T1"] != ledger.Wrong {
		t.Errorf("a tariff of another time: %v, %v", got.Parts, err)
	}
	// Another state of the log than that of the receipts.
	note := regexp.MustCompile(`\n  "checkpoint": .*`)
	r.accept(cdr("C2"))
	mixed := note.ReplaceAllLiteralString(file, note.FindString(string(r.bundle(ledger.Subject{Owner: cp1, CDR: "C1"}))))
	if got, err := ledger.CheckBundle([]byte(mixed), key); err != nil || mixed == file || proofs(got)["CDR C1: events"] != ledger.Wrong {
		t.Errorf("another checkpoint: %v, %v", got.Parts, err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"format":"eroam evidence","version":2}`, strings.Replace(file, `"hub":`, `"hup":`, 1)} {
		if _, err := ledger.CheckBundle([]byte(bad), key); err == nil {
			t.Errorf("%.40s was read", bad)
		}
	}
}

// What cannot be bundled.
func TestNoBundle(t *testing.T) {
	r := evidenced(t)
	for _, c := range []struct {
		s    ledger.Subject
		want error
	}{
		{ledger.Subject{Owner: cp1, CDR: "X"}, ledger.ErrNotFound},
		{ledger.Subject{Owner: em1, CDR: "C1"}, ledger.ErrNotFound},
		{ledger.Subject{Owner: cp1, Session: "X"}, ledger.ErrNotFound},
		{ledger.Subject{Owner: cp1}, ledger.ErrInvalid},
		{ledger.Subject{Owner: cp1, CDR: "C1", Session: "S-C1"}, ledger.ErrInvalid},
	} {
		_, err := r.ledger.Bundle(t.Context(), c.s)
		must(t, c.s.String(), err, c.want)
	}
	cpo, emsp, err := r.ledger.Parties(t.Context(), ledger.Subject{Owner: cp1, Session: "S-c1"})
	if err != nil || cpo != cp1 || emsp != em1 {
		t.Errorf("%v %v, %v", cpo, emsp, err)
	}
}

// A credit and what it takes back are in one file; the tariff may be in the CDR.
func TestBundleOfCredit(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	body := cdr("C1")
	r.accept(body)
	r.accept(strings.NewReplacer(`"id":"C1",`, `"id":"K1","credit":true,"credit_reference_id":"C1",`,
		`{"excl_vat":4.00,"incl_vat":4.84}`, `{"excl_vat":-4.00,"incl_vat":-4.84}`).Replace(body))
	for _, s := range []ledger.Subject{{Owner: cp1, CDR: "C1"}, {Owner: cp1, CDR: "K1"}, {Owner: cp1, Session: "S-C1"}} {
		c, err := ledger.CheckBundle(r.bundle(s), r.ledger.VerifierKey())
		p := proofs(c)
		if err != nil || !c.Sound() || p["CDR C1: price"] != ledger.Proven || p["CDR K1: price"] != ledger.Proven || p["CDR K1: amounts"] != ledger.Proven {
			t.Errorf("%s: %v, %v", s, c.Parts, err)
		}
	}
}

// A CDR that never came: the finding is proven.
func TestBundleOfMissingCDR(t *testing.T) {
	r := newRig(t)
	r.agree(func(a *party.Agreement) { a.CDRChecks = []byte(`{"missing_cdr_hours":0}`) })
	r.keep("S-9", "COMPLETED", time.Now().Add(-2*time.Hour))
	r.run()
	r.eventually("found", func() bool { return len(r.findings(true)) == 1 })
	file := r.bundle(ledger.Subject{Owner: cp1, Session: "S-9"})
	c, err := ledger.CheckBundle(file, r.ledger.VerifierKey())
	id := "finding " + r.findings(true)[0].ID
	if err != nil || !c.Sound() || proofs(c)[id] != ledger.Proven {
		t.Fatalf("%v, %v", c.Parts, err)
	}
	changed := strings.Replace(string(file), `"kind": "missing_cdr"`, `"kind": "silent_session"`, 1)
	if c, err = ledger.CheckBundle([]byte(changed), r.ledger.VerifierKey()); err != nil || proofs(c)[id] != ledger.Wrong {
		t.Errorf("%v, %v", c.Parts, err)
	}
}

// A CDR that a provider refused and another one took tells the second nothing of
// the first.
func TestBundleAfterRefusal(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	r.answers(200, ocpi.StatusInvalidParameters, "")
	r.refuse(cdr("C1"), ocpi.StatusInvalidParameters, "")
	r.answers(200, ocpi.StatusSuccess, "")
	r.accept(cdr("C1", `"total_time":1.0`, `"total_time":1.00`))
	c, err := ledger.CheckBundle(r.bundle(ledger.Subject{Owner: cp1, CDR: "C1"}), r.ledger.VerifierKey())
	if err != nil || !c.Sound() {
		t.Fatalf("%v, %v", c.Parts, err)
	}
	for _, j := range c.Parts {
		if j.Part == "CDR C1: events" && !strings.HasPrefix(j.Text, "received (1), refused (2), received (3), presented (4)") {
			t.Error(j.Text)
		}
	}
}
