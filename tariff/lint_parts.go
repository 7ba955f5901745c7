package tariff

import (
	"regexp"
	"strconv"
	"strings"
)

// reservations looks at elements that price reservations (L07).
func (l *linter) reservations() {
	reserve, expire := false, -1
	for i := range l.tariff.Elements {
		switch l.tariff.Elements[i].kind() {
		case "":
			continue
		case "RESERVATION", "BOOKING":
			reserve = true
		case "RESERVATION_EXPIRES", "BOOKING_EXPIRES":
			if expire < 0 {
				expire = i
			}
		}
		for j := range l.tariff.Elements[i].Components {
			if d := l.tariff.Elements[i].Components[j].Type; d == Energy || d == ParkingTime {
				l.note("L07", "reservation_dimension", SeverityError, component(i, j), "a reservation has no %s; the component has no effect", d)
			}
		}
		if l.rules[i].has&(onMinKWh|onMaxKWh|onMinPower|onMaxPower|onMinCurrent|onMaxCurrent) != 0 {
			l.note("L07", "reservation_with_energy_limits", SeverityError, element(i)+"/restrictions", "a reservation takes no energy, power or current")
		}
	}
	if expire >= 0 && !reserve {
		l.note("L07", "expires_without_reservation", SeverityError, element(expire)+"/restrictions", "a reservation that expires is priced, one that is used is not")
	}
}

// steps looks at step_size (L08).
func (l *linter) steps() {
	parking := false
	first := make(map[Dimension]int64)
	for i := range l.tariff.Elements {
		parking = parking || l.prices(i, ParkingTime)
	}
	for i := range l.tariff.Elements {
		for j := range l.tariff.Elements[i].Components {
			c := &l.tariff.Elements[i].Components[j]
			at := component(i, j)
			if c.Type == Flat {
				if c.StepSize > 1 {
					l.note("L08", "flat_step_size", SeverityInfo, at, "a FLAT has no step_size; %d has no effect", c.StepSize)
				}
				continue
			}
			switch {
			case c.StepSize == 0:
				l.note("L08", "zero_step_size", SeverityInfo, at, "step_size 0 is read as no rounding")
			case c.Type == Energy && c.StepSize > 1000, c.Type != Energy && c.StepSize > 900:
				l.note("L08", "large_step_size", SeverityWarning, at, "a step_size of %d is more than 1 kWh or 15 minutes", c.StepSize)
			case c.StepSize > 1:
				l.note("L08", "step_size_above_1", SeverityInfo, at, "a step_size above 1 bills more than was used")
			}
			if c.Type == Time && parking && c.StepSize > 1 && !l.reserved(i) {
				l.note("L08", "unused_time_step_size", SeverityWarning, at, "where parking is priced only parking is rounded, so this step_size has no effect then")
			}
			if was, ok := first[c.Type]; ok && was != c.StepSize {
				l.note("L08", "step_size_differs", SeverityInfo, at, "%s has another step_size (%d) before; the last one that was used counts", c.Type, was)
			} else if !ok {
				first[c.Type] = c.StepSize
			}
		}
	}
}

func (l *linter) reserved(i int) bool {
	return l.tariff.Elements[i].kind() != ""
}

// rates looks at tax (L09).
func (l *linter) rates() {
	rates := make(map[Dimension]string)
	with, without := 0, 0
	for i := range l.tariff.Elements {
		for j := range l.tariff.Elements[i].Components {
			c := &l.tariff.Elements[i].Components[j]
			if !c.VAT.IsSet() {
				without++
				continue
			}
			with++
			at := component(i, j)
			d, err := c.VAT.Decimal()
			rate := c.VAT.String()
			if err == nil && fits(rate) {
				rate = d.Trim(0).String()
			}
			switch {
			case err != nil || !fits(rate) || d.IsNeg() || d.Coef() > 100*pow10[d.Scale()]:
				l.note("L09", "tax_rate_out_of_range", SeverityError, at, "a rate of %s %% cannot be", shorten(rate))
			case d.IsPos() && d.Coef() < pow10[d.Scale()]:
				l.note("L09", "tax_rate_is_a_fraction", SeverityWarning, at, "a rate of %s %% is probably meant as a fraction", rate)
			case d.IsZero():
				l.note("L09", "zero_tax_rate", SeverityInfo, at, "the rate is 0")
			}
			if l.tariff.Tax == TaxNotApplicable {
				l.note("L09", "tax_rate_without_tax", SeverityError, at, "has a rate, while tax_included says that there is no tax")
			}
			if was, ok := rates[c.Type]; ok && was != rate {
				l.note("L09", "tax_rate_differs", SeverityWarning, at, "%s has a rate of %s %% before and %s %% here", c.Type, was, rate)
			} else if !ok {
				rates[c.Type] = rate
			}
		}
	}
	switch {
	case with > 0 && without > 0:
		l.note("L09", "tax_rate_missing", SeverityWarning, "/elements", "%d of %d components have no rate beside others that have one", without, with+without)
	case l.tariff.Tax == TaxIncluded && without > 0:
		l.note("L09", "included_tax_without_rate", SeverityInfo, "/tax_included", "prices include a tax whose rate is not told, so the amount before tax is unknown")
	}
}

// wholes looks at the tariff as a whole (L12, L14).
func (l *linter) wholes() {
	priced, flats := false, 0
	numbers := make(map[string]bool)
	for i := range l.tariff.Elements {
		r := l.rules[i]
		for j := range l.tariff.Elements[i].Components {
			c := &l.tariff.Elements[i].Components[j]
			d, err := c.Price.Decimal()
			if err != nil || !c.Price.IsSet() {
				priced = true // reported elsewhere
				continue
			}
			numbers[d.Trim(0).String()] = true
			priced = priced || !d.IsZero()
			if c.Type != Flat || l.reserved(i) || d.IsZero() {
				continue
			}
			flats++
			if r != nil && r.has&(onMinKWh|onMinDuration) != 0 {
				l.note("L12", "flat_after_start", SeverityInfo, component(i, j), "a FLAT is charged only where its condition holds at the start of a period")
			}
		}
	}
	if !priced && len(l.tariff.Elements) > 0 {
		l.note("L12", "nothing_priced", SeverityInfo, "/elements", "every price is 0")
	}
	if flats > 1 {
		l.note("L12", "several_flats", SeverityInfo, "/elements", "has %d FLAT components; the first that applies is charged, once", flats)
	}
	for i, text := range l.tariff.AltText {
		l.alt(i, text, numbers)
	}
	if c := countryCurrency[strings.ToUpper(l.tariff.CountryCode)]; c != "" && l.tariff.Currency != "" && c != l.tariff.Currency {
		l.note("L14", "currency_of_another_country", SeverityInfo, "/currency", "is %s; in %s it is %s", l.tariff.Currency, l.tariff.CountryCode, c)
	}
}

var decimalNumber = regexp.MustCompile(`\d+[.,]\d+`)

// alt looks for prices in a text that the elements do not have.
func (l *linter) alt(i int, text string, numbers map[string]bool) {
	for _, n := range decimalNumber.FindAllString(text, 20) {
		n = strings.TrimRight(strings.Replace(n, ",", ".", 1), "0")
		n = strings.TrimSuffix(n, ".")
		if !numbers[n] && !l.withTax(n, numbers) {
			l.note("L14", "alt_text_differs", SeverityInfo, "/tariff_alt_text/"+strconv.Itoa(i), "the text says %s, which is not among the prices", n)
			return
		}
	}
}

// withTax reports whether n is one of the prices with its tax.
func (l *linter) withTax(n string, _ map[string]bool) bool {
	for i := range l.tariff.Elements {
		for j := range l.tariff.Elements[i].Components {
			c, err := compileComponent(&l.tariff.Elements[i].Components[j], "")
			if err != nil || !c.hasVAT {
				continue
			}
			x, err := c.price.money(1, 0, false)
			if err != nil {
				continue
			}
			with := c.with(Amount{known: true, x: x})
			if strings.TrimRight(with.Text(2), "0") == n || strings.TrimRight(strings.TrimRight(with.Text(4), "0"), ".") == n {
				return true
			}
		}
	}
	return false
}
