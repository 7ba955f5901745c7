package check

import (
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/ocpi"
)

// place is what the Location object says about the EVSE of the CDR.
type place struct {
	known          bool
	evse           bool // there is such an EVSE
	connector      bool // it has such a connector
	home           bool // not published, or on a private driveway
	differs        []string
	latitude       float64
	longitude      float64
	hasCoordinates bool
	watts          int64 // of the connector, else the most of the EVSE; 0 not known
}

// readPlace looks into the location without decoding all of it: some have
// hundreds of EVSEs.
func (r *run) readPlace() (p place) {
	if r.Location == nil {
		return p
	}
	c := &r.CDR.Place
	l := gjson.ParseBytes(r.Location.Body)
	if p.known = l.IsObject(); !p.known {
		return p
	}
	compare := func(field, ours string, theirs gjson.Result) {
		if ours != "" && theirs.Exists() && !strings.EqualFold(strings.TrimSpace(ours), strings.TrimSpace(theirs.String())) {
			p.differs = append(p.differs, field)
		}
	}
	var evse gjson.Result
	l.ForEach(func(key, value gjson.Result) bool {
		switch key.String() {
		case "id":
			if ocpi.FoldID(value.String()) != c.LocationKey {
				p.differs = append(p.differs, "id")
			}
		case "address":
			compare("address", c.Address, value)
		case "city":
			compare("city", c.City, value)
		case "country":
			compare("country", c.Country, value)
		case "publish":
			p.home = p.home || value.Type == gjson.False
		case "parking_type":
			p.home = p.home || value.String() == "ON_DRIVEWAY"
		case "coordinates":
			p.latitude, p.longitude = degrees(value.Get("latitude").String(), value.Get("longitude").String())
			p.hasCoordinates = p.latitude != 0 || p.longitude != 0
		case "evses":
			value.ForEach(func(_, one gjson.Result) bool {
				if ocpi.FoldID(one.Get("uid").String()) == c.EVSEKey {
					evse = one
				}
				return !evse.Exists()
			})
		}
		return true
	})
	if p.hasCoordinates && (c.Latitude != 0 || c.Longitude != 0) && metres(c.Latitude, c.Longitude, p.latitude, p.longitude) > 500 {
		p.differs = append(p.differs, "coordinates")
	}
	if p.evse = evse.Exists(); p.evse {
		p.readEVSE(c, evse, compare)
	}
	return p
}

func (p *place) readEVSE(c *Place, evse gjson.Result, compare func(string, string, gjson.Result)) {
	if id := evse.Get("evse_id"); id.Exists() && c.EVSEID != "" && contract(id.String()) != contract(c.EVSEID) {
		p.differs = append(p.differs, "evse_id")
	}
	most := int64(0)
	evse.Get("connectors").ForEach(func(_, one gjson.Result) bool {
		watts := wattsOf(one)
		most = max(most, watts)
		if p.connector || ocpi.FoldID(one.Get("id").String()) != ocpi.FoldID(c.Connector) {
			return true
		}
		p.connector, p.watts = true, watts
		compare("connector_standard", c.Standard, one.Get("standard"))
		compare("connector_format", c.Format, one.Get("format"))
		compare("connector_power_type", c.PowerType, one.Get("power_type"))
		return true
	})
	if !p.connector {
		p.watts = most
	}
}

// wattsOf returns the most power of a connector: max_electric_power, else that of
// voltage and current.
func wattsOf(c gjson.Result) int64 {
	if w := c.Get("max_electric_power").Int(); w > 0 {
		return min(w, maxWatts)
	}
	volts, amperes := c.Get("max_voltage").Int(), c.Get("max_amperage").Int()
	if volts <= 0 || amperes <= 0 || volts > 10_000 || amperes > 10_000 {
		return 0
	}
	phases := int64(1)
	switch c.Get("power_type").String() {
	case "AC_3_PHASE":
		phases = 3
	case "AC_2_PHASE", "AC_2_PHASE_SPLIT":
		phases = 2
	}
	return min(volts*amperes*phases, maxWatts)
}

// byLocation is C15.
func (r *run) byLocation() {
	c, p := r.CDR, &r.place
	switch {
	case unknownEVSE(c.Place.EVSEKey): // a reservation, C25
	case !p.known:
		r.found("C15", "location_unknown", "/cdr_location/id", details{"location": c.Place.Location}, "The hub does not know location %s of %s.", c.Place.Location, c.Party)
	case !p.evse:
		r.found("C15", "evse_unknown", "/cdr_location/evse_uid", details{"evse_uid": c.Place.EVSE}, "Location %s has no EVSE %s.", c.Place.Location, c.Place.EVSE)
	case !p.connector:
		r.found("C15", "connector_unknown", "/cdr_location/connector_id", details{"connector_id": c.Place.Connector}, "EVSE %s has no connector %s.", c.Place.EVSE, c.Place.Connector)
	case len(p.differs) > 0:
		r.found("C15", "differs", "/cdr_location/"+p.differs[0], details{"fields": strings.Join(p.differs, " ")}, "cdr_location differs from location %s in %s.", c.Place.Location, strings.Join(p.differs, ", "))
	}
}

// metres returns the distance of two points, on a sphere.
func metres(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	a := math.Sin((lat2 - lat1) * rad / 2)
	b := math.Sin((lon2 - lon1) * rad / 2)
	h := a*a + math.Cos(lat1*rad)*math.Cos(lat2*rad)*b*b
	return 2 * 6_371_000 * math.Asin(math.Sqrt(min(h, 1)))
}
