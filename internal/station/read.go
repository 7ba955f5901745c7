package station

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/ocpi"
)

// location is what is read of an OCPI Location, 2.2.1 or 2.3.0.
type location struct {
	Publish     *bool  `json:"publish"`
	Name        string `json:"name"`
	Address     string `json:"address"`
	City        string `json:"city"`
	Country     string `json:"country"`
	Coordinates struct {
		Latitude  string `json:"latitude"`
		Longitude string `json:"longitude"`
	} `json:"coordinates"`
	OpeningTimes struct {
		TwentyFourSeven bool `json:"twentyfourseven"`
	} `json:"opening_times"`
	EVSEs []struct {
		UID        string `json:"uid"`
		Status     string `json:"status"`
		Connectors []struct {
			Standard  string  `json:"standard"`
			Format    string  `json:"format"`
			PowerType string  `json:"power_type"`
			Volts     float64 `json:"max_voltage"`
			Amperes   float64 `json:"max_amperage"`
			Watts     float64 `json:"max_electric_power"`
		} `json:"connectors"`
	} `json:"evses"`
}

var errPosition = errors.New("no usable coordinates")

// reading is a Location as the index wants it.
type reading struct {
	name, address, city, country string
	lat, lon                     int32 // degrees·10⁷
	unpublished, always          bool
	evses                        []evseReading
}

type evseReading struct {
	uid        string
	status     status
	connectors string // profile
}

// maxText bounds the texts that are kept, in bytes.
const maxText = 255

// read reads the body of a Location. A body that is not one is an error.
func read(body []byte) (reading, error) {
	var l location
	if err := json.Unmarshal(body, &l); err != nil {
		return reading{}, err
	}
	r := reading{
		name: clip(l.Name), address: clip(l.Address), city: clip(l.City), country: clip(l.Country),
		unpublished: l.Publish != nil && !*l.Publish, always: l.OpeningTimes.TwentyFourSeven,
	}
	lat, ok1 := degrees(l.Coordinates.Latitude, 90)
	lon, ok2 := degrees(l.Coordinates.Longitude, 180)
	if !ok1 || !ok2 {
		return reading{}, errPosition
	}
	r.lat, r.lon = fixed(lat), fixed(lon)
	var connectors []Connector
	for _, e := range l.EVSEs {
		connectors = connectors[:0]
		for _, c := range e.Connectors {
			p := Power{c.PowerType, c.Volts, c.Amperes, c.Watts}
			connectors = append(connectors, Connector{
				Standard: clip(c.Standard), Format: clip(c.Format), PowerType: clip(c.PowerType), Watts: int(p.Watts()),
			})
		}
		r.evses = append(r.evses, evseReading{e.UID, statusOf(e.Status), profileOf(connectors)})
	}
	return r, nil
}

func degrees(text string, bound float64) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && v >= -bound && v <= bound
}

// fixed and degree turn degrees to the form that is kept, exact to a centimetre,
// and back.
func fixed(degrees float64) int32 { return int32(math.Round(degrees * 1e7)) }
func degree(fixed int32) float64  { return float64(fixed) / 1e7 }

// clip shortens a text that is longer than OCPI allows.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// profileOf is the form in which the connectors of an EVSE are kept, one for all
// EVSEs with the same.
func profileOf(connectors []Connector) string {
	slices.SortFunc(connectors, compareConnectors)
	var b []byte
	for _, c := range connectors {
		for _, text := range [...]string{c.Standard, c.Format, c.PowerType} {
			b = append(append(b, byte(len(text))), text...)
		}
		b = append(strconv.AppendInt(b, int64(c.Watts), 10), 0)
	}
	return string(b)
}

func compareConnectors(a, b Connector) int {
	return cmp.Or(cmp.Compare(a.Standard, b.Standard), cmp.Compare(a.Format, b.Format),
		cmp.Compare(a.PowerType, b.PowerType), cmp.Compare(b.Watts, a.Watts))
}

// connectorsOf is the inverse of profileOf.
func connectorsOf(profile string) (out []Connector) {
	for profile != "" {
		var c Connector
		for _, text := range [...]*string{&c.Standard, &c.Format, &c.PowerType} {
			n := int(profile[0])
			*text, profile = profile[1:1+n], profile[1+n:]
		}
		var watts string
		watts, profile, _ = strings.Cut(profile, "\x00")
		c.Watts, _ = strconv.Atoi(watts) // written by profileOf
		out = append(out, c)
	}
	return out
}

// StatusStep is a push that says one thing about one EVSE.
type StatusStep struct {
	UID         string // folded
	Status      string
	LastUpdated string // "" when it does not say
}

// ReadStatusStep decodes a step (package feed); ok is false unless it is a PATCH
// of the status, and perhaps last_updated, of one EVSE and of nothing else.
func ReadStatusStep(encoded []byte) (s StatusStep, ok bool) {
	if len(encoded) == 0 {
		return s, false
	}
	step, err := feed.Decode(encoded)
	if err != nil || step.Method != http.MethodPatch || len(step.Path) != 4 || !gjson.ValidBytes(step.Body) {
		return s, false
	}
	only := true
	gjson.ParseBytes(step.Body).ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "status":
			s.Status = value.Str
		case "last_updated":
			s.LastUpdated = value.Str
		default:
			only = false
		}
		return only
	})
	s.UID = ocpi.FoldID(step.Path[3])
	return s, only && statusOf(s.Status) != statusNone
}
