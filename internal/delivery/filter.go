package delivery

import (
	"maps"
	"slices"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// selects reports whether the filter of a receiver lets objects of an owner
// through, as far as that can be told without the object. Who is connected is
// told without a filter.
func selects(s *party.DeliverySettings, m ocpi.Module, owner ocpi.PartyID) bool {
	if m == ocpi.HubClientInfo {
		return true
	}
	if len(s.Countries) > 0 && !slices.Contains(s.Countries, owner.CountryCode) {
		return false
	}
	return len(s.Parties) == 0 || slices.Contains(s.Parties, owner.String())
}

// looksInside reports whether the filter of a receiver needs the object itself.
func looksInside(s *party.DeliverySettings, m ocpi.Module) bool {
	return m == ocpi.Locations && (s.BBox != nil || s.PublishOnly)
}

// passes reports whether the filter of a receiver lets the object through. A
// location without coordinates that can be read lies in no box.
func passes(s *party.DeliverySettings, w *whole) bool {
	lon, lat, located, published := w.where()
	if w.deleted {
		return true
	}
	if s.PublishOnly && !published {
		return false
	}
	b := s.BBox
	return b == nil || located && lon >= b[0] && lat >= b[1] && lon <= b[2] && lat <= b[3]
}

// sameFilter reports whether a and b let the same through.
func sameFilter(a, b *party.DeliverySettings) bool {
	return slices.Equal(a.Countries, b.Countries) && slices.Equal(a.Parties, b.Parties) && a.PublishOnly == b.PublishOnly &&
		(a.BBox == nil) == (b.BBox == nil) && (a.BBox == nil || *a.BBox == *b.BBox)
}

// sameStanding reports whether a and b, the same party in two snapshots, are
// entitled to the same under the same agreements.
func sameStanding(a, b *party.Party) bool {
	return a.Platform.Version == b.Platform.Version && maps.Equal(a.Platform.Endpoints, b.Platform.Endpoints) &&
		sameFilter(&a.Delivery, &b.Delivery)
}
