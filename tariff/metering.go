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
	if !m.ReservedFrom.IsZero() && m.Start.Sub(m.ReservedFrom) > maxGenerated {
		return bad("/reserved_from", "lies more than 31 days before the start")
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
