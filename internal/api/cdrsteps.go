package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// What can be done with a CDR.
const (
	actionApprove   = "approve"
	actionDispute   = "dispute"
	actionResolve   = "resolve"
	actionRelease   = "release"
	actionRedeliver = "redeliver"
)

// Approval is the optional body of an approval.
type Approval struct {
	Party string `json:"party,omitempty" maxLength:"6" example:"DE-EM1" doc:"With the token of a platform that has several parties: for which one; or as a parameter of the query"`
	Text  string `json:"text,omitempty" maxLength:"1000" example:"checked by hand" doc:"Kept in the log for both parties to see"`
}

// Dispute says why a provider does not accept a CDR.
type Dispute struct {
	Party  string `json:"party,omitempty" maxLength:"6" example:"DE-EM1" doc:"With the token of a platform that has several parties: for which one; or as a parameter of the query"`
	Reason string `json:"reason" enum:"not-our-token,no-authorization,duplicate,wrong-price,wrong-energy,wrong-time,tariff-not-published,bad-signature,late,other" example:"wrong-price"`
	Text   string `json:"text,omitempty" maxLength:"1000" example:"the tariff says 0.40 per kWh" doc:"Kept in the log for both parties to see"`
}

// Resolution ends a dispute.
type Resolution struct {
	Party   string `json:"party,omitempty" maxLength:"6" example:"NL-CP1" doc:"With the token of a platform that has several parties: for which one; or as a parameter of the query"`
	Outcome string `json:"outcome" enum:"withdrawn,rejected,forgone" example:"forgone" doc:"withdrawn, by the provider: the CDR stands; rejected, by the operator of the hub: the CDR stands; forgone, by the CPO: nothing is owed. The operator may say all three"`
	Text    string `json:"text,omitempty" maxLength:"1000" example:"our meter was wrong" doc:"Kept in the log for both parties to see"`
}

// Release says why a CDR need not be held any longer.
type Release struct {
	Text string `json:"text" minLength:"1" maxLength:"1000" example:"the long session was announced" doc:"Kept in the log for both parties to see"`
}

func (a *API) approveCDR(ctx context.Context, in *struct {
	CDRPath
	For
	Body *Approval
}) (*cdrOutput, error) {
	b := Approval{}
	if in.Body != nil {
		b = *in.Body
	}
	return a.stepCDR(ctx, in.CDRPath, [2]string{in.For.Party, b.Party}, actionApprove, ledger.Step{Text: b.Text}, onlyEMSP, a.ledger.Approve)
}

func (a *API) disputeCDR(ctx context.Context, in *struct {
	CDRPath
	For
	Body Dispute
}) (*cdrOutput, error) {
	out, err := a.stepCDR(ctx, in.CDRPath, [2]string{in.For.Party, in.Body.Party}, actionDispute,
		ledger.Step{Reason: in.Body.Reason, Text: in.Body.Text}, onlyEMSP, a.ledger.Dispute)
	if err != nil {
		return nil, err
	}
	k, err := in.key()
	if err != nil {
		return nil, err
	}
	c, _, err := a.store.CDR(ctx, k.Owner, ocpi.FoldID(k.ID))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	e, err := a.evidence(ctx, &c)
	if err != nil {
		return nil, err
	}
	out.Body.Lines = e.explanation(&c)
	return out, nil
}

func (a *API) resolveCDR(ctx context.Context, in *struct {
	CDRPath
	For
	Body Resolution
}) (*cdrOutput, error) {
	side := onlyEMSP
	if in.Body.Outcome == ledger.OutcomeForgone {
		side = onlyCPO
	}
	return a.stepCDR(ctx, in.CDRPath, [2]string{in.For.Party, in.Body.Party}, actionResolve, ledger.Step{Text: in.Body.Text}, side,
		func(ctx context.Context, k ledger.Key, s ledger.Step) error {
			return a.ledger.Resolve(ctx, k, in.Body.Outcome, s)
		})
}

func (a *API) releaseCDR(ctx context.Context, in *struct {
	CDRPath
	Body Release
}) (*cdrOutput, error) {
	return a.stepCDR(ctx, in.CDRPath, [2]string{}, actionRelease, ledger.Step{Text: in.Body.Text}, onlyCPO, a.ledger.Release)
}

func (a *API) redeliverCDR(ctx context.Context, in *struct {
	CDRPath
	Body *Why
}) (*cdrOutput, error) {
	s := ledger.Step{}
	if in.Body != nil {
		s.Text = in.Body.Reason
	}
	return a.stepCDR(ctx, in.CDRPath, [2]string{}, actionRedeliver, s, onlyCPO, func(ctx context.Context, k ledger.Key, s ledger.Step) error {
		return a.ledger.Redeliver(ctx, k, s.Also)
	})
}

// The side that a step is for. The ledger knows parties without their roles, so
// that this is decided here.
func onlyCPO(who actor, c *store.LedgerCDR) bool  { return who.cpo && who.party == c.Owner }
func onlyEMSP(who actor, c *store.LedgerCDR) bool { return who.emsp && who.party == c.EMSP }

// stepCDR does something with a CDR and returns it as it is then. The party is
// named in the query or in the body. What the operator does is noted in the audit,
// in the same transaction.
func (a *API) stepCDR(
	ctx context.Context, path CDRPath, named [2]string, action string, s ledger.Step,
	mayStep func(actor, *store.LedgerCDR) bool, do func(context.Context, ledger.Key, ledger.Step) error,
) (*cdrOutput, error) {
	who, err := callerOf(ctx).acting(named)
	if err != nil {
		return nil, err
	}
	k, err := path.key()
	if err != nil {
		return nil, err
	}
	if !plain(s.Text) {
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body.text", Message: notPlain})
	}
	c, found, err := a.store.CDR(ctx, k.Owner, ocpi.FoldID(k.ID))
	switch {
	case err != nil:
	case !found || !who.sees(c.Owner, c.EMSP):
		err = fmt.Errorf("%w: %s", ledger.ErrNotFound, k)
	case who.operator:
		s.Also = noteStep(callerOf(ctx), action, k, &s)
		err = do(ctx, k, s)
	case !mayStep(who, &c):
		err = fmt.Errorf("%w: %s", ledger.ErrNotAllowed, action)
	default:
		s.Party = who.party
		err = do(ctx, k, s)
	}
	if err == nil {
		c, _, err = a.store.CDR(ctx, k.Owner, ocpi.FoldID(k.ID))
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	d, err := a.cdrDetail(ctx, &c, who)
	return &cdrOutput{d}, err
}

// noteStep writes what the operator did into the audit.
func noteStep(who caller, action string, k ledger.Key, s *ledger.Step) func(*store.Tx) error {
	reason := s.Text
	if s.Reason != "" {
		reason = strings.TrimSpace(s.Reason + " " + s.Text)
	}
	return func(tx *store.Tx) error {
		detail, err := json.Marshal(map[string]string{"cpo": k.Owner.String(), "id": k.ID})
		if err != nil {
			return err
		}
		return tx.PutAudit(who.auditRow("cdr."+action, reason, detail))
	}
}

// acting returns for whom a step is made, which the query or the body names.
func (c caller) acting(named [2]string) (actor, error) {
	inQuery, inBody := named[0], named[1]
	switch {
	case inQuery != "" && inBody != "" && !strings.EqualFold(inQuery, inBody):
		return actor{}, huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "body.party", Message: "is not the party of the query"})
	case inBody != "":
		return c.one(inBody, "body.party")
	}
	return c.one(inQuery, "query.party")
}

// ledgerProblem turns an error of package ledger into an answer; nil: it is none.
func ledgerProblem(err error) error {
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return huma.Error404NotFound(sentence(err))
	case errors.Is(err, ledger.ErrNotAllowed):
		return huma.Error403Forbidden(sentence(err))
	case errors.Is(err, ledger.ErrTampered): // whoever asks for a proof is to know
		return huma.Error500InternalServerError(sentence(err))
	case errors.Is(err, ledger.ErrState):
		return huma.Error409Conflict(sentence(err))
	case errors.Is(err, ledger.ErrInvalid):
		_, text, _ := strings.Cut(err.Error(), ledger.ErrInvalid.Error())
		text = strings.TrimLeft(text, ":\n ")
		if field, message, ok := strings.Cut(text, ": "); ok {
			return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body." + field, Message: message})
		}
		return huma.Error422UnprocessableEntity(text)
	}
	return nil
}

// sentence is the text of an error as a sentence.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
