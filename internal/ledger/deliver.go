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
	if s.Away == nil && !e.terms.Relay {
		if early, err := l.beforeOriginal(ctx, c); err == nil && early {
			s.Away = errEarly
		}
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
		told, err := l.delivered(ctx, c, &a, l.o.Store.Write)
		if errors.Is(err, errOther) || err != nil && e.terms.Relay {
			return relay.Answer{}, l.count(undone, unavailable(err))
		}
		if err != nil {
			// The receiver has it and the hub has it; that it was delivered is not
			// stored, so it will be sent again.
			l.log.Error("the delivery of a CDR could not be stored", "party", c.EMSP.String(), "err", err)
		}
		l.metrics.intake.WithLabelValues(outcome).Inc()
		if told == nil {
			return a, nil
		}
		if a, err = again(told, l.now()); err != nil {
			return a, unavailable(err)
		}
		return a, nil
	case v == refused || e.terms.Relay:
		down, err := l.turnedDown(ctx, c, &a, failed)
		if err != nil {
			return relay.Answer{}, l.count(undone, unavailable(err))
		}
		if down {
			how := turnedDown
			if v == away {
				how = notPassed
			}
			l.metrics.intake.WithLabelValues(how).Inc()
			return a, failed
		}
		if v == refused { // what counts already stays, and people have to see to it
			if err := l.failed(ctx, c, MailRefused, &a, failed); err != nil {
				return relay.Answer{}, l.count(undone, unavailable(err))
			}
		}
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

// errEarly says why a credit is not sent yet: its receiver would not know what it
// takes back.
var errEarly = &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "the CDR that it takes back has not been delivered yet"}

// beforeOriginal reports whether c takes back a CDR that still waits for delivery.
func (l *Ledger) beforeOriginal(ctx context.Context, c *store.LedgerCDR) (bool, error) {
	if c.CreditOf == "" {
		return false, nil
	}
	o, found, err := l.o.Store.CDR(ctx, c.Owner, c.CreditOf)
	return found && o.Mail == MailWaiting, err
}

// errOther says that the id of a CDR is that of another by now.
var errOther = errors.New("the CDR was refused, or came again, in the meantime")

// still returns the row of c as it is now; false when c was refused since, or
// another one came under its id, so that what came of sending c no longer matters.
func still(tx *store.Tx, c *store.LedgerCDR) (store.LedgerCDR, bool, error) {
	now := *c
	found, err := tx.Refresh(&now)
	return now, found && State(now.State) != StateRefused, err
}

// takeOver tells the sender that the CDR is accepted, unless it was told something
// before, and has it delivered later.
func (l *Ledger) takeOver(ctx context.Context, s Submission, e *entry) (relay.Answer, error) {
	now := l.now()
	a := l.takenOver(s.Exchange.Version, Key{e.row.Owner, e.row.Name}, now)
	fetches := s.Away != nil && l.fetches(e.row.EMSP)
	var told []byte
	err := l.o.Store.Write(ctx, func(tx *store.Tx) error {
		c, ok, err := still(tx, &e.row)
		if err == nil && !ok {
			err = errOther
		}
		if err != nil {
			return err
		}
		if len(c.Answer) == 0 {
			c.Answer = tell(&a)
		}
		told = c.Answer
		if c.Mail != MailWaiting {
			return tx.UpdateCDR(&c)
		}
		if fetches {
			return l.available(tx, &c, now)
		}
		c.Attempts, c.Due = 1, now.Add(pause(1)).UnixMicro()
		if s.Away != nil { // nothing was tried
			c.Attempts, c.Due = 0, now.UnixMicro()
		}
		c.Updated = now.UnixMicro()
		return tx.UpdateCDR(&c)
	})
	if err != nil {
		return a, err
	}
	return again(told, now)
}

// delivered stores, by write, that the receiver has a CDR. It returns what the sender
// was told before; nil: nothing, so that a is what it is told.
func (l *Ledger) delivered(
	ctx context.Context, c *store.LedgerCDR, a *relay.Answer, write func(context.Context, func(*store.Tx) error) error,
) (told []byte, err error) {
	now := l.now()
	err = write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		c, ok, err := still(tx, c)
		if err == nil && !ok {
			err = errOther
		}
		if err != nil {
			return err
		}
		told = nil
		if len(c.Answer) > 0 {
			told = c.Answer
		} else {
			c.Answer = tell(a)
		}
		if c.Mail == MailDelivered {
			return nil
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
	return told, err
}

// errAbandoned says why a CDR that is only to be relayed does not count: nobody
// knows what its receiver said, and its sender was told nothing.
var errAbandoned = &ocpi.Error{Status: ocpi.StatusHubTimeout, Message: "the hub ended before the receiver had answered"}

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
// What it was stays as evidence; its id is free again. It does nothing, and down is
// false, where the CDR counts already: its sender was told so, its provider has
// approved it, or a credit takes it back.
func (l *Ledger) turnedDown(ctx context.Context, c *store.LedgerCDR, a *relay.Answer, failed error) (down bool, err error) {
	err = l.o.Store.Write(ctx, func(tx *store.Tx) error {
		down = false
		c, ok, err := still(tx, c)
		if err == nil && !ok {
			err = errOther
		}
		if err != nil || counts(&c) {
			return err
		}
		down = true
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
		if err := settle(tx, &c, &leaf); err != nil {
			return err
		}
		return l.sessionLostCDR(tx, &c)
	})
	return down, err
}

// counts reports whether somebody relies on c already.
func counts(c *store.LedgerCDR) bool {
	undecided := State(c.State) == StateValid || State(c.State) == StateDisputed
	return len(c.Answer) > 0 || c.Mail == MailDelivered || c.CreditedBy != 0 || !undecided
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
var errNoAgreement = &ocpi.Error{Status: ocpi.StatusUnknownReceiver, Message: "no agreement covers the CDR"}

// exchange builds the request that delivers a CDR of the ledger.
func (l *Ledger) exchange(ctx context.Context, c *store.LedgerCDR) (*relay.Exchange, error) {
	to := l.receiver(c.EMSP)
	if to == nil {
		return nil, &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "the receiver is away"}
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
