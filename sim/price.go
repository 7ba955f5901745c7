package sim

import (
	"fmt"

	"github.com/govalues/decimal"
)

// Amount is a cost before and after tax. Where Taxed is false no tax is stated
// and Gross equals Net.
type Amount struct {
	Net, Gross decimal.Decimal
	Taxed      bool
}

// Usage is what a session used: kWh and hours.
type Usage struct {
	Energy   decimal.Decimal
	Charging decimal.Decimal // hours with energy flowing
	Parking  decimal.Decimal // hours connected without
}

// Cost is the price of a session and its parts.
type Cost struct {
	Total                       Amount
	Energy, Time, Parking, Flat Amount
}

// places is the number of decimals of an OCPI number (OCPI 2.3.0 §17.4).
const places = 4

var (
	thousand = decimal.MustNew(1000, 0)
	hourly   = decimal.MustNew(3600, 0)
	hundred  = decimal.MustNew(100, 0)
)

// Price computes what usage costs under a tariff. The step size of energy
// applies to the energy of the session, that of time to the last time-based
// price that was in use only (OCPI 2.2.1 §10.3.1, step_size). Each part is
// rounded to four decimals, half to even, and the total is their sum. It fails
// where a number leaves the range of 19 digits.
func Price(t Tariff, u Usage) (Cost, error) {
	var c Cost
	parks := false
	for _, p := range t.Components {
		parks = parks || p.Dimension == ParkingTime && u.Parking.IsPos()
	}
	for _, p := range t.Components {
		volume, err := u.volume(p, parks)
		if err != nil {
			return Cost{}, fmt.Errorf("pricing %s: %w", p.Dimension, err)
		}
		part, err := amount(p.Price, volume, t.TaxPercent)
		if err != nil {
			return Cost{}, fmt.Errorf("pricing %s: %w", p.Dimension, err)
		}
		for _, sum := range []*Amount{c.part(p.Dimension), &c.Total} {
			if *sum, err = sum.add(part); err != nil {
				return Cost{}, fmt.Errorf("pricing %s: %w", p.Dimension, err)
			}
		}
	}
	return c, nil
}

func (c *Cost) part(d Dimension) *Amount {
	switch d {
	case Energy:
		return &c.Energy
	case Time:
		return &c.Time
	case ParkingTime:
		return &c.Parking
	}
	return &c.Flat
}

// volume returns the billed amount of a component: kWh, hours or 1.
func (u Usage) volume(p Component, parks bool) (decimal.Decimal, error) {
	switch p.Dimension {
	case Energy:
		return stepped(u.Energy, thousand, p.StepSize)
	case Time:
		if parks {
			return u.Charging, nil
		}
		return stepped(u.Charging, hourly, p.StepSize)
	case ParkingTime:
		return stepped(u.Parking, hourly, p.StepSize)
	}
	return decimal.One, nil
}

// stepped rounds v up to the next multiple of step, which is in units of which v
// has unit.
func stepped(v, unit decimal.Decimal, step int) (decimal.Decimal, error) {
	if step <= 1 {
		return v, nil
	}
	small, err := v.Mul(unit)
	if err != nil {
		return v, err
	}
	size := decimal.MustNew(int64(step), 0)
	steps, err := small.Quo(size)
	if err != nil {
		return v, err
	}
	if small, err = steps.Ceil(0).Mul(size); err != nil {
		return v, err
	}
	return small.Quo(unit)
}

func amount(price, volume, taxPercent decimal.Decimal) (Amount, error) {
	net, err := price.Mul(volume)
	if err != nil {
		return Amount{}, err
	}
	a := Amount{Net: net.Round(places).Trim(0)}
	a.Gross = a.Net
	if taxPercent.IsZero() {
		return a, nil
	}
	a.Taxed = true
	tax, err := a.Net.Mul(taxPercent)
	if err != nil {
		return a, err
	}
	if tax, err = tax.Quo(hundred); err != nil {
		return a, err
	}
	a.Gross, err = a.Net.Add(tax.Round(places).Trim(0))
	return a, err
}

func (a Amount) add(b Amount) (Amount, error) {
	net, err := a.Net.Add(b.Net)
	if err != nil {
		return a, err
	}
	gross, err := a.Gross.Add(b.Gross)
	return Amount{Net: net, Gross: gross, Taxed: a.Taxed || b.Taxed}, err
}
