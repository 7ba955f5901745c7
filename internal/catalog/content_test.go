package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

const (
	stamp1 = "2026-01-01T10:00:01Z"
	stamp2 = "2026-01-01T10:00:02Z"
)

func testEVSE(uid, status, stamp string) string {
	return fmt.Sprintf(`{"uid":%q,"status":%q,"floor_level":null,"connectors":[{"id":"1","max_amperage":16,"last_updated":%q},{"id":"2","max_amperage":32,"last_updated":%q}],"last_updated":%q}`,
		uid, status, stamp, stamp, stamp)
}

func testLocation(name, stamp string, evses ...string) string {
	return fmt.Sprintf(`{"id":"L1","name":%q,"x":{"b":1,"a":[1,2]},"evses":[%s],"last_updated":%q}`, name, strings.Join(evses, ","), stamp)
}

// What is content and what is not.
func TestContent(t *testing.T) {
	base := testLocation("A", stamp1, testEVSE("E1", "AVAILABLE", stamp1), testEVSE("E2", "CHARGING", stamp1))
	of := func(s string) digest { return contentOf(ocpi.Locations, []byte(s)) }
	var spaced bytes.Buffer
	if err := json.Indent(&spaced, []byte(base), " ", "\t"); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"all of last_updated":  strings.ReplaceAll(base, stamp1, stamp2),
		"order of EVSEs":       testLocation("A", stamp1, testEVSE("E2", "CHARGING", stamp1), testEVSE("E1", "AVAILABLE", stamp1)),
		"order of connectors":  strings.NewReplacer(`"id":"1","max_amperage":16`, `"id":"2","max_amperage":32`, `"id":"2","max_amperage":32`, `"id":"1","max_amperage":16`).Replace(base),
		"order of members":     strings.Replace(base, `"id":"L1","name":"A"`, `"name":"A","id":"L1"`, 1),
		"order further down":   strings.Replace(base, `"b":1,"a":[1,2]`, `"a":[1,2],"b":1`, 1),
		"white space":          spaced.String(),
		"a name in escapes":    strings.Replace(base, `"evses"`, `"\u0065vses"`, 1),
		"last_updated missing": strings.Replace(base, `,"last_updated":"`+stamp1+`"}]`, `}]`, 1),
	} {
		if of(s) != of(base) {
			t.Errorf("%s is content: %s", name, s)
		}
	}
	for name, s := range map[string]string{
		"a status":                 strings.Replace(base, "AVAILABLE", "BLOCKED", 1),
		"a field":                  strings.Replace(base, `"A"`, `"B"`, 1),
		"a connector":              strings.Replace(base, "16", "17", 1),
		"a null":                   strings.Replace(base, `"floor_level":null,`, ``, 1),
		"the order of other lists": strings.Replace(base, "[1,2]", "[2,1]", 1),
		"nested last_updated":      strings.Replace(base, `"b":1`, `"b":1,"last_updated":1`, 1),
		"which EVSE it is said of": testLocation("A", stamp1, testEVSE("E1", "CHARGING", stamp1), testEVSE("E2", "AVAILABLE", stamp1)),
		"an EVSE":                  testLocation("A", stamp1, testEVSE("E1", "AVAILABLE", stamp1)),
		"an EVSE twice":            testLocation("A", stamp1, testEVSE("E1", "AVAILABLE", stamp1), testEVSE("E2", "CHARGING", stamp1), testEVSE("E2", "CHARGING", stamp1)),
	} {
		if of(s) == of(base) {
			t.Errorf("%s is not content: %s", name, s)
		}
	}
	for _, none := range []string{``, `"evses":null,`} {
		if of(testLocation("A", stamp1)) != of(strings.Replace(testLocation("A", stamp1), `"evses":[],`, none, 1)) {
			t.Errorf("%q is another content than an empty list", none)
		}
	}
	if d, ok := readDigest(of(base).bytes()); !ok || d != of(base) {
		t.Error("a digest changes in storage")
	}
}

// A change of one member, made through the short way, comes to the same digest
// as reading the whole; only the stored digest is looked at here.
func TestDigestOfMembers(t *testing.T) {
	body := []byte(testLocation("A", stamp1, testEVSE("E1", "AVAILABLE", stamp1), testEVSE("E2", "CHARGING", stamp1)))
	old := store.Object{Seq: 1, Version: "2.2.1", Body: body, Hash: contentOf(ocpi.Locations, body).bytes()}
	for patch, quiet := range map[string]bool{
		`{"status":"BLOCKED","last_updated":"` + stamp2 + `"}`:   false,
		`{"status":"AVAILABLE","last_updated":"` + stamp2 + `"}`: true,
	} {
		d, err := read(delivery.Push{
			From:    &party.Party{ID: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, Role: ocpi.RoleCPO},
			Version: ocpi.V221, Module: ocpi.Locations, Method: "PATCH", Path: []string{"NL", "CP1", "L1", "E1"}, Body: []byte(patch),
		}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		p, err := apply(d, &old, true, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", patch, err)
		}
		if want := contentOf(ocpi.Locations, p.next.Body).bytes(); string(p.next.Hash) != string(want) || p.quiet != quiet {
			t.Errorf("%s: digest %x, want %x; quiet %v, want %v", patch, p.next.Hash, want, p.quiet, quiet)
		}
	}
}

// The digest of a location can be had from the old one and the one EVSE that
// changed.
func TestDigestOfParts(t *testing.T) {
	e1, e2, e3 := testEVSE("E1", "AVAILABLE", stamp1), testEVSE("E2", "CHARGING", stamp1), testEVSE("E2", "BLOCKED", stamp2)
	before := contentOf(ocpi.Locations, []byte(testLocation("A", stamp1, e1, e2)))
	after := contentOf(ocpi.Locations, []byte(testLocation("A", stamp2, e1, e3)))
	if got := before.minus(evseContent([]byte(e2))).plus(evseContent([]byte(e3))); got != after {
		t.Errorf("got %v, want %v", got, after)
	}
}

// mergeEVSE applies what compare says as a receiver would.
func mergeEVSE(t *testing.T, old []byte, uid string, patch []byte) []byte {
	t.Helper()
	d := &document{ids: []string{uid}, stamp: text(field(patch, "last_updated"))}
	at, err := ocpi.ParseTime(d.stamp)
	if err != nil {
		t.Fatalf("%s: %v", patch, err)
	}
	d.at = at.UnixMicro()
	p, found := locate(old, "evses", "uid", uid)
	if !found {
		t.Fatalf("no EVSE %s in %s", uid, old)
	}
	merged, err := ocpi.MergePatch(old[p.from:p.to], patch, ocpi.MergeRules(ocpi.Locations, 1))
	if err != nil {
		t.Fatalf("merging %s: %v", patch, err)
	}
	return d.assemble(old, p, merged)
}

// What a PUT of a location comes to.
func TestCompare(t *testing.T) {
	e := testEVSE
	old := testLocation("A", stamp1, e("E1", "AVAILABLE", stamp1), e("E2", "CHARGING", stamp1))
	longAgo, recently := "2025-09-01T00:00:00Z", "2025-12-01T00:00:00Z"
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name     string
		old, put string
		body     string // "" for put
		quiet    bool
		patch    string
	}{
		{"one status", old, testLocation("A", stamp2, e("E1", "CHARGING", stamp2), e("E2", "CHARGING", stamp1)), "",
			false, `{"status":"CHARGING","last_updated":"` + stamp2 + `"}`},
		{"one status, others restamped and moved", old, testLocation("A", stamp2, e("E2", "CHARGING", stamp2), e("E1", "CHARGING", stamp2)), "",
			false, `{"status":"CHARGING","last_updated":"` + stamp2 + `"}`},
		{"one status without a new time", old, testLocation("A", stamp2, e("E1", "CHARGING", stamp1), e("E2", "CHARGING", stamp1)), "", false, ""},
		{"two statuses", old, testLocation("A", stamp2, e("E1", "CHARGING", stamp2), e("E2", "AVAILABLE", stamp2)), "", false, ""},
		{"one status and a name", old, testLocation("B", stamp2, e("E1", "CHARGING", stamp2), e("E2", "CHARGING", stamp1)), "", false, ""},
		{"nothing but times", old, testLocation("A", stamp2, e("E2", "CHARGING", stamp2), e("E1", "AVAILABLE", stamp2)), "", true, ""},
		{"a new EVSE", old, testLocation("A", stamp2, e("E1", "AVAILABLE", stamp1), e("E2", "CHARGING", stamp1), e("E3", "AVAILABLE", stamp2)), "", false, ""},
		{"a field vanishes", old, strings.Replace(testLocation("A", stamp2, e("E1", "AVAILABLE", stamp2), e("E2", "CHARGING", stamp1)), `"floor_level":null,`, ``, 1), "", false, ""},
		{"a field is new", old, strings.Replace(testLocation("A", stamp2, e("E1", "AVAILABLE", stamp2), e("E2", "CHARGING", stamp1)), `"floor_level"`, `"y" : [1],"floor_level"`, 1), "",
			false, `{"y" : [1],"last_updated":"` + stamp2 + `"}`},
		{"a connector vanishes", old, strings.Replace(testLocation("A", stamp2, e("E1", "AVAILABLE", stamp2), e("E2", "CHARGING", stamp1)),
			`,{"id":"2","max_amperage":32,"last_updated":"`+stamp2+`"}`, ``, 1), "", false, ""},
		{"an EVSE is gone", old, testLocation("A", stamp2, e("E2", "CHARGING", stamp1)),
			testLocation("A", stamp2, e("E2", "CHARGING", stamp1), strings.Replace(e("E1", "REMOVED", stamp1), `],"last_updated":"`+stamp1, `],"last_updated":"`+stamp2, 1)),
			false, `{"status":"REMOVED","last_updated":"` + stamp2 + `"}`},
		{"the list of EVSEs is gone", testLocation("A", stamp1, e("E1", "AVAILABLE", stamp1)), strings.Replace(testLocation("A", stamp2), `"evses":[],`, ``, 1),
			`{"id":"L1","name":"A","x":{"b":1,"a":[1,2]},"last_updated":"` + stamp2 + `","evses":[` +
				strings.Replace(e("E1", "REMOVED", stamp1), `],"last_updated":"`+stamp1, `],"last_updated":"`+stamp2, 1) + `]}`, false, `{"status":"REMOVED","last_updated":"` + stamp2 + `"}`},
		{"a REMOVED one stays", testLocation("A", stamp1, e("E1", "AVAILABLE", stamp1), e("E2", "REMOVED", recently)), testLocation("B", stamp2, e("E1", "AVAILABLE", stamp1)),
			testLocation("B", stamp2, e("E1", "AVAILABLE", stamp1), e("E2", "REMOVED", recently)), false, ""},
		{"a REMOVED one ends", testLocation("A", stamp1, e("E1", "AVAILABLE", stamp1), e("E2", "REMOVED", longAgo)), testLocation("A", stamp2, e("E1", "AVAILABLE", stamp1)), "", true, ""},
		{"a REMOVED one is back", testLocation("A", stamp1, e("E1", "AVAILABLE", stamp1), e("E2", "REMOVED", recently)), testLocation("A", stamp2, e("E1", "AVAILABLE", stamp1), e("e2", "AVAILABLE", stamp2)), "",
			false, `{"uid":"e2","status":"AVAILABLE","last_updated":"` + stamp2 + `"}`},
		{"one uid twice", old, testLocation("A", stamp2, e("E1", "AVAILABLE", stamp1), e("e1", "AVAILABLE", stamp1)), "", false, ""},
	} {
		ch, err := compare([]byte(tt.old), []byte(tt.put), stamp2, now)
		if tt.body == "" {
			tt.body = tt.put
		}
		if err != nil || string(ch.body) != tt.body || ch.quiet != tt.quiet || string(ch.patch) != tt.patch {
			t.Errorf("%s: quiet %v, patch %s, err %v, body\n%s, want quiet %v, patch %s, body\n%s", tt.name, ch.quiet, ch.patch, err, ch.body, tt.quiet, tt.patch, tt.body)
		}
		if ch.content != contentOf(ocpi.Locations, ch.body) {
			t.Errorf("%s: the digest is not that of the body", tt.name)
		}
		if ch.patch != nil {
			if got := mergeEVSE(t, []byte(tt.old), ch.uid, ch.patch); contentOf(ocpi.Locations, got) != ch.content && !strings.Contains(tt.name, "back") {
				t.Errorf("%s: a receiver ends up with %s", tt.name, got)
			}
		}
	}
}

// FuzzCompare: what receivers make of a change is what the hub stores, and no
// EVSE is lost.
func FuzzCompare(f *testing.F) {
	e := testEVSE
	old := testLocation("A", stamp1, e("E1", "AVAILABLE", stamp1), e("E2", "CHARGING", stamp1))
	f.Add(old, testLocation("A", stamp2, e("E1", "CHARGING", stamp2), e("E2", "CHARGING", stamp1)))
	f.Add(old, testLocation("A", stamp2, e("E2", "CHARGING", stamp1)))
	f.Add(old, testLocation("A", stamp2, e("E2", "CHARGING", stamp2), e("E1", "AVAILABLE", stamp2)))
	f.Add(old, strings.Replace(testLocation("A", stamp2, e("E1", "AVAILABLE", stamp2), e("E2", "CHARGING", stamp1)), `"floor_level"`, `"\u0079":{"a" : "\"]}"},"floor_level"`, 1))
	f.Add(testLocation("A", stamp1), `{"evses":null,"last_updated":"`+stamp2+`"}`)
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, old, put string) {
		for _, s := range []string{old, put} {
			if ocpi.CheckJSON([]byte(s)) != nil || !strings.HasPrefix(s, "{") {
				return
			}
		}
		was, is := openLocation([]byte(old)), openLocation([]byte(put))
		ch, err := compare([]byte(old), []byte(put), stamp2, now)
		if err != nil {
			return // an element of the list is no object
		}
		if err := ocpi.CheckJSON(ch.body); err != nil {
			t.Fatalf("the body is no JSON: %s", ch.body)
		}
		if ch.content != contentOf(ocpi.Locations, ch.body) {
			t.Errorf("the digest is not that of the body %s", ch.body)
		}
		if ch.quiet && contentOf(ocpi.Locations, []byte(old)) != ch.content && !strings.Contains(old, "REMOVED") {
			t.Errorf("a change is quiet")
		}
		if was.whole && is.whole {
			left := openLocation(ch.body)
			for _, e := range was.evses {
				if left.find(e.uid) == nil && text(field(e.raw, "status")) != "REMOVED" {
					t.Errorf("EVSE %s is lost", e.uid)
				}
			}
		}
		if ch.patch == nil {
			return
		}
		if err := ocpi.CheckJSON(ch.patch); err != nil {
			t.Fatalf("the patch is no JSON: %s", ch.patch)
		}
		got, want := openLocation(mergeEVSE(t, []byte(old), ch.uid, ch.patch)), openLocation(ch.body)
		a, b := got.find(ocpi.FoldID(ch.uid)), want.find(ocpi.FoldID(ch.uid))
		if strings.EqualFold(ch.uid, text(field(a.raw, "uid"))) && ch.uid != text(field(a.raw, "uid")) {
			return // receivers keep the spelling of the uid that they had
		}
		if a.sum != b.sum {
			t.Errorf("%s makes %s, want %s", ch.patch, a.raw, b.raw)
		}
	})
}

// FuzzContent: what differs in white space and last_updated only has one
// digest, and reading never leaves the document.
func FuzzContent(f *testing.F) {
	f.Add(testLocation("A", stamp1, testEVSE("E1", "AVAILABLE", stamp1)))
	f.Add(`{"evses":[{"connectors":[{}]}],"a":"\"{","b":[[],{},"",1,true]}`)
	f.Add(`{"evses`)
	f.Fuzz(func(t *testing.T, doc string) {
		d := contentOf(ocpi.Locations, []byte(doc)) // must come back, whatever it is
		if ocpi.CheckJSON([]byte(doc)) != nil || !ocpi.IsObject([]byte(doc)) {
			return
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, []byte(doc), " ", "\t"); err != nil {
			return // encoding/json refuses some that we take
		}
		if contentOf(ocpi.Locations, spaced.Bytes()) != d {
			t.Errorf("white space is content in %s", doc)
		}
	})
}
