package demo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// steps is how often a running session is updated.
const steps = 3

// accepted is the good answer to a command, at once and as its result.
const accepted = "ACCEPTED"

// commandLimit is how long a driver waits for the result of a command.
const commandLimit = 30 * time.Second

// outcome is what came of a driver's attempt.
type outcome struct {
	attempt
	session string // empty: none has started, as far as is known
	refused bool   // as it should be
	lost    bool   // the answer was lost with the hub; the operator knows better
}

type sessionKey struct {
	operator ocpi.PartyID
	location string
	evse     string
}

// stopper is a driver who will stop the session at an EVSE by app.
type stopper struct{ provider int }

// drive lets the drivers have their day.
func (d *Demo) drive(ctx context.Context) error {
	stage := d.opt.Progress.Stage("a day of charging", len(d.drivers))
	d.outcomes = make([]outcome, len(d.drivers))
	begin := d.clock.Now()
	var wg sync.WaitGroup
	var finished atomic.Int64
	for i, a := range d.drivers {
		wg.Go(func() {
			if d.clock.Sleep(ctx, a.at-d.clock.Now().Sub(begin)) != nil {
				return
			}
			d.outcomes[i] = d.try(ctx, a)
			finished.Add(1)
			stage.Step()
		})
	}
	noon := d.drivers[len(d.drivers)/2].at
	if d.clock.Sleep(ctx, noon-d.clock.Now().Sub(begin)) == nil {
		d.remember(ctx)
		if d.opt.KillHub {
			d.killAndRestart(ctx)
		}
	}
	wg.Wait()
	started := 0
	for _, o := range d.outcomes {
		if o.session != "" {
			started++
		}
	}
	stage.Done(fmt.Sprintf("%d drivers, %d sessions", len(d.drivers), started))
	return ctx.Err()
}

// try is one driver.
func (d *Demo) try(ctx context.Context, a attempt) outcome {
	switch a.way {
	case byApp, byAppStop:
		return d.tryApp(ctx, a)
	case reserved, canceled:
		return d.tryReservation(ctx, a)
	}
	return d.tap(ctx, a)
}

// tap holds a card to the reader, again if nobody answers.
func (d *Demo) tap(ctx context.Context, a attempt) outcome {
	out := outcome{attempt: a}
	var got sim.Outcome
	err := d.insist(ctx, func() (err error) {
		got, err = d.cpos[a.platform].Tap(ctx, a.place, a.uid)
		return err
	})
	want := "ALLOWED"
	switch a.way {
	case blocked:
		want = "BLOCKED"
	case unknown:
		want = ""
	}
	switch {
	case err != nil:
		d.problem("a card at %s: %v", name(a.place), err)
	case got.Allowed != want || (got.SessionID != "") != (want == "ALLOWED"):
		d.problem("a card at %s: got %q and session %q, want %q", name(a.place), got.Allowed, got.SessionID, want)
	}
	out.session = got.SessionID
	out.refused = err == nil && got.SessionID == ""
	return out
}

// insist repeats what a person would repeat while the hub is away. Without a
// planned outage the first answer counts.
func (d *Demo) insist(ctx context.Context, f func() error) error {
	pause := time.NewTicker(250 * time.Millisecond)
	defer pause.Stop()
	for i := 0; ; i++ {
		err := f()
		if err == nil || !d.opt.KillHub || i == 60 {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return err
		}
	}
}

// tryApp starts a session by command. The driver who will also stop it is
// remembered before, since the session may be faster than the answer.
func (d *Demo) tryApp(ctx context.Context, a attempt) outcome {
	out := outcome{attempt: a}
	if a.way == byAppStop {
		d.mu.Lock()
		d.stops[sessionKey{a.place.Operator, a.place.Location, a.place.EVSE}] = stopper{a.provider}
		d.mu.Unlock()
	}
	cmd, err := d.emsps[a.provider].StartSession(ctx, a.place, a.uid, a.kind)
	result, ok := d.result(ctx, cmd, err)
	if !ok {
		out.lost = true
		return out
	}
	if result != accepted {
		d.problem("START_SESSION at %s: %s", name(a.place), result)
		return out
	}
	out.session = d.sessionAt(a)
	return out
}

// result waits for the result of a command. It is false where the answer was lost
// with the hub, which is a problem only if the hub was not killed.
func (d *Demo) result(ctx context.Context, cmd *sim.Command, err error) (string, bool) {
	if err != nil {
		if !d.opt.KillHub {
			d.problem("%v", err)
		}
		return "", false
	}
	if cmd.Response != accepted {
		return string(cmd.Response), true
	}
	limit := commandLimit
	if d.opt.KillHub {
		limit /= 3 // a result that was under way when the hub died never comes
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	res, err := cmd.Wait(ctx)
	if err != nil {
		if !d.opt.KillHub {
			d.problem("%s to %s has no result: %v", cmd.Kind, cmd.Operator, err)
		}
		return "", false
	}
	return string(res), true
}

// sessionAt returns the session that an operator has for an attempt: every
// attempt has its own EVSE.
func (d *Demo) sessionAt(a attempt) string {
	for _, b := range d.cpos[a.platform].Sessions() {
		s := b.Session
		if s.Operator == a.place.Operator && s.LocationID == a.place.Location && s.EVSEUID == a.place.EVSE {
			return s.ID
		}
	}
	return ""
}

// tryReservation reserves an EVSE, and comes or cancels.
func (d *Demo) tryReservation(ctx context.Context, a attempt) outcome {
	out := outcome{attempt: a}
	e := d.emsps[a.provider]
	cmd, err := e.Reserve(ctx, a.place, a.uid, a.kind, d.clock.Now().Add(7*24*time.Hour))
	result, ok := d.result(ctx, cmd, err)
	if ok && result != accepted {
		d.problem("RESERVE_NOW at %s: %s", name(a.place), result)
		return out
	}
	if a.way == reserved {
		return d.tap(ctx, a)
	}
	out.refused = true
	if !ok {
		return out
	}
	cancel, err := e.CancelReservation(ctx, a.place.Operator, cmd.ID)
	if result, ok := d.result(ctx, cancel, err); ok && result != accepted {
		d.problem("CANCEL_RESERVATION at %s: %s", name(a.place), result)
	}
	return out
}

// onSession sends STOP_SESSION when the vehicle of a driver who wants to do so is
// full: after the last step of charging.
func (d *Demo) onSession(provider int, p sim.SessionPush) {
	if p.Session.Status != sim.SessionActive || len(p.Session.Periods) < steps {
		return
	}
	key := sessionKey{p.Session.Operator, p.Session.LocationID, p.Session.EVSEUID}
	d.mu.Lock()
	s, ok := d.stops[key]
	delete(d.stops, key)
	d.mu.Unlock()
	if !ok || s.provider != provider {
		return
	}
	go func() {
		// The station may have ended the session meanwhile; what counts is the bill.
		ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
		defer cancel()
		if cmd, err := d.emsps[provider].StopSession(ctx, p.Session.Operator, p.Session.ID); err == nil && cmd.Response == accepted {
			_, _ = cmd.Wait(ctx)
		}
	}()
}

func name(p sim.Place) string { return p.Operator.String() + "/" + p.Location + "/" + p.EVSE }
