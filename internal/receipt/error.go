package receipt

import "fmt"

// Fault says which part of a proof is wrong.
type Fault string

// The faults.
const (
	FaultForm        Fault = "form"        // not a receipt, a checkpoint or a key at all, or too large
	FaultKey         Fault = "key"         // signed by another key than the one trusted, or of another origin
	FaultSignature   Fault = "signature"   // the checkpoint was changed after it was signed
	FaultLeaf        Fault = "leaf"        // the leaf was changed, or its hash was
	FaultInclusion   Fault = "inclusion"   // the leaf is not in the tree at this index, or the proof was changed
	FaultConsistency Fault = "consistency" // the newer tree does not hold all of the older one
)

// Error is what every function of this package returns for input that does not
// prove what it should. Its text names the member and what is wrong with it.
type Error struct {
	Fault Fault
	Text  string
	Err   error // what caused it; nil where there is nothing more to say
}

// Error gives the text, with the cause.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// fault builds an Error.
func fault(f Fault, format string, args ...any) *Error {
	return &Error{Fault: f, Text: fmt.Sprintf(format, args...)}
}
