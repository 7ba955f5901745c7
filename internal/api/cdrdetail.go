package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/store"
)

// CDRDetail is a CDR with all that the ledger knows of it.
type CDRDetail struct {
	CDR
	Version    string       `json:"version" example:"2.2.1" doc:"OCPI version of the body"`
	Digest     string       `json:"digest" example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" doc:"SHA-256 of the body as received, hex"`
	EVSE       string       `json:"evse,omitempty" example:"e1" doc:"evse_uid, in lower case"`
	Meter      string       `json:"meter,omitempty" example:"m1" doc:"meter_id, in lower case"`
	Reference  string       `json:"authorization_reference,omitempty" example:"ref1"`
	CreditedBy string       `json:"credited_by,omitempty" example:"CDR1-C" doc:"The credit CDR that takes it back"`
	Verdict    string       `json:"verdict" enum:"pass,info,warn,hold,reject" example:"warn" doc:"The worst of the findings"`
	Findings   []CDRFinding `json:"findings"`
	Price      PriceVerdict `json:"price"`
	Delivery   CDRDelivery  `json:"delivery"`
	Events     []CDREvent   `json:"events"`
	Next       []NextStep   `json:"next" doc:"Who may do what now"`
	Lines      Explanation  `json:"explanation,omitzero" doc:"In the answer to a dispute: the lines of the price"`
}

// CDRFinding is something that a check found.
type CDRFinding struct {
	Check    string            `json:"check" example:"C18"`
	Code     string            `json:"code" example:"overcharged"`
	Severity string            `json:"severity" enum:"reject,hold,warn,info" example:"hold"`
	Message  string            `json:"message" example:"total_cost.excl_vat is 5.00; by the tariff that the hub had when the session started it is 4.00, a difference of 1.00 EUR."`
	Means    string            `json:"means" example:"the total is more than the tariff gives"`
	Pointer  string            `json:"pointer,omitempty" example:"/total_cost/excl_vat" doc:"JSON pointer into the CDR; absent: no one place"`
	Details  map[string]string `json:"details,omitempty" example:"{\"claimed\":\"5.00\",\"computed\":\"4.00\"}"`
}

// PriceVerdict compares what the CDR claims with what the hub computed.
type PriceVerdict struct {
	Verdict      string            `json:"verdict" enum:"match,mismatch,no_claim,not_priced" example:"mismatch"`
	Basis        string            `json:"basis" enum:"hub,cdr,none" example:"hub" doc:"Whose tariff: hub: a version that the hub has kept; cdr: the one inside the CDR; none: none is known"`
	Tariffs      []TariffUsed      `json:"tariffs,omitempty"`
	ClaimedNet   string            `json:"claimed_net" example:"5.00"`
	ClaimedGross string            `json:"claimed_gross" example:"6.05"`
	Net          string            `json:"net,omitempty" example:"4.00" doc:"By the hub, rounded; absent: not known"`
	Gross        string            `json:"gross,omitempty" example:"4.84" doc:"By the hub, rounded; absent: not known"`
	ExplainedBy  []string          `json:"explained_by,omitempty" example:"[\"rounded_up\"]" doc:"Readings and roundings that give the total that is claimed"`
	Differences  []PriceDifference `json:"differences,omitempty"`
	NotPriced    string            `json:"not_priced,omitempty" example:"no tariff is known" doc:"Why the hub could not compute it"`
}

// TariffUsed is a tariff that a price was computed with.
type TariffUsed struct {
	ID       string     `json:"id" example:"T1"`
	Received *time.Time `json:"received,omitempty" example:"2026-01-01T00:00:00Z" doc:"When the hub received this version; absent: it is the CDR's own"`
	Hash     string     `json:"hash,omitempty" example:"9f86d081884c7d65" doc:"Of the hub's version"`
}

// PriceDifference is an amount that does not agree.
type PriceDifference struct {
	Field   string `json:"field" example:"total_cost.excl_vat"`
	Claimed string `json:"claimed" example:"5.0000"`
	Ours    string `json:"ours" example:"4.0000"`
}

// CDRDelivery is how far the CDR is on its way to its provider.
type CDRDelivery struct {
	State      string     `json:"state" enum:"waiting,delivered,refused,dead,none" example:"delivered"`
	Attempts   int        `json:"attempts" example:"1"`
	Since      time.Time  `json:"since" example:"2026-01-02T03:04:05Z" doc:"When delivery began, or was begun again"`
	Next       *time.Time `json:"next_attempt,omitempty" example:"2026-01-02T03:04:10Z"`
	HTTPStatus int        `json:"told_http_status,omitempty" example:"200" doc:"What the CPO was told"`
	OCPIStatus int        `json:"told_ocpi_status,omitempty" example:"1000" doc:"What the CPO was told"`
	ToldBy     string     `json:"told_by,omitempty" example:"DE-EM1" doc:"Whose answer that was: the provider's, or hub"`
}

// CDREvent is a leaf of the log about a CDR.
type CDREvent struct {
	Index    int64    `json:"index" example:"4711" doc:"Place in the log"`
	Kind     string   `json:"kind" example:"disputed"`
	At       string   `json:"at" example:"2026-01-02T03:04:05.123456Z"`
	Actor    string   `json:"actor" example:"DE-EM1" doc:"A party, hub or operator"`
	Reason   string   `json:"reason,omitempty" example:"wrong-price"`
	Text     string   `json:"text,omitempty" example:"the tariff says 0.40"`
	State    string   `json:"state" example:"disputed" doc:"After it"`
	Held     bool     `json:"held" example:"false" doc:"After it"`
	Findings []string `json:"findings,omitempty" example:"[\"C18 hold overcharged\"]"`
	Postings []Entry  `json:"postings,omitempty"`
}

// Entry is a line of a journal.
type Entry struct {
	Account  string `json:"account" example:"emsp:DE-EM1"`
	Currency string `json:"currency" example:"EUR"`
	Amount   string `json:"amount" example:"4.84" doc:"Debits are positive, credits negative"`
	Minor    int64  `json:"minor" example:"484" doc:"The same in minor units"`
}

// NextStep is something that can be done with a CDR now.
type NextStep struct {
	Action string   `json:"action" enum:"approve,dispute,release,withdraw,reject,forgo,redeliver,credit,resend" example:"approve" doc:"withdraw, reject and forgo are outcomes of resolve; credit and resend are CDRs that the CPO sends by OCPI"`
	By     []string `json:"by" example:"[\"DE-EM1\",\"operator\"]"`
}

type cdrOutput struct{ Body CDRDetail }

func (a *API) getCDR(ctx context.Context, in *struct {
	CDRPath
	For
}) (*cdrOutput, error) {
	c, who, err := a.readCDR(ctx, in.CDRPath, in.Party)
	if err != nil {
		return nil, err
	}
	d, err := a.cdrDetail(ctx, &c, who)
	return &cdrOutput{d}, err
}

func (a *API) cdrDetail(ctx context.Context, c *store.LedgerCDR, who actor) (CDRDetail, error) {
	e, err := a.evidence(ctx, c)
	if err != nil {
		return CDRDetail{}, err
	}
	d := CDRDetail{
		CDR: cdrView(c), Version: c.Version, Digest: fmt.Sprintf("%x", c.Digest), EVSE: c.EVSE, Meter: c.Meter, Reference: c.Reference,
		Verdict: string(e.Report.Verdict), Findings: findingsView(e.Report.Findings), Price: e.verdict(c), Delivery: mailView(c), Next: nextSteps(c),
	}
	if c.CreditedBy != 0 {
		by, found, err := a.store.CDRByID(ctx, c.CreditedBy)
		if err != nil {
			return d, a.problem(ctx, err)
		}
		if found {
			d.CreditedBy = by.Name
		}
	}
	d.Events, err = a.cdrEvents(ctx, c, who)
	return d, err
}

func findingsView(found []check.Finding) []CDRFinding {
	out := []CDRFinding{}
	codes := check.Codes()
	for _, f := range found {
		v := CDRFinding{Check: f.Check, Code: f.Code, Severity: string(f.Severity), Message: f.Message, Pointer: f.Pointer, Details: f.Details}
		if i := slices.IndexFunc(codes, func(c check.Code) bool { return c.Check == f.Check && c.Code == f.Code }); i >= 0 {
			v.Means = codes[i].Means
		}
		out = append(out, v)
	}
	return out
}

func mailView(c *store.LedgerCDR) CDRDelivery {
	d := CDRDelivery{State: c.Mail, Attempts: c.Attempts, Since: moment(c.MailSince)}
	if c.Mail == ledger.MailWaiting {
		d.Next = momentOrNil(c.Due)
	}
	var told struct {
		HTTP   int    `json:"http"`
		Status int    `json:"status"`
		From   string `json:"from"`
	}
	if json.Unmarshal(c.Answer, &told) == nil && told.HTTP != 0 { // empty while nobody was told
		d.HTTPStatus, d.OCPIStatus, d.ToldBy = told.HTTP, told.Status, told.From
		if told.From == "" {
			d.ToldBy = ledger.ActorHub
		}
	}
	return d
}

// cdrEvents returns the events that who may see. After a refusal the id of a CDR
// may come again for another provider, who has no part in what was before.
func (a *API) cdrEvents(ctx context.Context, c *store.LedgerCDR, who actor) ([]CDREvent, error) {
	events, err := a.store.CDREvents(ctx, c.ID)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := []CDREvent{}
	for i := range events {
		leaf, err := ledger.ParseLeaf(events[i].Leaf)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		if !seesLeaf(who, &leaf) {
			continue
		}
		e := CDREvent{
			Index: events[i].Seq, Kind: string(leaf.Kind), At: leaf.At.UTC().Format(time.RFC3339Nano), Actor: leaf.Actor, Reason: leaf.Reason,
			Text: leaf.Text, State: string(leaf.State), Held: leaf.Held, Findings: leaf.Findings,
		}
		for _, p := range leaf.Postings {
			e.Postings = append(e.Postings, Entry{p.Account, p.Currency, money(p.Amount, p.Currency), p.Amount})
		}
		out = append(out, e)
	}
	return out, nil
}

func seesLeaf(who actor, l *ledger.Leaf) bool {
	return who.operator || who.cpo && l.CPO == who.party.String() || who.emsp && l.EMSP == who.party.String()
}

// nextSteps says who may do what with a CDR, as package ledger allows it.
func nextSteps(c *store.LedgerCDR) []NextStep {
	out := []NextStep{}
	cpo, emsp, operator := c.Owner.String(), c.EMSP.String(), ledger.ActorOperator
	may := func(action string, by ...string) { out = append(out, NextStep{action, by}) }
	switch ledger.State(c.State) {
	case ledger.StateValid, ledger.StatePresented:
		may(actionApprove, emsp, operator)
		may(actionDispute, emsp)
		if c.Held {
			may(actionRelease, operator)
		}
	case ledger.StateDisputed:
		may("withdraw", emsp, operator)
		may("reject", operator)
		may("forgo", cpo, operator)
	case ledger.StateRefused:
		may("resend", cpo)
		return out
	}
	if c.Mail == ledger.MailRefused || c.Mail == ledger.MailDead {
		may(actionRedeliver, operator)
	}
	if c.CreditOf == "" && c.CreditedBy == 0 {
		may("credit", cpo)
	}
	return out
}
