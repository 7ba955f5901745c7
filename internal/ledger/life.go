package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotFound says that there is no such CDR.
	ErrNotFound = errors.New("the ledger has no such CDR")
	// ErrNotAllowed says that this party may not do that.
	ErrNotAllowed = errors.New("not for this party to do")
	// ErrState says that it cannot be done with a CDR in its present state.
	ErrState = errors.New("not possible in the present state of the CDR")
	// ErrInvalid says that the request makes no sense.
	ErrInvalid = errors.New("invalid")
)

// Key names a CDR.
type Key struct {
	Owner ocpi.PartyID
	ID    string // in any spelling
}

func (k Key) String() string { return k.Owner.String() + " " + k.ID }

// Step is what somebody does with a CDR.
type Step struct {
	// Party does it; the zero party is the operator of the hub.
	Party  ocpi.PartyID
	Reason string // a code
	Text   string // in the words of who does it; at most maxText characters
	// Also is done in the same transaction, once the step has succeeded; nil:
	// nothing. When it fails the step fails.
	Also func(*store.Tx) error
}

const maxText = 1000

func (s *Step) actor() string {
	if s.Party.IsZero() {
		return ActorOperator
	}
	return s.Party.String()
}

// DisputeReasons are the codes of a dispute.
func DisputeReasons() []string {
	return []string{
		"not-our-token", "no-authorization", "duplicate", "wrong-price", "wrong-energy", "wrong-time",
		"tariff-not-published", "bad-signature", "late", "other",
	}
}

// Outcomes of a dispute that somebody decides; "credited" is decided by the
// credit CDR itself.
const (
	OutcomeWithdrawn = "withdrawn" // by the provider: the CDR stands
	OutcomeRejected  = "rejected"  // by the operator of the hub: the CDR stands
	OutcomeForgone   = "forgone"   // by the CPO, or the operator of the hub: nothing is owed
	outcomeCredited  = "credited"
)

// Approve accepts a CDR for its provider and posts it.
func (l *Ledger) Approve(ctx context.Context, k Key, s Step) error {
	return l.step(ctx, k, s, func(tx *store.Tx, c *store.LedgerCDR, now time.Time) error {
		if !s.Party.IsZero() && s.Party != c.EMSP {
			return fmt.Errorf("%w: a CDR is approved by its provider", ErrNotAllowed)
		}
		if !open(c) {
			return stateError(c)
		}
		return approve(tx, c, now, s.actor(), s.Reason, s.Text)
	})
}

// Dispute refuses a CDR for its provider. Nothing is posted until the dispute is
// over.
func (l *Ledger) Dispute(ctx context.Context, k Key, s Step) error {
	if !slices.Contains(DisputeReasons(), s.Reason) {
		return fmt.Errorf("%w: reason: must be one of %v", ErrInvalid, DisputeReasons())
	}
	return l.step(ctx, k, s, func(tx *store.Tx, c *store.LedgerCDR, now time.Time) error {
		if s.Party != c.EMSP {
			return fmt.Errorf("%w: a CDR is disputed by its provider", ErrNotAllowed)
		}
		if !open(c) {
			return stateError(c)
		}
		c.State, c.Deadline = string(StateDisputed), 0
		return change(tx, c, Disputed, now, &s)
	})
}

// Resolve ends a dispute with an outcome.
func (l *Ledger) Resolve(ctx context.Context, k Key, outcome string, s Step) error {
	s.Reason = outcome
	return l.step(ctx, k, s, func(tx *store.Tx, c *store.LedgerCDR, now time.Time) error {
		allowed := s.Party.IsZero()
		switch outcome {
		case OutcomeWithdrawn:
			allowed = allowed || s.Party == c.EMSP
		case OutcomeForgone:
			allowed = allowed || s.Party == c.Owner
		case OutcomeRejected:
		default:
			return fmt.Errorf("%w: outcome: must be %s, %s or %s", ErrInvalid, OutcomeWithdrawn, OutcomeRejected, OutcomeForgone)
		}
		if !allowed {
			return fmt.Errorf("%w: outcome %s", ErrNotAllowed, outcome)
		}
		if State(c.State) != StateDisputed {
			return stateError(c)
		}
		switch {
		case c.CreditOf == "":
		case outcome == OutcomeForgone: // what it was to take back stays owed
			if err := freeOriginal(tx, c); err != nil {
				return err
			}
		default:
			if err := credit(tx, c, now); err != nil {
				return err
			}
		}
		c.State, c.Held = string(StateResolved), false
		leaf := leafOf(Resolved, now, c, s.actor())
		leaf.Reason, leaf.Text = outcome, s.Text
		if outcome != OutcomeForgone {
			leaf.Postings = journal(c)
		}
		return settle(tx, c, &leaf)
	})
}

// Release lets a CDR that is held be approved by time. It is for the operator of
// the hub.
func (l *Ledger) Release(ctx context.Context, k Key, s Step) error {
	if s.Text == "" {
		return fmt.Errorf("%w: text: say why", ErrInvalid)
	}
	return l.step(ctx, k, s, func(tx *store.Tx, c *store.LedgerCDR, now time.Time) error {
		if !s.Party.IsZero() {
			return fmt.Errorf("%w: a CDR is released by the operator of the hub", ErrNotAllowed)
		}
		if !c.Held || !open(c) {
			return stateError(c)
		}
		c.Held = false
		if State(c.State) == StatePresented {
			c.Deadline = l.deadline(c, now)
		}
		return change(tx, c, Released, now, &s)
	})
}

// open reports whether the provider has still to say what it thinks of c.
func open(c *store.LedgerCDR) bool {
	return State(c.State) == StateValid || State(c.State) == StatePresented
}

func stateError(c *store.LedgerCDR) error {
	if c.Held {
		return fmt.Errorf("%w: it is %s and held", ErrState, c.State)
	}
	return fmt.Errorf("%w: it is %s", ErrState, c.State)
}

// step runs do on the present row of a CDR, in one transaction.
func (l *Ledger) step(ctx context.Context, k Key, s Step, do func(*store.Tx, *store.LedgerCDR, time.Time) error) error {
	if len(s.Text) > maxText {
		return fmt.Errorf("%w: text: has more than %d bytes", ErrInvalid, maxText)
	}
	var refused error // an error of the function would make the whole group begin again
	err := l.o.Store.Write(ctx, func(tx *store.Tx) error {
		refused = nil
		c, found, err := tx.CDR(k.Owner, ocpi.FoldID(k.ID))
		if err != nil {
			return err
		}
		if !found || !s.Party.IsZero() && s.Party != c.Owner && s.Party != c.EMSP {
			refused = fmt.Errorf("%w: %s", ErrNotFound, k)
			return nil
		}
		if err := do(tx, &c, l.now()); err != nil {
			if errors.Is(err, ErrNotAllowed) || errors.Is(err, ErrState) || errors.Is(err, ErrInvalid) {
				refused = err // nothing was written
				return nil
			}
			return err
		}
		if s.Also != nil {
			return s.Also(tx)
		}
		return nil
	})
	if err == nil {
		err = refused
	}
	return err
}

// change stores c as it is now, and the event.
func change(tx *store.Tx, c *store.LedgerCDR, kind Kind, now time.Time, s *Step) error {
	leaf := leafOf(kind, now, c, s.actor())
	leaf.Reason, leaf.Text = s.Reason, s.Text
	return settle(tx, c, &leaf)
}

// settle stores c, the event of leaf and its postings.
func settle(tx *store.Tx, c *store.LedgerCDR, leaf *Leaf) error {
	at := leaf.At.UnixMicro()
	c.Updated = at
	if len(leaf.Postings) > 0 {
		c.Posted = at
	}
	if err := tx.UpdateCDR(c); err != nil {
		return err
	}
	event, err := record(tx, c.ID, leaf)
	if err != nil {
		return err
	}
	return post(tx, event, c.ID, at, leaf.Postings)
}

// approve accepts c and posts it. Where c takes another CDR back, that one is
// posted as well, if it has not been: both stay visible and sum to 0.
func approve(tx *store.Tx, c *store.LedgerCDR, now time.Time, actor, reason, text string) error {
	if c.CreditOf != "" {
		if err := credit(tx, c, now); err != nil {
			return err
		}
	}
	c.State, c.Held, c.Deadline = string(StateApproved), false, 0
	leaf := leafOf(Approved, now, c, actor)
	leaf.Reason, leaf.Text, leaf.Postings = reason, text, journal(c)
	return settle(tx, c, &leaf)
}

// credit notes at the original that c takes it back.
func credit(tx *store.Tx, c *store.LedgerCDR, now time.Time) error {
	o, found, err := tx.CDR(c.Owner, c.CreditOf)
	if err != nil {
		return err
	}
	if !found || o.CreditedBy != c.ID {
		return fmt.Errorf("%w: the CDR that it takes back is not there, or has been taken back", ErrState)
	}
	o.Held, o.Deadline = false, 0
	var entries []Entry
	if o.Posted == 0 {
		entries = journal(&o)
	}
	if State(o.State) != StateApproved {
		o.State = string(StateResolved)
	}
	leaf := leafOf(Credited, now, &o, c.Owner.String())
	leaf.Reason, leaf.CreditBy, leaf.Postings = outcomeCredited, c.Name, entries
	return settle(tx, &o, &leaf)
}

// deadline returns when a CDR is approved by time, 0 for never.
func (l *Ledger) deadline(c *store.LedgerCDR, now time.Time) int64 {
	if c.Held {
		return 0
	}
	return now.Add(l.terms(c.Owner, c.EMSP, now).ApproveAfter).UnixMicro()
}

// approvalsAtOnce bounds how many CDRs are approved by time in one transaction.
const approvalsAtOnce = 200

// approveDue approves what nobody has disputed in time.
func (l *Ledger) approveDue(ctx context.Context) error {
	for ctx.Err() == nil {
		now := l.now()
		due, err := l.o.Store.DueApprovals(ctx, now.UnixMicro(), approvalsAtOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		if err = l.approveAll(ctx, due, now); err != nil && impossible(err) {
			err = l.approveEach(ctx, due, now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// approveAll approves those that are still due, all or none.
func (l *Ledger) approveAll(ctx context.Context, due []store.LedgerCDR, now time.Time) error {
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		for i := range due {
			c, found, err := tx.CDRByID(due[i].ID)
			if err != nil {
				return err
			}
			if !found || !open(&c) || c.Held || c.Deadline == 0 || c.Deadline > now.UnixMicro() {
				continue
			}
			if err := approve(tx, &c, now, ActorHub, "deadline", ""); err != nil {
				return err
			}
		}
		return nil
	})
}

// impossible reports whether an approval fails for what it is about, and not
// because nothing can be written.
func impossible(err error) bool {
	return errors.Is(err, ErrState) || errors.Is(err, store.ErrOverflow)
}

// postponed is how long one waits that cannot be approved, so that it does not stop
// the others.
const postponed = 24 * time.Hour

// approveEach approves one after the other, and postpones those that cannot be
// posted.
func (l *Ledger) approveEach(ctx context.Context, due []store.LedgerCDR, now time.Time) error {
	for i := range due {
		err := l.approveAll(ctx, due[i:i+1], now)
		if err != nil && impossible(err) {
			l.log.Error("a CDR cannot be approved; it is tried again tomorrow", "party", due[i].Owner.String(), "cdr", due[i].ID, "err", err)
			err = l.o.Store.Write(ctx, func(tx *store.Tx) error {
				c, found, err := tx.CDRByID(due[i].ID)
				if err != nil || !found || c.Deadline == 0 {
					return err
				}
				c.Deadline = now.Add(postponed).UnixMicro()
				return tx.UpdateCDR(&c)
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
