package ledger

import (
	"context"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// fetches reports whether a provider reads the list of CDRs and is sent none: all
// of its platforms have told their endpoints, connected at present or not, and
// none takes CDRs. A platform that was disconnected has none to tell.
func (l *Ledger) fetches(id ocpi.PartyID) (all bool) {
	side := ocpi.CDRs.Implementer(ocpi.Receiver)
	for _, p := range l.o.Registry.Snapshot().Parties(id) {
		if p.Role.Side() != side {
			continue
		}
		if len(p.Platform.Endpoints) == 0 || implements(p) {
			return false
		}
		all = true
	}
	return all
}

// available writes that the receiver of c, which waits for delivery, can fetch it.
func (l *Ledger) available(tx *store.Tx, c *store.LedgerCDR, now time.Time) error {
	letter := c.Attempts > 0
	c.Mail, c.Due = MailNone, 0
	if letter {
		if err := tx.SettleDeadLetters(lane(c.EMSP), objectKey(c.Owner, c.CDRID), store.LetterReplayed); err != nil {
			return err
		}
	}
	return l.present(tx, c, now, ActorHub, "available")
}

// fetched is available for a CDR that has waited.
func (l *Ledger) fetched(ctx context.Context, c *store.LedgerCDR) error {
	return l.o.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		now, ok, err := still(tx, c)
		if err != nil || !ok || now.Mail != MailWaiting {
			return err
		}
		return l.available(tx, &now, l.now())
	})
}

// leave ends the waiting for a receiver that fetches. busy says that there may be
// more that waits.
func (o *office) leave(ctx context.Context, d *desk, s *standing, now time.Time) (busy bool, err error) {
	waiting, err := o.l.o.Store.NextMail(ctx, d.to, now.UnixMicro(), fetchAtOnce)
	if err != nil {
		return false, err
	}
	o.attemptAll(ctx, d, s, waiting)
	return len(waiting) == fetchAtOnce, nil
}
