package quality

import (
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
)

// location is what is looked at of an OCPI Location, 2.2.1 or 2.3.0.
type location struct {
	CountryCode text           `json:"country_code"`
	PartyID     text           `json:"party_id"`
	ID          text           `json:"id"`
	Publish     jsontext.Value `json:"publish"`
	Address     text           `json:"address"`
	City        text           `json:"city"`
	PostalCode  text           `json:"postal_code"`
	Country     text           `json:"country"`
	Coordinates *coordinates   `json:"coordinates"`
	TimeZone    text           `json:"time_zone"`
	EVSEs       []evseBody     `json:"evses"`
	LastUpdated text           `json:"last_updated"`
}

type coordinates struct {
	Latitude  text `json:"latitude"`
	Longitude text `json:"longitude"`
}

type evseBody struct {
	UID         text            `json:"uid"`
	EVSEID      text            `json:"evse_id"`
	Status      text            `json:"status"`
	Coordinates *coordinates    `json:"coordinates"`
	Connectors  []connectorBody `json:"connectors"`
	LastUpdated text            `json:"last_updated"`
}

type connectorBody struct {
	ID          text   `json:"id"`
	Standard    text   `json:"standard"`
	Format      text   `json:"format"`
	PowerType   text   `json:"power_type"`
	Volts       number `json:"max_voltage"`
	Amperes     number `json:"max_amperage"`
	Watts       number `json:"max_electric_power"`
	TariffIDs   []text `json:"tariff_ids"`
	LastUpdated text   `json:"last_updated"`
}

type sessionBody struct {
	Status     text `json:"status"`
	Start      text `json:"start_date_time"`
	LocationID text `json:"location_id"`
	EVSEUID    text `json:"evse_uid"`
}

// text is a string that may be missing, null or of another type, which all read
// as "".
type text string

// UnmarshalJSONFrom reads any value.
func (t *text) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	*t = ""
	if v.Kind() == '"' {
		b, err := jsontext.AppendUnquote(nil, v)
		if err != nil {
			return err
		}
		*t = text(b)
	}
	return nil
}

// number is a JSON number; anything else reads as not set.
type number struct {
	v   float64
	set bool
}

// UnmarshalJSONFrom reads any value.
func (n *number) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	v, err := d.ReadValue()
	if err != nil {
		return err
	}
	*n = number{}
	if v.Kind() == '0' {
		n.v, err = strconv.ParseFloat(string(v), 64)
		n.set = err == nil
	}
	return nil
}

func readLocation(body []byte) (*location, error) {
	var l location
	if err := json.Unmarshal(body, &l); err != nil {
		return nil, err
	}
	return &l, nil
}

func readSession(body []byte) (*sessionBody, error) {
	var b sessionBody
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	return &b, nil
}

// micros reads a DateTime; 0 is none that can be read.
func (t text) micros() int64 {
	at, err := ocpi.ParseTime(string(t))
	if err != nil {
		return 0
	}
	return at.UnixMicro()
}

func (c *coordinates) read() (lat, lon float64, ok bool) {
	lat, err1 := strconv.ParseFloat(strings.TrimSpace(string(c.Latitude)), 64)
	lon, err2 := strconv.ParseFloat(strings.TrimSpace(string(c.Longitude)), 64)
	return lat, lon, err1 == nil && err2 == nil && lat >= -180 && lat <= 180 && lon >= -180 && lon <= 180
}

// evseID is an EVSE id taken apart: NL*TNM*E123, NLTNME123, NL-TNM-E123 and
// NL.TNM.E123 have the same country, operator and rest.
type evseID struct {
	country, operator string // upper case
	rest              string // folded, its separators kept: they may tell two ids apart
}

func splitEVSEID(id string) (e evseID, ok bool) {
	s := ocpi.FoldID(id)
	if len(s) < 6 || !letter(s[0]) || !letter(s[1]) {
		return evseID{}, false
	}
	rest := separated(s[2:])
	if len(rest) < 4 {
		return evseID{}, false
	}
	for i := range 3 {
		if c := rest[i]; !letter(c) && !digit(c) {
			return evseID{}, false
		}
	}
	return evseID{strings.ToUpper(s[:2]), strings.ToUpper(rest[:3]), separated(rest[3:])}, true
}

// sameID returns one text for the spellings of an EVSE id.
func sameID(id string) string {
	if e, ok := splitEVSEID(id); ok {
		return e.country + e.operator + e.rest
	}
	return ocpi.FoldID(id)
}

// separated takes one separator off the front.
func separated(s string) string {
	if s != "" && strings.IndexByte("*-.", s[0]) >= 0 {
		return s[1:]
	}
	return s
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

// postalCodes are the forms in use: 9 is a digit, A a capital letter.
var postalCodes = map[string][]string{
	"NLD": {"9999AA", "9999 AA"},
	"BEL": {"9999"}, "LUX": {"9999", "L-9999"}, "CHE": {"9999"}, "LIE": {"9999"}, "AUT": {"9999"}, "DNK": {"9999"}, "NOR": {"9999"}, "HUN": {"9999"}, "SVN": {"9999"},
	"DEU": {"99999"}, "FRA": {"99999"}, "ESP": {"99999"}, "ITA": {"99999"}, "FIN": {"99999"}, "HRV": {"99999"}, "EST": {"99999"}, "TUR": {"99999"},
	"SWE": {"99999", "999 99"}, "CZE": {"99999", "999 99"}, "SVK": {"99999", "999 99"}, "GRC": {"99999", "999 99"},
	"POL": {"99-999"}, "PRT": {"9999-999"},
	"GBR": {"A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA"},
	"USA": {"99999", "99999-9999"}, "CAN": {"A9A 9A9", "A9A9A9"},
}

// oddPostalCode reports whether a code has none of the forms of its country.
func oddPostalCode(country, code string) bool {
	forms := postalCodes[country]
	for _, form := range forms {
		if hasForm(code, form) {
			return false
		}
	}
	return len(forms) > 0
}

func hasForm(s, form string) bool {
	if len(s) != len(form) {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; form[i] {
		case '9':
			if !digit(c) {
				return false
			}
		case 'A':
			if c < 'A' || c > 'Z' {
				return false
			}
		default:
			if c != form[i] {
				return false
			}
		}
	}
	return true
}
