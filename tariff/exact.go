package tariff

import (
	"errors"
	"math/bits"
	"strconv"
)

// exact is an amount of money without rounding: mag · 10⁻³⁴ / 3600 of the
// currency, negative with neg. Every product of a price of up to 19 decimals
// with an energy of 9 decimals or whole seconds, and of that with a tax rate of
// 4 decimals, is a whole number of these units. The zero value is 0.
type exact struct {
	neg bool
	mag [4]uint64 // least significant first
}

// unitDigits is the exponent of the unit of exact, before the division by 3600.
const unitDigits = 34

var errOverflow = errors.New("the amount is out of range")

// mul multiplies the magnitude by n; false when it does not fit.
func (x *exact) mul(n uint64) bool {
	var carry uint64
	for i := range x.mag {
		hi, lo := bits.Mul64(x.mag[i], n)
		var c uint64
		x.mag[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	return carry == 0
}

// mulPow10 multiplies by 10ⁿ, n >= 0.
func (x *exact) mulPow10(n int) bool {
	ok := true
	for ; n > 19; n -= 19 {
		ok = x.mul(pow10[19]) && ok
	}
	return x.mul(pow10[n]) && ok
}

// div divides the magnitude by n, towards zero, and returns the remainder.
func (x *exact) div(n uint64) uint64 {
	var rest uint64
	for i := len(x.mag) - 1; i >= 0; i-- {
		if x.mag[i]|rest != 0 { // the high words mostly are 0
			x.mag[i], rest = bits.Div64(rest, x.mag[i], n)
		}
	}
	return rest
}

func (x *exact) isZero() bool { return x.mag == [4]uint64{} }

func (x exact) negate() exact {
	x.neg = !x.neg && !x.isZero()
	return x
}

func (x exact) cmpMag(y exact) int {
	for i := len(x.mag) - 1; i >= 0; i-- {
		switch {
		case x.mag[i] < y.mag[i]:
			return -1
		case x.mag[i] > y.mag[i]:
			return 1
		}
	}
	return 0
}

// cmp compares the values.
func (x exact) cmp(y exact) int {
	switch {
	case x.neg && !y.neg:
		return -1
	case !x.neg && y.neg:
		return 1
	case x.neg:
		return y.cmpMag(x)
	}
	return x.cmpMag(y)
}

// add adds y to x; false when it does not fit. Sums of a CDR are made of some
// dozens of these, so nothing is copied and the words are written out.
func (x *exact) add(y *exact) bool {
	var c uint64
	if x.neg == y.neg {
		x.mag[0], c = bits.Add64(x.mag[0], y.mag[0], 0)
		x.mag[1], c = bits.Add64(x.mag[1], y.mag[1], c)
		x.mag[2], c = bits.Add64(x.mag[2], y.mag[2], c)
		x.mag[3], c = bits.Add64(x.mag[3], y.mag[3], c)
		return c == 0
	}
	from, take := *x, y
	if x.cmpMag(*y) < 0 {
		from, take = *y, x
	}
	x.neg = from.neg
	x.mag[0], c = bits.Sub64(from.mag[0], take.mag[0], 0)
	x.mag[1], c = bits.Sub64(from.mag[1], take.mag[1], c)
	x.mag[2], c = bits.Sub64(from.mag[2], take.mag[2], c)
	x.mag[3], _ = bits.Sub64(from.mag[3], take.mag[3], c)
	x.neg = x.neg && !x.isZero()
	return true
}

// quantum divides x into units of 10⁻ᵈ of the currency. It returns the whole
// units of the magnitude, and of what is left whether it is something, and how
// it compares with half a unit.
func (x exact) quantum(d int) (whole exact, rest bool, half int) {
	x.neg = false
	if !x.mul(2) { // cannot happen for what fits into the sum of a CDR
		return x, true, 0
	}
	rest = x.div(3600) != 0
	for n := unitDigits - d; n > 0; n -= 19 {
		rest = x.div(pow10[min(n, 19)]) != 0 || rest
	}
	if odd := x.mag[0]&1 == 1; odd && rest {
		half = 1
	} else if !odd {
		half = -1
	}
	rest = rest || half >= 0
	x.div(2)
	return x, rest, half
}

// round rounds to d decimals, 0 <= d <= 19.
func (x exact) round(d int, mode RoundingMode) exact {
	whole, rest, half := x.quantum(d)
	up := false
	switch mode {
	case HalfEven:
		up = half > 0 || half == 0 && whole.mag[0]&1 == 1
	case Truncate:
	case AwayFromZero:
		up = rest
	default:
		up = half >= 0
	}
	if up {
		whole.add(&exact{mag: [4]uint64{1}})
	}
	whole.mulPow10(unitDigits - d)
	whole.mul(3600)
	whole.neg = x.neg && !whole.isZero()
	return whole
}

// appendText writes x with at least least and at most most decimals; what does not
// fit into most is rounded half away from zero.
func (x exact) appendText(b []byte, least, most int) []byte {
	whole, _, half := x.quantum(most)
	if half >= 0 {
		whole.add(&exact{mag: [4]uint64{1}})
	}
	var buf [96]byte
	digits := whole.digits(buf[:0])
	if x.neg && !whole.isZero() {
		b = append(b, '-')
	}
	if len(digits) > most {
		b, digits = append(b, digits[:len(digits)-most]...), digits[len(digits)-most:]
	} else {
		b = append(b, '0')
	}
	if most == 0 {
		return b
	}
	b = append(b, '.')
	for n := len(digits); n < most; n++ {
		b = append(b, '0')
	}
	b = append(b, digits...)
	for n := most; n > least && b[len(b)-1] == '0'; n-- {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}

// digits appends the magnitude as a whole number; nothing for 0.
func (x exact) digits(b []byte) []byte {
	if x.mag[1]|x.mag[2]|x.mag[3] != 0 {
		rest := x.div(pow10[19])
		b = x.digits(b)
		at := len(b)
		for p := pow10[18]; p > rest && p > 1; p /= 10 {
			b = append(b, '0')
		}
		if rest == 0 {
			return append(b[:at], "0000000000000000000"...)
		}
		return strconv.AppendUint(b, rest, 10)
	}
	if x.mag[0] == 0 {
		return b
	}
	return strconv.AppendUint(b, x.mag[0], 10)
}

// scaled is a decimal number of up to 19 digits: coef · 10⁻ˢᶜᵃˡᵉ.
type scaled struct {
	coef  uint64
	scale int
	neg   bool
}

// money returns price · volume/10^volScale (· 3600 when the price is not per
// hour) as an exact amount.
func (p scaled) money(volume int64, volScale int, perHour bool) (exact, error) {
	x := exact{mag: [4]uint64{p.coef}}
	n := volume
	if n < 0 {
		n = -n
	}
	ok := x.mul(uint64(n)) && x.mulPow10(unitDigits-p.scale-volScale)
	if !perHour {
		ok = ok && x.mul(3600)
	}
	x.neg = p.neg != (volume < 0) && !x.isZero()
	if !ok || x.mag[3]>>16 != 0 { // room for a tax of maxRate and the sum of all lines
		return exact{}, errOverflow
	}
	return x, nil
}

var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()
