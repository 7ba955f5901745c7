package tariff

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// momentOf turns a witness into the moment of a session that it tells.
func momentOf(t *testing.T, w *Witness) state {
	t.Helper()
	at, err := time.Parse("15:04", w.Time)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2025, 1, 13, at.Hour(), at.Minute(), 0, 0, time.UTC)
	if w.Date != "" {
		d, err := time.Parse(time.DateOnly, w.Date)
		if err != nil {
			t.Fatal(err)
		}
		day = time.Date(d.Year(), d.Month(), d.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC)
	}
	for w.Date == "" && strings.ToUpper(day.Weekday().String()) != w.Day {
		day = day.AddDate(0, 0, 1)
	}
	if got := strings.ToUpper(day.Weekday().String()); got != w.Day {
		t.Errorf("%s is a %s, not a %s", w.Date, got, w.Day)
	}
	p := &Period{}
	set := func(text string, low, high *int64, has Has) {
		if text == "" || text == "not told" {
			return
		}
		from, to, two := strings.Cut(text, " to ")
		if !two {
			to = from
		}
		for _, f := range []struct {
			text string
			into *int64
		}{{from, low}, {to, high}} {
			if *f.into, err = ParsePower(f.text); err != nil {
				t.Fatal(err)
			}
		}
		p.Has |= has
	}
	set(w.Power, &p.MinPower, &p.MaxPower, HasMinPower|HasMaxPower)
	set(w.Current, &p.MinCurrent, &p.MaxCurrent, HasMinCurrent|HasMaxCurrent)
	s := state{duration: w.Duration, period: p}
	if s.energy, err = ParseEnergy(w.KWh); err != nil {
		t.Fatal(err)
	}
	s.at(day)
	return s
}

// first returns the first element of a chain that a moment meets, -1 for none.
func (l *linter) first(c *chain, s *state) int {
	for _, i := range c.elements {
		if failed, _ := l.rules[i].fails(s, &Policy{}); failed == 0 {
			return i
		}
	}
	return -1
}

// TestWitnesses evaluates the moment of each finding: in a gap no element may
// match; where an element is called unreachable, it must match, and another one
// before it.
func TestWitnesses(t *testing.T) {
	gaps, dead := 0, 0
	each(t, func(r random) bool {
		tar := r.tariff()
		l := linter{version: ocpi.V221, tariff: &tar}
		l.run()
		said := false
		for _, f := range l.findings {
			if f.Witness == nil {
				continue
			}
			said = true
			s := momentOf(t, f.Witness)
			for _, c := range l.chains() {
				if f.Code == "dimension_not_exhaustive" && tar.Elements[c.elements[0]].kind() == "" && strings.HasPrefix(f.Message, string(c.dimension)+" ") {
					gaps++
					if i := l.first(&c, &s); i >= 0 {
						t.Errorf("%s: element %d matches at %s", f.Message, i, f.Witness)
					}
				}
				for n, i := range c.elements {
					if f.Code != "unreachable" || f.Pointer != component(i, c.places[n]) {
						continue
					}
					dead++
					failed, _ := l.rules[i].fails(&s, &Policy{})
					if before := l.first(&c, &s); failed != 0 || before < 0 || before >= i {
						t.Errorf("%s %s: at %s it fails on %d, the first is %d", f.Pointer, f.Message, f.Witness, failed, before)
					}
				}
			}
		}
		return said
	})
	if gaps < *rounds/10 || dead < *rounds/50 {
		t.Errorf("only %d gaps and %d unreachable components", gaps, dead)
	}
}

// TestUnreachableIsNeverFirst tries moments on and around the bounds of all
// restrictions: what lint calls unreachable may not be the first to match, and
// what it calls exhaustive must always match.
func TestUnreachableIsNeverFirst(t *testing.T) {
	each(t, func(r random) bool {
		tar := r.tariff()
		l := linter{version: ocpi.V221, tariff: &tar}
		l.run()
		dead, open := make(map[string]bool), make(map[string]bool)
		for _, f := range l.findings {
			dead[f.Pointer] = dead[f.Pointer] || f.Code == "unreachable"
			if f.Code == "dimension_not_exhaustive" {
				d, _, _ := strings.Cut(f.Message, " ")
				open[d] = true
			}
		}
		said := false
		for _, c := range l.chains() {
			closed := c.dimension != Flat && tar.Elements[c.elements[0]].kind() == "" && !open[string(c.dimension)]
			for range 40 {
				s := l.boundary(r)
				i := l.first(&c, &s)
				if i < 0 {
					if closed {
						t.Errorf("nothing prices %s at %+v, which lint does not say", c.dimension, s)
					}
					continue
				}
				for n, e := range c.elements {
					if e == i && dead[component(i, c.places[n])] {
						t.Errorf("%s is reached at %+v %+v", component(i, c.places[n]), s, *s.period)
					}
				}
			}
			said = said || closed || len(c.elements) > 1
		}
		return said
	})
}

// boundary returns a moment on, or one unit before, bounds of random elements.
func (l *linter) boundary(r random) state {
	pick := func() *restrictions {
		if x := l.rules[r.IntN(len(l.rules))]; x != nil {
			return x
		}
		return &restrictions{}
	}
	near := func(a, b int64) int64 { return max(0, pickOne(r, 0, a, a-1, b, b-1, b+1)) }
	s := state{minute: int(near(int64(pick().from), int64(pick().to))) % 1440, period: &Period{}}
	day := near(int64(pick().fromDay), int64(pick().toDay))
	if day < 2 {
		day = 20_000 + r.Int64N(7)
	}
	s.day, s.weekday = int(day), 1<<weekdayOf(day)
	s.energy = near(pick().minKWh, pick().maxKWh)
	s.duration = near(pick().minDuration, pick().maxDuration)
	for _, f := range []struct {
		low, high *int64
		a, b      int64
		has       Has
	}{
		{&s.period.MinPower, &s.period.MaxPower, near(pick().minPower, pick().maxPower), near(pick().minPower, pick().maxPower), HasMinPower | HasMaxPower},
		{&s.period.MinCurrent, &s.period.MaxCurrent, near(pick().minCurrent, pick().maxCurrent), near(pick().minCurrent, pick().maxCurrent), HasMinCurrent | HasMaxCurrent},
	} {
		if r.maybe(80) {
			*f.low, *f.high = min(f.a, f.b), max(f.a, f.b)
			s.period.Has |= f.has
		}
	}
	return s
}

// TestUnionOfSeveralAxes has a condition that only four others together cover.
func TestUnionOfSeveralAxes(t *testing.T) {
	day := `"start_time":"08:00","end_time":"20:00"`
	night := `"start_time":"20:00","end_time":"08:00"`
	list := []string{}
	for _, clock := range []string{day, night} {
		for _, kwh := range []string{`"max_kwh":10`, `"min_kwh":10`} {
			list = append(list, fmt.Sprintf(`ENERGY 0.4 1 21 {%s,%s}`, clock, kwh))
		}
	}
	for missing := range 5 {
		some := append([]string(nil), list...)
		if missing < 4 {
			some = append(some[:missing], some[missing+1:]...)
		}
		findings, err := LintJSON(ocpi.V221, []byte(lintTariff(elements(append(some, plain)...))), LintOptions{})
		if err != nil {
			t.Fatal(err)
		}
		dead := false
		for _, f := range findings {
			dead = dead || f.Code == "unreachable"
		}
		if dead != (missing == 4) {
			t.Errorf("without element %d of 4: unreachable is %v", missing, dead)
		}
	}
}
