package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// Explanation is how the price of a CDR was computed when it was received.
type Explanation struct {
	PriceVerdict
	Currency string          `json:"currency" example:"EUR"`
	Computed time.Time       `json:"computed" example:"2026-01-02T03:04:05Z"`
	Price    json.RawMessage `json:"price,omitempty" doc:"Each line with the tariff element that gave it, as 'eroam tariff price' writes it; absent where the hub could not compute it"`
}

// evidence is what the ledger has stored about the judgement of a CDR, see
// ledger.Evidence.
type evidence struct {
	At     time.Time `json:"at"`
	Report struct {
		Findings  []check.Finding    `json:"findings"`
		Verdict   check.Severity     `json:"verdict"`
		Basis     string             `json:"basis"`
		Tariffs   []check.TariffUsed `json:"tariffs"`
		Price     json.RawMessage    `json:"price"`
		NotPriced string             `json:"not_priced"`
		Claim     *struct {
			Verdict     string `json:"verdict"`
			Differences []struct {
				Field   string  `json:"field"`
				Claimed *string `json:"claimed"`
				Ours    *string `json:"ours"`
			} `json:"differences"`
			ExplainedBy []string `json:"explained_by"`
		} `json:"claim"`
	} `json:"report"`
}

func (a *API) evidence(ctx context.Context, c *store.LedgerCDR) (*evidence, error) {
	body, err := a.store.CDREvidence(ctx, c.Evidence)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	e := &evidence{}
	if err := json.Unmarshal(body, e); err != nil {
		return nil, a.problem(ctx, fmt.Errorf("reading the evidence of event %d: %w", c.Evidence, err))
	}
	return e, nil
}

// notPriced is the verdict where there is no price to compare with.
const notPriced = "not_priced"

func (e *evidence) verdict(c *store.LedgerCDR) PriceVerdict {
	r := &e.Report
	v := PriceVerdict{
		Verdict: notPriced, Basis: r.Basis, ClaimedNet: money(c.Net, c.Currency), ClaimedGross: money(c.Gross, c.Currency), NotPriced: r.NotPriced,
	}
	for _, t := range r.Tariffs {
		v.Tariffs = append(v.Tariffs, TariffUsed{t.ID, timeOrNil(t.Received), t.Hash})
	}
	var price struct {
		Rounded struct {
			Net   *string `json:"total_excl"`
			Gross *string `json:"total_incl"`
		} `json:"rounded"`
	}
	if len(r.Price) > 0 && json.Unmarshal(r.Price, &price) == nil {
		v.Net, v.Gross = textOf(price.Rounded.Net), textOf(price.Rounded.Gross)
	}
	if r.Claim == nil {
		return v
	}
	v.Verdict, v.ExplainedBy = r.Claim.Verdict, r.Claim.ExplainedBy
	for _, d := range r.Claim.Differences {
		v.Differences = append(v.Differences, PriceDifference{d.Field, textOf(d.Claimed), textOf(d.Ours)})
	}
	return v
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (e *evidence) explanation(c *store.LedgerCDR) Explanation {
	return Explanation{PriceVerdict: e.verdict(c), Currency: c.Currency, Computed: e.At, Price: e.Report.Price}
}

// claimWords say in a language how a claim and the price differ.
var claimWords = map[string]struct{ differs, agrees, explained, notPriced string }{
	"en": {"The CDR says %s for %s; the hub computed %s.", "The CDR agrees.", "What it says follows from: %s.", "The price was not computed: %s."},
	"fr": {"Le CDR indique %s pour %s ; le hub a calculé %s.", "Le CDR concorde.", "Ce qu'il indique s'explique par : %s.", "Le prix n'a pas été calculé : %s."},
	"es": {"El CDR indica %s para %s; el hub calculó %s.", "El CDR concuerda.", "Lo que indica se explica por: %s.", "El precio no se calculó: %s."},
}

// text tells the price in a language.
func (e *evidence) text(language string, c *store.LedgerCDR) (string, error) {
	w, v := claimWords[language], e.verdict(c)
	if len(e.Report.Price) == 0 {
		return fmt.Sprintf(w.notPriced, v.NotPriced) + "\n", nil
	}
	price, err := tariff.ReadResult(e.Report.Price)
	if err != nil {
		return "", fmt.Errorf("reading the price of event %d: %w", c.Evidence, err)
	}
	lines := []string{price.Text(language)}
	for _, d := range v.Differences {
		lines = append(lines, fmt.Sprintf(w.differs, d.Claimed, d.Field, d.Ours))
	}
	if v.Verdict == tariff.Match {
		lines = append(lines, w.agrees)
	}
	if len(v.ExplainedBy) > 0 {
		lines = append(lines, fmt.Sprintf(w.explained, strings.Join(v.ExplainedBy, ", ")))
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// file is an answer that is not made of a Go type.
type file struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

// attachment names a file. Whatever could not stand in a file name is left out.
func attachment(owner ocpi.PartyID, name, what string) string {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return -1
	}, name)
	return fmt.Sprintf(`attachment; filename="%s-%s-%s.json"`, owner, id, what)
}

const jsonType = "application/json"

func (a *API) getCDRBody(ctx context.Context, in *struct {
	CDRPath
	For
}) (*file, error) {
	c, _, err := a.readCDR(ctx, in.CDRPath, in.Party)
	if err != nil {
		return nil, err
	}
	o, found, err := a.store.Object(ctx, store.ObjectKey{Kind: string(ocpi.CDRs), Party: c.Owner, ID: c.CDRID})
	if err == nil && !found {
		err = fmt.Errorf("the body of CDR %d is not there", c.ID)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &file{jsonType, attachment(c.Owner, c.Name, "cdr"), o.Body}, nil
}

func (a *API) getExplanation(ctx context.Context, in *struct {
	CDRPath
	For
	Lang   string `query:"lang" enum:"en,fr,es" default:"en" example:"fr" doc:"Of the text"`
	Format string `query:"format" enum:"text,json" default:"text" example:"json"`
}) (*file, error) {
	c, _, err := a.readCDR(ctx, in.CDRPath, in.Party)
	if err != nil {
		return nil, err
	}
	e, err := a.evidence(ctx, &c)
	if err != nil {
		return nil, err
	}
	if in.Format == "json" {
		text, err := json.Marshal(e.explanation(&c))
		return &file{ContentType: jsonType, Body: text}, a.problem(ctx, err)
	}
	text, err := e.text(in.Lang, &c)
	return &file{ContentType: "text/plain; charset=utf-8", Body: []byte(text)}, a.problem(ctx, err)
}

func (a *API) getReceipt(ctx context.Context, in *struct {
	CDRPath
	For
	Event string `query:"event" enum:"received,conflict,refused,presented,delivery_failed,released,approved,disputed,resolved,credited" example:"approved" doc:"The newest event of this kind; absent: the reception that counts"`
}) (*file, error) {
	c, who, err := a.readCDR(ctx, in.CDRPath, in.Party)
	if err != nil {
		return nil, err
	}
	r, err := a.ledger.Receipt(ctx, &c, ledger.Kind(in.Event))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	leaf, err := ledger.ParseLeaf([]byte(r.Leaf))
	if err == nil && !seesLeaf(who, &leaf) { // it was of an earlier reception, for another provider
		err = fmt.Errorf("%w: no event %q", ledger.ErrNotFound, in.Event)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	text, err := r.Encode()
	return &file{jsonType, attachment(c.Owner, c.Name, "receipt"), text}, a.problem(ctx, err)
}

func (a *API) getEvidence(ctx context.Context, in *struct {
	CDRPath
	For
}) (*file, error) {
	c, _, err := a.readCDR(ctx, in.CDRPath, in.Party)
	if err != nil {
		return nil, err
	}
	text, err := a.ledger.Bundle(ctx, ledger.Subject{Owner: c.Owner, CDR: c.CDRID})
	return &file{jsonType, attachment(c.Owner, c.Name, "evidence"), text}, a.problem(ctx, err)
}

// SessionPath names a session in a path.
type SessionPath struct {
	CountryCode string `path:"country_code" pattern:"^[A-Za-z]{2}$" example:"NL" doc:"Of the CPO"`
	PartyID     string `path:"party_id" pattern:"^[A-Za-z0-9]{3}$" example:"CP1" doc:"Of the CPO"`
	ID          string `path:"id" minLength:"1" maxLength:"40" example:"S1" doc:"Session id, in any letter case"`
}

// getSessionEvidence is for a session of which no CDR has come, or several.
func (a *API) getSessionEvidence(ctx context.Context, in *struct {
	SessionPath
	For
}) (*file, error) {
	some, err := callerOf(ctx).named(in.Party, "query.party")
	if err != nil {
		return nil, err
	}
	owner, err := partyID("path", PartyRef{in.CountryCode, in.PartyID})
	if err != nil {
		return nil, err
	}
	s := ledger.Subject{Owner: owner, Session: in.ID}
	cpo, emsp, err := a.ledger.Parties(ctx, s)
	if err == nil && !slices.ContainsFunc(some, func(w actor) bool { return w.sees(cpo, emsp) }) {
		err = fmt.Errorf("%w: %s", ledger.ErrNotFound, s)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	text, err := a.ledger.Bundle(ctx, s)
	return &file{jsonType, attachment(owner, "session-"+in.ID, "evidence"), text}, a.problem(ctx, err)
}
