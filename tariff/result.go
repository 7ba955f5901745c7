package tariff

import (
	"strconv"

	"github.com/eroam/eroam/ocpi"
)

// Result is what a session costs under one or more tariffs, and why.
type Result struct {
	Currency string `json:"currency"`
	// The totals, not rounded, after min_price and max_price. Incl is unknown
	// where the tariff does not tell the tax, Excl where the prices include a tax
	// of unknown rate.
	TotalExcl Amount  `json:"total_excl"`
	TotalIncl Amount  `json:"total_incl"`
	Rounded   Rounded `json:"rounded"`
	// ByDimension sums the lines, before min_price and max_price.
	ByDimension Sums   `json:"by_dimension"`
	Lines       []Line `json:"lines"`
	// LimitApplied is min_price, max_price or nil.
	LimitApplied *string `json:"limit_applied"`
	BeforeLimits *Totals `json:"before_limits,omitempty"`
	// TaxByRate sums to TotalIncl - TotalExcl.
	TaxByRate []TaxGroup `json:"tax_by_rate"`
	Findings  []Finding  `json:"findings"`
	// What it takes to compute the same again.
	Policy     Policy `json:"policy"`
	Engine     string `json:"engine"`
	TariffHash string `json:"tariff_hash"`

	zone    string
	touched []bool // tariffs that a period had, where there are several
}

// Totals are amounts without and with tax.
type Totals struct {
	Excl Amount `json:"total_excl"`
	Incl Amount `json:"total_incl"`
}

// Rounded is the total as it is to be charged.
type Rounded struct {
	Decimals  int          `json:"decimals"`
	Mode      RoundingMode `json:"mode"`
	TotalExcl roundAmount  `json:"total_excl"`
	TotalIncl roundAmount  `json:"total_incl"`
}

// roundAmount is written with just the decimals it was rounded to.
type roundAmount struct {
	Amount
	decimals int
}

func (a roundAmount) MarshalJSON() ([]byte, error) { return a.appendJSON(nil), nil }

func (a roundAmount) String() string { return a.Text(a.decimals) }

// Line is one component that priced one period.
type Line struct {
	Period    int       `json:"period"` // place in the CDR's list
	TariffID  string    `json:"tariff_id"`
	Element   int       `json:"element"`
	Component int       `json:"component"`
	Dimension Dimension `json:"dimension"`
	// Type is the type of the component: a RESERVATION line is TIME or FLAT.
	Type      Dimension   `json:"component_type"`
	Volume    Volume      `json:"volume"`
	Billed    Volume      `json:"billed_volume"`
	StepSize  int64       `json:"step_size,omitzero"` // where it made Billed differ from Volume
	UnitPrice ocpi.Number `json:"-"`
	VAT       ocpi.Number `json:"-"`
	Excl      Amount      `json:"excl"`
	Incl      Amount      `json:"incl"`
	// Why says what made this component the one; only from [PriceList.Explain].
	Why *Why `json:"why,omitempty"`

	tariff int
	part   part
	from   *candidate
}

// Why tells how a component was found.
type Why struct {
	// Matched are the restrictions that were met; empty: there are none.
	Matched []string `json:"matched,omitempty"`
	// Passed are components of the same dimension that come earlier in the
	// tariff and did not match.
	Passed []Passed `json:"passed_over,omitempty"`
}

// Passed is a component that did not match, and the first restriction that was
// not met.
type Passed struct {
	Element     int    `json:"element"`
	Component   int    `json:"component"`
	Restriction string `json:"restriction"`
	Missing     bool   `json:"unknown,omitzero"` // the period does not tell
}

// Volume is an amount of energy or time, or a count.
type Volume struct {
	n    int64
	unit unit
}

type unit uint8

const (
	count  unit = iota
	energy      // 10⁻⁹ kWh
	span        // seconds, written in hours
)

// String writes kWh, hours or a count with four decimals or, where it takes more,
// up to nine, half away from zero.
func (v Volume) String() string { return string(v.appendText(nil)) }

func (v Volume) appendText(b []byte) []byte { return v.appendDecimals(b, 4) }

func (v Volume) appendDecimals(b []byte, least int) []byte {
	n := uint64(v.n)
	if v.n < 0 {
		n = -n
	}
	var whole, nano uint64
	switch v.unit {
	case energy:
		whole, nano = n/1e9, n%1e9
	case span:
		whole, nano = n/3600, (n%3600*1e9+1800)/3600
	default:
		whole = n
	}
	if v.n < 0 {
		b = append(b, '-')
	}
	b = strconv.AppendUint(b, whole, 10)
	if least > 0 || nano != 0 {
		b = append(b, '.')
	}
	for rest, unit, n := nano, uint64(1e8), 0; n < least || rest != 0; n++ {
		b = append(b, '0'+byte(rest/unit))
		rest, unit = rest%unit, unit/10
	}
	return b
}

// MarshalJSON writes a decimal string.
func (v Volume) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(v.String())), nil }

// Unit returns kWh, h or nothing.
func (v Volume) Unit() string {
	switch v.unit {
	case energy:
		return "kWh"
	case span:
		return "h"
	}
	return ""
}

// Sum is what a dimension costs.
type Sum struct {
	Dimension Dimension `json:"-"`
	// Priced counts only volumes that had a component; Billed is after
	// step_size. FLAT has neither.
	Priced Volume `json:"priced_volume"`
	Billed Volume `json:"billed_volume"`
	Excl   Amount `json:"excl"`
	Incl   Amount `json:"incl"`
	there  bool
}

// Sums holds a Sum per dimension that occurs, in a fixed order.
type Sums [5]Sum

var sumOrder = [5]Dimension{Flat, Energy, Time, ParkingTime, Reservation}

func (s *Sums) at(d Dimension) *Sum {
	for i, o := range sumOrder {
		if o == d {
			if !s[i].there {
				s[i] = Sum{Dimension: d, Excl: zero, Incl: zero, there: true}
			}
			return &s[i]
		}
	}
	return nil
}

// Get returns the sum of a dimension; false when nothing of it was priced.
func (s *Sums) Get(d Dimension) (Sum, bool) {
	for i, o := range sumOrder {
		if o == d {
			return s[i], s[i].there
		}
	}
	return Sum{}, false
}

// TaxGroup is the tax of one rate.
type TaxGroup struct {
	// Rate in percent; nil for what no rate of the tariff explains, such as the
	// tax that a minimum with its own tax brings.
	Rate *string `json:"rate"`
	Base Amount  `json:"base"`
	Tax  Amount  `json:"tax"`

	of   *candidate
	rate *candidate // where the prices include the tax
	incl Amount
}
