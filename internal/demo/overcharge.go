package demo

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/afdc"
)

// dishonest is an operator that overcharges on purpose, so that the hub's price
// check has something to find. It is made up, as its stations are: all others are
// real networks, and nothing of the kind is said of them.
var dishonest = ocpi.PartyID{CountryCode: "US", ID: "PTN"}

const dishonestName = "Plusten Charging"

// baited is how often a driver goes there: every so manyth.
const baited = 12

func (n *network) bait() bool { return n.operator == dishonest }

// overchargedPart and overchargedPercent say in how many of its sessions it bills
// how much too much.
const (
	overchargedPart    = 0.5
	overchargedPercent = 10
)

// overcharging returns the operator with its sites in the given states; none: all.
func overcharging(states []string) afdc.Operator {
	updated := time.Date(2025, 4, 1, 0, 0, 0, 0, time.UTC)
	o := afdc.Operator{Roaming: true, Operator: sim.Operator{
		Party: dishonest, Name: dishonestName,
		Tariffs: []sim.Tariff{{
			ID: "PLUSTEN-DC", Currency: "USD", Text: "0.42 a kWh, 1.00 to start, 6.00 an hour when full", Updated: updated,
			TaxPercent: decimal.MustParse("8.8"),
			Components: []sim.Component{
				{Dimension: sim.Flat, Price: decimal.MustParse("1.00"), StepSize: 1},
				{Dimension: sim.Energy, Price: decimal.MustParse("0.42"), StepSize: 1},
				{Dimension: sim.ParkingTime, Price: decimal.MustParse("6.00"), StepSize: 60},
			},
		}},
		Overcharge: sim.Overcharge{Share: overchargedPart, Percent: decimal.MustNew(overchargedPercent, 0)},
	}}
	for i, c := range []struct {
		city, state, zip, zone string
		lat, lon               float64
	}{
		{"Seattle", "WA", "98101", "America/Los_Angeles", 47.6101, -122.3344},
		{"Spokane", "WA", "99201", "America/Los_Angeles", 47.6588, -117.4260},
		{"Olympia", "WA", "98501", "America/Los_Angeles", 47.0379, -122.9007},
		{"New York", "NY", "10001", "America/New_York", 40.7506, -73.9972},
		{"Buffalo", "NY", "14202", "America/New_York", 42.8864, -78.8784},
		{"Albany", "NY", "12207", "America/New_York", 42.6526, -73.7562},
	} {
		if len(states) > 0 && !slices.ContainsFunc(states, func(s string) bool { return strings.EqualFold(s, c.state) }) {
			continue
		}
		s := sim.Site{
			ID: "PTN-" + strconv.Itoa(i+1), Name: dishonestName + " " + c.city, Address: "1 Example Plaza", City: c.city, State: c.state, PostalCode: c.zip,
			Country: "USA", Lat: c.lat, Lon: c.lon, TimeZone: c.zone, Public: true, Opening: sim.Opening{Always: true}, Updated: updated,
		}
		for n := range 8 {
			no := strconv.Itoa(n + 1)
			s.EVSEs = append(s.EVSEs, sim.EVSE{
				UID: s.ID + "-" + no, EVSEID: "US*PTN*E" + strconv.Itoa(i+1) + "*" + no, Status: sim.Available, Remote: true, RFID: true, Updated: updated,
				Connectors: []sim.Connector{{
					ID: "1", Plug: sim.PlugCCS1, DC: true, Volts: 1000, Amps: 375, Watts: 150_000, TariffID: "PLUSTEN-DC", Updated: updated,
				}},
			})
		}
		o.Sites = append(o.Sites, s)
	}
	return o
}
