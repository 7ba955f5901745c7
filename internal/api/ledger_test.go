package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
	"golang.org/x/mod/sumdb/tlog"

	checks "github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
)

func TestLedger(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.agree("FR-TWO", "FR-TWO")
	b.agree("FR-TWO", "DE-EM1")
	b.take("NL-CP1", "DE-EM1", "A")
	older := b.op("GET", "/ledger", nil).want(200)
	b.take("NL-CP1", "DE-EM1", "H", overcharged...)
	b.take("FR-TWO", "FR-TWO", "T")
	b.take("FR-TWO", "DE-EM1", "U")
	b.giveUp("FR-TWO", "U")
	b.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	b.take("NL-CP1", "DE-EM1", "W")
	b.op("POST", "/cdrs/NL/CP1/A/approve", nil).want(200)
	size, err := b.store.LedgerSize(t.Context())
	check(t, err)
	got := b.op("GET", "/ledger", nil).want(200)
	for field, want := range map[string]string{
		"size": fmt.Sprint(size), "states.presented": "3", "states.approved": "1", "states.valid": "1", "held": "1", "waiting": "1", "dead": "1", "findings": "0",
		"balances": `[{"currency":"EUR","accounts":3,"debit":"4.84","sum":"0.00"}]`, "verifier_key": b.ledger.VerifierKey(),
	} {
		if v := got.get(field); v != want {
			t.Errorf("%s: got %q, want %q", field, v, want)
		}
	}
	c, err := receipt.Open(got.get("checkpoint.note"), got.get("verifier_key"))
	if err != nil || c.Size != size || c.Root.String() != got.get("root") {
		t.Errorf("checkpoint %+v, %v; root %s", c, err, got.get("root"))
	}
	own := b.as(b.both, "GET", "/ledger", nil).want(200)
	if own.get("states") != `{"presented":2}` || own.get("held") != "0" || own.get("dead") != "1" || own.get("balances") != "" || own.get("size") != fmt.Sprint(size) {
		t.Errorf("for a party: %s", own.body)
	}
	// Checkpoints, and that the log has grown out of the older one.
	from := older.get("checkpoint.size")
	if v := b.as(b.cpo, "GET", "/ledger/checkpoint?size="+from, nil).want(200); v.get("note") != older.get("checkpoint.note") {
		t.Errorf("checkpoint: %s", v.body)
	}
	if v := b.as(b.cpo, "GET", "/ledger/checkpoint", nil).want(200); v.get("size") != fmt.Sprint(size) {
		t.Errorf("newest checkpoint: %s", v.body)
	}
	b.op("GET", "/ledger/checkpoint?size=2", nil).want(404)
	b.op("GET", "/ledger/checkpoint?size=-1", nil).want(422)
	p := b.as(b.emsp, "GET", "/ledger/consistency?from="+from, nil).want(200)
	var proof []tlog.Hash
	check(t, json.Unmarshal([]byte(p.get("proof")), &proof))
	if _, _, err := receipt.CheckConsistency(older.get("checkpoint.note"), p.get("newer.note"), proof, b.ledger.VerifierKey()); err != nil || len(proof) == 0 {
		t.Errorf("%d hashes, %v", len(proof), err)
	}
	b.op("GET", "/ledger/consistency", nil).want(422)
	b.op("GET", "/ledger/consistency?from=2", nil).want(404)
	b.op("GET", "/ledger/consistency?from="+from+"&to=3000", nil).want(404)
	if v := b.op("GET", fmt.Sprintf("/ledger/consistency?from=%d&to=%s", size, from), nil).want(422); v.get("errors.0.location") != "query.to" {
		t.Errorf("the wrong way round: %s", v.body)
	}
}

func TestBalancesAndPostings(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.agree("FR-TWO", "DE-EM1")
	b.agree("NL-CP1", "FR-TWO")
	b.take("NL-CP1", "DE-EM1", "A")
	b.take("FR-TWO", "DE-EM1", "B", `"currency":"EUR"`, `"currency":"USD"`)
	b.take("NL-CP1", "FR-TWO", "C")
	for _, path := range []string{"/cdrs/NL/CP1/A", "/cdrs/FR/TWO/B", "/cdrs/NL/CP1/C"} {
		b.op("POST", path+"/approve", nil).want(200)
	}
	lines := func(a answer) (all []string) {
		t.Helper()
		for _, p := range gjson.Get(a.want(200).body, "items").Array() {
			all = append(all, strings.Join([]string{p.Get("account").String(), p.Get("amount").String(), p.Get("currency").String()}, " "))
		}
		return all
	}
	for _, c := range []struct {
		what string
		got  answer
		want []string
	}{
		{"all", b.op("GET", "/ledger/balances", nil), []string{"cpo:FR-TWO -4.00 USD", "cpo:NL-CP1 -8.00 EUR", "emsp:DE-EM1 4.84 EUR", "emsp:DE-EM1 4.84 USD", "emsp:FR-TWO 4.84 EUR", "tax:FR-TWO -0.84 USD", "tax:NL-CP1 -1.68 EUR"}},
		{"currency", b.op("GET", "/ledger/balances?currency=USD", nil), []string{"cpo:FR-TWO -4.00 USD", "emsp:DE-EM1 4.84 USD", "tax:FR-TWO -0.84 USD"}},
		{"account", b.op("GET", "/ledger/balances?account=cpo:NL-CP1", nil), []string{"cpo:NL-CP1 -8.00 EUR"}},
		{"cpo", b.as(b.cpo, "GET", "/ledger/balances", nil), []string{"cpo:NL-CP1 -8.00 EUR", "tax:NL-CP1 -1.68 EUR"}},
		{"both", b.as(b.both, "GET", "/ledger/balances", nil), []string{"cpo:FR-TWO -4.00 USD", "emsp:FR-TWO 4.84 EUR", "tax:FR-TWO -0.84 USD"}},
		{"other side", b.as(b.other, "GET", "/ledger/balances?party=NL-CP1", nil), nil},
		{"other's account", b.as(b.cpo, "GET", "/ledger/balances?account=emsp:DE-EM1", nil), nil},
		{"postings of the CPO", b.as(b.cpo, "GET", "/ledger/postings", nil), []string{"cpo:NL-CP1 -4.00 EUR", "tax:NL-CP1 -0.84 EUR", "cpo:NL-CP1 -4.00 EUR", "tax:NL-CP1 -0.84 EUR"}},
		{"postings of the provider", b.as(b.emsp, "GET", "/ledger/postings?currency=USD", nil), []string{"emsp:DE-EM1 4.84 USD"}},
		{"postings of both", b.as(b.both, "GET", "/ledger/postings", nil), []string{"cpo:FR-TWO -4.00 USD", "tax:FR-TWO -0.84 USD", "emsp:FR-TWO 4.84 EUR"}},
		{"postings of the other side", b.as(b.other, "GET", "/ledger/postings?party=DE-EM1", nil), nil},
		{"postings of another account", b.as(b.cpo, "GET", "/ledger/postings?account=emsp:DE-EM1", nil), nil},
		{"of a CDR", b.op("GET", "/ledger/postings?cpo=NL-CP1&cdr=c", nil), []string{"emsp:FR-TWO 4.84 EUR", "cpo:NL-CP1 -4.00 EUR", "tax:NL-CP1 -0.84 EUR"}},
		{"before", b.op("GET", "/ledger/postings?to=2020-01-01T00:00:00Z", nil), nil},
		{"an account", b.op("GET", "/ledger/postings?account=tax:NL-CP1&from=2020-01-01T00:00:00Z", nil), []string{"tax:NL-CP1 -0.84 EUR", "tax:NL-CP1 -0.84 EUR"}},
	} {
		if diff := cmp.Diff(c.want, lines(c.got)); diff != "" {
			t.Errorf("%s: %s", c.what, diff)
		}
	}
	for _, who := range []func(string) answer{
		func(q string) answer { return b.op("GET", "/ledger/postings?"+q, nil) },
		func(q string) answer { return b.as(b.cpo, "GET", "/ledger/postings?"+q, nil) },
	} {
		all, paged := lines(who("")), []string(nil)
		for cursor := "0"; cursor != ""; {
			page := who("limit=1&cursor=" + cursor)
			paged, cursor = append(paged, lines(page)...), page.get("next")
		}
		if diff := cmp.Diff(all, paged); diff != "" {
			t.Error(diff)
		}
	}
	first := b.op("GET", "/ledger/postings?limit=1", nil)
	if s := first.get("items.0.cdr") + " " + first.get("items.0.cpo") + " " + first.get("items.0.emsp") + " " + first.get("items.0.minor"); s != "A NL-CP1 DE-EM1 484" {
		t.Errorf("a posting: %s", first.body)
	}
	b.op("GET", "/ledger/postings?cpo=NL-CP1", nil).want(422)
	b.op("GET", "/ledger/postings?cdr=A", nil).want(422)
	b.op("GET", "/ledger/postings?cpo=x&cdr=A", nil).want(422)
	b.op("GET", "/ledger/postings?cpo=NL-CP1&cdr=none", nil).want(404)
	b.as(b.both, "GET", "/ledger/postings?cpo=NL-CP1&cdr=A", nil).want(404)
}

func TestLedgerFindings(t *testing.T) {
	b := newBill(t)
	check(t, b.store.Write(t.Context(), func(tx *store.Tx) error {
		for i, f := range []store.LedgerFinding{
			{ID: "f1", Kind: "missing_cdr", CPO: id(t, "NL-CP1"), EMSP: id(t, "DE-EM1"), Session: "s1", At: 1e15, Text: "no CDR"},
			{ID: "f2", Kind: "silent_session", CPO: id(t, "FR-TWO"), EMSP: id(t, "FR-TWO"), Session: "s2", At: 1e15},
			{ID: "f3", Kind: "missing_cdr", CPO: id(t, "NL-CP1"), EMSP: id(t, "FR-TWO"), Session: "s3", At: 1e15, Cleared: 1e15 + 1},
			{ID: "f4", Kind: "missing_cdr", CPO: id(t, "FR-TWO"), EMSP: id(t, "DE-EM1"), Session: "s4", At: 1e15},
		} {
			if err := tx.PutFinding(f); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		return nil
	}))
	for _, c := range []struct {
		got  answer
		want string
	}{
		{b.op("GET", "/ledger/findings", nil), "f1 f2 f4"}, {b.op("GET", "/ledger/findings?all=true", nil), "f1 f2 f3 f4"},
		{b.op("GET", "/ledger/findings?kind=silent_session", nil), "f2"}, {b.op("GET", "/ledger/findings?cpo=FR-TWO", nil), "f2 f4"},
		{b.op("GET", "/ledger/findings?session=S1", nil), "f1"}, {b.op("GET", "/ledger/findings?limit=2", nil), "f1 f2"},
		{b.op("GET", "/ledger/findings?limit=2&cursor=f2", nil), "f4"},
		{b.as(b.cpo, "GET", "/ledger/findings", nil), "f1"}, {b.as(b.emsp, "GET", "/ledger/findings", nil), "f1 f4"},
		{b.as(b.both, "GET", "/ledger/findings?all=true", nil), "f2 f3 f4"}, {b.as(b.other, "GET", "/ledger/findings?party=DE-EM1", nil), ""},
	} {
		if got := ids(c.got); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	if n := b.op("GET", "/ledger", nil).get("findings"); n != "3" {
		t.Errorf("the ledger counts %s findings", n)
	}
	b.op("GET", "/ledger/findings?kind=x", nil).want(422)
	all := b.as(b.cpo, "GET", "/ledger/checks", nil).want(200)
	if n := all.get("items.#"); n != fmt.Sprint(len(checks.Codes())) || all.get("items.0.check") != "C01" || all.get(`items.#(code=="overcharged").severity`) != "hold" {
		t.Errorf("%s checks: %.300s", n, all.body)
	}
}

func TestMeterKeys(t *testing.T) {
	b := newBill(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	check(t, err)
	key := hex.EncodeToString(der)
	body := `{"key":"` + key + `"}`
	const path = "/meter-keys/NL/CP1/E1"
	b.op("GET", path, nil).want(404)
	b.op("DELETE", path, nil).want(404)
	got := b.as(b.cpo, "PUT", path, body).want(200)
	if got.get("key") != key || got.get("curve") != "secp256r1" || got.get("supported") != "true" || got.get("evse_uid") != "e1" {
		t.Errorf("put: %s", got.body)
	}
	if stored, err := b.store.MeterKey(t.Context(), id(t, "NL-CP1"), "e1"); err != nil || stored != key {
		t.Errorf("stored %q, %v", stored, err)
	}
	if got := b.op("GET", "/meter-keys/nl/cp1/e1", nil).want(200); got.get("key") != key {
		t.Errorf("get: %s", got.body)
	}
	for _, bad := range []string{`{"key":"x"}`, `{"key":""}`, `{"key":"` + key[:40] + `"}`} {
		if got := b.op("PUT", path, bad).want(422); got.get("errors.0.location") != "body.key" {
			t.Errorf("%s: %s", bad, got.body)
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		in := any(nil)
		if method == "PUT" {
			in = body
		}
		b.as(b.emsp, method, path, in).want(403)
		b.as(b.multi, method, path, in).want(403)
		b.as(b.other, method, path, in).want(403) // NL-CP1 is a provider there
	}
	b.op("PUT", "/meter-keys/AT/XXX/E1", body).want(404)
	b.op("PUT", "/meter-keys/BE/EM2/E1", body).want(404)
	b.as(b.multi, "PUT", "/meter-keys/NL/CP2/E1", body).want(200)
	b.op("DELETE", path, nil).want(204)
	b.op("GET", path, nil).want(404)
	var log []string
	for _, e := range b.audit() {
		log = append(log, e.Get("action").String()+" "+e.Get("detail.cpo").String()+" "+strings.Replace(e.Get("who").String(), b.cpo.ID, "cpo", 1))
	}
	if diff := cmp.Diff([]string{"meter-key.delete NL-CP1 admin", "meter-key.set NL-CP2 platform " + b.multi.ID, "meter-key.set NL-CP1 platform cpo"}, log); diff != "" {
		t.Error(diff)
	}
}

func TestExports(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.agree("NL-CP1", "FR-TWO")
	for i := range 7 {
		b.take("NL-CP1", []string{"DE-EM1", "FR-TWO"}[i%2], fmt.Sprint("C", i))
	}
	for _, name := range []string{"C0", "C1"} {
		b.op("POST", "/cdrs/NL/CP1/"+name+"/approve", nil).want(200)
	}
	rows := func(a answer, names string) (out []string) {
		t.Helper()
		for line := range strings.Lines(a.want(200).body) {
			var all []string
			for name := range strings.FieldsSeq(names) {
				all = append(all, gjson.Get(line, name).String())
			}
			out = append(out, strings.Join(all, " "))
		}
		return out
	}
	for _, c := range []struct {
		who  answer
		of   string
		want []string
	}{
		{b.op("GET", "/exports/cdrs?format=jsonl", nil), "cdr_id", []string{"C0", "C1", "C2", "C3", "C4", "C5", "C6"}},
		{b.op("GET", "/exports/cdrs?format=jsonl&of=FR-TWO", nil), "cdr_id", []string{"C1", "C3", "C5"}},
		{b.op("GET", "/exports/cdrs?format=jsonl&state=approved", nil), "cdr_id gross", []string{"C0 4.84", "C1 4.84"}},
		{b.op("GET", "/exports/cdrs?format=jsonl&posted=true&from=2020-01-01T00:00:00Z", nil), "cdr_id", []string{"C0", "C1"}},
		{b.op("GET", "/exports/cdrs?format=jsonl&currency=USD", nil), "cdr_id", nil},
		{b.as(b.emsp, "GET", "/exports/cdrs?format=jsonl", nil), "cdr_id", []string{"C0", "C2", "C4", "C6"}},
		{b.as(b.cpo, "GET", "/exports/cdrs?format=jsonl&of=FR-TWO", nil), "cdr_id", []string{"C1", "C3", "C5"}},
		{b.as(b.emsp, "GET", "/exports/cdrs?format=jsonl&of=FR-TWO", nil), "cdr_id", nil},
		{b.as(b.emsp, "GET", "/exports/postings?format=jsonl", nil), "cdr_id account amount", []string{"C0 emsp:DE-EM1 4.84"}},
		{b.as(b.cpo, "GET", "/exports/postings?format=jsonl", nil), "cdr_id account amount", []string{"C0 cpo:NL-CP1 -4.00", "C0 tax:NL-CP1 -0.84", "C1 cpo:NL-CP1 -4.00", "C1 tax:NL-CP1 -0.84"}},
		{b.op("GET", "/exports/postings?format=jsonl&of=FR-TWO", nil), "cdr_id account amount", []string{"C1 emsp:FR-TWO 4.84", "C1 cpo:NL-CP1 -4.00", "C1 tax:NL-CP1 -0.84"}},
		{b.as(b.other, "GET", "/exports/postings?party=NL-CP1&format=jsonl", nil), "cdr_id", nil},
	} {
		if diff := cmp.Diff(c.want, rows(c.who, c.of)); diff != "" {
			t.Error(diff)
		}
	}
	csv := b.op("GET", "/exports/cdrs", nil).want(200)
	if !strings.HasPrefix(csv.header.Get("Content-Type"), "text/csv") || !strings.HasPrefix(csv.body, "ledger_id,cpo,emsp,cdr_id,") || csv.header.Get("Content-Disposition") != `attachment; filename="cdrs.csv"` {
		t.Errorf("%v %.100s", csv.header, csv.body)
	}
	for _, q := range []string{"format=xml", "of=x", "state=x", "currency=e", "from=x", "foo=1"} {
		b.op("GET", "/exports/cdrs?"+q, nil).want(422)
	}
	b.op("GET", "/exports/postings?posted=true", nil).want(422)
}

// Without a ledger there is nothing of it.
func TestNoLedger(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/cdrs", "/cdrs/NL/CP1/A", "/ledger", "/ledger/checks", "/exports/cdrs", "/meter-keys/NL/CP1/E1"} {
		r.call("GET", "/api/v1"+path, nil).want(503)
	}
	r.call("POST", "/api/v1/cdrs/NL/CP1/A/approve", nil).want(503)
}

// A long export is not cut off by the time that the server has for an answer, and
// one that fails does not look like a whole one.
func TestExportsThatTakeLong(t *testing.T) {
	b := newBill(t)
	b.agree("NL-CP1", "DE-EM1")
	b.take("NL-CP1", "DE-EM1", "A")
	b.op("POST", "/cdrs/NL/CP1/A/approve", nil).want(200)
	late := httptest.NewUnstartedServer(b.server.Config.Handler)
	late.Config.WriteTimeout = time.Nanosecond
	late.Start()
	defer late.Close()
	get := func(path string) (string, error) {
		q, err := http.NewRequestWithContext(t.Context(), "GET", late.URL+"/api/v1"+path, http.NoBody)
		check(t, err)
		q.Header.Set("Authorization", "Bearer "+adminToken)
		a, err := late.Client().Do(q)
		if err != nil {
			return "", err
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		return string(text), err
	}
	if text, err := get("/cdrs"); err == nil {
		t.Fatalf("the server has no time, and answers %s", text)
	}
	if text, err := get("/exports/cdrs?format=jsonl"); err != nil || gjson.Get(text, "cdr_id").String() != "A" {
		t.Errorf("%q, %v", text, err)
	}
	// A posting whose CDR is gone ends the export.
	check(t, b.store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.Post([]store.Posting{{CDR: 999, Event: 999, Account: "x", Currency: "EUR", Amount: 1}, {CDR: 999, Event: 999, Account: "y", Currency: "EUR", Amount: -1}})
	}))
	if text, err := get("/exports/postings"); err == nil {
		t.Errorf("a part looks like a whole: %s", text)
	}
}
