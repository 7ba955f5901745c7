package tariff

import (
	"math"
	"slices"
)

// chain is the list of components that compete for a dimension, in order.
type chain struct {
	dimension Dimension
	elements  []int
	places    []int // of the component in its element
}

// chains returns the lists as pricing searches them: first components of each
// dimension in the elements for charging; those for reservations and bookings apart.
func (l *linter) chains() []chain {
	var out []chain
	for _, kind := range [...]string{"", "RESERVATION", "RESERVATION_EXPIRES", "BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME"} {
		for _, d := range [...]Dimension{Energy, Time, ParkingTime, Flat} {
			if kind != "" && (d == Energy || d == ParkingTime) {
				continue
			}
			c := chain{dimension: d}
			for i := range l.tariff.Elements {
				e := &l.tariff.Elements[i]
				if e.kind() != kind {
					continue
				}
				if j := slices.IndexFunc(e.Components, func(c Component) bool { return c.Type == d }); j >= 0 {
					c.elements, c.places = append(c.elements, i), append(c.places, j)
				}
			}
			if len(c.elements) > 0 {
				out = append(out, c)
			}
		}
	}
	return out
}

// reach reports components that can never be the first to match (L02): what is
// left of their condition without those of all earlier elements is empty.
func (l *linter) reach() {
	for _, c := range l.chains() {
		var before, near []box
		for n, i := range c.elements {
			own := l.rules[i].boxes()
			if len(own) == 0 {
				continue // reported as impossible
			}
			near = near[:0]
			l.effort -= effort(len(before) / 8) // meets is quicker than minus
			for k := range before {
				if before[k].meets(&own[0]) || len(own) > 1 && before[k].meets(&own[1]) {
					near = append(near, before[k])
				}
			}
			left, ok := l.effort.subtract(slices.Clone(own), near)
			switch {
			case !ok:
				l.note("L02", "too_complex", SeverityInfo, component(i, c.places[n]), "whether it can be reached takes too long to say")
				if l.effort < 0 {
					return
				}
			case len(left) == 0:
				l.unreachable(c, n, own)
				continue // it takes nothing from those after it
			}
			before = append(before, own...)
		}
	}
}

// unreachable notes the finding, with the one earlier element that is enough, or
// that it takes several.
func (l *linter) unreachable(c chain, n int, own []box) {
	at := component(c.elements[n], c.places[n])
	w := own[0].witness()
	for k := range n {
		boxes := l.rules[c.elements[k]].boxes()
		if left, ok := l.effort.subtract(slices.Clone(own), boxes); ok && len(left) == 0 {
			f := l.note("L02", "unreachable", SeverityWarning, at, "element %d sets the price of %s whenever this one could", c.elements[k], c.dimension)
			f.Witness = &w
			return
		}
	}
	f := l.note("L02", "unreachable", SeverityWarning, at, "earlier elements together set the price of %s whenever this one could", c.dimension)
	f.Witness = &w
}

// gaps reports dimensions that are priced at some times and not at others (L04),
// with a moment that proves it.
func (l *linter) gaps() {
	for _, c := range l.chains() {
		if c.dimension == Flat || l.tariff.Elements[c.elements[0]].kind() != "" {
			continue
		}
		var taken []box
		for _, i := range c.elements {
			taken = append(taken, l.rules[i].boxes()...)
		}
		space := everything()
		space.ranges[axisDate] = l.dates()
		left, ok := l.effort.subtract([]box{space}, taken)
		if !ok {
			l.note("L04", "too_complex", SeverityInfo, "/elements", "whether %s is always priced takes too long to say", c.dimension)
			continue
		}
		best := -1
		for i := range left {
			if best < 0 || left[i].plainer(&left[best]) {
				best = i
			}
		}
		if best < 0 {
			continue
		}
		w := left[best].witness()
		f := l.note("L04", "dimension_not_exhaustive", SeverityWarning, "/elements", "%s has no price in some cases, such as %s: it is free then", c.dimension, w)
		if left[best].untold() {
			f.Severity = SeverityInfo
			f.Message = string(c.dimension) + " has no price when a period does not tell its power or current"
		}
		f.Witness = &w
	}
}

// untold reports whether only periods that do not tell a power or current lie in
// the box.
func (b *box) untold() bool {
	for a := axisMinPower; a < axes; a++ {
		if b.ranges[a].to <= 0 {
			return true
		}
	}
	return false
}

// plainer reports whether b proves more simply than c: told powers before
// untold, then no dates, no energy, no duration.
func (b *box) plainer(c *box) bool {
	return b.oddness() < c.oddness()
}

func (b *box) oddness() int {
	n := 0
	if b.untold() {
		n += 100
	}
	for a := axisMinPower; a < axes; a++ {
		if b.ranges[a].from > 0 {
			n++
		}
	}
	if b.ranges[axisDate].from != math.MinInt64 || b.ranges[axisDate].to != infinity {
		n += 10
	}
	if b.ranges[axisEnergy].from > 0 {
		n += 3
	}
	if b.ranges[axisDuration].from > 0 {
		n += 3
	}
	return n
}
