package tariff

import (
	"fmt"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// restrictions is the condition of an element in integers. The fields of a kind
// count only where has says so.
type restrictions struct {
	has condition
	// Minutes of the local day; from == to is the whole day, from > to wraps.
	from, to int
	days     uint8 // bit 0 is Sunday
	// Local days since 1970; to is exclusive.
	fromDay, toDay           int
	minKWh, maxKWh           int64 // 10⁻⁹ kWh
	minDuration, maxDuration int64 // s
	minPower, maxPower       int64 // 10⁻⁶ kW
	minCurrent, maxCurrent   int64 // 10⁻⁶ A
	source                   *Restrictions
	never                    bool // cannot be read; only lint goes on then
}

// condition names one restriction.
type condition uint16

const (
	onTime condition = 1 << iota
	onDay
	onStartDate
	onEndDate
	onMinKWh
	onMaxKWh
	onMinDuration
	onMaxDuration
	onMinPower
	onMaxPower
	onMinCurrent
	onMaxCurrent
)

// name returns the field of the restriction.
func (c condition) name() string {
	switch c {
	case onTime:
		return "start_time/end_time"
	case onDay:
		return "day_of_week"
	case onStartDate:
		return "start_date"
	case onEndDate:
		return "end_date"
	case onMinKWh:
		return "min_kwh"
	case onMaxKWh:
		return "max_kwh"
	case onMinDuration:
		return "min_duration"
	case onMaxDuration:
		return "max_duration"
	case onMinPower:
		return "min_power"
	case onMaxPower:
		return "max_power"
	case onMinCurrent:
		return "min_current"
	}
	return "max_current"
}

// state is what restrictions are compared with: a moment of a session.
type state struct {
	minute   int // of the local day
	weekday  uint8
	day      int // local, since 1970
	energy   int64
	duration int64
	period   *Period
}

// at sets the time of a state to what clock and calendar of the zone of t show.
// It looks the zone up once; Clock, Weekday and Date would each do so.
func (s *state) at(t time.Time) {
	_, offset := t.Zone()
	local := t.Unix() + int64(offset)
	day := local / 86400
	if local%86400 < 0 { // before 1970
		day--
	}
	s.day = int(day)
	s.minute = int(local-day*86400) / 60
	s.weekday = 1 << weekdayOf(day)
}

// fails returns the first restriction that s does not meet, 0 when it meets all;
// missing says that the period does not tell what would be needed to know.
func (r *restrictions) fails(s *state, p *Policy) (c condition, missing bool) {
	if r == nil || r.has == 0 {
		return 0, false
	}
	switch {
	case r.has&onTime != 0 && !within(s.minute, r.from, r.to):
		return onTime, false
	case r.has&onDay != 0 && r.days&s.weekday == 0:
		return onDay, false
	case r.has&onStartDate != 0 && s.day < r.fromDay:
		return onStartDate, false
	case r.has&onEndDate != 0 && s.day >= r.toDay:
		return onEndDate, false
	case r.has&onMinKWh != 0 && s.energy < r.minKWh:
		return onMinKWh, false
	case r.has&onMaxKWh != 0 && s.energy >= r.maxKWh:
		return onMaxKWh, false
	case r.has&onMinDuration != 0 && s.duration < r.minDuration:
		return onMinDuration, false
	case r.has&onMaxDuration != 0 && s.duration >= r.maxDuration:
		return onMaxDuration, false
	}
	return r.failsPower(s.period, p)
}

// otherDay reports whether s lies on another day than the restrictions allow. It
// is a part of fails that is small enough to be inlined.
func (r *restrictions) otherDay(s *state) bool {
	return r.has&onStartDate != 0 && s.day < r.fromDay || r.has&onEndDate != 0 && s.day >= r.toDay
}

// failsPower compares what the vehicle took during the period.
func (r *restrictions) failsPower(q *Period, p *Policy) (condition, bool) {
	if r.has&(onMinPower|onMaxPower|onMinCurrent|onMaxCurrent) == 0 {
		return 0, false
	}
	low, high := HasMinPower, HasMaxPower // what a minimum and a maximum are compared with
	lowA, highA := HasMinCurrent, HasMaxCurrent
	if p.Power == PowerSomeMoment {
		low, high, lowA, highA = high, low, highA, lowA
	}
	for _, c := range [...]struct {
		on    condition
		has   Has
		limit int64
		least bool
	}{
		{onMinPower, low, r.minPower, true}, {onMaxPower, high, r.maxPower, false},
		{onMinCurrent, lowA, r.minCurrent, true}, {onMaxCurrent, highA, r.maxCurrent, false},
	} {
		if r.has&c.on == 0 {
			continue
		}
		if q.Has&c.has == 0 {
			if p.MissingPowerMatches {
				continue
			}
			return c.on, true
		}
		if v := q.value(c.has); c.least && v < c.limit || !c.least && v >= c.limit {
			return c.on, false
		}
	}
	return 0, false
}

// value returns a power or current of the period.
func (p *Period) value(h Has) int64 {
	switch h {
	case HasMinPower:
		return p.MinPower
	case HasMaxPower:
		return p.MaxPower
	case HasMinCurrent:
		return p.MinCurrent
	}
	return p.MaxCurrent
}

// within reports whether a minute lies in [from, to) of the day.
func within(minute, from, to int) bool {
	switch {
	case from == to:
		return true
	case from < to:
		return minute >= from && minute < to
	}
	return minute >= from || minute < to
}

// compileRestrictions returns nil for none.
func compileRestrictions(w *Restrictions, pointer string) (*restrictions, error) {
	if w == nil {
		return nil, nil
	}
	r := &restrictions{source: w}
	if err := r.times(w, pointer); err != nil {
		return nil, err
	}
	for _, f := range []struct {
		n     ocpi.Number
		into  *int64
		on    condition
		scale int
	}{
		{w.MinKWh, &r.minKWh, onMinKWh, 9}, {w.MaxKWh, &r.maxKWh, onMaxKWh, 9},
		{w.MinPower, &r.minPower, onMinPower, 6}, {w.MaxPower, &r.maxPower, onMaxPower, 6},
		{w.MinCurrent, &r.minCurrent, onMinCurrent, 6}, {w.MaxCurrent, &r.maxCurrent, onMaxCurrent, 6},
	} {
		if !f.n.IsSet() {
			continue
		}
		n, err := bound(f.n, f.scale)
		if err != nil {
			return nil, bad(pointer+"/"+f.on.name(), "%v", err)
		}
		*f.into = n
		r.has |= f.on
	}
	if w.MinDuration != nil {
		r.minDuration, r.has = *w.MinDuration, r.has|onMinDuration
	}
	if w.MaxDuration != nil {
		r.maxDuration, r.has = *w.MaxDuration, r.has|onMaxDuration
	}
	return r, nil
}

// times reads the restrictions of the calendar.
func (r *restrictions) times(w *Restrictions, pointer string) (err error) {
	if w.StartTime != "" || w.EndTime != "" {
		r.has |= onTime
		if r.from, err = minuteOf(w.StartTime, pointer+"/start_time"); err != nil {
			return err
		}
		if r.to, err = minuteOf(w.EndTime, pointer+"/end_time"); err != nil {
			return err
		}
		if r.to == 0 {
			r.to = 24 * 60 // the end of the day
		}
		if r.from == r.to || r.from == 0 && r.to == 24*60 {
			r.has &^= onTime // the whole day
		}
	}
	if w.StartDate != "" {
		r.has |= onStartDate
		if r.fromDay, err = dayOf(w.StartDate, pointer+"/start_date"); err != nil {
			return err
		}
	}
	if w.EndDate != "" {
		r.has |= onEndDate
		if r.toDay, err = dayOf(w.EndDate, pointer+"/end_date"); err != nil {
			return err
		}
	}
	for i, name := range w.DayOfWeek {
		d, ok := weekdays[name]
		if !ok {
			return bad(fmt.Sprintf("%s/day_of_week/%d", pointer, i), "must be a day such as MONDAY")
		}
		r.has |= onDay
		r.days |= 1 << d
	}
	switch w.Reservation {
	case "", "RESERVATION", "RESERVATION_EXPIRES":
	default:
		return bad(pointer+"/reservation", "must be RESERVATION or RESERVATION_EXPIRES")
	}
	switch w.Booking {
	case "", "BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME":
	default:
		return bad(pointer+"/booking", "must be BOOKING, BOOKING_EXPIRES, BOOKING_CANCELLATION_FEES or BOOKING_OVERTIME")
	}
	return nil
}

// bound reads a limit; one that no session reaches, such as 99999999 kWh, is
// infinity.
func bound(n ocpi.Number, scale int) (int64, error) {
	v, err := fixed(n.String(), scale)
	if err == nil {
		return v, nil
	}
	d, outside := n.Decimal()
	switch {
	case outside != nil:
		return 0, err
	case d.IsNeg():
		return -infinity, nil
	}
	return infinity, nil
}

var weekdays = map[string]time.Weekday{
	"SUNDAY": time.Sunday, "MONDAY": time.Monday, "TUESDAY": time.Tuesday, "WEDNESDAY": time.Wednesday,
	"THURSDAY": time.Thursday, "FRIDAY": time.Friday, "SATURDAY": time.Saturday,
}

// minuteOf reads HH:MM; nothing is the beginning of the day, 24:00 its end. Some
// write seconds too; they must be 0.
func minuteOf(s, pointer string) (int, error) {
	if s == "" {
		return 0, nil
	}
	if strings.Count(s, ":") == 2 {
		s = strings.TrimSuffix(s, ":00")
	}
	if s == "24:00" {
		return 0, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, bad(pointer, "must be a time such as 13:30")
	}
	return t.Hour()*60 + t.Minute(), nil
}

func dayOf(s, pointer string) (int, error) {
	t, err := time.Parse("2006-01-02", s)
	if err != nil {
		return 0, bad(pointer, "must be a date such as 2026-12-31")
	}
	return int(t.Unix() / 86400), nil
}
