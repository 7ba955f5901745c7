package convert

import (
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/govalues/decimal"
)

// priceScale is the number of decimals of a net price that has no exact decimal
// form. OCPI wants four (2.2.1 §16.4); eight keep the error of a whole session
// far below a cent.
const priceScale = 8

func (c *conversion) tariff(o *splice.Object, ptr string) error {
	if c.down {
		return c.tariffDown(o, ptr)
	}
	for _, name := range []string{"min_price", "max_price"} {
		err := o.Edit(name, func(p *splice.Object) error {
			p.Rename("excl_vat", "before_taxes")
			p.Rename("incl_vat", "after_taxes")
			return nil
		})
		if err != nil {
			return err
		}
	}
	switch s, _ := o.Text("tax_included"); {
	case s == "YES" || s == "NO" || s == "N/A": // a 2.2.1 sender that already says so
	case !c.patch:
		o.Set("tax_included", []byte(`"NO"`))
		c.lose(ptr+"/tax_included", "set to NO: 2.2.1 prices are without VAT")
	}
	return nil
}

func (c *conversion) tariffDown(o *splice.Object, ptr string) error {
	gross := false
	switch s, _ := o.Text("tax_included"); {
	case s == "YES":
		gross = true
	case s == "NO" || s == "N/A" || c.patch && !o.Has("elements"):
	default:
		return &Error{ptr + "/tax_included", "must say whether prices contain taxes"}
	}
	o.Delete("tax_included")
	c.drop(o, ptr, "preauthorize_amount")
	for _, name := range []string{"min_price", "max_price"} {
		err := o.Edit(name, func(p *splice.Object) error {
			p.Rename("before_taxes", "excl_vat")
			p.Rename("after_taxes", "incl_vat")
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := o.Edit("energy_mix", func(mix *splice.Object) error { return c.energyMix(mix, ptr+"/energy_mix") }); err != nil {
		return err
	}
	return o.EditList("elements", func(l *splice.List) error {
		had := l.Len()
		err := l.EditEach(func(i int, e *splice.Object) (bool, error) {
			return c.tariffElement(e, index(ptr+"/elements", i), gross)
		})
		if err == nil && had > 0 && l.Left() == 0 {
			return &Error{ptr + "/elements", "has prices for bookings only, which 2.2.1 does not know"}
		}
		return err
	})
}

// tariffElement drops an element that holds for bookings: without its
// restriction it would hold for everybody.
func (c *conversion) tariffElement(e *splice.Object, ptr string, gross bool) (keep bool, err error) {
	keep = true
	err = e.Edit("restrictions", func(r *splice.Object) error {
		if !r.Null("booking") {
			keep = false
		}
		r.Delete("booking")
		return nil
	})
	if err != nil {
		return false, err
	}
	if !keep {
		c.lose(ptr, "dropped: a price for bookings, which 2.2.1 does not know")
		return false, nil
	}
	if !gross {
		return true, nil
	}
	err = e.EditList("price_components", func(l *splice.List) error {
		return l.EditEach(func(i int, p *splice.Object) (bool, error) {
			return true, c.netPrice(p, index(ptr+"/price_components", i))
		})
	})
	return true, err
}

// netPrice takes the VAT out of a gross price. Zero is zero with any tax.
func (c *conversion) netPrice(p *splice.Object, ptr string) error {
	price, err := amount(p, ptr, "price")
	if err != nil || price.IsZero() {
		return err
	}
	if p.Null("vat") {
		return &Error{ptr + "/vat", "is missing: the price before taxes cannot be known"}
	}
	vat, err := amount(p, ptr, "vat")
	if err != nil {
		return err
	}
	if vat.IsZero() {
		return nil
	}
	net, exact, err := takeOut(price, vat)
	if err != nil {
		return &Error{ptr + "/vat", "is no tax rate"}
	}
	p.Set("price", []byte(ocpi.NumberOf(net).String()))
	if !exact {
		c.lose(ptr+"/price", "rounded to eight decimals when the VAT was taken out")
	}
	return nil
}

// takeOut returns price/(1+vat/100) without trailing zeros beyond two decimals,
// rounded half to even to priceScale decimals where it is not exact.
func takeOut(price, vat decimal.Decimal) (net decimal.Decimal, exact bool, err error) {
	hundred := decimal.Hundred
	divisor, err := vat.Add(hundred)
	if err != nil {
		return net, false, err
	}
	if !divisor.IsPos() {
		return net, false, &Error{Problem: "is no tax rate"}
	}
	dividend, err := price.Mul(hundred)
	if err != nil {
		return net, false, err
	}
	full, err := dividend.Quo(divisor)
	if err != nil {
		return net, false, err
	}
	net = full.Round(priceScale)
	back, err := net.Mul(divisor)
	exact = err == nil && net.Equal(full) && back.Equal(dividend)
	return net.Trim(min(2, price.Scale())), exact, nil
}
