package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// lowered are the findings that the demo's clock makes of every CDR. The sessions
// are dated weeks back, while tokens are authorised and tariffs published now: by
// its own clock the hub learns of both after the session. In the agreements of the
// demo these two inform only; every other check is as by default.
var lowered = []string{"C16/no_authorization", "C17/not_published"}

// terms are what an operator and a provider agree on: what is not held is approved
// and posted when it is delivered.
func terms(cpo, emsp ocpi.PartyID) api.Terms {
	settings := struct {
		Severity map[string]check.Severity `json:"severity"`
	}{make(map[string]check.Severity)}
	for _, f := range lowered {
		settings.Severity[f] = check.Info
	}
	text, err := json.Marshal(settings)
	if err != nil {
		panic(err) // strings only
	}
	return api.Terms{CPO: ref(cpo), EMSP: ref(emsp), ApproveAfter: new(int64(0)), CDRChecks: text}
}

// books is what the hub says of its ledger.
type books struct {
	key      string         // what checkpoints are verified with, as learned before the day
	early    api.Checkpoint // in the middle of the day
	cdrs     []api.CDRDetail
	balances []api.Balance
	ledger   api.Ledger
	grown    api.Consistency
	worst    *api.CDRDetail // the CDR that is the most above its tariff; nil: none is
	why      string         // how its price was computed
	proved   *api.CDRDetail // the CDR that receipt is of; nil: there is none
	receipt  []byte
	verified ledger.Verification
	took     time.Duration // by the verification
}

// pin notes the key of the log before there is anything in it.
func (d *Demo) pin(ctx context.Context) error {
	l, err := d.admin.Ledger(ctx)
	if err != nil {
		return fmt.Errorf("asking for the key of the ledger: %w", err)
	}
	d.books.key = l.VerifierKey
	return nil
}

// remember keeps a signed state of the log, as a partner would who does not trust
// the hub.
func (d *Demo) remember(ctx context.Context) {
	var err error
	if d.books.early, err = d.admin.Checkpoint(ctx, 0); err != nil && ctx.Err() == nil {
		d.problem("asking for a checkpoint: %v", err)
	}
}

// bookLimit is how long the ledger may take to approve what was delivered last.
const bookLimit = 60 * time.Second

// audit reads the whole ledger: through the API, and from the database beside the
// hub to verify it. What cannot be read is a problem.
func (d *Demo) audit(ctx context.Context) error {
	if !d.booked(ctx) { // rare, but for CDRs that were on their way when the hub was killed
		stage := d.opt.Progress.Stage("waiting for the ledger", 0)
		began := time.Now()
		d.waitFor(ctx, bookLimit, func() bool { return d.booked(ctx) })
		stage.Done(fmt.Sprintf("the last CDRs were delivered again and booked after %.1f s", time.Since(began).Seconds()))
	}
	stage := d.opt.Progress.Stage("asking the ledger", len(d.billed()))
	for _, read := range []func(context.Context, Stage) error{d.readCDRs, d.readLedger, d.readExamples} {
		if err := read(ctx, stage); err != nil && ctx.Err() == nil {
			d.problem("asking the ledger: %v", err)
		}
	}
	stage.Done(fmt.Sprintf("%d CDRs, %d accounts, %d leaves in the log", len(d.books.cdrs), len(d.books.balances), d.books.ledger.Size))
	stage = d.opt.Progress.Stage("verifying the ledger", 0)
	began := time.Now()
	if err := d.verify(ctx); err != nil && ctx.Err() == nil {
		d.problem("verifying the ledger: %v", err)
	}
	d.books.took = time.Since(began)
	v := d.books.verified
	stage.Done(fmt.Sprintf("%d events, %d CDRs and %d postings in %.1f s, %d faults", v.Events, v.CDRs, v.Postings, d.books.took.Seconds(), len(v.Faults)))
	return ctx.Err()
}

// booked reports whether every CDR is approved or held.
func (d *Demo) booked(ctx context.Context) bool {
	l, err := d.admin.Ledger(ctx)
	if err != nil {
		return false
	}
	open := l.States[string(ledger.StateValid)] + l.States[string(ledger.StatePresented)]
	return l.Waiting == 0 && open == l.Held
}

func (d *Demo) readCDRs(ctx context.Context, stage Stage) error {
	q := url.Values{"limit": {"1000"}}
	for {
		page, err := d.admin.CDRs(ctx, q)
		if err != nil {
			return err
		}
		for _, c := range page.Items {
			all, err := d.admin.CDR(ctx, owner(&c), c.ID)
			if err != nil {
				return fmt.Errorf("CDR %s: %w", c.ID, err)
			}
			d.books.cdrs = append(d.books.cdrs, all)
			stage.Step()
		}
		if page.Next == "" {
			return nil
		}
		q.Set("cursor", page.Next)
	}
}

func owner(c *api.CDR) api.PartyRef {
	return api.PartyRef{CountryCode: c.CountryCode, PartyID: c.PartyID}
}

func (d *Demo) readLedger(ctx context.Context, _ Stage) error {
	var err, err2, err3 error
	d.books.balances, err = d.admin.Balances(ctx, nil)
	d.books.ledger, err2 = d.admin.Ledger(ctx)
	if d.books.early.Size > 0 {
		d.books.grown, err3 = d.admin.Consistency(ctx, d.books.early.Size, d.books.ledger.Size)
	}
	return errors.Join(err, err2, err3)
}

// readExamples fetches the explanation of the CDR that is the most too dear, and a
// receipt for the approval of the first that was approved.
func (d *Demo) readExamples(ctx context.Context, _ Stage) error {
	b := &d.books
	for i := range b.cdrs {
		c := &b.cdrs[i]
		if verdictOf(c) == verdictOver && (b.worst == nil || asked(c).Cmp(asked(b.worst).Decimal) > 0) {
			b.worst = c
		}
		if b.proved == nil && c.State == string(ledger.StateApproved) {
			b.proved = c
		}
	}
	var err, err2 error
	if b.worst != nil {
		b.why, err = d.admin.Explanation(ctx, owner(&b.worst.CDR), b.worst.ID, "en")
	}
	if b.proved != nil {
		b.receipt, err2 = d.admin.Receipt(ctx, owner(&b.proved.CDR), b.proved.ID, string(ledger.Approved))
	}
	return errors.Join(err, err2)
}

// verify does what "eroam ledger verify" does.
func (d *Demo) verify(ctx context.Context) error {
	r, err := store.OpenReader(ctx, store.Options{Dir: d.hub.data()})
	if err != nil {
		return err
	}
	d.books.verified, err = ledger.Verify(ctx, r, d.books.key, nil)
	return errors.Join(err, r.Close())
}

// Verdicts of the price check.
const (
	verdictAgrees    = "agrees"
	verdictRounded   = "rounded"    // differs, and a known way of rounding explains it
	verdictOver      = "over"       // above the tariff
	verdictUnder     = "under"      // below it
	verdictNotPriced = "not_priced" // the tariff could not be applied, or none is known
)

// verdictOf says what came of the price check of a CDR.
func verdictOf(c *api.CDRDetail) string {
	for _, f := range c.Findings {
		switch f.Check + " " + f.Code {
		case "C18 overcharged":
			return verdictOver
		case "C18 undercharged":
			return verdictUnder
		case "C18 rounded":
			return verdictRounded
		}
	}
	if c.Price.Net == "" || c.Price.Verdict == verdictNotPriced {
		return verdictNotPriced
	}
	return verdictAgrees
}

// asked is what a CDR asks for with tax.
func asked(c *api.CDRDetail) Decimal { return parse(c.Gross) }

// titleOf names a CDR as simulators do.
func titleOf(c *api.CDR) string {
	return strings.ToUpper(c.CountryCode+"-"+c.PartyID) + "/" + c.ID
}
