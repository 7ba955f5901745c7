package sim

import (
	"context"
	"net/http"
	"slices"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// serveLocations keeps locations (OCPI 2.2.1 §8.2.2). Both versions spell the
// fields alike that are kept.
func (e *EMSP) serveLocations(_ context.Context, k *call) (*reply, error) {
	owner, err := e.owner(k, 3, 5)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := keyOf(owner, k.path[2])
	have := e.locations[key]
	switch k.method {
	case http.MethodGet, http.MethodPatch:
		if have == nil {
			return nil, ocpi.NotFound(ocpi.StatusUnknownLocation, "unknown location")
		}
	case http.MethodPut:
		if have == nil && len(k.path) > 3 {
			return nil, ocpi.NotFound(ocpi.StatusUnknownLocation, "unknown location")
		}
	default:
		return nil, wrongMethod()
	}
	switch {
	case k.method == http.MethodGet:
		return getLocation(have, k.path[3:])
	case len(k.path) == 3:
		return e.pushLocation(k, key, have)
	default:
		return e.pushPart(k, have)
	}
}

func getLocation(l *v221.Location, path []string) (*reply, error) {
	if len(path) == 0 {
		return &reply{data: encode(l)}, nil
	}
	i := findEVSE(l, path[0])
	if i < 0 {
		return nil, ocpi.NotFound(ocpi.StatusUnknownLocation, "unknown EVSE")
	}
	if len(path) == 1 {
		return &reply{data: encode(l.EVSEs[i])}, nil
	}
	j := findConnector(&l.EVSEs[i], path[1])
	if j < 0 {
		return nil, ocpi.NotFound(ocpi.StatusUnknownLocation, "unknown connector")
	}
	return &reply{data: encode(l.EVSEs[i].Connectors[j])}, nil
}

func findEVSE(l *v221.Location, uid string) int {
	return slices.IndexFunc(l.EVSEs, func(e v221.EVSE) bool { return ocpi.FoldID(e.UID) == ocpi.FoldID(uid) })
}

func findConnector(e *v221.EVSE, id string) int {
	return slices.IndexFunc(e.Connectors, func(c v221.Connector) bool { return ocpi.FoldID(c.ID) == ocpi.FoldID(id) })
}

// pushLocation takes a PUT or PATCH of a whole location; e.mu is held.
func (e *EMSP) pushLocation(k *call, key objectKey, have *v221.Location) (*reply, error) {
	next := &v221.Location{}
	if k.method == http.MethodPatch {
		*next = *have
		next.EVSEs = slices.Clone(have.EVSEs)
	}
	if err := unmarshal(k.body, next); err != nil {
		return nil, err
	}
	if !key.owner.Is(next.CountryCode, next.PartyID) || ocpi.FoldID(next.ID) != key.id {
		e.mismatch(ocpi.Locations, key.owner, key.id, "body and URL differ")
		return nil, ocpi.Invalid("id", "differs from the URL")
	}
	if have != nil && older(next.LastUpdated, have.LastUpdated) {
		e.stale++
		return nil, nil
	}
	if k.method == http.MethodPut {
		e.checkObject(ocpi.Locations, key.owner, key.id, k.body)
	}
	e.locations[key] = next
	if have == nil {
		return &reply{http: http.StatusCreated}, nil
	}
	return nil, nil
}

// older reports whether a is before b; times that cannot be read are not.
func older(a, b ocpi.DateTime) bool {
	x, err1 := a.Time()
	y, err2 := b.Time()
	return err1 == nil && err2 == nil && x.Before(y)
}

// pushPart takes a PUT or PATCH of an EVSE or connector; e.mu is held.
func (e *EMSP) pushPart(k *call, l *v221.Location) (*reply, error) {
	i := findEVSE(l, k.path[3])
	if i < 0 {
		if k.method == http.MethodPatch || len(k.path) == 5 {
			return nil, ocpi.NotFound(ocpi.StatusUnknownLocation, "unknown EVSE")
		}
		l.EVSEs = append(slices.Clone(l.EVSEs), v221.EVSE{})
		i = len(l.EVSEs) - 1
	}
	evses := slices.Clone(l.EVSEs)
	evse := &evses[i]
	evse.Connectors = slices.Clone(evse.Connectors)
	before, updated := evse.LastUpdated, &evse.LastUpdated
	var into any = evse
	if len(k.path) == 5 {
		j := findConnector(evse, k.path[4])
		if j < 0 {
			return nil, ocpi.NotFound(ocpi.StatusUnknownLocation, "unknown connector")
		}
		before, updated = evse.Connectors[j].LastUpdated, &evse.Connectors[j].LastUpdated
		if k.method == http.MethodPut {
			evse.Connectors[j] = v221.Connector{}
		}
		into = &evse.Connectors[j]
	} else if k.method == http.MethodPut {
		*evse = v221.EVSE{}
	}
	if err := unmarshal(k.body, into); err != nil {
		return nil, err
	}
	if older(*updated, before) {
		e.stale++
		return nil, nil
	}
	l.EVSEs = evses
	if older(l.LastUpdated, *updated) {
		l.LastUpdated = *updated
	}
	return nil, nil
}

// serveTariffs keeps tariffs (OCPI 2.2.1 §11.2.2).
func (e *EMSP) serveTariffs(_ context.Context, k *call) (*reply, error) {
	owner, err := e.owner(k, 3, 3)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := keyOf(owner, k.path[2])
	have, known := e.tariffs[key]
	switch k.method {
	case http.MethodGet, http.MethodDelete:
		if !known {
			return nil, ocpi.NotFound(ocpi.StatusInvalidParameters, "unknown tariff")
		}
		if k.method == http.MethodGet {
			return &reply{data: encode(e.wire.tariff(owner, have))}, nil
		}
		delete(e.tariffs, key)
		return nil, nil
	case http.MethodPut:
	default:
		return nil, wrongMethod()
	}
	t, err := e.wire.readTariff(k.body)
	if err != nil {
		return nil, err
	}
	if ocpi.FoldID(t.ID) != key.id {
		e.mismatch(ocpi.Tariffs, owner, key.id, "body and URL differ")
		return nil, ocpi.Invalid("id", "differs from the URL")
	}
	if known && t.Updated.Before(have.Updated) {
		e.stale++
		return nil, nil
	}
	e.checkObject(ocpi.Tariffs, owner, key.id, k.body)
	e.tariffs[key] = t
	if known {
		return nil, nil
	}
	return &reply{http: http.StatusCreated}, nil
}
