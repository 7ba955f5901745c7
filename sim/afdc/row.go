package afdc

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eroam/eroam/sim"
)

// station is one row, read. In AFDC a row is a station of a network, which may
// be one post among several at the same address.
type station struct {
	id                         string
	name, address, city, state string
	zip, zone                  string
	lat, lon                   float64
	status                     sim.Status
	private, creditCard        bool
	hours                      sim.Opening
	level1, level2, fast       int
	network                    string
	plugs                      []sim.Plug
	pricing                    pricing
	facility                   string
	updated                    time.Time
}

// notAvailable is how OCPI spells a required text that is not known (OCPI 2.2.1
// §4.1.9).
const notAvailable = "#NA"

// maxPorts is the largest number of ports of one kind that is believed. The
// largest real stations have about 200.
const maxPorts = 500

// note reports one oddity with an example.
type note func(Oddity, string)

// parseRow reads one record. It is false where there is no station in it.
func parseRow(cols columns, rec []string, note note) (st station, ok bool) {
	field := func(name string) string {
		if i, ok := cols[name]; ok && i < len(rec) {
			return strings.TrimSpace(rec[i])
		}
		return ""
	}
	st.id = field("ID")
	switch {
	case !usableID(st.id):
		note(NoID, strings.ToValidUTF8(firstChars(field("Station Name"), 40), "?"))
		return st, false
	case len(rec) < cols.width():
		note(ShortRow, st.id)
	case len(rec) > cols.width():
		note(LongRow, st.id)
	}
	if f := field("Fuel Type Code"); f != "" && f != "ELEC" {
		note(NotElectric, st.id+": "+clean(f, 10))
		return st, false
	}
	if st.lat, st.lon, ok = parsePoint(st.id, field("Latitude"), field("Longitude"), note); !ok {
		return st, false
	}
	text := func(name string, limit int) string {
		raw := field(name)
		s := clean(raw, limit)
		if utf8.RuneCountInString(s) == limit && utf8.RuneCountInString(raw) > limit {
			note(CutText, st.id+": "+name)
		} else if s != strings.Join(strings.Fields(raw), " ") {
			note(ControlText, st.id+": "+name)
		}
		return s
	}
	st.name = text("Station Name", 255)
	if st.name == "" {
		note(NoName, st.id)
	}
	// CdrLocation allows 45 characters, Location 255 (OCPI 2.2.1 §10.4.1 and §8.3.1).
	if st.address = text("Street Address", 45); st.address == "" {
		note(NoAddress, st.id)
		st.address = notAvailable
	}
	if st.city = text("City", 45); st.city == "" {
		st.city = notAvailable
	}
	st.state = strings.ToUpper(text("State", 20))
	st.zip = parseZIP(st.id, field("ZIP"), note)
	st.zone = clean(field(ZoneColumn), 255)
	st.status = parseStatus(st.id, field("Status Code"), note)
	st.private = strings.EqualFold(field("Access Code"), "private")
	st.creditCard = strings.Contains(field("Access Detail Code"), "CREDIT_CARD")
	var understood bool
	if st.hours, understood = parseHours(field("Access Days Time")); !understood {
		note(UnknownHours, st.id+": "+clean(field("Access Days Time"), 60))
	}
	count := func(name string) int {
		n, ok := parseCount(field(name))
		if !ok {
			note(BadCount, st.id+": "+clean(field(name), 20))
		}
		return n
	}
	st.level1, st.level2, st.fast = count("EV Level1 EVSE Num"), count("EV Level2 EVSE Num"), count("EV DC Fast Count")
	if st.level1+st.level2+st.fast == 0 {
		note(NoPorts, st.id)
	}
	st.network = clean(field("EV Network"), 100)
	st.plugs = parsePlugs(st.id, field("EV Connector Types"), note)
	st.pricing = parsePricing(field("EV Pricing"))
	switch st.pricing.kind {
	case notUnderstood:
		note(UnknownPricing, st.id+": "+clean(field("EV Pricing"), 60))
	case varying:
		note(VaryingPricing, st.id+": "+clean(field("EV Pricing"), 60))
	}
	st.facility = field("Facility Type")
	if st.updated, understood = parseDate(field("Updated At")); !understood {
		note(BadDate, st.id+": "+clean(field("Updated At"), 30))
	}
	return st, true
}

// parsePoint reads coordinates, and mends the two slips that have one plain
// reading in the United States: swapped, and a longitude without its minus.
func parsePoint(id, latitude, longitude string, note note) (lat, lon float64, ok bool) {
	lat, err1 := strconv.ParseFloat(latitude, 64)
	lon, err2 := strconv.ParseFloat(longitude, 64)
	if err1 != nil || err2 != nil || math.IsNaN(lat) || math.IsNaN(lon) || lat == 0 && lon == 0 {
		note(BadCoordinates, id+": "+clean(latitude+","+longitude, 40))
		return 0, 0, false
	}
	switch {
	case inCountry(lat, lon):
	case inCountry(lon, lat):
		note(SwappedPoint, id)
		lat, lon = lon, lat
	case inCountry(lat, -lon):
		note(UnsignedPoint, id)
		lon = -lon
	case math.Abs(lat) > 90 || math.Abs(lon) > 180:
		note(BadCoordinates, id+": "+clean(latitude+","+longitude, 40))
		return 0, 0, false
	default:
		note(OutsideCountry, id+": "+clean(latitude+","+longitude, 40))
		return 0, 0, false
	}
	return lat, lon, true
}

// inCountry reports whether a point may lie in the United States, Alaska,
// Hawaii, Puerto Rico, Guam and the Northern Marianas included: a box, not a
// border.
func inCountry(lat, lon float64) bool {
	return lat > 17 && lat < 72 && lon > -180 && lon < -64 || lat > 13 && lat < 21 && lon > 144 && lon < 147
}

func parseZIP(id, s string, note note) string {
	s, _, _ = strings.Cut(s, "-")
	s = strings.TrimSuffix(s, ".0")
	if s == "" {
		return ""
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			note(BadZIP, id+": "+clean(s, 20))
			return ""
		}
	}
	switch {
	case len(s) == 5:
		return s
	case len(s) == 4 || len(s) == 3:
		note(ShortZIP, id+": "+s)
		return "00000"[len(s):] + s
	}
	note(BadZIP, id+": "+clean(s, 20))
	return ""
}

func parseStatus(id, s string, note note) sim.Status {
	switch s {
	case "E", "":
		return sim.Available
	case "P":
		return sim.Planned
	case "T":
		return sim.Inoperative
	}
	note(UnknownStatus, id+": "+clean(s, 20))
	return sim.Available
}

func parseCount(s string) (int, bool) {
	s = strings.TrimSuffix(s, ".0")
	if s == "" {
		return 0, true
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxPorts {
		return 0, false
	}
	return n, true
}

func parsePlugs(id, s string, note note) []sim.Plug {
	var out []sim.Plug
	for code := range strings.FieldsSeq(s) {
		p, ok := plugs[code]
		if !ok {
			note(UnknownPlug, id+": "+clean(code, 20))
			continue
		}
		out = append(out, p)
	}
	return out
}

// dateForms are the spellings of a date in AFDC exports and in what a
// spreadsheet makes of them.
var dateForms = []string{"2006-01-02 15:04:05 MST", time.RFC3339, "2006-01-02 15:04:05", "2006-01-02", "1/2/2006 15:04", "1/2/2006"}

// parseDate reads a date. It is true for an empty one, which gives the zero
// time.
func parseDate(s string) (time.Time, bool) {
	if s == "" {
		return time.Time{}, true
	}
	for _, form := range dateForms {
		if t, err := time.Parse(form, s); err == nil && t.Year() >= 1990 && t.Year() < 2100 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// clean returns s in one line of printable UTF-8, cut to limit characters.
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < 0x20 && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, s)
	return firstChars(strings.Join(strings.Fields(s), " "), limit)
}

func firstChars(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// usableID reports whether an id can be part of the ids of OCPI objects.
func usableID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 30
}
