package ledger

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
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
	Party    ocpi.PartyID // on either side
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
	return fmt.Errorf("%w: not built yet", ErrInvalid)
}

// ExportPostings writes the postings that f selects, in the order in which they
// were posted, as ExportCDRs does. The time is that of the posting; Posted makes
// no difference.
func ExportPostings(ctx context.Context, src ExportSource, w io.Writer, format ExportFormat, f ExportFilter, progress func(rows int64)) error {
	return fmt.Errorf("%w: not built yet", ErrInvalid)
}
