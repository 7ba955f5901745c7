package api

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// CDR is a charge detail record as the ledger has it, without the driver's token
// and contract.
type CDR struct {
	CountryCode string     `json:"country_code" example:"NL" doc:"Of the CPO"`
	PartyID     string     `json:"party_id" example:"CP1" doc:"Of the CPO"`
	ID          string     `json:"id" example:"CDR1" doc:"As the CPO spells it"`
	EMSP        string     `json:"emsp" example:"DE-EM1"`
	State       string     `json:"state" enum:"valid,refused,presented,approved,disputed,resolved" example:"presented" doc:"valid: accepted, not delivered yet; refused: its receiver refused it, it does not count; presented: delivered; approved: and posted; resolved: a dispute is over"`
	Held        bool       `json:"held" example:"false" doc:"Not approved by time: somebody must look at it"`
	Mail        string     `json:"mail" enum:"waiting,delivered,refused,dead,none" example:"delivered" doc:"Its delivery. refused: by its receiver; dead: never taken within seven days; none: the receiver fetches its CDRs"`
	Currency    string     `json:"currency" example:"EUR"`
	Net         string     `json:"net" example:"4.00" doc:"total_cost before tax"`
	Gross       string     `json:"gross" example:"4.84" doc:"total_cost with tax; equal to net where the CDR does not tell the tax"`
	KWh         string     `json:"kwh" example:"10" doc:"total_energy"`
	Session     string     `json:"session,omitempty" example:"s1" doc:"session_id, in lower case"`
	CreditOf    string     `json:"credit_of,omitempty" example:"cdr0" doc:"The CDR that this credit takes back, in lower case"`
	Started     time.Time  `json:"started" example:"2026-01-02T02:00:00Z"`
	Ended       time.Time  `json:"ended" example:"2026-01-02T03:00:00Z"`
	Received    time.Time  `json:"received" example:"2026-01-02T03:04:05Z"`
	Deadline    *time.Time `json:"deadline,omitempty" example:"2026-01-12T03:04:05Z" doc:"When it is approved, unless it is disputed before"`
	Posted      *time.Time `json:"posted,omitempty" example:"2026-01-12T03:04:05Z" doc:"When its journal was posted"`
}

type cdrQuery struct {
	For
	Between
	State    string    `query:"state" enum:"valid,refused,presented,approved,disputed,resolved" example:"presented"`
	Held     string    `query:"held" enum:"true,false" example:"true"`
	Mail     string    `query:"mail" enum:"waiting,delivered,refused,dead,none" example:"waiting"`
	Currency string    `query:"currency" pattern:"^[A-Z]{3}$" example:"EUR"`
	Session  string    `query:"session" maxLength:"40" example:"S1" doc:"session_id"`
	From     time.Time `query:"from" example:"2026-01-02T03:04:05Z" doc:"Received at this time or later"`
	To       time.Time `query:"to" example:"2026-01-02T03:04:05Z" doc:"Received before this time"`
	Cursor   int64     `query:"cursor" minimum:"0" example:"4711" doc:"The value of next in the answer before"`
	Limit    int       `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

type cdrList struct {
	Body struct {
		Items []CDR  `json:"items"`
		Next  string `json:"next,omitempty" example:"4711" doc:"Value of cursor for the next page; absent on the last one"`
	}
}

// CDRPath names a CDR in a path.
type CDRPath struct {
	CountryCode string `path:"country_code" pattern:"^[A-Za-z]{2}$" example:"NL" doc:"Of the CPO"`
	PartyID     string `path:"party_id" pattern:"^[A-Za-z0-9]{3}$" example:"CP1" doc:"Of the CPO"`
	ID          string `path:"id" minLength:"1" maxLength:"40" example:"CDR1" doc:"In any letter case"`
}

func (p CDRPath) key() (ledger.Key, error) {
	id, err := partyID("path", PartyRef{p.CountryCode, p.PartyID})
	return ledger.Key{Owner: id, ID: p.ID}, err
}

func (a *API) listCDRs(ctx context.Context, in *cdrQuery) (*cdrList, error) {
	who, err := callerOf(ctx).one(in.Party, "query.party")
	if err != nil {
		return nil, err
	}
	cpo, emsp, err := in.ids()
	if err != nil {
		return nil, err
	}
	q := store.CDRQuery{
		CPO: cpo, EMSP: emsp, State: in.State, Mail: in.Mail, Currency: in.Currency, Session: ocpi.FoldID(in.Session),
		From: microsOrZero(in.From), To: microsOrZero(in.To), AfterID: in.Cursor, Limit: in.Limit + 1,
	}
	if in.Held != "" {
		held := in.Held == "true"
		q.Held = &held
	}
	rows, err := a.cdrs(ctx, who, q)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &cdrList{}
	out.Body.Items = []CDR{}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		out.Body.Next = strconv.FormatInt(rows[in.Limit-1].ID, 10)
	}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, cdrView(&rows[i]))
	}
	return out, nil
}

// cdrs reads a page of the CDRs that an actor may see.
func (a *API) cdrs(ctx context.Context, who actor, q store.CDRQuery) ([]store.LedgerCDR, error) {
	return merged(who.pairs(q.CPO, q.EMSP), q.Limit, func(a, b store.LedgerCDR) int { return cmp.Compare(a.ID, b.ID) },
		func(cpo, emsp *ocpi.PartyID) ([]store.LedgerCDR, error) {
			q := q
			q.CPO, q.EMSP = cpo, emsp
			return a.store.CDRs(ctx, q)
		})
}

// readCDR returns the CDR of a path and who of the caller's parties asks for it.
// One that the caller has no part in is not found.
func (a *API) readCDR(ctx context.Context, path CDRPath, party string) (store.LedgerCDR, actor, error) {
	who, err := callerOf(ctx).named(party, "query.party")
	if err != nil {
		return store.LedgerCDR{}, actor{}, err
	}
	k, err := path.key()
	if err != nil {
		return store.LedgerCDR{}, actor{}, err
	}
	c, found, err := a.store.CDR(ctx, k.Owner, ocpi.FoldID(k.ID))
	if err != nil {
		return c, actor{}, a.problem(ctx, err)
	}
	for _, w := range who {
		if found && w.sees(c.Owner, c.EMSP) {
			return c, w, nil
		}
	}
	return c, actor{}, a.problem(ctx, fmt.Errorf("%w: %s", ledger.ErrNotFound, k))
}

func cdrView(c *store.LedgerCDR) CDR {
	return CDR{
		CountryCode: c.Owner.CountryCode, PartyID: c.Owner.ID, ID: c.Name, EMSP: c.EMSP.String(),
		State: c.State, Held: c.Held, Mail: c.Mail, Currency: c.Currency,
		Net: money(c.Net, c.Currency), Gross: money(c.Gross, c.Currency), KWh: kwh(c.Energy), Session: c.Session, CreditOf: c.CreditOf,
		Started: moment(c.Started), Ended: moment(c.Ended), Received: moment(c.Received),
		Deadline: momentOrNil(c.Deadline), Posted: momentOrNil(c.Posted),
	}
}

// money writes minor units of a currency.
func money(n int64, currency string) string {
	d, err := decimal.New(n, tariff.CurrencyDecimals(currency))
	if err != nil { // no currency has that many decimals
		return strconv.FormatInt(n, 10)
	}
	return d.String()
}

// kwh writes 10⁻⁹ kWh without zeros at the end.
func kwh(n int64) string {
	d, err := decimal.New(n, 9)
	if err != nil { // nine decimals always fit
		return strconv.FormatInt(n, 10)
	}
	return d.Trim(0).String()
}

// moment reads microseconds of the store.
func moment(us int64) time.Time { return time.UnixMicro(us).UTC() }

func momentOrNil(us int64) *time.Time {
	if us == 0 {
		return nil
	}
	t := moment(us)
	return &t
}

func microsOrZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
