package tariff

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// random makes tariffs and sessions of every kind, days on which the clock is
// changed among them.
type random struct{ *rand.Rand }

var zones = func() []*time.Location {
	var out []*time.Location
	for _, name := range []string{"Europe/Amsterdam", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"} {
		z, err := time.LoadLocation(name)
		if err != nil {
			panic(err)
		}
		out = append(out, z)
	}
	return out
}()

func pickOne[T any](r random, list ...T) T { return list[r.IntN(len(list))] }

func (r random) number(most, decimals int) ocpi.Number {
	n := r.IntN(most*pow(decimals) + 1)
	if decimals == 0 {
		return ocpi.MustNumber(fmt.Sprint(n))
	}
	return ocpi.MustNumber(fmt.Sprintf("%d.%0*d", n/pow(decimals), decimals, n%pow(decimals)))
}

func pow(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}

func (r random) maybe(percent int) bool { return r.IntN(100) < percent }

func (r random) tariff() Tariff {
	t := Tariff{
		CountryCode: "NL", PartyID: "CPO", ID: "T", Currency: pickOne(r, "EUR", "EUR", "JPY", "KWD"),
		Tax: pickOne(r, TaxExcluded, TaxExcluded, TaxAddedOutside, TaxIncluded, TaxNotApplicable),
	}
	for range 1 + r.IntN(6) {
		t.Elements = append(t.Elements, r.element())
	}
	if r.maybe(15) {
		t.MinPrice = r.limit(5)
	}
	if r.maybe(15) {
		t.MaxPrice = r.limit(40)
	}
	return t
}

func (r random) limit(most int) *Limit {
	l := &Limit{Before: r.number(most, 2)}
	if r.maybe(50) {
		l.After = r.number(most+most/5+1, 2)
	}
	return l
}

func (r random) element() (e Element) {
	if r.maybe(70) {
		e.Restrictions = r.restrictions()
	}
	for range 1 + r.IntN(4) {
		c := Component{Type: pickOne(r, Energy, Energy, Time, ParkingTime, Flat), Price: r.number(3, r.IntN(5)), StepSize: pickOne[int64](r, 0, 1, 1, 60, 100, 300, 500, 900, 7)}
		if r.maybe(60) {
			c.VAT = pickOne(r, ocpi.MustNumber("21"), ocpi.MustNumber("10.0"), ocpi.MustNumber("0"), ocpi.MustNumber("5.5"), ocpi.MustNumber("19.6"))
		}
		e.Components = append(e.Components, c)
	}
	return e
}

func (r random) restrictions() *Restrictions {
	w := &Restrictions{}
	if r.maybe(40) {
		w.StartTime = pickOne(r, "", "00:00", "02:30", "08:00", "12:15", "20:00", "23:00")
		w.EndTime = pickOne(r, "", "00:00", "02:30", "03:00", "08:00", "17:00", "20:00", "24:00")
	}
	if r.maybe(20) {
		for range 1 + r.IntN(4) {
			w.DayOfWeek = append(w.DayOfWeek, pickOne(r, "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"))
		}
	}
	if r.maybe(10) {
		w.StartDate = pickOne(r, "2025-03-30", "2025-10-26", "2025-01-13")
	}
	if r.maybe(10) {
		w.EndDate = pickOne(r, "2025-03-31", "2025-10-27", "2025-04-07")
	}
	if r.maybe(15) {
		w.MinKWh = r.number(12, r.IntN(3))
	}
	if r.maybe(15) {
		w.MaxKWh = r.number(30, r.IntN(3))
	}
	if r.maybe(15) {
		n := r.Int64N(7200)
		w.MinDuration = &n
	}
	if r.maybe(15) {
		n := r.Int64N(14400)
		w.MaxDuration = &n
	}
	if r.maybe(10) {
		w.MinPower = r.number(20, 1)
	}
	if r.maybe(10) {
		w.MaxPower = r.number(60, 1)
	}
	if r.maybe(5) {
		w.MaxCurrent = r.number(32, 0)
	}
	if r.maybe(10) {
		w.Reservation = pickOne(r, "RESERVATION", "RESERVATION_EXPIRES")
	}
	return w
}

// start returns a moment, often near a change of the clock.
func (r random) start() time.Time {
	day := pickOne(r, "2025-03-29", "2025-03-30", "2025-10-25", "2025-10-26", "2025-03-09", "2025-11-02", "2025-04-05", "2025-01-13", "2025-07-15")
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t.Add(time.Duration(r.IntN(86400)) * time.Second)
}

func (r random) session() Session {
	s := Session{Start: r.start(), Zone: zones[r.IntN(len(zones))]}
	at := s.Start
	reserved := r.maybe(15)
	for i := range 1 + r.IntN(7) {
		p := Period{Start: at, Index: i}
		length := int64(1 + r.IntN(9000))
		switch {
		case reserved && i == 0:
			p.Reservation, p.Has = length, HasReservation
		case r.maybe(70):
			p.Time, p.Energy, p.Has = length, r.Int64N(40_000)*1_000_000/int64(pow(r.IntN(3))), HasTime|HasEnergy
		default:
			p.Parking, p.Has = length, HasParking
		}
		if r.maybe(70) {
			p.MinPower = r.Int64N(60_000_000)
			p.MaxPower, p.Has = p.MinPower+r.Int64N(20_000_000), p.Has|HasMinPower|HasMaxPower
		}
		s.Periods = append(s.Periods, p)
		at = at.Add(time.Duration(length) * time.Second)
	}
	s.End = at
	s.Expired = reserved && len(s.Periods) == 1
	return s
}

func (r random) metering() Metering {
	m := Metering{Start: r.start(), Zone: zones[r.IntN(len(zones))]}
	at, energy := m.Start, int64(1000e9)
	m.Readings = append(m.Readings, Reading{at, energy})
	for range 1 + r.IntN(6) {
		at = at.Add(time.Duration(60+r.IntN(14400)) * time.Second)
		if r.maybe(85) {
			energy += r.Int64N(20_000) * 1_000_000
		}
		m.Readings = append(m.Readings, Reading{at, energy})
	}
	m.End = at
	if r.maybe(40) {
		m.ChargingUntil = m.Start.Add(time.Duration(1+r.Int64N(int64(at.Sub(m.Start)/time.Second))) * time.Second)
	}
	if r.maybe(10) {
		m.ReservedFrom = m.Start.Add(-time.Duration(1+r.IntN(3600)) * time.Second)
	}
	return m
}

func secondsOf(n int64) time.Duration { return time.Duration(n) * time.Second }
