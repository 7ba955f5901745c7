package sim

import (
	"github.com/govalues/decimal"
)

// Overcharge is an operator that bills more than its tariff says: in a share of
// its sessions every amount of the CDR is Percent above the price. Nothing else
// gives it away: the tariff in the CDR is the one that was published, the parts
// sum to the total, and the driver saw the right cost while charging. Which
// sessions depends on the seed, the EVSE, the token and how often they have met,
// as all that is drawn. A session that costs nothing is left alone.
type Overcharge struct {
	Share   float64         // of sessions, from 0 to 1; 0: an honest operator
	Percent decimal.Decimal // 10: a tenth more
}

// bill returns what an operator puts on the bill for cost. visit names the session.
func (o Overcharge) bill(cost Cost, seed uint64, visit ...string) (Cost, error) {
	if o.Share <= 0 || random(seed, append([]string{"overcharge"}, visit...)...).Float64() >= o.Share {
		return cost, nil
	}
	var out Cost
	for _, p := range []struct{ from, to *Amount }{
		{&cost.Energy, &out.Energy}, {&cost.Time, &out.Time}, {&cost.Parking, &out.Parking}, {&cost.Flat, &out.Flat},
	} {
		var err error
		if *p.to, err = o.raise(*p.from); err != nil {
			return cost, err
		}
		if out.Total, err = out.Total.add(*p.to); err != nil {
			return cost, err
		}
	}
	return out, nil
}

func (o Overcharge) raise(a Amount) (Amount, error) {
	factor, err := o.Percent.Add(hundred)
	if err != nil {
		return a, err
	}
	for _, d := range []*decimal.Decimal{&a.Net, &a.Gross} {
		more, err := d.Mul(factor)
		if err != nil {
			return a, err
		}
		if more, err = more.Quo(hundred); err != nil {
			return a, err
		}
		*d = more.Round(places).Trim(0)
	}
	return a, nil
}
