package tariff

// Error says why something cannot be used. Code is stable and meant for
// programs:
//
//	json              not JSON, or not the object that was expected
//	field             a field is missing or cannot be read; Pointer names it
//	too_large         more elements, components or periods than are priced
//	time_zone         none was given and it does not follow from the CDR, or it is unknown
//	currency_mismatch CDR and tariff differ in their currency
//	no_valid_tariff   no tariff is valid at the start of the session
//	unknown_tariff    a period names a tariff that was not given
//	no_periods        there is nothing to price
//	overflow          an amount is out of range
//	policy            the policy cannot be meant
type Error struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Pointer is a JSON pointer (RFC 6901) into the document at fault; may be
	// empty.
	Pointer string `json:"pointer"`
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return e.Message
	}
	return e.Pointer + ": " + e.Message
}

// Severity of a finding.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Finding is something that a person should look at. It changes no amount.
type Finding struct {
	Code string `json:"code"`
	// Rule is the number of the lint rule, L01 to L15, in docs/pricing.md.
	Rule     string   `json:"rule,omitempty"`
	Severity Severity `json:"severity"`
	// Pointer leads to what is meant, in the tariff or in the CDR.
	Pointer string `json:"pointer,omitempty"`
	Message string `json:"message"`
	// Witness is a moment of a session that proves it, where one can.
	Witness *Witness `json:"witness,omitempty"`
}
