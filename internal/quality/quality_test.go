package quality_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

var (
	cp1 = ocpi.PartyID{CountryCode: "NL", ID: "CP1"}
	cp2 = ocpi.PartyID{CountryCode: "BE", ID: "CP2"}
	now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
)

// good is a Location in which nothing is odd, as a template: the party, the id,
// then pairs of texts to replace.
func good(party ocpi.PartyID, id string, replace ...string) string {
	body := fmt.Sprintf(`{"country_code":%q,"party_id":%q,"id":%q,"publish":true,"address":"Mill 1","city":"Ede","postal_code":"6711 AB","country":"NLD",
"coordinates":{"latitude":"52.03","longitude":"5.61"},"time_zone":"Europe/Amsterdam","last_updated":"2026-06-01T10:00:00Z","evses":[{"uid":"E1",
"evse_id":"%s*%s*E%s","status":"AVAILABLE","last_updated":"2026-06-01T09:00:00Z","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET",
"power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,"max_electric_power":11040,"tariff_ids":["T1"],"last_updated":"2026-06-01T09:00:00Z"}]}]}`,
		party.CountryCode, party.ID, id, party.CountryCode, party.ID, strings.ToUpper(id))
	return strings.NewReplacer(replace...).Replace(body)
}

// judgeText judges Locations and, with party NL-CP1, tariff T1.
func judgeText(t *testing.T, locations ...string) *quality.Judge {
	t.Helper()
	f, err := quality.OpenFiles(quality.Options{Atlas: atlas(), Now: func() time.Time { return now }})
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	_, err = f.Add(t.Context(), ocpi.Tariffs, strings.NewReader(`[{"country_code":"NL","party_id":"CP1","id":"T1"}]`))
	check(t, err)
	_, err = f.Add(t.Context(), ocpi.Locations, strings.NewReader(strings.Join(locations, "\n")))
	check(t, err)
	return f.Judge
}

// TestEachCode breaks one thing at a time.
func TestEachCode(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replace []string
		want    string // codes, then what the message of the first holds
		says    string
	}{
		{"nothing", nil, "", ""},
		{"newer EVSE", []string{`"2026-06-01T10:00:00Z"`, `"2026-06-01T08:59:59.5Z"`}, "Q02", "Location of 2026-06-01T08:59:59.5Z"},
		{"unknown tariff", []string{`["T1"]`, `["t1","T2"]`}, "Q03", `"T2"`},
		{"a thousand times the power", []string{"11040", "11040000"}, "Q04 Q05", "11040000 W at 230 V"},
		{"no power at all", []string{"11040", "0"}, "Q04", "0 W"},
		{"much AC", []string{"11040", "50000", `:16,`, `:80,`}, "Q05", "50000 W"},
		{"another country", []string{"52.03", "48.85", "5.61", "2.35"}, "Q06", "km outside NLD"},
		{"just over the border", []string{"52.03", "50.76", "5.61", "6.03"}, "", ""},
		{"latitude beyond the pole", []string{"52.03", "152"}, "Q06", "no latitude 152"},
		{"zero", []string{"52.03", "0.0", "5.61", "0"}, "Q07", "0,0"},
		{"swapped", []string{"52.03", "5.61", "5.61", "52.03"}, "Q08", "the other way round"},
		{"an EVSE of its own place", []string{`"uid"`, `"coordinates":{"latitude":"40","longitude":"5"},"uid"`}, "Q06", "latitude 40"},
		{"no change", []string{"2026-06-01", "2026-05-01"}, "Q10", "since 2026-05-01T10:00:00Z"},
		{"future", []string{"T09:00:00Z", "T12:05:01Z", "T10:00:00Z", "T12:05:01Z"}, "Q11 Q11", "2026-06-01T12:05:01Z"},
		{"clock a little ahead", []string{"T09:00:00Z", "T12:04:00Z", "T10:00:00Z", "T12:04:00Z"}, "", ""},
		{"1970", []string{"2026-06-01", "1970-01-01"}, "Q10 Q12 Q12", "since 1970"},
		{"no EVSE id", []string{`"evse_id":"NL*CP1*EX",`, ""}, "Q15", "evse_id"},
		{"EVSE id null", []string{`"NL*CP1*EX"`, "null"}, "Q15", "evse_id"},
		{"no power", []string{`11040`, "null"}, "Q16", "give 11040 W"},
		{"postal code", []string{"6711 AB", "61185 XE"}, "Q17", "61185 XE"},
		{"no postal code", []string{"6711 AB", ""}, "", ""},
		{"no connectors", []string{`"connectors"`, `"connectors":[],"x"`}, "Q18", "no connector"},
		{"no tariff", []string{`["T1"]`, `null`}, "Q19", "price"},
		{"no time zone", []string{`"time_zone"`, `"x"`}, "Q20", "time_zone is missing"},
		{"no volts", []string{`"max_voltage":230`, `"max_voltage":"230"`}, "Q20", "max_voltage"},
		{"no coordinates", []string{`"coordinates"`, `"x"`}, "Q20", "coordinates"},
		{"words for coordinates", []string{`52.03`, `north`}, "Q20", "north"},
		{"not a Location", []string{`"evses":[`, `"evses":3,"x":[`}, "Q20", "cannot be read"},
		{"dots", []string{"NL*CP1*EX", "NL.CP1.EX"}, "Q21", "dots"},
		{"no separators", []string{"NL*CP1*EX", "NLCP1EX"}, "Q22", "separators"},
		{"lower case", []string{"NL*CP1*EX", "NL*CP1*Ex"}, "Q23", "lower case"},
		{"another country's id", []string{"NL*CP1*EX", "BE*CP1*EX"}, "Q24", "of BEL"},
		{"another operator", []string{"NL*CP1*EX", "NL*CP9*EX"}, "Q25", "CP9"},
		{"no EVSEs", []string{`"evses"`, `"x"`}, "Q26", "no EVSE"},
		{"removed", []string{`"AVAILABLE"`, `"REMOVED"`}, "Q26 Q27", "no EVSE"},
		{"unknown", []string{`"AVAILABLE"`, `"UNKNOWN"`}, "Q28", "UNKNOWN"},
		{"a country that is none", []string{`"NLD"`, `"XXX"`, "52.03", "1"}, "", ""},
	} {
		j := judgeText(t, good(cp1, "x", tt.replace...))
		page, err := j.Findings(t.Context(), quality.Query{})
		check(t, err)
		var codes []string
		for _, f := range page.Findings {
			codes = append(codes, f.Code.String())
		}
		if got := strings.Join(codes, " "); got != tt.want {
			t.Errorf("%s: got %s, want %s: %+v", tt.name, got, tt.want, page.Findings)
			continue
		}
		if len(codes) > 0 && !strings.Contains(page.Findings[0].Message, tt.says) {
			t.Errorf("%s: %q does not say %q", tt.name, page.Findings[0].Message, tt.says)
		}
		score := j.ReportAt(now).Owners[0].Score
		if perfect := tt.want == "" || page.Findings[0].Code.Kind().Weight == 0; perfect != (score == 100) && tt.name != "removed" {
			t.Errorf("%s: score %d", tt.name, score)
		}
	}
}

func TestTwins(t *testing.T) {
	j := judgeText(t,
		good(cp1, "old", "NL*CP1*EOLD", "nlCP1E1*2", "2026-06-01", "2026-01-01"),
		good(cp1, "new", "NL*CP1*ENEW", "NL*CP1*E1*2", "AVAILABLE", "CHARGING"),
		good(cp2, "other", "BE*CP2*EOTHER", "NL-CP1-E1*2", "2026-06-01T09", "2026-06-01T08"),
		good(cp1, "alone", "NL*CP1*EALONE", "NL*CP1*E12"), // a separator inside tells two ids apart
	)
	r := j.ReportAt(now)
	if want := (quality.Twins{IDs: 1, Stale: 1, StatusDiffer: 1}); r.Twins != want {
		t.Errorf("got %+v, want %+v", r.Twins, want)
	}
	page, err := j.Findings(t.Context(), quality.Query{Code: quality.EVSEIDTwice})
	check(t, err)
	if len(page.Findings) != 2 || !strings.Contains(page.Findings[0].Message, "NL-CP1 new also has it, as CHARGING of 2026-06-01T09:00:00Z") ||
		!strings.Contains(page.Findings[0].Message, "3 in all, with different statuses") {
		t.Errorf("%+v", page.Findings)
	}
	page, err = j.Findings(t.Context(), quality.Query{Code: quality.EVSEIDClaimedTwice, Party: cp1, Object: "NEW"})
	check(t, err)
	if len(page.Findings) != 1 || !strings.Contains(page.Findings[0].Message, "and the newest") {
		t.Errorf("%+v", page.Findings)
	}
	if page, err = j.Findings(t.Context(), quality.Query{Party: cp2, Code: quality.EVSEIDClaimedTwice}); err != nil || len(page.Findings) != 0 {
		t.Errorf("%+v %v", page.Findings, err)
	}
}

// Twins come and go in any order.
func TestTwinsComeAndGo(t *testing.T) {
	l := newLive(t)
	l.write("tariffs", cp1, "T1", "{}", nil, false)
	twin := func(id string) {
		l.write("locations", cp1, id, good(cp1, id, "EA", "E1", "EB", "E1", "EC", "E1"), nil, false)
	}
	l.run()
	twin("a")
	twin("b")
	l.until("two", map[string]int{"Q01": 1, "Q30": 1})
	l.write("locations", cp1, "a", "", nil, false)
	l.until("one", map[string]int{})
	twin("c")
	l.until("two again", map[string]int{"Q01": 1, "Q30": 1})
	if got := l.ReportAt(now).Twins.IDs; got != 1 {
		t.Errorf("%d ids, want 1", got)
	}
}

func TestSameSecond(t *testing.T) {
	var same, different []string
	for i := range 30 {
		same = append(same, good(cp1, fmt.Sprint("a", i), "T09:00:00Z", fmt.Sprintf("T09:00:00.%03dZ", i)))
		different = append(different, good(cp2, fmt.Sprint("b", i), "T09:00:00Z", fmt.Sprintf("T09:00:%02dZ", i)))
	}
	j := judgeText(t, append(same, different...)...)
	page, err := j.Findings(t.Context(), quality.Query{Code: quality.UpdatedSameSecond})
	check(t, err)
	if len(page.Findings) != 1 || page.Findings[0].Party != cp1 || !strings.Contains(page.Findings[0].Message, "30 of 30 EVSEs, in 30 Locations, are of 2026-06-01T09:00:00Z") {
		t.Errorf("%+v", page.Findings)
	}
}

// live is a judge that follows a store.
type live struct {
	*quality.Judge
	t *testing.T
	s *store.Store
}

func newLive(t *testing.T) *live {
	s, err := store.Open(t.Context(), storetest.SQLite(t))
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	j, err := quality.New(quality.Options{Store: s, Log: slog.New(slog.DiscardHandler), Atlas: atlas(), Now: func() time.Time { return now }})
	check(t, err)
	return &live{j, t, s}
}

func (l *live) run() {
	ctx, cancel := context.WithCancel(l.t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			l.t.Error(err)
		}
	})
}

func (l *live) write(kind string, party ocpi.PartyID, id, body string, step *feed.Step, quiet bool) {
	l.t.Helper()
	o := store.Object{ObjectKey: store.ObjectKey{Kind: kind, Party: party, ID: ocpi.FoldID(id)}, Name: id, Version: "2.2.1", Body: []byte(body), Deleted: body == ""}
	o.LastUpdated = now.UnixMicro()
	if step != nil {
		o.Step = step.Encode()
	}
	check(l.t, l.s.Write(l.t.Context(), func(tx *store.Tx) error {
		if quiet {
			return tx.PutQuiet(&o)
		}
		return tx.PutObject(&o)
	}))
}

// until waits until the report counts exactly this.
func (l *live) until(what string, want map[string]int) {
	l.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		d := cmp.Diff(want, counts(l.ReportAt(now)))
		if d == "" {
			break
		}
		if time.Now().After(end) {
			l.t.Fatalf("%s: -want +got\n%s", what, d)
		}
	}
	if d := cmp.Diff(want, total(l.t, l.Judge, 1, now)); d != "" {
		l.t.Errorf("%s: the list differs: %s", what, d)
	}
}

func TestLive(t *testing.T) {
	l := newLive(t)
	l.write("locations", cp1, "L", good(cp1, "L"), nil, false)
	l.write("tokens", cp1, "secret", "{}", nil, false)
	l.run()
	l.until("the tariff is missing", map[string]int{"Q03": 1})
	l.write("tariffs", cp2, "T1", "{}", nil, false)
	l.until("somebody else has it", map[string]int{"Q29": 1})
	l.write("tariffs", cp1, "T1", "{}", nil, false)
	l.until("the tariff came", map[string]int{})
	l.write("tariffs", cp1, "T1", "", nil, false)
	l.until("the tariff went", map[string]int{"Q29": 1})
	l.write("tariffs", cp1, "T1", "{}", nil, false)

	session := `{"status":%q,"location_id":"l","evse_uid":"e1","start_date_time":%q,"cdr_token":{"uid":"secret"}}`
	l.write("sessions", cp1, "S", fmt.Sprintf(session, "ACTIVE", "2026-06-01T11:58:00Z"), nil, false)
	l.write("locations", cp1, "M", good(cp1, "M", "T1", "T7"), nil, false)
	l.until("the session has just begun", map[string]int{"Q03": 1})
	l.write("sessions", cp1, "S", fmt.Sprintf(session, "ACTIVE", "2026-06-01T11:00:00Z"), nil, false)
	l.until("the EVSE is still AVAILABLE", map[string]int{"Q03": 1, "Q09": 1})

	// The body lies: what is judged is the step, without reading it.
	step := func(status string) *feed.Step {
		return &feed.Step{Method: "PATCH", Path: []string{"NL", "CP1", "L", "E1"}, Version: "2.2.1",
			Body: []byte(fmt.Sprintf(`{"status":%q,"last_updated":"2026-06-01T11:30:00Z"}`, status))}
	}
	l.write("locations", cp1, "L", good(cp1, "L"), step("CHARGING"), false)
	for end := time.Now().Add(20 * time.Second); l.ReportAt(now).Total.Counts[quality.AvailableInSession] != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the step was not applied")
		}
	}
	l.write("locations", cp1, "L", good(cp1, "L", "AVAILABLE", "UNKNOWN"), nil, false)
	l.until("it says so", map[string]int{"Q03": 1, "Q28": 1})
	l.write("locations", cp1, "L", good(cp1, "L"), nil, false)
	l.write("sessions", cp1, "S", fmt.Sprintf(session, "COMPLETED", "2026-06-01T11:00:00Z"), nil, false)
	l.until("the session is over", map[string]int{"Q03": 1})
	l.write("locations", cp1, "M", "", nil, false)
	l.until("the other Location is gone", map[string]int{})
	l.write("locations", cp1, "L", "", nil, false)
	for len(l.ReportAt(now).Owners) > 0 {
		time.Sleep(time.Millisecond)
	}
}

// An owner that moves last_updated and nothing else is noticed after 50 pushes.
func TestUpdatedAlone(t *testing.T) {
	l := newLive(t)
	l.write("tariffs", cp1, "T1", "{}", nil, false)
	for i := range 60 {
		id := fmt.Sprint("L", i)
		l.write("locations", cp1, id, good(cp1, id, "T09:00:00Z", fmt.Sprintf("T09:00:%02dZ", i)), nil, false)
	}
	l.run()
	for done, total := l.Loaded(); total == 0 || done < total; done, total = l.Loaded() {
		time.Sleep(time.Millisecond)
	}
	l.until("the start", map[string]int{})
	for i := range 60 {
		id := fmt.Sprint("L", i)
		l.write("locations", cp1, id, good(cp1, id, "T09:00:00Z", fmt.Sprintf("T09:00:%02dZ", i), "T10:00:00Z", "T10:01:00Z"), nil, true)
	}
	l.until("after 60", map[string]int{"Q14": 1})
	page, err := l.Findings(t.Context(), quality.Query{})
	check(t, err)
	var quiet, pushes, stamped int
	_, err = fmt.Sscanf(page.Findings[0].Message, "%d of the last %d pushes changed last_updated and nothing else, %d of them", &quiet, &pushes, &stamped)
	if err != nil || quiet < 50 || quiet != pushes || quiet != stamped {
		t.Errorf("%v: %+v", err, page.Findings)
	}
}
