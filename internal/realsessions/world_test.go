package realsessions

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// operator is a Dutch CPO with its stations in Nieuwegein, where the sessions take
// place now, and tariffs of its own.
type operator struct {
	id        string
	locations []place
	tariffs   []priced
	evses     []evse
	decimals  int // of the amounts in its CDRs
}

type place struct {
	id   string
	body []byte
}

// evse is where a session takes place: an AC connector with three phases.
type evse struct {
	location map[string]any
	uid      string
	evseID   string
	conn     map[string]any
	watts    int64
}

type priced struct {
	id   string
	body []byte
	list *tariff.PriceList
}

// Nieuwegein, as far as the sessions go: within it nobody travels impossibly fast.
const (
	middleLatitude, middleLongitude = 52.02, 5.085
	aroundLatitude, aroundLongitude = 0.015, 0.0225
)

// most bounds the tariffs of an operator.
const mostTariffs = 400

// operators are those that have stations there and tariffs with a price.
var operators = []string{"ALL", "EFL", "ENE", "FLW", "SGM", "TNM"}

func readOperators(t testing.TB, dir string) []*operator {
	by := map[string]*operator{}
	var all []*operator
	for i, id := range operators {
		by[id] = &operator{id: id, decimals: 2 + i%2*2}
		all = append(all, by[id])
	}
	err := readLines(filepath.Join(dir, "tariffs.jsonl.gz"), func(line []byte) error {
		var v struct {
			Country, Party, ID string
			Start              *string `json:"start_date_time"`
			End                *string `json:"end_date_time"`
		}
		v.Country, v.Party, v.ID = text(line, "country_code"), text(line, "party_id"), text(line, "id")
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		o := by[v.Party]
		if v.Country != "NL" || o == nil || v.Start != nil || v.End != nil || len(o.tariffs) >= mostTariffs {
			return nil
		}
		body, err := withoutNulls(line)
		if err != nil {
			return err
		}
		list, _, err := tariff.ParseTariffs(ocpi.V221, body)
		if err != nil {
			return nil // it cannot be priced
		}
		compiled, err := tariff.Compile(list...)
		if err != nil || !hasPrice(list) {
			return nil
		}
		o.tariffs = append(o.tariffs, priced{v.ID, body, compiled})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = readLines(filepath.Join(dir, "locations.jsonl.gz"), func(line []byte) error {
		o := by[text(line, "party_id")]
		if o == nil || text(line, "country_code") != "NL" || len(o.locations) >= 12 {
			return nil
		}
		return o.addLocation(line)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		if len(o.evses) == 0 || len(o.tariffs) == 0 {
			t.Fatalf("%s has %d EVSEs and %d tariffs", o.id, len(o.evses), len(o.tariffs))
		}
	}
	return all
}

// text reads a member that is a string.
func text(body []byte, name string) string {
	var v map[string]json.RawMessage
	var s string
	if json.Unmarshal(body, &v) == nil {
		_ = json.Unmarshal(v[name], &s) // "" for null
	}
	return s
}

func hasPrice(list []tariff.Tariff) bool {
	for _, e := range list[0].Elements {
		for _, c := range e.Components {
			if d, err := c.Price.Decimal(); err == nil && d.IsPos() {
				return true
			}
		}
	}
	return false
}

// addLocation takes a location that lies there, with the time zone that the public
// copy has lost.
func (o *operator) addLocation(line []byte) error {
	body, err := withoutNulls(line)
	if err != nil {
		return err
	}
	var l map[string]any
	if err := json.Unmarshal(body, &l); err != nil {
		return err
	}
	at, _ := l["coordinates"].(map[string]any)
	lat, err := strconv.ParseFloat(fmt.Sprint(at["latitude"]), 64)
	lon, err2 := strconv.ParseFloat(fmt.Sprint(at["longitude"]), 64)
	if err != nil || err2 != nil || lat < middleLatitude-aroundLatitude || lat > middleLatitude+aroundLatitude || lon < middleLongitude-aroundLongitude || lon > middleLongitude+aroundLongitude {
		return nil
	}
	l["time_zone"] = "Europe/Amsterdam"
	evses := 0
	all, _ := l["evses"].([]any)
	for _, e := range all {
		e, _ := e.(map[string]any)
		connectors, _ := e["connectors"].([]any)
		for _, c := range connectors {
			c, _ := c.(map[string]any)
			if c["power_type"] != "AC_3_PHASE" {
				continue
			}
			watts, _ := c["max_electric_power"].(float64)
			if volts, ok := c["max_voltage"].(float64); ok && watts == 0 {
				amperes, _ := c["max_amperage"].(float64)
				watts = 3 * volts * amperes
			}
			o.evses = append(o.evses, evse{location: l, uid: fmt.Sprint(e["uid"]), evseID: fmt.Sprint(e["evse_id"]), conn: c, watts: int64(watts)})
			evses++
			break
		}
	}
	if evses == 0 {
		return nil
	}
	if body, err = json.Marshal(l); err != nil {
		return err
	}
	o.locations = append(o.locations, place{fmt.Sprint(l["id"]), body})
	return nil
}

// pick chooses one of n for a name, always the same.
func pick(name string, n int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum64() % uint64(n))
}

// readSessions returns the sessions of both sets, each moved so that its newest
// ended an hour ago, and how many no CDR can be made of.
func readSessions(t testing.TB, dir string, now time.Time) (list []session, unusable int) {
	acn, err := readACN(filepath.Join(dir, "acn-jpl-2019.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	paloAlto, err := readPaloAlto(filepath.Join(dir, "palo-alto-2011-2012.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range [][]session{acn, paloAlto} {
		shift(set, now.Add(-time.Hour))
		for _, s := range set {
			if s.usable() {
				list = append(list, s)
			} else {
				unusable++
			}
		}
	}
	slices.SortStableFunc(list, func(a, b session) int { return a.end.Compare(b.end) })
	return list, unusable
}

// mark finds the sessions that have the same EVSE and card at the same time.
func mark(all []*charge) {
	by := map[string][]*charge{}
	for _, c := range all {
		key := c.user + " " + c.operator.id + " " + c.evse.uid
		for _, o := range by[key] {
			if o.start.Before(c.end) && c.start.Before(o.end) {
				o.overlaps, c.overlaps = true, true
			}
		}
		by[key] = append(by[key], c)
	}
}
