package tariff

import (
	"math/big"
	"slices"
	"strings"
	"time"
)

// oracle prices in math/big.Rat, written from docs/pricing.md in another way than
// the engine: slowly, period by period, with times as texts.
type oracle struct {
	t        *Tariff
	s        *Session
	periods  []Period
	lines    []oracleLine
	excl     *big.Rat // nil: unknown
	incl     *big.Rat
	limit    string
	durStart time.Time
}

type oracleLine struct {
	dim    Dimension
	comp   *Component
	volume *big.Rat // kWh, h, 1
	billed *big.Rat
	once   bool
}

func rat(n, d int64) *big.Rat { return big.NewRat(n, d) }

func ratOf(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

func (o *oracle) price() {
	o.periods = slices.Clone(o.s.Periods)
	slices.SortStableFunc(o.periods, func(a, b Period) int { return a.Start.Compare(b.Start) })
	o.durStart = o.s.Start
	for i, p := range o.periods {
		if p.Has&HasReservation == 0 || p.Has&(HasEnergy|HasTime|HasParking) != 0 {
			break
		}
		if i+1 < len(o.periods) {
			o.durStart = o.periods[i+1].Start
		}
	}
	energy := new(big.Rat)
	flat, resFlat := false, false
	for i := range o.periods {
		p := &o.periods[i]
		only := p.Has&HasReservation != 0 && p.Has&(HasEnergy|HasTime|HasParking) == 0
		o.volume(p, energy, Energy, rat(p.Energy, 1e9), "")
		o.volume(p, energy, Time, rat(p.Time, 3600), "")
		o.volume(p, energy, ParkingTime, rat(p.Parking, 3600), "")
		o.volume(p, energy, Reservation, rat(p.Reservation, 3600), "r")
		if !only && !flat {
			if c := o.find(p, energy, Flat, ""); c != nil {
				flat = true
				o.lines = append(o.lines, oracleLine{Flat, c, rat(1, 1), rat(1, 1), true})
			}
		}
		if p.Has&HasReservation != 0 && !resFlat {
			if c := o.find(p, energy, Flat, "r"); c != nil {
				resFlat = true
				o.lines = append(o.lines, oracleLine{Reservation, c, rat(1, 1), rat(1, 1), true})
			}
		}
		energy = new(big.Rat).Add(energy, rat(p.Energy, 1e9))
	}
	parking := false
	for _, l := range o.lines {
		parking = parking || l.dim == ParkingTime
	}
	o.step(Energy, rat(1, 1000))
	if parking {
		o.step(ParkingTime, rat(1, 3600))
	} else {
		o.step(Time, rat(1, 3600))
	}
	o.step(Reservation, rat(1, 3600))
	o.sum()
	o.clamp()
}

func (o *oracle) volume(p *Period, energy *big.Rat, d Dimension, v *big.Rat, part string) {
	if v.Sign() == 0 {
		return
	}
	kind := d
	if d == Reservation {
		kind = Time
	}
	if c := o.find(p, energy, kind, part); c != nil {
		o.lines = append(o.lines, oracleLine{d, c, v, v, false})
	}
}

// find searches the elements for a part of the session: "" is charging, "r" the
// reservation.
func (o *oracle) find(p *Period, energy *big.Rat, d Dimension, part string) *Component {
	kinds := []string{""}
	if part == "r" {
		kinds = []string{"RESERVATION"}
		if o.s.Expired {
			kinds = []string{"RESERVATION_EXPIRES", "RESERVATION"}
		}
	}
	for _, kind := range kinds {
		for i := range o.t.Elements {
			e := &o.t.Elements[i]
			own := ""
			if e.Restrictions != nil {
				own = e.Restrictions.Reservation
			}
			if own != kind {
				continue
			}
			for j := range e.Components {
				if e.Components[j].Type != d {
					continue
				}
				if o.matches(e.Restrictions, p, energy) {
					return &e.Components[j]
				}
				break
			}
		}
	}
	return nil
}

func (o *oracle) matches(w *Restrictions, p *Period, energy *big.Rat) bool {
	if w == nil {
		return true
	}
	local := p.Start.In(o.s.Zone)
	clock, date := local.Format("15:04"), local.Format("2006-01-02")
	from, to := w.StartTime, w.EndTime
	if from == "" || from == "24:00" {
		from = "00:00"
	}
	if to == "" || to == "00:00" {
		to = "24:00"
	}
	switch {
	case from == to:
	case from < to && (clock < from || clock >= to), from > to && clock < from && clock >= to:
		return false
	}
	if len(w.DayOfWeek) > 0 && !slices.Contains(w.DayOfWeek, strings.ToUpper(local.Weekday().String())) ||
		w.StartDate != "" && date < w.StartDate || w.EndDate != "" && date >= w.EndDate {
		return false
	}
	since := o.durStart
	if p.Has&HasReservation != 0 && p.Has&(HasEnergy|HasTime|HasParking) == 0 {
		since = o.s.Start
	}
	seconds := int64(p.Start.Sub(since) / time.Second)
	if w.MinKWh.IsSet() && energy.Cmp(ratOf(w.MinKWh.String())) < 0 || w.MaxKWh.IsSet() && energy.Cmp(ratOf(w.MaxKWh.String())) >= 0 ||
		w.MinDuration != nil && seconds < *w.MinDuration || w.MaxDuration != nil && seconds >= *w.MaxDuration {
		return false
	}
	at := func(has Has, v int64) *big.Rat {
		if p.Has&has == 0 {
			return nil
		}
		return rat(v, 1e6)
	}
	minP, maxP, maxC := at(HasMinPower, p.MinPower), at(HasMaxPower, p.MaxPower), at(HasMaxCurrent, p.MaxCurrent)
	return !(w.MinPower.IsSet() && (minP == nil || minP.Cmp(ratOf(w.MinPower.String())) < 0) ||
		w.MaxPower.IsSet() && (maxP == nil || maxP.Cmp(ratOf(w.MaxPower.String())) >= 0) ||
		w.MaxCurrent.IsSet() && (maxC == nil || maxC.Cmp(ratOf(w.MaxCurrent.String())) >= 0))
}

// step rounds a dimension up to whole steps of a unit.
func (o *oracle) step(d Dimension, unit *big.Rat) {
	total, last := new(big.Rat), -1
	for i, l := range o.lines {
		if l.dim == d && !l.once {
			total.Add(total, l.volume)
			last = i
		}
	}
	if last < 0 || o.lines[last].comp.StepSize == 0 || total.Sign() <= 0 {
		return
	}
	step := new(big.Rat).Mul(unit, rat(o.lines[last].comp.StepSize, 1))
	n := new(big.Rat).Quo(total, step)
	q := new(big.Int).Quo(n.Num(), n.Denom())
	if !n.IsInt() {
		q.Add(q, big.NewInt(1))
	}
	more := new(big.Rat).Mul(step, new(big.Rat).SetInt(q))
	more.Sub(more, total)
	o.lines[last].billed = new(big.Rat).Add(o.lines[last].volume, more)
}

func (o *oracle) sum() {
	o.excl, o.incl = new(big.Rat), new(big.Rat)
	for _, l := range o.lines {
		x := new(big.Rat).Mul(ratOf(l.comp.Price.String()), l.billed)
		factor := rat(1, 1)
		if l.comp.VAT.IsSet() {
			factor.Add(factor, new(big.Rat).Quo(ratOf(l.comp.VAT.String()), rat(100, 1)))
		}
		excl, incl := x, new(big.Rat).Mul(x, factor)
		switch {
		case o.t.Tax == TaxNotApplicable:
			incl = x
		case o.t.Tax == TaxIncluded && l.comp.VAT.IsSet():
			excl, incl = new(big.Rat).Quo(x, factor), x
		case o.t.Tax == TaxIncluded:
			excl, incl = nil, x
		case o.t.Tax == TaxAddedOutside && !l.comp.VAT.IsSet():
			incl = nil
		}
		o.excl, o.incl = plus(o.excl, excl), plus(o.incl, incl)
	}
}

func plus(a, b *big.Rat) *big.Rat {
	if a == nil || b == nil {
		return nil
	}
	return new(big.Rat).Add(a, b)
}

func (o *oracle) clamp() {
	apply := func(l *Limit, name string, sign int) {
		if l == nil {
			return
		}
		before, changed := ratOf(l.Before.String()), false
		old := o.excl
		if o.excl != nil && o.excl.Cmp(before)*sign > 0 {
			o.excl, changed = before, true
		}
		if l.After.IsSet() {
			if after := ratOf(l.After.String()); o.incl != nil && o.incl.Cmp(after)*sign > 0 {
				o.incl, changed = after, true
			}
		} else if changed {
			if o.incl == nil || old.Sign() == 0 {
				o.incl = nil
			} else {
				o.incl = new(big.Rat).Quo(new(big.Rat).Mul(o.incl, o.excl), old)
			}
		}
		if changed {
			o.limit = name
		}
	}
	apply(o.t.MinPrice, "min_price", -1)
	apply(o.t.MaxPrice, "max_price", 1)
}

// rounded returns r with so many decimals, half away from zero.
func rounded(r *big.Rat, decimals int) string {
	if r == nil {
		return "unknown"
	}
	return r.FloatString(decimals)
}
