package tariff

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

// Amount is an amount of money without rounding, or unknown, which is the zero
// value: a total with tax that nobody can know from a tariff stays unknown.
// Every sum and product that pricing takes is exact; only a price that includes
// tax, divided by its rate, is cut off, at the 34th decimal.
type Amount struct {
	known bool
	x     exact
}

// zero is the known amount of nothing.
var zero = Amount{known: true}

// AmountOf returns a decimal number as an amount.
func AmountOf(n ocpi.Number) (Amount, error) { return amountOf(n.String()) }

func amountOf(text string) (Amount, error) {
	s, err := scaledOf(text)
	if err != nil {
		return Amount{}, err
	}
	x, err := s.money(1, 0, false)
	return Amount{known: true, x: x}, err
}

// Known reports whether the amount is known.
func (a Amount) Known() bool { return a.known }

// IsZero reports whether a is known and 0.
func (a Amount) IsZero() bool { return a.known && a.x.isZero() }

// Add returns a + b, unknown when one of them is. A sum that does not fit is
// unknown too; amounts that [Price] returns are far from that.
func (a Amount) Add(b Amount) Amount {
	a.add(&b)
	return a
}

// add is Add in place.
func (a *Amount) add(b *Amount) {
	if !a.known || !b.known {
		*a = Amount{}
		return
	}
	a.known = a.x.add(&b.x)
}

// Neg returns -a.
func (a Amount) Neg() Amount {
	a.x = a.x.negate()
	return a
}

// Sub returns a - b.
func (a Amount) Sub(b Amount) Amount { return a.Add(b.Neg()) }

// Abs returns the magnitude.
func (a Amount) Abs() Amount {
	a.x.neg = false
	return a
}

// Cmp compares two known amounts.
func (a Amount) Cmp(b Amount) int { return a.x.cmp(b.x) }

// Round rounds to a number of decimals, 0 to 9.
func (a Amount) Round(decimals int, mode RoundingMode) Amount {
	if a.known {
		a.x = a.x.round(decimals, mode)
	}
	return a
}

// Text writes the amount with just so many decimals, half away from zero;
// "unknown" when it is.
func (a Amount) Text(decimals int) string {
	if !a.known {
		return "unknown"
	}
	return string(a.x.appendText(nil, decimals, decimals))
}

// String writes the amount with four decimals or, where it takes more to say it,
// up to ten.
func (a Amount) String() string {
	if !a.known {
		return "unknown"
	}
	return string(a.x.appendText(nil, 4, 10))
}

// Decimal returns the amount rounded to a number of decimals, for other
// arithmetic.
func (a Amount) Decimal(decimals int, mode RoundingMode) (decimal.Decimal, error) {
	if !a.known {
		return decimal.Decimal{}, fmt.Errorf("the amount is unknown")
	}
	return decimal.Parse(a.Round(decimals, mode).Text(decimals))
}

// MarshalJSON writes a decimal string as String does, null when unknown.
func (a Amount) MarshalJSON() ([]byte, error) { return a.appendJSON(nil), nil }

// scaledOf returns the value of a JSON number. More than 19 digits are an error:
// they would have to be rounded.
func scaledOf(text string) (scaled, error) {
	d, err := decimal.Parse(text)
	if err != nil {
		return scaled{}, fmt.Errorf("%s is out of range", shorten(text))
	}
	if !fits(text) {
		return scaled{}, fmt.Errorf("%s has more digits than can be computed with exactly", shorten(text))
	}
	return scaled{coef: d.Coef(), scale: d.Scale(), neg: d.Sign() < 0}, nil
}

// fits reports whether a JSON number has no more than 19 digits, zeros at either
// end not counted, and no more than 19 decimals.
func fits(s string) bool {
	if len(s) <= 19 && !strings.ContainsAny(s, "eE") {
		return true
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(s), "e")
	exponent, err := strconv.Atoi(power)
	if err != nil && power != "" {
		return false
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	fraction = strings.TrimRight(fraction, "0")
	digits := strings.TrimLeft(whole+fraction, "0")
	decimals := len(fraction) - exponent
	return digits == "" || len(digits) <= 19 && decimals <= 19
}

func shorten(s string) string {
	if len(s) > 32 {
		return s[:29] + "..."
	}
	return s
}

// Allocate rounds parts so that they sum to their rounded total: each is cut off
// towards zero, and the units that are missing go to those with the largest
// remainders, the first of equals. All parts must be known and of one sign.
func Allocate(parts []Amount, decimals int) []Amount {
	total := zero
	out := make([]Amount, len(parts))
	cut := zero
	for i, p := range parts {
		total = total.Add(p)
		out[i] = p.Round(decimals, Truncate)
		cut = cut.Add(out[i])
	}
	unit := zero
	unit.x = exact{mag: [4]uint64{1}}
	unit.x.mulPow10(unitDigits - decimals)
	unit.x.mul(3600)
	missing := total.Round(decimals, HalfAwayFromZero).Sub(cut)
	if missing.x.neg {
		unit, missing = unit.Neg(), missing.Neg()
	}
	given := make([]bool, len(parts))
	for one := unit.Abs(); missing.known && missing.Cmp(one) >= 0; missing = missing.Sub(one) {
		best := -1
		for i := range parts {
			if !given[i] && (best < 0 || parts[i].Sub(out[i]).Abs().Cmp(parts[best].Sub(out[best]).Abs()) > 0) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		given[best] = true
		out[best] = out[best].Add(unit)
	}
	return out
}
