package ocpi

import (
	"errors"

	"github.com/govalues/decimal"
)

// Number is an OCPI number (OCPI 2.2.1 §16.4): money, energy, durations. It
// keeps the JSON number as it is written, so that reading and writing an object
// changes no digit, and never goes through a binary floating-point value. The
// zero value is absent where a field is optional and 0 where it is not.
//
// Two Numbers compare with == by spelling: 1.5 and 1.50 differ. Compare the
// decimals for their values.
type Number struct{ raw string }

var errNumber = errors.New("not a JSON number")

// ParseNumber returns the number that s spells in JSON.
func ParseNumber(s string) (Number, error) {
	if !isNumber(s) {
		return Number{}, errNumber
	}
	return Number{s}, nil
}

// isNumber reports whether s is a number of RFC 8259 §6, and nothing else.
func isNumber(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	n := countDigits(s)
	if n == 0 || n > 1 && s[0] == '0' {
		return false
	}
	if s = s[n:]; s != "" && s[0] == '.' {
		if n = countDigits(s[1:]); n == 0 {
			return false
		}
		s = s[1+n:]
	}
	if s != "" && s[0]|0x20 == 'e' {
		if s = s[1:]; s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if n = countDigits(s); n == 0 {
			return false
		}
		s = s[n:]
	}
	return s == ""
}

// countDigits counts the digits with which s begins.
func countDigits(s string) (n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// MustNumber is ParseNumber for constants in a program; it panics on anything
// that is not a JSON number.
func MustNumber(s string) Number {
	n, err := ParseNumber(s)
	if err != nil {
		panic("ocpi: MustNumber: " + s + " is " + err.Error())
	}
	return n
}

// NumberOf returns d with all its digits, trailing zeros included.
func NumberOf(d decimal.Decimal) Number { return Number{d.String()} }

// IsSet reports whether n is present, be it 0.
func (n Number) IsSet() bool { return n.raw != "" }

// String returns the number as it is written in JSON, "0" when it is absent.
func (n Number) String() string {
	if n.raw == "" {
		return "0"
	}
	return n.raw
}

// Decimal returns the value, 0 when it is absent. Fractional digits that do not
// fit into 19 digits in all are rounded half to even; an integer part that does
// not fit is an error.
func (n Number) Decimal() (decimal.Decimal, error) { return decimal.Parse(n.String()) }

// MarshalJSON writes the number as it was written.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalJSON reads a JSON number, or null as absent. A quoted number is an
// error.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number{}
		return nil
	}
	v, err := ParseNumber(string(b))
	if err != nil {
		return err
	}
	*n = v
	return nil
}
