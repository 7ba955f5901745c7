package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/blackbox"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

var (
	tamperCPO  = blackbox.Party{Country: "NL", ID: "CP1", Role: "CPO"}
	tamperEMSP = blackbox.Party{Country: "DE", ID: "EM1", Role: "EMSP"}
)

// tampered is a hub, a process of its own, and what a partner has kept of its
// proofs.
type tampered struct {
	t    *testing.T
	hub  *blackbox.Hub
	cpo  *blackbox.Partner
	emsp string // token of the provider
	dir  string // for files
	key  string

	promises map[string]string // by id of the CDR
}

func newTampered(t *testing.T, binary, database string) *tampered {
	t.Helper()
	dir := t.TempDir()
	addr, err := blackbox.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	x := &tampered{t: t, dir: dir, promises: map[string]string{}, hub: &blackbox.Hub{Binary: binary, Data: filepath.Join(dir, "data"), Addr: addr}}
	if database != "" {
		x.hub.Settings = []string{"EROAM_DATABASE=" + database}
	}
	x.start()
	t.Cleanup(x.hub.Kill)
	provider := blackbox.Platform(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { blackbox.Answer(w, http.StatusOK, 1000, nil) }),
		blackbox.Endpoint{Identifier: "cdrs", Role: "RECEIVER", URL: "/in/cdrs"})
	t.Cleanup(provider.Close)
	operator := blackbox.Platform(nil, blackbox.Endpoint{Identifier: "cdrs", Role: "SENDER", URL: "/out/cdrs"})
	t.Cleanup(operator.Close)
	if x.emsp, err = x.hub.Register(tamperEMSP, provider.URL+"/versions"); err != nil {
		t.Fatal(err)
	}
	token, err := x.hub.Register(tamperCPO, operator.URL+"/versions")
	if err != nil {
		t.Fatal(err)
	}
	x.cpo = &blackbox.Partner{Party: tamperCPO, Hub: x.hub, Token: token, Header: http.Header{"Eroam-Promise": {"1"}}}
	return x
}

func (x *tampered) start() {
	x.t.Helper()
	if _, err := x.hub.Start(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

// bill sends a CDR over 10 kWh at 0.40.
func (x *tampered) bill(id string) {
	x.t.Helper()
	start := time.Now().UTC().Add(-3 * time.Hour).Truncate(time.Second)
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	body := `{"country_code":"NL","party_id":"CP1","id":"` + id + `","start_date_time":"` + at(0) + `","end_date_time":"` + at(time.Hour) + `","session_id":"S-` + id + `",` +
		`"cdr_token":{"country_code":"DE","party_id":"EM1","uid":"U-` + id + `","type":"RFID","contract_id":"DE-EM1-C1-X"},"auth_method":"WHITELIST",` +
		`"cdr_location":{"id":"LOC1","address":"Kade 1","city":"Amsterdam","country":"NLD","coordinates":{"latitude":"52.370000","longitude":"4.900000"},` +
		`"evse_uid":"E-` + id + `","evse_id":"NL*CP1*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},` +
		`"currency":"EUR","tariffs":[{"country_code":"NL","party_id":"CP1","id":"T1","currency":"EUR","elements":[{"price_components":[{"type":"ENERGY","price":0.40,"vat":21,"step_size":1}]}],"last_updated":"2026-01-01T00:00:00Z"}],` +
		`"charging_periods":[{"start_date_time":"` + at(0) + `","dimensions":[{"type":"ENERGY","volume":10.0},{"type":"TIME","volume":1.0}],"tariff_id":"T1"}],` +
		`"total_cost":{"excl_vat":4.00,"incl_vat":4.84},"total_energy":10.0,"total_time":1.0,"last_updated":"` + at(time.Hour+time.Minute) + `"}`
	r, err := x.cpo.Must(x.t.Context(), http.MethodPost, "receiver/cdrs", tamperEMSP, []byte(body))
	if err != nil {
		x.t.Fatal(err)
	}
	x.promises[id] = r.Header.Get("Eroam-Promise")
}

// eroam runs eroam ledger and returns what it printed and its exit code.
func (x *tampered) eroam(args ...string) (out string, code int) {
	x.t.Helper()
	cmd := exec.CommandContext(x.t.Context(), x.hub.Binary, append([]string{"ledger"}, args...)...)
	cmd.Dir = x.dir
	cmd.Env = append(os.Environ(), "EROAM_URL="+x.hub.URL(), "EROAM_TOKEN="+blackbox.AdminToken)
	b, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return string(b), exit.ExitCode()
	}
	if err != nil {
		x.t.Fatal(err)
	}
	return string(b), 0
}

// want runs it and compares the exit code, and that words are printed.
func (x *tampered) want(code int, words string, args ...string) {
	x.t.Helper()
	if out, got := x.eroam(args...); got != code || !strings.Contains(out, words) {
		x.t.Errorf("eroam ledger %s: exit code %d, want %d and %q:\n%s", strings.Join(args, " "), got, code, words, out)
	}
}

// verify checks the database without a hub.
func (x *tampered) verify(code int, words string) {
	x.t.Helper()
	args := []string{"verify", "--data", x.hub.Data, "--key", x.key}
	if o := x.hub.Database(); o.Database != "" {
		args = append(args, "--database", o.Database)
	}
	x.want(code, words, args...)
}

// What somebody changes in the database is named; what partners have kept still
// proves what it proved.
func TestTamperedLedger(t *testing.T) {
	binary, err := blackbox.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	storetest.Engines(t, func(t *testing.T, fresh func(testing.TB) store.Options) {
		x := newTampered(t, binary, fresh(t).Database)
		for i := range 4 {
			x.bill(fmt.Sprintf("C%d", i+1))
		}
		x.want(0, "approved", "approve", "NL", "CP1", "C1")
		x.want(0, "disputed", "dispute", "NL", "CP1", "C2", "--platform-token", x.emsp, "--raw-token", "--reason", "wrong-price", "--text", "0.30 was agreed")
		x.want(0, "state     resolved", "resolve", "nl", "cp1", "c2", "--outcome", "forgone")
		x.want(0, "10.0000 kWh of energy at 0.40 EUR per kWh", "show", "NL", "CP1", "C1", "--explain")
		x.keep()
		x.hub.Stop()
		x.verify(0, "4 CDRs, 3 postings")
		x.tamper()
		x.verify(0, "sound")
		x.dropNewest()
		x.want(0, "NL-CP1 C1", "check-receipt", "c1.receipt", "--key", x.key)
		x.want(0, "every line is as stored", "check-evidence", "c1.evidence", "--key", x.key)
	})
}

// keep is what a partner does while all is well.
func (x *tampered) keep() {
	x.t.Helper()
	x.want(0, "", "receipt", "NL", "CP1", "C1", "-o", "c1.receipt")
	x.want(0, "", "receipt", "NL", "CP1", "C1", "--event", "approved", "-o", "c1.approved")
	x.want(0, "", "evidence", "NL", "CP1", "C1", "-o", "c1.evidence")
	x.want(0, "", "checkpoint", "-o", "old")
	var receipt struct {
		Key string `json:"verifier_key"`
	}
	b, err := os.ReadFile(filepath.Join(x.dir, "c1.receipt"))
	if err == nil {
		err = json.Unmarshal(b, &receipt)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	x.key = receipt.Key
	x.want(0, "posted    emsp:DE-EM1 4.84 EUR", "check-receipt", "c1.approved", "--key", x.key)
	x.want(0, "warning", "check-receipt", "c1.receipt")
	x.want(0, "valid", "check-receipt", "c1.receipt", "--key", x.key, "--promise", x.promises["C1"])
	x.want(1, "the promise is about event", "check-receipt", "c1.receipt", "--key", x.key, "--promise", x.promises["C2"])
	x.want(1, "three parts", "check-receipt", "c1.receipt", "--promise", "none")
	x.want(0, "messages", "check-evidence", "c1.evidence", "--json")
	for name, change := range map[string][2]string{"c1.receipt": {`\"net\":400`, `\"net\":401`}, "c1.evidence": {`\"excl_vat\":4.00`, `\"excl_vat\":4.01`}} {
		b, err := os.ReadFile(filepath.Join(x.dir, name))
		if err != nil {
			x.t.Fatal(err)
		}
		forged := bytes.Replace(b, []byte(change[0]), []byte(change[1]), 1)
		if err := os.WriteFile(filepath.Join(x.dir, "forged"), forged, 0o600); err != nil {
			x.t.Fatal(err)
		}
		x.want(1, "", "check-"+strings.TrimPrefix(name, "c1."), "forged", "--key", x.key)
	}
	x.want(2, "gone", "check-receipt", "gone")
	x.want(0, "4 rows", "export", "cdrs", "-o", "cdrs.csv", "--of", "DE-EM1")
	x.want(0, `"amount":"-0.84"`, "export", "postings", "-o", "-", "--format", "jsonl")
}

// tamper changes one row after another, and takes the change back.
func (x *tampered) tamper() {
	x.t.Helper()
	o := x.hub.Database()
	leaf := func(from, to string) string {
		if o.Database != "" {
			return fmt.Sprintf(`UPDATE ledger_event SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '%s', '%s'), 'UTF8') WHERE seq = 1`, from, to)
		}
		return fmt.Sprintf(`UPDATE ledger_event SET leaf = CAST(replace(CAST(leaf AS TEXT), '%s', '%s') AS BLOB) WHERE seq = 1`, from, to)
	}
	hash := func(of string) string {
		h := tlog.RecordHash([]byte(of))
		form := `x'%s'`
		if o.Database != "" {
			form = `'\x%s'`
		}
		return `UPDATE ledger_event SET hash = ` + fmt.Sprintf(form, hex.EncodeToString(h[:])) + ` WHERE seq = 1`
	}
	swap := []string{`UPDATE object SET id = 'aside' WHERE kind = 'cdrs' AND id = 'c1'`, `UPDATE object SET id = 'c1' WHERE kind = 'cdrs' AND id = 'c2'`,
		`UPDATE object SET id = 'c2' WHERE kind = 'cdrs' AND id = 'aside'`}
	original := x.leaf(1)
	changed := strings.Replace(original, `"net":400`, `"net":300`, 1)
	for _, c := range []struct {
		do, undo []string
		want     string
	}{
		{[]string{`UPDATE cdr SET net = net - 100 WHERE cdr_id = 'c1'`}, []string{`UPDATE cdr SET net = net + 100 WHERE cdr_id = 'c1'`}, "WRONG  cdr 1 (NL-CP1 C1): says 300/484 EUR"},
		{swap, swap, "WRONG  cdr 1 (NL-CP1 C1): its body is not the one that was received"},
		{[]string{leaf(`"net":400`, `"net":300`)}, []string{leaf(`"net":300`, `"net":400`)}, "WRONG  ledger_event 1: the leaf does not have the hash"},
		{[]string{leaf(`"net":400`, `"net":300`), hash(changed)}, []string{leaf(`"net":300`, `"net":400`), hash(original)}, "was signed over other events than the first"},
		{[]string{`UPDATE posting SET amount = amount + 1 WHERE id = 1`}, []string{`UPDATE posting SET amount = amount - 1 WHERE id = 1`}, "WRONG  posting of event"},
		{[]string{`UPDATE balance SET amount = amount + 1 WHERE account = 'emsp:DE-EM1'`}, []string{`UPDATE balance SET amount = amount - 1 WHERE account = 'emsp:DE-EM1'`}, "WRONG  balance emsp:DE-EM1 EUR: is 485; the postings add up to 484"},
	} {
		storetest.Tamper(x.t, o, c.do...)
		x.verify(1, c.want)
		storetest.Tamper(x.t, o, c.undo...)
	}
}

// leaf reads an event.
func (x *tampered) leaf(seq int64) string {
	x.t.Helper()
	db, err := x.hub.Ledger(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	events, err := db.Events(x.t.Context(), seq, 1)
	if err != nil || len(events) != 1 {
		x.t.Fatal(events, err)
	}
	return string(events[0].Leaf)
}

// dropNewest takes the newest event away and lets the hub go on, which signs no
// such log; without the checkpoints it does, but the log is not the one any more of
// which the partner has kept a checkpoint.
func (x *tampered) dropNewest() {
	x.t.Helper()
	old, err := os.ReadFile(filepath.Join(x.dir, "old"))
	if err != nil {
		x.t.Fatal(err)
	}
	size, err := strconv.Atoi(strings.Split(string(old), "\n")[1])
	if err != nil {
		x.t.Fatal(err)
	}
	storetest.Tamper(x.t, x.hub.Database(), fmt.Sprintf(`DELETE FROM ledger_event WHERE seq = %d`, size-1))
	x.verify(1, fmt.Sprintf("WRONG  ledger_event %d: is missing: the checkpoint of size %d was signed over it", size-1, size))
	x.start()
	x.want(1, "log is not what it was", "checkpoint", "-o", "new")
	x.bill("C5")
	x.bill("C6")
	x.want(1, "log is not what it was", "checkpoint", "-o", "new")
	x.hub.Stop()
	x.verify(1, fmt.Sprintf("WRONG  ledger_checkpoint %d: was signed over other events", size))
	storetest.Tamper(x.t, x.hub.Database(), `DELETE FROM ledger_checkpoint`)
	x.start()
	x.want(0, "", "checkpoint", "-o", "new")
	x.bill("C7")
	x.want(0, "", "checkpoint", "-o", "newer")
	now, err := os.ReadFile(filepath.Join(x.dir, "new"))
	if err != nil {
		x.t.Fatal(err)
	}
	x.want(0, "", "consistency", strings.Split(string(now), "\n")[1], "-o", "proof")
	x.want(0, "", "check-consistency", "new", "newer", "proof", "--key", x.key)
	x.want(1, "did not grow out of", "check-consistency", "old", "newer", "proof", "--key", x.key)
	x.want(1, "did not grow out of", "check-consistency", "c1.receipt", "newer", "proof")
	x.want(1, "no checkpoint of size", "consistency", strconv.Itoa(size), "-o", "none")
	x.hub.Stop()
}
