// Package country knows the codes of countries and roughly where they lie. It
// serves to notice a point on the wrong side of the world, not to say which side
// of a border street it is on: the outlines are Natural Earth's at 1:50,000,000,
// a few kilometres off at places and without the smallest islands.
package country

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/go-json-experiment/json"
)

//go:embed countries-50m.json.gz
var outlines []byte

//go:embed iso3166.txt
var codes string

// Code is an ISO 3166-1 alpha-3 code in upper case.
type Code string

// Codes knows the codes of countries. It is immutable.
type Codes struct {
	alpha3 map[string]Code // by two or three letters, upper case
	number map[string]Code
}

// Atlas holds codes and outlines, about 2 MB. It is immutable.
type Atlas struct {
	Codes
	rings map[Code][]ring
}

// ring is a closed line; the country is what an odd number of rings surrounds.
type ring struct {
	minLat, maxLat float64
	points         []point
}

type point struct{ lon, lat float64 }

// part says whose outline holds a country that has none of its own.
var part = map[Code]Code{
	"BES": "NLD", "SJM": "NOR",
	"GLP": "FRA", "GUF": "FRA", "MTQ": "FRA", "MYT": "FRA", "REU": "FRA",
}

// LoadCodes reads the codes that are built in.
func LoadCodes() (Codes, error) {
	c := Codes{map[string]Code{}, map[string]Code{}}
	for line := range strings.Lines(codes) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return Codes{}, fmt.Errorf("reading the country codes: %q", line)
		}
		c.alpha3[f[0]], c.alpha3[f[1]], c.number[f[2]] = Code(f[1]), Code(f[1]), Code(f[1])
	}
	return c, nil
}

// Load reads the atlas that is built in. It takes some 20 ms.
func Load() (*Atlas, error) {
	known, err := LoadCodes()
	if err != nil {
		return nil, err
	}
	a := &Atlas{Codes: known, rings: map[Code][]ring{}}
	z, err := gzip.NewReader(bytes.NewReader(outlines))
	if err != nil {
		return nil, fmt.Errorf("reading the outlines of countries: %w", err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("reading the outlines of countries: %w", err)
	}
	var t topology
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("reading the outlines of countries: %w", err)
	}
	for _, g := range t.Objects.Countries.Geometries {
		code := a.number[g.ID]
		switch g.Properties.Name {
		case "Kosovo":
			code = "XKX"
		case "N. Cyprus":
			code = "CYP"
		case "Somaliland":
			code = "SOM"
		}
		if code == "" {
			continue
		}
		rings, err := t.rings(g)
		if err != nil {
			return nil, fmt.Errorf("reading the outline of %s: %w", code, err)
		}
		a.rings[code] = append(a.rings[code], rings...)
	}
	for small, large := range part {
		a.rings[small] = a.rings[large]
	}
	return a, nil
}

// Find returns the code that two or three letters in either case stand for.
func (k Codes) Find(code string) (Code, bool) {
	c, ok := k.alpha3[strings.ToUpper(code)]
	return c, ok
}

// Distance returns how far a point in WGS 84 degrees lies outside a country, in
// metres, 0 inside; it is a rough figure. ok is false where the atlas has no
// outline of the country.
func (a *Atlas) Distance(c Code, lat, lon float64) (metres float64, ok bool) {
	rings := a.rings[c]
	if len(rings) == 0 {
		return 0, false
	}
	inside := false
	for i := range rings {
		inside = inside != rings[i].surrounds(lat, lon)
	}
	if inside {
		return 0, true
	}
	best := math.Inf(1)
	for i := range rings {
		best = min(best, rings[i].distance(lat, lon))
	}
	return best, true
}

// surrounds counts the edges east of the point.
func (r *ring) surrounds(lat, lon float64) bool {
	if lat < r.minLat || lat > r.maxLat {
		return false
	}
	inside := false
	for i, p := range r.points {
		q := r.points[(i+1)%len(r.points)]
		if (p.lat > lat) != (q.lat > lat) && lon < p.lon+(lat-p.lat)/(q.lat-p.lat)*(q.lon-p.lon) {
			inside = !inside
		}
	}
	return inside
}

const metresPerDegree = 111_195.0

// distance measures on a plane that touches the point, which is right near it
// and large far from it.
func (r *ring) distance(lat, lon float64) float64 {
	cos := math.Cos(lat * math.Pi / 180)
	best := math.Inf(1)
	for i, p := range r.points {
		q := r.points[(i+1)%len(r.points)]
		x := math.Remainder(p.lon-lon, 360)
		y := p.lat - lat
		dx, dy := math.Remainder(q.lon-p.lon, 360), q.lat-p.lat
		x, dx = x*cos, dx*cos
		t := 0.0
		if d := dx*dx + dy*dy; d > 0 {
			t = min(1, max(0, -(x*dx+y*dy)/d))
		}
		best = min(best, math.Hypot(x+t*dx, y+t*dy))
	}
	return best * metresPerDegree
}
