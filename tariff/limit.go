package tariff

import "math/big"

// limit applies min_price and max_price of each tariff to what it priced, before
// and after tax each by its own value. Where a tariff gives a limit before tax
// only, the tax moves in proportion.
func (r *Result) limit(l *PriceList, p *Policy) {
	if p.IgnoreLimits {
		return
	}
	if !l.limits {
		return
	}
	before := Totals{r.TotalExcl, r.TotalIncl}
	total := Totals{zero, zero}
	name := ""
	for i := range l.tariffs {
		part := r.part(i, l)
		if t := &l.tariffs[i]; t.min != nil || t.max != nil {
			if r.used(i) {
				part = part.clamp(t, &name)
			}
		}
		total = Totals{total.Excl.Add(part.Excl), total.Incl.Add(part.Incl)}
	}
	if name == "" {
		return
	}
	r.LimitApplied, r.BeforeLimits = &name, &before
	r.TotalExcl, r.TotalIncl = total.Excl, total.Incl
	r.settleTax(before)
}

// used reports whether a period had the tariff, be it that nothing had a price: a
// session of 0 kWh costs min_price.
func (r *Result) used(tariff int) bool { return r.touched == nil || r.touched[tariff] }

// touch notes that a period has the tariff.
func (r *Result) touch(tariff int, l *PriceList) {
	if len(l.tariffs) == 1 {
		return
	}
	if r.touched == nil {
		r.touched = make([]bool, len(l.tariffs))
	}
	r.touched[tariff] = true
}

// part is what one tariff priced.
func (r *Result) part(tariff int, l *PriceList) Totals {
	if len(l.tariffs) == 1 {
		return Totals{r.TotalExcl, r.TotalIncl}
	}
	t := Totals{zero, zero}
	for i := range r.Lines {
		if line := &r.Lines[i]; line.tariff == tariff {
			t = Totals{t.Excl.Add(line.Excl), t.Incl.Add(line.Incl)}
		}
	}
	return t
}

// clamp applies the limits of a tariff and notes which one changed something.
func (t Totals) clamp(c *compiled, name *string) Totals {
	apply := func(l *limits, which string, sign int) {
		if l == nil {
			return
		}
		old := t
		if t.Excl.Known() && t.Excl.Cmp(l.before)*sign > 0 {
			t.Excl = l.before
		}
		switch {
		case l.after.Known():
			if t.Incl.Known() && t.Incl.Cmp(l.after)*sign > 0 {
				t.Incl = l.after
			}
		case t.Excl != old.Excl:
			t.Incl = proportion(old, t.Excl)
		}
		if t != old {
			*name = which
		}
	}
	apply(c.min, "min_price", -1)
	apply(c.max, "max_price", 1)
	return t
}

// proportion returns the total with tax that belongs to a new total without.
func proportion(old Totals, excl Amount) Amount {
	if !old.Incl.Known() || old.Excl.IsZero() {
		return Amount{}
	}
	if old.Incl == old.Excl {
		return excl
	}
	n := new(big.Int).Mul(old.Incl.x.big(), excl.x.big())
	n.Quo(n, old.Excl.x.big())
	out := Amount{known: n.BitLen() <= 248}
	out.x.neg = n.Sign() < 0
	for i, word := 0, new(big.Int).Abs(n); i < len(out.x.mag); i++ {
		out.x.mag[i] = new(big.Int).And(word, new(big.Int).SetUint64(1<<64-1)).Uint64()
		word.Rsh(word, 64)
	}
	return out
}

// big returns x in its unit.
func (x exact) big() *big.Int {
	n := new(big.Int)
	for i := len(x.mag) - 1; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(x.mag[i]))
	}
	if x.neg {
		n.Neg(n)
	}
	return n
}

// settleTax makes the tax by rate sum to the difference of the totals again: in
// proportion, the last rate takes what is left; what no rate explains becomes a
// group of its own.
func (r *Result) settleTax(before Totals) {
	tax := r.TotalIncl.Sub(r.TotalExcl)
	old := before.Incl.Sub(before.Excl)
	if !tax.Known() || !old.Known() {
		return
	}
	rest, base := tax, r.TotalExcl
	last := -1
	for i := range r.TaxByRate {
		g := &r.TaxByRate[i]
		g.Base = proportion(Totals{Excl: before.Excl, Incl: g.Base}, r.TotalExcl)
		g.Tax = proportion(Totals{Excl: old, Incl: g.Tax}, tax)
		if !g.Base.Known() || !g.Tax.Known() {
			r.TaxByRate = nil
			break
		}
		rest, base = rest.Sub(g.Tax), base.Sub(g.Base)
		if g.Rate != nil {
			last = i
		}
	}
	switch {
	case last >= 0:
		g := &r.TaxByRate[last]
		g.Tax, g.Base = g.Tax.Add(rest), g.Base.Add(base)
	case !tax.IsZero() || len(r.TaxByRate) == 0:
		r.TaxByRate = []TaxGroup{{Base: r.TotalExcl, Tax: tax}}
	}
}

// round rounds the totals.
func (r *Result) round(p *Policy) {
	d, mode := p.decimals(r.Currency), p.Rounding.Mode
	if mode == "" {
		mode = HalfAwayFromZero
	}
	r.Rounded = Rounded{
		Decimals: d, Mode: mode,
		TotalExcl: roundAmount{r.TotalExcl.Round(d, mode), d}, TotalIncl: roundAmount{r.TotalIncl.Round(d, mode), d},
	}
}
