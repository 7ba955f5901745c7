package ledger

import (
	"context"
	"errors"

	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// failed stores that a CDR of which the sender was told that it is accepted will
// not be sent again by itself, with a dead letter for people.
func (l *Ledger) failed(ctx context.Context, c *store.LedgerCDR, mail string, a *relay.Answer, cause error) error {
	letter := l.deadLetter(ctx, c, a, cause)
	write := func(withLetter bool) error {
		return l.o.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
			c, ok, err := still(tx, c)
			if err != nil || !ok || c.Mail != MailWaiting {
				return err
			}
			c.Mail, c.Due, c.Attempts = mail, 0, c.Attempts+1
			leaf := leafOf(DeliveryFailed, l.now(), &c, c.EMSP.String())
			leaf.Reason, leaf.Text = mail, said(a, cause)
			if err := settle(tx, &c, &leaf); err != nil {
				return err
			}
			if !withLetter {
				return nil
			}
			return tx.PutDeadLetter(letter)
		})
	}
	err := write(true)
	if errors.Is(err, store.ErrTooManyLetters) {
		err = write(false) // the CDR itself says that it was not delivered
	}
	return err
}

func (l *Ledger) deadLetter(ctx context.Context, c *store.LedgerCDR, a *relay.Answer, cause error) store.DeadLetter {
	d := store.DeadLetter{
		Lane: lane(c.EMSP), Receiver: c.EMSP, Role: string(ocpi.RoleEMSP), Key: objectKey(c.Owner, c.CDRID), Name: c.Name,
		Seq: c.ID, Method: "POST", Error: said(a, cause), Attempts: c.Attempts + 1, Version: c.Version,
	}
	if to := l.receiver(c.EMSP); to != nil {
		d.Platform, d.Role = to.Platform.ID, string(to.Role)
		d.URL, _ = to.Platform.Endpoint(ocpi.CDRs, ocpi.Receiver)
	}
	if a != nil {
		d.HTTPStatus, d.OCPIStatus = a.HTTP, a.Status
		d.Response = l.o.Trace.Redact(string(ocpi.CDRs), a.Body, store.MaxLetterBody)
	}
	if o, found, err := l.o.Store.Object(ctx, d.Key); err == nil && found {
		d.Request = l.o.Trace.Redact(string(ocpi.CDRs), o.Body, store.MaxLetterBody)
	}
	return d
}

// said is what a receiver, or the way to it, said.
func said(a *relay.Answer, cause error) string {
	if cause != nil {
		return cut(ocpi.AsError(cause).Message, 200)
	}
	if a == nil {
		return ""
	}
	return cut(message(a.Body), 200)
}

// resend has a CDR delivered that was given up, and does also in the same
// transaction.
func (l *Ledger) resend(ctx context.Context, k store.ObjectKey, also ...func(*store.Tx) error) error {
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		c, found, err := tx.CDR(k.Party, k.ID)
		if err != nil || !found || c.Mail != MailRefused && c.Mail != MailDead || State(c.State) == StateRefused {
			return err
		}
		now := l.now().UnixMicro()
		c.Mail, c.Due, c.MailSince, c.Updated = MailWaiting, now, now, now
		if err := tx.UpdateCDR(&c); err != nil {
			return err
		}
		for _, do := range also {
			if err := do(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Redeliver sends a CDR again whose delivery was given up. What also does is in the
// same transaction.
func (l *Ledger) Redeliver(ctx context.Context, k Key, also ...func(*store.Tx) error) error {
	c, found, err := l.o.Store.CDR(ctx, k.Owner, ocpi.FoldID(k.ID))
	if err != nil {
		return err
	}
	if !found {
		return ErrNotFound
	}
	if c.Mail != MailRefused && c.Mail != MailDead || State(c.State) == StateRefused {
		return stateError(&c)
	}
	return l.resend(ctx, objectKey(c.Owner, c.CDRID), also...)
}
