package country

import "testing"

func TestDistance(t *testing.T) {
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		country  Code
		lat, lon float64
		min, max float64 // km
	}{
		{"Utrecht", "NLD", 52.09, 5.12, 0, 0},
		{"Terschelling", "NLD", 53.39, 5.29, 0, 10},
		{"Vaals, at the border", "NLD", 50.7699, 6.0184, 0, 10},
		{"Brussels", "NLD", 50.85, 4.35, 40, 90},
		{"nowhere", "NLD", 0, 0, 5000, 7000},
		{"Utrecht with lat and lon swapped", "NLD", 5.12, 52.09, 5000, 9000},
		{"Iowa", "BEL", 42, -93.5, 6000, 9000},
		{"Saint-Denis on La Réunion", "FRA", -20.9, 55.45, 0, 10},
		{"the same under its own code", "REU", -20.9, 55.45, 0, 10},
		{"Bonaire", "NLD", 12.2, -68.26, 0, 10},
		{"Honolulu", "USA", 21.31, -157.86, 0, 10},
		{"Taveuni, east of 180°", "FJI", -16.85, -179.97, 0, 30},
		{"Maseru is a hole in South Africa", "ZAF", -29.31, 27.9, 30, 200},
		{"Pristina", "XKX", 42.66, 21.16, 0, 0},
		{"Kyrenia", "CYP", 35.3, 33.3, 0, 5},
		{"the south pole", "NZL", -90, 0, 1000, 9000},
	} {
		m, ok := a.Distance(tt.country, tt.lat, tt.lon)
		if !ok || m/1000 < tt.min || m/1000 > tt.max {
			t.Errorf("%s: %.1f km outside %s (known %v), want %g to %g", tt.name, m/1000, tt.country, ok, tt.min, tt.max)
		}
	}
	if _, ok := a.Distance("XXX", 0, 0); ok {
		t.Error("a country that does not exist has an outline")
	}
}

func TestFind(t *testing.T) {
	a, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Code{"nl": "NLD", "NLD": "NLD", "de": "DEU", "gbr": "GBR", "xk": "XKX", "": "", "ZZ": "", "N": "", "528": ""} {
		if got, ok := a.Find(text); got != want || ok != (want != "") {
			t.Errorf("%q: got %q", text, got)
		}
	}
	if len(a.alpha3) < 480 || len(a.rings) < 230 {
		t.Errorf("%d codes and %d outlines", len(a.alpha3), len(a.rings))
	}
}
