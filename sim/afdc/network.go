package afdc

import (
	"hash/fnv"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// plugs maps AFDC's connector codes. TESLA is both the older Tesla plug and
// NACS, which are the same shape.
var plugs = map[string]sim.Plug{
	"J1772":      sim.PlugJ1772,
	"J1772COMBO": sim.PlugCCS1,
	"CHADEMO":    sim.PlugCHAdeMO,
	"TESLA":      sim.PlugNACS,
	"J3400":      sim.PlugNACS,
	"NEMA515":    sim.PlugNEMA515,
	"NEMA520":    sim.PlugNEMA520,
	"NEMA1450":   sim.PlugNEMA1450,
}

// profile is what is assumed of a network: its party and the prices of its
// stations that state none. The prices are made up in the range of 2025.
type profile struct {
	party    string // of country US
	name     string
	ac, dc   string // price per kWh
	start    string // price per session, may be empty
	idle     string // price per hour connected without charging, may be empty
	step     int    // step size of energy, in Wh
	fastKW   int    // power of a fast charger
	slowAmps int    // current of a level 2 port at 240 V
}

// outside stands for stations that belong to no network.
const outside = "Non-Networked"

// networks are the networks by the names that the file uses: free text and codes
// mixed. Several names may mean one operator.
var networks = map[string]profile{
	"7CHARGE":                 {"7CH", "7Charge", "0.35", "0.50", "", "", 1, 150, 40},
	"ABM":                     {"ABM", "ABM", "0.32", "0.48", "", "", 1, 60, 40},
	"AMPED_UP":                {"APU", "Amped Up! Networks", "0.30", "0.45", "", "", 1, 60, 40},
	"AMPUP":                   {"AMP", "AmpUp", "0.28", "0.45", "", "1.00", 1, 60, 40},
	"APPLEGREEN":              {"APG", "Applegreen Electric", "0.35", "0.55", "", "", 1, 150, 40},
	"AUTEL":                   {"AUT", "Autel", "0.30", "0.45", "", "", 1, 120, 40},
	"BP_PULSE":                {"BPP", "bp pulse", "0.35", "0.59", "", "", 1, 150, 40},
	"Blink Network":           {"BLK", "Blink Network", "0.49", "0.59", "", "3.00", 1, 60, 32},
	"CHARGELAB":               {"CLB", "ChargeLab", "0.30", "0.45", "", "", 1, 60, 40},
	"CHARGESMART_EV":          {"CSM", "ChargeSmart EV", "0.27", "0.45", "", "", 100, 60, 40},
	"CIRCLE_K":                {"CRK", "Circle K", "0.35", "0.52", "", "", 1, 180, 40},
	"ChargePoint Network":     {"CPI", "ChargePoint Network", "0.30", "0.45", "", "", 1, 62, 30},
	"ELECTRIC_ERA":            {"ERA", "Electric Era", "0.35", "0.49", "", "", 1, 200, 40},
	"EVCS":                    {"ECS", "EVCS", "0.34", "0.54", "", "", 1, 50, 32},
	"EVGATEWAY":               {"EGW", "EvGateway", "0.30", "0.45", "", "", 1, 60, 40},
	"EVIUM":                   {"EVM", "EVIUM", "0.30", "0.45", "", "", 1, 60, 40},
	"EVMATCH":                 {"EMT", "EVmatch", "0.28", "0.45", "", "", 1, 60, 32},
	"EVOKE":                   {"EVO", "EVOKE Systems", "0.25", "0.42", "", "", 1, 60, 40},
	"EV Connect":              {"EVN", "EV Connect", "0.31", "0.48", "1.00", "", 1, 62, 32},
	"Electrify America":       {"ELA", "Electrify America", "0.36", "0.56", "", "24.00", 1, 150, 40},
	"EVgo Network":            {"EVG", "EVgo Network", "0.42", "0.59", "0.99", "", 1, 100, 32},
	"eVgo Network":            {"EVG", "EVgo Network", "0.42", "0.59", "0.99", "", 1, 100, 32},
	"FLASH":                   {"FSH", "FLASH", "0.30", "0.50", "", "", 1, 180, 40},
	"FLO":                     {"FLO", "FLO", "0.29", "0.50", "", "", 1, 100, 30},
	"FORD_CHARGE":             {"FRD", "Ford Charge", "0.33", "0.52", "", "", 1, 120, 48},
	"GRAVITY_CHARGING_CENTER": {"GRV", "Gravity Charging Center", "0.40", "0.65", "", "", 1, 500, 48},
	"HONEY_BADGER":            {"HBC", "Honey Badger Charging", "0.30", "0.45", "", "", 1, 60, 40},
	"LOOP":                    {"LOP", "Loop", "0.30", "0.45", "", "", 1, 60, 48},
	"MATCHA":                  {"MAT", "Matcha", "0.30", "0.45", "", "", 1, 60, 40},
	"NOODOE":                  {"NOO", "Noodoe", "0.35", "0.50", "", "2.00", 1, 60, 32},
	outside:                   {"NON", "stations outside networks", "0", "0", "", "", 1, 50, 30},
	"OpConnect":               {"OPC", "OpConnect", "0.28", "0.46", "0.50", "", 1, 50, 30},
	"POWERFLEX":               {"PFX", "PowerFlex", "0.27", "0.45", "", "", 1, 60, 32},
	"POWERPUMP":               {"PPU", "PowerPump", "0.30", "0.45", "", "", 1, 60, 40},
	"RED_E":                   {"RED", "Red E Charging", "0.30", "0.49", "", "", 1, 180, 48},
	"REVEL":                   {"RVL", "Revel", "0.45", "0.59", "", "", 1, 160, 48},
	"RIVIAN_ADVENTURE":        {"RIV", "Rivian Adventure Network", "0.33", "0.45", "", "", 1, 200, 48},
	"RIVIAN_WAYPOINTS":        {"RWP", "Rivian Waypoints", "0.29", "0.45", "", "", 1, 60, 48},
	"SHELL_RECHARGE":          {"SHE", "Shell Recharge", "0.34", "0.54", "0.35", "", 1, 50, 30},
	"SWTCH":                   {"SWT", "SWTCH", "0.30", "0.45", "", "", 1, 60, 40},
	"TURNONGREEN":             {"TOG", "TurnOnGreen", "0.30", "0.45", "", "", 1, 60, 40},
	"Tesla":                   {"TSL", "Tesla", "0.30", "0.43", "", "30.00", 1, 250, 48},
	"Tesla Destination":       {"TSD", "Tesla Destination", "0.25", "0.40", "", "", 1, 150, 48},
	"VIALYNK":                 {"VIA", "ViaLynk", "0.30", "0.50", "", "", 1, 60, 32},
	"ZEFNET":                  {"ZEF", "ZEF Network", "0.30", "0.45", "", "", 1, 60, 40},
}

// unknown is assumed of a network that is not in the table.
var unknown = profile{ac: "0.30", dc: "0.48", step: 1, fastKW: 50, slowAmps: 32}

// operatorName returns the operator's name for a network of the file.
func operatorName(network string) string {
	if network == "" {
		network = outside
	}
	if p, ok := networks[network]; ok {
		return p.name
	}
	return network
}

// profileOf returns what is assumed of a network; known is false where it is not
// in the table and a party id must be made, see [newPartyID].
func profileOf(network string) (p profile, known bool) {
	if network == "" {
		network = outside
	}
	if p, ok := networks[network]; ok {
		return p, true
	}
	p = unknown
	p.name = network
	return p, false
}

// newPartyID makes a party id for a network that has none: always the same one
// for the same name, unless another network of the import has taken it.
func newPartyID(name string, taken func(ocpi.PartyID) bool) ocpi.PartyID {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	h := fnv.New64a()
	h.Write([]byte(name))
	n := h.Sum64()
	for {
		id := ocpi.PartyID{CountryCode: "US", ID: string([]byte{
			letters[n%36], letters[n/36%36], letters[n/36/36%36],
		})}
		if !taken(id) {
			return id
		}
		n++
	}
}
