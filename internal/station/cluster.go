package station

import (
	"math"

	"github.com/eroam/eroam/ocpi"
)

// MaxZoom is the deepest zoom of a map, as web maps count.
const MaxZoom = 22

// Cluster stands for the stations in one cell of the map, a quarter of a tile
// wide: 64 pixels of a map in web Mercator.
type Cluster struct {
	Point     Point // mean of the stations
	Stations  int
	EVSEs     int // those that meet the conditions of the query
	Available int // of these
	MaxWatts  int
	Party     ocpi.PartyID // with ID: the station, where there is but one
	ID        string
}

// ClusterPage is a part of an answer.
type ClusterPage struct {
	Clusters []Cluster // in order of the cell, from the north west
	Next     string
	Complete bool
}

// Clusters returns what Search would find, put together for a zoom of the map.
// Near does not order them. Zooms beyond 0 to MaxZoom are brought to the nearest.
func (x *Index) Clusters(q Query, zoom int) (ClusterPage, error) {
	zoom = min(MaxZoom, max(0, zoom))
	kind := byte('A' + zoom)
	after, err := openCursor(q, kind)
	if err != nil {
		return ClusterPage{}, err
	}
	_, _, complete := x.mirror.Loaded()
	page := ClusterPage{Complete: complete}
	x.mu.RLock()
	defer x.mu.RUnlock()
	f := x.filter(q)
	cells := map[int64]*cell{}
	x.each(f.box, func(p *place) {
		if at := cellOf(p, zoom); at > after.first && f.matches(p) {
			c := cells[at]
			if c == nil {
				c = &cell{}
				cells[at] = c
			}
			c.add(f, p)
		}
	})
	order := make([]hit, 0, len(cells))
	for at, c := range cells {
		order = append(order, hit{mark{at, 0}, c.last})
	}
	limit := q.limit()
	order = firstHits(order, limit+1)
	if len(order) > limit {
		order = order[:limit]
		page.Next = sealCursor(q, kind, order[limit-1].mark)
	}
	page.Clusters = make([]Cluster, len(order))
	for i, h := range order {
		page.Clusters[i] = x.cluster(cells[h.mark.first])
	}
	return page, nil
}

// cell is a cluster that is being put together.
type cell struct {
	Cluster
	lat, lon float64 // sums
	last     *place
}

func (c *cell) add(f *filter, p *place) {
	c.Stations++
	c.lat += degree(p.lat)
	c.lon += degree(p.lon)
	c.last = p
	for _, e := range p.evses {
		if !f.evse(e) {
			continue
		}
		c.EVSEs++
		if e.status == statusAvailable {
			c.Available++
		}
		for _, k := range f.x.connectors[e.profile] {
			c.MaxWatts = max(c.MaxWatts, k.Watts)
		}
	}
}

func (x *Index) cluster(c *cell) Cluster {
	out := c.Cluster
	out.Point = Point{c.lat / float64(c.Stations), c.lon / float64(c.Stations)}
	if c.Stations == 1 {
		out.Party, out.ID = x.parties.items[c.last.party], c.last.id()
	}
	return out
}

// cellOf numbers the cells of a zoom row by row.
func cellOf(p *place, zoom int) int64 {
	n := float64(int64(4) << zoom)
	lat := radians(min(85.05, max(-85.05, degree(p.lat)))) // where web Mercator ends
	x := (degree(p.lon) + 180) / 360 * n
	y := (1 - math.Asinh(math.Tan(lat))/math.Pi) / 2 * n
	row, column := int64(min(n-1, max(0, y))), int64(min(n-1, max(0, x)))
	return row*int64(n) + column
}
