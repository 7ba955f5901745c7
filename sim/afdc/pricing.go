package afdc

import (
	"regexp"
	"strings"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/sim"
)

// pricing is what the free text about prices says.
type pricing struct {
	kind       pricingKind
	text       string
	components []sim.Component
}

type pricingKind uint8

const (
	unstated      pricingKind = iota // empty
	understood                       // components hold it, none means free
	varying                          // a range of prices
	notUnderstood                    // at least one clause has no plain reading
)

var (
	clauseEnd = regexp.MustCompile(`;|\s\+\s|,\s`)
	freeText  = regexp.MustCompile(`(?i)^free( of charge| charging)?$`)
	priceText = regexp.MustCompile(`(?i)^\$(\d{1,4}(?:\.\d{1,4})?)\s*(?:per|/|-)?\s*(.+)$`)
	rangeText = regexp.MustCompile(`(?i)^\$[\d.]+\s*-\s*\$[\d.]+`)
)

// units maps what follows a price to what it is charged for. A "parking fee"
// by the hour runs from plugging in to plugging out.
var units = []struct {
	text       *regexp.Regexp
	dimensions []sim.Dimension
	perMinute  bool
}{
	{regexp.MustCompile(`(?i)^(kwh|kilowatt[- ]hour)( energy fee)?$`), []sim.Dimension{sim.Energy}, false},
	{regexp.MustCompile(`(?i)^(session|charge|use)( fee)?$`), []sim.Dimension{sim.Flat}, false},
	{regexp.MustCompile(`(?i)^(session|activation|initiation|connection|start|transaction|flat|service) fee$`), []sim.Dimension{sim.Flat}, false},
	{regexp.MustCompile(`(?i)^(hour|hr)$`), []sim.Dimension{sim.Time, sim.ParkingTime}, false},
	{regexp.MustCompile(`(?i)^(hour|hr) parking fee$`), []sim.Dimension{sim.Time, sim.ParkingTime}, false},
	{regexp.MustCompile(`(?i)^(minute|min)$`), []sim.Dimension{sim.Time, sim.ParkingTime}, true},
	{regexp.MustCompile(`(?i)^(hour|hr) idle fee$`), []sim.Dimension{sim.ParkingTime}, false},
	{regexp.MustCompile(`(?i)^(minute|min) idle fee$`), []sim.Dimension{sim.ParkingTime}, true},
}

// parsePricing reads the free text about prices. A price is only taken if every
// clause is understood: a part of a price is a wrong price.
func parsePricing(s string) pricing {
	s = clean(s, 512)
	p := pricing{text: s}
	if s == "" {
		return p
	}
	p.kind = understood
	for _, clause := range clauseEnd.Split(s, -1) {
		clause = strings.TrimSpace(clause)
		switch {
		case clause == "" || freeText.MatchString(clause) && len(p.components) == 0:
			continue
		case rangeText.MatchString(clause):
			return pricing{kind: varying, text: s}
		}
		c, ok := parsePrice(clause)
		if !ok {
			return pricing{kind: notUnderstood, text: s}
		}
		for _, n := range c {
			for _, have := range p.components {
				if have.Dimension == n.Dimension {
					return pricing{kind: notUnderstood, text: s}
				}
			}
		}
		p.components = append(p.components, c...)
	}
	return p
}

// parsePrice reads one clause such as "$0.40 per kWh".
func parsePrice(clause string) ([]sim.Component, bool) {
	m := priceText.FindStringSubmatch(clause)
	if m == nil {
		return nil, false
	}
	price, err := decimal.Parse(m[1])
	if err != nil {
		return nil, false
	}
	for _, u := range units {
		if !u.text.MatchString(strings.TrimSpace(m[2])) {
			continue
		}
		if u.perMinute {
			if price, err = price.Mul(decimal.MustNew(60, 0)); err != nil {
				return nil, false
			}
		}
		var out []sim.Component
		for _, d := range u.dimensions {
			out = append(out, sim.Component{Dimension: d, Price: price, StepSize: 1})
		}
		return out, true
	}
	return nil, false
}
