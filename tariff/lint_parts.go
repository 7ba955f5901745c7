package tariff

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reservations looks at elements that price reservations (L07).
func (l *linter) reservations() {
	reserve, expire := false, -1
	for i := range l.tariff.Elements {
		r := l.tariff.Elements[i].Restrictions
		if r == nil || r.Reservation == "" {
			continue
		}
		if r.Reservation == "RESERVATION" {
			reserve = true
		} else if expire < 0 {
			expire = i
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
		l.note("L07", "expires_without_reservation", SeverityError, element(expire)+"/restrictions", "RESERVATION_EXPIRES is priced, RESERVATION is not")
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
	r := l.tariff.Elements[i].Restrictions
	return r != nil && r.Reservation != ""
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
			if err == nil {
				rate = d.Trim(0).String()
			}
			switch {
			case err != nil || d.IsNeg() || d.Coef() > 100*pow10[d.Scale()]:
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
			if err != nil {
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
	if c := countryCurrency[strings.ToUpper(l.tariff.CountryCode)]; c != "" && c != l.tariff.Currency {
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

// afir looks at ad hoc prices as Regulation (EU) 2023/1804 article 5 wants them at
// fast chargers: per kWh, with a fee per minute of occupancy at most (L15).
func (l *linter) afir() {
	energy, allowed := false, []Dimension{Energy, ParkingTime}
	for i := range l.tariff.Elements {
		energy = energy || l.prices(i, Energy)
		for j := range l.tariff.Elements[i].Components {
			c := &l.tariff.Elements[i].Components[j]
			if d, err := c.Price.Decimal(); err == nil && !d.IsZero() && !slices.Contains(allowed, c.Type) && !l.reserved(i) {
				l.note("L15", "afir_other_component", SeverityWarning, component(i, j), "from 50 kW an ad hoc price consists of a price per kWh and a fee for occupancy; %s is neither", c.Type)
			}
		}
	}
	if !energy {
		l.note("L15", "afir_no_price_per_kwh", SeverityWarning, "/elements", "from 50 kW an ad hoc price is per kWh")
	}
}

// countryCurrency holds what is legal tender where most charging happens.
var countryCurrency = map[string]string{
	"AT": "EUR", "BE": "EUR", "BG": "EUR", "CA": "CAD", "CH": "CHF", "CY": "EUR", "CZ": "CZK", "DE": "EUR", "DK": "DKK", "EE": "EUR",
	"ES": "EUR", "FI": "EUR", "FR": "EUR", "GB": "GBP", "GR": "EUR", "HR": "EUR", "HU": "HUF", "IE": "EUR", "IS": "ISK", "IT": "EUR",
	"JP": "JPY", "LI": "CHF", "LT": "EUR", "LU": "EUR", "LV": "EUR", "MT": "EUR", "MX": "MXN", "NL": "EUR", "NO": "NOK", "PL": "PLN",
	"PT": "EUR", "RO": "RON", "SE": "SEK", "SI": "EUR", "SK": "EUR", "US": "USD",
}
