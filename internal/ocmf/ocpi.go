package ocmf

import "github.com/eroam/eroam/ocpi/v221"

// Report is what can be said of the signed_data of a CDR.
type Report struct {
	Encoding    string // encoding_method as OCPI spells it, or as it came where OCPI does not know it
	Transaction Transaction
	Problems    []Problem
	// Verification joins the values': by the known key of the EVSE only. Invalid
	// where one is, else CannotVerify where one is, else NoKey, else Verified.
	Verification Verification
	// Enclosed is the same by public_key, for information: it shows that the data
	// were not changed by somebody without that key, not whose key it is. NoKey
	// where none is enclosed.
	Enclosed Verification
	Values   []Value
}

// Value is one signed value.
type Value struct {
	Nature       string // as it came: Start, End, Intermediate
	Record       *Record
	Verification Verification
}

// FromOCPI judges signed data (OCPI 2.2.1 §10.4.7; 2.3.0 has the same class).
// knownKey is the public key registered for the EVSE, "" where none is. A record
// is read from signed_data, plain or base64; where that holds none, from
// plain_data.
func FromOCPI(s v221.SignedData, knownKey string, want Expected) Report {
	return fromOCPI(s, knownKey, want)
}
