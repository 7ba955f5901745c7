package ocpi

import (
	"fmt"
	"time"
)

// ParseTime reads a DateTime (OCPI 2.2.1 §16.2): RFC 3339 in UTC with "Z" or
// without a designator, an optional fraction, 25 characters at most. Offsets,
// "+00:00" included, are refused.
func ParseTime(s string) (time.Time, error) {
	if len(s) < 19 || len(s) > 25 || s[10] != 'T' {
		return time.Time{}, fmt.Errorf("%d characters are not a DateTime such as 2015-06-29T20:39:09Z", len(s))
	}
	if s[len(s)-1] == 'Z' {
		s = s[:len(s)-1]
	}
	t, ok := readTime(s)
	if !ok {
		return time.Time{}, fmt.Errorf("not a DateTime such as 2015-06-29T20:39:09Z")
	}
	return t, nil
}

// readTime reads a DateTime without its Z, at least 18 characters. Every message
// holds several; package time, which reads any layout, takes ten times as long.
func readTime(s string) (time.Time, bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	year, a := digits(s[:4])
	month, b := digits(s[5:7])
	day, c := digits(s[8:10])
	hour, d := digits(s[11:13])
	minute, e := digits(s[14:16])
	second, f := digits(s[17:19])
	if !(a && b && c && d && e && f) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	nanos := 0
	if len(s) > 19 {
		fraction, ok := digits(s[20:])
		if !ok || s[19] != '.' || len(s) == 20 {
			return time.Time{}, false
		}
		nanos = fraction
		for range 9 - (len(s) - 20) {
			nanos *= 10
		}
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	// A day that the month does not have ended up in the next one.
	return t, t.Day() == day && int(t.Month()) == month
}

// digits reads a number of at most nine digits and nothing else.
func digits(s string) (n int, ok bool) {
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = 10*n + int(c)
	}
	return n, true
}

// FormatTime writes t as a DateTime in UTC with "Z" and, where t has them,
// milliseconds.
func FormatTime(t time.Time) string { return string(AppendTime(nil, t)) }

// AppendTime appends what FormatTime returns.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Nanosecond() == 0 {
		return t.AppendFormat(b, "2006-01-02T15:04:05Z")
	}
	return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

// DateTime is a DateTime as a message spells it. The zero value is absent.
type DateTime string

// NewDateTime returns t in UTC with milliseconds at most.
func NewDateTime(t time.Time) DateTime { return DateTime(FormatTime(t)) }

// Time returns the instant.
func (d DateTime) Time() (time.Time, error) { return ParseTime(string(d)) }
