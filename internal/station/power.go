package station

import (
	"math"
	"strings"
)

// Power that no charging station of today has.
const (
	maxWatts     = 4_000_000 // megawatt charging ends at 3.75 MW
	minWatts     = 100       // what lies below was meant as kW
	lineToLine   = 300       // volts from which a three-phase voltage is one between lines
	maxOvershoot = 5         // a stated power above so many times V·A is a slip of a unit
)

// Power is what a connector says about itself: a power type of OCPI, volts,
// amperes and watts. 0 is absent.
type Power struct {
	Type                    string
	Volts, Amperes, Maximum float64
}

// Calculated returns watts from voltage and current. OCPI means the voltage
// between line and neutral (2.2.1 §8.3.3), so three phases carry 3·V·A; a third
// of the field writes the 400 V between lines, where it is √3·V·A.
func (p Power) Calculated() float64 {
	va := p.Volts * p.Amperes
	switch {
	case !(p.Volts > 0) || !(p.Amperes > 0):
		return 0
	case p.Type == "AC_3_PHASE" && p.Volts >= lineToLine:
		return va * math.Sqrt(3)
	case p.Type == "AC_3_PHASE":
		return va * 3
	case p.Type == "AC_2_PHASE" && p.Volts < lineToLine:
		return va * 2
	case p.Type == "AC_2_PHASE_SPLIT" && p.Volts < 200: // 120 V to neutral, 240 V between the two
		return va * 2
	}
	return va
}

// Impossible reports whether the stated maximum cannot be meant: below 100 W,
// above 4 MW, or more than five times what voltage and current allow.
func (p Power) Impossible() bool {
	if p.Maximum == 0 {
		return false
	}
	c := p.Calculated()
	return !(p.Maximum >= minWatts) || p.Maximum > maxWatts || c > 0 && p.Maximum > maxOvershoot*c
}

// AC reports whether it is alternating current.
func (p Power) AC() bool { return strings.HasPrefix(p.Type, "AC") }

// Watts returns the power that a driver can expect at most: the stated maximum,
// or what voltage and current give where it is absent or impossible; 0 where
// that is impossible too.
func (p Power) Watts() float64 {
	if p.Maximum > 0 && !p.Impossible() {
		return p.Maximum
	}
	if c := p.Calculated(); c >= minWatts && c <= maxWatts {
		return c
	}
	return 0
}
