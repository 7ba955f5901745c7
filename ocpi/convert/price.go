package convert

import (
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/go-json-experiment/json"
	"github.com/govalues/decimal"
)

// tax is a TaxAmount of 2.3.0.
type tax struct {
	Name          string      `json:"name"`
	AccountNumber string      `json:"account_number,omitzero"`
	Percentage    ocpi.Number `json:"percentage,omitzero"`
	Amount        ocpi.Number `json:"amount"`
}

// vatName is what the one tax of a 2.2.1 price is called in 2.3.0.
const vatName = "VAT"

// prices converts the costs in the named members.
func (c *conversion) prices(o *splice.Object, ptr string, names ...string) error {
	for _, name := range names {
		if o.Null(name) {
			continue
		}
		if o.Get(name).Kind() != '{' {
			return &Error{ptr + "/" + name, "must be an object"}
		}
		f := priceUp
		if c.down {
			f = c.priceDown
		}
		if err := o.Edit(name, func(p *splice.Object) error { return f(p, ptr+"/"+name) }); err != nil {
			return err
		}
	}
	return nil
}

// priceUp turns {excl_vat, incl_vat?} into {before_taxes, taxes?}. The difference
// is one tax; a price without incl_vat says nothing about taxes.
func priceUp(p *splice.Object, ptr string) error {
	excl, err := amount(p, ptr, "excl_vat")
	if err != nil {
		return err
	}
	if !p.Null("incl_vat") {
		incl, err := amount(p, ptr, "incl_vat")
		if err != nil {
			return err
		}
		diff, err := incl.Sub(excl)
		if err != nil {
			return &Error{ptr + "/incl_vat", "is too large"}
		}
		list, err := json.Marshal([]tax{{Name: vatName, Amount: ocpi.NumberOf(diff)}})
		if err != nil {
			return err
		}
		p.Set("incl_vat", list)
	}
	p.Rename("excl_vat", "before_taxes")
	p.Rename("incl_vat", "taxes")
	return nil
}

// priceDown turns {before_taxes, taxes?} into {excl_vat, incl_vat?}. Without
// taxes there is no incl_vat: it is not known.
func (c *conversion) priceDown(p *splice.Object, ptr string) error {
	sum, err := amount(p, ptr, "before_taxes")
	if err != nil {
		return err
	}
	if v := p.Get("taxes"); v != nil && v.Kind() != 'n' {
		var taxes []tax
		if err := json.Unmarshal(v, &taxes); err != nil {
			return &Error{ptr + "/taxes", "must be a list of taxes"}
		}
		for i, t := range taxes {
			at := index(ptr+"/taxes", i)
			if !t.Amount.IsSet() {
				return &Error{at + "/amount", "is missing"}
			}
			d, err := t.Amount.Decimal()
			if err == nil {
				sum, err = sum.Add(d)
			}
			if err != nil {
				return &Error{at + "/amount", "is too large"}
			}
			if t.Name != vatName || t.AccountNumber != "" || t.Percentage.IsSet() {
				c.lose(at, "2.2.1 has the sum of all taxes only, without names, account numbers and percentages")
			}
		}
		if len(taxes) > 0 {
			p.Set("taxes", []byte(ocpi.NumberOf(sum).String()))
		} else {
			p.Delete("taxes")
		}
	}
	p.Rename("before_taxes", "excl_vat")
	p.Rename("taxes", "incl_vat")
	return nil
}

// amount returns the number in a member.
func amount(o *splice.Object, ptr, name string) (decimal.Decimal, error) {
	v := o.Get(name)
	switch {
	case v == nil:
		return decimal.Decimal{}, &Error{ptr + "/" + name, "is missing"}
	case v.Kind() != '0':
		return decimal.Decimal{}, &Error{ptr + "/" + name, "must be a number"}
	}
	n, err := ocpi.ParseNumber(string(v))
	if err != nil {
		return decimal.Decimal{}, &Error{ptr + "/" + name, "must be a number"}
	}
	d, err := n.Decimal()
	if err != nil {
		return decimal.Decimal{}, &Error{ptr + "/" + name, "has too many digits"}
	}
	return d, nil
}
