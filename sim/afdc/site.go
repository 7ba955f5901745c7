package afdc

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// sameSite is how far two posts of one site may be apart, in metres. The file
// gives posts at one address the point of the building or their own.
const sameSite = 300

// oldest is the date of what the file does not date.
var oldest = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// result makes operators, sites and tariffs of the rows that were added.
func (b *builder) result() *Result {
	slices.SortStableFunc(b.rows, func(a, z station) int { return compareIDs(a.id, z.id) })
	makers := make(map[string]*operatorMaker) // by name of the operator
	taken := make(map[ocpi.PartyID]bool)
	for _, p := range networks {
		taken[ocpi.PartyID{CountryCode: "US", ID: p.party}] = true
	}
	for _, name := range b.newNetworks() { // by name, so that ids do not depend on the order of rows
		p, known := profileOf(name)
		if known {
			continue
		}
		id := newPartyID(name, func(id ocpi.PartyID) bool { return taken[id] })
		taken[id] = true
		p.party = id.ID
		makers[name] = newOperatorMaker(p, &b.report)
	}
	for _, st := range b.rows {
		if st.network == "" {
			b.report.note(NoNetwork, st.id)
		}
		p, known := profileOf(st.network)
		m := makers[p.name]
		if m == nil {
			m = newOperatorMaker(p, &b.report)
			makers[p.name] = m
		}
		if !known {
			b.report.note(UnknownNetwork, st.id+": "+st.network)
		}
		m.add(st)
	}
	res := &Result{Report: b.report}
	for _, m := range makers {
		res.Operators = append(res.Operators, m.operator())
	}
	slices.SortFunc(res.Operators, func(a, z Operator) int {
		return cmp.Or(len(z.Sites)-len(a.Sites), strings.Compare(a.Party.ID, z.Party.ID))
	})
	res.Report.Stations = len(b.rows)
	for _, o := range res.Operators {
		res.Report.Sites += len(o.Sites)
		res.Report.Tariffs += len(o.Tariffs)
		for _, s := range o.Sites {
			res.Report.EVSEs += len(s.EVSEs)
			for _, e := range s.EVSEs {
				res.Report.Connectors += len(e.Connectors)
			}
		}
	}
	return res
}

func (b *builder) newNetworks() []string {
	var names []string
	for _, st := range b.rows {
		names = append(names, st.network)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// compareIDs orders ids of digits by their number.
func compareIDs(a, b string) int {
	x, err1 := strconv.ParseUint(a, 10, 64)
	y, err2 := strconv.ParseUint(b, 10, 64)
	if err1 != nil || err2 != nil {
		return strings.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(x, y), strings.Compare(a, b))
}

// operatorMaker gathers the sites of one operator.
type operatorMaker struct {
	profile profile
	party   ocpi.PartyID
	report  *Report
	names   []string
	sites   []*sim.Site
	at      map[string][]*sim.Site // by address
	tariffs map[string]sim.Tariff
}

func newOperatorMaker(p profile, r *Report) *operatorMaker {
	return &operatorMaker{
		profile: p, party: ocpi.PartyID{CountryCode: "US", ID: p.party}, report: r,
		at: make(map[string][]*sim.Site), tariffs: make(map[string]sim.Tariff),
	}
}

func (m *operatorMaker) operator() Operator {
	o := Operator{Operator: sim.Operator{Party: m.party, Name: m.profile.name}, Networks: m.names, Roaming: m.profile.name != networks[outside].name}
	for _, s := range m.sites {
		o.Sites = append(o.Sites, *s)
	}
	for _, t := range m.tariffs {
		o.Tariffs = append(o.Tariffs, t)
	}
	slices.SortFunc(o.Tariffs, func(a, b sim.Tariff) int { return strings.Compare(a.ID, b.ID) })
	return o
}

// add puts a station at the site that it belongs to: the same address and, within
// [sameSite], the same place.
func (m *operatorMaker) add(st station) {
	if !slices.Contains(m.names, st.network) {
		m.names = append(m.names, st.network)
	}
	if st.updated.IsZero() {
		st.updated = oldest
	}
	evses := m.evses(st)
	key := strings.ToLower(st.address + "|" + st.city + "|" + st.state)
	if st.address == notAvailable {
		key = st.id
	}
	for _, s := range m.at[key] {
		if metres(s.Lat, s.Lon, st.lat, st.lon) > sameSite {
			continue
		}
		if s.Lat != st.lat || s.Lon != st.lon {
			m.report.note(NearbyPoint, st.id+" at "+s.ID)
		}
		join(s, st, evses)
		return
	}
	if len(m.at[key]) > 0 {
		m.report.note(FarPoint, st.id+" and "+m.at[key][0].ID)
	}
	s := &sim.Site{
		ID: st.id, Name: st.name, Address: st.address, City: st.city, State: st.state, PostalCode: st.zip, Country: "USA",
		Lat: st.lat, Lon: st.lon, TimeZone: st.zone,
		Kind: parkingKinds[st.facility],
	}
	if s.Name == "" {
		s.Name = m.profile.name + ", " + st.address
	}
	if f := facilities[st.facility]; f != "" {
		s.Facilities = []string{f}
	}
	join(s, st, evses)
	m.sites = append(m.sites, s)
	m.at[key] = append(m.at[key], s)
}

func join(s *sim.Site, st station, evses []sim.EVSE) {
	s.EVSEs = append(s.EVSEs, evses...)
	s.Public = s.Public || !st.private
	if !s.Opening.Always && s.Opening.Hours == nil {
		s.Opening = st.hours
	}
	if st.updated.After(s.Updated) {
		s.Updated = st.updated
	}
}

// metres is the distance of two points, good enough below some kilometres.
func metres(lat1, lon1, lat2, lon2 float64) float64 {
	const perDegree = 111_195
	dy := lat2 - lat1
	dx := (lon2 - lon1) * math.Cos((lat1+lat2)/2*math.Pi/180)
	return perDegree * math.Hypot(dx, dy)
}

// evses makes the charge points of a station of its numbers of ports.
func (m *operatorMaker) evses(st station) []sim.EVSE {
	slow1, slow2, fast := m.assign(st)
	var out []sim.EVSE
	add := func(n int, connectors func(i int) []sim.Connector) {
		for i := range n {
			no := strconv.Itoa(len(out) + 1)
			e := sim.EVSE{
				UID: st.id + "-" + no, EVSEID: m.party.CountryCode + "*" + m.party.ID + "*E" + st.id + "*" + no,
				Status: st.status, CreditCard: st.creditCard, Connectors: connectors(i), Updated: st.updated,
			}
			e.Remote = m.profile.name != networks[outside].name
			e.RFID = e.Remote
			for j := range e.Connectors {
				e.Connectors[j].ID = strconv.Itoa(j + 1)
				e.Connectors[j].Updated = st.updated
				e.Connectors[j].TariffID = m.tariff(st, e.Connectors[j].DC)
			}
			out = append(out, e)
		}
	}
	add(st.level1, func(i int) []sim.Connector {
		p := slow1[i%len(slow1)]
		return []sim.Connector{{Plug: p, Socket: p != sim.PlugJ1772, Volts: 120, Amps: 12, Watts: 1440}}
	})
	add(st.level2, func(i int) []sim.Connector {
		p := slow2[i%len(slow2)]
		amps := m.profile.slowAmps
		return []sim.Connector{{Plug: p, Socket: p == sim.PlugNEMA1450, Volts: 240, Amps: amps, Watts: 240 * amps}}
	})
	add(st.fast, func(int) []sim.Connector {
		var cs []sim.Connector
		for _, p := range fast {
			watts, volts := m.profile.fastKW*1000, 1000
			if p == sim.PlugCHAdeMO {
				watts, volts = min(watts, 50_000), 500
			}
			cs = append(cs, sim.Connector{Plug: p, DC: true, Volts: volts, Amps: watts / min(volts, 400), Watts: watts})
		}
		return cs
	})
	return out
}

// assign distributes the connector types of a station over its kinds of ports,
// which the file does not do: slow ports have one cable each and alternate, a
// fast one has every fast connector. Kinds of ports for which no type is named
// get the usual one.
func (m *operatorMaker) assign(st station) (level1, level2, fast []sim.Plug) {
	has := func(p sim.Plug) bool { return slices.Contains(st.plugs, p) }
	for _, p := range st.plugs {
		fit := false
		put := func(list *[]sim.Plug, ports int) {
			if ports > 0 {
				fit = true
				*list = append(*list, p)
			}
		}
		switch p {
		case sim.PlugNEMA515, sim.PlugNEMA520:
			put(&level1, st.level1)
		case sim.PlugNEMA1450:
			put(&level2, st.level2)
		case sim.PlugJ1772:
			put(&level2, st.level2)
			if st.level2 == 0 || !has(sim.PlugNEMA515) && !has(sim.PlugNEMA520) {
				put(&level1, st.level1)
			}
		case sim.PlugCCS1, sim.PlugCHAdeMO:
			put(&fast, st.fast)
		case sim.PlugNACS:
			put(&fast, st.fast)
			if st.fast == 0 || !has(sim.PlugJ1772) {
				put(&level2, st.level2)
			}
		}
		if !fit && st.level1+st.level2+st.fast > 0 {
			m.report.note(PlugWithout, st.id+": "+string(p))
		}
	}
	guess := func(list *[]sim.Plug, ports int, p sim.Plug) {
		if ports > 0 && len(*list) == 0 {
			m.report.note(PlugGuessed, st.id+": "+string(p))
			*list = []sim.Plug{p}
		}
	}
	guess(&level1, st.level1, sim.PlugJ1772)
	guess(&level2, st.level2, sim.PlugJ1772)
	guess(&fast, st.fast, sim.PlugCCS1)
	return level1, level2, fast
}

// What OCPI calls the facility types of AFDC (OCPI 2.2.1 §8.4.12, §8.4.17).
var (
	parkingKinds = map[string]string{
		"PAY_GARAGE": "PARKING_GARAGE", "PARKING_GARAGE": "PARKING_GARAGE",
		"PARKING_LOT": "PARKING_LOT", "PAY_LOT": "PARKING_LOT",
		"STREET_PARKING": "ON_STREET", "REST_STOP": "ALONG_MOTORWAY", "TRAVEL_CENTER": "ALONG_MOTORWAY",
	}
	facilities = map[string]string{
		"HOTEL": "HOTEL", "INN": "HOTEL", "B_AND_B": "HOTEL", "RESTAURANT": "RESTAURANT", "COFFEE_SHOP": "CAFE",
		"SHOPPING_CENTER": "MALL", "SHOPPING_MALL": "MALL", "GROCERY": "SUPERMARKET", "AIRPORT": "AIRPORT",
		"CONVENIENCE_STORE": "FUEL_STATION", "GAS_STATION": "FUEL_STATION", "MUSEUM": "MUSEUM",
		"PARK": "RECREATION_AREA", "NATL_PARK": "NATURE", "REC_SPORTS_FACILITY": "SPORT",
	}
)
