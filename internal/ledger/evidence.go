package ledger

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/ledger/check"
)

// Evidence is why a CDR was judged as it was, as it is stored. Its digest is in
// the leaf of its reception.
type Evidence struct {
	V      int          `json:"v"`
	At     time.Time    `json:"at"`
	Report check.Report `json:"report"`
}

func evidenceOf(r *check.Report, now time.Time) ([]byte, error) {
	b, err := json.Marshal(Evidence{V: 1, At: now.UTC(), Report: *r})
	if err != nil {
		return nil, fmt.Errorf("writing the evidence: %w", err)
	}
	return b, nil
}
