package station

import (
	"errors"
	"fmt"
	"math"
	"math/rand"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// random fills an index with n stations: a third around the antimeridian, some
// at the poles, some on top of each other.
func random(n int) *Index {
	rnd := rand.New(rand.NewSource(1))
	x := New(Options{})
	standards := []string{"IEC_62196_T2", "IEC_62196_T2_COMBO", "CHADEMO"}
	for i := range n {
		r := reading{name: fmt.Sprint("Station ", i), city: fmt.Sprint("City ", i%50), country: []string{"NLD", "BEL"}[i%2], always: i%3 == 0, unpublished: i%20 == 0}
		lat, lon := rnd.Float64()*160-80, rnd.Float64()*360-180
		switch i % 6 {
		case 0:
			lat, lon = rnd.Float64()*20-10, math.Remainder(180+rnd.Float64()*8-4, 360)
		case 1:
			lat, lon = 52+rnd.Float64(), 5+rnd.Float64()
		case 2:
			lat, lon = 10, 10
		case 3:
			lat = math.Copysign(90, lat)
		}
		r.lat, r.lon = fixed(lat), fixed(lon)
		for e := range rnd.Intn(4) {
			r.evses = append(r.evses, evseReading{fmt.Sprint(e), status(1 + rnd.Intn(9)), profileOf([]Connector{
				{Standard: standards[rnd.Intn(3)], PowerType: "DC", Watts: 11000 * (1 + rnd.Intn(10))},
				{Standard: "DOMESTIC_F", PowerType: "AC_1_PHASE", Watts: 2300},
			})})
		}
		party := []ocpi.PartyID{cp1, cp2}[rnd.Intn(2)]
		x.put(&store.Object{ObjectKey: store.ObjectKey{Party: party, ID: fmt.Sprint(i)}, Name: fmt.Sprint(i), Seq: int64(i + 1), Born: int64(i + 1)}, r)
	}
	return x
}

// brute is Search by looking at everything, ids only.
func brute(x *Index, q Query) (ids []string) {
	type found struct {
		id string
		m  mark
	}
	var all []found
	for _, p := range x.places {
		s := x.station(p, q.Near)
		if p.unpublished && !q.Hidden || q.Always && !p.always || !q.Party.IsZero() && s.Party != q.Party ||
			len(q.Countries) > 0 && !slices.Contains(q.Countries, s.Country) || q.Visible != nil && !q.Visible(s.Party) {
			continue
		}
		if b := q.Box; b != nil {
			in := s.Point.Lon >= b.MinLon && s.Point.Lon <= b.MaxLon
			if b.MinLon > b.MaxLon {
				in = s.Point.Lon >= b.MinLon || s.Point.Lon <= b.MaxLon
			}
			if !in || s.Point.Lat < b.MinLat || s.Point.Lat > b.MaxLat {
				continue
			}
		}
		fits := slices.ContainsFunc(p.evses, func(e evse) bool {
			if e.status == statusRemoved || q.Available && e.status != statusAvailable {
				return false
			}
			return slices.ContainsFunc(connectorsOf(x.profiles.items[e.profile]), func(c Connector) bool {
				return c.Watts >= q.MinWatts && (len(q.Standards) == 0 || slices.Contains(q.Standards, c.Standard))
			})
		})
		if !fits {
			continue
		}
		m := mark{0, p.born}
		if q.Near != nil {
			m.first = int64(s.Distance * 1000)
		}
		all = append(all, found{s.ID, m})
	}
	slices.SortFunc(all, func(a, b found) int { return a.m.compare(b.m) })
	for _, f := range all {
		ids = append(ids, f.id)
	}
	return ids
}

func queries() map[string]Query {
	out := map[string]Query{
		"everything":        {},
		"hidden ones too":   {Hidden: true},
		"always open":       {Always: true},
		"owner":             {Party: cp2},
		"country":           {Countries: []string{"BEL"}},
		"nowhere":           {Countries: []string{"FRA"}},
		"visible":           {Visible: func(p ocpi.PartyID) bool { return p == cp1 }},
		"connector":         {Standards: []string{"CHADEMO", "IEC_62196_T2"}, MinWatts: 55000},
		"available, strong": {Available: true, MinWatts: 100000},
		"box":               {Box: &Box{5.2, 52.1, 5.7, 52.9}},
		"box and connector": {Box: &Box{-90, -45, 90, 45}, Standards: []string{"IEC_62196_T2_COMBO"}},
		"antimeridian":      {Box: &Box{177, -20, -177, 20}},
		"point":             {Box: &Box{10, 10, 10, 10}},
		"north pole":        {Box: &Box{-180, 89, 180, 90}},
	}
	for name, at := range map[string]Point{
		"near Utrecht": {52.09, 5.12}, "near the antimeridian": {0, 179.9}, "near the other side of it": {1, -180}, "near the pole": {89, 33}, "near many": {10, 10},
		"near the south": {-90, 0},
	} {
		p := at
		out[name] = Query{Near: &p}
		out[name+", in a box"] = Query{Near: &p, Box: &Box{170, -60, -100, 60}, Available: true}
	}
	return out
}

// Every query gives what looking at everything gives, in pages of any size.
func TestSearchEqualsBruteForce(t *testing.T) {
	x := random(3000)
	for name, q := range queries() {
		want := brute(x, q)
		for _, q.Limit = range []int{7, 100, 1000} {
			var got []string
			for q.Cursor = ""; ; {
				page, err := x.Search(q)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if len(page.Stations) > q.Limit {
					t.Fatalf("%s: a page of %d", name, len(page.Stations))
				}
				for _, s := range page.Stations {
					got = append(got, s.ID)
				}
				if q.Cursor = page.Next; q.Cursor == "" || q.Limit == 7 && len(got) > 400 {
					break
				}
			}
			if q.Limit == 7 {
				want = want[:min(len(want), len(got))]
			} else {
				want = brute(x, q)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s by %d: got %d stations, want %d", name, q.Limit, len(got), len(want))
			}
		}
		if len(want) == 0 && name != "nowhere" {
			t.Errorf("%s tests nothing", name)
		}
	}
}

// The clusters of every zoom hold together what a search finds.
func TestClustersAddUp(t *testing.T) {
	x := random(3000)
	for name, q := range queries() {
		if q.Near != nil {
			continue
		}
		want := len(brute(x, q))
		for _, zoom := range []int{0, 3, 9, 22, 99} {
			q.Limit, q.Cursor = 40, ""
			stations, clusters := 0, 0
			for {
				page, err := x.Clusters(q, zoom)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, c := range page.Clusters {
					stations += c.Stations
					if (c.Stations == 1) != (c.ID != "") || c.Available > c.EVSEs || c.EVSEs == 0 {
						t.Errorf("%s: %+v", name, c)
					}
					if !q.Box.Contains(c.Point.Lat, c.Point.Lon) && q.Box.MinLon < q.Box.MaxLon {
						t.Errorf("%s: the centre %v is outside", name, c.Point)
					}
				}
				clusters += len(page.Clusters)
				if q.Cursor = page.Next; q.Cursor == "" {
					break
				}
			}
			if stations != want {
				t.Errorf("%s at zoom %d: %d stations in %d clusters, want %d", name, zoom, stations, clusters, want)
			}
		}
	}
	page, err := x.Clusters(Query{Box: &Box{9, 9, 11, 11}}, 12)
	if err != nil || len(page.Clusters) != 1 || math.Abs(page.Clusters[0].Point.Lat-10) > 1e-6 {
		t.Errorf("stations on one spot: %+v %v", page, err)
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b Point
		km   float64
	}{
		{Point{52.0907, 5.1214}, Point{52.3731, 4.8922}, 35.1}, // Utrecht, Amsterdam
		{Point{0, 179.5}, Point{0, -179.5}, 111.2},
		{Point{90, 0}, Point{-90, 77}, 20015.1},
		{Point{10, 10}, Point{10, 10}, 0},
	} {
		if got := Distance(tt.a, tt.b) / 1000; math.Abs(got-tt.km) > 0.1 {
			t.Errorf("%v to %v: %.1f km, want %.1f", tt.a, tt.b, got, tt.km)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"4.7,52,5.2,52.4": "", " 4.7 , 52 , 5.2 , 52.4 ": "", "179,-20,-179,20": "", "-180,-90,180,90": "",
		"": "4 numbers", "1,2,3": "4 numbers", "1,2,3,4,5": "4 numbers", "1,2,3,x": "number 4", "NaN,1,2,3": "number 1", "1,Inf,2,3": "number 2",
		"181,1,2,3": "longitudes", "1,2,-180.1,3": "longitudes", "1,91,2,92": "latitudes", "1,5,2,4": "above max_lat",
	} {
		_, err := ParseBox(text)
		wantProblem(t, "bbox", text, err, want)
	}
	for text, want := range map[string]string{
		"52.1,5.1": "", "-90,180": "", "": "2 numbers", "1": "2 numbers", "1,2,3": "2 numbers", "a,1": "number 1", "1,": "number 2", "91,0": "latitude", "0,-181": "longitude",
	} {
		_, err := ParsePoint(text)
		wantProblem(t, "near", text, err, want)
	}
}

// wantProblem checks that an error names the parameter and says what is wrong.
func wantProblem(t *testing.T, name, text string, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		return
	}
	e, ok := errors.AsType[*ocpi.Error](err)
	if !ok || !strings.HasPrefix(e.Message, name+":") || !strings.Contains(e.Message, want) {
		t.Errorf("%q: got %v, want %s: …%s…", text, err, name, want)
	}
}

func TestCursorIsGoodForItsQueryOnly(t *testing.T) {
	x := random(300)
	q := Query{Limit: 5}
	page, err := x.Search(q)
	check(t, err)
	q.Cursor = page.Next
	_, err = x.Search(q)
	check(t, err)
	for name, change := range map[string]func(*Query){
		"near": func(q *Query) { q.Near = &Point{1, 1} }, "box": func(q *Query) { q.Box = &Box{1, 1, 2, 2} }, "viewer": func(q *Query) { q.Viewer = "DE-EM1" },
		"owner": func(q *Query) { q.Party = cp1 }, "power": func(q *Query) { q.MinWatts = 1 }, "cursor": func(q *Query) { q.Cursor += "A" }, "text": func(q *Query) { q.Cursor = "-" },
	} {
		other := q
		change(&other)
		_, err := x.Search(other)
		wantProblem(t, "cursor", name, err, "next")
	}
	if _, err := x.Clusters(q, 3); err == nil {
		t.Error("a cursor of stations is good for clusters")
	}
	q.Limit = 9
	if _, err = x.Search(q); err != nil {
		t.Errorf("with another limit: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"1,2,3,4", "179,-20,-179,20", "52.1,5.1", "-0,1e1,0x1p2,1_0", "CgAAAAAAAg"} {
		f.Add(s)
	}
	x := random(50)
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := ParseBox(s); err == nil {
			if _, err := x.Search(Query{Box: b}); err != nil {
				t.Error(err)
			}
			if len(b.parts()) == 0 || b.MinLat > b.MaxLat {
				t.Errorf("%q: %+v", s, b)
			}
		}
		if p, err := ParsePoint(s); err == nil {
			if page, err := x.Search(Query{Near: p}); err != nil || len(page.Stations) == 0 {
				t.Errorf("%q finds nothing: %v", s, err)
			}
		}
		q := Query{Cursor: s}
		if m, err := openCursor(q, 's'); err == nil && s != "" && sealCursor(q, 's', m) == "" {
			t.Error("a cursor cannot be written again")
		}
	})
}

// BenchmarkMillion is the index at a million EVSEs in 410,000 Locations: memory
// by EVSE, then the queries that look at everything.
func BenchmarkMillion(b *testing.B) {
	rnd := rand.New(rand.NewSource(2))
	x := New(Options{})
	before := heap()
	evses := 0
	begin := time.Now()
	for i := range 410_000 {
		body := one(51+2.4*rnd.Float64(), 4+3*rnd.Float64(), []string{"AVAILABLE", "CHARGING", "AVAILABLE"}[:2+min(1, i%100/56)]...)
		body = strings.Replace(body, "Mill 1", fmt.Sprintf("Oude Molenstraat %d-%d", i%977, i%13), 1)
		body = strings.Replace(body, "At the mill", fmt.Sprintf("%d-%d", i%977, i%13), 1)
		r, err := read([]byte(body))
		if err != nil {
			b.Fatal(err)
		}
		evses += len(r.evses)
		id := fmt.Sprintf("%08x-1111-11ee-8888-42010aa4%04x", rnd.Uint32(), i&0xffff)
		x.put(&store.Object{ObjectKey: store.ObjectKey{Party: cp1, ID: id}, Name: id, Seq: int64(i + 1), Born: int64(i + 1)}, r)
	}
	fmt.Printf("%d EVSEs, filled in %s\n", evses, time.Since(begin).Round(time.Millisecond))
	perEVSE := float64(heap()-before) / float64(evses)
	box := Box{4.7, 52, 5.2, 52.4}
	for name, do := range map[string]func() error{
		"all":      func() error { _, err := x.Search(Query{Available: true}); return err },
		"box":      func() error { _, err := x.Search(Query{Box: &box}); return err },
		"near":     func() error { _, err := x.Search(Query{Near: &Point{52.1, 5.1}, MinWatts: 11000}); return err },
		"clusters": func() error { _, err := x.Clusters(Query{}, 7); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(perEVSE, "B/EVSE")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
