package convert

import (
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/eroam/eroam/ocpi/v221"
)

func (c *conversion) session(o *splice.Object, ptr string) error {
	if err := c.prices(o, ptr, "total_cost"); err != nil || !c.down {
		return err
	}
	if err := c.cdrToken(o, ptr); err != nil {
		return err
	}
	return c.periods(o, ptr)
}

func (c *conversion) cdr(o *splice.Object, ptr string) error {
	err := c.prices(o, ptr, "total_cost", "total_fixed_cost", "total_energy_cost", "total_time_cost", "total_parking_cost", "total_reservation_cost")
	if err != nil {
		return err
	}
	err = o.EditList("tariffs", func(l *splice.List) error {
		return l.EditEach(func(i int, t *splice.Object) (bool, error) {
			return c.attempt(index(ptr+"/tariffs", i), t, c.tariff)
		})
	})
	if err != nil || !c.down {
		return err
	}
	c.drop(o, ptr, "booking_id")
	if err := c.cdrToken(o, ptr); err != nil {
		return err
	}
	if err := o.Edit("cdr_location", func(l *splice.Object) error { c.cdrConnector(l, ptr+"/cdr_location"); return nil }); err != nil {
		return err
	}
	return c.periods(o, ptr)
}

// cdrConnector: a bill is not held back for a plug that 2.2.1 does not know.
// SAE J3400 fits TESLA_S; any other is passed on as it is.
func (c *conversion) cdrConnector(l *splice.Object, ptr string) {
	const name = "connector_standard"
	switch s, ok := l.Text(name); {
	case !ok || v221.ConnectorType(s).Defined():
	case s == saeJ3400:
		c.asTesla(l, ptr, name)
	default:
		c.lose(ptr+"/"+name, "is not known to 2.2.1 and sent as it is")
	}
}

// cdrToken converts the token that a session was started with.
func (c *conversion) cdrToken(o *splice.Object, ptr string) error {
	return o.Edit("cdr_token", func(t *splice.Object) error {
		c.tokenType(t, ptr+"/cdr_token")
		return nil
	})
}

// periods converts the dimensions that the bookings module added. A period
// keeps at least one dimension.
func (c *conversion) periods(o *splice.Object, ptr string) error {
	ptr += "/charging_periods"
	return o.EditList("charging_periods", func(l *splice.List) error {
		return l.EditEach(func(i int, p *splice.Object) (bool, error) {
			at := index(ptr, i) + "/dimensions"
			return true, p.EditList("dimensions", func(l *splice.List) error {
				return l.EditEach(func(i int, d *splice.Object) (bool, error) {
					return c.dimension(d, index(at, i), l.Left() == 1), nil
				})
			})
		})
	})
}

func (c *conversion) dimension(d *splice.Object, ptr string, last bool) (keep bool) {
	switch s, _ := d.Text("type"); {
	case s == "RESERVATION_EXPIRES":
		d.Set("type", []byte(`"RESERVATION_TIME"`))
		c.lose(ptr+"/type", "RESERVATION_EXPIRES sent as RESERVATION_TIME, which 2.2.1 defines alike")
	case s == "RESERVATION_OVERTIME" && last:
		c.lose(ptr+"/type", "is not known to 2.2.1 and sent as it is")
	case s == "RESERVATION_OVERTIME":
		c.lose(ptr, "dropped: 2.2.1 does not know RESERVATION_OVERTIME")
		return false
	}
	return true
}
