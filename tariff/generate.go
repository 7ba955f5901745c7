package tariff

import (
	"math/bits"
	"slices"
	"time"
)

// Generated is a session with periods, and what is not measured in it.
type Generated struct {
	Session Session
	// Interpolated are the places of periods that begin between two readings, so
	// that their energy is worked out.
	Interpolated []int
}

// maxGenerated bounds the length of a session that periods are made for, and that
// of a reservation before it.
const maxGenerated = 31 * 24 * time.Hour

// Generate makes the charging periods of a session: one begins wherever another
// component becomes active, for any dimension, and where a reservation turns into
// charging and that into parking. Between two readings the energy is interpolated
// linearly. Pricing what it returns and pricing the session continuously give the
// same. The error is an *[Error].
func (l *PriceList) Generate(m *Metering) (Generated, error) {
	if err := m.check(); err != nil {
		return Generated{}, err
	}
	start := m.Start
	if !m.ReservedFrom.IsZero() {
		start = m.ReservedFrom
	}
	at := l.pick("", start)
	if at < 0 {
		return Generated{}, &Error{Code: "no_valid_tariff", Message: "no tariff is valid at the start of the session, " + start.UTC().Format(time.RFC3339)}
	}
	t := &l.tariffs[at]
	g := generator{Metering: m, tariff: t, policy: &Policy{}}
	g.out.Session = Session{Start: start, End: m.End, Zone: m.Zone, Currency: t.Currency}
	if start.Before(m.Start) {
		g.hold()
	}
	g.charge()
	return g.out, nil
}

// generator finds where periods begin.
type generator struct {
	*Metering
	tariff *compiled
	policy *Policy
	out    Generated
}

// stage is the part of a session in which a reservation is held, or the one of
// charging and parking. Each is cut on its own.
type stage struct {
	from, to time.Time
	held     bool
	lists    [4][]candidate // of energy, time, parking and FLAT
}

// cut is the beginning of a period. The register at a limit of energy is that
// limit, not what it shows at the rounded second.
type cut struct {
	at     time.Time
	energy int64
}

// register returns the register at a moment of a stage. While a reservation is
// held nothing is charged.
func (g *generator) register(s *stage, t time.Time) int64 {
	if s.held {
		return g.energyAt(s.to)
	}
	return g.energyAt(t)
}

// cuts returns where the periods of a stage begin, the first at its own beginning.
func (g *generator) cuts(s *stage) (cuts []cut) {
	all := append(g.moments(s), cut{s.from, g.register(s, s.from)})
	slices.SortStableFunc(all, func(a, b cut) int { return a.at.Compare(b.at) })
	var active [4]*candidate
	charged := true
	for i, c := range all {
		if c.at.Before(s.from) || !c.at.Before(s.to) {
			continue
		}
		if i+1 < len(all) && all[i+1].at.Equal(c.at) {
			all[i+1].energy = max(all[i+1].energy, c.energy)
			continue // the last of several at one moment decides
		}
		now := g.active(s, c)
		if active[3] != nil { // the FLAT is charged once, when it first applies
			now[3] = active[3]
		}
		parked := !s.held && g.parked(c.at)
		if len(cuts) == 0 || now != active || parked == charged {
			cuts = append(cuts, c)
		}
		active, charged = now, !parked
	}
	return cuts
}

// parked reports whether the vehicle has stopped asking for power.
func (g *generator) parked(t time.Time) bool {
	return !g.ChargingUntil.IsZero() && !t.Before(g.ChargingUntil)
}

// active returns the components that would price at a moment.
func (g *generator) active(s *stage, c cut) (found [4]*candidate) {
	now := state{energy: c.energy - g.register(s, s.from), duration: int64(c.at.Sub(s.from) / time.Second), period: &Period{}}
	now.at(c.at.In(g.Zone))
	if !s.held {
		*now.period = g.power(c.at)
	}
	w := walk{policy: g.policy}
	for i, list := range s.lists {
		found[i] = w.find(list, &now)
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

// hold makes the periods of the reservation.
func (g *generator) hold() {
	r := &g.tariff.reserved[reservation]
	s := stage{from: g.ReservedFrom, to: g.Start, held: true, lists: [4][]candidate{1: r.time, 3: r.flat}}
	cuts := g.cuts(&s)
	for i, c := range cuts {
		end := s.to
		if i+1 < len(cuts) {
			end = cuts[i+1].at
		}
		g.add(Period{Start: c.at, Reservation: secondsIn(s.from, c.at, end), Has: HasReservation})
	}
}

// charge makes the periods of charging and parking.
func (g *generator) charge() {
	t := g.tariff
	s := stage{from: g.Start, to: g.End, lists: [4][]candidate{t.energy, t.time, t.parking, t.flat}}
	cuts := g.cuts(&s)
	usesPower := t.usesPower()
	for i, c := range cuts {
		end := cut{g.End, g.energyAt(g.End)}
		if i+1 < len(cuts) {
			end = cuts[i+1]
		}
		p := Period{Start: c.at, Energy: end.energy - c.energy}
		seconds := secondsIn(s.from, c.at, end.at)
		if g.parked(c.at) {
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
			g.out.Interpolated = append(g.out.Interpolated, len(g.out.Session.Periods))
		}
		g.add(p)
	}
}

func (g *generator) add(p Period) {
	p.Index = len(g.out.Session.Periods)
	g.out.Session.Periods = append(g.out.Session.Periods, p)
}

// secondsIn returns the whole seconds between two moments, so that those of all
// periods since from sum to their whole.
func secondsIn(from, a, b time.Time) int64 {
	return int64((b.Sub(from).Round(time.Second) - a.Sub(from).Round(time.Second)) / time.Second)
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
