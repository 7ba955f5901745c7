package ocmf

// Outcome is what is known of a signature.
type Outcome string

// The outcomes.
const (
	Verified     Outcome = "verified"      // the payload was signed by the key
	Invalid      Outcome = "invalid"       // it was not
	CannotVerify Outcome = "cannot_verify" // curve, hash or encoding are none that can be verified here, or the key is unreadable
	NoKey        Outcome = "no_key"        // no key is known
)

// Verification is an outcome with its reason, a sentence; the reason is "" for
// Verified.
type Verification struct {
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitzero"`
}

// Verify checks the signature over the payload's bytes; nil is no key. The
// curve is that of the key: SA is outside of what is signed. Where SA names
// another curve and the signature does not fit, the outcome is Invalid if SA's
// curve is P-256 or P-384, and CannotVerify otherwise.
func (r *Record) Verify(k *Key) Verification { return r.verify(k) }
