package api

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// ExportFilter selects what is exported; what is absent selects nothing out.
type ExportFilter struct {
	For
	Format   string    `query:"format" enum:"csv,jsonl" default:"csv" example:"jsonl" doc:"csv: RFC 4180 with a header line; jsonl: one JSON object a line"`
	From     time.Time `query:"from" example:"2026-01-01T00:00:00Z" doc:"At this time or later: of reception, or, of postings, of posting"`
	To       time.Time `query:"to" example:"2026-02-01T00:00:00Z" doc:"Before this time"`
	Of       string    `query:"of" maxLength:"6" example:"DE-EM1" doc:"Only what this party has a part in, on either side"`
	State    string    `query:"state" enum:"valid,refused,presented,approved,disputed,resolved" example:"approved" doc:"Of the CDR"`
	Currency string    `query:"currency" pattern:"^[A-Z]{3}$" example:"EUR"`
}

type cdrExport struct {
	ExportFilter
	Posted bool `query:"posted" example:"true" doc:"from and to are times of posting, not of reception; what is not posted is left out"`
}

func (a *API) exportCDRs(ctx context.Context, in *cdrExport) (*huma.StreamResponse, error) {
	return a.export(ctx, "cdrs", &in.ExportFilter, in.Posted, ledger.ExportCDRs)
}

func (a *API) exportPostings(ctx context.Context, in *ExportFilter) (*huma.StreamResponse, error) {
	return a.export(ctx, "postings", in, false, ledger.ExportPostings)
}

type exporter func(context.Context, ledger.ExportSource, io.Writer, ledger.ExportFormat, ledger.ExportFilter, func(int64)) error

func (a *API) export(ctx context.Context, what string, in *ExportFilter, posted bool, write exporter) (*huma.StreamResponse, error) {
	who, err := callerOf(ctx).one(in.Party, "query.party")
	if err != nil {
		return nil, err
	}
	format, err := ledger.ParseExportFormat(in.Format)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	f := ledger.ExportFilter{From: in.From, To: in.To, Posted: posted, State: ledger.State(in.State), Currency: in.Currency, Party: who.party}
	if in.Of != "" {
		of, err := ocpi.ParsePartyString(in.Of)
		if err != nil {
			return nil, queryProblem(ocpi.Invalid("of", "must be a party such as DE-EM1"))
		}
		f.Party = of
	}
	src := &exportSource{a, who}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		r, w := humago.Unwrap(h)
		w.Header().Set("Content-Type", format.MediaType())
		w.Header().Set("Content-Disposition", `attachment; filename="`+what+"."+string(format)+`"`)
		out := &patient{w: w, control: http.NewResponseController(w)}
		if err := write(r.Context(), src, out, format, f, nil); err != nil {
			if r.Context().Err() == nil {
				a.log.ErrorContext(r.Context(), "an export failed", "err", err)
			}
			panic(http.ErrAbortHandler) // cut off, so that nobody takes a part for the whole
		}
	}}, nil
}

// exportSource reads what an actor may see. The filter of an export does not know on
// which side of its CDRs a party is granted to a platform.
type exportSource struct {
	*API
	who actor
}

// exportPage is how many rows are read at once.
const exportPage = 500

func (s *exportSource) EachCDR(ctx context.Context, q store.CDRQuery, fn func(store.LedgerCDR) error) error {
	if s.who.operator {
		return s.store.EachCDR(ctx, q, fn)
	}
	q.Limit = exportPage
	return eachPage(fn, func(last *store.LedgerCDR) ([]store.LedgerCDR, error) {
		if last != nil {
			q.AfterID = last.ID
		}
		return s.cdrs(ctx, s.who, q)
	})
}

func (s *exportSource) EachPosting(ctx context.Context, q store.PostingQuery, fn func(store.Posting) error) error {
	if s.who.operator {
		return s.store.EachPosting(ctx, q, fn)
	}
	q.Limit = exportPage
	return eachPage(fn, func(last *store.Posting) ([]store.Posting, error) {
		if last != nil {
			q.AfterID = last.ID
		}
		return s.postings(ctx, s.who, q)
	})
}

func (s *exportSource) CDRByID(ctx context.Context, id int64) (store.LedgerCDR, bool, error) {
	return s.store.CDRByID(ctx, id)
}

// eachPage calls fn for the rows of all pages; next reads the one after a row.
func eachPage[T any](fn func(T) error, next func(last *T) ([]T, error)) error {
	for last := (*T)(nil); ; {
		rows, err := next(last)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(rows) < exportPage {
			return nil
		}
		last = &rows[len(rows)-1]
	}
}

// patient writes a long answer: whoever goes on reading is not cut off.
type patient struct {
	w       io.Writer
	control *http.ResponseController
	until   time.Time
}

// writePatience is how long a reader may take for a write.
const writePatience = time.Minute

func (p *patient) Write(b []byte) (int, error) {
	if now := time.Now(); p.until.Sub(now) < writePatience/2 {
		p.until = now.Add(writePatience)
		if err := p.control.SetWriteDeadline(p.until); err != nil {
			return 0, err
		}
	}
	return p.w.Write(b)
}
