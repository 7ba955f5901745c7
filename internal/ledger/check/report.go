package check

import (
	"time"

	"github.com/eroam/eroam/internal/ocmf"
	"github.com/eroam/eroam/tariff"
)

// Severity says what a finding leads to.
type Severity string

// The severities, from the worst. Pass is the verdict without findings; Off
// switches a check off.
const (
	Reject Severity = "reject" // not stored; OCPI status 2001
	Hold   Severity = "hold"   // delivered, but not settled before somebody releases it
	Warn   Severity = "warn"   // settled, and listed
	Info   Severity = "info"
	Pass   Severity = "pass"
	Off    Severity = "off"
)

// rank orders severities.
func (s Severity) rank() int {
	switch s {
	case Reject:
		return 4
	case Hold:
		return 3
	case Warn:
		return 2
	case Info:
		return 1
	}
	return 0
}

// Finding is one thing that is wrong, or odd.
type Finding struct {
	Check    string   `json:"check"` // C01 to C27
	Code     string   `json:"code"`  // see Codes
	Severity Severity `json:"severity"`
	// Message is plain English with the figures. It holds no token, contract id or
	// other personal data.
	Message string `json:"message"`
	// Pointer leads into the CDR (RFC 6901); "" where no one place is meant.
	Pointer string `json:"pointer,omitempty"`
	// Details are the figures of the message for programs.
	Details map[string]string `json:"details,omitempty"`
}

// Report is what Run found.
type Report struct {
	// Findings in the order of the checks.
	Findings []Finding `json:"findings"`
	// Verdict is the worst severity, Pass without findings.
	Verdict Severity `json:"verdict"`
	// Basis says whose tariff the price was computed with.
	Basis Basis `json:"basis"`
	// Tariffs are those that the price was computed with.
	Tariffs []TariffUsed `json:"tariffs,omitempty"`
	// Price is what the hub computed, with the reason for each line except for CDRs
	// of thousands of lines; nil where it could not.
	Price *tariff.Result `json:"price,omitempty"`
	// Claim compares Price with what the CDR claims; its ExplainedBy names roundings
	// and readings that reproduce the claim. Nil where Price is.
	Claim *tariff.Verdict `json:"claim,omitempty"`
	// NotPriced says why there is no Price.
	NotPriced string `json:"not_priced,omitempty"`
	// Register is what the meter showed at the end, by signed data; nil where they do
	// not tell.
	Register *Register `json:"register,omitempty"`
	// Signature is the outcome of verifying signed data by the known key, "" where
	// there are none.
	Signature ocmf.Outcome `json:"signature,omitempty"`
}

// Basis says where the tariff of a price is from.
type Basis string

// The bases.
const (
	BasisHub  Basis = "hub"  // versions that the hub had before the session started
	BasisCDR  Basis = "cdr"  // the tariffs inside the CDR
	BasisNone Basis = "none" // no tariff is known
)

// TariffUsed names a tariff.
type TariffUsed struct {
	ID       string    `json:"id"`
	Received time.Time `json:"received,omitzero"` // by the hub; zero for the CDR's own
	Hash     string    `json:"hash,omitempty"`    // of the hub's version
}
