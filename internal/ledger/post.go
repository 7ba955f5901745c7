package ledger

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// The states of a CDR's delivery.
const (
	MailWaiting   = "waiting"
	MailDelivered = "delivered"
	MailRefused   = "refused" // by its receiver, after the sender was told that it was accepted
	MailDead      = "dead"    // never taken within keepTrying
	MailNone      = "none"    // the receiver fetches its CDRs
)

// schedule is how long after an attempt the next one comes; the last one for
// ever after.
var schedule = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour,
}

const (
	keepTrying  = 7 * 24 * time.Hour
	leaseKind   = "mail"
	lookEvery   = time.Second
	expireEvery = time.Minute
	perReceiver = 4  // requests in flight to one receiver
	fetchAtOnce = 64 // rows read for one receiver at a time
	// drainEvery lies between two attempts of a backlog: some 90 CDRs a second, so
	// that 36,000 are delivered within ten minutes and other traffic hardly notices.
	drainEvery = 10 * time.Millisecond
	// storeWithin is how long it may take until it is stored that a CDR was
	// delivered: so long it waits for a commit that others need. Who kills the hub
	// meanwhile has it sent again.
	storeWithin = 100 * time.Millisecond
	// failuresToPause is how many attempts in a row must fail before only one CDR
	// at a time is tried, and probeAtLeast how often then: the schedule is for a
	// CDR that its receiver cannot take, not for a receiver that has been mended.
	failuresToPause = 3
	probeAtLeast    = 10 * time.Minute
)

// pause returns how long to wait after the n-th failure in a row, n from 1: the
// schedule with a fifth of jitter.
func pause(n int) time.Duration {
	d := schedule[min(max(n, 1), len(schedule))-1]
	return d + time.Duration((rand.Float64()-0.5)*0.4*float64(d))
}

// office delivers the CDRs that the hub has taken over. Each receiver has a desk,
// at one process at a time.
type office struct {
	l     *Ledger
	desks map[string]*desk // by receiver; only run touches it

	mu      sync.Mutex
	failing map[ocpi.PartyID]bool // receivers that take nothing at present
}

// desk is the work for one receiver.
type desk struct {
	to     ocpi.PartyID
	grant  lease.Grant
	cancel context.CancelFunc
	done   chan struct{}
}

func newOffice(l *Ledger) *office {
	return &office{l: l, desks: map[string]*desk{}, failing: map[ocpi.PartyID]bool{}}
}

// takesNothing reports whether a receiver is known to fail at present, so that
// nobody need wait for it.
func (o *office) takesNothing(p ocpi.PartyID) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failing[p]
}

func (o *office) setFailing(p ocpi.PartyID, failing bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if failing {
		o.failing[p] = true
	} else {
		delete(o.failing, p)
	}
}

// run opens a desk for each receiver that has waiting CDRs and is this process's
// to serve, until ctx ends.
func (o *office) run(ctx context.Context) {
	defer o.closeAll()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		changed := o.l.o.Lease.Changed()
		if err := o.arrange(ctx); err != nil && ctx.Err() == nil {
			o.l.log.Error("cannot see which CDRs wait for delivery", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-tick.C:
		}
	}
}

func (o *office) arrange(ctx context.Context) error {
	if err := o.takeReplays(ctx); err != nil {
		return err
	}
	waiting, err := o.l.o.Store.MailReceivers(ctx)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(waiting))
	for _, p := range waiting {
		names = append(names, p.String())
	}
	o.l.o.Lease.Share(leaseKind, names)
	held := o.l.o.Lease.Held(leaseKind)
	for name, d := range maps.All(o.desks) {
		if g, ok := held[name]; !ok || g.Epoch != d.grant.Epoch || !slices.Contains(names, name) {
			o.close(name, d)
		}
	}
	for name, g := range held {
		p, ok := partyOf(name)
		if !ok || !slices.Contains(names, name) {
			o.l.o.Lease.Release(leaseKind, name)
			continue
		}
		if o.desks[name] == nil {
			o.desks[name] = o.open(ctx, p, g)
		}
	}
	return nil
}

func (o *office) open(ctx context.Context, p ocpi.PartyID, g lease.Grant) *desk {
	ctx, cancel := context.WithCancel(ctx)
	d := &desk{to: p, grant: g, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		o.serve(ctx, d)
	}()
	return d
}

func (o *office) close(name string, d *desk) {
	d.cancel()
	<-d.done
	delete(o.desks, name)
	o.setFailing(d.to, false)
	o.l.o.Lease.Release(leaseKind, name)
}

func (o *office) closeAll() {
	for _, d := range o.desks {
		d.cancel()
	}
	for name, d := range maps.All(o.desks) {
		o.close(name, d)
	}
}

// serve delivers to one receiver until ctx ends.
func (o *office) serve(ctx context.Context, d *desk) {
	var s standing
	// What waits because of failures that nobody here remembers waits no longer: the
	// process that saw them has ended.
	if err := o.hurry(ctx, d); err != nil && ctx.Err() == nil {
		o.l.log.Error("cannot resume the delivery of CDRs", "party", d.to.String(), "err", err)
	}
	for ctx.Err() == nil {
		busy, err := o.round(ctx, d, &s)
		if err != nil && ctx.Err() == nil {
			o.l.log.Error("cannot deliver CDRs", "party", d.to.String(), "err", err)
		}
		wait := lookEvery
		if busy && err == nil {
			wait = drainEvery
		}
		rest(ctx, wait)
	}
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// standing is how a receiver has been doing.
type standing struct {
	pauses  int       // since it last took something
	next    time.Time // no attempt before, while it fails
	absent  bool      // it was not reachable when last looked at
	expired time.Time // when it was last looked for what has waited for too long

	mu        sync.Mutex
	failures  int  // in a row
	asked     bool // in this round: something was sent
	recovered bool // in this round: it took something, and was given up before
}

// note is told of each attempt.
func (s *standing) note(v verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch v {
	case unsent: // says nothing about the receiver
		return
	case away:
		s.failures++
	default:
		s.recovered = s.recovered || s.failures >= failuresToPause
		s.failures = 0
	}
	s.asked = true
}

// fails reports whether the receiver takes nothing at present.
func (s *standing) fails() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures >= failuresToPause
}

// round makes the attempts that are due. busy says that there may be more.
func (o *office) round(ctx context.Context, d *desk, s *standing) (busy bool, err error) {
	now := o.l.now()
	if o.l.receiver(d.to) == nil {
		s.absent = true
		o.setFailing(d.to, true)
		if o.l.fetches(d.to) {
			return o.leave(ctx, d, s, now)
		}
		return false, o.expire(ctx, d, s, now)
	}
	if s.absent { // it has come back: no reason to wait
		if err := o.hurry(ctx, d); err != nil {
			return false, err
		}
		s.absent, s.next = false, time.Time{}
	}
	paused := s.fails()
	o.setFailing(d.to, paused)
	if paused && now.Before(s.next) {
		return false, o.expire(ctx, d, s, now)
	}
	limit, fetch := fetchAtOnce, o.l.o.Store.DueMail
	if paused { // one probe, also of those whose own turn is later
		limit, fetch = 1, o.l.o.Store.NextMail
	}
	due, err := fetch(ctx, d.to, o.l.now().UnixMicro(), limit)
	if err != nil || len(due) == 0 {
		return false, err
	}
	s.asked, s.recovered = false, false
	o.attemptAll(ctx, d, s, due)
	switch {
	case !s.fails():
		s.pauses = 0
	case s.asked:
		s.pauses++
		s.next = o.l.now().Add(min(pause(s.pauses), probeAtLeast))
		return false, nil
	}
	if s.recovered && !s.fails() {
		o.setFailing(d.to, false)
		return true, o.hurry(ctx, d)
	}
	return len(due) == limit && !paused, nil
}

// hurryAtOnce bounds how many CDRs are made due in one transaction, so that others
// can write in between.
const hurryAtOnce = 200

// hurry makes all that waits for a receiver due, but for what its senders still
// wait for as well.
func (o *office) hurry(ctx context.Context, d *desk) error {
	now := o.l.now().UnixMicro()
	late, err := o.l.o.Store.LateMail(ctx, d.to, now)
	if err != nil || !late {
		return err
	}
	for {
		var n int
		err := o.l.o.Store.Write(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.HurryMail(d.to, now, hurryAtOnce)
			return err
		})
		if err != nil || n < hurryAtOnce {
			return err
		}
		rest(ctx, drainEvery)
	}
}

// expire gives up what has waited for too long, also when nothing can be sent.
func (o *office) expire(ctx context.Context, d *desk, s *standing, now time.Time) error {
	if now.Before(s.expired.Add(expireEvery)) {
		return nil
	}
	old, err := o.l.o.Store.OldMail(ctx, d.to, now.Add(-keepTrying).UnixMicro(), fetchAtOnce)
	if err != nil {
		return err
	}
	for i := range old {
		if err := o.l.failed(ctx, &old[i], MailDead, nil, errGivenUp); err != nil {
			return err
		}
	}
	if len(old) < fetchAtOnce {
		s.expired = now
	}
	return nil
}

// errGivenUp says why a CDR is not sent any more.
var errGivenUp = &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "the receiver was away for seven days"}

// lane is the name of a receiver's dead letters.
func lane(to ocpi.PartyID) string { return lanePrefix + to.String() }

const lanePrefix = "bill/"

// takeReplays has those CDRs sent again for which an operator asked that.
func (o *office) takeReplays(ctx context.Context) error {
	letters, err := o.l.o.Store.QueuedDeadLetters(ctx)
	if err != nil {
		return err
	}
	for _, d := range letters {
		if !strings.HasPrefix(d.Lane, lanePrefix) {
			continue
		}
		c, found, err := o.l.o.Store.CDR(ctx, d.Key.Party, d.Key.ID)
		if err != nil {
			return err
		}
		if !found || c.Mail == MailWaiting { // it is on its way again
			continue
		}
		if err := o.l.resend(ctx, d.Key); err != nil {
			return err
		}
	}
	return nil
}

func (v verdict) String() string { return [...]string{"taken", "refused", "away", "unsent"}[v] }
