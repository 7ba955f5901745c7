package ledger_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

// filled is a database with n CDRs, closed.
func filled(t testing.TB, n int) (o store.Options, signer *receipt.Signer) {
	t.Helper()
	signer, err := receipt.NewSigner("hub.example", [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	o = storetest.SQLite(t)
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := ledger.Fill(t.Context(), s, signer, n); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return o, signer
}

// verify reads a database beside whoever has it.
func verify(t testing.TB, o store.Options, key string, progress ledger.Progress) ledger.Verification {
	t.Helper()
	r, err := store.OpenReader(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	v, err := ledger.Verify(t.Context(), r, key, progress)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// BenchmarkVerify checks a ledger of EROAM_BENCH_LEDGER_EVENTS events (default
// 6,000), of which every third begins a CDR with its body, its evidence and its
// three postings.
func BenchmarkVerify(b *testing.B) {
	events := 6000
	if n, err := strconv.Atoi(os.Getenv("EROAM_BENCH_LEDGER_EVENTS")); err == nil {
		events = n
	}
	start := time.Now()
	o, signer := filled(b, events/3)
	b.Logf("filled with %d CDRs in %v", events/3, time.Since(start).Round(time.Millisecond))
	peak := uint64(0)
	var rows int64
	for b.Loop() {
		v := verify(b, o, signer.VerifierKey(), func(what string, done, total int64) {
			if done%100_000 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapAlloc)
			}
		})
		if len(v.Faults) > 0 {
			b.Fatal(v.Faults)
		}
		rows = v.Events + 3*v.CDRs + v.Postings // each CDR has its row, its body and its evidence
	}
	seconds := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(rows), "rows")
	b.ReportMetric(float64(rows)/seconds, "rows/s")
	b.ReportMetric(float64(events)/seconds, "events/s")
	b.ReportMetric(float64(peak)/1e6, "peak-MB")
}

// What is wrong is named, whatever it is, and nothing else.
func TestVerifyFindsFaults(t *testing.T) {
	o, signer := filled(t, 200)
	key := signer.VerifierKey()
	if v := verify(t, o, key, nil); len(v.Faults) > 0 || v.Events != 601 || v.CDRs != 200 || v.Postings != 600 || v.Checkpoints != 1 {
		t.Fatalf("%+v", v)
	}
	const cdr4 = "cdr 4 (NL-C01 CDR-00000001): "
	for _, c := range []struct {
		sql  string
		want string // the faults, one a line, as they begin
	}{
		{`UPDATE cdr SET net = net + 1 WHERE id = 4`, cdr4 + "says 641/790 EUR, and was received with 640/790 EUR"},
		{`UPDATE cdr SET gross = gross + 1 WHERE id = 4`, cdr4 + "says 640/791"},
		{`UPDATE cdr SET currency = 'USD' WHERE id = 4`, cdr4 + "says 640/790 USD"},
		{`UPDATE cdr SET emsp_party = 'XXX' WHERE id = 4`, cdr4 + "is NL-C01 CDR-00000001 for DE-XXX"},
		{`UPDATE cdr SET state = 'presented' WHERE id = 4`, cdr4 + "is presented (held false, posted true); its events say approved"},
		{`UPDATE cdr SET held = NOT held WHERE id = 4`, cdr4 + "is approved (held true"},
		{`UPDATE cdr SET posted = 0 WHERE id = 4`, cdr4 + "is approved (held false, posted false)"},
		{`UPDATE cdr SET digest = x'00' WHERE id = 4`, cdr4 + "its digest"},
		{`UPDATE cdr SET evidence = 7 WHERE id = 4`, cdr4 + "its evidence is not that of its reception"},
		{`DELETE FROM cdr WHERE id = 4`, cdr4 + "is missing"},
		{`UPDATE cdr SET id = 3 WHERE id = 4`, "cdr 3 (NL-C01 CDR-00000001): no event tells of it\n" + cdr4 + "is missing"},
		{`UPDATE object SET data = (SELECT data FROM object WHERE kind = 'cdrs' AND id = 'cdr-00000002') WHERE kind = 'cdrs' AND id = 'cdr-00000001'`, cdr4 + "its body "},
		{`DELETE FROM object WHERE kind = 'cdrs' AND id = 'cdr-00000001'`, cdr4 + "its body is missing"},
		{`UPDATE object SET data = x'02' WHERE kind = 'cdrs' AND id = 'cdr-00000001'`, cdr4 + "its body is damaged"},
		{`UPDATE cdr_evidence SET body = (SELECT body FROM cdr_evidence WHERE event = 7) WHERE event = 4`, "cdr_evidence 4: is not what was stored"},
		{`UPDATE cdr_evidence SET body = substr(body, 1, 40) WHERE event = 4`, "cdr_evidence 4: its stored bytes are damaged"},
		{`DELETE FROM cdr_evidence WHERE event = 4`, "cdr_evidence 4: is missing"},
		{`DELETE FROM cdr_evidence WHERE event = 598`, "cdr_evidence 598: is missing"},
		{`UPDATE cdr_evidence SET event = 5 WHERE event = 4`, "cdr_evidence 4: is missing\ncdr_evidence 5: belongs to no reception"},
		{`UPDATE ledger_event SET leaf = replace(leaf, '"net":640', '"net":641') WHERE seq = 4`,
			"ledger_event 4: the leaf does not have the hash that is stored with it\nledger_checkpoint 601: was signed over other events\nledger_node 8/0: does not follow\n" + cdr4 + "says 640/790 EUR, and was received with 641/790"},
		{`UPDATE ledger_event SET hash = x'00' WHERE seq = 5`, "ledger_event 5: the leaf does not have the hash"},
		{`UPDATE ledger_event SET kind = 'presented' WHERE seq = 6`, "ledger_event 6: its kind or time is not that of the leaf"},
		{`UPDATE ledger_event SET at = at + 1 WHERE seq = 6`, "ledger_event 6: its kind or time is not that of the leaf"},
		{`UPDATE ledger_event SET cdr = 7 WHERE seq = 5`, "ledger_event 5: is about CDR 7, which was not received before"},
		{`UPDATE ledger_event SET cdr = 1 WHERE seq = 5`, "ledger_event 5: it is about NL-C01 CDR-00000001, its CDR is NL-C00 CDR-00000000"},
		{`DELETE FROM ledger_event WHERE seq = 300`, "ledger_event 300: is missing"},
		{`DELETE FROM ledger_event WHERE seq = 600`, "ledger_event 600: is missing: the checkpoint of size 601 was signed over it\ncdr 598 \nposting of event 600: no event says so"},
		{`DELETE FROM ledger_checkpoint; DELETE FROM ledger_event WHERE seq = 600`, "cdr 598 (NL-C19 CDR-00000199): is approved\nposting of event 600: no event says so"},
		{`DELETE FROM ledger_checkpoint; DELETE FROM ledger_event WHERE seq >= 598`,
			"cdr 598 (NL-C19 CDR-00000199): no event tells of it\ncdr_evidence 598: belongs to no reception\nposting of event 600: no event says so"},
		{`DELETE FROM ledger_checkpoint; DELETE FROM ledger_event WHERE seq >= 598; DELETE FROM cdr WHERE id = 598`, "cdr_evidence 598: belongs to no reception\nposting of event 600: no event says so"},
		{`DELETE FROM ledger_checkpoint; DELETE FROM ledger_event WHERE seq >= 598; DELETE FROM cdr WHERE id = 598; DELETE FROM cdr_evidence WHERE event = 598; DELETE FROM posting WHERE event = 600`, "balance "},
		{`UPDATE ledger_checkpoint SET note = replace(note, '601', '600') WHERE size = 601`, "ledger_checkpoint 601: "},
		{`UPDATE ledger_checkpoint SET size = 600 WHERE size = 601`, "ledger_checkpoint 600: was signed over 601 events"},
		{`UPDATE ledger_node SET hash = x'00' WHERE level = 8 AND n = 1`, "ledger_node 8/1: does not follow"},
		{`DELETE FROM ledger_node WHERE level = 8 AND n = 0`, "ledger_node 8/0: is missing"},
		{`DELETE FROM ledger_node WHERE level = 8 AND n = 1`, "ledger_node 8/1: is missing"},
		{`UPDATE ledger_node SET level = 9 WHERE level = 8 AND n = 1`, "ledger_node 9/1: there is no such level\nledger_node 8/1: is missing"},
		{`UPDATE posting SET amount = amount + 1 WHERE id = 2`, "posting of event 3: is not what the event says\nbalance cpo:NL-C00 EUR: is "},
		{`UPDATE posting SET account = 'cpo:NL-C09' WHERE id = 2`, "posting of event 3: is not what the event says\nbalance cpo:NL-C00 EUR: \nbalance cpo:NL-C09 EUR: "},
		{`DELETE FROM posting WHERE id = 2`, "posting of event 3: is not what the event says\nbalance cpo:NL-C00 EUR: "},
		{`DELETE FROM posting WHERE event = 3`, "posting of event 3: is missing\nbalance "},
		{`DELETE FROM posting WHERE event = 600`, "posting of event 600: is missing\nbalance "},
		{`INSERT INTO posting (id, event, cdr, at, account, currency, amount) VALUES (601, 599, 1, 1, 'emsp:DE-E00', 'EUR', 5)`, "posting of event 599: no event says so\nbalance emsp:DE-E00 EUR: "},
		{`UPDATE balance SET amount = amount + 1 WHERE account = 'tax:NL-C03'`, "balance tax:NL-C03 EUR: is \nbalance EUR: the balances add up to 1 instead of 0"},
		{`DELETE FROM balance WHERE account = 'tax:NL-C03'`, "balance tax:NL-C03 EUR: is missing\nbalance EUR: the balances add up to "},
		{`INSERT INTO balance (account, currency, amount) VALUES ('emsp:XX-XXX', 'EUR', 7)`, "balance emsp:XX-XXX EUR: is 7; the postings add up to 0\nbalance EUR: "},
	} {
		copied := store.Options{Dir: t.TempDir()}
		copyDatabase(t, o.Dir, copied.Dir)
		storetest.Tamper(t, copied, strings.Split(c.sql, ";")...)
		begins(t, c.sql, verify(t, copied, key, nil).Faults, c.want)
	}
}

// begins compares faults with how they are to begin; of the last kind there may be
// more.
func begins(t *testing.T, what string, got []ledger.Fault, want string) {
	t.Helper()
	lines := strings.Split(want, "\n")
	for i, line := range lines {
		if i >= len(got) || !strings.HasPrefix(got[i].String(), line) {
			t.Errorf("%s: %v, want %q", what, got, lines)
			return
		}
	}
	table, _, _ := strings.Cut(lines[len(lines)-1], " ")
	for _, f := range got[len(lines):] {
		if f.Table != table {
			t.Errorf("%s: also %s", what, f)
		}
	}
}

// copyDatabase copies the SQLite database of a directory that nobody has open.
func copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// A key that is not the one that signed, and a log that was written anew by one
// who has it.
func TestVerifyAnotherLog(t *testing.T) {
	o, signer := filled(t, 10)
	other, err := receipt.NewSigner("hub.example", [32]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	begins(t, "another key", verify(t, o, other.VerifierKey(), nil).Faults, "ledger_checkpoint 31: the checkpoint is not signed by")
	anew := storetest.SQLite(t)
	s := storetest.Open(t, anew)
	if err := ledger.Fill(t.Context(), s, signer, 11); err != nil {
		t.Fatal(err)
	}
	if v := verify(t, anew, signer.VerifierKey(), nil); len(v.Faults) > 0 {
		t.Errorf("a sound log: %v", v.Faults)
	}
}

// It gives up after so many faults.
func TestVerifyGivesUp(t *testing.T) {
	o, signer := filled(t, 200)
	storetest.Tamper(t, o, `UPDATE cdr SET net = net + 1`)
	if v := verify(t, o, signer.VerifierKey(), nil); len(v.Faults) != ledger.MaxFaults {
		t.Errorf("%d faults", len(v.Faults))
	}
}

// A hub that works meanwhile is no fault.
func TestVerifyBesideWriter(t *testing.T) {
	o, signer := filled(t, 300)
	s := storetest.Open(t, o)
	key := signer.VerifierKey()
	r := ledger.NewBusy(s, signer)
	stop := r.Run(t)
	for range 5 {
		if v := verify(t, o, key, nil); len(v.Faults) > 0 {
			t.Errorf("%v", v.Faults)
		}
	}
	if n := stop(); n == 0 {
		t.Error("nothing was written meanwhile")
	}
	if v := verify(t, o, key, nil); len(v.Faults) > 0 {
		t.Errorf("at the end: %v", v.Faults)
	}
}

// What is told of progress ends with all rows.
func TestVerifyProgress(t *testing.T) {
	o, signer := filled(t, 10)
	last := map[string]string{}
	verify(t, o, signer.VerifierKey(), func(what string, done, total int64) { last[what] = fmt.Sprint(done, "/", total) })
	if last["events"] != "31/31" || last["CDRs"] != "10/10" || last["postings"] != "30/30" || last["evidence"] != "10/10" {
		t.Errorf("%v", last)
	}
}
