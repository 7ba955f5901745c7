package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/ocpi"
)

// ids are the CDRs of a list, in its order.
func ids(a answer) string {
	a.t.Helper()
	var all []string
	for _, c := range gjson.Get(a.want(200).body, "items").Array() {
		all = append(all, c.Get("id").String())
	}
	return strings.Join(all, " ")
}

// Each platform sees the CDRs of its parties, on the side on which they are granted
// to it, and nothing else: not even that there is something.
func TestWhoSeesACDR(t *testing.T) {
	b := newBill(t)
	cdrs := [][2]string{{"NL-CP1", "DE-EM1"}, {"NL-CP1", "BE-EM2"}, {"NL-CP2", "DE-EM1"}, {"NL-CP1", "FR-TWO"}, {"FR-TWO", "DE-EM1"}, {"FR-TWO", "FR-TWO"}}
	for i, c := range cdrs {
		b.agree(c[0], c[1])
		b.take(c[0], c[1], fmt.Sprint("C", i))
	}
	for _, c := range []struct {
		who   *relaytest.Partner
		party string
		sees  string
	}{
		{b.cpo, "", "C0 C1 C3"}, {b.emsp, "", "C0 C2 C4"}, {b.multi, "NL-CP2", "C2"}, {b.multi, "BE-EM2", "C1"},
		{b.both, "", "C3 C4 C5"}, {b.both, "FR-TWO", "C3 C4 C5"}, {b.other, "NL-CP1", ""}, {b.other, "DE-EM1", ""},
	} {
		query := "?party=" + c.party
		if c.party == "" {
			query = "?"
		}
		list := b.as(c.who, "GET", "/cdrs"+query, nil)
		if got := ids(list); got != c.sees {
			t.Errorf("%s %s lists %q, want %q", c.who.ID, c.party, got, c.sees)
		}
		for i, of := range cdrs {
			name := fmt.Sprint("C", i)
			want := http.StatusNotFound
			if slices.Contains(strings.Fields(c.sees), name) {
				want = http.StatusOK
			}
			path := "/cdrs/" + of[0][:2] + "/" + of[0][3:] + "/" + name
			for _, part := range []string{"", "/body", "/explanation", "/receipt", "/evidence"} {
				b.as(c.who, "GET", path+part+query, nil).want(want)
			}
			b.as(c.who, "GET", "/sessions/"+of[0][:2]+"/"+of[0][3:]+"/S-"+name+"/evidence"+query, nil).want(want)
			if want == http.StatusNotFound {
				b.as(c.who, "POST", path+"/approve"+query, nil).want(404)
				b.as(c.who, "POST", path+"/dispute"+query, `{"reason":"late"}`).want(404)
				b.as(c.who, "POST", path+"/resolve"+query, `{"outcome":"withdrawn"}`).want(404)
			}
		}
		n := 0
		for _, v := range gjson.Get(b.as(c.who, "GET", "/ledger"+query, nil).want(200).body, "states").Map() {
			n += int(v.Int())
		}
		if n != len(strings.Fields(c.sees)) {
			t.Errorf("%s %s counts %d CDRs, want %q", c.who.ID, c.party, n, c.sees)
		}
		for _, format := range []string{"csv", "jsonl"} {
			export := b.as(c.who, "GET", "/exports/cdrs"+query+"&format="+format, nil).want(200).body
			for i := range cdrs {
				if name := fmt.Sprint("C", i); strings.Contains(export, name) != slices.Contains(strings.Fields(c.sees), name) {
					t.Errorf("%s %s exports as %s\n%s", c.who.ID, c.party, format, export)
				}
			}
		}
	}
	if got := ids(b.op("GET", "/cdrs", nil)); got != "C0 C1 C2 C3 C4 C5" {
		t.Errorf("the operator lists %s", got)
	}
	// Without a name the parties of the platform are tried for one CDR, and a list
	// wants one.
	b.as(b.multi, "GET", "/cdrs/nl/cp2/c2", nil).want(200)
	b.as(b.multi, "GET", "/cdrs/nl/cp1/c1", nil).want(200)
	b.as(b.multi, "GET", "/cdrs/nl/cp1/c0", nil).want(404)
	for _, path := range []string{"/cdrs", "/ledger", "/ledger/balances", "/ledger/postings", "/ledger/findings", "/exports/cdrs", "/exports/postings"} {
		if got := b.as(b.multi, "GET", path, nil).want(422); got.get("errors.0.location") != "query.party" || !strings.Contains(got.body, "BE-EM2, NL-CP2") {
			t.Errorf("%s: %s", path, got.body)
		}
		b.as(b.multi, "GET", path+"?party=DE-EM1", nil).want(403)
		b.as(b.multi, "GET", path+"?party=x", nil).want(422)
		b.op("GET", path+"?party=DE-EM1", nil).want(422)
	}
	b.as(b.multi, "GET", "/cdrs/NL/CP1/C1?party=NL-CP2", nil).want(404)
	b.as(b.multi, "GET", "/cdrs/NL/CP1/C1?party=NL-CP1", nil).want(403)
}

// The token of a platform opens the ledger only, and a wrong one nothing.
func TestTokensOfPlatforms(t *testing.T) {
	b := newBill(t)
	d := description(t, b.rig)
	for _, o := range operations {
		method, path, _ := strings.Cut(o, " ")
		url := strings.NewReplacer("{country_code}", "NL", "{party_id}", "CP1", "{id}", "x", "{evse_uid}", "x", "{role}", "CPO").Replace(path)
		spec := d.Get("paths").Map()[strings.TrimPrefix(path, "/api/v1")].Map()
		if len(spec) == 0 {
			spec = d.Get("paths").Map()[path].Map()
		}
		open := len(spec[strings.ToLower(method)].Get("security").Array()) == 2
		for _, who := range []*relaytest.Partner{b.cpo, b.emsp} {
			got := b.as(who, method, strings.TrimPrefix(url, "/api/v1"), nil)
			if open != (got.status != 403) && !strings.Contains(url, "/meter-keys/") {
				t.Errorf("%s, open to platforms: %v: got %d %s", o, open, got.status, got.body)
			}
		}
	}
	for _, path := range []string{"/nothing", "/cdrs/", "/cdrs/NL/CP1/x/release", "/audit", "/platforms", "/cdrs/../audit"} {
		b.as(b.cpo, "GET", path, nil).want(403)
	}
	invited := b.op("POST", "/platforms", `{"name":"N","parties":[{"country_code":"AT","party_id":"NEW","role":"CPO"}]}`).want(201)
	wrong := []string{
		relaytest.Bearer("nobody"), relaytest.Bearer(b.cpo.TokenB), "Bearer " + b.cpo.TokenC, "Token", relaytest.Bearer(invited.get("registration_token")), relaytest.Bearer(adminToken),
	}
	for _, h := range wrong {
		b.send("GET", "/api/v1/cdrs", nil, http.Header{"Authorization": {h}}).want(401)
	}
	for range 20 {
		b.send("GET", "/api/v1/cdrs", nil, http.Header{"Authorization": {wrong[0]}})
	}
	b.send("GET", "/api/v1/cdrs", nil, http.Header{"Authorization": {wrong[0]}}).want(429)
	b.as(b.cpo, "GET", "/cdrs", nil).want(200)
	b.op("PATCH", "/platforms/"+b.cpo.ID, `{"suspended":true}`).want(200)
	if got := b.as(b.cpo, "GET", "/cdrs", nil); got.status != 401 && got.status != 429 {
		t.Errorf("a suspended platform: %d", got.status)
	}
}

func TestListCDRs(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.agree("NL-CP1", "BE-EM2")
	b.take("NL-CP1", "DE-EM1", "A")
	b.take("NL-CP1", "DE-EM1", "H", overcharged...)
	b.take("NL-CP1", "BE-EM2", "B")
	b.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	b.take("NL-CP1", "DE-EM1", "W")
	b.take("NL-CP1", "BE-EM2", "U", `"currency":"EUR"`, `"currency":"USD"`)
	b.op("POST", "/cdrs/NL/CP1/A/approve", nil).want(200)
	for query, want := range map[string]string{
		"": "A H B W U", "cpo=NL-CP1": "A H B W U", "cpo=nl*cp1&emsp=DE-EM1": "A H W", "emsp=BE-EM2": "B U", "cpo=NL-CP2": "",
		"state=approved": "A", "state=valid": "W", "held=true": "H", "held=false&emsp=DE-EM1": "A W", "mail=waiting": "W", "mail=delivered": "A H B U",
		"currency=USD": "U", "session=s-h": "H", "from=2026-01-01T00:00:00Z": "A H B W U", "to=2020-01-01T00:00:00Z": "",
	} {
		if got := ids(b.op("GET", "/cdrs?"+query, nil)); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"cpo=x", "emsp=DE", "state=x", "held=x", "mail=x", "currency=eur", "from=x", "limit=0", "limit=1001", "cursor=x", "cursor=-1", "foo=1"} {
		name, _, _ := strings.Cut(query, "=")
		if got := b.op("GET", "/cdrs?"+query, nil).want(422); got.get("errors.0.location") != "query."+name {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	for _, who := range []func(path string) answer{
		func(path string) answer { return b.op("GET", path, nil) },
		func(path string) answer { return b.as(b.cpo, "GET", path, nil) },
	} {
		var got []string
		for cursor := "0"; cursor != ""; {
			page := who("/cdrs?limit=2&cursor=" + cursor)
			got, cursor = append(got, ids(page)), page.get("next")
		}
		if diff := cmp.Diff([]string{"A H", "B W", "U"}, got); diff != "" {
			t.Error(diff)
		}
	}
	list := b.op("GET", "/cdrs", nil)
	if s := strings.ToUpper(list.body); strings.Contains(s, "SECRET") || strings.Contains(s, "CONTRACT") {
		t.Errorf("the list has tokens: %s", list.body)
	}
	first := list.get("items.0")
	for field, want := range map[string]string{
		"country_code": "NL", "party_id": "CP1", "id": "A", "emsp": "DE-EM1", "state": "approved", "held": "false", "mail": "delivered",
		"currency": "EUR", "net": "4.00", "gross": "4.84", "kwh": "10", "session": "s-a", "started": start.Format("2006-01-02T15:04:05Z"),
	} {
		if got := gjson.Get(first, field).String(); got != want {
			t.Errorf("%s: got %q, want %q", field, got, want)
		}
	}
}

// A party with both sides pages through the CDRs of both.
func TestListOfBothSides(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "FR-TWO")
	b.agree("FR-TWO", "DE-EM1")
	b.agree("FR-TWO", "FR-TWO")
	var want []string
	for i, c := range [][2]string{{"NL-CP1", "FR-TWO"}, {"FR-TWO", "DE-EM1"}, {"FR-TWO", "FR-TWO"}, {"FR-TWO", "DE-EM1"}, {"NL-CP1", "FR-TWO"}} {
		b.take(c[0], c[1], fmt.Sprint("C", i))
		want = append(want, fmt.Sprint("C", i))
	}
	var got []string
	for cursor := "0"; cursor != ""; {
		page := b.as(b.both, "GET", "/cdrs?limit=1&cursor="+cursor, nil)
		got, cursor = append(got, ids(page)), page.get("next")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := ids(b.as(b.both, "GET", "/cdrs?cpo=FR-TWO&emsp=DE-EM1", nil)); got != "C1 C3" {
		t.Errorf("filtered: %s", got)
	}
}

func TestCDRDetail(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.take("NL-CP1", "DE-EM1", "H", overcharged...)
	for who, got := range map[string]answer{
		"operator": b.op("GET", "/cdrs/NL/CP1/H", nil), "emsp": b.as(b.emsp, "GET", "/cdrs/nl/cp1/h", nil), "cpo": b.as(b.cpo, "GET", "/cdrs/NL/CP1/H", nil),
	} {
		for field, want := range map[string]string{
			"id": "H", "state": "presented", "held": "true", "verdict": "hold", "findings.#": "1", "findings.0.check": "C18", "findings.0.code": "overcharged",
			"findings.0.means": "the total is more than the tariff gives", "price.verdict": "mismatch", "price.basis": "cdr", "price.claimed_net": "5.00",
			"price.claimed_gross": "6.05", "price.net": "4.00", "price.gross": "4.84", "price.tariffs.0.id": "T1", "price.differences.0.field": "total_cost.excl_vat",
			"price.differences.0.ours": "4.0000", "delivery.state": "delivered", "delivery.attempts": "1", "delivery.told_by": "DE-EM1", "delivery.told_ocpi_status": "1000",
			"events.#": "2", "events.0.kind": "received", "events.0.actor": "NL-CP1", "events.0.findings.0": "C18 hold overcharged", "events.1.kind": "presented",
			"next": `[{"action":"approve","by":["DE-EM1","operator"]},{"action":"dispute","by":["DE-EM1"]},{"action":"release","by":["operator"]},{"action":"credit","by":["NL-CP1"]}]`,
		} {
			if v := got.want(200).get(field); v != want {
				t.Errorf("%s: %s: got %q, want %q", who, field, v, want)
			}
		}
		if !strings.Contains(got.get("findings.0.message"), "a difference of 1.0000 EUR") {
			t.Errorf("%s", got.get("findings.0.message"))
		}
	}
	body := b.as(b.cpo, "GET", "/cdrs/NL/CP1/H/body", nil).want(200)
	if body.body != cdrOf("NL-CP1", "DE-EM1", "H", overcharged...) || body.header.Get("Content-Type") != "application/json" {
		t.Errorf("body %s: %s", body.header, body.body)
	}
	for lang, words := range map[string]string{
		"": "The CDR says 5.0000 for total_cost.excl_vat; the hub computed 4.0000.", "en": "Total 4.00 EUR without tax, 4.84 with tax.",
		"fr": "Total 4.00 EUR hors taxes", "es": "El CDR indica 5.0000 para total_cost.excl_vat; el hub calculó 4.0000.",
	} {
		got := b.as(b.emsp, "GET", "/cdrs/NL/CP1/H/explanation?lang="+lang, nil)
		if lang == "" {
			got = b.as(b.emsp, "GET", "/cdrs/NL/CP1/H/explanation", nil)
		}
		if !strings.Contains(got.want(200).body, words) || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%q: %s %s", lang, got.header.Get("Content-Type"), got.body)
		}
	}
	b.op("GET", "/cdrs/NL/CP1/H/explanation?lang=nl", nil).want(422)
	got := b.op("GET", "/cdrs/NL/CP1/H/explanation?format=json", nil).want(200)
	if got.get("price.lines.0.unit_price") != "0.40" || got.get("verdict") != "mismatch" || got.get("currency") != "EUR" {
		t.Errorf("explanation: %s", got.body)
	}
	b.op("GET", "/cdrs/NL/CP1/none", nil).want(404)
	b.op("GET", "/cdrs/N/CP1/H", nil).want(422)
	b.op("GET", "/cdrs/NL/CP1/"+strings.Repeat("x", 41), nil).want(422)
}

// A CDR that no tariff can price says so.
func TestExplanationWithoutPrice(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.take("NL-CP1", "DE-EM1", "N", `"tariffs":[`, `"x_tariffs":[`)
	got := b.op("GET", "/cdrs/NL/CP1/N", nil).want(200)
	if got.get("price.verdict") != "not_priced" || got.get("price.not_priced") == "" || got.get("price.basis") != "none" || got.get("price.claimed_net") != "4.00" {
		t.Errorf("price: %s", got.get("price"))
	}
	if text := b.op("GET", "/cdrs/NL/CP1/N/explanation?lang=fr", nil).want(200).body; text != "Le prix n'a pas été calculé : no tariff is known.\n" {
		t.Errorf("explanation: %s", text)
	}
	if got := b.op("GET", "/cdrs/NL/CP1/N/explanation?format=json", nil).want(200); gjson.Get(got.body, "price").Exists() {
		t.Errorf("explanation: %s", got.body)
	}
}

// What a party takes away can be checked without the hub.
func TestReceiptAndEvidence(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.take("NL-CP1", "DE-EM1", "A")
	b.as(b.emsp, "POST", "/cdrs/NL/CP1/A/approve", nil).want(200)
	key := b.as(b.emsp, "GET", "/ledger", nil).want(200).get("verifier_key")
	for event, kind := range map[string]ledger.Kind{"": ledger.Received, "?event=received": ledger.Received, "?event=approved": ledger.Approved} {
		file := b.as(b.emsp, "GET", "/cdrs/NL/CP1/A/receipt"+event, nil).want(200)
		r, err := receipt.Parse([]byte(file.body))
		check(t, err)
		c, err := receipt.Check(r, key)
		check(t, err)
		if leaf, err := ledger.ParseLeaf(c.Leaf); err != nil || leaf.Kind != kind || leaf.CDR != "A" {
			t.Errorf("receipt%s: %+v, %v", event, leaf, err)
		}
		if d := file.header.Get("Content-Disposition"); d != `attachment; filename="NL-CP1-A-receipt.json"` {
			t.Errorf("Content-Disposition: %s", d)
		}
	}
	b.op("GET", "/cdrs/NL/CP1/A/receipt?event=disputed", nil).want(404)
	b.op("GET", "/cdrs/NL/CP1/A/receipt?event=x", nil).want(422)
	for _, path := range []string{"/cdrs/NL/CP1/A/evidence", "/sessions/NL/CP1/s-a/evidence"} {
		c, err := ledger.CheckBundle([]byte(b.as(b.cpo, "GET", path, nil).want(200).body), key)
		if err != nil || !c.Sound() {
			t.Errorf("%s: %+v, %v", path, c, err)
		}
	}
	b.op("GET", "/sessions/NL/CP1/none/evidence", nil).want(404)
}

// After a refusal the id is free, and may come again for another provider, who
// learns nothing of what was before.
func TestAnIdForAnotherProvider(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.agree("NL-CP1", "BE-EM2")
	b.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) {
		ocpi.WriteEnvelope(w, http.StatusOK, ocpi.StatusInvalidParameters, "not ours", nil)
	})
	if a, err := b.intake("NL-CP1", "DE-EM1", cdrOf("NL-CP1", "DE-EM1", "A")); err != nil || a.Accepted {
		t.Fatalf("%+v, %v", a, err)
	}
	if got := b.as(b.emsp, "GET", "/cdrs/NL/CP1/A", nil).want(200); got.get("state") != "refused" || got.get("next") != `[{"action":"resend","by":["NL-CP1"]}]` {
		t.Errorf("refused: %s", got.body)
	}
	b.take("NL-CP1", "BE-EM2", "A")
	got := b.as(b.multi, "GET", "/cdrs/NL/CP1/A", nil).want(200)
	if strings.Contains(got.body, "DE-EM1") || got.get("events.#") != "2" {
		t.Errorf("the second provider sees %s", got.body)
	}
	b.as(b.multi, "GET", "/cdrs/NL/CP1/A/receipt?event=refused", nil).want(404)
	b.as(b.cpo, "GET", "/cdrs/NL/CP1/A/receipt?event=refused", nil).want(200)
	if n := b.as(b.cpo, "GET", "/cdrs/NL/CP1/A", nil).get("events.#"); n != "4" {
		t.Errorf("the CPO sees %s events, want 4", n)
	}
	b.as(b.emsp, "GET", "/cdrs/NL/CP1/A", nil).want(404)
}
