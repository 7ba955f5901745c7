package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/ocmf"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Submission is a CDR that came in, and where it is to go.
type Submission struct {
	// Exchange is the request. Its Target is the receiver, Request.From the sender,
	// whose right to speak for the CDR's owner was checked.
	Exchange *relay.Exchange
	// Away says why the receiver cannot be sent it now; nil: it can.
	Away *ocpi.Error
}

// Intake takes a CDR in and returns what its sender is told. Before it says
// "accepted", the CDR, its evidence and its delivery are durable.
//
// The receiver's own answer is returned when it comes in time, a refusal too.
// Otherwise the hub takes the CDR over, unless the agreement wants it relayed
// only: then the sender is told what the network said. The same CDR again gets
// the same answer; another one under its id is refused. Every error is an
// *ocpi.Error.
func (l *Ledger) Intake(ctx context.Context, s Submission) (relay.Answer, error) {
	x := s.Exchange
	k := Key{x.Request.From.ID, gjson.GetBytes(x.Body, "id").Str}
	if k.ID == "" {
		return relay.Answer{}, l.count(rejected, ocpi.Invalid("id", "is required"))
	}
	// One at a time of an id, and of a session: the second one of a session is to
	// see the first.
	leave, err := l.under.enter(ctx, flightKeys(k, gjson.GetBytes(x.Body, "session_id").Str)...)
	if err != nil {
		return relay.Answer{}, l.count(undone, unavailable(err))
	}
	defer leave()
	e, err := l.examine(ctx, x, k)
	if err != nil {
		return relay.Answer{}, l.count(rejected, err)
	}
	if e.known == nil {
		if err := l.enter(ctx, e); err != nil {
			return relay.Answer{}, l.count(undone, err)
		}
	}
	if e.known != nil {
		return l.repeat(ctx, x, e.known)
	}
	l.metrics.seconds.Observe(time.Since(x.Received).Seconds())
	return l.first(ctx, s, e)
}

func flightKeys(k Key, session string) []string {
	keys := []string{"c " + ocpi.FoldID(k.String())}
	if session != "" {
		keys = append(keys, "s "+ocpi.FoldID(k.Owner.String()+" "+session))
	}
	return keys
}

// count counts an intake that came to nothing.
func (l *Ledger) count(outcome string, err error) error {
	if e := ocpi.AsError(err); outcome == rejected && e.Status >= 3000 {
		outcome = undone
	}
	l.metrics.intake.WithLabelValues(outcome).Inc()
	return err
}

// unavailable is the answer when the hub cannot take anything in now.
func unavailable(err error) *ocpi.Error {
	return &ocpi.Error{HTTP: http.StatusServiceUnavailable, Status: ocpi.StatusServerError, Message: "the hub cannot store this at the moment; try again", Err: err}
}

// entry is a CDR on its way into the ledger.
type entry struct {
	known *store.LedgerCDR // it is there already

	row      store.LedgerCDR
	object   store.Object
	evidence []byte
	leaf     Leaf
	terms    terms
}

// examine reads a CDR, gathers what the hub knows about it, checks it and makes
// what is to be stored. Nothing is written.
func (l *Ledger) examine(ctx context.Context, x *relay.Exchange, k Key) (*entry, error) {
	old, found, err := l.o.Store.CDR(ctx, k.Owner, ocpi.FoldID(k.ID))
	if err != nil {
		return nil, unavailable(err)
	}
	if found && State(old.State) != StateRefused {
		return &entry{known: &old}, nil
	}
	cdr, err := check.Read(x.Version, x.Body, nil)
	if err != nil {
		return nil, err
	}
	now := l.now()
	e := &entry{terms: l.terms(k.Owner, x.Target.ID, now)}
	c, err := l.gather(ctx, cdr, x, &e.terms, now)
	if err != nil {
		return nil, unavailable(err)
	}
	report := check.Run(c)
	for _, f := range report.Findings {
		l.metrics.findings.WithLabelValues(f.Check, string(f.Severity)).Inc()
	}
	if report.Verdict == check.Reject {
		return nil, refusal(&report)
	}
	if e.evidence, err = evidenceOf(&report, now); err != nil {
		return nil, unavailable(err)
	}
	e.fill(cdr, x, &report, now)
	return e, nil
}

// refusal tells the sender why its CDR can never be billed.
func refusal(r *check.Report) *ocpi.Error {
	for _, f := range r.Findings {
		if f.Severity != check.Reject {
			continue
		}
		status := ocpi.StatusInvalidParameters
		switch f.Code {
		case "location_unknown":
			status = ocpi.StatusUnknownLocation
		case "token_unknown":
			status = ocpi.StatusUnknownToken
		}
		return &ocpi.Error{Status: status, Message: f.Check + ": " + f.Message}
	}
	return ocpi.Invalid("cdr", "was rejected")
}

// fill makes the rows.
func (e *entry) fill(cdr *check.CDR, x *relay.Exchange, report *check.Report, now time.Time) {
	at := now.UnixMicro()
	first := now.Add(firstAttempt + 5*time.Second) // when the post takes over, should this process die
	e.row = store.LedgerCDR{
		Owner: cdr.Party, CDRID: cdr.Key, Name: cdr.ID, EMSP: x.Target.ID, Version: string(cdr.Version), Digest: cdr.Digest[:],
		Session: cdr.SessionID, Token: cdr.Token.Key, EVSE: cdr.Place.EVSEKey, Meter: ocpi.FoldID(cdr.Meter), Reference: cdr.Reference,
		Started: cdr.Start.UnixMicro(), Ended: cdr.End.UnixMicro(), Received: at,
		Currency: cdr.Currency, Net: cdr.Net, Gross: cdr.Gross, Energy: cdr.Energy, CreditOf: cdr.CreditKey,
		// A credit passes on whatever its original is held for; it is the way out of that.
		State: string(StateValid), Held: report.Verdict == check.Hold && !cdr.Credit,
		Mail: MailWaiting, Due: first.UnixMicro(), MailSince: at, Updated: at,
	}
	if p := &cdr.Place; p.Latitude != 0 || p.Longitude != 0 {
		e.row.Latitude, e.row.Longitude, e.row.HasPlace = int64(p.Latitude*degree), int64(p.Longitude*degree), true
	}
	if r := report.Register; r != nil && report.Signature != ocmf.Invalid {
		e.row.Register, e.row.HasRegister = r.Energy, true
	}
	e.object = store.Object{
		ObjectKey: objectKey(e.row.Owner, e.row.CDRID), Name: cdr.ID, Version: string(cdr.Version),
		LastUpdated: cdr.Updated.UnixMicro(), Audience: x.Target.ID.String(), Body: x.Body,
	}
	e.leaf = leafOf(Received, now, &e.row, x.Request.From.ID.String())
	e.leaf.Digest, e.leaf.Evidence = fmt.Sprintf("%x", e.row.Digest), hexDigest(e.evidence)
	e.leaf.Session, e.leaf.Currency, e.leaf.Net, e.leaf.Gross = cdr.Session, cdr.Currency, cdr.Net, cdr.Gross
	e.leaf.CreditOf = cdr.CreditOf
	for _, f := range report.Findings {
		e.leaf.Findings = append(e.leaf.Findings, f.Check+" "+string(f.Severity)+" "+f.Code)
	}
}

func objectKey(owner ocpi.PartyID, id string) store.ObjectKey {
	return store.ObjectKey{Kind: string(ocpi.CDRs), Party: owner, ID: id}
}

// enter commits an entry: the CDR, its body, its evidence, its event and its
// delivery. When it turns out to be there already, e.known is that.
func (l *Ledger) enter(ctx context.Context, e *entry) error {
	var refused error
	err := l.o.Store.Write(ctx, func(tx *store.Tx) error {
		refused, e.known = nil, nil
		old, found, err := tx.CDR(e.row.Owner, e.row.CDRID)
		if err != nil {
			return err
		}
		if found && State(old.State) != StateRefused {
			e.known = &old
			return nil
		}
		original, err := creditable(tx, &e.row)
		if err != nil {
			refused = err
			return nil
		}
		if found {
			e.row.ID = old.ID
		} else {
			e.row.ID = 0
		}
		if err := put(tx, e); err != nil {
			return err
		}
		if original != nil {
			original.CreditedBy = e.row.ID
			if err := tx.UpdateCDR(original); err != nil {
				return err
			}
		}
		return l.sessionHasCDR(tx, &e.row, e.leaf.At)
	})
	if err != nil {
		return unavailable(err)
	}
	return refused
}

// creditable returns the original of a credit CDR, which nothing has taken back
// yet; nil for other CDRs.
func creditable(tx *store.Tx, c *store.LedgerCDR) (*store.LedgerCDR, error) {
	if c.CreditOf == "" {
		return nil, nil
	}
	o, found, err := tx.CDR(c.Owner, c.CreditOf)
	switch {
	case err != nil:
		return nil, err
	case !found || State(o.State) == StateRefused || o.EMSP != c.EMSP:
		return nil, ocpi.Invalid("credit_reference_id", "names no CDR between these parties")
	case o.CreditedBy != 0:
		return nil, ocpi.Invalid("credit_reference_id", "names a CDR that was credited before")
	}
	return &o, nil
}

// put writes the rows of an entry.
func put(tx *store.Tx, e *entry) error {
	if err := tx.PutObject(&e.object); err != nil {
		return err
	}
	ev, err := record(tx, e.row.ID, &e.leaf)
	if err != nil {
		return err
	}
	if e.row.ID == 0 {
		e.row.ID, e.row.Evidence = ev, ev
		err = tx.InsertCDR(&e.row)
	} else { // its receiver refused an earlier one
		e.row.Evidence = ev
		err = tx.UpdateCDR(&e.row)
	}
	if err != nil {
		return err
	}
	return tx.PutCDREvidence(ev, e.evidence)
}

// repeat answers a CDR whose id is in the ledger.
func (l *Ledger) repeat(ctx context.Context, x *relay.Exchange, c *store.LedgerCDR) (relay.Answer, error) {
	same, err := l.same(ctx, c, x.Body)
	if err != nil {
		return relay.Answer{}, l.count(undone, unavailable(err))
	}
	if !same || c.EMSP != x.Target.ID {
		if err := l.conflict(ctx, c, x); err != nil {
			return relay.Answer{}, l.count(undone, unavailable(err))
		}
		return relay.Answer{}, l.count(conflicted, ocpi.Invalid("id", "C03: a CDR with this id and other content was accepted before; CDRs cannot be changed, send a credit CDR and a new one"))
	}
	l.metrics.intake.WithLabelValues(repeated).Inc()
	if len(c.Answer) == 0 { // another process is at it, or the one that was has died
		if err := l.awaitAnswer(ctx, c); err != nil {
			return relay.Answer{}, unavailable(err)
		}
	}
	a, err := again(c.Answer, l.now())
	if err != nil {
		return a, unavailable(err)
	}
	return a, nil
}

// same reports whether body says the same as the CDR in the ledger. Spacing and
// the order of members do not matter, nor how a number is spelled.
func (l *Ledger) same(ctx context.Context, c *store.LedgerCDR, body []byte) (bool, error) {
	if sum := sha256.Sum256(body); bytes.Equal(sum[:], c.Digest) {
		return true, nil
	}
	o, found, err := l.o.Store.Object(ctx, objectKey(c.Owner, c.CDRID))
	if err != nil || !found {
		return false, err
	}
	a, b := jsontext.Value(bytes.Clone(body)), jsontext.Value(bytes.Clone(o.Body))
	if a.Canonicalize() != nil || b.Canonicalize() != nil {
		return false, nil
	}
	return bytes.Equal(a, b), nil
}

// maxConflicts bounds how many conflicting contents of one id are recorded.
const maxConflicts = 20

// conflict records that an id came again with other content, once for each
// content.
func (l *Ledger) conflict(ctx context.Context, c *store.LedgerCDR, x *relay.Exchange) error {
	digest := hexDigest(x.Body)
	events, err := l.o.Store.CDREvents(ctx, c.ID)
	if err != nil {
		return err
	}
	n := 0
	for _, e := range events {
		if Kind(e.Kind) != Conflict {
			continue
		}
		n++
		if leaf, err := ParseLeaf(e.Leaf); err == nil && leaf.Digest == digest {
			return nil
		}
	}
	if n >= maxConflicts {
		return nil
	}
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		now, found, err := tx.CDRByID(c.ID)
		if err != nil || !found {
			return err
		}
		leaf := leafOf(Conflict, l.now(), &now, x.Request.From.ID.String())
		leaf.Digest, leaf.Reason = digest, "C03"
		_, err = record(tx, c.ID, &leaf)
		return err
	})
}

// awaitAnswer waits until it is known what the sender was told; when nobody
// seems to be about to tell, it is told that the hub has the CDR.
func (l *Ledger) awaitAnswer(ctx context.Context, c *store.LedgerCDR) error {
	until := time.UnixMicro(c.Received).Add(firstAttempt)
	for l.o.Store.Shared() && l.now().Before(until) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		now, found, err := l.o.Store.CDRByID(ctx, c.ID)
		if err != nil {
			return err
		}
		if !found || len(now.Answer) > 0 {
			*c = now
			return nil
		}
	}
	return l.o.Store.Write(ctx, func(tx *store.Tx) error {
		now, found, err := tx.CDRByID(c.ID)
		if err != nil {
			return err
		}
		if !found {
			return errors.New("the CDR has vanished")
		}
		if len(now.Answer) == 0 {
			a := l.takenOver(ocpi.Version(now.Version), Key{now.Owner, now.Name}, l.now())
			now.Answer = tell(&a)
			if err := tx.UpdateCDR(&now); err != nil {
				return err
			}
		}
		*c = now
		return nil
	})
}
