package station

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// Point is a position in WGS 84 degrees.
type Point struct{ Lat, Lon float64 }

// Box is what lies between two parallels and, going east from MinLon to MaxLon,
// two meridians. MinLon > MaxLon spans the antimeridian.
type Box struct{ MinLon, MinLat, MaxLon, MaxLat float64 }

// ParseBox reads "min_lon,min_lat,max_lon,max_lat", the order of GeoJSON. The
// error is an *ocpi.Error that names the parameter bbox.
func ParseBox(text string) (*Box, error) {
	v, err := numbers("bbox", text, 4)
	if err != nil {
		return nil, err
	}
	b := &Box{v[0], v[1], v[2], v[3]}
	switch {
	case !within(b.MinLon, 180) || !within(b.MaxLon, 180):
		return nil, ocpi.Invalid("bbox", "longitudes, first and third, must be from -180 to 180")
	case !within(b.MinLat, 90) || !within(b.MaxLat, 90):
		return nil, ocpi.Invalid("bbox", "latitudes, second and fourth, must be from -90 to 90")
	case b.MinLat > b.MaxLat:
		return nil, ocpi.Invalid("bbox", "min_lat must not be above max_lat")
	}
	return b, nil
}

// ParsePoint reads "lat,lon". The error is an *ocpi.Error that names the
// parameter near.
func ParsePoint(text string) (*Point, error) {
	v, err := numbers("near", text, 2)
	switch {
	case err != nil:
		return nil, err
	case !within(v[0], 90):
		return nil, ocpi.Invalid("near", "the latitude comes first and must be from -90 to 90")
	case !within(v[1], 180):
		return nil, ocpi.Invalid("near", "the longitude comes second and must be from -180 to 180")
	}
	return &Point{v[0], v[1]}, nil
}

func within(v, bound float64) bool { return v >= -bound && v <= bound }

func numbers(name, text string, n int) ([]float64, error) {
	parts := strings.Split(text, ",")
	if len(parts) != n {
		return nil, ocpi.Invalid(name, fmt.Sprintf("must be %d numbers with commas between them", n))
	}
	out := make([]float64, n)
	for i, p := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, ocpi.Invalid(name, fmt.Sprintf("number %d cannot be read", i+1))
		}
		out[i] = v
	}
	return out, nil
}

// Contains reports whether a point lies in b or on its edge; a nil box is the
// world.
func (b *Box) Contains(lat, lon float64) bool {
	if b == nil {
		return true
	}
	if lat < b.MinLat || lat > b.MaxLat {
		return false
	}
	if b.MinLon > b.MaxLon {
		return lon >= b.MinLon || lon <= b.MaxLon
	}
	return lon >= b.MinLon && lon <= b.MaxLon
}

// parts returns the one or two rectangles of b as corners for the tree. What
// lies in b lies in them; what lies in them may be a metre outside b.
func (b *Box) parts() [][2][2]float32 {
	rect := func(west, east float64) [2][2]float32 {
		return [2][2]float32{{float32(west), float32(b.MinLat)}, {float32(east), float32(b.MaxLat)}}
	}
	if b.MinLon > b.MaxLon {
		return [][2][2]float32{rect(b.MinLon, 180), rect(-180, b.MaxLon)}
	}
	return [][2][2]float32{rect(b.MinLon, b.MaxLon)}
}

// earth is the mean radius in metres.
const earth = 6_371_008.8

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }

// Distance returns metres along the surface of a sphere.
func Distance(a, b Point) float64 {
	t := newTarget(a)
	return t.to(radians(b.Lat), radians(b.Lon))
}

// target measures distances from one point.
type target struct{ lat, lon, sin, cos float64 }

func newTarget(p Point) *target {
	lat := radians(p.Lat)
	return &target{lat, radians(p.Lon), math.Sin(lat), math.Cos(lat)}
}

func (t *target) to(lat, lon float64) float64 {
	u, v := math.Sin((lat-t.lat)/2), math.Sin((lon-t.lon)/2)
	h := u*u + t.cos*math.Cos(lat)*v*v
	return 2 * earth * math.Asin(min(1, math.Sqrt(h)))
}

// slack makes up for the tree's corners, which are exact to a metre.
const slack = 3.0

// distance is the distance to a place, or a lower bound of that to all places in
// a rectangle of the tree.
func (t *target) distance(lo, hi [2]float32, p *place, item bool) float64 {
	if item {
		return t.to(radians(degree(p.lat)), radians(degree(p.lon)))
	}
	west, south := radians(float64(lo[0])), radians(float64(lo[1]))
	east, north := radians(float64(hi[0])), radians(float64(hi[1]))
	if t.lon >= west && t.lon <= east {
		return max(0, earth*max(south-t.lat, t.lat-north)-slack)
	}
	return max(0, min(t.meridian(west, south, north), t.meridian(east, south, north))-slack)
}

// meridian is the distance to a piece of a meridian: the nearest point of the
// whole one if it lies on the piece, else the nearer end.
func (t *target) meridian(lon, south, north float64) float64 {
	d := min(t.to(south, lon), t.to(north, lon))
	if foot := math.Atan2(t.sin, t.cos*math.Cos(lon-t.lon)); foot > south && foot < north {
		d = min(d, t.to(foot, lon))
	}
	return d
}
