package ocmf

import (
	"strconv"
	"strings"
)

// energy gives a JSON number with its unit in 10⁻⁹ kWh; false where the unit is
// none of energy, or the value is no whole number of 10⁻⁹ kWh, or too large.
func energy(value, unit string) (int64, bool) {
	switch unit {
	case "kWh":
		return scaled(value, 9)
	case "Wh":
		return scaled(value, 6)
	}
	return 0, false
}

// maxNumber is the longest number that is read, in characters.
const maxNumber = 64

// scaled gives a JSON number times 10^shift, exact; false where that is no whole
// number or does not fit.
func scaled(number string, shift int) (int64, bool) {
	if len(number) > maxNumber {
		return 0, false
	}
	text, negative := strings.CutPrefix(number, "-")
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		exponent, err := strconv.Atoi(text[i+1:])
		if err != nil || exponent < -100 || exponent > 100 {
			return 0, false
		}
		text, shift = text[:i], shift+exponent
	}
	whole, fraction, _ := strings.Cut(text, ".")
	shift -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	for shift < 0 && strings.HasSuffix(digits, "0") {
		digits, shift = digits[:len(digits)-1], shift+1
	}
	switch {
	case number == "" || whole == "":
		return 0, false
	case digits == "":
		return 0, true
	case shift < 0 || len(digits)+shift > 19:
		return 0, false
	}
	n, err := strconv.ParseInt(digits+strings.Repeat("0", shift), 10, 64)
	if err != nil {
		return 0, false
	}
	if negative {
		n = -n
	}
	return n, true
}
