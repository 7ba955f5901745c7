package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// DeliverySettings say what the hub pushes to a party, and how fast. Absent
// members are the defaults: everything it is entitled to.
type DeliverySettings struct {
	Push        *bool     `json:"push,omitempty" example:"true" doc:"false stops all pushes; what changes meanwhile is pushed in its present state once they are on again. Default: true"`
	Rate        float64   `json:"rate,omitempty,omitzero" example:"20" doc:"Most requests per second; 0 or absent: the hub's default"`
	InFlight    int       `json:"in_flight,omitempty,omitzero" example:"4" doc:"Most requests at the same time; 0 or absent: the hub's default"`
	Countries   []string  `json:"countries,omitempty" example:"[\"NL\",\"DE\"]" doc:"Only objects of owners with these country codes"`
	Parties     []string  `json:"parties,omitempty" example:"[\"NL-CP1\"]" doc:"Only objects of these owners"`
	BBox        []float64 `json:"bbox,omitempty" example:"[3.3,50.7,7.3,53.6]" doc:"Only locations in min_lon, min_lat, max_lon, max_lat, in degrees"`
	PublishOnly bool      `json:"publish_only,omitempty,omitzero" example:"false" doc:"Leave out locations that say publish: false"`
}

// RolePath names one role of a party in a path.
type RolePath struct {
	CountryCode string `path:"country_code" maxLength:"2" example:"DE"`
	PartyID     string `path:"party_id" maxLength:"3" example:"EM1"`
	Role        string `path:"role" maxLength:"5" example:"EMSP"`
}

type deliveryOutput struct{ Body DeliverySettings }

// role reads the path; letter case does not matter.
func (p *RolePath) role() (ocpi.PartyID, ocpi.Role, error) {
	id, err := partyID("path", PartyRef{p.CountryCode, p.PartyID})
	return id, ocpi.Role(strings.ToUpper(p.Role)), err
}

func (a *API) getDelivery(ctx context.Context, in *RolePath) (*deliveryOutput, error) {
	id, role, err := in.role()
	if err != nil {
		return nil, err
	}
	for _, q := range a.registry.Snapshot().Parties(id) {
		if q.Role == role {
			return &deliveryOutput{deliveryView(q.Delivery)}, nil
		}
	}
	return nil, a.problem(ctx, fmt.Errorf("party %s as %s: %w", id, role, party.ErrNotFound))
}

func (a *API) putDelivery(ctx context.Context, in *struct {
	RolePath
	Body DeliverySettings
}) (*deliveryOutput, error) {
	id, role, err := in.role()
	if err != nil {
		return nil, err
	}
	s := party.DeliverySettings{
		Push: in.Body.Push, Rate: in.Body.Rate, InFlight: in.Body.InFlight,
		Countries: in.Body.Countries, Parties: in.Body.Parties, PublishOnly: in.Body.PublishOnly,
	}
	switch len(in.Body.BBox) {
	case 0:
	case len(s.BBox):
		s.BBox = (*[4]float64)(in.Body.BBox)
	default:
		return nil, a.problem(ctx, &party.InvalidField{Field: "bbox", Message: "must be four numbers: min_lon, min_lat, max_lon, max_lat"})
	}
	if err := a.registry.SetDelivery(ctx, id, role, s); err != nil {
		return nil, a.problem(ctx, err)
	}
	return a.getDelivery(ctx, &in.RolePath)
}

func deliveryView(s party.DeliverySettings) DeliverySettings {
	v := DeliverySettings{
		Push: s.Push, Rate: s.Rate, InFlight: s.InFlight,
		Countries: s.Countries, Parties: s.Parties, PublishOnly: s.PublishOnly,
	}
	if s.BBox != nil {
		v.BBox = s.BBox[:]
	}
	return v
}
