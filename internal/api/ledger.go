package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Ledger is the ledger as a whole; for a platform the counts are those of the
// party's CDRs.
type Ledger struct {
	Size        int64            `json:"size" example:"4712" doc:"Leaves of the log, as of the checkpoint"`
	Root        string           `json:"root" example:"qvTGHdzF6KLavt4PO0gs2a6pQ00=" doc:"Hash over all leaves, base64"`
	VerifierKey string           `json:"verifier_key" example:"hub.example.com+2f5a1b3c+AQ..." doc:"What checkpoints are verified with. Keep it from the first time on, by another way than this API"`
	Checkpoint  Checkpoint       `json:"checkpoint"`
	States      map[string]int64 `json:"states" example:"{\"presented\":12,\"approved\":4700}" doc:"CDRs by state"`
	Held        int64            `json:"held" example:"3" doc:"CDRs that are not approved by time"`
	Waiting     int64            `json:"waiting" example:"2" doc:"CDRs that wait for delivery"`
	Dead        int64            `json:"dead" example:"0" doc:"CDRs whose delivery was given up after seven days"`
	Findings    int              `json:"findings" example:"1" doc:"Missing CDRs and silent sessions that are open; 1000 stands for that or more"`
	Balances    []CurrencySum    `json:"balances,omitempty" doc:"For the operator: the sum of all balances by currency, which is 0"`
}

// CurrencySum is the sum of all balances in a currency.
type CurrencySum struct {
	Currency string `json:"currency" example:"EUR"`
	Accounts int    `json:"accounts" example:"12"`
	Debit    string `json:"debit" example:"4840.00" doc:"Sum of the balances above 0: what is owed"`
	Sum      string `json:"sum" example:"0.00" doc:"0, or the ledger is broken"`
}

// Checkpoint is a signed state of the log.
type Checkpoint struct {
	Size int64     `json:"size" example:"4712"`
	At   time.Time `json:"at" example:"2026-01-02T03:04:05Z"`
	Note string    `json:"note" example:"hub.example.com\n4712\nqvTGHdzF6KLavt4PO0gs2a6pQ00=\n\n— hub.example.com ...\n" doc:"C2SP tlog-checkpoint"`
}

// Consistency proves that the log at the newer checkpoint holds all of the older.
type Consistency struct {
	Older Checkpoint `json:"older"`
	Newer Checkpoint `json:"newer"`
	Proof []string   `json:"proof" example:"[\"qvTGHdzF6KLavt4PO0gs2a6pQ00=\"]" doc:"RFC 6962 §2.1.2, base64"`
}

// Balance is the sum of the postings of an account.
type Balance struct {
	Account  string `json:"account" example:"emsp:DE-EM1" doc:"emsp: what a provider owes; cpo: what an operator is owed before tax; tax: the tax it has charged"`
	Currency string `json:"currency" example:"EUR"`
	Amount   string `json:"amount" example:"4.84" doc:"Debits are positive, credits negative"`
	Minor    int64  `json:"minor" example:"484" doc:"The same in minor units"`
}

// CheckCode is something that the checks of CDRs can find.
type CheckCode struct {
	Check     string `json:"check" example:"C18"`
	Code      string `json:"code" example:"overcharged"`
	Severity  string `json:"severity" enum:"reject,hold,warn,info,off" example:"hold" doc:"By default; cdr_checks of an agreement can say otherwise"`
	Eichrecht string `json:"eichrecht,omitempty" enum:"reject,hold,warn,info,off" example:"hold" doc:"The default where signed meter data is required; absent: the same"`
	Means     string `json:"means" example:"the total is more than the tariff gives"`
}

type ledgerOutput struct{ Body Ledger }

func (a *API) getLedger(ctx context.Context, in *For) (*ledgerOutput, error) {
	who, err := callerOf(ctx).one(in.Party, "query.party")
	if err != nil {
		return nil, err
	}
	at, err := a.ledger.Checkpoint(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	c, err := receipt.Open(string(at.Note), a.ledger.VerifierKey())
	if err != nil {
		return nil, a.problem(ctx, fmt.Errorf("reading checkpoint %d: %w", at.Size, err))
	}
	out := &ledgerOutput{Ledger{Size: c.Size, Root: c.Root.String(), VerifierKey: a.ledger.VerifierKey(), Checkpoint: checkpointView(at)}}
	n, err := a.counts(ctx, who)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out.Body.States, out.Body.Held, out.Body.Waiting, out.Body.Dead = n.States, n.Held, n.Waiting, n.Dead
	found, err := a.findings(ctx, who, store.FindingQuery{Open: true, Limit: 1000})
	if err == nil && who.operator {
		out.Body.Balances, err = a.balanceSums(ctx)
	}
	out.Body.Findings = len(found)
	return out, a.problem(ctx, err)
}

// counts is of the CDRs of an actor; those between its own two sides once.
func (a *API) counts(ctx context.Context, who actor) (store.CDRCounts, error) {
	pairs := who.pairs(nil, nil)
	sum, err := a.store.CountCDRs(ctx, pairs[0][0], pairs[0][1])
	if err != nil || len(pairs) == 1 {
		return sum, err
	}
	other, err := a.store.CountCDRs(ctx, nil, &who.party)
	if err != nil {
		return sum, err
	}
	both, err := a.store.CountCDRs(ctx, &who.party, &who.party)
	for state, n := range other.States {
		sum.States[state] += n - both.States[state]
	}
	sum.Held += other.Held - both.Held
	sum.Waiting += other.Waiting - both.Waiting
	sum.Dead += other.Dead - both.Dead
	return sum, err
}

func (a *API) balanceSums(ctx context.Context) ([]CurrencySum, error) {
	rows, err := a.store.Balances(ctx)
	if err != nil {
		return nil, err
	}
	type sum struct {
		accounts   int
		all, debit int64
	}
	by := map[string]sum{}
	for _, b := range rows {
		s := by[b.Currency]
		by[b.Currency] = sum{s.accounts + 1, s.all + b.Amount, s.debit + max(b.Amount, 0)}
	}
	var out []CurrencySum
	for currency, s := range by {
		out = append(out, CurrencySum{currency, s.accounts, money(s.debit, currency), money(s.all, currency)})
	}
	slices.SortFunc(out, func(a, b CurrencySum) int { return strings.Compare(a.Currency, b.Currency) })
	return out, nil
}

func checkpointView(c store.Checkpoint) Checkpoint {
	return Checkpoint{Size: c.Size, At: moment(c.At), Note: string(c.Note)}
}

type checkpointOutput struct{ Body Checkpoint }

func (a *API) getCheckpoint(ctx context.Context, in *struct {
	Size int64 `query:"size" minimum:"0" example:"4712" doc:"The one of this size; absent: the newest, which is made now when the log has grown"`
}) (*checkpointOutput, error) {
	if in.Size == 0 {
		c, err := a.ledger.Checkpoint(ctx)
		return &checkpointOutput{checkpointView(c)}, a.problem(ctx, err)
	}
	c, found, err := a.store.Checkpoint(ctx, in.Size)
	if err == nil && !found {
		err = fmt.Errorf("%w: no checkpoint of size %d", ledger.ErrNotFound, in.Size)
	}
	return &checkpointOutput{checkpointView(c)}, a.problem(ctx, err)
}

type consistencyOutput struct{ Body Consistency }

func (a *API) getConsistency(ctx context.Context, in *struct {
	From int64 `query:"from" required:"true" minimum:"1" example:"4000" doc:"Size of the older checkpoint"`
	To   int64 `query:"to" minimum:"0" example:"4712" doc:"Size of the newer checkpoint; absent: the newest"`
}) (*consistencyOutput, error) {
	older, newer, proof, err := a.ledger.Consistency(ctx, in.From, in.To)
	if errors.Is(err, ledger.ErrInvalid) {
		return nil, queryProblem(ocpi.Invalid("to", "is an older checkpoint than from"))
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &consistencyOutput{Consistency{checkpointView(older), checkpointView(newer), []string{}}}
	for _, h := range proof {
		out.Body.Proof = append(out.Body.Proof, h.String())
	}
	return out, nil
}

type balanceList struct {
	Body struct {
		Items []Balance `json:"items"`
	}
}

func (a *API) listBalances(ctx context.Context, in *struct {
	For
	Account  string `query:"account" maxLength:"20" example:"emsp:DE-EM1"`
	Currency string `query:"currency" pattern:"^[A-Z]{3}$" example:"EUR"`
}) (*balanceList, error) {
	who, err := callerOf(ctx).one(in.Party, "query.party")
	if err != nil {
		return nil, err
	}
	rows, err := a.store.Balances(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &balanceList{}
	out.Body.Items = []Balance{}
	for _, b := range rows {
		if who.owns(b.Account) && (in.Account == "" || b.Account == in.Account) && (in.Currency == "" || b.Currency == in.Currency) {
			out.Body.Items = append(out.Body.Items, Balance{b.Account, b.Currency, money(b.Amount, b.Currency), b.Amount})
		}
	}
	return out, nil
}

// owns reports whether an account is the actor's to see.
func (a actor) owns(account string) bool { return a.operator || slices.Contains(a.accounts(), account) }

// Posting is one line of a journal.
type Posting struct {
	ID    int64     `json:"id" example:"17"`
	Event int64     `json:"event" example:"4711" doc:"The leaf of the log that says so"`
	At    time.Time `json:"at" example:"2026-01-02T03:04:05Z"`
	CPO   string    `json:"cpo" example:"NL-CP1"`
	EMSP  string    `json:"emsp" example:"DE-EM1"`
	CDR   string    `json:"cdr" example:"CDR1"`
	Entry
}

type postingList struct {
	Body struct {
		Items []Posting `json:"items"`
		Next  string    `json:"next,omitempty" example:"17" doc:"Value of cursor for the next page; absent on the last one"`
	}
}

type postingQuery struct {
	For
	CPO      string    `query:"cpo" example:"NL-CP1" doc:"With cdr: of this CDR alone"`
	CDR      string    `query:"cdr" maxLength:"40" example:"CDR1" doc:"With cpo: of this CDR alone"`
	Account  string    `query:"account" maxLength:"20" example:"emsp:DE-EM1"`
	Currency string    `query:"currency" pattern:"^[A-Z]{3}$" example:"EUR"`
	From     time.Time `query:"from" example:"2026-01-02T03:04:05Z" doc:"Posted at this time or later"`
	To       time.Time `query:"to" example:"2026-01-02T03:04:05Z" doc:"Posted before this time"`
	Cursor   int64     `query:"cursor" minimum:"0" example:"17" doc:"The value of next in the answer before"`
	Limit    int       `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

func (a *API) listPostings(ctx context.Context, in *postingQuery) (*postingList, error) {
	who, err := callerOf(ctx).one(in.Party, "query.party")
	if err != nil {
		return nil, err
	}
	out := &postingList{}
	out.Body.Items = []Posting{}
	q := store.PostingQuery{
		Account: in.Account, Currency: in.Currency, From: microsOrZero(in.From), To: microsOrZero(in.To), AfterID: in.Cursor, Limit: in.Limit + 1,
	}
	if in.CPO != "" || in.CDR != "" {
		c, err := a.cdrOfQuery(ctx, who, in.CPO, in.CDR)
		if err != nil {
			return nil, err
		}
		q.CDR = c.ID
	}
	rows, err := a.postings(ctx, who, q)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.Next = strconv.FormatInt(rows[in.Limit-1].ID, 10)
	}
	var c store.LedgerCDR
	for _, p := range rows {
		if c.ID != p.CDR { // the lines of a journal follow each other
			if c, _, err = a.store.CDRByID(ctx, p.CDR); err != nil {
				return nil, a.problem(ctx, err)
			}
		}
		out.Body.Items = append(out.Body.Items, Posting{
			p.ID, p.Event, moment(p.At), c.Owner.String(), c.EMSP.String(), c.Name, Entry{p.Account, p.Currency, money(p.Amount, p.Currency), p.Amount},
		})
	}
	return out, nil
}

// cdrOfQuery finds the CDR that a query names.
func (a *API) cdrOfQuery(ctx context.Context, who actor, cpo, id string) (store.LedgerCDR, error) {
	switch {
	case cpo == "":
		return store.LedgerCDR{}, queryProblem(ocpi.Invalid("cpo", "is needed with cdr"))
	case id == "":
		return store.LedgerCDR{}, queryProblem(ocpi.Invalid("cdr", "is needed with cpo"))
	}
	owner, err := ocpi.ParsePartyString(cpo)
	if err != nil {
		return store.LedgerCDR{}, queryProblem(ocpi.Invalid("cpo", "must be a party such as NL-CP1"))
	}
	c, found, err := a.store.CDR(ctx, owner, ocpi.FoldID(id))
	if err == nil && (!found || !who.sees(c.Owner, c.EMSP)) {
		err = fmt.Errorf("%w: %s", ledger.ErrNotFound, ledger.Key{Owner: owner, ID: id})
	}
	return c, a.problem(ctx, err)
}

// postings reads a page of postings of the accounts that the actor may see.
func (a *API) postings(ctx context.Context, who actor, q store.PostingQuery) ([]store.Posting, error) {
	accounts := []string{q.Account}
	if !who.operator && q.Account == "" {
		accounts = who.accounts()
	}
	var rows []store.Posting
	for _, name := range accounts {
		if !who.owns(name) {
			continue
		}
		q.Account = name
		some, err := a.store.Postings(ctx, q)
		if err != nil {
			return nil, err
		}
		rows = append(rows, some...)
	}
	slices.SortFunc(rows, func(a, b store.Posting) int { return cmp.Compare(a.ID, b.ID) })
	return rows[:min(len(rows), q.Limit)], nil
}

type checkList struct {
	Body struct {
		Items []CheckCode `json:"items"`
	}
}

func (a *API) listChecks(context.Context, *struct{}) (*checkList, error) {
	out := &checkList{}
	for _, c := range check.Codes() {
		out.Body.Items = append(out.Body.Items, CheckCode{c.Check, c.Code, string(c.Severity), string(c.Eichrecht), c.Means})
	}
	return out, nil
}
