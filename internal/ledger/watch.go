package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Kinds of findings about what does not come.
const (
	FindingMissing = "missing_cdr"    // the session has ended and there is no CDR
	FindingSilent  = "silent_session" // the session has neither ended nor been heard of
)

// The states of a session that matter here (OCPI 2.2.1 §9.4.2).
const (
	sessionCompleted = "COMPLETED"
	sessionInvalid   = "INVALID"
)

// Kept is told of each object that the hub keeps, in the transaction that keeps
// it: of sessions a CDR is expected, tariffs are kept in each version.
func (l *Ledger) Kept(tx *store.Tx, o *store.Object) error {
	switch ocpi.Module(o.Kind) {
	case ocpi.Sessions:
		return l.sessionKept(tx, o)
	case ocpi.Tariffs:
		v := store.TariffVersion{
			Owner: o.Party, ID: o.ID, Received: l.now().UnixMicro(), Version: o.Version, Hash: o.Hash, Deleted: o.Deleted,
		}
		if !o.Deleted {
			v.Body = o.Body
		}
		return tx.PutTariffVersion(v)
	}
	return nil
}

// sessionKept notes when a CDR of a session is to be looked for.
func (l *Ledger) sessionKept(tx *store.Tx, o *store.Object) error {
	w, found, err := tx.SessionWatch(o.Party, o.ID)
	if err != nil {
		return err
	}
	if !found {
		w = store.SessionWatch{Owner: o.Party, Session: o.ID}
	}
	before := w.Status
	f := gjson.GetManyBytes(o.Body, "status", "start_date_time", "end_date_time", "cdr_token.uid", "cdr_token.type", "evse_uid")
	w.EMSP, _ = partyOf(o.Audience)
	w.Status, w.Token, w.EVSE = f[0].Str, ocpi.TokenKey(f[3].Str, f[4].Str), ocpi.FoldID(f[5].Str)
	w.Started, w.Ended, w.Updated = micros(f[1].Str), micros(f[2].Str), l.now().UnixMicro()
	if w.CDR == 0 {
		if err := l.cdrOfSession(tx, &w); err != nil {
			return err
		}
	}
	w.Due = l.sessionDue(&w)
	switch {
	case w.Raised == "":
	case before == sessionCompleted && w.Status == sessionCompleted && w.CDR == 0:
		w.Due = 0 // nothing new: the CDR is still missing
	default:
		if err := l.clear(tx, &w, "", "the session has been heard of since", l.now()); err != nil {
			return err
		}
	}
	return tx.PutSessionWatch(w)
}

// cdrOfSession notes a CDR that came before its session.
func (l *Ledger) cdrOfSession(tx *store.Tx, w *store.SessionWatch) error {
	id, found, err := tx.CDROfSession(w.Owner, w.Session)
	if err == nil && found {
		w.CDR = id
	}
	return err
}

// sessionDue returns when to look whether a session is in order; 0: never again.
func (l *Ledger) sessionDue(w *store.SessionWatch) int64 {
	if w.CDR != 0 || w.Status == sessionInvalid || w.EMSP.IsZero() {
		return 0
	}
	s := l.terms(w.Owner, w.EMSP, time.UnixMicro(w.Updated)).settings
	if w.Status == sessionCompleted {
		return min(max(w.Ended, w.Updated-time.Hour.Microseconds()), w.Updated) + int64(s.MissingCDRHours)*time.Hour.Microseconds()
	}
	return w.Updated + int64(s.SilentSessionHours)*time.Hour.Microseconds()
}

// sessionHasCDR notes that a CDR has come, and clears what was found because it
// had not.
func (l *Ledger) sessionHasCDR(tx *store.Tx, c *store.LedgerCDR, now time.Time) error {
	if c.Session == "" || c.CreditOf != "" {
		return nil
	}
	if done, err := tx.SessionHasCDR(c.Owner, c.Session, c.ID); done || err != nil {
		return err
	}
	w, found, err := tx.SessionWatch(c.Owner, c.Session)
	if err != nil || !found || w.CDR != 0 {
		return err
	}
	w.CDR, w.Due = c.ID, 0
	if w.Raised != "" {
		if err := l.clear(tx, &w, c.Name, "a CDR has come since", now); err != nil {
			return err
		}
	}
	return tx.PutSessionWatch(w)
}

// sessionLostCDR notes that the CDR of a session does not count after all.
func (l *Ledger) sessionLostCDR(tx *store.Tx, c *store.LedgerCDR) error {
	if c.Session == "" {
		return nil
	}
	w, found, err := tx.SessionWatch(c.Owner, c.Session)
	if err != nil || !found || w.CDR != c.ID {
		return err
	}
	w.CDR = 0
	if err := l.cdrOfSession(tx, &w); err != nil {
		return err
	}
	w.Due = l.sessionDue(&w)
	return tx.PutSessionWatch(w)
}

// clear ends the open finding of a session.
func (l *Ledger) clear(tx *store.Tx, w *store.SessionWatch, cdr, text string, now time.Time) error {
	leaf := l.findingLeaf(Cleared, w, now)
	leaf.Reference, leaf.CDR, leaf.Text = w.Raised, cdr, text
	err := tx.PutFinding(store.LedgerFinding{ID: w.Raised, Cleared: now.UnixMicro(), Text: text})
	if err != nil {
		return err
	}
	w.Raised = ""
	_, err = record(tx, 0, &leaf)
	return err
}

func (l *Ledger) findingLeaf(kind Kind, w *store.SessionWatch, now time.Time) Leaf {
	return Leaf{
		V: 1, Kind: kind, At: now.UTC().Truncate(time.Microsecond), CPO: w.Owner.String(), EMSP: w.EMSP.String(),
		Session: w.Session, Actor: ActorHub,
	}
}

// sessionsAtOnce bounds how many sessions are looked at in one transaction.
const sessionsAtOnce = 200

// watch raises findings about sessions whose CDR has not come, or of which nobody
// has heard for long.
func (l *Ledger) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		now := l.now()
		due, err := l.o.Store.DueSessions(ctx, now.UnixMicro(), sessionsAtOnce)
		if err != nil || len(due) == 0 {
			return err
		}
		err = l.o.Store.Write(ctx, func(tx *store.Tx) error {
			for _, d := range due {
				w, found, err := tx.SessionWatch(d.Owner, d.Session)
				if err != nil {
					return err
				}
				if !found || w.Due == 0 || w.Due > now.UnixMicro() {
					continue
				}
				if err := l.raise(tx, &w, now); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// raise writes what is missing of a session. It is open until a CDR comes or the
// session is heard of again.
func (l *Ledger) raise(tx *store.Tx, w *store.SessionWatch, now time.Time) error {
	f := store.LedgerFinding{CPO: w.Owner, EMSP: w.EMSP, Session: w.Session, At: now.UnixMicro()}
	since := now.Sub(time.UnixMicro(w.Updated)).Truncate(time.Minute)
	f.Kind, f.Text = FindingSilent, fmt.Sprintf("The session is %s and was last heard of %v ago.", w.Status, since)
	if w.Status == sessionCompleted {
		f.Kind, f.Text = FindingMissing, fmt.Sprintf("The session has ended, its last update came %v ago, and there is no CDR.", since)
	}
	if w.Raised != "" { // it was silent, and now has ended
		if err := l.clear(tx, w, "", "the session has ended since", now); err != nil {
			return err
		}
	}
	leaf := l.findingLeaf(Found, w, now)
	leaf.Reason, leaf.Text = f.Kind, f.Text
	seq, err := record(tx, 0, &leaf)
	if err != nil {
		return err
	}
	f.ID = fmt.Sprintf("f%d", seq)
	if err := tx.PutFinding(f); err != nil {
		return err
	}
	w.Raised, w.Due = f.ID, 0 // another update of the session makes it due again
	return tx.PutSessionWatch(*w)
}

// micros reads a DateTime; 0 when it is none.
func micros(s string) int64 {
	t, err := ocpi.ParseTime(s)
	if err != nil {
		return 0
	}
	return t.UnixMicro()
}
