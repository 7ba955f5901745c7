package realsessions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"github.com/eroam/eroam/tariff"
)

var amsterdam, _ = time.LoadLocation("Europe/Amsterdam")

// providers own the tokens of the drivers.
var providers = []string{"DE-EM1", "FR-EM2", "NL-EM3"}

// charge is a session that takes place at a Dutch station, and its CDR.
type charge struct {
	session
	operator *operator
	evse     *evse
	tariff   *priced
	provider string // "DE-EM1"
	cdr      map[string]any
	register int64 // of the meter at the start
	fault    fault
	overlaps bool // another session has the same EVSE and card at the same time
}

// place decides where the session takes place, who pays, and by which tariff.
func (c *charge) place(all []*operator, registers map[string]int64) {
	c.operator = all[pick(c.station, len(all))]
	c.evse = &c.operator.evses[pick("evse of "+c.station, len(c.operator.evses))]
	c.tariff = &c.operator.tariffs[pick(c.user+c.station, len(c.operator.tariffs))]
	c.provider = providers[pick(c.user, len(providers))]
	c.register = registers[c.station]
	registers[c.station] += c.energy
}

func (c *charge) key() string { return "NL-" + c.operator.id + " " + c.id }

// number writes an amount or volume as its owner does: with so many decimals, half
// away from zero.
func (c *charge) number(text string) json.Number {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return json.Number(r.FloatString(c.operator.decimals))
}

// four rounds a volume to the four decimals of OCPI.
func four(text string) json.Number {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		panic(text)
	}
	return json.Number(r.FloatString(4))
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// bill makes the CDR of the session as its operator would.
func (c *charge) bill() error {
	m := tariff.Metering{Start: c.start, End: c.end, Zone: amsterdam, Readings: []tariff.Reading{{At: c.start, Energy: c.register}, {At: c.until, Energy: c.register + c.energy}}}
	if c.until.Before(c.end) {
		m.ChargingUntil = c.until
		m.Readings = append(m.Readings, tariff.Reading{At: c.end, Energy: c.register + c.energy})
	}
	g, err := c.tariff.list.Generate(&m)
	if err != nil {
		return fmt.Errorf("%s: %w", c.key(), err)
	}
	price, err := c.tariff.list.Price(&g.Session, tariff.Policy{})
	if err != nil {
		return fmt.Errorf("%s: %w", c.key(), err)
	}
	totals := g.Session.Totals()
	v := c.about()
	v["tariffs"] = []json.RawMessage{c.tariff.body}
	v["charging_periods"] = c.periods(&g.Session)
	v["total_cost"] = c.cost(price.TotalExcl, price.TotalIncl)
	v["total_energy"], v["total_time"] = four(totals.Energy.String()), four(totals.Time.String())
	if c.until.Before(c.end) {
		v["total_parking_time"] = four(totals.Parking.String())
	}
	for name, d := range map[string]tariff.Dimension{
		"total_energy_cost": tariff.Energy, "total_time_cost": tariff.Time, "total_parking_cost": tariff.ParkingTime, "total_fixed_cost": tariff.Flat,
	} {
		if s, there := price.ByDimension.Get(d); there {
			v[name] = c.cost(s.Excl, s.Incl)
		}
	}
	v["cdr_location"] = c.where()
	v["meter_id"] = "M-" + c.evse.uid
	v["last_updated"] = at(c.end.Add(time.Minute))
	c.cdr = v
	return nil
}

// about is what session and CDR have in common.
func (c *charge) about() map[string]any {
	return map[string]any{
		"country_code": "NL", "party_id": c.operator.id, "id": c.id, "session_id": "S-" + c.id, "start_date_time": at(c.start), "end_date_time": at(c.end),
		"cdr_token":   map[string]any{"country_code": c.provider[:2], "party_id": c.provider[3:], "uid": c.user, "type": "RFID", "contract_id": c.contract()},
		"auth_method": "WHITELIST", "currency": "EUR",
	}
}

func (c *charge) contract() string { return c.provider + "-" + c.user }

func (c *charge) periods(s *tariff.Session) []any {
	var list []any
	for i := range s.Periods {
		var dimensions []any
		for _, d := range s.Periods[i].Dimensions() {
			dimensions = append(dimensions, map[string]any{"type": d.Type, "volume": four(d.Volume.String())})
		}
		list = append(list, map[string]any{"start_date_time": at(s.Periods[i].Start), "dimensions": dimensions, "tariff_id": c.tariff.id})
	}
	return list
}

func (c *charge) cost(excl, incl tariff.Amount) map[string]any {
	v := map[string]any{"excl_vat": c.number(excl.Text(9))}
	if incl.Known() {
		v["incl_vat"] = c.number(incl.Text(9))
	}
	return v
}

func (c *charge) where() map[string]any {
	l := c.evse.location
	v := map[string]any{
		"id": l["id"], "address": l["address"], "city": l["city"], "country": l["country"], "coordinates": l["coordinates"], "evse_uid": c.evse.uid, "evse_id": c.evse.evseID,
		"connector_id": c.evse.conn["id"], "connector_standard": c.evse.conn["standard"], "connector_format": c.evse.conn["format"], "connector_power_type": "AC_3_PHASE",
	}
	if name, ok := l["name"]; ok {
		v["name"] = name
	}
	if code, ok := l["postal_code"]; ok {
		v["postal_code"] = code
	}
	return v
}

// sessionBody is the Session object, which ended.
func (c *charge) sessionBody(updated time.Time) []byte {
	v := c.about()
	delete(v, "session_id")
	v["id"], v["kwh"] = "S-"+c.id, c.cdr["total_energy"]
	v["location_id"], v["evse_uid"], v["connector_id"] = c.evse.location["id"], c.evse.uid, c.evse.conn["id"]
	v["total_cost"], v["status"], v["last_updated"] = c.cdr["total_cost"], "COMPLETED", at(updated)
	return encode(v)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// copied is a CDR of its own.
func copied(cdr map[string]any) map[string]any {
	var v map[string]any
	d := json.NewDecoder(bytes.NewReader(encode(cdr)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

// amount reads a number of a CDR exactly.
func amount(v any, name string) *big.Rat {
	m, _ := v.(map[string]any)
	n, ok := m[name].(json.Number)
	if !ok {
		return nil
	}
	r, _ := new(big.Rat).SetString(string(n))
	return r
}

// cents rounds to cents, half away from zero.
func cents(r *big.Rat) int64 {
	hundred := new(big.Rat).Mul(r, big.NewRat(100, 1))
	n, _ := new(big.Int).SetString(hundred.FloatString(0), 10)
	return n.Int64()
}
