package tariff

// amounts prices the lines and sums them up.
func (r *Result) amounts(l *PriceList, p *Policy) error {
	r.TotalExcl, r.TotalIncl = zero, zero
	for i := range r.Lines {
		line := &r.Lines[i]
		tax := l.tariffs[line.tariff].Tax
		x, err := line.from.price.money(line.Billed.n, scaleOf(line.Billed.unit), line.Billed.unit == span)
		if err != nil {
			return &Error{Code: "overflow", Message: "the cost of a line is out of range"}
		}
		line.Excl, line.Incl = line.from.taxed(x, tax)
		if !line.Excl.Known() && !line.Incl.Known() {
			return &Error{Code: "overflow", Message: "the tax of a line is out of range"}
		}
		if p.Rounding.Where == AtLine {
			line.Excl = line.Excl.Round(p.decimals(r.Currency), p.Rounding.Mode)
			line.Incl = line.Incl.Round(p.decimals(r.Currency), p.Rounding.Mode)
		}
		s := r.ByDimension.at(line.Dimension)
		if line.Volume.unit != count {
			s.Priced = Volume{s.Priced.n + line.Volume.n, line.Volume.unit}
			s.Billed = Volume{s.Billed.n + line.Billed.n, line.Billed.unit}
		}
		s.Excl.add(&line.Excl)
		s.Incl.add(&line.Incl)
		r.group(line, tax)
	}
	for i := range r.TaxByRate {
		g := &r.TaxByRate[i]
		if g.rate != nil && p.Rounding.Where != AtLine {
			// One division for the sum: how the session is cut into periods
			// must not show.
			g.Base = g.rate.without(g.incl)
		}
		g.Tax = g.incl.Sub(g.Base)
		r.TotalExcl.add(&g.Base)
		r.TotalIncl = r.TotalIncl.Add(g.Base.Add(g.Tax))
	}
	r.knownIncluded()
	return nil
}

func scaleOf(u unit) int {
	if u == energy {
		return 9
	}
	return 0
}

// taxed returns an amount before and after tax.
func (c *candidate) taxed(x exact, t Tax) (excl, incl Amount) {
	a := Amount{known: true, x: x}
	switch {
	case t == TaxNotApplicable:
		return a, a
	case t == TaxIncluded && !c.hasVAT:
		return Amount{}, a
	case t == TaxIncluded:
		return c.without(a), a
	case c.hasVAT:
		return a, c.with(a)
	case t == TaxAddedOutside:
		return a, Amount{}
	}
	return a, a
}

// with adds the tax of the component.
func (c *candidate) with(a Amount) Amount {
	hundred := 100 * pow10[c.vat.scale]
	a.known = a.x.mul(hundred + c.vat.coef)
	a.x.div(hundred)
	return a
}

// without takes the tax of the component out.
func (c *candidate) without(a Amount) Amount {
	hundred := 100 * pow10[c.vat.scale]
	a.known = a.x.mul(hundred)
	a.x.div(hundred + c.vat.coef)
	return a
}

// group adds a line to its rate; the tax follows from the sums.
func (r *Result) group(line *Line, tax Tax) {
	c := line.from
	var included *candidate
	if tax == TaxIncluded && c.hasVAT {
		included = c
	}
	for i := range r.TaxByRate {
		g := &r.TaxByRate[i]
		if g.of.hasVAT == c.hasVAT && g.of.vat == c.vat && (g.rate == nil) == (included == nil) {
			g.Base.add(&line.Excl)
			g.incl.add(&line.Incl)
			return
		}
	}
	if r.TaxByRate == nil {
		r.TaxByRate = make([]TaxGroup, 0, 2)
	}
	r.TaxByRate = append(r.TaxByRate, TaxGroup{Rate: c.spelling, Base: line.Excl, of: c, rate: included, incl: line.Incl})
}

// knownIncluded keeps a total with tax that is known although the split is not.
func (r *Result) knownIncluded() {
	if r.TotalIncl.Known() {
		return
	}
	incl := zero
	for i := range r.Lines {
		incl.add(&r.Lines[i].Incl)
	}
	r.TotalIncl = incl
}
