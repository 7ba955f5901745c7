package check

import (
	"strings"
	"time"

	"github.com/eroam/eroam/tariff"
)

// about reports whether a is factor times b, give or take 2 %.
func about(a, b, factor int64) bool {
	if b <= 0 || a/factor > b*2 || b > 1<<60/factor {
		return false
	}
	return distance(a, b*factor) <= b*factor/50
}

// look finds what several checks must know: what the location says about the
// EVSE, and slips of units.
func (r *run) look() {
	c := r.CDR
	r.place = r.readPlace()
	length := c.End.Sub(c.Start)
	r.badTimes = length <= 0 || r.unknownTime()
	stated := c.SumTime + c.SumParking + c.SumReservation
	if length >= time.Minute {
		ms := func(d time.Duration) int64 { return int64(d / time.Millisecond) }
		for _, factor := range [...]int64{60, 3600} {
			r.timeSlip = r.timeSlip || about(ms(c.Time), ms(length), factor) || about(ms(stated), ms(length), factor)
		}
	}
	r.energySlip = about(c.Energy, c.SumEnergy, 1000) || about(c.SumEnergy, c.Energy, 1000) || r.tooFast(c.SumEnergy, 20)
}

// unitsSlip reports whether a time or an energy is of another unit.
func (r *run) unitsSlip() bool { return r.timeSlip || r.energySlip }

// units is C11.
func (r *run) units() {
	c := r.CDR
	if r.energySlip {
		r.found("C11", "energy_unit", "/total_energy", details{"total": kwh(c.Energy), "sum": kwh(c.SumEnergy)},
			"total_energy is %s and the periods sum up to %s: that seems to be in Wh.", kwh(c.Energy), kwh(c.SumEnergy))
	}
	if r.timeSlip {
		length, stated := c.End.Sub(c.Start), c.SumTime+c.SumParking+c.SumReservation
		r.found("C11", "time_unit", "/total_time", details{"total": whole(c.Time), "sum": whole(stated), "length": whole(length)},
			"total_time is %s and the periods hold %s of a session that lasts %s: that seems to be in minutes or seconds.", whole(c.Time), whole(stated), whole(length))
	}
}

// watts returns the most power of the connector: what the location says, else what
// its kind of current can have. 0 is not known.
func (r *run) watts() int64 {
	if r.place.watts > 0 {
		return r.place.watts
	}
	switch strings.ToUpper(r.CDR.Place.PowerType) {
	case "AC_1_PHASE":
		return 7_400
	case "AC_2_PHASE", "AC_2_PHASE_SPLIT":
		return 14_800
	case "AC_3_PHASE":
		return 43_000
	}
	return 1_000_000
}

// maxWatts bounds the power of a connector, and maxTime the time that is looked
// at, so that their product fits.
const (
	maxWatts = 10_000_000
	maxTime  = 100_000_000 // s
)

// most returns the energy that a connector can give in the time of charging, in
// 10⁻⁹ kWh, and that time.
func (r *run) most() (int64, time.Duration) {
	c := r.CDR
	length := c.End.Sub(c.Start)
	if c.SumTime > 0 && c.SumTime < length {
		length = c.SumTime
	}
	length = min(length, maxTime*time.Second)
	seconds := int64((length + slack) / time.Second)
	return min(r.watts(), maxWatts) * max(seconds, 0) / 9 * 2500, length // 1 Ws = 2500/9 · 10⁻⁹ kWh
}

// tooFast reports whether an energy takes more than so many times the power that
// there is.
func (r *run) tooFast(energy, times int64) bool {
	most, length := r.most()
	return length > 0 && !r.timeSlip && energy/times > most
}

// power is C12.
func (r *run) power() {
	c := r.CDR
	if r.energySlip || r.badTimes {
		return
	}
	watts := r.watts()
	if most, length := r.most(); length > 0 && !r.timeSlip && c.SumEnergy/11*10 > most {
		r.found("C12", "too_much_power", "/total_energy", details{"energy": kwh(c.SumEnergy), "time": whole(length), "power": kilowatts(watts), "most": kwh(most)},
			"%s in %s is more than %s can give (%s).", kwh(c.SumEnergy), whole(length), kilowatts(watts), kwh(most))
	} else {
		r.powerDimension(watts)
	}
	highest, lowest := limitOf(r.settings.MaxKWh), limitOf(r.settings.MinKWh)
	energy := max(c.Energy, c.SumEnergy)
	switch {
	case highest > 0 && energy > highest:
		r.found("C12", "too_much_energy", "/total_energy", details{"energy": kwh(energy), "limit": kwh(highest)}, "%s is more than %s.", kwh(energy), kwh(highest))
	case energy < lowest && energy >= 0:
		r.found("C12", "too_little_energy", "/total_energy", details{"energy": kwh(energy), "limit": kwh(lowest)}, "%s is less than %s.", kwh(energy), kwh(lowest))
	}
}

func (r *run) powerDimension(watts int64) {
	for i := range r.CDR.Tariff.Session.Periods {
		p := &r.CDR.Tariff.Session.Periods[i]
		for _, f := range [...]struct {
			has tariff.Has
			mw  int64 // 10⁻⁶ kW
		}{{tariff.HasMaxPower, p.MaxPower}, {tariff.HasMinPower, p.MinPower}} {
			if p.Has&f.has != 0 && f.mw/1100 > watts {
				r.found("C12", "power_dimension", period(p.Index), details{"power": kilowatts(f.mw / 1000), "limit": kilowatts(watts)},
					"Period %d has a power of %s; the connector has %s.", p.Index, kilowatts(f.mw/1000), kilowatts(watts))
				return
			}
		}
	}
}

// energy is C13.
func (r *run) energy() {
	c := r.CDR
	if !r.settings.AllowNegative {
		for i := range c.Tariff.Session.Periods {
			if p := &c.Tariff.Session.Periods[i]; p.Energy < 0 {
				r.found("C13", "negative_energy", period(p.Index), details{"energy": kwh(p.Energy)}, "Period %d has an energy of %s.", p.Index, kwh(p.Energy))
				return
			}
		}
		if c.Energy < 0 {
			r.found("C13", "negative_energy", "/total_energy", details{"energy": kwh(c.Energy)}, "total_energy is %s.", kwh(c.Energy))
			return
		}
	}
	switch {
	case c.SumEnergy > 0 && c.SumTime == 0 && (c.hasTime || c.hasParking):
		r.found("C13", "energy_without_time", "/charging_periods", details{"energy": kwh(c.SumEnergy)}, "%s in no time of charging.", kwh(c.SumEnergy))
	case c.SumEnergy == 0 && c.Energy == 0 && c.SumTime > 15*time.Minute && !r.timeSlip:
		r.found("C13", "time_without_energy", "/total_energy", details{"time": whole(c.SumTime)}, "%s of charging, and no energy.", whole(c.SumTime))
	}
}

// kilowatts writes a power in watts.
func kilowatts(watts int64) string {
	return strings.TrimSuffix(strings.TrimRight(minorText(watts, 3), "0"), ".") + " kW"
}
