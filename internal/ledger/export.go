package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// ExportFormat is how an export is written.
type ExportFormat string

// The formats.
const (
	CSV       ExportFormat = "csv"   // RFC 4180 with a header line; cells that a spreadsheet would compute are guarded
	JSONLines ExportFormat = "jsonl" // one JSON object a line
)

// ParseExportFormat reads a format; its error wraps ErrInvalid.
func ParseExportFormat(s string) (ExportFormat, error) {
	switch f := ExportFormat(s); f {
	case CSV, JSONLines:
		return f, nil
	}
	return "", fmt.Errorf("%w: format: must be %s or %s", ErrInvalid, CSV, JSONLines)
}

// MediaType is what an export of the format is served as.
func (f ExportFormat) MediaType() string {
	if f == CSV {
		return "text/csv; charset=utf-8; header=present"
	}
	return "application/jsonl"
}

// ExportFilter selects rows; members that are zero select nothing out.
type ExportFilter struct {
	From, To time.Time    // From <= time < To
	Posted   bool         // the time of CDRs is that of their posting, not of their reception; those not posted are left out
	Party    ocpi.PartyID // on either side of the CDR
	State    State        // of the CDR
	Currency string
}

// ExportSource is what exports read: a [store.Store] or a [store.Reader].
type ExportSource interface {
	EachCDR(ctx context.Context, q store.CDRQuery, fn func(store.LedgerCDR) error) error
	EachPosting(ctx context.Context, q store.PostingQuery, fn func(store.Posting) error) error
	CDRByID(ctx context.Context, id int64) (store.LedgerCDR, bool, error)
}

// ExportCDRs writes the CDRs that f selects, in the order of their reception.
// Memory is constant. progress, which may be nil, is told now and then how many
// rows were written, and at the end. An error of w ends it.
func ExportCDRs(ctx context.Context, src ExportSource, w io.Writer, format ExportFormat, f ExportFilter, progress func(rows int64)) error {
	out := newExport(w, format, cdrExport(), progress)
	q := store.CDRQuery{State: string(f.State), Currency: f.Currency, To: microsOf(f.To)}
	if !f.Posted { // what was posted before a time was received before it
		q.From = microsOf(f.From)
	}
	err := src.EachCDR(ctx, q, func(c store.LedgerCDR) error {
		if !f.side(&c) || f.Posted && (c.Posted == 0 || !f.within(c.Posted)) {
			return nil
		}
		return out.row(&c)
	})
	return out.end(err)
}

// ExportPostings writes the postings of the CDRs that f selects, in the order in
// which they were posted, as ExportCDRs does. The time is that of the posting;
// Posted makes no difference.
func ExportPostings(ctx context.Context, src ExportSource, w io.Writer, format ExportFormat, f ExportFilter, progress func(rows int64)) error {
	out := newExport(w, format, postingExport(), progress)
	q := store.PostingQuery{Currency: f.Currency, From: microsOf(f.From), To: microsOf(f.To)}
	var c store.LedgerCDR // of the posting before
	err := src.EachPosting(ctx, q, func(p store.Posting) error {
		if c.ID != p.CDR {
			var found bool
			var err error
			if c, found, err = src.CDRByID(ctx, p.CDR); err != nil {
				return err
			}
			if !found {
				return fmt.Errorf("posting %d: its CDR %d is missing", p.ID, p.CDR)
			}
		}
		if !f.side(&c) || f.State != "" && State(c.State) != f.State {
			return nil
		}
		return out.row(&posted{p, &c})
	})
	return out.end(err)
}

func (f *ExportFilter) side(c *store.LedgerCDR) bool {
	return f.Party.IsZero() || c.Owner == f.Party || c.EMSP == f.Party
}

func (f *ExportFilter) within(at int64) bool {
	return at >= microsOf(f.From) && (f.To.IsZero() || at < f.To.UnixMicro())
}

// microsOf is a bound as the store takes it: 0 for none.
func microsOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// posted is a posting with its CDR.
type posted struct {
	store.Posting
	cdr *store.LedgerCDR
}

// cellKind says how a value is written.
type cellKind int

const (
	text    cellKind = iota // guarded in CSV
	amount                  // a decimal number; a string in JSON, so that no reader rounds it
	integer                 // a number
	flag                    // true or false
)

// column is one member of a row. An empty value is an empty cell, or no member.
type column[T any] struct {
	name string
	kind cellKind
	of   func(*T) string
}

// cdrExport are the columns of CDRs. New ones are added behind them only.
func cdrExport() []column[store.LedgerCDR] {
	type row = store.LedgerCDR
	return []column[row]{
		{"ledger_id", integer, func(c *row) string { return number(c.ID) }},
		{"cpo", text, func(c *row) string { return c.Owner.String() }},
		{"emsp", text, func(c *row) string { return c.EMSP.String() }},
		{"cdr_id", text, func(c *row) string { return c.Name }},
		{"session_id", text, func(c *row) string { return c.Session }},
		{"state", text, func(c *row) string { return c.State }},
		{"held", flag, func(c *row) string { return fmt.Sprint(c.Held) }},
		{"delivery", text, func(c *row) string { return c.Mail }},
		{"received_at", text, func(c *row) string { return moment(c.Received) }},
		{"started_at", text, func(c *row) string { return moment(c.Started) }},
		{"ended_at", text, func(c *row) string { return moment(c.Ended) }},
		{"approve_by", text, func(c *row) string { return moment(c.Deadline) }},
		{"posted_at", text, func(c *row) string { return moment(c.Posted) }},
		{"currency", text, func(c *row) string { return c.Currency }},
		{"net", amount, func(c *row) string { return units(c.Net, c.Currency) }},
		{"tax", amount, func(c *row) string { return units(c.Gross-c.Net, c.Currency) }},
		{"gross", amount, func(c *row) string { return units(c.Gross, c.Currency) }},
		{"net_minor", integer, func(c *row) string { return number(c.Net) }},
		{"tax_minor", integer, func(c *row) string { return number(c.Gross - c.Net) }},
		{"gross_minor", integer, func(c *row) string { return number(c.Gross) }},
		{"energy_kwh", amount, func(c *row) string { return decimal.MustNew(c.Energy, 9).Trim(0).String() }},
		{"credit_of", text, func(c *row) string { return c.CreditOf }},
		{"credited_by", integer, func(c *row) string { return some(c.CreditedBy) }},
		{"authorization_reference", text, func(c *row) string { return c.Reference }},
		{"evse_uid", text, func(c *row) string { return c.EVSE }},
		{"ocpi_version", text, func(c *row) string { return c.Version }},
		{"sha256", text, func(c *row) string { return fmt.Sprintf("%x", c.Digest) }},
	}
}

// postingExport are the columns of postings.
func postingExport() []column[posted] {
	type row = posted
	return []column[row]{
		{"posting_id", integer, func(p *row) string { return number(p.ID) }},
		{"event", integer, func(p *row) string { return number(p.Event) }},
		{"posted_at", text, func(p *row) string { return moment(p.At) }},
		{"account", text, func(p *row) string { return p.Account }},
		{"currency", text, func(p *row) string { return p.Currency }},
		{"amount", amount, func(p *row) string { return units(p.Amount, p.Currency) }},
		{"amount_minor", integer, func(p *row) string { return number(p.Amount) }},
		{"ledger_id", integer, func(p *row) string { return number(p.CDR) }},
		{"cpo", text, func(p *row) string { return p.cdr.Owner.String() }},
		{"emsp", text, func(p *row) string { return p.cdr.EMSP.String() }},
		{"cdr_id", text, func(p *row) string { return p.cdr.Name }},
		{"session_id", text, func(p *row) string { return p.cdr.Session }},
		{"state", text, func(p *row) string { return p.cdr.State }},
		{"credit_of", text, func(p *row) string { return p.cdr.CreditOf }},
	}
}

func number(n int64) string { return fmt.Sprint(n) }

// some is number; empty for 0.
func some(n int64) string {
	if n == 0 {
		return ""
	}
	return number(n)
}

// moment writes a time of the ledger; empty for 0.
func moment(micros int64) string {
	if micros == 0 {
		return ""
	}
	return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
}

// units writes minor units in units of the currency.
func units(n int64, currency string) string {
	return decimal.MustNew(n, tariff.CurrencyDecimals(currency)).String()
}

// reportEvery is how often progress is told, in rows.
const reportEvery = 1000

// export writes rows.
type export[T any] struct {
	w        *bufio.Writer
	format   ExportFormat
	columns  []column[T]
	progress func(int64)
	rows     int64
	line     []byte
}

func newExport[T any](w io.Writer, format ExportFormat, columns []column[T], progress func(int64)) *export[T] {
	if progress == nil {
		progress = func(int64) {}
	}
	return &export[T]{w: bufio.NewWriterSize(w, 64<<10), format: format, columns: columns, progress: progress}
}

func (e *export[T]) row(v *T) error {
	e.line = e.line[:0]
	if e.format == CSV {
		if e.rows == 0 {
			e.line = e.header(e.line)
		}
		e.line = e.cells(e.line, v)
	} else {
		e.line = e.object(e.line, v)
	}
	if _, err := e.w.Write(e.line); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	if e.rows++; e.rows%reportEvery == 0 {
		e.progress(e.rows)
	}
	return nil
}

// end writes what is left, unless err occurred.
func (e *export[T]) end(err error) error {
	if err != nil {
		return err
	}
	if e.rows == 0 && e.format == CSV {
		_, err = e.w.Write(e.header(nil))
	}
	if err == nil {
		err = e.w.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	e.progress(e.rows)
	return nil
}
