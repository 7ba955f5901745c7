package party

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// agreementBody is the JSON of AgreementRow.Body.
type agreementBody struct {
	Scope             []Scope `json:"scope,omitempty"`
	AskOnUnknownToken bool    `json:"ask_on_unknown_token,omitempty"`
	CDRDelivery       string  `json:"cdr_delivery,omitempty"`
	// ApproveAfter is in seconds.
	ApproveAfter *int64         `json:"approve_after,omitempty"`
	Currency     string         `json:"currency,omitempty"`
	CDRChecks    jsontext.Value `json:"cdr_checks,omitempty"`
}

// maxApproval bounds how long a CDR may be disputed.
const maxApproval = 365 * 24 * time.Hour

// maxAgreementID bounds the id of an agreement, in characters.
const maxAgreementID = 64

// PutAgreement makes or replaces the agreement with a's ID; it takes effect at
// once. The parties need not be registered yet. The error wraps ErrInvalid.
func (r *Registry) PutAgreement(ctx context.Context, a Agreement) error {
	if err := checkAgreement(&a); err != nil {
		return err
	}
	stored := agreementBody{
		Scope: a.Scope, AskOnUnknownToken: a.AskOnUnknownToken, CDRDelivery: a.CDRDelivery, Currency: a.Currency, CDRChecks: a.CDRChecks,
	}
	if a.ApproveAfter != nil {
		seconds := int64(*a.ApproveAfter / time.Second)
		stored.ApproveAfter = &seconds
	}
	body, err := json.Marshal(stored)
	if err != nil {
		return fmt.Errorf("writing agreement %s: %w", a.ID, err)
	}
	return r.change(ctx, func(d *draft) error {
		d.putAgreement(&a)
		d.write(func(tx *store.Tx) error {
			return tx.PutAgreement(store.AgreementRow{
				ID: a.ID, CPO: a.CPO, EMSP: a.EMSP,
				ValidFrom: micros(a.ValidFrom), ValidTo: micros(a.ValidTo), Body: body,
			})
		})
		return nil
	})
}

// DeleteAgreement ends an agreement at once. The error wraps ErrNotFound.
func (r *Registry) DeleteAgreement(ctx context.Context, id string) error {
	return r.change(ctx, func(d *draft) error {
		if d.agreements.get(id) == nil {
			return fmt.Errorf("agreement %s: %w", id, ErrNotFound)
		}
		d.dropAgreement(id)
		d.write(func(tx *store.Tx) error {
			_, err := tx.DeleteAgreement(id)
			return err
		})
		return nil
	})
}

// Agreements returns all agreements, valid now or not, ordered by ID. They must
// not be changed.
func (r *Registry) Agreements() []*Agreement { return r.Snapshot().Agreements() }

// checkAgreement checks a and brings ids and scopes to their one spelling.
func checkAgreement(a *Agreement) error {
	if a.ID == "" || len(a.ID) > maxAgreementID || ocpi.CheckSegment("id", a.ID) != nil {
		return fmt.Errorf("%w: the id of an agreement has 1 to %d printable ASCII characters", ErrInvalid, maxAgreementID)
	}
	for _, side := range []struct {
		name string
		id   *ocpi.PartyID
	}{{"cpo", &a.CPO}, {"emsp", &a.EMSP}} {
		id, err := ocpi.ParsePartyID(side.id.CountryCode, side.id.ID)
		if err != nil {
			return fmt.Errorf("%w: %s: %s", ErrInvalid, side.name, ocpi.AsError(err).Message)
		}
		*side.id = id
	}
	if !a.ValidFrom.IsZero() && !a.ValidTo.IsZero() && !a.ValidFrom.Before(a.ValidTo) {
		return fmt.Errorf("%w: valid_to must be after valid_from", ErrInvalid)
	}
	if a.ApproveAfter != nil && (*a.ApproveAfter < 0 || *a.ApproveAfter > maxApproval) {
		return fmt.Errorf("%w: approve_after must be between 0 and 365 days", ErrInvalid)
	}
	if a.CDRDelivery != "" && a.CDRDelivery != DeliverStore && a.CDRDelivery != DeliverRelay {
		return fmt.Errorf("%w: cdr_delivery must be %s or %s", ErrInvalid, DeliverStore, DeliverRelay)
	}
	a.ValidFrom, a.ValidTo = a.ValidFrom.UTC(), a.ValidTo.UTC()
	scope := make([]Scope, 0, len(a.Scope))
	for _, s := range a.Scope {
		if s = normalScope(s); s == "" || ocpi.CheckSegment("scope", string(s)) != nil {
			return fmt.Errorf("%w: a scope is a module id, authorize or reservations", ErrInvalid)
		}
		if !slices.Contains(scope, s) {
			scope = append(scope, s)
		}
	}
	a.Scope = scope
	return nil
}

// normalScope folds the spellings of a scope; custom module ids are kept.
func normalScope(s Scope) Scope {
	if s = Scope(ocpi.ParseModule(string(s))); s == "profiles" {
		return Scope(ocpi.ChargingProfiles)
	}
	return s
}

func readAgreement(row store.AgreementRow) (*Agreement, error) {
	var body agreementBody
	if len(row.Body) > 0 {
		if err := json.Unmarshal(row.Body, &body); err != nil {
			return nil, err
		}
	}
	g := &Agreement{
		ID: row.ID, CPO: row.CPO, EMSP: row.EMSP, Scope: body.Scope,
		ValidFrom: fromMicros(row.ValidFrom), ValidTo: fromMicros(row.ValidTo),
		AskOnUnknownToken: body.AskOnUnknownToken, CDRDelivery: body.CDRDelivery, Currency: body.Currency, CDRChecks: body.CDRChecks,
	}
	if body.ApproveAfter != nil {
		d := time.Duration(*body.ApproveAfter) * time.Second
		g.ApproveAfter = &d
	}
	return g, nil
}
