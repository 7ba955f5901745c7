package simulation

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Every push says in one text of the part that it changes which push it was: the
// marker "n17". By the markers in what a receiver gets it is known which state it
// sees, and what a document of nested parts was put together from.

func format(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func party(id string) (country, name string) {
	country, name, _ = strings.Cut(id, "-")
	return country, name
}

func mark(n int) string { return fmt.Sprintf("n%d", n) }

// site places the locations of an owner along a line from the south west of the
// Netherlands to the north east, so that a box can divide them.
func newLocation(o objectID, n, number int, publish bool, at time.Time, evses ...doc) doc {
	country, name := party(o.owner)
	d := doc{
		"country_code": country, "party_id": name, "id": o.id, "publish": publish, "name": mark(n),
		"address": "Main 1", "city": "Gent", "country": "BEL", "time_zone": "Europe/Brussels",
		"coordinates":  doc{"latitude": fmt.Sprintf("%.6f", 51+0.1*float64(number)), "longitude": fmt.Sprintf("%.6f", 4+0.1*float64(number))},
		"last_updated": format(at),
	}
	if len(evses) > 0 {
		l := make([]any, len(evses))
		for i, e := range evses {
			l[i] = e
		}
		d["evses"] = l
	}
	return d
}

func newEVSE(uid, status string, n int, at time.Time) doc {
	return doc{
		"uid": uid, "evse_id": "BE*BEC*E" + uid, "status": status, "physical_reference": mark(n), "last_updated": format(at),
		"connectors": []any{newConnector("1", 32, n, at)},
	}
}

func newConnector(id string, ampere, n int, at time.Time) doc {
	return doc{
		"id": id, "standard": "IEC_62196_T2", "format": "CABLE", "power_type": "AC_3_PHASE", "max_voltage": 230.0,
		"max_amperage": float64(ampere), "terms_and_conditions": "https://terms.example/" + mark(n), "last_updated": format(at),
	}
}

func newTariff(o objectID, n int, at time.Time) doc {
	country, name := party(o.owner)
	return doc{
		"country_code": country, "party_id": name, "id": o.id, "currency": "EUR", "tariff_alt_url": "https://tariff.example/" + mark(n),
		"elements":     []any{doc{"price_components": []any{doc{"type": "ENERGY", "price": 0.25, "step_size": 1.0}}}},
		"last_updated": format(at),
	}
}

func newToken(o objectID, valid bool, n int, at time.Time) doc {
	country, name := party(o.owner)
	return doc{
		"country_code": country, "party_id": name, "uid": o.id, "type": "RFID", "contract_id": "DE8ACC12E46L89", "issuer": "E",
		"visual_number": mark(n), "valid": valid, "whitelist": "ALWAYS", "last_updated": format(at),
	}
}

// slot is a part of an object that has a marker of its own.
type slot struct {
	object objectID
	part   string // "", "E1", "E1/1"
}

var marker = regexp.MustCompile(`^(?:https://[a-z.]+/)?n(\d+)$`)

func markerOf(d doc) int {
	for _, name := range [...]string{"name", "physical_reference", "terms_and_conditions", "tariff_alt_url", "visual_number"} {
		if s, ok := d[name].(string); ok {
			if m := marker.FindStringSubmatch(s); m != nil {
				n, _ := strconv.Atoi(m[1])
				return n
			}
		}
	}
	return 0
}

// note is one part in a message: its marker and its last_updated.
type note struct {
	slot slot
	n    int
	at   time.Time
}

// notes lists what a body says about an object or, with parts, about a part.
func notes(o objectID, parts []string, body doc) []note {
	path := strings.Join(parts, "/")
	out := []note{{slot{o, path}, markerOf(body), stamp(body)}}
	if len(parts) == 2 || o.module != ocpi.Locations {
		return out
	}
	k := partKeys[len(parts)]
	for _, e := range list(body, k.list) {
		id, _ := e[k.key].(string)
		out = append(out, notes(o, append(slices.Clip(parts), id), e)...)
	}
	return out
}

// newest is the highest marker in d.
func newest(o objectID, d doc) int {
	n := 0
	for _, x := range notes(o, nil, d) {
		n = max(n, x.n)
	}
	return n
}
