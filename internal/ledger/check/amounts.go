package check

import (
	"math/bits"
	"strings"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// limitOf returns a number of kWh of the settings as 10⁻⁹ kWh.
func limitOf(n ocpi.Number) int64 {
	e, err := tariff.ParseEnergy(n.String())
	if err != nil {
		return 0
	}
	return e
}

// limitMinor returns an amount of the settings in minor units.
func limitMinor(n ocpi.Number, currency string) int64 {
	a, err := tariff.AmountOf(n)
	if err != nil {
		return 0
	}
	m, _ := minor(a, currency)
	return m
}

// sums is C19.
func (r *run) sums() {
	if net, gross, below := r.below(); below {
		r.found("C19", "below_before_tax", "/total_cost", details{"net": net.String(), "gross": gross.String()}, "%s %s with tax is less than %s before tax.", gross, r.CDR.Currency, net)
	} else {
		r.taxes()
	}
	if total, sum, off := r.partsOff(); off {
		r.found("C19", "parts_do_not_sum", "/total_cost", details{"total": total.String(), "sum": sum.String()}, "The total before tax is %s; its parts sum up to %s.", total, sum)
	}
}

// below reports whether less is charged with tax than before it, or less taken
// back. Minor units do not tell: rounding leaves different signs of less than one.
func (r *run) below() (net, gross tariff.Amount, below bool) {
	c := r.CDR
	net, gross = c.Tariff.Claim.Total.Excl, c.Tariff.Claim.Total.Incl
	if !net.Known() || !gross.Known() {
		return net, gross, false
	}
	if negative(net) || net.IsZero() && c.Credit {
		return net, gross, net.Cmp(gross) < 0
	}
	return net, gross, gross.Cmp(net) < 0
}

// partsOff compares the total before tax with the sum of its parts, where there
// are any. A minimum or maximum makes them differ.
func (r *run) partsOff() (total, sum tariff.Amount, off bool) {
	claim := &r.CDR.Tariff.Claim
	parts := [...]*tariff.Amount{&claim.Energy.Excl, &claim.Time.Excl, &claim.Parking.Excl, &claim.Fixed.Excl, &claim.Reserved.Excl}
	n := int64(0)
	for _, p := range parts {
		switch {
		case !p.Known():
		case n == 0:
			sum, n = *p, 1
		default:
			sum, n = sum.Add(*p), n+1
		}
	}
	if n == 0 || r.limited() || !sum.Known() || !claim.Total.Excl.Known() {
		return total, sum, false
	}
	total = claim.Total.Excl
	if r.CDR.Credit { // only the total is to be negative, but some negate all
		total, sum = total.Abs(), sum.Abs()
	}
	by, ok := minor(total.Sub(sum).Abs(), r.CDR.Currency)
	return total, sum, !ok || by > (n+1)/2+limitMinor(r.settings.PriceTolerance, r.CDR.Currency)
}

// limited reports whether a minimum or maximum may have changed the total.
func (r *run) limited() bool {
	if r.report.Price != nil {
		return r.report.Price.LimitApplied != nil
	}
	for i := range r.CDR.Tariff.Tariffs {
		if t := &r.CDR.Tariff.Tariffs[i]; t.MinPrice != nil || t.MaxPrice != nil {
			return true
		}
	}
	return false
}

// maxTaxRate is more than any VAT, GST or sales tax, in percent.
const maxTaxRate = 30

// taxes compares the taxes with their rates.
func (r *run) taxes() {
	c := r.CDR
	if c.Version != ocpi.V230 {
		tax := c.Gross - c.Net
		if c.Net < 0 {
			tax = -tax
		}
		if tax*100 > max(c.Net, -c.Net)*maxTaxRate+100 { // a minor unit for rounding
			r.found("C19", "tax_rate", "/total_cost", details{"net": r.money(c.Net), "gross": r.money(c.Gross)},
				"The tax on %s is %s, more than %d %%.", r.money(c.Net), r.money(c.Gross-c.Net), maxTaxRate)
		}
		return
	}
	for i := range c.taxes[:min(len(c.taxes), 100)] {
		if t := &c.taxes[i]; t.Percentage.IsSet() && !r.taxOf(t) {
			return
		}
	}
}

// taxOf looks at one tax; false when it was wrong.
func (r *run) taxOf(t *tax) bool {
	c := r.CDR
	rate, err := t.Percentage.Decimal()
	if err != nil || rate.IsNeg() || rate.Cmp(decimal.MustNew(maxTaxRate, 0)) > 0 {
		r.found("C19", "tax_rate", "/total_cost/taxes", details{"tax": t.Name, "percentage": short(t.Percentage.String())}, "The rate of %q, %s %%, is implausible.", t.Name, short(t.Percentage.String()))
		return false
	}
	net, err := c.beforeTaxes.Decimal()
	amount, err2 := t.Amount.Decimal()
	if err != nil || err2 != nil {
		return true // C01
	}
	expected, err := net.Mul(rate)
	if err != nil {
		return true
	}
	if expected, err = expected.Quo(hundred); err != nil {
		return true
	}
	off, err := amount.Sub(expected)
	if err != nil {
		return true
	}
	tolerance := decimal.MustNew(1, tariff.CurrencyDecimals(c.Currency))
	if off.Abs().Cmp(tolerance) <= 0 {
		return true
	}
	r.found("C19", "tax_amount", "/total_cost/taxes", details{"tax": t.Name, "amount": short(t.Amount.String()), "expected": expected.Round(4).String()},
		"%q is %s; %s %% of %s is %s.", t.Name, short(t.Amount.String()), rate, net, expected.Round(4))
	return false
}

// short bounds a text of the sender's.
func short(s string) string {
	if len(s) > 32 {
		return s[:29] + "..."
	}
	return s
}

// Limits of currencies whose unit is worth about the same, before tax.
const (
	usual          = " AUD CAD CHF EUR GBP USD "
	usualTotal     = "1000"
	usualPricePKWh = "5"
)

// limit returns a limit of the settings in minor units; where it is not set that
// of usual currencies; 0 is none.
func (r *run) limit(n ocpi.Number, standard string) int64 {
	if !n.IsSet() && strings.Contains(usual, " "+r.CDR.Currency+" ") {
		n = ocpi.MustNumber(standard)
	}
	return limitMinor(n, r.CDR.Currency)
}

// limits is C20.
func (r *run) limits() {
	c := r.CDR
	if !c.Credit && (c.Net < 0 || c.Gross < 0) {
		r.found("C20", "negative", "/total_cost", details{"net": r.money(c.Net), "gross": r.money(c.Gross)}, "The total is %s, and the CDR is not a credit.", r.money(c.Net))
		return
	}
	net := max(c.Net, -c.Net)
	if most := r.limit(r.settings.MaxTotal, usualTotal); most > 0 && net > most {
		r.found("C20", "above_limit", "/total_cost", details{"total": r.money(net), "limit": r.money(most)}, "The total before tax is %s, more than %s.", r.money(net), r.money(most))
		return
	}
	most := r.limit(r.settings.MaxPricePerKWh, usualPricePKWh)
	cost := r.energyCost()
	if most <= 0 || c.SumEnergy < 1e9 || cost <= 0 || r.energySlip {
		return
	}
	// cost / energy > most, in whole numbers of 128 bits
	h1, l1 := bits.Mul64(uint64(cost), 1e9)
	h2, l2 := bits.Mul64(uint64(most), uint64(c.SumEnergy))
	if h1 > h2 || h1 == h2 && l1 > l2 {
		r.found("C20", "price_per_kwh", "/total_cost", details{"cost": r.money(cost), "energy": kwh(c.SumEnergy), "limit": r.money(most)},
			"%s for %s is more than %s per kWh.", r.money(cost), kwh(c.SumEnergy), r.money(most))
	}
}

// energyCost returns what the energy costs before tax: as stated, else the total
// without the other parts that are stated.
func (r *run) energyCost() int64 {
	claim := &r.CDR.Tariff.Claim
	if claim.Energy.Excl.Known() {
		n, _ := minor(claim.Energy.Excl.Abs(), r.CDR.Currency)
		return n
	}
	rest := claim.Total.Excl.Abs()
	for _, p := range [...]tariff.Amount{claim.Time.Excl, claim.Parking.Excl, claim.Fixed.Excl, claim.Reserved.Excl} {
		if p.Known() {
			rest = rest.Sub(p.Abs())
		}
	}
	if !rest.Known() {
		return 0
	}
	n, _ := minor(rest, r.CDR.Currency)
	return n
}
