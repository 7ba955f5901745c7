package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/ocmf"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// MeterKey is the public key with which the meter of an EVSE signs.
type MeterKey struct {
	CountryCode string `json:"country_code" example:"NL" doc:"Of the CPO"`
	PartyID     string `json:"party_id" example:"CP1" doc:"Of the CPO"`
	EVSE        string `json:"evse_uid" example:"e1" doc:"In lower case"`
	Key         string `json:"key" example:"3059301306072a8648ce3d020106082a8648ce3d03010703420004..."`
	Curve       string `json:"curve,omitempty" example:"secp256r1" doc:"Absent: the key does not tell"`
	Supported   bool   `json:"supported" example:"true" doc:"Signatures by it can be verified: secp256r1 and secp384r1"`
}

// KeyText is a public key.
type KeyText struct {
	Key string `json:"key" minLength:"1" maxLength:"4096" example:"3059301306072a8648ce3d020106082a8648ce3d03010703420004..." doc:"Hex or base64 of a SubjectPublicKeyInfo (DER), or of an uncompressed point"`
}

// EVSEPath names an EVSE in a path.
type EVSEPath struct {
	CountryCode string `path:"country_code" pattern:"^[A-Za-z]{2}$" example:"NL" doc:"Of the CPO"`
	PartyID     string `path:"party_id" pattern:"^[A-Za-z0-9]{3}$" example:"CP1" doc:"Of the CPO"`
	EVSE        string `path:"evse_uid" minLength:"1" maxLength:"40" example:"E1" doc:"In any letter case"`
}

type meterKeyOutput struct{ Body MeterKey }

// owner returns the CPO of a path, for whose EVSEs the caller may speak.
func (a *API) owner(ctx context.Context, p EVSEPath) (ocpi.PartyID, error) {
	id, err := partyID("path", PartyRef{p.CountryCode, p.PartyID})
	if err != nil {
		return id, err
	}
	for _, w := range callerOf(ctx).actors() {
		if w.operator || w.cpo && w.party == id {
			return id, nil
		}
	}
	return id, huma.Error403Forbidden("The key of a meter is for its CPO, and the operator of the hub.")
}

func (a *API) putMeterKey(ctx context.Context, in *struct {
	EVSEPath
	Body KeyText
}) (*meterKeyOutput, error) {
	id, err := a.owner(ctx, in.EVSEPath)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(in.Body.Key)
	if _, err := ocmf.ParseKey(text); err != nil {
		return nil, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "body.key", Message: err.Error()})
	}
	isCPO := func(p *party.Party) bool { return p.Role.Side() == ocpi.SideCPO }
	if !slices.ContainsFunc(a.registry.Snapshot().Parties(id), isCPO) {
		return nil, huma.Error404NotFound(fmt.Sprintf("The hub has no CPO %s.", id))
	}
	k := store.MeterKey{Owner: id, EVSE: ocpi.FoldID(in.EVSE), Key: text, Since: time.Now().UnixMicro()}
	err = a.store.Write(ctx, func(tx *store.Tx) error {
		if err := tx.PutMeterKey(k); err != nil {
			return err
		}
		return a.noteKey(ctx, tx, "meter-key.set", k)
	})
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.meterKey(ctx, id, k.EVSE)
}

func (a *API) getMeterKey(ctx context.Context, in *EVSEPath) (*meterKeyOutput, error) {
	id, err := a.owner(ctx, *in)
	if err != nil {
		return nil, err
	}
	return a.meterKey(ctx, id, ocpi.FoldID(in.EVSE))
}

func (a *API) meterKey(ctx context.Context, id ocpi.PartyID, evse string) (*meterKeyOutput, error) {
	text, err := a.store.MeterKey(ctx, id, evse)
	if err == nil && text == "" {
		err = errNoKey(id, evse)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	v := MeterKey{CountryCode: id.CountryCode, PartyID: id.ID, EVSE: evse, Key: text}
	if key, err := ocmf.ParseKey(text); err == nil {
		v.Curve, v.Supported = string(key.Curve), key.Supported()
	}
	return &meterKeyOutput{v}, nil
}

func errNoKey(id ocpi.PartyID, evse string) error {
	return fmt.Errorf("the meter key of %s %s: %w", id, evse, party.ErrNotFound)
}

func (a *API) deleteMeterKey(ctx context.Context, in *EVSEPath) (*struct{}, error) {
	id, err := a.owner(ctx, *in)
	if err != nil {
		return nil, err
	}
	k, found := store.MeterKey{Owner: id, EVSE: ocpi.FoldID(in.EVSE)}, false
	err = a.store.Write(ctx, func(tx *store.Tx) (err error) {
		if found, err = tx.DeleteMeterKey(k.Owner, k.EVSE); err != nil || !found {
			return err
		}
		return a.noteKey(ctx, tx, "meter-key.delete", k)
	})
	if err == nil && !found {
		err = errNoKey(id, k.EVSE)
	}
	return nil, a.problem(ctx, err)
}

// noteKey writes a change of a key into the audit, whoever made it.
func (a *API) noteKey(ctx context.Context, tx *store.Tx, action string, k store.MeterKey) error {
	detail, err := json.Marshal(map[string]string{"cpo": k.Owner.String(), "evse_uid": k.EVSE, "key": k.Key})
	if err != nil {
		return err
	}
	return tx.PutAudit(callerOf(ctx).auditRow(action, "", detail))
}
