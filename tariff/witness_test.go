package tariff

import (
	"math"
	"testing"
	"time"
)

// TestWitnessTexts tells moments of boxes, in words and as they are.
func TestWitnessTexts(t *testing.T) {
	day := func(s string) int64 {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at.Unix() / 86400
	}
	sunday, monday, friday := uint8(1), uint8(2), uint8(1<<5)
	for _, c := range []struct {
		name  string
		days  uint8
		axes  map[int]interval
		want  Witness
		words string
	}{
		{"everything", allDays, nil, Witness{Day: "MONDAY", Time: "00:00", KWh: "0"}, "Monday 00:00"},
		{"a day", friday | sunday, nil, Witness{Day: "FRIDAY", Time: "00:00", KWh: "0"}, "Friday 00:00"},
		{"Sunday comes last", sunday, nil, Witness{Day: "SUNDAY", Time: "00:00", KWh: "0"}, "Sunday 00:00"},
		{"time, energy and duration", allDays, map[int]interval{axisMinute: {615, 700}, axisEnergy: {1_500_000_000, infinity}, axisDuration: {5400, infinity}},
			Witness{Day: "MONDAY", Time: "10:15", KWh: "1.5", Duration: 5400}, "Monday 10:15, after 1.5 kWh, after 1h30m0s"},
		{"first date", allDays, map[int]interval{axisDate: {day("2025-01-14"), infinity}}, Witness{Day: "TUESDAY", Time: "00:00", Date: "2025-01-14", KWh: "0"}, "2025-01-14 00:00"},
		{"a day after the first date", monday, map[int]interval{axisDate: {day("2025-01-14"), infinity}}, Witness{Day: "MONDAY", Time: "00:00", Date: "2025-01-20", KWh: "0"}, "2025-01-20 00:00"},
		// 14 January is excluded; the last week before it begins on the 7th, a Tuesday.
		{"last date", allDays, map[int]interval{axisDate: {math.MinInt64, day("2025-01-14")}}, Witness{Day: "TUESDAY", Time: "00:00", Date: "2025-01-07", KWh: "0"}, "2025-01-07 00:00"},
		{"a day before the last date", monday, map[int]interval{axisDate: {math.MinInt64, day("2025-01-14")}}, Witness{Day: "MONDAY", Time: "00:00", Date: "2025-01-13", KWh: "0"}, "2025-01-13 00:00"},
		{"the earliest day of the last week", 1 << 2, map[int]interval{axisDate: {math.MinInt64, day("2025-01-14")}}, Witness{Day: "TUESDAY", Time: "00:00", Date: "2025-01-07", KWh: "0"}, "2025-01-07 00:00"},
		{"least power", allDays, map[int]interval{axisMinPower: {11_000_000, infinity}}, Witness{Day: "MONDAY", Time: "00:00", KWh: "0", Power: "11"}, "Monday 00:00, power 11"},
		{"most power", allDays, map[int]interval{axisMaxPower: {22_500_000, infinity}}, Witness{Day: "MONDAY", Time: "00:00", KWh: "0", Power: "0 to 22.5"}, "Monday 00:00, power 0 to 22.5"},
		{"power without a minimum", allDays, map[int]interval{axisMinPower: {-1, 0}}, Witness{Day: "MONDAY", Time: "00:00", KWh: "0", Power: "not told"}, "Monday 00:00, power not told"},
		{"power without a maximum", allDays, map[int]interval{axisMaxPower: {-1, 0}}, Witness{Day: "MONDAY", Time: "00:00", KWh: "0", Power: "not told"}, "Monday 00:00, power not told"},
		{"current between two", allDays, map[int]interval{axisMinCurrent: {6_000_000, 16_000_000}, axisMaxCurrent: {32_000_001, infinity}},
			Witness{Day: "MONDAY", Time: "00:00", KWh: "0", Current: "6 to 32.000001"}, "Monday 00:00, current 6 to 32.000001"},
		{"a maximum that may lie below the minimum", allDays, map[int]interval{axisMinCurrent: {16_000_000, infinity}, axisMaxCurrent: {0, 32_000_000}},
			Witness{Day: "MONDAY", Time: "00:00", KWh: "0", Current: "16"}, "Monday 00:00, current 16"},
	} {
		b := everything()
		b.days = c.days
		for a, r := range c.axes {
			b.ranges[a] = r
		}
		w := b.witness()
		if w != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, w, c.want)
		}
		if got := w.String(); got != c.words {
			t.Errorf("%s: got %s, want %s", c.name, got, c.words)
		}
	}
}
