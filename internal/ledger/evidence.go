package ledger

import (
	"fmt"
	"time"

	"github.com/eroam/eroam/internal/ledger/check"
)

// Evidence is why a CDR was judged as it was, as it is stored. Its digest is in
// the leaf of its reception.
type Evidence struct {
	V      int          `json:"v"`
	At     time.Time    `json:"at"`
	Report check.Report `json:"report"`
}

// evidenceOf writes an Evidence.
func evidenceOf(r *check.Report, now time.Time) ([]byte, error) {
	b := append(make([]byte, 0, 4096), `{"v":1,"at":"`...)
	b = append(now.UTC().AppendFormat(b, time.RFC3339Nano), `","report":`...)
	b, err := r.AppendJSON(b)
	if err != nil {
		return nil, fmt.Errorf("writing the evidence: %w", err)
	}
	return append(b, '}'), nil
}
