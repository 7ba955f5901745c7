package tariff

// RoundingMode says what becomes of the digits that are cut off.
type RoundingMode string

// The rounding modes.
const (
	HalfAwayFromZero RoundingMode = "half_away_from_zero" // the default
	HalfEven         RoundingMode = "half_even"
	Truncate         RoundingMode = "truncate"
	AwayFromZero     RoundingMode = "away_from_zero"
)

// Place says which amounts are rounded.
type Place string

// The places.
const (
	AtTotal Place = "total" // once, the total; the default
	AtLine  Place = "line"  // every line, so that the total is a sum of rounded lines
)

// StepReading says to what step_size is applied.
type StepReading string

// The readings of step_size (OCPI 2.2.1 §11.4.2, changed in 2023).
const (
	StepPerSession StepReading = "session" // once, the total of a dimension; the default
	StepPerPeriod  StepReading = "period"  // every period, as many did before
	StepOff        StepReading = "off"
)

// PowerReading says when a period meets min_power, max_power, min_current and
// max_current.
type PowerReading string

// The readings.
const (
	PowerWholePeriod PowerReading = "whole_period" // MIN_x >= min and MAX_x < max; the default
	PowerSomeMoment  PowerReading = "some_moment"  // MAX_x >= min and MIN_x < max
)

// Policy holds the readings that the specification leaves open, or that a
// contract decides. The zero value is the default of each. A result carries the
// policy it was priced under; docs/pricing.md gives the reasons.
type Policy struct {
	// Rounding of money.
	Rounding Rounding `json:"rounding"`
	// Tolerance is how far a claim may be from our amount, a decimal number in
	// the currency; "" means 0.01.
	Tolerance string `json:"tolerance,omitempty"`
	// StepSize says to what step_size is applied.
	StepSize StepReading `json:"step_size,omitempty"`
	// StepCountsUnpriced rounds up volumes that no component prices, too.
	StepCountsUnpriced bool `json:"step_counts_unpriced,omitzero"`
	// Power says when a period meets a limit of power or current.
	Power PowerReading `json:"power,omitempty"`
	// MissingPowerMatches lets a period that does not say its power meet every
	// limit of power; otherwise it meets none, and there is a finding.
	MissingPowerMatches bool `json:"missing_power_matches,omitzero"`
	// FlatPerElement charges the FLAT of every element that becomes active
	// instead of the first one.
	FlatPerElement bool `json:"flat_per_element,omitzero"`
	// DurationFromReservation counts min_duration and max_duration from the
	// beginning of a reservation; otherwise from the end of it.
	DurationFromReservation bool `json:"duration_from_reservation,omitzero"`
	// IgnoreLimits leaves min_price and max_price out.
	IgnoreLimits bool `json:"ignore_limits,omitzero"`
	// InUTC reads times of day and dates in UTC. It is wrong, and there to
	// recognise who does so.
	InUTC bool `json:"in_utc,omitzero"`
}

// Rounding says how amounts are rounded for people.
type Rounding struct {
	Where Place        `json:"where,omitempty"`
	Mode  RoundingMode `json:"mode,omitempty"`
	// Decimals; nil means those of the currency (JPY 0, EUR 2, KWD 3).
	Decimals *int `json:"decimals,omitempty"`
}

// decimals returns the decimals to round an amount in a currency to.
func (p *Policy) decimals(currency string) int {
	if p.Rounding.Decimals != nil {
		return *p.Rounding.Decimals
	}
	return CurrencyDecimals(currency)
}

// check refuses what cannot be meant.
func (p *Policy) check() error {
	bad := func(field, problem string) error {
		return &Error{Code: "policy", Message: field + " " + problem, Pointer: "/" + field}
	}
	if d := p.Rounding.Decimals; d != nil && (*d < 0 || *d > 9) {
		return bad("rounding/decimals", "must be 0 to 9")
	}
	switch p.Rounding.Mode {
	case "", HalfAwayFromZero, HalfEven, Truncate, AwayFromZero:
	default:
		return bad("rounding/mode", "is not a rounding mode")
	}
	switch p.Rounding.Where {
	case "", AtTotal, AtLine:
	default:
		return bad("rounding/where", "must be total or line")
	}
	switch p.StepSize {
	case "", StepPerSession, StepPerPeriod, StepOff:
	default:
		return bad("step_size", "must be session, period or off")
	}
	switch p.Power {
	case "", PowerWholePeriod, PowerSomeMoment:
	default:
		return bad("power", "must be whole_period or some_moment")
	}
	return nil
}

// CurrencyDecimals returns the decimals of an ISO 4217 currency: EUR 2, JPY 0, KWD
// 3; 2 for codes that it does not know.
func CurrencyDecimals(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}
