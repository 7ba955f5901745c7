package tariff

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Witness is a moment of a session that proves a finding.
type Witness struct {
	Day      string `json:"day"`             // MONDAY…
	Time     string `json:"time"`            // HH:MM, local
	Date     string `json:"date,omitempty"`  // YYYY-MM-DD, where it matters
	KWh      string `json:"kwh"`             // charged so far
	Duration int64  `json:"duration"`        // s since the start
	Power    string `json:"power,omitempty"` // kW, where it matters
	Current  string `json:"current,omitempty"`
}

// witness returns a moment in the box: the first of each range.
func (b *box) witness() Witness {
	days := b.occurring()
	w := Witness{
		Time:     clockText(b.ranges[axisMinute].from),
		KWh:      string((Volume{b.ranges[axisEnergy].from, energy}).appendDecimals(nil, 0)),
		Duration: b.ranges[axisDuration].from,
	}
	day := time.Monday
	for days&(1<<day) == 0 {
		day = (day + 1) % 7
	}
	dates := b.ranges[axisDate]
	if from := dates.from; from != math.MinInt64 || dates.to != infinity {
		if from == math.MinInt64 {
			from = dates.to - 7
		}
		for days&(1<<weekdayOf(from)) == 0 {
			from++
		}
		day = weekdayOf(from)
		w.Date = dateText(from)
	}
	w.Day = strings.ToUpper(day.String())
	w.Power = b.between(axisMinPower)
	w.Current = b.between(axisMinCurrent)
	return w
}

// between describes the pair of axes of a power or current, where it is not all.
func (b *box) between(axis int) string {
	low, high := b.ranges[axis], b.ranges[axis+1]
	all := interval{-1, infinity}
	if low == all && high == all {
		return ""
	}
	if low.to <= 0 || high.to <= 0 {
		return "not told"
	}
	text := func(n int64) string {
		s := fmt.Sprintf("%d.%06d", n/1_000_000, n%1_000_000)
		return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	from, to := max(0, low.from), max(0, high.from, low.from)
	if from == to {
		return text(from)
	}
	return text(from) + " to " + text(to)
}

func clockText(minute int64) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

func dateText(day int64) string {
	return time.Unix(day*86400, 0).UTC().Format(time.DateOnly)
}

// String tells the witness in a few words.
func (w Witness) String() string {
	s := w.Day[:1] + strings.ToLower(w.Day[1:]) + " " + w.Time
	if w.Date != "" {
		s = w.Date + " " + w.Time
	}
	if w.KWh != "0" {
		s += fmt.Sprintf(", after %s kWh", w.KWh)
	}
	if w.Duration != 0 {
		s += fmt.Sprintf(", after %s", time.Duration(w.Duration)*time.Second)
	}
	if w.Power != "" {
		s += ", power " + w.Power
	}
	if w.Current != "" {
		s += ", current " + w.Current
	}
	return s
}
