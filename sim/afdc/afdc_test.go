package afdc_test

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/afdc"
	"github.com/eroam/eroam/sim/data"
)

func pacific(float64, float64) string { return "America/Los_Angeles" }

// importRows imports rows given as column=value, on top of a whole row.
func importRows(t *testing.T, rows ...map[string]string) *afdc.Result {
	t.Helper()
	base := map[string]string{
		"ID": "1", "Station Name": "City Hall", "Street Address": "1 Main St", "City": "Seattle", "State": "WA", "ZIP": "98101", "Country": "US",
		"Latitude": "47.6", "Longitude": "-122.3", "Status Code": "E", "Fuel Type Code": "ELEC", "Access Code": "public",
		"Access Days Time": "24 hours daily", "EV Level2 EVSE Num": "2", "EV Network": "ChargePoint Network", "EV Connector Types": "J1772",
		"Updated At": "2025-06-06 18:42:11 UTC",
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	cols := afdc.Columns()
	cols = slices.DeleteFunc(cols, func(c string) bool { return c == afdc.ZoneColumn })
	if err := w.Write(cols); err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		rec := make([]string, len(cols))
		for j, c := range cols {
			v, ok := r[c]
			if !ok {
				v = base[c]
				if c == "ID" {
					v = strconv.Itoa(i + 1)
				}
			}
			rec[j] = v
		}
		if err := w.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	res, err := afdc.Import(&b, afdc.Options{Zone: pacific})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestTheStationsThatComeWithThePackage(t *testing.T) {
	res, err := afdc.Stations(afdc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := res.Report
	if r.Rows != 7699 || r.Stations != 7699 || r.Sites != 5604 || r.EVSEs != 25239 {
		t.Errorf("report: %+v", r)
	}
	var sites, evses int
	parties := make(map[ocpi.PartyID]bool)
	for _, o := range res.Operators {
		if parties[o.Party] {
			t.Errorf("%s occurs twice", o.Party)
		}
		parties[o.Party] = true
		checkOperator(t, o)
		sites += len(o.Sites)
		for _, s := range o.Sites {
			evses += len(s.EVSEs)
		}
	}
	if sites != r.Sites || evses != r.EVSEs || len(res.Operators) != 44 {
		t.Errorf("%d operators, %d sites, %d EVSEs", len(res.Operators), sites, evses)
	}
	if len(data.Stations) > 400_000 {
		t.Errorf("the stations take %d bytes", len(data.Stations))
	}
}

var (
	timeOfDay = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	country   = regexp.MustCompile(`^[A-Z]{3}$`)
)

// checkOperator checks what OCPI demands of the objects that are made of sites.
func checkOperator(t *testing.T, o afdc.Operator) {
	t.Helper()
	if _, err := ocpi.ParsePartyID(o.Party.CountryCode, o.Party.ID); err != nil || o.Name == "" {
		t.Errorf("operator %v %q: %v", o.Party, o.Name, err)
	}
	tariffs := make(map[string]bool)
	for _, tr := range o.Tariffs {
		if tariffs[tr.ID] || tr.ID == "" || len(tr.ID) > 36 || len(tr.Components) == 0 || tr.Updated.IsZero() {
			t.Errorf("%s: tariff %+v", o.Party, tr)
		}
		tariffs[tr.ID] = true
	}
	ids, uids := make(map[string]bool), make(map[string]bool)
	for _, s := range o.Sites {
		if ids[s.ID] || s.ID == "" || len(s.ID) > 36 || s.Name == "" || s.Address == "" || s.City == "" || s.Updated.IsZero() {
			t.Errorf("%s: site %+v", o.Party, s)
		}
		ids[s.ID] = true
		if !country.MatchString(s.Country) || s.Lat < 40 || s.Lat > 50 || s.Lon > -70 || s.Lon < -125 {
			t.Errorf("%s: site %s lies at %v, %v in %s", o.Party, s.ID, s.Lat, s.Lon, s.Country)
		}
		if _, err := time.LoadLocation(s.TimeZone); err != nil || s.TimeZone != "America/New_York" && s.TimeZone != "America/Los_Angeles" {
			t.Errorf("%s: site %s is in zone %q", o.Party, s.ID, s.TimeZone)
		}
		for _, h := range s.Opening.Hours {
			if h.Weekday < 1 || h.Weekday > 7 || !timeOfDay.MatchString(h.Begin) || !timeOfDay.MatchString(h.End) || h.End <= h.Begin {
				t.Errorf("%s: site %s opens %+v", o.Party, s.ID, h)
			}
		}
		for _, e := range s.EVSEs {
			if uids[e.UID] || len(e.UID) > 36 || len(e.EVSEID) > 48 || len(e.Connectors) == 0 || e.Updated.After(s.Updated) {
				t.Errorf("%s: EVSE %+v", o.Party, e)
			}
			uids[e.UID] = true
			for _, c := range e.Connectors {
				if c.TariffID != "" && !tariffs[c.TariffID] || c.TariffID == "" && o.Roaming || c.Watts <= 0 || c.Amps <= 0 || c.Volts <= 0 {
					t.Errorf("%s: connector %+v of %s", o.Party, c, e.UID)
				}
			}
		}
	}
}

// Every kind of oddity is counted, and nothing else is.
func TestOddities(t *testing.T) {
	tests := []struct {
		name  string
		row   map[string]string
		want  afdc.Oddity // empty: none
		left  bool        // the row is left out
		check func(sim.Site) bool
	}{
		{name: "a good row"},
		{name: "short ZIP", row: map[string]string{"ZIP": "6103"}, want: afdc.ShortZIP, check: func(s sim.Site) bool { return s.PostalCode == "06103" }},
		{name: "ZIP+4", row: map[string]string{"ZIP": "98101-1234"}, check: func(s sim.Site) bool { return s.PostalCode == "98101" }},
		{name: "Canadian code", row: map[string]string{"ZIP": "G9N 0"}, want: afdc.BadZIP, check: func(s sim.Site) bool { return s.PostalCode == "" }},
		{name: "spreadsheet date", row: map[string]string{"Updated At": "3/15/2009"}, check: func(s sim.Site) bool { return s.Updated.Year() == 2009 }},
		{name: "no date", row: map[string]string{"Updated At": "yesterday"}, want: afdc.BadDate},
		{name: "float count", row: map[string]string{"EV Level2 EVSE Num": "2.0"}, check: func(s sim.Site) bool { return len(s.EVSEs) == 2 }},
		{name: "negative count", row: map[string]string{"EV Level2 EVSE Num": "2", "EV DC Fast Count": "-1"}, want: afdc.BadCount},
		{name: "huge count", row: map[string]string{"EV Level2 EVSE Num": "2", "EV DC Fast Count": "98101"}, want: afdc.BadCount},
		{name: "no ports", row: map[string]string{"EV Level2 EVSE Num": ""}, want: afdc.NoPorts, check: func(s sim.Site) bool { return len(s.EVSEs) == 0 }},
		{name: "no id", row: map[string]string{"ID": ""}, want: afdc.NoID, left: true},
		{name: "other fuel", row: map[string]string{"Fuel Type Code": "CNG"}, want: afdc.NotElectric, left: true},
		{name: "no point", row: map[string]string{"Latitude": "n/a"}, want: afdc.BadCoordinates, left: true},
		{name: "not a number", row: map[string]string{"Latitude": "NaN"}, want: afdc.BadCoordinates, left: true},
		{name: "null island", row: map[string]string{"Latitude": "0", "Longitude": "0"}, want: afdc.BadCoordinates, left: true},
		{name: "off the globe", row: map[string]string{"Latitude": "476", "Longitude": "-1223"}, want: afdc.BadCoordinates, left: true},
		{name: "abroad", row: map[string]string{"Latitude": "52.1", "Longitude": "4.3"}, want: afdc.OutsideCountry, left: true},
		{name: "swapped", row: map[string]string{"Latitude": "-122.3", "Longitude": "47.6"}, want: afdc.SwappedPoint, check: func(s sim.Site) bool { return s.Lat == 47.6 && s.Lon == -122.3 }},
		{name: "no minus", row: map[string]string{"Longitude": "122.3"}, want: afdc.UnsignedPoint, check: func(s sim.Site) bool { return s.Lon == -122.3 }},
		{name: "long address", row: map[string]string{"Street Address": strings.Repeat("x", 60)}, want: afdc.CutText, check: func(s sim.Site) bool { return len(s.Address) == 45 }},
		{name: "control characters", row: map[string]string{"Station Name": "City\x00 Hall\xff"}, want: afdc.ControlText, check: func(s sim.Site) bool { return s.Name == "City Hall" }},
		{name: "line break", row: map[string]string{"Station Name": "City\n Hall"}, check: func(s sim.Site) bool { return s.Name == "City Hall" }},
		{name: "no name", row: map[string]string{"Station Name": ""}, want: afdc.NoName, check: func(s sim.Site) bool { return s.Name == "ChargePoint Network, 1 Main St" }},
		{name: "no address", row: map[string]string{"Street Address": ""}, want: afdc.NoAddress, check: func(s sim.Site) bool { return s.Address == "#NA" }},
		{name: "unknown network", row: map[string]string{"EV Network": "NEWCOMER"}, want: afdc.UnknownNetwork},
		{name: "no network", row: map[string]string{"EV Network": ""}, want: afdc.NoNetwork},
		{name: "unknown plug", row: map[string]string{"EV Connector Types": "J1772 WARP"}, want: afdc.UnknownPlug},
		{name: "plug without a port", row: map[string]string{"EV Connector Types": "J1772 CHADEMO"}, want: afdc.PlugWithout},
		{name: "port without a plug", row: map[string]string{"EV Connector Types": ""}, want: afdc.PlugGuessed, check: func(s sim.Site) bool { return s.EVSEs[0].Connectors[0].Plug == sim.PlugJ1772 }},
		{name: "planned", row: map[string]string{"Status Code": "P"}, check: func(s sim.Site) bool { return s.EVSEs[0].Status == sim.Planned }},
		{name: "unknown status", row: map[string]string{"Status Code": "X"}, want: afdc.UnknownStatus},
		{name: "private", row: map[string]string{"Access Code": "private"}, check: func(s sim.Site) bool { return !s.Public }},
		{name: "odd hours", row: map[string]string{"Access Days Time": "Dealership business hours"}, want: afdc.UnknownHours},
		{name: "odd price", row: map[string]string{"EV Pricing": "Parking fee"}, want: afdc.UnknownPricing},
		{name: "varying price", row: map[string]string{"EV Pricing": "$0.00-$5.00/Hr Variable Parking Fee"}, want: afdc.VaryingPricing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := importRows(t, tt.row)
			var want []string
			if tt.want != "" {
				want = []string{string(tt.want)}
			}
			var got []string
			for _, f := range res.Report.Findings() {
				got = append(got, string(f.Oddity))
			}
			if !slices.Equal(got, want) {
				t.Errorf("found %q, want %q", got, want)
			}
			if left := res.Report.Stations == 0; left != tt.left {
				t.Errorf("left out: %v", left)
			}
			if tt.check != nil && !tt.check(res.Operators[0].Sites[0]) {
				t.Errorf("got %+v", res.Operators[0].Sites[0])
			}
		})
	}
}

func TestRowsAreGroupedIntoSites(t *testing.T) {
	near := map[string]string{"Latitude": "47.6005"}
	far := map[string]string{"Latitude": "47.7"}
	res := importRows(t, nil, near, far, map[string]string{"EV Network": "eVgo Network"}, map[string]string{"EV Network": "EVgo Network"},
		map[string]string{"City": "Tacoma"}, map[string]string{"ID": "1"})
	got := make(map[string][]int)
	for _, o := range res.Operators {
		for _, s := range o.Sites {
			got[o.Party.ID] = append(got[o.Party.ID], len(s.EVSEs))
		}
	}
	// Four EVSEs at the first site; one far away and one in another city. Both
	// spellings of EVgo are one operator with one site.
	if fmt.Sprint(got) != "map[CPI:[4 2 2] EVG:[4]]" {
		t.Errorf("EVSEs by site: %v", got)
	}
	r := res.Report
	if r.Count(afdc.NearbyPoint) != 1 || r.Count(afdc.FarPoint) != 1 || r.Count(afdc.DuplicateID) != 1 || r.Stations != 6 {
		t.Errorf("report: %+v %+v", r, r.Findings())
	}
}

func TestConnectorsAreDistributed(t *testing.T) {
	tests := []struct {
		name       string
		l1, l2, dc string
		types      string
		want       string
	}{
		{"one kind", "", "2", "", "J1772", "[T1] [T1]"},
		{"alternating", "", "3", "", "J1772 TESLA", "[T1] [NACS] [T1]"},
		{"both at a fast one", "", "", "1", "CHADEMO J1772COMBO", "[CHADEMO COMBO]"},
		{"slow and fast", "", "1", "1", "J1772 J1772COMBO TESLA", "[T1] [COMBO NACS]"},
		{"supercharger", "", "", "2", "TESLA", "[NACS] [NACS]"},
		{"household", "1", "1", "", "J1772 NEMA515", "[NEMA515] [T1]"},
		{"level 1 with J1772", "2", "", "", "J1772", "[T1] [T1]"},
		{"NEMA 14-50", "", "1", "", "NEMA1450", "[NEMA1450]"},
	}
	names := map[sim.Plug]string{
		sim.PlugJ1772: "T1", sim.PlugNACS: "NACS", sim.PlugCHAdeMO: "CHADEMO", sim.PlugCCS1: "COMBO", sim.PlugNEMA515: "NEMA515", sim.PlugNEMA1450: "NEMA1450",
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res := importRows(t, map[string]string{
				"EV Level1 EVSE Num": tt.l1, "EV Level2 EVSE Num": tt.l2, "EV DC Fast Count": tt.dc, "EV Connector Types": tt.types,
			})
			var got []string
			for _, e := range res.Operators[0].Sites[0].EVSEs {
				var cs []string
				for _, c := range e.Connectors {
					cs = append(cs, names[c.Plug])
				}
				got = append(got, "["+strings.Join(cs, " ")+"]")
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestPricesAreRead(t *testing.T) {
	tests := map[string]string{
		"":                                     "AC ENERGY 0.30/1",
		"Free":                                 "FREE FLAT 0/1",
		"FREE":                                 "FREE FLAT 0/1",
		"$0.40 per kWh":                        "STATED ENERGY 0.40/1",
		"$1.50/Hr Parking Fee":                 "STATED TIME 1.50/1 PARKING_TIME 1.50/1",
		"$0.20/kWh Energy Fee":                 "STATED ENERGY 0.20/1",
		"$1.50 per session; $0.75 per kWh":     "STATED FLAT 1.50/1 ENERGY 0.75/1",
		"$0.50 initiation fee + $0.18 per kWh": "STATED FLAT 0.50/1 ENERGY 0.18/1",
		"$1 per session; $0.30 per kWh; $5 per hour idle fee": "STATED FLAT 1/1 ENERGY 0.30/1 PARKING_TIME 5/1",
		"$0.10 per minute":           "STATED TIME 6.00/1 PARKING_TIME 6.00/1",
		"$0.10 per kWh; parking fee": "AC ENERGY 0.30/1", // half a price is not a price
		"$2 per hour; $3 per hour":   "AC ENERGY 0.30/1", // contradicts itself
		"$0.00-$2.00/Hr Variable Parking Fee, $0.15/kWh Energy Fee":      "AC ENERGY 0.30/1",
		"Free for UW permit holders; $4 per hour for non-permit holders": "AC ENERGY 0.30/1",
	}
	for text, want := range tests {
		res := importRows(t, map[string]string{"EV Pricing": text})
		tr := res.Operators[0].Tariffs[0]
		id, _, _ := strings.Cut(tr.ID, "-")
		got := id
		for _, c := range tr.Components {
			got += fmt.Sprintf(" %s %s/%d", c.Dimension, c.Price, c.StepSize)
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestHoursAreRead(t *testing.T) {
	tests := map[string]string{
		"24 hours daily; pay lot": "{true []}",
		"24 Hours Daily":          "{true []}",
		"":                        "{false []}",
		"Business Hours":          "{false []}",
		"Mon 8:00am - 5:00pm; Sat 9:00am - 12:00pm": "{false [{1 08:00 17:00} {6 09:00 12:00}]}",
		"Sun: 3:00pm-2:00am":                        "{false [{1 00:00 02:00} {7 15:00 23:59}]}",
		"Mon: 12:00am-9:30am, 5:30pm-12:00am":       "{false [{1 00:00 09:30} {1 17:30 23:59}]}",
		"Mon 8:00am - 5:00pm; call ahead":           "{false []}",
		"Mon 13:00pm - 5:00pm":                      "{false []}",
		"8am-5pm daily":                             "{false [{1 08:00 17:00} {2 08:00 17:00} {3 08:00 17:00} {4 08:00 17:00} {5 08:00 17:00} {6 08:00 17:00} {7 08:00 17:00}]}",
		"12am-12am daily":                           "{true []}",
	}
	for text, want := range tests {
		res := importRows(t, map[string]string{"Access Days Time": text})
		if got := fmt.Sprint(res.Operators[0].Sites[0].Opening); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// A network that is not in the table gets an id of its own, the same whatever the
// order of rows.
func TestUnknownNetworksGetParties(t *testing.T) {
	a := importRows(t, map[string]string{"EV Network": "NEW ONE"}, map[string]string{"EV Network": "NEW TWO"}, nil)
	b := importRows(t, nil, map[string]string{"EV Network": "NEW TWO"}, map[string]string{"EV Network": "NEW ONE"})
	ids := func(r *afdc.Result) map[string]string {
		out := make(map[string]string)
		for _, o := range r.Operators {
			out[o.Name] = o.Party.ID
		}
		return out
	}
	if fmt.Sprint(ids(a)) != fmt.Sprint(ids(b)) || len(ids(a)) != 3 || ids(a)["NEW ONE"] == ids(a)["NEW TWO"] {
		t.Errorf("%v and %v", ids(a), ids(b))
	}
}

func TestOptionsNarrowAnImport(t *testing.T) {
	res, err := afdc.Stations(afdc.Options{States: []string{"wa"}, Networks: []string{"Blink Network", "evgo network"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Operators) != 2 {
		t.Fatalf("%d operators", len(res.Operators))
	}
	// Oddities of other stations are not reported either: most hours that are not
	// understood are those of car dealers outside networks.
	if n := res.Report.Count(afdc.UnknownHours); n > 20 {
		t.Errorf("%d stations with odd hours", n)
	}
	for _, o := range res.Operators {
		for _, s := range o.Sites {
			if s.State != "WA" {
				t.Errorf("%s is in %s", s.ID, s.State)
			}
		}
	}
}

func TestOnlyAMissingTableIsAnError(t *testing.T) {
	for name, in := range map[string]string{
		"empty": "", "no columns": "a,b\n1,2\n", "cut off": "\x1f\x8b\x08", "not a table": "<html>",
	} {
		if _, err := afdc.Import(strings.NewReader(in), afdc.Options{Zone: pacific}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// Bare quotes, a byte order mark, rows too long and too short.
	in := "\ufeffID,Latitude,Longitude\n1,47,-122\n2,47\n3,47,-122,9\n\"4,47,-122\n"
	res, err := afdc.Import(strings.NewReader(in), afdc.Options{Zone: pacific})
	if err != nil {
		t.Fatal(err)
	}
	if r := res.Report; r.Stations != 2 || r.Count(afdc.LongRow) != 1 || r.Count(afdc.BadCoordinates) != 1 || r.Count(afdc.NoID) != 1 {
		t.Errorf("report %+v %v", r, r.Findings())
	}
}

// Zones that the file does not tell are looked up.
func TestZonesAreLookedUp(t *testing.T) {
	if testing.Short() {
		t.Skip("loading the boundaries takes a second")
	}
	in := "ID,Latitude,Longitude\n1,47.6,-122.3\n2,40.7,-74\n3,41.6,-87.1\n"
	res, err := afdc.Import(strings.NewReader(in), afdc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range res.Operators[0].Sites {
		got = append(got, s.TimeZone)
	}
	if fmt.Sprint(got) != "[America/Los_Angeles America/New_York America/Chicago]" {
		t.Errorf("zones: %v", got)
	}
}

// No row makes an import fail, or makes something that OCPI does not allow.
func FuzzImport(f *testing.F) {
	zr, err := gzip.NewReader(bytes.NewReader(data.Stations))
	if err != nil {
		f.Fatal(err)
	}
	raw, err := io.ReadAll(zr)
	if err != nil {
		f.Fatal(err)
	}
	header, rows, _ := bytes.Cut(raw, []byte("\n"))
	for i, line := range bytes.SplitN(rows, []byte("\n"), 2000) {
		if i%100 == 0 {
			f.Add(string(line))
		}
	}
	f.Add(`1,,,,,,,"-122,3",47`)
	f.Add("1,a,b,c,WA,9810,US,47.6,-122.3,,E,ELEC,public,,24 hours daily,1,1,1,X,TESLA NEMA1450,$1 per session; $1 per min,PARK,3/15/2009")
	f.Fuzz(func(t *testing.T, rows string) {
		res, err := afdc.Import(strings.NewReader(string(header)+"\n"+rows), afdc.Options{Zone: pacific})
		if err != nil {
			t.Fatal(err)
		}
		if res.Report.Stations > res.Report.Rows {
			t.Errorf("%d stations of %d rows", res.Report.Stations, res.Report.Rows)
		}
		for _, o := range res.Operators {
			for _, s := range o.Sites {
				if s.ID == "" || len(s.ID) > 36 || len([]rune(s.Address)) > 45 || len(s.PostalCode) > 10 || len([]rune(s.Name)) > 255 {
					t.Errorf("site %+v", s)
				}
				for _, e := range s.EVSEs {
					if len(e.UID) > 36 || len(e.EVSEID) > 48 || len(e.Connectors) == 0 {
						t.Errorf("EVSE %+v", e)
					}
				}
			}
		}
	})
}
