package check

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/tariff"
)

// late is C24.
func (r *run) late() {
	c, day := r.CDR, 24*time.Hour
	if c.Credit || r.badTimes {
		return
	}
	age := r.Now.Sub(c.End)
	code, limit := "very_late", time.Duration(r.settings.LateHoldDays)*day
	if limit <= 0 || age <= limit {
		code, limit = "late", time.Duration(r.settings.LateWarnDays)*day
	}
	if limit > 0 && age > limit {
		r.found("C24", code, "/end_date_time", details{"end": clock(c.End), "received": clock(r.Now), "days": strconv.Itoa(int(age / day))},
			"It came %d days after the end of the session; %d are allowed.", age/day, limit/day)
	}
}

// special is C25.
func (r *run) special() {
	c := r.CDR
	if strings.EqualFold(c.Place.EVSE, "#NA") && c.Session != "" {
		r.found("C25", "na_with_session", "/cdr_location/evse_uid", nil, "#NA is for a reservation that was not used; the CDR has session %s.", c.Session)
	}
	if c.Home && r.place.known && !r.place.home {
		r.found("C25", "home_compensation", "/home_charging_compensation", details{"location": c.Place.Location}, "home_charging_compensation is set, and location %s is public.", c.Place.Location)
	}
}

// missing is C26, the only check of a session that has no CDR.
func (r *run) missing() {
	s, ok := r.readSession()
	if !ok || s.updated.IsZero() {
		return
	}
	switch v221.SessionStatus(s.status) {
	case v221.SessionCompleted:
		end := s.end
		if end.IsZero() || end.Year() == 1970 {
			end = s.updated
		}
		if late := r.Now.Sub(end); late > time.Duration(r.settings.MissingCDRHours)*time.Hour {
			r.found("C26", "missing", "", details{"session": s.id, "end": clock(end)}, "Session %s ended at %s and has no CDR after %s.", s.id, clock(end), whole(late))
		}
	case v221.SessionActive:
		if silent := r.Now.Sub(s.updated); silent > time.Duration(r.settings.SilentSessionHours)*time.Hour {
			r.found("C26", "silent", "", details{"session": s.id, "updated": clock(s.updated)}, "Session %s is active and was last updated at %s, %s ago.", s.id, clock(s.updated), whole(silent))
		}
	}
}

// statistics is C27.
func (r *run) statistics() {
	c := r.CDR
	if c.Credit || r.badTimes {
		return
	}
	var repeated, travel *Other
	count, far, gap := 0, 0.0, time.Duration(0)
	r.rivals(func(o *Other) bool {
		if c.Energy > 0 && o.Energy == c.Energy && o.Gross == c.Gross && strings.EqualFold(o.Currency, c.Currency) && o.End.Sub(o.Start) == c.End.Sub(c.Start) &&
			!(o.Start.Before(c.End) && c.Start.Before(o.End)) && (o.Token == c.Token.Key || o.EVSE == c.Place.EVSEKey && !unknownEVSE(o.EVSE)) {
			if count++; repeated == nil {
				repeated = o
			}
		}
		if metres, between, ok := r.travel(o); ok && travel == nil {
			travel, far, gap = o, metres, between
		}
		return true
	})
	if repeated != nil {
		r.found("C27", "repeated", "", details{"other": repeated.ID, "count": strconv.Itoa(count)},
			"The CDR %s of the same token or EVSE has the same duration, energy and cost (CDRs like it: %d).", repeated.ID, count)
	}
	if travel != nil {
		km := strconv.FormatFloat(far/1000, 'f', 1, 64)
		r.found("C27", "impossible_travel", "/cdr_token", details{"other": travel.ID, "km": km, "between": whole(gap)},
			"The token was used %s km away %s before or after, for the CDR %s.", km, whole(gap), travel.ID)
	}
	r.unusual()
}

// nearby is a distance, in metres, at which two places may be one.
const nearby = 5_000

// travel reports whether the token cannot have been at both places.
func (r *run) travel(o *Other) (metre float64, gap time.Duration, impossible bool) {
	c := r.CDR
	lat, lon := c.Place.Latitude, c.Place.Longitude
	if r.place.hasCoordinates {
		lat, lon = r.place.latitude, r.place.longitude
	}
	if o.Token != c.Token.Key || !o.HasPlace || lat == 0 && lon == 0 || r.settings.MaxSpeedKmh <= 0 {
		return 0, 0, false
	}
	metre = metres(lat, lon, o.Latitude, o.Longitude)
	gap = max(o.Start.Sub(c.End), c.Start.Sub(o.End), 0)
	return metre, gap, metre > nearby && metre/1000 > float64(r.settings.MaxSpeedKmh)*gap.Hours()
}

// fewest is how many CDRs make a usual price, and leastDeviation how far at least
// they are taken to lie apart, as a part of it: where all cost the same, rounding
// must not count.
const (
	fewest         = 20
	leastDeviation = 0.025
)

// unusual compares the net cost per kWh with what is usual here.
func (r *run) unusual() {
	c, u := r.CDR, r.Usual
	if u == nil || u.Count < fewest || !(u.Mean > 0) || c.SumEnergy < 1e9 || r.energySlip {
		return
	}
	most, err := r.settings.MaxDeviation.Decimal()
	if err != nil || most.IsZero() {
		return
	}
	limit, _ := most.Float64()
	per := float64(c.Net) / math.Pow10(tariff.CurrencyDecimals(c.Currency)) / (float64(c.SumEnergy) / 1e9)
	z := (per - u.Mean) / max(u.Deviation, leastDeviation*u.Mean)
	if math.Abs(z) <= limit || math.IsNaN(z) || math.IsInf(z, 0) {
		return
	}
	text := func(f float64) string { return strconv.FormatFloat(f, 'f', 4, 64) }
	r.found("C27", "unusual_price", "/total_cost", details{"price": text(per), "mean": text(u.Mean), "deviations": strconv.FormatFloat(z, 'f', 1, 64)},
		"It costs %s %s per kWh; usual here is %s.", text(per), c.Currency, text(u.Mean))
}
