package ledger

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// How a driver was authorised, as auth_method of a CDR says it.
const (
	ByRequest = "AUTH_REQUEST"
	ByCommand = "COMMAND"
)

// Authorization is a driver's right to charge, as it went through the hub.
type Authorization struct {
	CPO, EMSP  ocpi.PartyID
	Method     string // ByRequest or ByCommand
	Reference  string // authorization_reference
	Token      string // uid
	TokenType  string
	Contract   string
	LocationID string
}

// Authorized notes an authorisation, as evidence for the CDR that follows. It is
// durable when it returns nil.
func (l *Ledger) Authorized(ctx context.Context, a Authorization) error {
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		return tx.PutAuthorization(store.Authorization{
			ID: rand.Text(), At: l.now().UnixMicro(), CPO: a.CPO, EMSP: a.EMSP, Reference: ocpi.FoldID(a.Reference),
			Token: ocpi.TokenKey(a.Token, a.TokenType), Contract: a.Contract, Location: ocpi.FoldID(a.LocationID), Method: a.Method,
		})
	})
}

// Authorisations are kept for keepAuthorized: longer than a CDR can be late and
// be disputed. purgeAtOnce are deleted in one transaction.
const (
	keepAuthorized = 400 * 24 * time.Hour
	purgeAtOnce    = 500
)

// purge deletes authorisations that no CDR will ask for any more.
func (l *Ledger) purge(ctx context.Context) error {
	before := l.now().Add(-keepAuthorized).UnixMicro()
	for n := purgeAtOnce; n == purgeAtOnce && ctx.Err() == nil; {
		err := l.o.Store.Write(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.PurgeAuthorizations(before, purgeAtOnce)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
