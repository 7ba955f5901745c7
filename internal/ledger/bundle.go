package ledger

import (
	"context"
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

// Subject is what a bundle is about: a CDR, with the one that it takes back or
// that takes it back, or a session with all its CDRs. One of CDR and Session is
// set, in any spelling.
type Subject struct {
	Owner        ocpi.PartyID // the CPO
	CDR, Session string
}

// Bundle returns the evidence about a subject as one file, which CheckBundle
// checks without a hub. Which party may have it is for the caller to decide;
// Parties tells who they are. The error wraps ErrNotFound where the hub knows
// nothing of it, and ErrInvalid where the subject names neither or both.
func (l *Ledger) Bundle(ctx context.Context, s Subject) ([]byte, error) {
	return nil, fmt.Errorf("%w: not built yet", ErrInvalid)
}

// Parties returns the two sides of a subject: only they, and the operator of the
// hub, may have its bundle. Its errors are those of Bundle.
func (l *Ledger) Parties(ctx context.Context, s Subject) (cpo, emsp ocpi.PartyID, err error) {
	return cpo, emsp, fmt.Errorf("%w: not built yet", ErrInvalid)
}
