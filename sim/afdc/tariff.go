package afdc

import (
	"fmt"
	"hash/fnv"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/sim"
)

// currency of every price in the file.
const currency = "USD"

// tariff returns the id of the tariff of a connector, and makes the tariff when
// it is the first to need it: what the station states, or else the default of
// its network for slow or fast charging. Stations outside networks have none
// unless they state one.
func (m *operatorMaker) tariff(st station, fast bool) string {
	t := sim.Tariff{Currency: currency, Updated: oldest}
	switch {
	case st.pricing.kind == understood && len(st.pricing.components) == 0:
		t.ID, t.Text = "FREE", "Free"
		t.Components = []sim.Component{{Dimension: sim.Flat, StepSize: 1}}
	case st.pricing.kind == understood:
		h := fnv.New32a()
		fmt.Fprint(h, st.pricing.components)
		t.ID, t.Text = fmt.Sprintf("STATED-%08X", h.Sum32()), st.pricing.text
		t.Components = st.pricing.components
	case m.profile.name == networks[outside].name:
		return ""
	case fast:
		t.ID, t.Components = "DC", m.profile.prices(m.profile.dc)
	default:
		t.ID, t.Components = "AC", m.profile.prices(m.profile.ac)
	}
	if _, have := m.tariffs[t.ID]; !have {
		m.tariffs[t.ID] = t
	}
	return t.ID
}

// prices returns the default price of a network with the given price per kWh.
func (p profile) prices(energy string) []sim.Component {
	out := []sim.Component{{Dimension: sim.Energy, Price: decimal.MustParse(energy), StepSize: p.step}}
	if p.start != "" {
		out = append(out, sim.Component{Dimension: sim.Flat, Price: decimal.MustParse(p.start), StepSize: 1})
	}
	if p.idle != "" {
		out = append(out, sim.Component{Dimension: sim.ParkingTime, Price: decimal.MustParse(p.idle), StepSize: 60})
	}
	return out
}
