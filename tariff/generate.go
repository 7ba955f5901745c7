package tariff

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Metering is a session as it was measured.
type Metering struct {
	Start, End time.Time
	Zone       *time.Location
	// Readings of the meter in order of time, at least two, the first at or
	// before Start and the last at or after End, or else the energy is taken to
	// stand still outside of them.
	Readings []Reading
	// ChargingUntil is when the vehicle stopped asking for power: from then on
	// the time is parking. Zero: it charged to the end.
	ChargingUntil time.Time
	// ReservedFrom is when a reservation that led to the session began; zero: there
	// was none.
	ReservedFrom time.Time
}

// Reading is a value of the meter's register, in 10⁻⁹ kWh.
type Reading struct {
	At     time.Time
	Energy int64
}

// Generated is a session with periods, and what is not measured in it.
type Generated struct {
	Session Session
	// Interpolated are the places of periods that begin between two readings, so
	// that their energy is worked out.
	Interpolated []int
}

// maxGenerated bounds the length of a session that periods are made for.
const maxGenerated = 31 * 24 * time.Hour

// Generate makes the charging periods of a session: one begins wherever another
// component becomes active, for any dimension, and where charging turns into
// parking. Between two readings the energy is interpolated linearly. Pricing what
// it returns and pricing the session continuously give the same. The error is an
// *[Error].
func (l *PriceList) Generate(m *Metering) (Generated, error) {
	if err := m.check(); err != nil {
		return Generated{}, err
	}
	at := l.pick("", m.Start)
	if at < 0 {
		return Generated{}, &Error{Code: "no_valid_tariff", Message: "no tariff is valid at the start of the session, " + m.Start.UTC().Format(time.RFC3339)}
	}
	t := &l.tariffs[at]
	g := generator{Metering: m, tariff: t, policy: &Policy{}}
	g.run()
	g.out.Session = Session{Start: m.Start, End: m.End, Zone: m.Zone, Currency: t.Currency, Periods: g.periods()}
	if !m.ReservedFrom.IsZero() {
		g.out.Session.Start = m.ReservedFrom
	}
	return g.out, nil
}

func (m *Metering) check() error {
	switch {
	case m.Zone == nil:
		return &Error{Code: "time_zone", Message: "the time zone of the location is not known; times of day cannot be read without it"}
	case m.Start.IsZero() || m.End.IsZero():
		return bad("/start_date_time", "start and end must be given")
	case !m.End.After(m.Start):
		return bad("/end_date_time", "must lie after the start")
	case m.End.Sub(m.Start) > maxGenerated:
		return bad("/end_date_time", "lies more than 31 days after the start")
	case len(m.Readings) < 2:
		return bad("/meter_values", "must have at least two readings")
	case len(m.Readings) > maxPeriods:
		return &Error{Code: "too_large", Pointer: "/meter_values", Message: fmt.Sprintf("has more than %d readings", maxPeriods)}
	}
	for i := 1; i < len(m.Readings); i++ {
		at := "/meter_values/" + strconv.Itoa(i)
		if !m.Readings[i].At.After(m.Readings[i-1].At) {
			return bad(at+"/timestamp", "must lie after the one before")
		}
		if m.Readings[i].Energy < m.Readings[i-1].Energy {
			return bad(at+"/kwh", "is less than the reading before")
		}
	}
	if !m.ReservedFrom.IsZero() && !m.ReservedFrom.Before(m.Start) {
		return bad("/reserved_from", "must lie before the start")
	}
	return nil
}

// energyAt returns the register at a moment.
func (m *Metering) energyAt(t time.Time) int64 {
	i, found := slices.BinarySearchFunc(m.Readings, t, func(r Reading, t time.Time) int { return r.At.Compare(t) })
	switch {
	case found:
		return m.Readings[i].Energy
	case i == 0:
		return m.Readings[0].Energy
	case i == len(m.Readings):
		return m.Readings[i-1].Energy
	}
	a, b := m.Readings[i-1], m.Readings[i]
	return a.Energy + share(b.Energy-a.Energy, t.Sub(a.At), b.At.Sub(a.At))
}

// share returns n · part / whole, rounded half up; all are positive.
func share(n int64, part, whole time.Duration) int64 {
	hi, lo := bits.Mul64(uint64(n), uint64(part))
	lo, carry := bits.Add64(lo, uint64(whole/2), 0)
	q, _ := bits.Div64(hi+carry, lo, uint64(whole))
	return int64(q)
}

// reach returns the first moment at which the register has reached energy,
// rounded to a second; false when it never does.
func (m *Metering) reach(energy int64) (time.Time, bool) {
	i := slices.IndexFunc(m.Readings, func(r Reading) bool { return r.Energy >= energy })
	switch {
	case i < 0:
		return time.Time{}, false
	case i == 0 || m.Readings[i].Energy == energy:
		return m.Readings[i].At, true
	}
	a, b := m.Readings[i-1], m.Readings[i]
	return a.At.Add(time.Duration(share(int64(b.At.Sub(a.At)), time.Duration(energy-a.Energy), time.Duration(b.Energy-a.Energy)))).Round(time.Second), true
}

// generator finds where periods begin.
type generator struct {
	*Metering
	tariff *compiled
	policy *Policy
	cuts   []cut
	out    Generated
}

// cut is the beginning of a period. The register at a limit of energy is that
// limit, not what it shows at the rounded second.
type cut struct {
	at     time.Time
	energy int64
}

func (g *generator) run() {
	all := append(g.moments(), cut{g.Start, g.energyAt(g.Start)})
	slices.SortStableFunc(all, func(a, b cut) int { return a.at.Compare(b.at) })
	var active [4]*candidate
	charged := true
	for i, c := range all {
		if c.at.Before(g.Start) || !c.at.Before(g.End) {
			continue
		}
		if i+1 < len(all) && all[i+1].at.Equal(c.at) {
			all[i+1].energy = max(all[i+1].energy, c.energy)
			continue // the last of several at one moment decides
		}
		now := g.active(c)
		if active[3] != nil { // the FLAT is charged once, when it first applies
			now[3] = active[3]
		}
		parked := !g.ChargingUntil.IsZero() && !c.at.Before(g.ChargingUntil)
		if len(g.cuts) == 0 || now != active || parked == charged {
			g.cuts = append(g.cuts, c)
		}
		active, charged = now, !parked
	}
}

// active returns the components that would price at a moment.
func (g *generator) active(c cut) (found [4]*candidate) {
	s := state{energy: c.energy - g.energyAt(g.Start), duration: int64(c.at.Sub(g.Start) / time.Second)}
	s.at(c.at.In(g.Zone))
	p := g.power(c.at)
	s.period = &p
	w := walk{policy: g.policy}
	for i, list := range [...][]candidate{g.tariff.energy, g.tariff.time, g.tariff.parking, g.tariff.flat} {
		found[i] = w.find(list, &s)
	}
	return found
}

// power returns a period with the mean power between the readings around t.
func (g *generator) power(t time.Time) (p Period) {
	i, found := slices.BinarySearchFunc(g.Readings, t, func(r Reading, t time.Time) int { return r.At.Compare(t) })
	if found {
		i++
	}
	if i == 0 || i >= len(g.Readings) {
		return p
	}
	a, b := g.Readings[i-1], g.Readings[i]
	// 10⁻⁹ kWh in nanoseconds: · 3600 · 10⁹ / ns, in 10⁻⁶ kW: / 10³.
	hi, lo := bits.Mul64(uint64(b.Energy-a.Energy), 3600*1_000_000)
	if d := uint64(b.At.Sub(a.At)); hi < d {
		q, _ := bits.Div64(hi, lo, d)
		p.MinPower, p.MaxPower, p.Has = int64(q), int64(q), HasMinPower|HasMaxPower
	}
	return p
}

// periods turns the cuts into periods.
func (g *generator) periods() []Period {
	var out []Period
	if !g.ReservedFrom.IsZero() {
		out = append(out, Period{Start: g.ReservedFrom, Reservation: int64(g.Start.Sub(g.ReservedFrom).Round(time.Second) / time.Second), Has: HasReservation})
	}
	usesPower := g.tariff.usesPower()
	for i, c := range g.cuts {
		end := cut{g.End, g.energyAt(g.End)}
		if i+1 < len(g.cuts) {
			end = g.cuts[i+1]
		}
		p := Period{Start: c.at, Energy: end.energy - c.energy, Index: len(out)}
		seconds := int64(end.at.Sub(c.at).Round(time.Second) / time.Second)
		if !g.ChargingUntil.IsZero() && !c.at.Before(g.ChargingUntil) {
			p.Parking, p.Has = seconds, HasParking
		} else {
			p.Time, p.Has = seconds, HasTime
		}
		if p.Energy != 0 {
			p.Has |= HasEnergy
		}
		if usesPower {
			g.span(&p, end.at)
		}
		if !slices.ContainsFunc(g.Readings, func(r Reading) bool { return r.At.Equal(c.at) }) {
			g.out.Interpolated = append(g.out.Interpolated, len(out))
		}
		out = append(out, p)
	}
	return out
}

// span sets the least and most power between the start of a period and its end.
func (g *generator) span(p *Period, end time.Time) {
	at := p.Start
	for first := true; at.Before(end); first = false {
		w := g.power(at)
		if w.Has == 0 {
			return
		}
		if first {
			p.MinPower, p.MaxPower, p.Has = w.MinPower, w.MaxPower, p.Has|w.Has
		}
		p.MinPower, p.MaxPower = min(p.MinPower, w.MinPower), max(p.MaxPower, w.MaxPower)
		i, _ := slices.BinarySearchFunc(g.Readings, at, func(r Reading, t time.Time) int {
			if r.At.After(t) {
				return 1
			}
			return -1
		})
		at = g.Readings[i].At
	}
}

func (t *compiled) usesPower() bool {
	for _, list := range [...][]candidate{t.energy, t.time, t.parking, t.flat} {
		for i := range list {
			if r := list[i].restrictions; r != nil && r.has&(onMinPower|onMaxPower) != 0 {
				return true
			}
		}
	}
	return false
}

// ParseMetering reads a metered session:
//
//	{"start_date_time": …, "end_date_time": …, "meter_values": [{"timestamp": …, "kwh": 1000.0}, …],
//	 "charging_until": …, "reserved_from": …}
//
// The last two are optional. The error is an *[Error].
func ParseMetering(body []byte, zone *time.Location) (Metering, error) {
	var w struct {
		Start  string `json:"start_date_time"`
		End    string `json:"end_date_time"`
		Until  string `json:"charging_until"`
		From   string `json:"reserved_from"`
		Values []struct {
			At  string `json:"timestamp"`
			KWh number `json:"kwh"`
		} `json:"meter_values"`
		Unknown jsontext.Value `json:",embed"`
	}
	if err := unmarshal(body, &w); err != nil {
		return Metering{}, err
	}
	m := Metering{Zone: zone}
	for _, f := range []struct {
		text     string
		into     *time.Time
		name     string
		optional bool
	}{
		{w.Start, &m.Start, "/start_date_time", false}, {w.End, &m.End, "/end_date_time", false},
		{w.Until, &m.ChargingUntil, "/charging_until", true}, {w.From, &m.ReservedFrom, "/reserved_from", true},
	} {
		if f.text == "" && f.optional {
			continue
		}
		var err error
		if *f.into, err = moment(f.text, f.name); err != nil {
			return m, err
		}
	}
	for i, v := range w.Values {
		at := "/meter_values/" + strconv.Itoa(i)
		t, err := moment(v.At, at+"/timestamp")
		if err != nil {
			return m, err
		}
		if !v.KWh.isSet() {
			return m, bad(at+"/kwh", "is missing")
		}
		n, err := fixed(v.KWh.String(), 9)
		if err != nil {
			return m, bad(at+"/kwh", "%v", err)
		}
		m.Readings = append(m.Readings, Reading{t, n})
	}
	return m, m.check()
}

// PeriodDimension is a dimension of a period as a CDR has it.
type PeriodDimension struct {
	Type   string
	Volume Volume
}

// Dimensions returns what the period holds, in OCPI's terms.
func (p *Period) Dimensions() []PeriodDimension {
	var out []PeriodDimension
	for _, d := range [...]struct {
		has    Has
		name   string
		volume Volume
	}{
		{HasEnergy, "ENERGY", Volume{p.Energy, energy}}, {HasTime, "TIME", Volume{p.Time, span}},
		{HasParking, "PARKING_TIME", Volume{p.Parking, span}}, {HasReservation, "RESERVATION_TIME", Volume{p.Reservation, span}},
		{HasOvertime, "RESERVATION_OVERTIME", Volume{p.Overtime, span}},
		{HasMinPower, "MIN_POWER", Volume{p.MinPower * 1000, energy}}, {HasMaxPower, "MAX_POWER", Volume{p.MaxPower * 1000, energy}},
	} {
		if d.has == HasReservation && p.Has&HasExpired != 0 {
			d.name = "RESERVATION_EXPIRES"
		}
		if p.Has&d.has != 0 {
			out = append(out, PeriodDimension{d.name, d.volume})
		}
	}
	return out
}

// SessionTotals are the sums of a session's periods. Time is the whole session, as
// total_time of a CDR is.
type SessionTotals struct{ Energy, Time, Parking Volume }

// Totals sums the periods up.
func (s *Session) Totals() SessionTotals {
	t := SessionTotals{Volume{0, energy}, Volume{int64(s.End.Sub(s.Start) / time.Second), span}, Volume{0, span}}
	for i := range s.Periods {
		t.Energy.n += s.Periods[i].Energy
		t.Parking.n += s.Periods[i].Parking
	}
	return t
}
