package check

import (
	"slices"
	"strconv"
	"time"

	"github.com/eroam/eroam/tariff"
)

// unknownTime reports whether 1970 stands for a time that is not known (OCPI 2.2.1
// §10.3.1).
func (r *run) unknownTime() bool { return r.CDR.Start.Year() == 1970 || r.CDR.End.Year() == 1970 }

// times is C07.
func (r *run) times() {
	c, s := r.CDR, r.settings
	if r.unknownTime() {
		if !s.AllowUnknownTimes {
			r.found("C07", "unknown_time", "/start_date_time", nil, "A time in 1970 stands for one that is not known; that needs an agreement.")
		}
		return
	}
	length := c.End.Sub(c.Start)
	longest, shortest := time.Duration(s.MaxDurationHours)*time.Hour, time.Duration(s.MinDurationSeconds)*time.Second
	switch {
	case length <= 0:
		r.found("C07", "not_after_start", "/end_date_time", details{"start": clock(c.Start), "end": clock(c.End)}, "It starts at %s and ends at %s.", clock(c.Start), clock(c.End))
	case longest > 0 && length > longest:
		r.found("C07", "too_long", "/end_date_time", details{"duration": whole(length), "limit": whole(longest)}, "It lasts %s, more than %s.", whole(length), whole(longest))
	case length < shortest:
		r.found("C07", "too_short", "/end_date_time", details{"duration": whole(length), "limit": whole(shortest)}, "It lasts %s, less than %s.", whole(length), whole(shortest))
	}
	latest, pointer := c.End, "/end_date_time"
	if c.Updated.After(latest) {
		latest, pointer = c.Updated, "/last_updated"
	}
	if ahead := latest.Sub(r.Now); ahead > time.Duration(s.ClockSkewSeconds)*time.Second {
		r.found("C07", "future", pointer, details{"time": clock(latest), "received": clock(r.Now)}, "%s lies %s after the CDR was received.", clock(latest), whole(ahead))
	}
	if length > 0 && c.Updated.Before(c.End) {
		r.found("C07", "updated_before_end", "/last_updated", details{"last_updated": clock(c.Updated), "end": clock(c.End)}, "It was last updated at %s, before its end at %s.", clock(c.Updated), clock(c.End))
	}
}

// periods is C08.
func (r *run) periods() {
	c := r.CDR
	if r.badTimes {
		return
	}
	outside, unsorted, same := -1, -1, -1
	list := c.Tariff.Session.Periods
	for i := range list {
		p := &list[i]
		if outside < 0 && (p.Start.Before(c.Start) || !p.Start.Before(c.End)) {
			outside = i
		}
		if i == 0 {
			continue
		}
		switch d := p.Start.Compare(list[i-1].Start); {
		case d < 0 && unsorted < 0:
			unsorted = i
		case d == 0 && same < 0:
			same = i
		}
	}
	r.badPeriods = outside >= 0 || same >= 0
	if unsorted >= 0 {
		r.found("C08", "unsorted", period(unsorted), details{"start": clock(list[unsorted].Start), "before": clock(list[unsorted-1].Start)},
			"Period %d starts at %s, before the one that precedes it, %s.", unsorted, clock(list[unsorted].Start), clock(list[unsorted-1].Start))
	}
	if same >= 0 {
		r.found("C08", "same_start", period(same), details{"start": clock(list[same].Start)}, "Periods %d and %d both start at %s.", same-1, same, clock(list[same].Start))
	}
	if outside >= 0 {
		r.found("C08", "outside", period(outside), details{"start": clock(list[outside].Start)},
			"Period %d starts at %s; the session is from %s to %s.", outside, clock(list[outside].Start), clock(c.Start), clock(c.End))
	}
}

// slack is what a volume of time may be off: a second, and the four decimals of an
// hour.
const slack = 2 * time.Second

// periodTimes is C09.
func (r *run) periodTimes() {
	c := r.CDR
	if r.badTimes || r.badPeriods || r.unitsSlip() {
		return
	}
	list := c.Tariff.Session.Periods
	byStart := func(a, b tariff.Period) int { return a.Start.Compare(b.Start) }
	if !slices.IsSortedFunc(list, byStart) {
		list = slices.Clone(list)
		slices.SortStableFunc(list, byStart)
	}
	tooMuch, count, all := -1, 0, true
	var stated, length time.Duration
	for i := range list {
		p, end := &list[i], c.End
		if i+1 < len(list) {
			end = list[i+1].Start
		}
		held := span(p.Time) + span(p.Parking) + span(p.Reservation) + span(p.Overtime)
		if held > end.Sub(p.Start)+slack {
			if count++; tooMuch < 0 {
				tooMuch, stated, length = i, held, end.Sub(p.Start)
			}
		}
		all = all && p.Has&(tariff.HasTime|tariff.HasParking|tariff.HasReservation|tariff.HasOvertime) != 0
	}
	if tooMuch >= 0 {
		p := list[tooMuch].Index
		r.found("C09", "too_much_time", period(p), details{"stated": whole(stated), "length": whole(length), "periods": strconv.Itoa(count)},
			"Period %d lasts %s and holds %s of time (periods like this: %d).", p, whole(length), whole(stated), count)
		return
	}
	duration := c.End.Sub(c.Start)
	sum := c.SumTime + c.SumParking + c.SumReservation
	if missing := duration - sum; all && missing > max(time.Minute, duration/100) {
		r.found("C09", "time_missing", "/charging_periods", details{"stated": whole(sum), "length": whole(duration)},
			"The session lasts %s; its periods hold %s of charging, parking and reservation.", whole(duration), whole(sum))
	}
}

// totals is C10.
func (r *run) totals() {
	c := r.CDR
	if c.End.Before(c.Start) {
		return
	}
	n := int64(len(c.Tariff.Session.Periods))
	if off := distance(c.Energy, c.SumEnergy); off > 1_000_000+n*50_000 && !r.energySlip {
		code := "energy_differs"
		if r.costs(tariff.Energy) {
			code = "priced_energy_differs"
		}
		r.found("C10", code, "/total_energy", details{"total": kwh(c.Energy), "sum": kwh(c.SumEnergy)}, "total_energy is %s; the periods sum up to %s.", kwh(c.Energy), kwh(c.SumEnergy))
	}
	if length := c.End.Sub(c.Start); !r.badTimes && !r.timeSlip && (c.Time-length).Abs() > hourSlack {
		r.found("C10", "time_differs", "/total_time", details{"total": whole(c.Time), "length": whole(length)}, "total_time is %s; from start to end it is %s.", whole(c.Time), whole(length))
	}
	if c.HasParking && !r.timeSlip && (c.Parking-c.SumParking).Abs() > hourSlack+time.Duration(n)*time.Second/2 {
		code := "parking_differs"
		if r.costs(tariff.ParkingTime) {
			code = "priced_parking_differs"
		}
		r.found("C10", code, "/total_parking_time", details{"total": whole(c.Parking), "sum": whole(c.SumParking)}, "total_parking_time is %s; the periods sum up to %s.", whole(c.Parking), whole(c.SumParking))
	}
}

// hourSlack is 0.001 h.
const hourSlack = 3600 * time.Millisecond

// distance returns |a - b|, the largest number where it does not fit.
func distance(a, b int64) int64 {
	if a < b {
		a, b = b, a
	}
	if d := a - b; d >= 0 {
		return d
	}
	return 1<<63 - 1
}

// costs reports whether a dimension has a price in what the hub computed.
func (r *run) costs(d tariff.Dimension) bool {
	if r.report.Price == nil {
		return false
	}
	sum, there := r.report.Price.ByDimension.Get(d)
	return there && !(sum.Excl.IsZero() || !sum.Excl.Known() && sum.Incl.IsZero())
}
