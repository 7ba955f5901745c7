package demo

import (
	"cmp"
	"maps"
	"slices"

	"github.com/govalues/decimal"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/sim"
)

// checkBooks compares the ledger with what the simulators did: every CDR is there
// once, with its amounts; those that are too dear are held by the price check, all
// others are approved; the balances are the simulators' own sums; and what is
// signed can be verified.
func (d *Demo) checkBooks(r *Result) {
	l := &r.Ledger
	l.Lowered = lowered
	unposted := d.checkEntries(r)
	d.checkBalances(r, unposted)
	d.countFindings(l)
	d.checkProofs(r)
	v := &d.books.verified
	l.Verify = VerifyResult{
		Events: v.Events, CDRs: v.CDRs, Postings: v.Postings, Checkpoints: v.Checkpoints, Faults: len(v.Faults),
		DurationS: round(d.books.took.Seconds(), 2),
	}
	for _, f := range v.Faults {
		r.Failures++
		d.problem("the ledger has a fault: %s", f)
	}
	if v.CDRs != int64(l.CDRs) || v.Events < d.books.ledger.Size {
		r.Failures++
		d.problem("the verification read %d CDRs of %d and %d events of %d", v.CDRs, l.CDRs, v.Events, d.books.ledger.Size)
	}
}

// billed returns the sessions of all operators.
func (d *Demo) billed() []sim.Billed {
	var out []sim.Billed
	for _, c := range d.cpos {
		out = append(out, c.Sessions()...)
	}
	return out
}

// checkEntries compares CDRs one by one, and returns those that must not be
// posted.
func (d *Demo) checkEntries(r *Result) (unposted map[string]bool) {
	unposted = make(map[string]bool)
	entries := d.entries(r)
	lost := d.lostSessions()
	for _, b := range d.billed() {
		if b.Session.Operator == dishonest {
			r.Ledger.Overcharge.Sessions++
		}
		if b.CDR == nil {
			continue // told already
		}
		key := b.CDR.Operator.String() + "/" + b.CDR.ID
		c := entries[key]
		delete(entries, key)
		why := "is not in the ledger"
		if c != nil {
			excused := lost[b.Session.ID] && unnoted(&b, c)
			unposted[key] = excused || b.Overcharged()
			r.Ledger.countOvercharge(&b, c)
			if why = compareAmounts(&b, c); why == "" && excused {
				r.Ledger.Unnoted++
			} else if why == "" {
				why = compareState(&b, c)
			}
		}
		if why != "" {
			r.Mismatches++
			d.problem("%s: %s", key, why)
		}
	}
	for key := range entries {
		r.Mismatches++
		d.problem("the ledger has %s, which no operator has sent", key)
	}
	return unposted
}

// entries counts the CDRs of the ledger and returns them by their names.
func (d *Demo) entries(r *Result) map[string]*api.CDRDetail {
	out := make(map[string]*api.CDRDetail)
	r.Ledger.CDRs = len(d.books.cdrs)
	for i := range d.books.cdrs {
		c := &d.books.cdrs[i]
		key := titleOf(&c.CDR)
		if out[key] != nil {
			r.Mismatches++
			d.problem("the ledger has %s twice", key)
		}
		out[key] = c
		r.Ledger.count(c)
	}
	o := &r.Ledger.Overcharge
	o.Operator, o.Name, o.Percent = dishonest, dishonestName, overchargedPercent
	if w := d.books.worst; w != nil {
		o.Example = &Example{CDR: titleOf(&w.CDR), EMSP: w.EMSP, Asked: asked(w), Computed: parse(w.Price.Gross), Explanation: d.books.why}
	}
	return out
}

func (l *LedgerResult) countOvercharge(b *sim.Billed, c *api.CDRDetail) {
	if !b.Overcharged() {
		return
	}
	o := &l.Overcharge
	o.Overcharged++
	o.Asked.plus(b.CDR.Cost.Total.Gross)
	o.Fair.plus(b.Fair.Gross)
	if held(c) && verdictOf(c) == verdictOver {
		o.Caught++
	}
}

// lostSessions returns the sessions that were started by a command whose answer
// died with the hub.
func (d *Demo) lostSessions() map[string]bool {
	out := make(map[string]bool)
	for _, o := range d.outcomes {
		if !o.lost {
			continue
		}
		if id := d.sessionAt(o.attempt); id != "" {
			out[id] = true
		}
	}
	return out
}

// unnoted reports whether a good CDR is held for nothing but an authorisation that
// the hub does not know. Where the hub was killed after it had passed a command on
// and before it had noted the answer, that is as it should be: the provider was not
// told either, and somebody must look at the CDR.
func unnoted(b *sim.Billed, c *api.CDRDetail) bool {
	for _, f := range c.Findings {
		if f.Severity == string(check.Hold) && f.Check+" "+f.Code != "C16 reference_unknown" {
			return false
		}
	}
	return !b.Overcharged() && held(c) && heldBy(c) == "C16 reference_unknown" && verdictOf(c) == verdictAgrees
}

// held reports whether a CDR is kept from being approved.
func held(c *api.CDRDetail) bool { return c.Held && c.State == string(ledger.StatePresented) }

// compareAmounts says how the ledger's CDR is not the one that was sent, "" where
// it is.
func compareAmounts(b *sim.Billed, c *api.CDRDetail) string {
	switch {
	case c.EMSP != b.Session.Token.Issuer.String():
		return "the ledger has it for " + c.EMSP
	case parse(c.Net).Cmp(cents(b.CDR.Cost.Total.Net)) != 0 || parse(c.Gross).Cmp(cents(b.CDR.Cost.Total.Gross)) != 0:
		return "the ledger has it with " + c.Net + ", with tax " + c.Gross
	}
	return ""
}

// compareState says how the ledger's judgement of a CDR is wrong, "" where it is
// right.
func compareState(b *sim.Billed, c *api.CDRDetail) string {
	verdict := verdictOf(c)
	switch {
	case b.Overcharged() && (!held(c) || verdict != verdictOver):
		return "is too dear, and was not held for it (" + c.State + ", price check: " + verdict + ")"
	case !b.Overcharged() && c.Held:
		return "is right, and was held: " + heldBy(c)
	case !b.Overcharged() && c.State != string(ledger.StateApproved):
		return "is right, and is " + c.State + " instead of approved"
	case !b.Overcharged() && (c.Posted != nil) == parse(c.Gross).IsZero(): // a free session posts nothing
		return "is approved, and was not posted as it should be"
	case !b.Overcharged() && verdict != verdictAgrees && verdict != verdictRounded:
		return "is right, and the price check says " + verdict
	}
	return ""
}

// heldBy names the first finding that holds a CDR.
func heldBy(c *api.CDRDetail) string {
	for _, f := range c.Findings {
		if f.Severity == string(check.Hold) {
			return f.Check + " " + f.Code
		}
	}
	return "no finding"
}

// count adds a CDR to the totals.
func (l *LedgerResult) count(c *api.CDRDetail) {
	switch verdictOf(c) {
	case verdictAgrees:
		l.Price.Agrees.add(c)
	case verdictRounded:
		l.Price.Rounded.add(c)
	case verdictOver:
		l.Price.Over.add(c)
	case verdictUnder:
		l.Price.Under.add(c)
	default:
		l.Price.NotPriced.add(c)
	}
	switch {
	case c.State == string(ledger.StateApproved):
		l.Approved.add(c)
	case c.Held:
		l.Held.add(c)
		if l.HeldBy == nil {
			l.HeldBy = make(map[string]int)
		}
		l.HeldBy[heldBy(c)]++
	default:
		l.Open.add(c)
	}
}

func (s *Share) add(c *api.CDRDetail) {
	s.CDRs++
	s.Gross.plus(asked(c).Decimal)
}

// countFindings lists what the checks found.
func (d *Demo) countFindings(l *LedgerResult) {
	by := make(map[string]FindingCount)
	for i := range d.books.cdrs {
		for _, f := range d.books.cdrs[i].Findings {
			key := f.Check + "/" + f.Code
			n := by[key]
			by[key] = FindingCount{f.Check, f.Code, f.Severity, n.CDRs + 1, f.Means, slices.Contains(lowered, key)}
		}
	}
	l.Findings = slices.SortedFunc(maps.Values(by), func(a, b FindingCount) int {
		return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Code, b.Code))
	})
	if l.Findings == nil {
		l.Findings = []FindingCount{}
	}
}

// checkBalances compares the accounts with sums over what operators billed and the
// ledger should have approved.
func (d *Demo) checkBalances(r *Result, unposted map[string]bool) {
	own := make(map[string]decimal.Decimal) // by account and currency
	book := func(account, currency string, amount decimal.Decimal) {
		own[account+" "+currency] = plus(own[account+" "+currency], amount)
	}
	for _, b := range d.billed() {
		if b.CDR == nil || unposted[b.CDR.Operator.String()+"/"+b.CDR.ID] {
			continue
		}
		net, gross := cents(b.CDR.Cost.Total.Net), cents(b.CDR.Cost.Total.Gross)
		book("emsp:"+b.Session.Token.Issuer.String(), b.CDR.Currency, gross)
		book("cpo:"+b.CDR.Operator.String(), b.CDR.Currency, net.Neg())
		book("tax:"+b.CDR.Operator.String(), b.CDR.Currency, minus(net, gross))
	}
	by := make(map[string]*BalanceResult)
	for _, a := range d.books.balances {
		key := a.Account + " " + a.Currency
		if amount := parse(a.Amount); amount.Cmp(own[key]) != 0 {
			r.Mismatches++
			d.problem("the balance of %s is %s, the CDRs sum to %s", key, amount, own[key])
		}
		delete(own, key)
		if by[a.Currency] == nil {
			by[a.Currency] = &BalanceResult{Currency: a.Currency}
		}
		by[a.Currency].add(a.Account, parse(a.Amount).Decimal)
	}
	for key, amount := range own {
		if !amount.IsZero() {
			r.Mismatches++
			d.problem("there is no balance of %s, the CDRs sum to %s", key, amount)
		}
	}
	r.Ledger.Balances = []BalanceResult{}
	for _, currency := range slices.Sorted(maps.Keys(by)) {
		if b := by[currency]; !b.Sum.IsZero() {
			r.Failures++
			d.problem("all balances in %s sum to %s instead of 0", currency, b.Sum)
		}
		r.Ledger.Balances = append(r.Ledger.Balances, *by[currency])
	}
}

// checkProofs checks with package receipt, as a partner would with what it has kept,
// what the hub has signed: the newest checkpoint, that the log has grown out of the
// one of the middle of the day, and a receipt.
func (d *Demo) checkProofs(r *Result) {
	b, l := &d.books, &r.Ledger
	l.Checkpoint = CheckpointResult{Size: b.ledger.Size, Root: b.ledger.Root, VerifierKey: b.key}
	wrong := func(format string, args ...any) {
		r.Failures++
		d.problem(format, args...)
	}
	if c, err := receipt.Open(b.ledger.Checkpoint.Note, b.key); err != nil {
		wrong("the newest checkpoint: %v", err)
	} else if c.Size != b.ledger.Size || c.Root.String() != b.ledger.Root {
		wrong("the newest checkpoint is of %d leaves and %s, the ledger says %d and %s", c.Size, c.Root, b.ledger.Size, b.ledger.Root)
	}
	l.Grown.From = b.early.Size
	if err := d.checkGrown(); err != nil {
		wrong("the log since the middle of the day: %v", err)
	} else {
		l.Grown.OK = true
	}
	if b.proved == nil {
		return // nothing was approved, which is told already where it is wrong
	}
	l.Receipt = ReceiptResult{CDR: titleOf(&b.proved.CDR), Event: string(ledger.Approved)}
	got, err := checkReceipt(b.receipt, b.key, b.proved)
	if err != nil {
		wrong("the receipt of %s: %v", l.Receipt.CDR, err)
		return
	}
	l.Receipt.Index, l.Receipt.Size, l.Receipt.OK = got.Index, got.Checkpoint.Size, true
}

func (d *Demo) checkGrown() error {
	var proof []tlog.Hash
	for _, s := range d.books.grown.Proof {
		h, err := tlog.ParseHash(s)
		if err != nil {
			return err
		}
		proof = append(proof, h)
	}
	_, _, err := receipt.CheckConsistency(d.books.early.Note, d.books.ledger.Checkpoint.Note, proof, d.books.key)
	return err
}
