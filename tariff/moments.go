package tariff

import "time"

// moments returns every moment at which a restriction of the tariff may begin or
// end to hold during the session, and, where power matters, the readings. There
// may be others among them.
func (g *generator) moments() []cut {
	var out []cut
	add := func(t time.Time) {
		if t.After(g.Start) && t.Before(g.End) {
			out = append(out, cut{t, g.energyAt(t)})
		}
	}
	minutes := make(map[int]bool)
	seen := make(map[*restrictions]bool)
	from := g.energyAt(g.Start)
	for _, list := range [...][]candidate{g.tariff.energy, g.tariff.time, g.tariff.parking, g.tariff.flat} {
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
					add(g.Start.Add(time.Duration(seconds) * time.Second))
				}
			}
			for on, energy := range map[condition]int64{onMinKWh: r.minKWh, onMaxKWh: r.maxKWh} {
				if r.has&on == 0 {
					continue
				}
				if t, ok := g.reach(from + energy); ok && t.After(g.Start) && t.Before(g.End) {
					out = append(out, cut{t, from + energy})
				}
			}
		}
	}
	for m := range minutes {
		g.clock(m, add)
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

// clock adds the moments at which the local clock shows a minute of the day. On a
// day on which the clock is changed that may be twice or never; the change itself
// is a moment too.
func (g *generator) clock(minute int, add func(time.Time)) {
	y, m, d := g.Start.In(g.Zone).Date()
	for i := -1; ; i++ {
		t := time.Date(y, m, d+i, minute/60, minute%60, 0, 0, g.Zone)
		if t.After(g.End.Add(24 * time.Hour)) {
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
