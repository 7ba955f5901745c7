package party

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/ocpi"
)

// DeliverySettings say what the hub pushes to one party, and how fast. The zero
// value is everything the party is entitled to, at the hub's own pace. They
// narrow what is pushed and never widen it; what a party may fetch with GET is
// not touched. They are kept until the grant of the role ends.
type DeliverySettings struct {
	// Push false stops all pushes to the party; nil is true. What changes
	// meanwhile is pushed in its present state once they are on again.
	Push *bool `json:"push,omitempty"`
	// Rate bounds requests per second; 0 is the hub's default.
	Rate float64 `json:"rate,omitzero"`
	// InFlight bounds requests at the same time; 0 is the hub's default.
	InFlight int `json:"in_flight,omitzero"`
	// Countries are the country codes of owners (ISO 3166-1 alpha-2, upper
	// case) whose objects are pushed; none is all.
	Countries []string `json:"countries,omitempty"`
	// Parties are the owners ("NL-CP1") whose objects are pushed; none is all.
	// An owner must be among Countries and among Parties, where both are given.
	Parties []string `json:"parties,omitempty"`
	// BBox is min_lon, min_lat, max_lon, max_lat in degrees: only locations in
	// it are pushed. nil is everywhere. It may not cross the 180th meridian.
	BBox *[4]float64 `json:"bbox,omitempty"`
	// PublishOnly leaves out locations that say publish: false.
	PublishOnly bool `json:"publish_only,omitzero"`
}

// Bounds of DeliverySettings.
const (
	minDeliveryRate  = 0.0001 // one in 2 h 47 min
	maxDeliveryRate  = 10_000
	maxInFlight      = 256
	maxDeliveryNames = 1_000
)

// Pushes reports whether anything is to be pushed.
func (s DeliverySettings) Pushes() bool { return s.Push == nil || *s.Push }

// InvalidField is a setting that cannot be taken, by its JSON name ("bbox",
// "countries[2]"). It is an [ErrInvalid].
type InvalidField struct{ Field, Message string }

func (e *InvalidField) Error() string { return e.Field + ": " + e.Message }

// Unwrap makes it an ErrInvalid.
func (e *InvalidField) Unwrap() error { return ErrInvalid }

// normal checks s and returns it with country codes and parties in their one
// spelling, sorted, each once. The error is an *InvalidField.
func (s DeliverySettings) normal() (DeliverySettings, error) {
	if s.Rate != 0 && !(s.Rate >= minDeliveryRate && s.Rate <= maxDeliveryRate) {
		return s, &InvalidField{"rate", fmt.Sprintf("must be 0 (the hub's default) or requests per second from %g to %d", minDeliveryRate, maxDeliveryRate)}
	}
	if s.InFlight < 0 || s.InFlight > maxInFlight {
		return s, &InvalidField{"in_flight", fmt.Sprintf("must be from 0 (the hub's default) to %d", maxInFlight)}
	}
	var err error
	s.Countries, err = normalNames("countries", s.Countries, func(c string) (string, error) {
		id, err := ocpi.ParsePartyID(c, "AAA")
		if err != nil {
			return "", errors.New("must be two letters, such as NL")
		}
		return id.CountryCode, nil
	})
	if err != nil {
		return s, err
	}
	s.Parties, err = normalNames("parties", s.Parties, func(p string) (string, error) {
		id, err := ocpi.ParsePartyString(p)
		if err != nil {
			return "", errors.New("must be two letters, then three letters or digits, such as NL-CP1")
		}
		return id.String(), nil
	})
	if err != nil {
		return s, err
	}
	if s.BBox != nil {
		box := *s.BBox
		if err := checkBBox(box); err != nil {
			return s, err
		}
		s.BBox = &box
	}
	if s.Push != nil {
		push := *s.Push
		s.Push = &push
	}
	return s, nil
}

func normalNames(field string, names []string, parse func(string) (string, error)) ([]string, error) {
	if len(names) > maxDeliveryNames {
		return nil, &InvalidField{field, fmt.Sprintf("must have at most %d entries", maxDeliveryNames)}
	}
	var out []string
	for i, name := range names {
		n, err := parse(name)
		if err != nil {
			return nil, &InvalidField{fmt.Sprintf("%s[%d]", field, i), err.Error()}
		}
		out = append(out, n)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func checkBBox(b [4]float64) error {
	for i, limit := range [4]float64{180, 90, 180, 90} {
		if math.IsNaN(b[i]) || math.Abs(b[i]) > limit {
			return &InvalidField{fmt.Sprintf("bbox[%d]", i), fmt.Sprintf("must be from -%g to %g: the order is min_lon, min_lat, max_lon, max_lat", limit, limit)}
		}
	}
	if b[0] >= b[2] || b[1] >= b[3] {
		return &InvalidField{"bbox", "must be min_lon, min_lat, max_lon, max_lat, each min below its max"}
	}
	return nil
}

// SetDelivery replaces the delivery settings of one role of a party; they take
// effect at once. The error wraps [ErrNotFound] when there is no such role, or
// is an [*InvalidField].
func (r *Registry) SetDelivery(ctx context.Context, id ocpi.PartyID, role ocpi.Role, s DeliverySettings) error {
	s, err := s.normal()
	if err != nil {
		return err
	}
	err = r.change(ctx, func(d *draft) error {
		q := d.parties.get(partyKey{id, role})
		if q == nil {
			return fmt.Errorf("party %s as %s: %w", id, role, ErrNotFound)
		}
		p := *q
		p.delivery = &s
		d.putParty(p)
		return nil
	})
	if err == nil {
		r.log.InfoContext(ctx, "delivery settings changed", "party", id.String(), "role", string(role))
	}
	return err
}

func (s *DeliverySettings) value() DeliverySettings {
	if s == nil {
		return DeliverySettings{}
	}
	return *s
}

// row is the inverse of readDelivery.
func (s *DeliverySettings) row() ([]byte, error) {
	if s == nil {
		return nil, nil
	}
	return json.Marshal(s)
}

func readDelivery(row []byte) (*DeliverySettings, error) {
	if len(row) == 0 {
		return nil, nil
	}
	var s DeliverySettings
	if err := json.Unmarshal(row, &s); err != nil {
		return nil, fmt.Errorf("delivery settings: %w", err)
	}
	return &s, nil
}
