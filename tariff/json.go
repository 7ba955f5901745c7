package tariff

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MarshalJSON writes an object with a member per dimension that occurs.
func (s Sums) MarshalJSON() ([]byte, error) {
	type sum struct {
		Priced *Volume `json:"priced_volume,omitempty"`
		Billed *Volume `json:"billed_volume,omitempty"`
		Unit   string  `json:"unit,omitempty"`
		Excl   Amount  `json:"excl"`
		Incl   Amount  `json:"incl"`
	}
	b := []byte{'{'}
	for i := range s {
		if !s[i].there {
			continue
		}
		one := sum{Excl: s[i].Excl, Incl: s[i].Incl}
		if s[i].Priced.unit != count {
			one.Priced, one.Billed, one.Unit = &s[i].Priced, &s[i].Billed, s[i].Priced.Unit()
		}
		v, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b, err = jsontext.AppendQuote(b, string(s[i].Dimension))
		if err != nil {
			return nil, err
		}
		b = append(append(b, ':'), v...)
	}
	return append(b, '}'), nil
}

// MarshalJSON writes the line; unit_price and vat are decimal strings as the
// tariff spells them, null where there is none.
func (l Line) MarshalJSON() ([]byte, error) {
	type plain Line
	return json.Marshal(struct {
		plain
		UnitPrice string  `json:"unit_price"`
		VAT       *string `json:"vat"`
	}{plain(l), l.UnitPrice.String(), spelling(l.from)})
}

// spelling returns the tax rate as the tariff writes it.
func spelling(c *candidate) *string {
	if c == nil || !c.hasVAT {
		return nil
	}
	s := c.source.VAT.String()
	return &s
}
