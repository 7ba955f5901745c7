package schema

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eroam/eroam/ocpi"
	"github.com/govalues/decimal"
)

// texts are the ocpi tags without a length. string(n), CiString(n) and Text(n)
// (a string that may hold line breaks) come on top.
var texts = map[string]func([]byte) string{
	"CountryCode": func(b []byte) string { return letters(b, 2, false, "must be two letters") },
	"PartyID":     func(b []byte) string { return alphanumeric(b, 3, "must be three letters or digits") },
	"HubPartyID": func(b []byte) string {
		return alphanumeric(b, 5, "must be a country code and a party id, five characters")
	},
	"Country":   func(b []byte) string { return letters(b, 3, false, "must be an ISO 3166-1 alpha-3 code") },
	"Currency":  func(b []byte) string { return letters(b, 3, true, "must be an ISO 4217 code") },
	"TimeZone":  timeZone,
	"URL":       func(b []byte) string { return printable(b, 255) },
	"Latitude":  func(b []byte) string { return degrees(b, 90) },
	"Longitude": func(b []byte) string { return degrees(b, 180) },
	"Time":      clock,
	"Date":      date,
	"Token":     token,
}

// textRule returns the check that a tag names. An optional field may be empty.
func textRule(tag string, required bool) func([]byte) string {
	var rule func([]byte) string
	name, rest, sized := strings.Cut(tag, "(")
	if sized {
		n, err := strconv.Atoi(strings.TrimSuffix(rest, ")"))
		if err != nil {
			panic("schema: tag " + tag)
		}
		switch name {
		case "string":
			rule = func(b []byte) string { return printable(b, n) }
		case "Text":
			rule = func(b []byte) string { return length(b, n) }
		case "CiString":
			rule = func(b []byte) string { return ciString(b, n, required) }
		}
	} else {
		rule = texts[name]
		if name == "URL" && required {
			rule = func(b []byte) string {
				if len(b) == 0 {
					return "must not be empty"
				}
				return printable(b, 255)
			}
		}
	}
	if rule == nil {
		panic("schema: unknown tag " + tag)
	}
	if required {
		return rule
	}
	return func(b []byte) string {
		if len(b) == 0 {
			return ""
		}
		return rule(b)
	}
}

func length(b []byte, n int) string {
	if len(b) > n && utf8.RuneCount(b) > n {
		return fmt.Sprintf("must not be longer than %d characters", n)
	}
	return ""
}

// printable refuses control characters, except that it lets line breaks and tabs
// through, which OCPI 2.2.1 §16.7 forbids and real feeds have.
func printable(b []byte, n int) string {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' || c == 0x7f {
			return "must not hold control characters"
		}
	}
	return length(b, n)
}

func ciString(b []byte, n int, required bool) string {
	if len(b) == 0 && required {
		return "must not be empty"
	}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return "must be printable ASCII"
		}
	}
	return length(b, n)
}

func alphanumeric(b []byte, n int, problem string) string {
	if len(b) != n {
		return problem
	}
	for _, c := range b {
		if l := c | 0x20; (l < 'a' || l > 'z') && (c < '0' || c > '9') {
			return problem
		}
	}
	return ""
}

func letters(b []byte, n int, upper bool, problem string) string {
	if len(b) != n {
		return problem
	}
	for _, c := range b {
		if !upper {
			c &^= 0x20
		}
		if c < 'A' || c > 'Z' {
			return problem
		}
	}
	return ""
}

func timeZone(b []byte) string {
	const problem = "must be a time zone such as Europe/Oslo"
	if len(b) == 0 || len(b) > 255 {
		return problem
	}
	for _, c := range b {
		if l := c | 0x20; (l < 'a' || l > 'z') && (c < '0' || c > '9') && strings.IndexByte("/_+-", c) < 0 {
			return problem
		}
	}
	return ""
}

// degrees allows any number of decimals: feeds cut trailing zeros off.
func degrees(b []byte, limit float64) string {
	if len(b) > 0 && len(b) <= 20 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9') && !bytes.ContainsAny(b, "eExXpP_") {
		if f, err := strconv.ParseFloat(string(b), 64); err == nil && f >= -limit && f <= limit {
			return ""
		}
	}
	return fmt.Sprintf("must be decimal degrees from -%g to %g", limit, limit)
}

// clock allows 24:00 as an end.
func clock(b []byte) string {
	if len(b) == 5 && b[2] == ':' && digits(b[:2]) && digits(b[3:]) {
		if string(b[:2]) < "24" && string(b[3:]) < "60" || string(b) == "24:00" {
			return ""
		}
	}
	return "must be a time such as 18:15"
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0
}

func date(b []byte) string {
	if _, err := time.Parse(time.DateOnly, string(b)); err != nil {
		return "must be a date such as 2015-12-24"
	}
	return ""
}

func token(b []byte) string {
	if !ocpi.ValidToken(string(b)) {
		return "must be 1 to 64 printable characters without space"
	}
	return ""
}

func dateTime(b []byte) string {
	if _, err := ocpi.ParseTime(string(b)); err != nil {
		return "must be a DateTime in UTC such as 2015-06-29T20:39:09Z"
	}
	return ""
}

func closed(values []string) func([]byte) string {
	return func(b []byte) string {
		if slices.Contains(values, string(b)) {
			return ""
		}
		if len(values) > 6 {
			return "is not a value of this enum"
		}
		return "must be one of " + strings.Join(values, ", ")
	}
}

func open(b []byte) string {
	if len(b) == 0 {
		return "must not be empty"
	}
	return printable(b, 255)
}

// decimalNumber refuses numbers that decimal arithmetic cannot hold.
func decimalNumber(v []byte) string {
	if _, err := decimal.Parse(string(v)); err != nil {
		return "must be a number of at most 19 digits"
	}
	return ""
}

// wholeNumber allows 16, 16.0 and 1.6e1.
func wholeNumber(v []byte) string {
	if len(v) <= 9 && (digits(v) || v[0] == '-' && digits(v[1:])) {
		return ""
	}
	if d, err := decimal.Parse(string(v)); err == nil && d.IsInt() && d.Abs().Cmp(decimal.MustNew(1<<31, 0)) < 0 {
		return ""
	}
	return "must be a whole number"
}
