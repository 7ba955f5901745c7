package station

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/store"
)

func TestIndexFollowsTheFeed(t *testing.T) {
	r := newRig(t)
	r.write(object(cp1, "LOC1", one(52, 5, "AVAILABLE", "CHARGING", "REMOVED", "NONSENSE")))
	r.write(object(cp2, "loc1", one(51, 4, "AVAILABLE")))
	r.write(object(cp1, "odd", `{"coordinates":{"latitude":"north"}}`))
	if p, err := r.Search(Query{}); err != nil || p.Complete || len(p.Stations) != 0 {
		t.Errorf("before the index runs: %+v %v", p, err)
	}
	r.run()
	r.until("loaded", func() bool { p, err := r.Search(Query{}); check(t, err); return p.Complete })
	if done, total := r.Loaded(); done != 3 || total != 3 {
		t.Errorf("loaded %d of %d, want 3", done, total)
	}
	if n := r.Unread(); n != 1 {
		t.Errorf("%d locations without a place, want 1", n)
	}
	got, err := r.Search(Query{Party: cp1})
	check(t, err)
	want := []Station{{
		Party: cp1, ID: "LOC1", Name: "At the mill", Address: "Mill 1", City: "Ede", Country: "NLD", Point: Point{52, 5}, Published: true,
		EVSEs: 3, ByStatus: map[string]int{"AVAILABLE": 1, "CHARGING": 1, "UNKNOWN": 1},
		Connectors: []Connector{{"IEC_62196_T2", "SOCKET", "AC_3_PHASE", 11040, 3}}, MaxWatts: 11040,
	}}
	got.Stations[0].LastUpdated = want[0].LastUpdated
	if d := cmp.Diff(want, got.Stations); d != "" {
		t.Error(d)
	}

	// It is repaired, another moves, a third goes.
	seq := r.write(object(cp1, "odd", one(50, 3, "AVAILABLE")))
	r.at(cp1, "odd", seq)
	if n := r.Unread(); n != 0 {
		t.Errorf("%d locations without a place, want none", n)
	}
	seq = r.write(object(cp1, "LOC1", one(42, 5, "BLOCKED")))
	r.at(cp1, "LOC1", seq)
	for box, n := range map[string]int{"4,51.5,6,52.5": 0, "4,41,6,43": 1} {
		b, err := ParseBox(box)
		check(t, err)
		if p, err := r.Search(Query{Box: b}); err != nil || len(p.Stations) != n {
			t.Errorf("%s: %d stations, want %d (%v)", box, len(p.Stations), n, err)
		}
	}
	o := object(cp1, "odd", "")
	o.Deleted = true
	r.write(o)
	r.until("it is gone", func() bool { n, _ := r.Size(); return n == 2 })
	if _, n := r.Size(); n != 2 {
		t.Errorf("%d EVSEs, want 2", n)
	}
	if len(r.parties.slots) != 2 || len(r.profiles.slots) != 1 || r.profiles.refs[0] != 2 || len(r.texts.slots) != 2 {
		t.Errorf("pools hold %v %d %v", r.parties.slots, len(r.profiles.slots), r.texts.slots)
	}
}

// The bodies here lie on purpose: what shows is what was taken from the step.
func TestStatusComesFromTheStep(t *testing.T) {
	r := newRig(t)
	seq := r.write(object(cp1, "LOC1", one(52, 5, "AVAILABLE", "AVAILABLE")))
	r.run()
	r.at(cp1, "LOC1", seq)
	status := func() string {
		p, err := r.Search(Query{})
		check(t, err)
		var b strings.Builder
		for _, s := range []string{"AVAILABLE", "BLOCKED", "CHARGING", "RESERVED"} {
			b.WriteString(strings.Repeat(s[:1], p.Stations[0].ByStatus[s]))
		}
		return b.String()
	}
	lie := one(52, 5, "RESERVED", "RESERVED")
	for _, tt := range []struct{ name, uid, body, want string }{
		{"status", "e1", `{"status":"CHARGING","last_updated":"2026-01-01T00:00:00Z"}`, "AC"},
		{"status alone", "E0", `{"status":"BLOCKED"}`, "BC"},
		{"more than the status", "E0", `{"status":"BLOCKED","floor_level":"1"}`, "RR"},
		{"an EVSE that is new", "E7", `{"status":"BLOCKED"}`, "RR"},
		{"a status of a later version", "E0", `{"status":"MELTED"}`, "RR"},
	} {
		o := object(cp1, "LOC1", lie)
		o.Step = patchStatus(cp1, "LOC1", tt.uid, tt.body)
		r.at(cp1, "LOC1", r.write(o))
		if got := status(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}

	// A step on a state that is not the one held is of no use.
	r.mu.Lock()
	r.places[keyOf(cp1, "loc1")].seq--
	r.mu.Unlock()
	o := object(cp1, "LOC1", one(52, 5, "CHARGING", "CHARGING"))
	o.Step = patchStatus(cp1, "LOC1", "E0", `{"status":"BLOCKED"}`)
	r.at(cp1, "LOC1", r.write(o))
	if got := status(); got != "CC" {
		t.Errorf("after a gap: got %s, want CC", got)
	}

	// A push that changes last_updated only needs no body either.
	o = object(cp1, "LOC1", lie)
	o.ID, o.Kind, o.Name, o.LastUpdated = "loc1", "locations", "LOC1", 1767225600000000
	check(t, r.store.Write(t.Context(), func(tx *store.Tx) error { return tx.PutQuiet(&o) }))
	r.at(cp1, "LOC1", o.Seq)
	p, err := r.Search(Query{})
	check(t, err)
	if got := status(); got != "CC" || p.Stations[0].LastUpdated.Year() != 2026 {
		t.Errorf("after a quiet push: got %s at %s", got, p.Stations[0].LastUpdated)
	}
}

func TestUIDTwiceInOneLocation(t *testing.T) {
	r := newRig(t)
	body := strings.ReplaceAll(one(52, 5, "AVAILABLE", "AVAILABLE"), `"E1"`, `"e0"`)
	seq := r.write(object(cp1, "L", body))
	r.run()
	r.at(cp1, "L", seq)
	o := object(cp1, "L", strings.ReplaceAll(body, "AVAILABLE", "CHARGING"))
	o.Step = patchStatus(cp1, "L", "E0", `{"status":"BLOCKED"}`)
	r.at(cp1, "L", r.write(o))
	p, err := r.Search(Query{})
	check(t, err)
	if n := p.Stations[0].ByStatus["CHARGING"]; n != 2 {
		t.Errorf("%v, want what the body says", p.Stations[0].ByStatus)
	}
}

func TestPower(t *testing.T) {
	for _, tt := range []struct {
		name  string
		power Power
		watts float64
		bad   bool
	}{
		{"stated", Power{"DC", 500, 300, 150000}, 150000, false},
		{"three phases to neutral", Power{"AC_3_PHASE", 230, 16, 0}, 11040, false},
		{"three phases between lines", Power{"AC_3_PHASE", 400, 16, 0}, 11085, false},
		{"two phases", Power{"AC_2_PHASE", 230, 16, 0}, 7360, false},
		{"split phase", Power{"AC_2_PHASE_SPLIT", 240, 40, 0}, 9600, false},
		{"split phase to neutral", Power{"AC_2_PHASE_SPLIT", 120, 40, 0}, 9600, false},
		{"one phase", Power{"AC_1_PHASE", 230, 32, 0}, 7360, false},
		{"a thousand times too much", Power{"AC_3_PHASE", 230, 33, 7590000}, 22770, true},
		{"kilowatts", Power{"AC_3_PHASE", 230, 32, 22}, 22080, true},
		{"negative", Power{"DC", 0, 0, -1}, 0, true},
		{"megawatts", Power{"DC", 1250, 3000, 3750000}, 3750000, false},
		{"more than there is", Power{"DC", 0, 0, 5000000}, 0, true},
		{"no figures", Power{"DC", 0, 0, 0}, 0, false},
		{"volts beyond belief", Power{"DC", 1e6, 1e6, 0}, 0, false},
	} {
		if got := tt.power.Watts(); int(got) != int(tt.watts) || tt.power.Impossible() != tt.bad {
			t.Errorf("%s: got %.0f W, impossible %v", tt.name, got, tt.power.Impossible())
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(one(52, 5, "AVAILABLE", "X")))
	f.Add([]byte(`{"evses":[{"connectors":[{"max_voltage":"230"}]}]}`))
	f.Add([]byte(`{"coordinates":{"latitude":"NaN","longitude":"1e400"}}`))
	f.Add([]byte(`{"coordinates":{"latitude":"1","longitude":"1"},"name":"` + strings.Repeat("é", 400) + `","evses":[{"connectors":[{"standard":"a\u0000b","max_electric_power":1e300}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := read(body)
		if err != nil {
			return
		}
		x := New(Options{})
		o := store.Object{ObjectKey: store.ObjectKey{Party: cp1, ID: "x"}, Name: "x", Seq: 1, Born: 1}
		x.put(&o, got)
		p, err := x.Search(Query{Hidden: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Stations {
			if s.ID != "x" || s.Name != got.name || s.Address != got.address {
				t.Errorf("texts got mixed up: %+v", s)
			}
		}
		for _, e := range got.evses {
			if again := profileOf(connectorsOf(e.connectors)); again != e.connectors {
				t.Errorf("connectors %q became %q", e.connectors, again)
			}
		}
	})
}
