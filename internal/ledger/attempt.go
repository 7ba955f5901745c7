package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
)

// attemptAll delivers rows, one after the other at a steady pace, so that others
// have the processor and the disk in between. It ends early when the receiver fails.
func (o *office) attemptAll(ctx context.Context, d *desk, s *standing, due []store.LedgerCDR) {
	places := make(chan struct{}, perReceiver)
	began, failing := time.Now(), s.fails()
	var all sync.WaitGroup
	defer all.Wait()
	for i := range due {
		rest(ctx, time.Until(began.Add(time.Duration(i)*drainEvery)))
		places <- struct{}{}
		if i > 0 && (ctx.Err() != nil || !failing && s.fails()) {
			return
		}
		all.Go(func() {
			a, v, err := o.send(ctx, d, &due[i])
			<-places
			s.note(o.keep(ctx, d, &due[i], &a, v, err))
		})
	}
}

// send gives one CDR to its receiver. Where it does not, it stores why, and the
// verdict is unsent.
func (o *office) send(ctx context.Context, d *desk, c *store.LedgerCDR) (relay.Answer, verdict, error) {
	early, err := o.l.beforeOriginal(ctx, c)
	if err == nil && early {
		if err = o.wait(ctx, c); err == nil {
			return relay.Answer{}, unsent, nil
		}
	}
	if err == nil && len(c.Answer) == 0 && o.l.terms(c.Owner, c.EMSP, o.l.now()).Relay {
		var down bool
		if down, err = o.l.turnedDown(ctx, c, nil, errAbandoned); down && err == nil {
			return relay.Answer{}, unsent, nil
		}
	}
	if err == nil && o.l.fetches(c.EMSP) {
		if err = o.l.fetched(ctx, c); err == nil {
			return relay.Answer{}, unsent, nil
		}
	}
	var x *relay.Exchange
	if err == nil {
		x, err = o.l.exchange(ctx, c)
	}
	if ctx.Err() != nil {
		return relay.Answer{}, unsent, nil
	}
	if err != nil {
		o.l.log.Warn("a CDR cannot be delivered now", "party", d.to.String(), "err", err)
		if err := o.later(ctx, c, nil, err); err != nil {
			o.l.log.Error("the delivery of a CDR could not be stored", "party", d.to.String(), "err", err)
		}
		return relay.Answer{}, unsent, nil
	}
	x.NotAfter = d.grant.Until()
	a, err := o.l.o.Relay.Forward(ctx, x)
	return a, judge(&a, err), err
}

// keep stores what came of sending a CDR, and returns what that says about the
// receiver.
func (o *office) keep(ctx context.Context, d *desk, c *store.LedgerCDR, a *relay.Answer, v verdict, err error) verdict {
	if v == unsent || v == away && ctx.Err() != nil {
		return v
	}
	switch v {
	case taken:
		_, err = o.l.delivered(ctx, c, a, o.l.unhurried)
	case refused:
		err = o.l.failed(ctx, c, MailRefused, a, err)
	case away:
		err = o.later(ctx, c, a, err)
	}
	o.l.metrics.delivered.WithLabelValues(v.String()).Inc()
	if err != nil && ctx.Err() == nil { // it will be sent again
		o.l.log.Error("the delivery of a CDR could not be stored", "party", d.to.String(), "err", err)
		o.putOff(ctx, c)
		if impossible(err) { // not for what the receiver did
			return unsent
		}
		return away
	}
	return v
}

// unhurried writes what nobody waits for.
func (l *Ledger) unhurried(ctx context.Context, fn func(*store.Tx) error) error {
	return l.o.Store.WriteLater(ctx, storeWithin, fn)
}

// later puts off a CDR that was not delivered, or gives it up when that has gone
// on for too long.
func (o *office) later(ctx context.Context, c *store.LedgerCDR, a *relay.Answer, cause error) error {
	if o.l.now().Sub(time.UnixMicro(c.MailSince)) >= keepTrying {
		return o.l.failed(ctx, c, MailDead, a, cause)
	}
	o.putOff(ctx, c)
	return nil
}

// wait puts a credit behind the CDR that it takes back.
func (o *office) wait(ctx context.Context, c *store.LedgerCDR) error {
	return o.l.o.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		now, ok, err := still(tx, c)
		if err != nil || !ok || now.Mail != MailWaiting {
			return err
		}
		of, found, err := tx.CDR(c.Owner, c.CreditOf)
		if err != nil || !found {
			return err
		}
		now.Due = max(of.Due+1, o.l.now().Add(lookEvery).UnixMicro())
		return tx.UpdateCDR(&now)
	})
}

// putOff notes a failed attempt.
func (o *office) putOff(ctx context.Context, c *store.LedgerCDR) {
	due := o.l.now().Add(pause(c.Attempts + 1)).UnixMicro()
	err := o.l.o.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		return tx.PutOffMail(c.ID, due)
	})
	if err != nil {
		o.l.log.Warn("a failed attempt to deliver a CDR could not be noted", "err", err)
	}
}
