package demo

import (
	"strings"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

// LedgerResult is what the hub's ledger made of the CDRs.
type LedgerResult struct {
	CDRs     int            `json:"cdrs"`
	Approved Share          `json:"approved"` // and posted
	Held     Share          `json:"held"`     // delivered, and not approved before somebody has looked at it
	Open     Share          `json:"open"`     // neither
	HeldBy   map[string]int `json:"held_by"`  // CDRs by the first finding that holds them, such as "C18 overcharged"
	// Unnoted of the held CDRs are good: their drivers were authorised by commands
	// whose answers died with the hub, which could not note them any more.
	Unnoted  int            `json:"unnoted"`
	Price    PriceChecks    `json:"price_check"`
	Findings []FindingCount `json:"findings"`
	// Lowered are the findings that only inform in the demo, since its fast clock
	// makes them of every CDR.
	Lowered    []string         `json:"lowered"`
	Overcharge OverchargeResult `json:"overcharge"`
	Balances   []BalanceResult  `json:"balances"`
	Checkpoint CheckpointResult `json:"checkpoint"`
	Grown      GrownResult      `json:"grown"`
	Receipt    ReceiptResult    `json:"receipt"`
	Verify     VerifyResult     `json:"verify"`
}

// Share is a part of the CDRs, and what they ask for with tax, of all currencies.
type Share struct {
	CDRs  int     `json:"cdrs"`
	Gross Decimal `json:"gross"`
}

// PriceChecks are the CDRs by what the hub's own price of them says.
type PriceChecks struct {
	Agrees    Share `json:"agrees"`
	Rounded   Share `json:"rounded"` // differ, and a known way of rounding explains it
	Over      Share `json:"over"`    // are above their tariff
	Under     Share `json:"under"`
	NotPriced Share `json:"not_priced"`
}

// FindingCount is a finding and how many CDRs have it.
type FindingCount struct {
	Check    string `json:"check"`
	Code     string `json:"code"`
	Severity string `json:"severity"`
	CDRs     int    `json:"cdrs"`
	Means    string `json:"means"`
	Lowered  bool   `json:"lowered,omitzero"`
}

// OverchargeResult is the operator that bills more than its tariff says, on
// purpose.
type OverchargeResult struct {
	Operator    ocpi.PartyID `json:"operator"`
	Name        string       `json:"name"`
	Percent     int          `json:"percent"` // above the tariff
	Sessions    int          `json:"sessions"`
	Overcharged int          `json:"overcharged"` // sessions
	Caught      int          `json:"caught"`      // held by the price check
	Asked       Decimal      `json:"asked"`       // by the CDRs that are too dear
	Fair        Decimal      `json:"fair"`        // what they should be
	Example     *Example     `json:"example,omitzero"`
}

// Example is a CDR that was found to be too dear.
type Example struct {
	CDR         string  `json:"cdr"`
	EMSP        string  `json:"emsp"`
	Asked       Decimal `json:"asked"`
	Computed    Decimal `json:"computed"`
	Explanation string  `json:"explanation"` // how the hub computed the price, in words
}

// BalanceResult is the accounts of a currency.
type BalanceResult struct {
	Currency  string  `json:"currency"`
	Accounts  int     `json:"accounts"`
	Providers Decimal `json:"providers"` // what they owe
	Operators Decimal `json:"operators"` // what they are owed before tax, negative
	Tax       Decimal `json:"tax"`       // what operators charged, negative
	Sum       Decimal `json:"sum"`       // 0
}

func (b *BalanceResult) add(account string, amount decimal.Decimal) {
	b.Accounts++
	kind, _, _ := strings.Cut(account, ":")
	switch kind {
	case "emsp":
		b.Providers.plus(amount)
	case "cpo":
		b.Operators.plus(amount)
	case "tax":
		b.Tax.plus(amount)
	}
	b.Sum.plus(amount)
}

// CheckpointResult is the newest signed state of the log.
type CheckpointResult struct {
	Size        int64  `json:"size"`
	Root        string `json:"root"`
	VerifierKey string `json:"verifier_key"`
}

// GrownResult says whether the log has grown out of what it was in the middle of
// the day.
type GrownResult struct {
	From int64 `json:"from"` // leaves then
	OK   bool  `json:"ok"`
}

// ReceiptResult is a receipt that was checked offline.
type ReceiptResult struct {
	CDR   string `json:"cdr"`
	Event string `json:"event"`
	Index int64  `json:"index"` // in the log
	Size  int64  `json:"size"`  // of the log that the receipt is about
	OK    bool   `json:"ok"`
}

// VerifyResult is what came of verifying the whole ledger.
type VerifyResult struct {
	Events      int64   `json:"events"`
	CDRs        int64   `json:"cdrs"`
	Postings    int64   `json:"postings"`
	Checkpoints int     `json:"checkpoints"`
	Faults      int     `json:"faults"`
	DurationS   float64 `json:"duration_s"`
}
