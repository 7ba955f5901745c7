package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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
	// Promise asks for a signed promise in the answer, see package receipt.
	Promise bool
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
	leave, err := l.under.enter(ctx, flightKeys(k, x.Body)...)
	if err != nil {
		return relay.Answer{}, l.count(undone, unavailable(err))
	}
	defer leave()
	var met int64
	for range maxExamined {
		a, err := l.take(ctx, s, k, &met)
		if !errors.Is(err, errStale) {
			if s.Promise && a.Accepted {
				a.Promise = l.promise(ctx, k)
			}
			return a, err
		}
	}
	return relay.Answer{}, l.count(undone, unavailable(errStale))
}

// maxExamined is how often a CDR is examined when what it was compared with
// changes at the same moment, in another process.
const maxExamined = 3

// errStale says that what a CDR was compared with has changed.
var errStale = errors.New("another process took in what belongs to this CDR at the same moment")

// take is one pass of Intake. errStale says that it has to begin again; nothing
// was written then, and met is what the next one need not begin again for.
func (l *Ledger) take(ctx context.Context, s Submission, k Key, met *int64) (relay.Answer, error) {
	x := s.Exchange
	e, err := l.examine(ctx, x, k)
	if err != nil {
		return relay.Answer{}, l.count(rejected, err)
	}
	if e.known == nil {
		e.met = *met
		if err := l.enter(ctx, e); errors.Is(err, errStale) {
			*met = e.met
			return relay.Answer{}, err
		} else if err != nil {
			return relay.Answer{}, l.count(undone, err)
		}
	}
	if e.known != nil {
		return l.repeat(ctx, x, e.known)
	}
	l.metrics.seconds.Observe(time.Since(x.Received).Seconds())
	return l.first(ctx, s, e)
}

// flightKeys names what a CDR has to itself on its way in: its id, that of the
// CDR that it takes back, its session.
func flightKeys(k Key, body []byte) []string {
	f := gjson.GetManyBytes(body, "credit_reference_id", "session_id")
	keys := []string{"c " + ocpi.FoldID(k.String())}
	if of := f[0].Str; of != "" {
		keys = append(keys, "c "+ocpi.FoldID(Key{k.Owner, of}.String()))
	}
	if session := f[1].Str; session != "" {
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
	power    string // power_type of the connector
	terms    terms

	rival    bool  // the checks saw a rival, so that C04 speaks
	met      int64 // event of the newest rival that there was at the commit of the pass before
	original int64 // evidence of the CDR that it takes back, as the checks saw it; 0: none
}

// examine reads a CDR, gathers what the hub knows about it, checks it and makes
// what is to be stored. Nothing is written.
func (l *Ledger) examine(ctx context.Context, x *relay.Exchange, k Key) (*entry, error) {
	if id := ocpi.FoldID(k.ID); !l.o.Store.NeverStored(objectKey(k.Owner, id)) {
		old, found, err := l.o.Store.CDR(ctx, k.Owner, id)
		if err != nil {
			return nil, unavailable(err)
		}
		if found && State(old.State) != StateRefused {
			return &entry{known: &old}, nil
		}
	}
	cdr, err := l.reader.Read(x.Version, x.Body, nil)
	if err != nil {
		return nil, err
	}
	now := l.now()
	e := &entry{terms: l.terms(k.Owner, x.Target.ID, now)}
	c, err := l.gather(ctx, cdr, x, e, now)
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
	e.power = cdr.Place.PowerType
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
// delivery. When it turns out to be there already, e.known is that. errStale says
// that the checks have to be made anew.
func (l *Ledger) enter(ctx context.Context, e *entry) error {
	var refused error
	var rival int64
	err := l.o.Store.Write(ctx, func(tx *store.Tx) error {
		refused, e.known = nil, nil
		old, found, err := stored(tx, &e.row)
		if err != nil {
			return err
		}
		if found && State(old.State) != StateRefused {
			e.known = &old
			return nil
		}
		original, err := creditable(tx, e)
		if err != nil {
			refused = err
			return nil
		}
		if e.row.CreditOf == "" && !e.rival {
			if rival, err = tx.NewestRival(&e.row); err != nil {
				return err
			}
			if rival > e.met {
				refused = errStale
				return nil
			}
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
	e.met = max(e.met, rival)
	if refused == nil && e.known == nil {
		l.seen.wrote(e.row.Evidence)
		l.usual.add(&e.row, e.power)
	}
	return refused
}

// isRival reports whether C04 is about o, as store.Tx.NewestRival does.
func isRival(c *check.CDR, o *store.RelatedCDR) bool {
	if o.Owner != c.Party || o.CreditOf != "" || o.CreditedBy != 0 {
		return false
	}
	overlaps := o.Started < c.End.UnixMicro() && o.Ended > c.Start.UnixMicro()
	return o.Session != "" && o.Session == c.SessionID || overlaps && o.EVSE != "" && o.EVSE == c.Place.EVSEKey && o.Token == c.Token.Key
}

// stored returns the row under the id of c. A CDR without a body was never stored:
// that is known without a query.
func stored(tx *store.Tx, c *store.LedgerCDR) (store.LedgerCDR, bool, error) {
	if seq, err := tx.ObjectSeq(objectKey(c.Owner, c.CDRID)); err != nil || seq == 0 {
		return store.LedgerCDR{}, false, err
	}
	return tx.CDR(c.Owner, c.CDRID)
}

// creditable returns the original of a credit CDR, which nothing has taken back
// yet; nil for other CDRs. errStale says that it is not the one that was checked.
func creditable(tx *store.Tx, e *entry) (*store.LedgerCDR, error) {
	c := &e.row
	if c.CreditOf == "" {
		return nil, nil
	}
	o, found, err := tx.CDR(c.Owner, c.CreditOf)
	switch {
	case err != nil:
		return nil, err
	case !found || State(o.State) == StateRefused || o.EMSP != c.EMSP:
		return nil, ocpi.Invalid("credit_reference_id", "names no CDR between these parties")
	case o.Evidence != e.original:
		return nil, errStale
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
		err = tx.ReplaceCDR(&e.row)
	}
	if err != nil {
		return err
	}
	return tx.PutCDREvidence(ev, e.evidence)
}
