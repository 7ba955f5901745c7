package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Subject is what a bundle is about: a CDR, with the one that it takes back and
// that takes it back, or a session with all its CDRs between the same two
// parties. One of CDR and Session is set, in any spelling.
type Subject struct {
	Owner        ocpi.PartyID // the CPO
	CDR, Session string
}

func (s Subject) String() string {
	if s.CDR != "" {
		return "CDR " + s.Owner.String() + " " + s.CDR
	}
	return "session " + s.Owner.String() + " " + s.Session
}

// Bundle returns the evidence about a subject as one file, which [CheckBundle]
// checks without a hub. Who may have it is for the caller to decide: its two
// Parties, and the operator of the hub. The error wraps ErrNotFound where the hub
// knows nothing of it, and ErrInvalid where the subject names neither a CDR nor a
// session, or both.
func (l *Ledger) Bundle(ctx context.Context, s Subject) ([]byte, error) {
	f, err := l.found(ctx, s)
	if err != nil {
		return nil, err
	}
	at, err := l.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	b := bundle{
		Format: bundleFormat, Version: bundleVersion, Hub: l.o.Hub.String(), CPO: s.Owner.String(), EMSP: f.emsp.String(),
		Made: l.now().UTC().Truncate(time.Microsecond), CDRs: []bundleCDR{}, Checkpoint: string(at.Note), VerifierKey: l.VerifierKey(),
	}
	for i := range f.cdrs {
		c, err := l.bundleCDR(ctx, &f.cdrs[i], at)
		if err != nil {
			return nil, fmt.Errorf("the CDR %s: %w", f.cdrs[i].Name, err)
		}
		b.CDRs = append(b.CDRs, c)
	}
	if err := l.bundleSession(ctx, &b, f, at); err != nil {
		return nil, err
	}
	if err := l.bundleAuthorizations(ctx, &b, f); err != nil {
		return nil, err
	}
	l.bundleMessages(ctx, &b, f)
	text, err := json.Marshal(b, jsontext.WithIndent("  "))
	if err != nil {
		return nil, fmt.Errorf("writing the evidence about %s: %w", s, err)
	}
	return append(text, '\n'), nil
}

// Parties returns the two sides of a subject. Its errors are those of Bundle.
func (l *Ledger) Parties(ctx context.Context, s Subject) (cpo, emsp ocpi.PartyID, err error) {
	f, err := l.found(ctx, s)
	return s.Owner, f.emsp, err
}

// about is what the hub has on a subject.
type about struct {
	owner, emsp ocpi.PartyID
	session     string // folded; "" none
	watch       store.SessionWatch
	cdrs        []store.LedgerCDR // in the order of their reception
}

// maxBundled bounds the CDRs of a session in a bundle.
const maxBundled = 100

// found looks a subject up.
func (l *Ledger) found(ctx context.Context, s Subject) (about, error) {
	f := about{owner: s.Owner, session: ocpi.FoldID(s.Session)}
	if (s.CDR == "") == (s.Session == "") {
		return f, fmt.Errorf("%w: name a CDR or a session", ErrInvalid)
	}
	if s.CDR != "" {
		if err := l.foundCDR(ctx, &f, ocpi.FoldID(s.CDR)); err != nil {
			return f, err
		}
	}
	watched := false
	if f.session != "" {
		var err error
		if f.watch, watched, err = l.o.Store.SessionWatch(ctx, f.owner, f.session); err != nil {
			return f, err
		}
	}
	if s.CDR == "" {
		f.emsp = f.watch.EMSP
		if err := l.foundOfSession(ctx, &f); err != nil {
			return f, err
		}
	}
	if len(f.cdrs) == 0 && !watched {
		return f, fmt.Errorf("%w: %s", ErrNotFound, s)
	}
	return f, nil
}

// foundCDR looks up a CDR and those that are tied to it by a credit.
func (l *Ledger) foundCDR(ctx context.Context, f *about, id string) error {
	c, found, err := l.o.Store.CDR(ctx, f.owner, id)
	if err != nil || !found {
		return err
	}
	f.emsp, f.session, f.cdrs = c.EMSP, c.Session, []store.LedgerCDR{c}
	if c.CreditedBy != 0 {
		if o, found, err := l.o.Store.CDRByID(ctx, c.CreditedBy); err != nil {
			return err
		} else if found && o.EMSP == f.emsp {
			f.cdrs = append(f.cdrs, o)
		}
	}
	if c.CreditOf != "" {
		if o, found, err := l.o.Store.CDR(ctx, f.owner, c.CreditOf); err != nil {
			return err
		} else if found && o.EMSP == f.emsp {
			f.cdrs = append([]store.LedgerCDR{o}, f.cdrs...)
		}
	}
	return nil
}

// foundOfSession looks up the CDRs of a session that went to one provider: that
// of the session, else that of its first CDR.
func (l *Ledger) foundOfSession(ctx context.Context, f *about) error {
	q := store.CDRQuery{CPO: &f.owner, Session: f.session, Limit: maxBundled}
	if !f.emsp.IsZero() {
		q.EMSP = &f.emsp
	}
	cdrs, err := l.o.Store.CDRs(ctx, q)
	if err != nil || len(cdrs) == 0 {
		return err
	}
	f.emsp = cdrs[0].EMSP
	f.cdrs = slices.DeleteFunc(cdrs, func(c store.LedgerCDR) bool { return c.EMSP != f.emsp })
	return nil
}

// bundleCDR puts together what there is about one CDR.
func (l *Ledger) bundleCDR(ctx context.Context, c *store.LedgerCDR, at store.Checkpoint) (bundleCDR, error) {
	out := bundleCDR{
		ID: c.Name, OCPI: c.Version, State: State(c.State), Held: c.Held, Tariffs: []bundleTariff{}, Events: []receipt.Receipt{},
	}
	o, found, err := l.o.Store.Object(ctx, objectKey(c.Owner, c.CDRID))
	if err != nil {
		return out, err
	}
	if !found {
		return out, errors.New("its body is missing")
	}
	evidence, err := l.o.Store.CDREvidence(ctx, c.Evidence)
	if err != nil {
		return out, err
	}
	out.Body, out.Evidence = string(o.Body), string(evidence)
	if out.Zone, err = l.zoneOf(ctx, c.Owner, ocpi.Version(c.Version), o.Body); err != nil {
		return out, err
	}
	if out.Tariffs, err = l.tariffsOf(ctx, c.Owner, evidence); err != nil {
		return out, err
	}
	events, err := l.o.Store.CDREvents(ctx, c.ID)
	if err != nil {
		return out, err
	}
	for i := range events {
		if events[i].Seq >= at.Size {
			break // it happened since the checkpoint
		}
		if leaf, err := ParseLeaf(events[i].Leaf); err != nil || leaf.EMSP != c.EMSP.String() {
			continue // it was for another provider, who refused it
		}
		r, err := l.tree(ctx).Receipt(events[i].Leaf, events[i].Seq, string(at.Note), l.VerifierKey())
		if err != nil {
			return out, fmt.Errorf("event %d: %w", events[i].Seq, err)
		}
		out.Events = append(out.Events, r)
	}
	return out, nil
}

// zoneOf returns the time zone of the place of a CDR, "" where it is not known.
func (l *Ledger) zoneOf(ctx context.Context, owner ocpi.PartyID, v ocpi.Version, body []byte) (string, error) {
	cdr, err := check.Read(v, body, nil)
	if err != nil {
		return "", fmt.Errorf("reading it again: %w", err)
	}
	location, err := l.object(ctx, ocpi.Locations, owner, cdr.Place.LocationKey)
	if err != nil || location == nil {
		return "", err
	}
	return gjson.GetBytes(location.Body, "time_zone").Str, nil
}

// tariffsOf returns the versions that the price was computed with, as the
// evidence names them. Those of the CDR itself are in its body.
func (l *Ledger) tariffsOf(ctx context.Context, owner ocpi.PartyID, evidence []byte) ([]bundleTariff, error) {
	out := []bundleTariff{}
	e, err := readEvidence(string(evidence))
	if err != nil {
		return out, err
	}
	for _, used := range e.Report.Tariffs {
		if used.Received.IsZero() {
			continue
		}
		v, found, err := l.o.Store.TariffVersionAt(ctx, owner, ocpi.FoldID(used.ID), used.Received.UnixMicro())
		if err != nil {
			return out, err
		}
		if found && v.Received == used.Received.UnixMicro() && !v.Deleted {
			out = append(out, bundleTariff{used.ID, v.Version, used.Received, hexDigest(v.Body), string(v.Body)})
		}
	}
	return out, nil
}

// bundleSession adds the session as it is kept, and what was found to be wrong
// with it.
func (l *Ledger) bundleSession(ctx context.Context, b *bundle, f about, at store.Checkpoint) error {
	if f.session == "" {
		return nil
	}
	o, err := l.object(ctx, ocpi.Sessions, f.owner, f.session)
	if err != nil {
		return err
	}
	if o != nil {
		b.Session = &bundleSession{ID: gjson.GetBytes(o.Body, "id").Str, OCPI: string(o.Version), Body: string(o.Body)}
		if f.watch.Updated != 0 {
			b.Session.Updated = time.UnixMicro(f.watch.Updated).UTC()
		}
	}
	findings, err := l.o.Store.Findings(ctx, store.FindingQuery{CPO: &f.owner, EMSP: &f.emsp, Session: f.session, Limit: maxBundled})
	if err != nil {
		return err
	}
	for i := range findings {
		out := bundleFinding{ID: findings[i].ID, Kind: findings[i].Kind, At: time.UnixMicro(findings[i].At).UTC(), Text: findings[i].Text}
		if findings[i].Cleared != 0 {
			out.Cleared = time.UnixMicro(findings[i].Cleared).UTC()
		}
		if out.Event, err = l.findingReceipt(ctx, findings[i].ID, at); err != nil {
			return err
		}
		b.Findings = append(b.Findings, out)
	}
	return nil
}

// findingReceipt proves that a finding was raised; nil where the checkpoint is
// older.
func (l *Ledger) findingReceipt(ctx context.Context, id string, at store.Checkpoint) (*receipt.Receipt, error) {
	seq, err := strconv.ParseInt(strings.TrimPrefix(id, "f"), 10, 64)
	if err != nil || seq >= at.Size {
		return nil, nil
	}
	events, err := l.o.Store.Events(ctx, seq, 1)
	if err != nil || len(events) == 0 || events[0].Seq != seq {
		return nil, err
	}
	r, err := l.tree(ctx).Receipt(events[0].Leaf, seq, string(at.Note), l.VerifierKey())
	return &r, err
}

// bundleAuthorizations adds the authorisations that may belong to the subject.
func (l *Ledger) bundleAuthorizations(ctx context.Context, b *bundle, f about) error {
	var all []store.Authorization
	for i := range b.CDRs {
		cdr, err := check.Read(ocpi.Version(b.CDRs[i].OCPI), []byte(b.CDRs[i].Body), nil)
		if err != nil {
			return err
		}
		some, err := l.authsOf(ctx, cdr)
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	if len(b.CDRs) == 0 && f.watch.Token != "" {
		from, to := time.UnixMicro(f.watch.Started).Add(-authsBefore).UnixMicro(), max(f.watch.Ended, f.watch.Updated)
		var err error
		if all, err = l.o.Store.Authorizations(ctx, f.emsp, f.watch.Token, from, to, maxAuths); err != nil {
			return err
		}
	}
	seen := make(map[string]bool)
	for _, a := range all {
		if seen[a.ID] || a.CPO != f.owner {
			continue
		}
		seen[a.ID] = true
		b.Authorizations = append(b.Authorizations, bundleAuthorization{
			At: time.UnixMicro(a.At).UTC(), Method: a.Method, Reference: a.Reference, Token: a.Token, Contract: a.Contract, Location: a.Location,
		})
	}
	return nil
}
