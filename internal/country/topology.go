package country

import (
	"errors"
	"math"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// topology is what is read of a TopoJSON document: lines that neighbours share,
// as differences of whole numbers.
type topology struct {
	Transform struct {
		Scale     [2]float64 `json:"scale"`
		Translate [2]float64 `json:"translate"`
	} `json:"transform"`
	Arcs    [][][2]int `json:"arcs"`
	Objects struct {
		Countries struct {
			Geometries []geometry `json:"geometries"`
		} `json:"countries"`
	} `json:"objects"`
}

type geometry struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Arcs       jsontext.Value `json:"arcs"`
	Properties struct {
		Name string `json:"name"`
	} `json:"properties"`
}

var errTopology = errors.New("not the TopoJSON that is expected")

func (t *topology) rings(g geometry) ([]ring, error) {
	var polygons [][][]int
	switch g.Type {
	case "Polygon":
		var one [][]int
		if err := json.Unmarshal(g.Arcs, &one); err != nil {
			return nil, err
		}
		polygons = append(polygons, one)
	case "MultiPolygon":
		if err := json.Unmarshal(g.Arcs, &polygons); err != nil {
			return nil, err
		}
	default:
		return nil, errTopology
	}
	var out []ring
	for _, polygon := range polygons {
		for _, arcs := range polygon {
			r, err := t.join(arcs)
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// join strings lines together; ^n is line n backwards.
func (t *topology) join(arcs []int) (ring, error) {
	r := ring{minLat: math.Inf(1), maxLat: math.Inf(-1)}
	for _, n := range arcs {
		back := n < 0
		if back {
			n = ^n
		}
		if n >= len(t.Arcs) {
			return ring{}, errTopology
		}
		line := make([]point, len(t.Arcs[n]))
		x, y := 0, 0
		for i, d := range t.Arcs[n] {
			x, y = x+d[0], y+d[1]
			at := i
			if back {
				at = len(line) - 1 - i
			}
			line[at] = point{
				lon: float64(x)*t.Transform.Scale[0] + t.Transform.Translate[0],
				lat: float64(y)*t.Transform.Scale[1] + t.Transform.Translate[1],
			}
		}
		r.points = append(r.points, line...)
	}
	for _, p := range r.points {
		r.minLat, r.maxLat = min(r.minLat, p.lat), max(r.maxLat, p.lat)
	}
	return r, nil
}
