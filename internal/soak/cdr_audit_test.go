package soak

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/eroam/eroam/internal/blackbox"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
)

// audit is what is found by comparing the hub with the journals of the CPOs and
// with what the providers took.
type audit struct {
	b     *bills
	wrong []string // at most 100

	lines                               map[string]line // what was accepted, by "NL-CP1 id"
	told                                map[string]bool // all ids of the journals
	rows, refused, undelivered, twice   int
	held, approved, credits, listed     int
	missing, duplicates, events, faults int
	expected                            map[string]*big.Int // balances in cents by account
}

func (a *audit) fault(format string, args ...any) {
	if len(a.wrong) < 100 {
		a.wrong = append(a.wrong, fmt.Sprintf(format, args...))
	}
}

func (a *audit) String() string {
	cents := new(big.Int)
	for account, n := range a.expected {
		if strings.HasPrefix(account, "emsp:") {
			cents.Add(cents, n)
		}
	}
	return fmt.Sprintf("%d CDRs in %d events: %d approved (%d of them credits), %d held, %d refused, %d with a dead letter; %d came twice to a provider; %s cents owed; missing %d, double %d, faults of the ledger %d",
		a.rows, a.events, a.approved, a.credits, a.held, a.refused, a.undelivered, a.twice, cents, a.missing, a.duplicates, a.faults)
}

// audit compares everything. No CPO sends anything meanwhile.
func (b *bills) audit() *audit {
	a := &audit{b: b, lines: map[string]line{}, told: map[string]bool{}, expected: map[string]*big.Int{}}
	for _, c := range b.cpos {
		lines, err := c.journal.read()
		if err != nil {
			b.t.Fatal(err)
		}
		for _, l := range lines {
			key := "NL-" + c.ID + " " + l.ID
			if a.told[key] {
				a.fault("%s is twice in the journal", key)
			}
			a.told[key] = true
			if !l.Refused {
				a.lines[key] = l
			}
		}
	}
	r := b.ledger()
	defer func() { _ = r.Close() }()
	for _, part := range []func(*store.Reader) error{a.look, a.money, a.verify} {
		if err := part(r); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := a.list(); err != nil {
		b.t.Fatal(err)
	}
	return a
}

// look compares the CDRs of the ledger with the journals.
func (a *audit) look(r *store.Reader) error {
	ctx, seen := a.b.t.Context(), map[string]bool{}
	payers := map[string]*payer{}
	for _, e := range a.b.emsps {
		payers[e.Country+"-"+e.ID] = e
		a.twice += e.twice
	}
	var undelivered []int64
	err := r.EachCDR(ctx, store.CDRQuery{}, func(c store.LedgerCDR) error {
		a.rows++
		key := c.Owner.String() + " " + c.Name
		if seen[key] {
			a.duplicates++
			a.fault("%s is there twice", key)
		}
		seen[key] = true
		l, accepted := a.lines[key]
		state := ledger.State(c.State)
		if accepted == (state == ledger.StateRefused) || !a.told[key] {
			a.fault("%s is %s; its CPO was told that it is accepted: %v, refused: %v", key, c.State, accepted, a.told[key] && !accepted)
		}
		if !accepted {
			a.refused++
			return nil
		}
		if hex.EncodeToString(c.Digest) != l.SHA256 {
			a.fault("%s has another content than its CPO sent", key)
		}
		took := payers[c.EMSP.String()].has(key)
		switch {
		case c.Mail == ledger.MailDelivered && took == l.SHA256:
		case c.Mail == ledger.MailRefused && l.marked() && took == "":
			a.undelivered++
			undelivered = append(undelivered, c.ID)
		default:
			a.fault("%s: its delivery is %s; its provider has %.8s, its CPO sent %.8s", key, c.Mail, took, l.SHA256)
		}
		a.account(key, &l, &c)
		return nil
	})
	if err != nil {
		return err
	}
	for key := range a.lines {
		if !seen[key] {
			a.missing++
			a.fault("%s was accepted, and is not in the ledger", key)
		}
	}
	return a.letters(r, undelivered)
}

// account adds up what a CDR should have posted, by what its CPO wrote down.
func (a *audit) account(key string, l *line, c *store.LedgerCDR) {
	of, credited := line{}, c.CreditedBy != 0
	if l.CreditOf != "" {
		of = a.lines["NL-"+c.Owner.ID+" "+l.CreditOf]
		a.credits++
	}
	if c.Held {
		a.held++
	}
	// Held are those that are too dear, and until it is credited such a one is not
	// posted. What a provider refused is not posted either.
	want := !l.marked() && (!l.Dear || credited)
	if state := ledger.State(c.State); want != (c.Posted != 0) || want && state != ledger.StateApproved && !(credited && state == ledger.StateResolved) ||
		c.Held != (l.Dear && !credited) || l.CreditOf != "" && of.ID == "" {
		a.fault("%s is %s, held %v, posted %v, credited %v; want posted: %v", key, c.State, c.Held, c.Posted != 0, credited, want)
	}
	if c.Net != cents(l.Net).Int64() || c.Gross != cents(l.Gross).Int64() {
		a.fault("%s is of %d and %d, its CPO charged %s and %s", key, c.Net, c.Gross, l.Net, l.Gross)
	}
	if !want {
		return
	}
	a.approved++
	net, gross := cents(l.Net), cents(l.Gross)
	a.add("emsp:"+l.EMSP, gross)
	a.add("cpo:"+c.Owner.String(), new(big.Int).Neg(net))
	a.add("tax:"+c.Owner.String(), new(big.Int).Sub(net, gross))
}

func (a *audit) add(account string, n *big.Int) {
	if a.expected[account] == nil {
		a.expected[account] = new(big.Int)
	}
	a.expected[account].Add(a.expected[account], n)
}

// cents rounds an amount to cents, half away from zero.
func cents(amount string) *big.Int {
	r, ok := new(big.Rat).SetString(amount)
	if !ok {
		return new(big.Int)
	}
	n, _ := new(big.Int).SetString(strings.Replace(r.FloatString(2), ".", "", 1), 10)
	return n
}

// letters looks for the dead letters of what was not delivered.
func (a *audit) letters(r *store.Reader, undelivered []int64) error {
	for _, id := range undelivered {
		events, err := r.CDREvents(a.b.t.Context(), id)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(events, func(e store.LedgerEvent) bool { return ledger.Kind(e.Kind) == ledger.DeliveryFailed }) {
			a.fault("CDR %d was not delivered, and no event says so", id)
		}
	}
	found := 0
	for cursor := ""; ; {
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next"`
		}
		if err := a.b.hub.API("GET", "/dead-letters?limit=500&cursor="+cursor, nil, &page); err != nil {
			return err
		}
		found += len(page.Items)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if found != len(undelivered) {
		a.fault("%d CDRs were not delivered, and there are %d dead letters", len(undelivered), found)
	}
	return nil
}

// money compares journals and balances with the sums that the CPOs wrote down.
func (a *audit) money(r *store.Reader) error {
	sums, journals := map[string]*big.Int{}, map[int64]int64{}
	of := map[int64]map[int64]bool{} // events that posted a CDR
	err := r.EachPosting(a.b.t.Context(), store.PostingQuery{}, func(p store.Posting) error {
		key := p.Account
		if p.Currency != "EUR" {
			a.fault("a posting of %s in %s", p.Account, p.Currency)
		}
		if sums[key] == nil {
			sums[key] = new(big.Int)
		}
		sums[key].Add(sums[key], big.NewInt(p.Amount))
		journals[p.Event] += p.Amount
		if of[p.CDR] == nil {
			of[p.CDR] = map[int64]bool{}
		}
		of[p.CDR][p.Event] = true
		return nil
	})
	if err != nil {
		return err
	}
	for event, sum := range journals {
		if sum != 0 {
			a.fault("the journal of event %d sums to %d", event, sum)
		}
	}
	for cdr, events := range of {
		if len(events) != 1 {
			a.duplicates++
			a.fault("CDR %d was posted %d times", cdr, len(events))
		}
	}
	if len(of) != a.approved {
		a.fault("%d CDRs are posted, %d should be", len(of), a.approved)
	}
	balances, err := r.Balances(a.b.t.Context())
	if err != nil {
		return err
	}
	total := new(big.Int)
	for _, b := range balances {
		n := big.NewInt(b.Amount)
		total.Add(total, n)
		want := a.expected[b.Account]
		if want == nil {
			want = new(big.Int)
		}
		if sums[b.Account] == nil || sums[b.Account].Cmp(n) != 0 || want.Cmp(n) != 0 {
			a.fault("%s stands at %s, its postings sum to %v, the CDRs to %s cents", b.Account, n, sums[b.Account], want)
		}
		delete(a.expected, b.Account)
		a.expected[b.Account] = want
	}
	for account := range maps.Keys(a.expected) {
		if !slices.ContainsFunc(balances, func(b store.Balance) bool { return b.Account == account }) {
			a.fault("%s has no balance", account)
		}
	}
	if total.Sign() != 0 {
		a.fault("all balances sum to %s", total)
	}
	return nil
}

// verify has the ledger verify itself.
func (a *audit) verify(r *store.Reader) error {
	key, err := a.b.hub.VerifierKey()
	if err != nil {
		return err
	}
	v, err := ledger.Verify(a.b.t.Context(), r, key, nil)
	if err != nil {
		return err
	}
	a.events, a.faults = int(v.Events), len(v.Faults)
	for _, f := range v.Faults {
		a.fault("%s", f)
	}
	if v.Checkpoints == 0 {
		a.fault("there is no checkpoint")
	}
	return nil
}

// list asks the hub for its CDRs as its partners do.
func (a *audit) list() error {
	ctx, listed := a.b.t.Context(), map[string]bool{}
	for _, e := range a.b.emsps {
		p := blackbox.Partner{Party: e.Party, Hub: a.b.hub.Hub, Token: e.token}
		err := p.List(ctx, "sender/cdrs", func(o json.RawMessage) error {
			var c struct {
				ID    string `json:"id"`
				Party string `json:"party_id"`
				Token struct {
					Party string `json:"party_id"`
				} `json:"cdr_token"`
			}
			if err := json.Unmarshal(o, &c); err != nil {
				return err
			}
			key := "NL-" + c.Party + " " + c.ID
			if _, ok := a.lines[key]; !ok || listed[key] || c.Token.Party != e.ID {
				a.fault("%s lists %s: accepted %v, listed before %v", e.ID, key, ok, listed[key])
			}
			listed[key] = true
			return nil
		})
		if err != nil {
			return err
		}
	}
	a.listed = len(listed)
	asked := map[string]int{}
	for key, l := range a.lines {
		if !listed[key] {
			a.missing++
			a.fault("%s is not in the list of its provider", key)
		}
		owner, _, _ := strings.Cut(key, " ")
		if asked[owner]++; asked[owner] > 100 {
			continue
		}
		for _, c := range a.b.cpos {
			if c.Country+"-"+c.ID != owner {
				continue
			}
			if _, err := c.Must(ctx, "GET", "receiver/cdrs/NL/"+c.ID+"/"+l.ID, blackbox.HubParty, nil); err != nil {
				a.missing++
				a.fault("%s: %v", key, err)
			}
		}
	}
	return nil
}
