package ledger_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// shelf is a source of rows that no CPO would send.
type shelf struct {
	cdrs     []store.LedgerCDR
	postings []store.Posting
}

func (s *shelf) EachCDR(_ context.Context, q store.CDRQuery, fn func(store.LedgerCDR) error) error {
	for _, c := range s.cdrs {
		if q.State != "" && c.State != q.State || q.Currency != "" && c.Currency != q.Currency || c.Received < q.From || q.To != 0 && c.Received >= q.To {
			continue
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) EachPosting(_ context.Context, q store.PostingQuery, fn func(store.Posting) error) error {
	for _, p := range s.postings {
		if q.Currency != "" && p.Currency != q.Currency || p.At < q.From || q.To != 0 && p.At >= q.To {
			continue
		}
		if err := fn(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) CDRByID(_ context.Context, id int64) (store.LedgerCDR, bool, error) {
	for _, c := range s.cdrs {
		if c.ID == id {
			return c, true, nil
		}
	}
	return store.LedgerCDR{}, false, nil
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newShelf() *shelf {
	at := func(h int) int64 { return noon.Add(time.Duration(h) * time.Hour).UnixMicro() }
	em2 := ocpi.PartyID{CountryCode: "FR", ID: "EM2"}
	return &shelf{
		cdrs: []store.LedgerCDR{
			{ID: 1, Owner: cp1, Name: "C1", EMSP: em1, Version: "2.2.1", Session: "s1", State: "approved", Mail: "delivered", Received: at(0), Started: at(-3), Ended: at(-2),
				Posted: at(5), Currency: "EUR", Net: 400, Gross: 484, Energy: 10_500_000_000, Digest: []byte{0xab}},
			{ID: 4, Owner: cp1, Name: `=cmd|' /C calc'!A0`, EMSP: em2, Version: "2.2.1", State: "presented", Mail: "none", Received: at(1), Started: at(-3), Ended: at(-2) + 1500,
				Currency: "JPY", Net: 1200, Gross: 1200, Held: true, Reference: "-12.5"},
			{ID: 7, Owner: em1, Name: `a "b", c`, EMSP: em1, Version: "2.3.0", State: "approved", Mail: "delivered", Received: at(2), Started: at(-3), Ended: at(-2),
				Posted: at(3), Currency: "EUR", Net: -5, Gross: -6, Reference: "@SUM(1)", CreditOf: "-c0"},
		},
		postings: []store.Posting{
			{ID: 1, Event: 9, CDR: 7, At: at(3), Account: "emsp:DE-EM1", Currency: "EUR", Amount: -6},
			{ID: 2, Event: 9, CDR: 7, At: at(3), Account: "cpo:DE-EM1", Currency: "EUR", Amount: 6},
			{ID: 3, Event: 11, CDR: 1, At: at(5), Account: "emsp:DE-EM1", Currency: "EUR", Amount: 484},
			{ID: 4, Event: 11, CDR: 1, At: at(5), Account: "cpo:NL-CP1", Currency: "EUR", Amount: -400},
			{ID: 5, Event: 11, CDR: 1, At: at(5), Account: "tax:NL-CP1", Currency: "EUR", Amount: -84},
		},
	}
}

// The columns are fixed: whoever reads the file relies on them.
func TestExportCSV(t *testing.T) {
	var out strings.Builder
	var told []int64
	err := ledger.ExportCDRs(t.Context(), newShelf(), &out, ledger.CSV, ledger.ExportFilter{}, func(n int64) { told = append(told, n) })
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"ledger_id,cpo,emsp,cdr_id,session_id,state,held,delivery,received_at,started_at,ended_at,approve_by,posted_at,currency,net,tax,gross,net_minor,tax_minor,gross_minor,energy_kwh,credit_of,credited_by,authorization_reference,evse_uid,ocpi_version,sha256",
		"1,NL-CP1,DE-EM1,C1,s1,approved,false,delivered,2026-03-01T12:00:00Z,2026-03-01T09:00:00Z,2026-03-01T10:00:00Z,,2026-03-01T17:00:00Z,EUR,4.00,0.84,4.84,400,84,484,10.5,,,,,2.2.1,ab",
		"4,NL-CP1,FR-EM2,'=cmd|' /C calc'!A0,,presented,true,none,2026-03-01T13:00:00Z,2026-03-01T09:00:00Z,2026-03-01T10:00:00.0015Z,,,JPY,1200,0,1200,1200,0,1200,0,,,-12.5,,2.2.1,",
		`7,DE-EM1,DE-EM1,"a ""b"", c",,approved,false,delivered,2026-03-01T14:00:00Z,2026-03-01T09:00:00Z,2026-03-01T10:00:00Z,,2026-03-01T15:00:00Z,EUR,-0.05,-0.01,-0.06,-5,-1,-6,0,'-c0,,'@SUM(1),,2.3.0,`,
		"",
	}, "\r\n")
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	if fmt.Sprint(told) != "[3]" {
		t.Errorf("progress %v", told)
	}
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || len(rows) != 4 || rows[3][3] != `a "b", c` {
		t.Errorf("read back: %v, %v", rows, err)
	}
	out.Reset()
	if err := ledger.ExportPostings(t.Context(), newShelf(), &out, ledger.CSV, ledger.ExportFilter{Party: cp1}, nil); err != nil {
		t.Fatal(err)
	}
	want = strings.Join([]string{
		"posting_id,event,posted_at,account,currency,amount,amount_minor,ledger_id,cpo,emsp,cdr_id,session_id,state,credit_of",
		"3,11,2026-03-01T17:00:00Z,emsp:DE-EM1,EUR,4.84,484,1,NL-CP1,DE-EM1,C1,s1,approved,",
		"4,11,2026-03-01T17:00:00Z,cpo:NL-CP1,EUR,-4.00,-400,1,NL-CP1,DE-EM1,C1,s1,approved,",
		"5,11,2026-03-01T17:00:00Z,tax:NL-CP1,EUR,-0.84,-84,1,NL-CP1,DE-EM1,C1,s1,approved,",
		"",
	}, "\r\n")
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestExportJSONLines(t *testing.T) {
	var out bytes.Buffer
	if err := ledger.ExportCDRs(t.Context(), newShelf(), &out, ledger.JSONLines, ledger.ExportFilter{}, nil); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3 || lines[0] != `{"ledger_id":1,"cpo":"NL-CP1","emsp":"DE-EM1","cdr_id":"C1","session_id":"s1","state":"approved","held":false,"delivery":"delivered",`+
		`"received_at":"2026-03-01T12:00:00Z","started_at":"2026-03-01T09:00:00Z","ended_at":"2026-03-01T10:00:00Z","posted_at":"2026-03-01T17:00:00Z","currency":"EUR",`+
		`"net":"4.00","tax":"0.84","gross":"4.84","net_minor":400,"tax_minor":84,"gross_minor":484,"energy_kwh":"10.5","ocpi_version":"2.2.1","sha256":"ab"}` {
		t.Errorf("%s", out.String())
	}
	for i, want := range []string{"C1", `=cmd|' /C calc'!A0`, `a "b", c`} { // as they are: nothing computes them
		var row map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &row); err != nil || row["cdr_id"] != want {
			t.Errorf("%v, %v", row, err)
		}
	}
}

// A cell that begins like a formula is guarded; numbers stay numbers.
func TestGuardedCells(t *testing.T) {
	for in, want := range map[string]string{
		"a": "a", "": "", "=1": "'=1", "+1": "+1", "-1.50": "-1.50", "-1-1": "'-1-1", "+": "'+", "-": "'-", "-.5": "'-.5", "1.2.3": "1.2.3",
		"@x": "'@x", "\tx": "'\tx", "\rx": "\"'\rx\"", "\nx": "\"'\nx\"", "'x": "''x", "＝1": "'＝1", "-1e9": "'-1e9", "--1": "'--1", "é=1": "é=1", "\xff": "\xff",
	} {
		s := &shelf{cdrs: []store.LedgerCDR{{ID: 1, Owner: cp1, EMSP: em1, Name: in}}}
		var out strings.Builder
		if err := ledger.ExportCDRs(t.Context(), s, &out, ledger.CSV, ledger.ExportFilter{}, nil); err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(out.String(), "\r\n")
		if !strings.HasPrefix(line, "1,NL-CP1,DE-EM1,"+want+",,") {
			t.Errorf("%q is written %q", in, line)
		}
	}
}

func TestExportFilters(t *testing.T) {
	hour := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	for name, c := range map[string]struct {
		f              ledger.ExportFilter
		cdrs, postings string
	}{
		"all":         {ledger.ExportFilter{}, "1 4 7", "1 2 3 4 5"},
		"period":      {ledger.ExportFilter{From: hour(1), To: hour(2)}, "4", ""},
		"from":        {ledger.ExportFilter{From: hour(4)}, "", "3 4 5"},
		"posted":      {ledger.ExportFilter{Posted: true}, "1 7", "1 2 3 4 5"},
		"posted from": {ledger.ExportFilter{Posted: true, From: hour(5)}, "1", "3 4 5"},
		"posted to":   {ledger.ExportFilter{Posted: true, To: hour(5)}, "7", "1 2"},
		"CPO":         {ledger.ExportFilter{Party: cp1}, "1 4", "3 4 5"},
		"provider":    {ledger.ExportFilter{Party: em1}, "1 7", "1 2 3 4 5"},
		"nobody":      {ledger.ExportFilter{Party: ocpi.PartyID{CountryCode: "XX", ID: "XXX"}}, "", ""},
		"state":       {ledger.ExportFilter{State: ledger.StatePresented}, "4", ""},
		"currency":    {ledger.ExportFilter{Currency: "JPY"}, "4", ""},
		"several":     {ledger.ExportFilter{Party: em1, State: ledger.StateApproved, Currency: "EUR", To: hour(2)}, "1", ""},
	} {
		if got := exported(t, ledger.ExportCDRs, c.f, "ledger_id"); got != c.cdrs {
			t.Errorf("%s: CDRs %q, want %q", name, got, c.cdrs)
		}
		if got := exported(t, ledger.ExportPostings, c.f, "posting_id"); got != c.postings {
			t.Errorf("%s: postings %q, want %q", name, got, c.postings)
		}
	}
}

// exported are the ids of the rows that a filter selects.
func exported(t *testing.T, export exportFunc, f ledger.ExportFilter, id string) string {
	t.Helper()
	var out bytes.Buffer
	if err := export(t.Context(), newShelf(), &out, ledger.JSONLines, f, nil); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for line := range bytes.Lines(out.Bytes()) {
		var row map[string]any
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, fmt.Sprint(row[id]))
	}
	return strings.Join(ids, " ")
}

type exportFunc func(context.Context, ledger.ExportSource, io.Writer, ledger.ExportFormat, ledger.ExportFilter, func(int64)) error

// The real store selects as the tests above do.
func TestExportFromStore(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	for _, id := range []string{"A", "B"} {
		r.accept(cdr(id))
	}
	must(t, "approve", r.ledger.Approve(t.Context(), key("A"), byEMSP), nil)
	count := func(f ledger.ExportFilter) int {
		t.Helper()
		var out bytes.Buffer
		if err := ledger.ExportCDRs(t.Context(), r.Store, &out, ledger.CSV, f, nil); err != nil {
			t.Fatal(err)
		}
		return bytes.Count(out.Bytes(), []byte("\r\n")) - 1
	}
	now := time.Now()
	for i, got := range []int{
		count(ledger.ExportFilter{}), count(ledger.ExportFilter{Posted: true, From: now.Add(-time.Hour), To: now.Add(time.Hour)}),
		count(ledger.ExportFilter{From: now.Add(time.Hour)}), count(ledger.ExportFilter{State: ledger.StatePresented, Party: em1}),
	} {
		if want := []int{2, 1, 0, 1}[i]; got != want {
			t.Errorf("%d: %d rows, want %d", i, got, want)
		}
	}
	var out strings.Builder
	if err := ledger.ExportPostings(t.Context(), r.Store, &out, ledger.JSONLines, ledger.ExportFilter{Party: em1}, nil); err != nil || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("%s, %v", out.String(), err)
	}
}

// What cannot be written ends the export.
func TestExportToNowhere(t *testing.T) {
	s := newShelf()
	s.cdrs = append(s.cdrs, make([]store.LedgerCDR, 2000)...)
	err := ledger.ExportCDRs(t.Context(), s, full{}, ledger.CSV, ledger.ExportFilter{}, nil)
	if !errors.Is(err, errFull) {
		t.Error(err)
	}
	if err := ledger.ExportCDRs(t.Context(), newShelf(), full{}, ledger.CSV, ledger.ExportFilter{}, nil); !errors.Is(err, errFull) {
		t.Error(err)
	}
	if _, err := ledger.ParseExportFormat("xlsx"); !errors.Is(err, ledger.ErrInvalid) {
		t.Error(err)
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
