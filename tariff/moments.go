package tariff

import "time"

// moments returns every moment at which a restriction of the tariff may begin or
// end to hold during a stage, and, where power matters, the readings. There may be
// others among them.
func (g *generator) moments(s *stage) []cut {
	var out []cut
	add := func(t time.Time) {
		if t.After(s.from) && t.Before(s.to) {
			out = append(out, cut{t, g.register(s, t)})
		}
	}
	minutes := make(map[int]bool)
	seen := make(map[*restrictions]bool)
	for _, list := range s.lists {
		for i := range list {
			r := list[i].restrictions
			if r == nil || seen[r] {
				continue
			}
			seen[r] = true
			if r.has&onTime != 0 {
				minutes[r.from], minutes[r.to%(24*60)] = true, true
			}
			if r.has&(onDay|onStartDate|onEndDate) != 0 {
				minutes[0] = true
			}
			for on, seconds := range map[condition]int64{onMinDuration: r.minDuration, onMaxDuration: r.maxDuration} {
				if r.has&on != 0 && seconds < int64(maxGenerated/time.Second) {
					add(s.from.Add(time.Duration(seconds) * time.Second))
				}
			}
			if !s.held {
				out = append(out, g.limits(s, r)...)
			}
		}
	}
	for m := range minutes {
		g.clock(s, m, add)
	}
	if s.held {
		return out
	}
	if !g.ChargingUntil.IsZero() {
		add(g.ChargingUntil)
	}
	if g.tariff.usesPower() {
		for _, r := range g.Readings {
			add(r.At)
		}
	}
	return out
}

// limits returns the moments at which the energy reaches a limit.
func (g *generator) limits(s *stage, r *restrictions) (out []cut) {
	from := g.energyAt(s.from)
	for on, energy := range map[condition]int64{onMinKWh: r.minKWh, onMaxKWh: r.maxKWh} {
		if r.has&on == 0 {
			continue
		}
		if t, ok := g.reach(from + energy); ok && t.After(s.from) && t.Before(s.to) {
			out = append(out, cut{t, from + energy})
		}
	}
	return out
}

// clock adds the moments at which the local clock shows a minute of the day. On a
// day on which the clock is changed that may be twice or never; the change itself
// is a moment too.
func (g *generator) clock(s *stage, minute int, add func(time.Time)) {
	y, m, d := s.from.In(g.Zone).Date()
	for i := -1; ; i++ {
		t := time.Date(y, m, d+i, minute/60, minute%60, 0, 0, g.Zone)
		if t.After(s.to.Add(24 * time.Hour)) {
			return
		}
		add(t)
		_, before := t.Add(-12 * time.Hour).Zone()
		_, after := t.Add(12 * time.Hour).Zone()
		if before != after {
			shift := time.Duration(after-before) * time.Second
			add(t.Add(shift))
			add(t.Add(-shift))
			add(change(t.Add(-12*time.Hour), t.Add(12*time.Hour)))
		}
	}
}

// change returns the moment between a and b at which the offset changes.
func change(a, b time.Time) time.Time {
	_, offset := a.Zone()
	for b.Sub(a) > time.Second {
		mid := a.Add(b.Sub(a) / 2)
		if _, o := mid.Zone(); o == offset {
			a = mid
		} else {
			b = mid
		}
	}
	return b.Truncate(time.Second)
}
