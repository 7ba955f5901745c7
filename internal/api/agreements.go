package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// Terms are what two parties agreed on.
type Terms struct {
	CPO               PartyRef        `json:"cpo"`
	EMSP              PartyRef        `json:"emsp" doc:"A party of the provider's side: EMSP, NSP, NAP, SCSP, OTHER or PTP"`
	Scope             []string        `json:"scope,omitempty" maxItems:"64" example:"[\"locations\",\"tariffs\",\"tokens\",\"authorize\",\"commands\",\"sessions\",\"cdrs\"]" doc:"Module ids, authorize and reservations; absent or empty: everything"`
	ValidFrom         *time.Time      `json:"valid_from,omitempty" example:"2026-01-01T00:00:00Z"`
	ValidTo           *time.Time      `json:"valid_to,omitempty" example:"2027-01-01T00:00:00Z" doc:"Exclusive"`
	AskOnUnknownToken bool            `json:"ask_on_unknown_token,omitempty" example:"false" doc:"An authorize for a token that nobody is known to own may be asked of this provider"`
	CDRDelivery       string          `json:"cdr_delivery,omitempty" enum:"store,relay" example:"store" doc:"store (the default): the hub keeps a CDR and delivers it until it is taken; relay: it only passes it on"`
	ApproveAfter      *int64          `json:"approve_after_seconds,omitempty" minimum:"0" maximum:"31536000" example:"864000" doc:"How long the provider may dispute a CDR before it is approved by itself; absent: 10 days, 0: approved when it is delivered"`
	Currency          string          `json:"currency,omitempty" pattern:"^([A-Z]{3})?$" example:"EUR" doc:"Of CDRs; absent: any"`
	CDRChecks         json.RawMessage `json:"cdr_checks,omitempty" example:"{\"price_tolerance\":0.01,\"severity\":{\"C24\":\"hold\"}}" doc:"What the checks of CDRs lead to, and their limits; absent: the defaults of docs/ledger.md"`
}

// Agreement lets a CPO and a provider exchange messages.
type Agreement struct {
	ID string `json:"id" example:"cp1-em1"`
	Terms
}

// AgreementPath names an agreement in a path.
type AgreementPath struct {
	ID string `path:"id" minLength:"1" maxLength:"64" example:"cp1-em1" doc:"Id of the agreement, chosen by the operator"`
}

type agreementOutput struct {
	Status int
	Body   Agreement
}

type agreementList struct {
	Body struct {
		Items []Agreement `json:"items"`
	}
}

func (a *API) putAgreement(ctx context.Context, in *struct {
	AgreementPath
	Body Terms
}) (*agreementOutput, error) {
	cpo, err := partyID("body.cpo", in.Body.CPO)
	if err != nil {
		return nil, err
	}
	emsp, err := partyID("body.emsp", in.Body.EMSP)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if a.agreement(in.ID) == nil {
		status = http.StatusCreated
	}
	g := party.Agreement{
		ID: in.ID, CPO: cpo, EMSP: emsp,
		ValidFrom: timeOrZero(in.Body.ValidFrom), ValidTo: timeOrZero(in.Body.ValidTo),
		AskOnUnknownToken: in.Body.AskOnUnknownToken, CDRDelivery: in.Body.CDRDelivery, Currency: in.Body.Currency, CDRChecks: in.Body.CDRChecks,
	}
	if s := in.Body.ApproveAfter; s != nil {
		d := time.Duration(*s) * time.Second
		g.ApproveAfter = &d
	}
	if len(g.CDRChecks) > 0 {
		if _, err := check.ParseSettings(g.CDRChecks); err != nil {
			return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body.cdr_checks", Message: ocpi.AsError(err).Message})
		}
	}
	for _, s := range in.Body.Scope {
		g.Scope = append(g.Scope, party.Scope(s))
	}
	if err := a.registry.PutAgreement(ctx, g); err != nil {
		return nil, a.problem(ctx, err)
	}
	out, err := a.getAgreement(ctx, &in.AgreementPath)
	if err != nil {
		return nil, err
	}
	out.Status = status
	return out, nil
}

func (a *API) listAgreements(context.Context, *struct{}) (*agreementList, error) {
	out := &agreementList{}
	out.Body.Items = []Agreement{}
	for _, g := range a.registry.Agreements() {
		out.Body.Items = append(out.Body.Items, agreementView(g))
	}
	return out, nil
}

func (a *API) getAgreement(ctx context.Context, in *AgreementPath) (*agreementOutput, error) {
	g := a.agreement(in.ID)
	if g == nil {
		return nil, a.problem(ctx, fmt.Errorf("agreement %s: %w", in.ID, party.ErrNotFound))
	}
	return &agreementOutput{Status: http.StatusOK, Body: agreementView(g)}, nil
}

func (a *API) deleteAgreement(ctx context.Context, in *AgreementPath) (*struct{}, error) {
	return nil, a.problem(ctx, a.registry.DeleteAgreement(ctx, in.ID))
}

func (a *API) agreement(id string) *party.Agreement {
	for _, g := range a.registry.Agreements() {
		if g.ID == id {
			return g
		}
	}
	return nil
}

func agreementView(g *party.Agreement) Agreement {
	v := Agreement{ID: g.ID, Terms: Terms{
		CPO: PartyRef{g.CPO.CountryCode, g.CPO.ID}, EMSP: PartyRef{g.EMSP.CountryCode, g.EMSP.ID},
		ValidFrom: timeOrNil(g.ValidFrom), ValidTo: timeOrNil(g.ValidTo),
		AskOnUnknownToken: g.AskOnUnknownToken, CDRDelivery: g.CDRDelivery, Currency: g.Currency, CDRChecks: g.CDRChecks,
	}}
	if g.ApproveAfter != nil {
		s := int64(*g.ApproveAfter / time.Second)
		v.ApproveAfter = &s
	}
	for _, s := range g.Scope {
		v.Scope = append(v.Scope, string(s))
	}
	return v
}

func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
