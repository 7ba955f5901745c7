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
// each, the rest and the stations outside networks share one. The operator that
// overcharges, which is made up, has one too, with sites in the states that count.
func platforms(operators []afdc.Operator, states []string) []platform {
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
	if made := overcharging(states); len(made.Sites) > 0 {
		out = append(out, platform{name: made.Name, version: ocpi.V221, operators: []afdc.Operator{made}})
	}
	return out
}

// wallet makes the tokens of a provider's drivers.
type wallet struct {
	of     provider
	rng    *rand.Rand
	tokens []sim.Token
}

// add makes the token of one more driver. Nobody charges twice on the day of the
// demo: places are drawn from all over two states, and a token that was used at
// two of them within hours would be what the hub's check C27 looks for.
func (w *wallet) add(kind string, valid bool) sim.Token {
	n := len(w.tokens) + 1
	t := sim.Token{
		UID: fmt.Sprintf("04%012X", w.rng.Uint64()>>16), Type: kind, Valid: valid,
		ContractID: fmt.Sprintf("%s-%s-C%08d-%d", w.of.party.CountryCode, w.of.party.ID, n, n%10),
	}
	if kind == appUser {
		t.UID = fmt.Sprintf("app-%016x", w.rng.Uint64())
	}
	w.tokens = append(w.tokens, t)
	return t
}

// The types of tokens.
const (
	card    = "RFID"
	appUser = "APP_USER"
)

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

// plan is what is going to happen.
type plan struct {
	drivers []attempt     // in order of time
	tokens  [][]sim.Token // of each provider
	spare   []*network    // EVSEs that nobody goes to
}

// newPlan plans the day of n drivers. Every one has an EVSE of its own, so that
// what happens does not depend on who comes first. Networks get drivers by the root
// of their number of stations, so that the small ones are seen too; the operator
// that overcharges gets a fixed part of them.
func newPlan(n int, seed uint64, ps []platform, providers []provider) plan {
	rng := source(seed, "drivers")
	free := freePlaces(rng, ps)
	weights, total := weigh(free)
	bait := slices.IndexFunc(free, (*network).bait)
	var wallets []*wallet
	for _, p := range providers {
		wallets = append(wallets, &wallet{of: p, rng: source(seed, "tokens "+p.party.ID)})
	}
	out := make([]attempt, 0, n)
	for len(out) < n && total > 0 {
		i := draw(rng, weights, total)
		if bait >= 0 && len(out)%baited == baited/2 && len(free[bait].places) > 0 {
			i = bait
		}
		f := free[i]
		if len(f.places) == 0 {
			weights[i], total = 0, total-weights[i]
			continue
		}
		a := attempt{at: startTime(rng), provider: rng.IntN(len(wallets)), platform: f.platform, place: f.places[0]}
		f.places = f.places[1:]
		a.choose(rng, len(out), wallets[a.provider])
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b attempt) int { return cmp.Compare(a.at, b.at) })
	p := plan{drivers: out, spare: free}
	for _, w := range wallets {
		p.tokens = append(p.tokens, w.tokens)
	}
	return p
}

// draw returns the place of one of the weights.
func draw(rng *rand.Rand, weights []float64, total float64) int {
	x := rng.Float64() * total
	i := 0
	for i < len(weights)-1 && x >= weights[i] {
		x -= weights[i]
		i++
	}
	return i
}

// choose draws how the driver goes about it. Every sixteen drivers there is one of
// each rare kind.
func (a *attempt) choose(rng *rand.Rand, i int, w *wallet) {
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
		a.uid, a.kind = fmt.Sprintf("FFFF%08X", rng.Uint32()), card
		return
	}
	kind := card
	if a.way == byApp || a.way == byAppStop {
		kind = appUser
	}
	t := w.add(kind, a.way != blocked)
	a.uid, a.kind = t.UID, t.Type
}

// network is the free EVSEs of one operator.
type network struct {
	platform int
	operator ocpi.PartyID
	places   []sim.Place
}

func freePlaces(rng *rand.Rand, ps []platform) []*network {
	var out []*network
	for i, p := range ps {
		for _, o := range p.operators {
			if !o.Roaming {
				continue
			}
			f := &network{platform: i, operator: o.Party}
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
		if f.bait() {
			w = 0 // has its own drivers
		}
		weights = append(weights, w)
		total += w
	}
	return weights, total
}
