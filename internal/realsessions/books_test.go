package realsessions

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/store"
)

// books are what the operators sent and were told, with their sums in exact
// arithmetic.
type books struct {
	mu       sync.Mutex
	accepted map[string]*item // by "NL-ALL id"
	refused  map[string]int   // answers by check
	repeats  int
	wrong    []string
}

// item is a CDR that was accepted.
type item struct {
	charge     *charge
	net, gross int64 // cents
	credit     bool
	second     bool // of the session
	creditOf   string
}

func newBooks() *books { return &books{accepted: map[string]*item{}, refused: map[string]int{}} }

func (b *books) complain(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, s)
}

func (b *books) note(c *charge, cdr map[string]any, accepted bool, check string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !accepted {
		b.refused[check]++
		return
	}
	id := cdr["id"].(string)
	key := "NL-" + c.operator.id + " " + id
	if b.accepted[key] != nil {
		b.repeats++
		return
	}
	net := amount(cdr["total_cost"], "excl_vat")
	gross := amount(cdr["total_cost"], "incl_vat")
	if gross == nil {
		gross = net
	}
	of, _ := cdr["credit_reference_id"].(string)
	b.accepted[key] = &item{charge: c, net: cents(net), gross: cents(gross), credit: of != "", second: strings.HasSuffix(id, "-2"), creditOf: of}
}

// expected is what the ledger is to find in a CDR.
func (i *item) expected() []string {
	if i.credit || i.charge.fault == second && !i.second {
		return nil
	}
	for _, s := range seeds {
		if s.fault == i.charge.fault {
			return s.found
		}
	}
	return nil
}

// held reports whether a list of findings holds a CDR.
func held(found []string) bool {
	return slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, " hold ") })
}

// report compares the ledger with the books and prints what it found.
func (w *world) report() {
	ctx := w.t.Context()
	r, err := w.hub.Ledger(ctx)
	w.must(err)
	defer func() { _ = r.Close() }()
	a := &accounts{w: w, sums: map[string]*sum{}, posted: map[string]int64{}, found: map[string]int{}, odd: map[string]int{}}
	w.must(r.EachCDR(ctx, store.CDRQuery{}, func(c store.LedgerCDR) error { return a.cdr(r, &c) }))
	for key := range w.books.accepted {
		if !a.seen[key] {
			a.fault("%s was accepted and is not in the ledger", key)
		}
	}
	a.conflicts(r)
	a.missing(r)
	a.balances(r)
	key, err := w.hub.VerifierKey()
	w.must(err)
	v, err := ledger.Verify(ctx, r, key, nil)
	w.must(err)
	for _, f := range v.Faults {
		a.fault("%s", f)
	}
	for _, s := range w.books.wrong {
		a.fault("%s", s)
	}
	w.t.Log(a.table(v))
	for i, s := range a.wrong {
		if i == 60 {
			w.t.Errorf("and %d more", len(a.wrong)-i)
			break
		}
		w.t.Error(s)
	}
}

// accounts is what is found in the ledger.
type accounts struct {
	w        *world
	wrong    []string
	seen     map[string]bool
	sums     map[string]*sum  // by party
	posted   map[string]int64 // that should be, by account
	found    map[string]int   // findings that were seeded
	odd      map[string]int   // the others
	examples []string         // of them
	rows     int
	heldN    int
	credits  int
	opened   int
}

// sum is the amounts of a party: what the ledger has and what it should have.
type sum struct{ n, net, gross, wantNet, wantGross int64 }

func (a *accounts) fault(format string, args ...any) {
	a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
}

// cdr compares a row.
func (a *accounts) cdr(r *store.Reader, c *store.LedgerCDR) error {
	if a.seen == nil {
		a.seen = map[string]bool{}
	}
	a.rows++
	key := c.Owner.String() + " " + c.Name
	i := a.w.books.accepted[key]
	if i == nil || a.seen[key] {
		a.fault("%s is in the ledger; accepted %v, seen before %v", key, i != nil, a.seen[key])
		return nil
	}
	a.seen[key] = true
	if c.Currency != "EUR" {
		a.fault("%s is in %s", key, c.Currency)
	}
	for _, party := range []string{c.Owner.String(), c.EMSP.String()} {
		s := a.sums[party]
		if s == nil {
			s = &sum{}
			a.sums[party] = s
		}
		s.n, s.net, s.gross, s.wantNet, s.wantGross = s.n+1, s.net+c.Net, s.gross+c.Gross, s.wantNet+i.net, s.wantGross+i.gross
	}
	found, why, err := a.findings(r, c)
	if err != nil {
		return err
	}
	a.compare(key, i, found, why)
	a.state(key, i, c, held(found))
	return nil
}

// findings returns what is in the evidence of a CDR.
func (a *accounts) findings(r *store.Reader, c *store.LedgerCDR) (found []string, why map[string]string, err error) {
	body, err := r.CDREvidence(a.w.t.Context(), c.Evidence)
	if err != nil {
		return nil, nil, err
	}
	var e struct {
		Report struct {
			Findings []check.Finding `json:"findings"`
			Basis    check.Basis     `json:"basis"`
		} `json:"report"`
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, nil, err
	}
	why = map[string]string{}
	for _, f := range e.Report.Findings {
		s := f.Check + " " + string(f.Severity) + " " + f.Code
		found = append(found, s)
		why[s] = f.Message
	}
	if e.Report.Basis != check.BasisHub {
		a.odd["priced by "+string(e.Report.Basis)]++
	}
	slices.Sort(found)
	return found, why, nil
}

// compare sets the findings against what was seeded, and what else is true of the
// real session.
func (a *accounts) compare(key string, i *item, found []string, why map[string]string) {
	want := i.expected()
	for _, f := range want {
		if !slices.Contains(found, f) {
			a.fault("%s (%s): not found: %s; found %v", key, i.charge.fault, f, found)
		}
	}
	for _, f := range found {
		if slices.Contains(want, f) {
			a.found[f]++
			continue
		}
		if a.odd[f]++; a.odd[f] <= 3 {
			a.examples = append(a.examples, fmt.Sprintf("%s (%s): %s: %s", key, i.charge.fault, f, why[f]))
		}
		if strings.Contains(f, " hold ") && !i.charge.isSo(f) && !i.credit {
			a.fault("%s (%s): %s: %s", key, i.charge.fault, f, why[f])
		}
	}
}

// isSo reports whether a finding is true of the real session, by arithmetic of
// its own.
func (c *charge) isSo(found string) bool {
	switch found {
	case "C07 hold too_long":
		return c.end.Sub(c.start) > 168*time.Hour
	case "C04 hold overlapping":
		return c.overlaps
	case "C12 hold too_much_power": // E > 1.1 · P · t
		used := new(big.Rat).SetFrac64(c.energy, 1e9) // kWh
		most := new(big.Rat).SetFrac64(c.evse.watts*11*int64(c.until.Sub(c.start)/time.Second), 10*3600*1000)
		return used.Cmp(most) > 0
	}
	return false
}

// state compares what became of a CDR, and adds up what should have been posted.
func (a *accounts) state(key string, i *item, c *store.LedgerCDR, holds bool) {
	if i.credit {
		a.credits++
	}
	if c.Held {
		a.heldN++
	}
	creditable := map[fault]bool{credited: true, corrected: true, creditTwice: true, creditUnknown: true, creditCredit: true}
	taken := !i.credit && !i.second && creditable[i.charge.fault]
	if taken != (c.CreditedBy != 0) || (c.CreditOf != "") != i.credit {
		a.fault("%s (%s): credited by %d, credit of %q", key, i.charge.fault, c.CreditedBy, c.CreditOf)
	}
	posted := (i.credit || taken || !holds) && (i.net != 0 || i.gross != 0)
	if (c.Posted != 0) != posted || c.Mail != ledger.MailDelivered {
		a.fault("%s (%s) is %s, held %v, posted %v, delivery %s", key, i.charge.fault, c.State, c.Held, c.Posted != 0, c.Mail)
	}
	if posted {
		a.posted["emsp:"+c.EMSP.String()] += i.gross
		a.posted["cpo:"+c.Owner.String()] -= i.net
		a.posted["tax:"+c.Owner.String()] -= i.gross - i.net
	}
}

// conflicts looks for the events of CDRs that came with other content.
func (a *accounts) conflicts(r *store.Reader) {
	size, err := r.LedgerSize(a.w.t.Context())
	a.w.must(err)
	n := 0
	a.w.must(r.EachEvent(a.w.t.Context(), 0, size, func(e store.LedgerEvent) error {
		if ledger.Kind(e.Kind) == ledger.Conflict {
			n++
		}
		return nil
	}))
	if want := len(a.w.seeded[conflict]); n != want {
		a.fault("%d conflicts are in the log, %d were sent", n, want)
	}
}

// missing compares the findings about sessions without CDR.
func (a *accounts) missing(r *store.Reader) {
	all, err := r.Findings(a.w.t.Context(), store.FindingQuery{})
	a.w.must(err)
	want := map[string]bool{}
	for _, c := range a.w.seeded[missing] {
		want["NL-"+c.operator.id+" s-"+strings.ToLower(c.id)] = true
	}
	for _, f := range all {
		key := f.CPO.String() + " " + strings.ToLower(f.Session)
		if !want[key] || f.Kind != ledger.FindingMissing || f.Cleared != 0 {
			a.fault("finding %s: %s of session %s, cleared %v", f.ID, f.Kind, key, f.Cleared != 0)
		}
		delete(want, key)
		a.opened++
	}
	for key := range want {
		a.fault("session %s has no CDR, and there is no finding", key)
	}
}

// balances compares the accounts with the books.
func (a *accounts) balances(r *store.Reader) {
	all, err := r.Balances(a.w.t.Context())
	a.w.must(err)
	total := int64(0)
	for _, b := range all {
		total += b.Amount
		if want := a.posted[b.Account]; b.Currency != "EUR" || want != b.Amount {
			a.fault("%s stands at %d %s; the books say %d", b.Account, b.Amount, b.Currency, want)
		}
		delete(a.posted, b.Account)
	}
	for account, n := range a.posted {
		if n != 0 {
			a.fault("%s has no balance; the books say %d", account, n)
		}
	}
	if total != 0 {
		a.fault("all balances sum to %d", total)
	}
	for party, s := range a.sums {
		if s.net != s.wantNet || s.gross != s.wantGross {
			a.fault("%s: %d net and %d gross in the ledger, %d and %d by the books", party, s.net, s.gross, s.wantNet, s.wantGross)
		}
	}
}

func (a *accounts) table(v ledger.Verification) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	w := a.w
	_, _ = fmt.Fprintf(t, "\n%d sessions (%d unusable), %d CDRs in the ledger (%d credits), %d held, %d repeated, %d events, %d faults of the log, %.0f CDRs a second\n",
		len(w.charges), w.unusable, a.rows, a.credits, a.heldN, w.books.repeats, v.Events, len(v.Faults), float64(a.rows)/w.took.Seconds())
	_, _ = fmt.Fprintf(t, "\nseeded fault\tsessions\n")
	for _, s := range seeds {
		_, _ = fmt.Fprintf(t, "%s\t%d\n", s.fault, len(w.seeded[s.fault]))
	}
	_, _ = fmt.Fprintf(t, "\nfound, seeded\tCDRs\n")
	for _, f := range slices.Sorted(maps.Keys(a.found)) {
		_, _ = fmt.Fprintf(t, "%s\t%d\n", f, a.found[f])
	}
	for _, c := range slices.Sorted(maps.Keys(w.books.refused)) {
		_, _ = fmt.Fprintf(t, "%s reject\t%d\n", c, w.books.refused[c])
	}
	_, _ = fmt.Fprintf(t, "C26 missing_cdr\t%d\n", a.opened)
	_, _ = fmt.Fprintf(t, "\nfound besides\tCDRs\n")
	for _, f := range slices.Sorted(maps.Keys(a.odd)) {
		_, _ = fmt.Fprintf(t, "%s\t%d\n", f, a.odd[f])
	}
	for _, e := range slices.Sorted(slices.Values(a.examples)) {
		_, _ = fmt.Fprintf(t, "  %s\n", e)
	}
	_, _ = fmt.Fprintf(t, "\nparty\tCDRs\tnet EUR\tgross EUR\tnet by the books\tgross by the books\n")
	for _, p := range slices.Sorted(maps.Keys(a.sums)) {
		s := a.sums[p]
		_, _ = fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\n", p, s.n, euro(s.net), euro(s.gross), euro(s.wantNet), euro(s.wantGross))
	}
	_ = t.Flush()
	return b.String()
}

func euro(n int64) string { return big.NewRat(n, 100).FloatString(2) }
