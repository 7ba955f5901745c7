package tariff

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// generated returns the periods that are made for a session as one text each, and
// the price of them.
func generated(t *testing.T, tariffJSON, meteringJSON string) (periods []string, g Generated, r Result) {
	t.Helper()
	tariffs, _, err := ParseTariffs(ocpi.V221, []byte(tariffJSON))
	if err != nil {
		t.Fatal(err)
	}
	l, err := Compile(tariffs...)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseMetering([]byte(meteringJSON), zones[0])
	if err != nil {
		t.Fatal(err)
	}
	if g, err = l.Generate(&m); err != nil {
		t.Fatal(err)
	}
	if r, err = l.Price(&g.Session, Policy{}); err != nil {
		t.Fatal(err)
	}
	for i, p := range g.Session.Periods {
		if p.Index != i {
			t.Errorf("period %d has the place %d", i, p.Index)
		}
		text := p.Start.UTC().Format("15:04:05.999")
		for _, d := range p.Dimensions() {
			text += fmt.Sprintf(" %s %s", d.Type, d.Volume)
		}
		periods = append(periods, text)
	}
	return periods, g, r
}

// metered is a session of one hour and 10 kWh from 10:00 UTC, 11:00 in Amsterdam.
func metered(members ...string) string {
	return `{"start_date_time":"2025-01-13T10:00:00Z","end_date_time":"2025-01-13T11:00:00Z",` + strings.Join(append(members,
		`"meter_values":[{"timestamp":"2025-01-13T10:00:00Z","kwh":100},{"timestamp":"2025-01-13T11:00:00Z","kwh":110}]}`), ",")
}

const charge = "10:00:00 ENERGY 10.0000 TIME 1.0000"

// TestGeneratedReservations cuts a reservation where its price changes, and only
// there.
func TestGeneratedReservations(t *testing.T) {
	reserved := func(restriction, more string) string {
		return `TIME ` + more + ` 1 - {"reservation":"RESERVATION"` + restriction + `}`
	}
	for _, c := range []struct {
		name, tariff, from string
		want               []string
		total              string
	}{
		{"one price", elements(reserved("", "2"), "ENERGY 1 1"), "09:30:00", []string{"09:30:00 RESERVATION_TIME 0.5000", charge}, "11.0000"},
		{"no price", elements("ENERGY 1 1"), "09:30:00", []string{"09:30:00 RESERVATION_TIME 0.5000", charge}, "10.0000"},
		{"time of day", elements(reserved(`,"end_time":"10:40"`, "2"), reserved("", "6"), "ENERGY 1 1"), "09:30:00",
			[]string{"09:30:00 RESERVATION_TIME 0.1667", "09:40:00 RESERVATION_TIME 0.3333", charge}, "12.3333"},
		{"duration counts from the reservation", elements(reserved(`,"min_duration":1200`, "6"), reserved("", "0"), `ENERGY 1 1 - {"max_duration":1800}`, "ENERGY 2 1"), "09:30:00",
			[]string{"09:30:00 RESERVATION_TIME 0.3333", "09:50:00 RESERVATION_TIME 0.1667", "10:00:00 ENERGY 5.0000 TIME 0.5000", "10:30:00 ENERGY 5.0000 TIME 0.5000"}, "16.0000"},
		{"limits of charging do not cut it", elements(`ENERGY 1 1 - {"max_kwh":5,"max_duration":1800,"start_time":"10:45"}`, "ENERGY 1 1"), "09:30:00",
			[]string{"09:30:00 RESERVATION_TIME 0.5000", charge[:16] + "5.0000 TIME 0.5000", "10:30:00 ENERGY 5.0000 TIME 0.5000"}, "10.0000"},
		{"energy stands still", elements(reserved(`,"max_kwh":5`, "2"), reserved("", "4"), "ENERGY 1 1"), "09:30:00", []string{"09:30:00 RESERVATION_TIME 0.5000", charge}, "11.0000"},
		{"a fee that begins later", elements(`FLAT 3 1 - {"reservation":"RESERVATION","start_time":"10:45"}`, "ENERGY 1 1"), "09:30:00",
			[]string{"09:30:00 RESERVATION_TIME 0.2500", "09:45:00 RESERVATION_TIME 0.2500", charge}, "13.0000"},
		{"a fee that ends", elements(`FLAT 3 1 - {"reservation":"RESERVATION","end_time":"10:45"}`, "ENERGY 1 1"), "09:30:00", []string{"09:30:00 RESERVATION_TIME 0.5000", charge}, "13.0000"},
		{"split seconds", elements(reserved(`,"end_time":"10:40"`, "2"), reserved("", "6"), "ENERGY 1 1"), "09:39:58.5",
			[]string{"09:39:58.5 RESERVATION_TIME 0.0006", "09:40:00 RESERVATION_TIME 0.3333", charge}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, g, r := generated(t, lintTariff(c.tariff), metered(`"reserved_from":"2025-01-13T`+c.from+`Z"`))
			for i := range got { // a third of an hour, in four decimals
				got[i] = strings.NewReplacer("0.333333333", "0.3333", "0.166666667", "0.1667", "0.000555556", "0.0006").Replace(got[i])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if c.total != "" && r.TotalExcl.Text(4) != c.total || len(r.Findings) > 0 {
				t.Errorf("costs %s, want %s; %v", r.TotalExcl, c.total, r.Findings)
			}
			if slices.Contains(g.Interpolated, 0) {
				t.Error("a reservation is called interpolated")
			}
		})
	}
}

// TestGeneratedSecondsAddUp begins at half a second: the parts have as many whole
// seconds as the session.
func TestGeneratedSecondsAddUp(t *testing.T) {
	tar := lintTariff(elements(`ENERGY 1 1 - {"end_time":"11:20"}`, `ENERGY 2 1 - {"end_time":"11:40"}`, "ENERGY 3 1"))
	_, g, _ := generated(t, tar, strings.Replace(metered(`"charging_until":"2025-01-13T10:50:00Z"`), "T10:00:00Z", "T10:00:00.5Z", 1))
	sum := int64(0)
	for _, p := range g.Session.Periods {
		sum += p.Time + p.Parking
	}
	if len(g.Session.Periods) != 4 || sum != 3600 { // 3599.5 s, rounded
		t.Errorf("%d periods of %d s: %+v", len(g.Session.Periods), sum, g.Session.Periods)
	}
}

// TestGenerateTakesTheTariffOfTheReservation, as pricing does.
func TestGenerateTakesTheTariffOfTheReservation(t *testing.T) {
	old := lintTariff(`end_date_time="2025-01-13T09:45:00Z"`, elements(`TIME 2 1 - {"reservation":"RESERVATION"}`, `ENERGY 1 1 - {"max_duration":1800}`, "ENERGY 2 1"))
	current := lintTariff(`start_date_time="2025-01-13T09:45:00Z"`, elements("ENERGY 9 1"))
	got, _, r := generated(t, "["+old+","+current+"]", metered(`"reserved_from":"2025-01-13T09:30:00Z"`))
	if len(got) != 3 || r.TotalExcl.String() != "16.0000" || len(r.Findings) > 0 {
		t.Errorf("%v cost %s, %v", got, r.TotalExcl, r.Findings)
	}
}

func TestReservedFromIsBounded(t *testing.T) {
	for from, problem := range map[string]string{
		"2025-01-13T10:00:00Z": "must lie before the start", "2024-12-13T09:59:59Z": "lies more than 31 days before the start", "0001-01-01T00:00:01Z": "lies more than 31 days before the start",
		"2024-12-13T10:00:00Z": "", "2025-01-13T09:59:59Z": "",
	} {
		_, err := ParseMetering([]byte(metered(`"reserved_from":"`+from+`"`)), time.UTC)
		e, wrong := errors.AsType[*Error](err)
		if wrong != (problem != "") || wrong && (e.Pointer != "/reserved_from" || e.Message != problem) {
			t.Errorf("%s: %v, want %q", from, err, problem)
		}
	}
}

// TestGeneratedCuts has moments that nearly coincide, readings before and after
// the session, and says which periods are interpolated.
func TestGeneratedCuts(t *testing.T) {
	session := func(start, end, readings string) string {
		values := strings.Fields(readings)
		for i, v := range values {
			at, kwh, _ := strings.Cut(v, "=")
			values[i] = `{"timestamp":"2025-01-13T` + at + `Z","kwh":` + kwh + `}`
		}
		return `{"start_date_time":"2025-01-13T` + start + `Z","end_date_time":"2025-01-13T` + end + `Z","meter_values":[` + strings.Join(values, ",") + `]`
	}
	window := `ENERGY 3 1 - {"end_time":"11:30"}`
	for _, c := range []struct {
		name, tariff, session string
		want                  []string
		interpolated          []int
	}{
		{"5 kWh are reached in the second in which a window ends", elements(`ENERGY 1 1 - {"max_kwh":5}`, window, "ENERGY 2 1"),
			session("10:00:00", "11:00:00.6", "10:00:00=100 11:00:00.6=110") + "}",
			[]string{"10:00:00 ENERGY 5.0000 TIME 0.5000", "10:30:00 ENERGY 5.0000 TIME 0.500277778"}, []int{1}},
		{"a duration ends a second after a window", elements(`ENERGY 1 1 - {"max_duration":1800}`, window, "ENERGY 2 1"),
			session("10:00:01", "11:00:01", "10:00:01=100 10:30:01=105 11:00:01=110") + "}",
			[]string{"10:00:01 ENERGY 5.0000 TIME 0.5000", "10:30:01 ENERGY 5.0000 TIME 0.5000"}, nil},
		{"the meter stands still after its last reading", elements(window, "ENERGY 2 1"), session("10:00:00", "11:00:00", "10:00:00=100 10:20:00=110") + "}",
			[]string{"10:00:00 ENERGY 10.0000 TIME 0.5000", "10:30:00 TIME 0.5000"}, []int{1}},
		{"the meter ran during the reservation", elements(`TIME 2 1 - {"reservation":"RESERVATION","max_kwh":1}`, `TIME 2 1 - {"reservation":"RESERVATION"}`,
			`TIME 2 1 - {"reservation":"RESERVATION","start_time":"10:45"}`, "ENERGY 1 1"),
			session("10:00:00", "11:00:00", "09:00:00=90 10:00:00=100 11:00:00=110") + `,"reserved_from":"2025-01-13T09:30:00Z"}`,
			[]string{"09:30:00 RESERVATION_TIME 0.5000", charge}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, g, _ := generated(t, lintTariff(c.tariff), c.session)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if !slices.Equal(g.Interpolated, c.interpolated) {
				t.Errorf("interpolated are %v, want %v", g.Interpolated, c.interpolated)
			}
		})
	}
}

func TestShareRoundsHalfUp(t *testing.T) {
	for _, c := range []struct {
		n           int64
		part, whole time.Duration
		want        int64
	}{{1, 1, 2, 1}, {1, 1, 3, 0}, {2, 1, 3, 1}, {1 << 60, 3, 4, 3 << 58}, {5, 0, 7, 0}, {5, 7, 7, 5}} {
		if got := share(c.n, c.part, c.whole); got != c.want {
			t.Errorf("%d · %d / %d is %d, want %d", c.n, c.part, c.whole, got, c.want)
		}
	}
}

// TestSessionOf31Days is the longest that periods are made for.
func TestSessionOf31Days(t *testing.T) {
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	m := Metering{Start: start, End: start.Add(31 * 24 * time.Hour), Zone: time.UTC, Readings: []Reading{{start, 0}, {start.Add(time.Hour), 1}}}
	if err := m.check(); err != nil {
		t.Error(err)
	}
	m.End = m.End.Add(time.Second)
	if e, ok := errors.AsType[*Error](m.check()); !ok || e.Pointer != "/end_date_time" {
		t.Errorf("a second more: %v", e)
	}
}
