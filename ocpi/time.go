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
	t, err := time.Parse("2006-01-02T15:04:05", s)
	if err != nil || len(s) > 19 && s[19] != '.' { // package time also takes a comma
		return time.Time{}, fmt.Errorf("not a DateTime such as 2015-06-29T20:39:09Z")
	}
	return t, nil
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
