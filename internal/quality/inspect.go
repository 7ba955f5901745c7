package quality

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eroam/eroam/internal/country"
	"github.com/eroam/eroam/internal/station"
)

// Bounds of the checks.
const (
	maxOutside   = 10_000 // metres: outlines and stations at the coast are not exact
	suspiciousAC = 44_000 // watts: 63 A on three phases
)

// where is a place in a Location: an EVSE and a connector by index, -1 for none.
type where struct {
	evse, connector int
	field           string
}

// whole is the Location itself.
var whole = where{-1, -1, ""}

func (w where) pointer() string {
	var b strings.Builder
	if w.evse >= 0 {
		b.WriteString("/evses/" + strconv.Itoa(w.evse))
	}
	if w.connector >= 0 {
		b.WriteString("/connectors/" + strconv.Itoa(w.connector))
	}
	if w.field != "" {
		b.WriteString("/" + w.field)
	}
	return b.String()
}

// emit takes one finding. The message is made only where somebody reads it.
type emit func(c Code, at where, format string, args ...any)

// inspect finds what a Location shows by itself and what time does not change.
func inspect(l *location, atlas *country.Atlas, out emit) {
	required(l, out)
	stands, known := atlas.Find(string(l.Country))
	if l.Coordinates != nil {
		position(l.Coordinates, atlas, stands, known, whole, out)
	}
	if code := string(l.PostalCode); code != "" && oddPostalCode(string(stands), code) {
		out(PostalCodeOdd, where{-1, -1, "postal_code"}, "%q is not a postal code of %s", code, stands)
	}
	inUse, foreign := false, ""
	for i := range l.EVSEs {
		e := &l.EVSEs[i]
		at := where{i, -1, ""}
		inUse = inUse || e.Status != "REMOVED"
		if e.Coordinates != nil {
			position(e.Coordinates, atlas, stands, known, at, out)
		}
		if id, ok := splitEVSEID(string(e.EVSEID)); ok && id.operator != strings.ToUpper(string(l.PartyID)) {
			foreign = id.operator
		}
		spelling(e, atlas, stands, where{i, -1, "evse_id"}, out)
		if len(e.Connectors) == 0 {
			out(ConnectorsMissing, where{i, -1, "connectors"}, "the EVSE has no connector")
		}
		for k := range e.Connectors {
			connector(&e.Connectors[k], where{i, k, ""}, out)
		}
	}
	if foreign != "" {
		out(OperatorDiffers, whole, "the party is %s, EVSE ids are of operator %s", l.PartyID, foreign)
	}
	if !inUse {
		out(EVSEsMissing, where{-1, -1, "evses"}, "no EVSE, or only such with status REMOVED")
	}
}

// field is one that OCPI requires.
type field struct {
	name  string
	there bool
}

// required checks that what OCPI requires is there.
func required(l *location, out emit) {
	missing := func(at where, fields ...field) {
		for _, f := range fields {
			if !f.there {
				out(RequiredMissing, where{at.evse, at.connector, f.name}, "%s is missing", f.name)
			}
		}
	}
	missing(whole, field{"country_code", l.CountryCode != ""}, field{"party_id", l.PartyID != ""}, field{"id", l.ID != ""},
		field{"publish", l.Publish.Kind() == 't' || l.Publish.Kind() == 'f'}, field{"address", l.Address != ""}, field{"city", l.City != ""},
		field{"country", l.Country != ""}, field{"coordinates", l.Coordinates != nil}, field{"time_zone", l.TimeZone != ""},
		field{"last_updated", l.LastUpdated != ""})
	for i := range l.EVSEs {
		e := &l.EVSEs[i]
		missing(where{i, -1, ""}, field{"uid", e.UID != ""}, field{"status", e.Status != ""}, field{"last_updated", e.LastUpdated != ""})
		for k := range e.Connectors {
			c := &e.Connectors[k]
			missing(where{i, k, ""}, field{"id", c.ID != ""}, field{"standard", c.Standard != ""}, field{"format", c.Format != ""},
				field{"power_type", c.PowerType != ""}, field{"max_voltage", c.Volts.set}, field{"max_amperage", c.Amperes.set},
				field{"last_updated", c.LastUpdated != ""})
		}
	}
}

// position compares a point with the country it should be in.
func position(c *coordinates, atlas *country.Atlas, stands country.Code, known bool, at where, out emit) {
	at.field = "coordinates"
	lat, lon, ok := c.read()
	switch {
	case !ok:
		out(RequiredMissing, at, "%q, %q are not coordinates", c.Latitude, c.Longitude)
		return
	case lat == 0 && lon == 0:
		out(PositionZero, at, "the coordinates are 0,0, in the Atlantic")
		return
	case !known:
		return
	}
	far, ok := atlas.Distance(stands, lat, lon)
	if lat < -90 || lat > 90 {
		far = 1e9
	}
	if !ok || far <= maxOutside {
		return
	}
	if back, _ := atlas.Distance(stands, lon, lat); back <= maxOutside && lon >= -90 && lon <= 90 {
		out(PositionSwapped, at, "latitude %v, longitude %v lie in %s the other way round", lat, lon, stands)
		return
	}
	if far >= 1e9 {
		out(PositionOutside, at, "there is no latitude %v", lat)
		return
	}
	out(PositionOutside, at, "latitude %v, longitude %v lie %.0f km outside %s", lat, lon, far/1000, stands)
}

// spelling looks at how an EVSE id is written.
func spelling(e *evseBody, atlas *country.Atlas, stands country.Code, at where, out emit) {
	id := string(e.EVSEID)
	if id == "" {
		out(EVSEIDMissing, at, "evse_id is missing")
		return
	}
	if strings.Contains(id, ".") {
		out(EVSEIDDots, at, "%q has dots", id)
	}
	if !strings.ContainsAny(id, "*-.") {
		out(EVSEIDNoSeparators, at, "%q has no separators", id)
	}
	if strings.ContainsFunc(id, func(r rune) bool { return r >= 'a' && r <= 'z' }) {
		out(EVSEIDLowerCase, at, "%q has lower case", id)
	}
	if len(id) >= 2 && stands != "" {
		if c, ok := atlas.Find(id[:2]); ok && c != stands {
			out(EVSEIDOtherCountry, at, "%q is of %s, the station in %s", id, c, stands)
		}
	}
}

// connector checks power and tariffs.
func connector(c *connectorBody, at where, out emit) {
	watts := at
	watts.field = "max_electric_power"
	p := station.Power{Type: string(c.PowerType), Volts: c.Volts.v, Amperes: c.Amperes.v, Maximum: c.Watts.v}
	switch {
	case !c.Watts.set:
		out(PowerMissing, watts, "max_electric_power is missing; %.0f V and %.0f A, %s, give %.0f W", p.Volts, p.Amperes, p.Type, p.Calculated())
	case c.Watts.v == 0 || p.Impossible():
		out(PowerImpossible, watts, "%.0f W at %.0f V and %.0f A, %s, which give %.0f W", p.Maximum, p.Volts, p.Amperes, p.Type, p.Calculated())
	}
	if p.AC() && p.Maximum > suspiciousAC {
		out(PowerSuspicious, watts, "%.0f W on %s", p.Maximum, p.Type)
	}
	if len(c.TariffIDs) == 0 {
		out(TariffMissing, where{at.evse, at.connector, "tariff_ids"}, "no tariff_ids: the price is not known")
	}
}

// vector is the number of findings by code, packed: most Locations share theirs
// with others.
func vector(l *location, atlas *country.Atlas) string {
	var n Counts
	inspect(l, atlas, func(c Code, _ where, _ string, _ ...any) { n[c]++ })
	var b []byte
	for c, k := range n {
		if k > 0 {
			k = min(k, 1<<24-1)
			b = append(b, byte(c), byte(k>>16), byte(k>>8), byte(k))
		}
	}
	return string(b)
}

// add adds a vector to n.
func (n *Counts) add(vector string) {
	for ; len(vector) >= 4; vector = vector[4:] {
		n[vector[0]] += int(vector[1])<<16 | int(vector[2])<<8 | int(vector[3])
	}
}

// unreadable is the vector of a body that is not a Location.
var unreadable = string([]byte{byte(RequiredMissing), 0, 0, 1})

func message(format string, args []any) string {
	return fmt.Sprintf(format, args...)
}
