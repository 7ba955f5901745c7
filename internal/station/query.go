package station

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Limits of one page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Query selects stations. A station is a published Location with at least one
// EVSE that is not REMOVED and that meets all conditions on EVSEs; a condition
// on a connector is met by one connector of that EVSE.
type Query struct {
	Box  *Box   // where; nil: everywhere
	Near *Point // nearest first; nil: in the order in which the hub got to know them

	Standards []string                      // one of these connector standards; empty: any
	MinWatts  int                           // 0: any
	Available bool                          // status AVAILABLE
	Always    bool                          // open 24/7
	Party     ocpi.PartyID                  // owner; zero: any
	Countries []string                      // where it stands, as the Location writes it; empty: anywhere
	Hidden    bool                          // also those with publish false
	Visible   func(owner ocpi.PartyID) bool // nil: all owners
	Viewer    string                        // who Visible stands for: a cursor is good for one viewer

	Cursor string // Page.Next of the page before; "" for the first
	Limit  int    // 0: DefaultLimit; at most MaxLimit
}

// Page is a part of an answer.
type Page struct {
	Stations []Station
	Next     string // cursor of the next page; "" on the last
	Complete bool   // false: the index is being filled, more may be known soon
}

// Station is one Location.
type Station struct {
	Party               ocpi.PartyID
	ID                  string // as its owner spells it
	Name, Address, City string
	Country             string // as the Location writes it: ISO 3166-1 alpha-3
	Point               Point
	Always              bool // open 24/7
	Published           bool // publish
	EVSEs               int  // without those that are REMOVED
	ByStatus            map[string]int
	Connectors          []Connector // each kind once, of all EVSEs
	MaxWatts            int
	Distance            float64 // from Near, in metres
	LastUpdated         time.Time
}

// Connector is a kind of connector. Watts 0 is unknown.
type Connector struct {
	Standard, Format, PowerType string
	Watts                       int
	Count                       int // how many a station has; 0 outside a Station
}

// Search returns one page of stations. Pages that follow each other by their
// cursors show each station once that was there all the time and did not move;
// what is new in between may be missing, what has gone is left out. A cursor that is not
// of this query is an *ocpi.Error that names it.
func (x *Index) Search(q Query) (Page, error) {
	after, err := openCursor(q, 's')
	if err != nil {
		return Page{}, err
	}
	limit := q.limit()
	_, _, complete := x.mirror.Loaded()
	page := Page{Complete: complete}
	x.mu.RLock()
	defer x.mu.RUnlock()
	f := x.filter(q)
	var hits []hit
	if q.Near != nil {
		hits = x.nearest(f, *q.Near, after, limit+1)
	} else {
		hits = x.oldest(f, after, limit+1)
	}
	if len(hits) > limit {
		hits = hits[:limit]
		page.Next = sealCursor(q, 's', hits[limit-1].mark)
	}
	page.Stations = make([]Station, len(hits))
	for i, h := range hits {
		page.Stations[i] = x.station(h.place, q.Near)
	}
	return page, nil
}

func (q *Query) limit() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// hit is a place of the answer and where it stands in it.
type hit struct {
	mark  mark
	place *place
}

// mark orders an answer: by distance in millimetres, or a cell of the map, then
// by age.
type mark struct{ first, born int64 }

func (a mark) compare(b mark) int {
	return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.born, b.born))
}

// oldest returns the first n places behind a mark, in order.
func (x *Index) oldest(f *filter, after mark, n int) []hit {
	var hits []hit
	worst := mark{math.MaxInt64, math.MaxInt64}
	x.each(f.box, func(p *place) {
		m := mark{0, p.born}
		if m.compare(after) <= 0 || m.compare(worst) >= 0 || !f.matches(p) {
			return
		}
		if hits = append(hits, hit{m, p}); len(hits) >= 2*n { // keep the better half
			hits = firstHits(hits, n)
			worst = hits[n-1].mark
		}
	})
	return firstHits(hits, n)
}

func firstHits(hits []hit, n int) []hit {
	slices.SortFunc(hits, func(a, b hit) int { return a.mark.compare(b.mark) })
	return hits[:min(n, len(hits))]
}

// nearest returns the first n places behind a mark, nearest first.
func (x *Index) nearest(f *filter, at Point, after mark, n int) []hit {
	var hits []hit
	to := newTarget(at)
	x.tree.Nearby(to.distance, func(_, _ [2]float32, p *place, metres float64) bool {
		m := mark{int64(metres * 1000), p.born}
		if len(hits) >= n && m.first > hits[len(hits)-1].mark.first {
			return false // all that are as far as the last one are here
		}
		if m.compare(after) > 0 && f.box.Contains(degree(p.lat), degree(p.lon)) && f.matches(p) {
			hits = append(hits, hit{m, p})
		}
		return true
	})
	return firstHits(hits, n)
}

// each calls do for every place in a box; nil is the world.
func (x *Index) each(b *Box, do func(*place)) {
	if b == nil {
		x.tree.Scan(func(_, _ [2]float32, p *place) bool { do(p); return true })
		return
	}
	for _, part := range b.parts() {
		x.tree.Search(part[0], part[1], func(_, _ [2]float32, p *place) bool {
			if b.Contains(degree(p.lat), degree(p.lon)) {
				do(p)
			}
			return true
		})
	}
}

// filter is a query made ready for the present values of the pools.
type filter struct {
	x         *Index
	q         *Query
	box       *Box
	profiles  []bool          // whether a connector of the profile fits; nil: all do
	countries map[uint32]bool // nil: all
	owners    map[uint32]bool // what Visible has said
}

func (x *Index) filter(q Query) *filter {
	f := &filter{x: x, q: &q, box: q.Box, owners: map[uint32]bool{}}
	if len(q.Standards) > 0 || q.MinWatts > 0 {
		f.profiles = make([]bool, len(x.connectors))
		for i, connectors := range x.connectors {
			f.profiles[i] = slices.ContainsFunc(connectors, func(c Connector) bool {
				return c.Watts >= q.MinWatts && (len(q.Standards) == 0 || slices.Contains(q.Standards, c.Standard))
			})
		}
	}
	if len(q.Countries) > 0 {
		f.countries = map[uint32]bool{}
		for _, c := range q.Countries {
			if i, ok := x.texts.slots[c]; ok {
				f.countries[i] = true
			}
		}
	}
	return f
}

func (f *filter) matches(p *place) bool {
	if p.unpublished && !f.q.Hidden || f.q.Always && !p.always || f.countries != nil && !f.countries[p.country] || !f.sees(p.party) {
		return false
	}
	return slices.ContainsFunc(p.evses, f.evse)
}

func (f *filter) evse(e evse) bool {
	return e.status != statusRemoved && (!f.q.Available || e.status == statusAvailable) && (f.profiles == nil || f.profiles[e.profile])
}

// sees reports whether the owner's stations are wanted and may be seen.
func (f *filter) sees(party uint32) bool {
	ok, known := f.owners[party]
	if !known {
		owner := f.x.parties.items[party]
		ok = (f.q.Party.IsZero() || f.q.Party == owner) && (f.q.Visible == nil || f.q.Visible(owner))
		f.owners[party] = ok
	}
	return ok
}

// station writes a place out.
func (x *Index) station(p *place, near *Point) Station {
	s := Station{
		Party: x.parties.items[p.party], ID: p.id(), Name: p.name(), Address: p.address(),
		City: x.texts.items[p.city], Country: x.texts.items[p.country], Point: Point{degree(p.lat), degree(p.lon)},
		Always: p.always, Published: !p.unpublished, ByStatus: map[string]int{}, LastUpdated: time.UnixMicro(p.updated).UTC(),
	}
	for _, e := range p.evses {
		if e.status == statusRemoved {
			continue
		}
		s.EVSEs++
		s.ByStatus[cmp.Or(statusNames[e.status], "UNKNOWN")]++
		for _, c := range x.connectors[e.profile] {
			c.Count = 1
			s.MaxWatts = max(s.MaxWatts, c.Watts)
			if i := slices.IndexFunc(s.Connectors, func(o Connector) bool { return compareConnectors(o, c) == 0 }); i >= 0 {
				s.Connectors[i].Count++
			} else {
				s.Connectors = append(s.Connectors, c)
			}
		}
	}
	slices.SortFunc(s.Connectors, compareConnectors)
	if near != nil {
		s.Distance = Distance(*near, s.Point)
	}
	return s
}
