package check

import "time"

// Signed is what was made of the signed_data of a CDR.
type Signed struct {
	Encoding string // encoding_method as spelled
	Known    bool   // the encoding can be read
	// Verification of all values together: "valid", "invalid", "cannot_verify" (the
	// curve or the encoding is not supported) or "no_key".
	Verification string
	// KnownKey: the key is the one that is known for the EVSE or meter, not only the
	// one enclosed.
	KnownKey bool
	// HasStart and HasEnd tell whether there is a reading of the begin and one of the
	// end. Start and End are theirs.
	HasStart, HasEnd bool
	Start, End       SignedReading
	// Problems are what is wrong inside (gaps, status, order), in plain English.
	Problems []string
}

// SignedReading is one reading that a meter signed.
type SignedReading struct {
	At     time.Time
	Energy int64  // register, 10⁻⁹ kWh
	Token  string // the identification inside; "" none
	EVSE   string // the charge point identification inside; "" none
	Synced bool   // the clock was synchronised, or times are relative to each other
}

// The values of Signed.Verification.
const (
	SignatureValid        = "valid"
	SignatureInvalid      = "invalid"
	SignatureCannotVerify = "cannot_verify"
	SignatureNoKey        = "no_key"
)
