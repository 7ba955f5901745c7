package tariff

import (
	"fmt"
	"time"
)

// Plan is what a driver means to do. Two of Energy, Power and Stay are enough.
type Plan struct {
	Arrival time.Time
	Zone    *time.Location
	Energy  int64 // 10⁻⁹ kWh
	Power   int64 // 10⁻⁶ kW, taken as constant
	// Stay is how long the vehicle stands there. Where it is longer than the
	// charging takes, the rest is parking; where it is shorter, less is charged.
	Stay time.Duration
}

// Estimation is what a plan will cost, in total and line by line.
type Estimation struct {
	Start         time.Time
	ChargingUntil time.Time
	End           time.Time
	Energy        int64 // 10⁻⁹ kWh
	Result        Result
	// Changes are the moments at which another price sets in before End.
	Changes []time.Time
}

// metering turns a plan into a measured session.
func (p *Plan) metering() (m Metering, energy int64, err error) {
	if p.Energy < 0 || p.Power < 0 || p.Stay < 0 {
		return m, 0, bad("/energy", "energy, power and stay must not be negative")
	}
	energy, charging := p.Energy, p.Stay
	switch {
	case p.Power > 0 && energy > 0:
		charging = duration(energy, p.Power)
		if p.Stay > 0 && charging > p.Stay {
			charging, energy = p.Stay, delivered(p.Power, p.Stay)
		}
	case p.Power > 0 && p.Stay > 0:
		energy = delivered(p.Power, p.Stay)
	case energy > 0 && p.Stay > 0:
	default:
		return m, 0, bad("/energy", "two of energy, power and stay are needed")
	}
	stay := max(p.Stay, charging)
	if charging < time.Second {
		return m, 0, bad("/power", "the charging takes less than a second")
	}
	if stay > maxGenerated {
		return m, 0, bad("/stay", "is longer than 31 days")
	}
	m = Metering{Start: p.Arrival, End: p.Arrival.Add(stay), Zone: p.Zone}
	m.Readings = []Reading{{p.Arrival, 0}, {p.Arrival.Add(charging), energy}}
	if stay > charging {
		m.ChargingUntil = p.Arrival.Add(charging)
	}
	return m, energy, nil
}

// duration is how long energy takes at a power, in whole seconds, rounded up.
func duration(energy, power int64) time.Duration {
	// 10⁻⁹ kWh · 3600 s/h / (10⁻⁶ kW · 10³)
	s := share(energy, 3600, time.Duration(power)*1000)
	if s > int64(maxGenerated/time.Second) {
		return maxGenerated + time.Second
	}
	if delivered(power, time.Duration(s)*time.Second) < energy {
		s++
	}
	return time.Duration(s) * time.Second
}

func delivered(power int64, d time.Duration) int64 {
	return share(power, d/time.Second*1000, 3600)
}

// Estimate says what a plan costs under the tariff that is valid at the arrival.
// The error is an *[Error].
func (l *PriceList) Estimate(p Plan, policy Policy) (Estimation, error) {
	m, energy, err := p.metering()
	if err != nil {
		return Estimation{}, err
	}
	g, err := l.Generate(&m)
	if err != nil {
		return Estimation{}, err
	}
	e := Estimation{Start: m.Start, ChargingUntil: m.ChargingUntil, End: m.End, Energy: energy}
	if e.ChargingUntil.IsZero() {
		e.ChargingUntil = m.End
	}
	if e.Result, err = l.Explain(&g.Session, policy); err != nil {
		return Estimation{}, err
	}
	for _, period := range g.Session.Periods[1:] {
		e.Changes = append(e.Changes, period.Start)
	}
	return e, nil
}

// startEvery is how far apart the starts are that Cheapest tries.
const startEvery = 15 * time.Minute

// maxStarts bounds them.
const maxStarts = 4 * 24 * 14

// Cheapest returns the estimation with the lowest total among the starts from the
// plan's arrival to latest, a quarter of an hour apart, besides those at which a
// price changes; the earliest of equals. It compares totals with tax where they
// are known, else without. The window may be 14 days.
func (l *PriceList) Cheapest(p Plan, latest time.Time, policy Policy) (Estimation, error) {
	if latest.Sub(p.Arrival) > maxStarts*startEvery {
		return Estimation{}, bad("/latest", "lies more than 14 days after the arrival")
	}
	best, err := l.Estimate(p, policy)
	if err != nil {
		return best, err
	}
	starts := append([]time.Time(nil), best.Changes...)
	for t := p.Arrival.Add(startEvery); !t.After(latest); t = t.Add(startEvery) {
		starts = append(starts, t)
	}
	for _, t := range starts {
		if t.After(latest) {
			continue
		}
		q := p
		q.Arrival = t
		e, err := l.Estimate(q, policy)
		if err != nil {
			return best, fmt.Errorf("starting at %s: %w", t.Format(time.RFC3339), err)
		}
		if c := e.total().Cmp(best.total()); c < 0 || c == 0 && e.Start.Before(best.Start) {
			best = e
		}
	}
	return best, nil
}

// total is the amount that estimations are compared by.
func (e *Estimation) total() Amount {
	if e.Result.TotalIncl.Known() {
		return e.Result.TotalIncl
	}
	return e.Result.TotalExcl
}

// Sample is a session by which tariffs are compared.
type Sample struct {
	Name string
	Plan Plan
}

// Samples returns standard sessions that begin on a day, and on the Sunday after
// it, in a zone: at work, over night, while shopping, and on the way at a fast
// charger.
func Samples(day time.Time, zone *time.Location) []Sample {
	y, m, d := day.Date()
	at := func(days, hour, minute int) time.Time { return time.Date(y, m, d+days, hour, minute, 0, 0, zone) }
	plan := func(t time.Time, kwh, kw int64, stay time.Duration) Plan {
		return Plan{Arrival: t, Zone: zone, Energy: kwh * 1e9, Power: kw * 1e6, Stay: stay}
	}
	sunday := (7 - int(time.Date(y, m, d, 12, 0, 0, 0, zone).Weekday())) % 7
	return []Sample{
		{"at work, 20 kWh at 11 kW, 8:30 to 17:30", plan(at(0, 8, 30), 20, 11, 9*time.Hour)},
		{"over night, 40 kWh at 11 kW, 18:00 to 8:00", plan(at(0, 18, 0), 40, 11, 14*time.Hour)},
		{"shopping, 11 kWh at 11 kW, 1 h from 15:00", plan(at(0, 15, 0), 11, 11, time.Hour)},
		{"fast, 25 kWh at 50 kW, 12:00", plan(at(0, 12, 0), 25, 50, 0)},
		{"fast, 45 kWh at 150 kW, 17:30", plan(at(0, 17, 30), 45, 150, 0)},
		{"fast, 30 kWh at 100 kW, 10 min too long, Sunday 13:00", plan(at(sunday, 13, 0), 30, 100, 28*time.Minute)},
		{"short, 2 kWh at 11 kW, Sunday 10:00", plan(at(sunday, 10, 0), 2, 11, 0)},
	}
}

// Compared is what a sample costs under two tariffs. Difference is b - a, with tax
// where both totals are known with tax, else without.
type Compared struct {
	Sample     Sample
	A, B       Result
	Difference Amount
}

// Compare prices samples under two price lists of one currency. The error is an
// *[Error].
func Compare(a, b *PriceList, samples []Sample, policy Policy) ([]Compared, error) {
	if a.Currency() != b.Currency() {
		return nil, &Error{Code: "currency_mismatch", Message: fmt.Sprintf("one tariff has %s, the other %s", a.Currency(), b.Currency())}
	}
	out := make([]Compared, 0, len(samples))
	for _, s := range samples {
		x, err := a.Estimate(s.Plan, policy)
		if err != nil {
			return nil, err
		}
		y, err := b.Estimate(s.Plan, policy)
		if err != nil {
			return nil, err
		}
		c := Compared{Sample: s, A: x.Result, B: y.Result, Difference: y.Result.TotalIncl.Sub(x.Result.TotalIncl)}
		if !c.Difference.Known() {
			c.Difference = y.Result.TotalExcl.Sub(x.Result.TotalExcl)
		}
		out = append(out, c)
	}
	return out, nil
}
