package ocpi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
	"pgregory.net/rapid"
)

func TestParseTime(t *testing.T) {
	base := time.Date(2015, 6, 29, 20, 39, 9, 0, time.UTC)
	for s, want := range map[string]time.Time{
		"2015-06-29T20:39:09Z": base, "2015-06-29T20:39:09": base,
		"2015-06-29T20:39:09.2Z": base.Add(200 * time.Millisecond), "2015-06-29T20:39:09.2": base.Add(200 * time.Millisecond),
		"2015-06-29T20:39:09.123Z": base.Add(123 * time.Millisecond), "2015-06-29T20:39:09.12345": base.Add(123450 * time.Microsecond),
		"2024-02-29T00:00:00Z": time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := ocpi.ParseTime(s); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "2015-06-29", "2015-06-29 20:39:09Z", "2015-06-29t20:39:09Z", "2015-06-29T20:39:09z", "2015-06-29T20:39:09+00:00", "2015-06-29T20:39:09+02:00",
		"2015-06-29T20:39:09-00:00", "2015-06-29T20:39Z", "2015-06-29T20:39:09.Z", "2015-06-29T20:39:09,5Z", "2015-06-29T24:00:00Z", "2015-06-29T23:59:60Z",
		"2015-02-29T00:00:00Z", "2015-13-01T00:00:00Z", "2015-06-29T20:39:09.1234567Z", " 2015-06-29T20:39:09Z", "2015-06-29T20:39:09ZZ", "+015-06-29T20:39:09Z",
	} {
		if got, err := ocpi.ParseTime(s); err == nil {
			t.Errorf("%s is read as %v", s, got)
		}
	}
}

func TestFormatTime(t *testing.T) {
	at := time.Date(2024, 12, 31, 23, 30, 0, 1_999_999, time.FixedZone("", -3600))
	if got := ocpi.FormatTime(at); got != "2025-01-01T00:30:00.001Z" {
		t.Errorf("got %s", got)
	}
	if got := ocpi.NewDateTime(at.Truncate(time.Second)); got != "2025-01-01T00:30:00Z" {
		t.Errorf("got %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(0, 253402300799_000_000).Draw(t, "µs"))
		got, err := ocpi.NewDateTime(at).Time()
		if err != nil || !got.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("%v comes back as %v, %v", at, got, err)
		}
	})
}

func FuzzTime(f *testing.F) {
	f.Add("2015-06-29T20:39:09.123Z")
	f.Add("2015-06-29T20:39:09")
	f.Fuzz(func(t *testing.T, s string) {
		at, err := ocpi.ParseTime(s)
		// Package time reads the same, but for what it takes beyond a DateTime.
		want, other := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "Z"))
		plain := len(s) >= 19 && len(s) <= 25 && s[10] == 'T' && s[13] == ':' && !strings.Contains(s, ",")
		if (err == nil) != (other == nil && plain) || err == nil && !at.Equal(want) {
			t.Fatalf("%q is %v, %v; package time reads %v, %v", s, at, err, want, other)
		}
		if err != nil {
			return
		}
		again, err := ocpi.ParseTime(ocpi.FormatTime(at))
		if err != nil || !again.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("%q is %v, written %s, read %v", s, at, ocpi.FormatTime(at), again)
		}
	})
}

func BenchmarkParseTime(b *testing.B) {
	for b.Loop() {
		if _, err := ocpi.ParseTime("2015-06-29T20:39:09.123Z"); err != nil {
			b.Fatal(err)
		}
	}
}
