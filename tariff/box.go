package tariff

import (
	"math"
	"time"
)

// A box is a set of moments of sessions: all that lie within a range on each
// axis. The condition of an element is one box, or two when its window wraps around
// midnight. Whether an element can ever be the first to match is answered by
// taking the boxes before it out of its own.
type box struct {
	days   uint8 // bit 0 is Sunday
	ranges [axes]interval
}

// interval is [from, to).
type interval struct{ from, to int64 }

// The axes. Powers and currents begin at -1, which stands for "the period does not
// tell": only a condition that does not look there holds then.
const (
	axisMinute = iota
	axisDate
	axisEnergy
	axisDuration
	axisMinPower
	axisMaxPower
	axisMinCurrent
	axisMaxCurrent
	axes
)

const (
	allDays  = 1<<7 - 1
	infinity = math.MaxInt64
)

// everything is the box of an element without restrictions.
func everything() box {
	b := box{days: allDays}
	b.ranges[axisMinute] = interval{0, 24 * 60}
	b.ranges[axisDate] = interval{math.MinInt64, infinity}
	b.ranges[axisEnergy] = interval{0, infinity}
	b.ranges[axisDuration] = interval{0, infinity}
	for a := axisMinPower; a < axes; a++ {
		b.ranges[a] = interval{-1, infinity}
	}
	return b
}

// boxes returns the condition as boxes; none when it can never hold.
func (r *restrictions) boxes() []box {
	b := everything()
	switch {
	case r == nil:
		return []box{b}
	case r.never:
		return nil
	}
	clip := func(axis int, on condition, from, to int64) {
		if r.has&on != 0 {
			b.ranges[axis] = interval{max(b.ranges[axis].from, from), min(b.ranges[axis].to, to)}
		}
	}
	if r.has&onDay != 0 {
		b.days = r.days
	}
	clip(axisDate, onStartDate, int64(r.fromDay), infinity)
	clip(axisDate, onEndDate, math.MinInt64, int64(r.toDay))
	clip(axisEnergy, onMinKWh, r.minKWh, infinity)
	clip(axisEnergy, onMaxKWh, 0, r.maxKWh)
	clip(axisDuration, onMinDuration, r.minDuration, infinity)
	clip(axisDuration, onMaxDuration, 0, r.maxDuration)
	clip(axisMinPower, onMinPower, max(0, r.minPower), infinity)
	clip(axisMaxPower, onMaxPower, 0, r.maxPower)
	clip(axisMinCurrent, onMinCurrent, max(0, r.minCurrent), infinity)
	clip(axisMaxCurrent, onMaxCurrent, 0, r.maxCurrent)
	out := []box{b}
	if r.has&onTime != 0 {
		out[0].ranges[axisMinute] = interval{int64(r.from), int64(r.to)}
		if r.from > r.to {
			late := b
			late.ranges[axisMinute] = interval{int64(r.from), 24 * 60}
			out[0].ranges[axisMinute] = interval{0, int64(r.to)}
			out = append(out, late)
		}
	}
	kept := out[:0]
	for _, one := range out {
		if one.possible() {
			kept = append(kept, one)
		}
	}
	return kept
}

// possible reports whether a session can be in the box: no range is empty, one of
// the days occurs between the dates, and a minimum is not above its maximum.
func (b *box) possible() bool {
	for _, r := range b.ranges {
		if r.from >= r.to {
			return false
		}
	}
	for _, a := range [...]int{axisMinPower, axisMinCurrent} {
		low, high := b.ranges[a], b.ranges[a+1]
		// Below the maximum there must be room for the minimum, unless one of
		// them is not told.
		if low.from >= 0 && high.from >= 0 && low.from >= high.to {
			return false
		}
	}
	return b.occurring() != 0
}

// occurring returns the days of the box that lie between its dates.
func (b *box) occurring() uint8 {
	r := b.ranges[axisDate]
	if r.from == math.MinInt64 || r.to == infinity || r.to-r.from >= 7 {
		return b.days
	}
	var days uint8
	for d := r.from; d < r.to; d++ {
		days |= 1 << weekdayOf(d)
	}
	return b.days & days
}

// weekdayOf returns the day of the week of a day since 1970, a Thursday.
func weekdayOf(day int64) time.Weekday { return time.Weekday(((day+4)%7 + 7) % 7) }

func (b *box) meets(c *box) bool {
	if b.days&c.days == 0 {
		return false
	}
	for a := range b.ranges {
		if b.ranges[a].from >= c.ranges[a].to || c.ranges[a].from >= b.ranges[a].to {
			return false
		}
	}
	return true
}

// minus appends to out what is left of a box without c.
func (whole *box) minus(c *box, out []box) []box {
	if !whole.meets(c) {
		return append(out, *whole)
	}
	b := *whole
	keep := func(part box) {
		if part.possible() {
			out = append(out, part)
		}
	}
	if rest := b.days &^ c.days; rest != 0 {
		part := b
		part.days = rest
		keep(part)
		b.days &= c.days
	}
	for a := range b.ranges {
		if c.ranges[a].from > b.ranges[a].from {
			part := b
			part.ranges[a].to = c.ranges[a].from
			keep(part)
			b.ranges[a].from = c.ranges[a].from
		}
		if c.ranges[a].to < b.ranges[a].to {
			part := b
			part.ranges[a].from = c.ranges[a].to
			keep(part)
			b.ranges[a].to = c.ranges[a].to
		}
	}
	return out
}

// maxBoxes bounds the parts that a subtraction may leave.
const maxBoxes = 4096

// effort is how many subtractions of two boxes lint still does for a tariff: it
// bounds the time for one of thousands of elements.
type effort int

// maxEffort takes about a second.
const maxEffort effort = 8_000_000

// subtract returns what is left of space without taken; ok is false when that
// takes too many parts, or too much effort, to say.
func (e *effort) subtract(space, taken []box) (left []box, ok bool) {
	left = space
	var next []box
	for i := range taken {
		if *e -= effort(len(left)); *e < 0 {
			return nil, false
		}
		next = next[:0]
		for k := range left {
			next = left[k].minus(&taken[i], next)
		}
		left, next = next, left
		if len(left) > maxBoxes {
			return nil, false
		}
		if len(left) == 0 {
			return nil, true
		}
	}
	return left, true
}
