package convert

import (
	"errors"

	"github.com/eroam/eroam/ocpi/splice"
	"github.com/eroam/eroam/ocpi/v221"
)

// location converts a Location from 2.3.0 to 2.2.1. EVSEs that 2.2.1 cannot
// describe are left out.
func (c *conversion) location(o *splice.Object, ptr string) error {
	c.drop(o, ptr, "parking_places", "help_phone")
	if s, ok := o.Text("parking_type"); ok && !v221.ParkingType(s).Defined() {
		c.lose(ptr+"/parking_type", "is not known to 2.2.1")
		if c.patch {
			o.Set("parking_type", []byte("null")) // the old value is not true any more
		} else {
			o.Delete("parking_type")
		}
	}
	if err := c.values(o, ptr, "facilities", func(s string) bool { return v221.Facility(s).Defined() }); err != nil {
		return err
	}
	for _, name := range []string{"operator", "suboperator", "owner"} {
		err := o.Edit(name, func(b *splice.Object) error {
			return b.Edit("logo", func(i *splice.Object) error { c.image(i, ptr+"/"+name+"/logo"); return nil })
		})
		if err != nil {
			return err
		}
	}
	if err := c.images(o, ptr); err != nil {
		return err
	}
	if err := o.Edit("energy_mix", func(mix *splice.Object) error { return c.energyMix(mix, ptr+"/energy_mix") }); err != nil {
		return err
	}
	err := o.EditList("publish_allowed_to", func(l *splice.List) error {
		return l.EditEach(func(i int, t *splice.Object) (bool, error) {
			c.tokenType(t, index(ptr+"/publish_allowed_to", i))
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	return o.EditList("evses", func(l *splice.List) error {
		return l.EditEach(func(i int, e *splice.Object) (bool, error) {
			return c.attempt(index(ptr+"/evses", i), e, c.evse)
		})
	})
}

// evse drops connectors that 2.2.1 cannot describe. An EVSE of which none is
// left cannot be converted.
func (c *conversion) evse(o *splice.Object, ptr string) error {
	c.drop(o, ptr, "parking", "accepted_service_providers")
	err := errors.Join(
		c.values(o, ptr, "capabilities", func(s string) bool { return v221.Capability(s).Defined() }),
		c.values(o, ptr, "parking_restrictions", func(s string) bool { return v221.ParkingRestriction(s).Defined() }),
		c.images(o, ptr),
	)
	if err != nil {
		return err
	}
	return o.EditList("connectors", func(l *splice.List) error {
		had := l.Len()
		err := l.EditEach(func(i int, k *splice.Object) (bool, error) {
			return c.attempt(index(ptr+"/connectors", i), k, c.connector)
		})
		if err == nil && had > 0 && l.Left() == 0 {
			return &Error{ptr + "/connectors", "none has a standard that 2.2.1 knows"}
		}
		return err
	})
}

func (c *conversion) connector(o *splice.Object, ptr string) error {
	switch s, ok := o.Text("standard"); {
	case !ok || v221.ConnectorType(s).Defined():
	case s == saeJ3400:
		c.asTesla(o, ptr, "standard")
	default:
		return &Error{ptr + "/standard", "is not known to 2.2.1"}
	}
	c.drop(o, ptr, "capabilities")
	return nil
}

// saeJ3400 is the plug that 2.2.1 knows by its maker's name only.
const saeJ3400 = "SAE_J3400"

// asTesla sends SAE J3400 as TESLA_S: the plug is the same. Leaving it out would
// hide whole networks from everybody who speaks 2.2.1; what gets lost is that
// cars of other makes may charge there.
func (c *conversion) asTesla(o *splice.Object, ptr, name string) {
	o.Set(name, []byte(`"TESLA_S"`))
	c.lose(ptr+"/"+name, "SAE_J3400 sent as TESLA_S, which it fits")
}

// values drops the elements of a list of enum values that 2.2.1 does not know.
func (c *conversion) values(o *splice.Object, ptr, name string, known func(string) bool) error {
	return o.EditList(name, func(l *splice.List) error {
		l.DropTexts(known, func(i int, _ string) {
			c.lose(index(ptr+"/"+name, i), "is not known to 2.2.1")
		})
		return nil
	})
}

func (c *conversion) images(o *splice.Object, ptr string) error {
	return o.EditList("images", func(l *splice.List) error {
		return l.EditEach(func(i int, img *splice.Object) (bool, error) {
			c.image(img, index(ptr+"/images", i))
			return true, nil
		})
	})
}

func (c *conversion) image(o *splice.Object, ptr string) {
	if s, ok := o.Text("category"); ok && !v221.ImageCategory(s).Defined() {
		o.Set("category", []byte(`"OTHER"`))
		c.lose(ptr+"/category", "is not known to 2.2.1, sent as OTHER")
	}
}

// energyMix is that of a Location or Tariff.
func (c *conversion) energyMix(o *splice.Object, ptr string) error {
	return o.EditList("environ_impact", func(l *splice.List) error {
		return l.EditEach(func(i int, e *splice.Object) (bool, error) {
			s, ok := e.Text("category")
			if !ok || v221.EnvironmentalImpactCategory(s).Defined() {
				return true, nil
			}
			c.lose(index(ptr+"/environ_impact", i), "is not known to 2.2.1")
			return false, nil
		})
	})
}
