package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// firstAttempt bounds how long the sender of a CDR waits, besides the time-out of
// the relay, and how long another process leaves a CDR to the one that took it in.
const firstAttempt = 15 * time.Second

// first gives a CDR that is in the ledger to its receiver while the sender
// waits, and says what the sender is told.
func (l *Ledger) first(ctx context.Context, s Submission, e *entry) (relay.Answer, error) {
	x, c := s.Exchange, &e.row
	outcome := accepted
	if c.Held {
		outcome = heldBack
	}
	if s.Away == nil && l.post.takesNothing(c.EMSP) && !e.terms.Relay {
		s.Away = &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "receiver is not connected"}
	}
	var a relay.Answer
	var failed error = s.Away
	if s.Away == nil {
		ctx, cancel := context.WithTimeout(ctx, firstAttempt)
		a, failed = l.o.Relay.Forward(ctx, x)
		cancel()
	}
	v := away
	if s.Away == nil {
		v = judge(&a, failed)
		l.metrics.delivered.WithLabelValues(v.String()).Inc()
	}
	// From here on the sender's patience does not matter: what happened is stored.
	ctx = context.WithoutCancel(ctx)
	switch {
	case v == taken:
		if err := l.delivered(ctx, c, &a); err != nil {
			// The receiver has it and the hub has it; that it was delivered is not
			// stored, so it will be sent again.
			l.log.Error("the delivery of a CDR could not be stored", "party", c.EMSP.String(), "err", err)
		}
		l.metrics.intake.WithLabelValues(outcome).Inc()
		return a, nil
	case v == refused:
		if err := l.turnedDown(ctx, c, &a, failed); err != nil {
			return relay.Answer{}, l.count(undone, unavailable(err))
		}
		l.metrics.intake.WithLabelValues(turnedDown).Inc()
		return a, failed
	case e.terms.Relay:
		if err := l.turnedDown(ctx, c, &a, failed); err != nil {
			return relay.Answer{}, l.count(undone, unavailable(err))
		}
		l.metrics.intake.WithLabelValues(notPassed).Inc()
		return a, failed
	}
	a, err := l.takeOver(ctx, s, e)
	if err != nil {
		// It is durable and will be delivered, but what the sender was told is not:
		// it is told nothing, and gets its answer when it sends the CDR again.
		return a, l.count(undone, unavailable(err))
	}
	l.metrics.intake.WithLabelValues(outcome).Inc()
	return a, nil
}

// takeOver tells the sender that the CDR is accepted, and has it delivered later.
func (l *Ledger) takeOver(ctx context.Context, s Submission, e *entry) (relay.Answer, error) {
	now := l.now()
	a := l.takenOver(s.Exchange.Version, Key{e.row.Owner, e.row.Name}, now)
	fetches := s.Away != nil && s.Exchange.Target.Reachable() && !implements(s.Exchange.Target)
	err := l.o.Store.Write(ctx, func(tx *store.Tx) error {
		c, found, err := tx.CDRByID(e.row.ID)
		if err != nil {
			return err
		}
		if !found {
			return errors.New("the CDR has vanished")
		}
		c.Answer = tell(&a)
		if fetches { // nothing to send: it reads the list
			c.Mail, c.Due = MailNone, 0
			return l.present(tx, &c, now, ActorHub, "available")
		}
		c.Attempts, c.Due = 1, now.Add(pause(1)).UnixMicro()
		if s.Away != nil { // nothing was tried
			c.Attempts, c.Due = 0, now.UnixMicro()
		}
		c.Updated = now.UnixMicro()
		return tx.UpdateCDR(&c)
	})
	return a, err
}

// delivered stores that the receiver has a CDR.
func (l *Ledger) delivered(ctx context.Context, c *store.LedgerCDR, a *relay.Answer) error {
	now := l.now()
	err := l.o.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		c, found, err := tx.CDRByID(c.ID)
		if err != nil || !found || c.Mail == MailDelivered {
			return err
		}
		if len(c.Answer) == 0 {
			c.Answer = tell(a)
		}
		letter := c.Mail == MailRefused || c.Mail == MailDead || c.Attempts > 0
		c.Mail, c.Due, c.Attempts = MailDelivered, 0, c.Attempts+1
		if letter {
			if err := tx.SettleDeadLetters(lane(c.EMSP), objectKey(c.Owner, c.CDRID), store.LetterReplayed); err != nil {
				return err
			}
		}
		return l.present(tx, &c, now, c.EMSP.String(), "")
	})
	if err == nil {
		l.metrics.lag.Observe(now.Sub(time.UnixMicro(c.Received)).Seconds())
	}
	return err
}

// present writes that the receiver has c, or can fetch it. A CDR that waits for
// nothing else is approved in the same breath.
func (l *Ledger) present(tx *store.Tx, c *store.LedgerCDR, now time.Time, actor, reason string) error {
	if State(c.State) == StateValid {
		c.State = string(StatePresented)
		c.Deadline = l.deadline(c, now)
	}
	leaf := leafOf(Presented, now, c, actor)
	leaf.Reason = reason
	if err := settle(tx, c, &leaf); err != nil {
		return err
	}
	if State(c.State) != StatePresented || c.Held {
		return nil
	}
	if c.CreditOf != "" {
		return approve(tx, c, now, ActorHub, "credit", "")
	}
	if c.Deadline <= now.UnixMicro() {
		return approve(tx, c, now, ActorHub, "deadline", "")
	}
	return nil
}

// turnedDown stores that a CDR was not accepted after all: its sender is told so.
// What it was stays as evidence; its id is free again.
func (l *Ledger) turnedDown(ctx context.Context, c *store.LedgerCDR, a *relay.Answer, failed error) error {
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		c, found, err := tx.CDRByID(c.ID)
		if err != nil || !found {
			return err
		}
		now := l.now()
		o, found, err := tx.Object(objectKey(c.Owner, c.CDRID))
		if err != nil {
			return err
		}
		if found {
			o.Deleted = true
			if err := tx.PutObject(&o); err != nil {
				return err
			}
		}
		if err := freeOriginal(tx, &c); err != nil {
			return err
		}
		c.State, c.Held, c.Mail, c.Due, c.Attempts = string(StateRefused), false, MailRefused, 0, c.Attempts+1
		leaf := leafOf(Refused, now, &c, c.EMSP.String())
		leaf.Text = said(a, failed)
		return settle(tx, &c, &leaf)
	})
}

// freeOriginal undoes the claim of a credit CDR that does not count on the CDR
// that it takes back.
func freeOriginal(tx *store.Tx, c *store.LedgerCDR) error {
	if c.CreditOf == "" {
		return nil
	}
	o, found, err := tx.CDR(c.Owner, c.CreditOf)
	if err != nil || !found || o.CreditedBy != c.ID {
		return err
	}
	o.CreditedBy = 0
	return tx.UpdateCDR(&o)
}

// failed stores that a CDR of which the sender was told that it is accepted will
// not be sent again by itself, with a dead letter for people.
func (l *Ledger) failed(ctx context.Context, c *store.LedgerCDR, mail string, a *relay.Answer, cause error) error {
	letter := l.deadLetter(ctx, c, a, cause)
	write := func(withLetter bool) error {
		return l.o.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
			c, found, err := tx.CDRByID(c.ID)
			if err != nil || !found || c.Mail != MailWaiting {
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

// receiver returns the party that CDRs for a provider can be sent to now; nil
// when it is away.
func (l *Ledger) receiver(id ocpi.PartyID) *party.Party {
	p := l.o.Registry.Snapshot().Find(id, ocpi.CDRs.Implementer(ocpi.Receiver), ocpi.CDRs, ocpi.Receiver)
	if p == nil || !p.Reachable() || p.Status == party.Offline || !implements(p) {
		return nil
	}
	return p
}

func implements(p *party.Party) bool {
	_, ok := p.Platform.Endpoint(ocpi.CDRs, ocpi.Receiver)
	return ok
}

// errNoAgreement says that there is, and was during the session, no agreement
// that lets the CDR through.
var errNoAgreement = errors.New("no agreement covers the CDR")

// exchange builds the request that delivers a CDR of the ledger.
func (l *Ledger) exchange(ctx context.Context, c *store.LedgerCDR) (*relay.Exchange, error) {
	to := l.receiver(c.EMSP)
	if to == nil {
		return nil, errors.New("the receiver is away")
	}
	snap, now := l.o.Registry.Snapshot(), l.now()
	from := snap.Find(c.Owner, ocpi.CDRs.Implementer(ocpi.Sender), ocpi.CDRs, ocpi.Sender)
	if from == nil { // it has left since; what it is owed stays
		from = &party.Party{ID: c.Owner, Role: ocpi.RoleCPO, Platform: &party.Platform{Version: ocpi.Version(c.Version)}}
	} else if snap.Agreement(from, to, party.Scope(ocpi.CDRs), now) == nil &&
		snap.Agreement(from, to, party.Scope(ocpi.CDRs), time.UnixMicro(c.Started)) == nil {
		return nil, errNoAgreement
	}
	o, found, err := l.o.Store.Object(ctx, objectKey(c.Owner, c.CDRID))
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errors.New("the body of the CDR is not there")
	}
	h := ocpi.Header{From: ocpi.ClaimOf(c.Owner), To: ocpi.ClaimOf(c.EMSP), RequestID: ocpi.NewMessageID(), CorrelationID: ocpi.NewMessageID()}
	return &relay.Exchange{
		Header: h, Version: ocpi.Version(c.Version), Body: o.Body, Mode: routing.Direct, Target: to, Received: now,
		Request: routing.Request{Module: ocpi.CDRs, Interface: ocpi.Receiver, Method: "POST", From: from, To: c.EMSP},
	}, nil
}
