package demo

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/afdc"
)

// source returns randomness for one purpose.
func source(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// provider is an eMSP of the demo.
type provider struct {
	party   ocpi.PartyID
	name    string
	version ocpi.Version
}

// The providers are made up.
func providers() []provider {
	return []provider{
		{ocpi.PartyID{CountryCode: "US", ID: "EGM"}, "Evergreen Mobility", ocpi.V221},
		{ocpi.PartyID{CountryCode: "US", ID: "HUD"}, "Hudson Drive", ocpi.V221},
		{ocpi.PartyID{CountryCode: "DE", ID: "NWF"}, "Nordwind Fahrstrom", ocpi.V230},
	}
}

// ownPlatforms is how many operators have a platform of their own; the smaller
// ones share one.
const ownPlatforms = 12

// on230 are the operators that speak OCPI 2.3.0, and taxed those that state a tax
// on their prices, one of either version. The rates are made up.
var (
	on230 = map[string]bool{"TSL": true, "ELA": true}
	taxed = map[string]string{"ELA": "8.875", "BLK": "6.5"}
)

// platform is a CPO platform of the demo.
type platform struct {
	name      string
	version   ocpi.Version
	operators []afdc.Operator
}

// platforms distributes operators over platforms: the largest networks have one
// each, the rest and the stations outside networks share one.
func platforms(operators []afdc.Operator) []platform {
	var out []platform
	shared := platform{name: "smaller networks", version: ocpi.V221}
	for _, o := range operators {
		if rate, ok := taxed[o.Party.ID]; ok {
			o.Tariffs = slices.Clone(o.Tariffs)
			for i := range o.Tariffs {
				o.Tariffs[i].TaxPercent = decimal.MustParse(rate)
			}
		}
		if !o.Roaming || len(out) >= ownPlatforms {
			shared.operators = append(shared.operators, o)
			continue
		}
		p := platform{name: o.Name, version: ocpi.V221, operators: []afdc.Operator{o}}
		if on230[o.Party.ID] {
			p.version = ocpi.V230
		}
		out = append(out, p)
	}
	if len(shared.operators) > 0 {
		out = append(out, shared)
	}
	return out
}

// The tokens of each provider.
const (
	cards = 24
	apps  = 16
)

// tokensOf makes the tokens of a provider's drivers. Some cards are blocked.
func tokensOf(p provider, seed uint64) []sim.Token {
	rng := source(seed, "tokens "+p.party.ID)
	var out []sim.Token
	for i := range cards + apps {
		t := sim.Token{
			UID: fmt.Sprintf("%08X", rng.Uint32()), Type: "RFID", Valid: true,
			ContractID: fmt.Sprintf("%s-%s-C%08d-%d", p.party.CountryCode, p.party.ID, i+1, i%10),
		}
		if i >= cards {
			t.Type = "APP_USER"
			t.UID = fmt.Sprintf("app-%016x", rng.Uint64())
		}
		if t.Type == "RFID" && i%12 == 11 {
			t.Valid = false
		}
		out = append(out, t)
	}
	return out
}

// way is how a driver goes about charging.
type way uint8

const (
	byCard    way = iota // holds a card to the reader
	byApp                // starts by app; the station ends the session
	byAppStop            // starts by app, and stops by app once the vehicle is full
	reserved             // reserves by app, comes and holds a card to the reader
	canceled             // reserves by app and cancels
	blocked              // holds a blocked card to the reader
	unknown              // holds a card of nobody to the reader
)

// attempt is what one driver will try.
type attempt struct {
	way      way
	at       time.Duration // after the start of the simulated day
	provider int
	platform int
	place    sim.Place
	uid      string
	kind     string
}

// starts is how session starts are spread over the hours of a day at public
// stations in the United States (Palo Alto, 2011 to 2020), in per mille.
var starts = [24]int{
	3, 3, 3, 3, 3, 4, 36, 44, 88, 63, 48, 67, 83, 75, 66, 54, 55, 68, 80, 65, 39, 29, 12, 10,
}

func startTime(rng *rand.Rand) time.Duration {
	total := 0
	for _, n := range starts {
		total += n
	}
	x := rng.IntN(total)
	for hour, n := range starts {
		if x -= n; x < 0 {
			return time.Duration(hour)*time.Hour + time.Duration(rng.IntN(3600))*time.Second
		}
	}
	return 0
}

// attempts plans n drivers. Every one has an EVSE of its own, so that what happens
// does not depend on who comes first. Networks get drivers by the root of their
// number of stations, so that the small ones are seen too. spare are EVSEs that
// nobody goes to.
func attempts(n int, seed uint64, ps []platform, tokens [][]sim.Token) (drivers []attempt, spare []*network) {
	rng := source(seed, "drivers")
	free := freePlaces(rng, ps)
	weights, total := weigh(free)
	out := make([]attempt, 0, n)
	for len(out) < n && total > 0 {
		x := rng.Float64() * total
		i := 0
		for i < len(free)-1 && x >= weights[i] {
			x -= weights[i]
			i++
		}
		f := free[i]
		if len(f.places) == 0 {
			weights[i], total = 0, total-weights[i]
			continue
		}
		a := attempt{at: startTime(rng), provider: rng.IntN(len(tokens)), platform: f.platform, place: f.places[0]}
		f.places = f.places[1:]
		a.choose(rng, len(out), tokens[a.provider])
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b attempt) int { return cmp.Compare(a.at, b.at) })
	return out, free
}

// choose draws how the driver goes about it, and the token for it. Every sixteen
// drivers there is one of each rare kind.
func (a *attempt) choose(rng *rand.Rand, i int, tokens []sim.Token) {
	switch i % 16 {
	case 3:
		a.way = reserved
	case 7:
		a.way = canceled
	case 11:
		a.way = blocked
	case 15:
		a.way = unknown
	default:
		a.way = []way{byCard, byCard, byApp, byAppStop}[rng.IntN(4)]
	}
	if a.way == unknown {
		a.uid, a.kind = fmt.Sprintf("FFFF%08X", rng.Uint32()), "RFID"
		return
	}
	kind := "RFID"
	if a.way == byApp || a.way == byAppStop {
		kind = "APP_USER"
	}
	var fit []sim.Token
	for _, t := range tokens {
		if t.Type == kind && t.Valid != (a.way == blocked) {
			fit = append(fit, t)
		}
	}
	t := fit[rng.IntN(len(fit))]
	a.uid, a.kind = t.UID, t.Type
}

// network is the free EVSEs of one operator.
type network struct {
	platform int
	places   []sim.Place
}

func freePlaces(rng *rand.Rand, ps []platform) []*network {
	var out []*network
	for i, p := range ps {
		for _, o := range p.operators {
			if !o.Roaming {
				continue
			}
			f := &network{platform: i}
			for _, s := range o.Sites {
				for _, e := range s.EVSEs {
					if e.Status == sim.Available {
						f.places = append(f.places, sim.Place{Operator: o.Party, Location: s.ID, EVSE: e.UID})
					}
				}
			}
			rng.Shuffle(len(f.places), func(i, j int) { f.places[i], f.places[j] = f.places[j], f.places[i] })
			out = append(out, f)
		}
	}
	return out
}

func weigh(free []*network) (weights []float64, total float64) {
	for _, f := range free {
		w := math.Sqrt(float64(len(f.places)))
		weights = append(weights, w)
		total += w
	}
	return weights, total
}
