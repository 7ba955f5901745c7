package crawl

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func listOf(owner string) store.ListQuery {
	id, _ := ocpi.ParsePartyString(owner)
	return store.ListQuery{Kind: "locations", Owners: []ocpi.PartyID{id}}
}

// push is a push of NL-CP1.
func (r *rig) push(location, id string) delivery.Push {
	r.t.Helper()
	for _, q := range r.Registry.Snapshot().Parties(ocpi.PartyID{CountryCode: "NL", ID: "CP1"}) {
		if q.Role == ocpi.RoleCPO {
			return delivery.Push{From: q, Version: ocpi.V221, Module: ocpi.Locations, Method: http.MethodPut,
				Path: []string{"NL", "CP1", id}, Body: []byte(location), CorrelationID: "c"}
		}
	}
	r.t.Fatal("the party is gone")
	return delivery.Push{}
}

// trap is a host that no platform has named.
func trap(t *testing.T, asked chan<- string) string {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { asked <- q.URL.String() }))
	t.Cleanup(s.Close)
	return s.URL
}

func statusOf(location string) string { return gjson.Get(location, "evses.0.status").Str }

func TestMissingLocations(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	all := locations(20)
	r.partner.limit = 7
	r.partner.set(ocpi.Locations, all...)
	r.fetch(ocpi.Locations, true)

	// LOC3 is gone; LOC5 is on no page, and there all the same.
	hidden := "LOC5"
	r.partner.set(ocpi.Locations, append(all[:3:3], all[4:]...)...)
	r.partner.answers(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Path != "/locations" {
			return false
		}
		var page []string
		for i, o := range all {
			if i != 3 && idOf(o) != hidden {
				page = append(page, o)
			}
		}
		ocpi.WriteEnvelope(w, 200, 1000, "", []byte("["+strings.Join(page, ",")+"]"))
		return true
	})
	r.partner.requests()
	delta := r.fetch(ocpi.Locations, false)
	if got := r.bodies(ocpi.Locations); delta.Missing != 0 || statusOf(got["LOC3"]) != "AVAILABLE" {
		t.Errorf("a delta says nothing about what is gone: %+v", delta)
	}
	r.partner.requests()
	run := r.fetch(ocpi.Locations, true)
	if run.Error != "" || run.Missing != 2 || run.Removed != 1 {
		t.Errorf("%+v", run)
	}
	if got := r.partner.requests(); len(got) != 3 || got[1] != "/locations/LOC3" || got[2] != "/locations/LOC5" {
		t.Errorf("asked: %q", got)
	}
	got := r.bodies(ocpi.Locations)
	if len(got) != 20 || statusOf(got["LOC3"]) != "REMOVED" || statusOf(got["LOC5"]) != "AVAILABLE" || statusOf(got["LOC4"]) != "AVAILABLE" {
		t.Errorf("LOC3 %s; LOC5 %s", got["LOC3"], got["LOC5"])
	}
	// Once is enough, and what comes back as it was is there again.
	r.partner.requests()
	if run := r.fetch(ocpi.Locations, true); run.Missing != 2 || run.Removed != 0 {
		t.Errorf("again: %+v", run)
	}
	if got := r.partner.requests(); len(got) != 2 {
		t.Errorf("asked again: %q", got)
	}
	r.partner.answers(nil)
	r.partner.set(ocpi.Locations, all...)
	r.fetch(ocpi.Locations, true)
	if got := r.bodies(ocpi.Locations)["LOC3"]; statusOf(got) != "AVAILABLE" {
		t.Errorf("it came back as %s", got)
	}
}

func TestPartnerThatCannotBeAskedForOne(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	all := locations(5)
	r.partner.set(ocpi.Locations, all...)
	r.fetch(ocpi.Locations, true)
	r.partner.set(ocpi.Locations, all[1:]...)
	r.partner.answers(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Path == "/locations" {
			return false
		}
		ocpi.WriteEnvelope(w, 405, 2000, "only lists", nil)
		return true
	})
	run := r.fetch(ocpi.Locations, true)
	if run.Error != "" || run.Missing != 1 || run.Removed != 0 || len(run.Problems) != 1 || !strings.Contains(run.Problems[0].Message, "405") {
		t.Errorf("%+v", run)
	}
	if got := r.bodies(ocpi.Locations)["LOC0"]; statusOf(got) != "AVAILABLE" {
		t.Errorf("LOC0 is %s", got)
	}
}

func TestMissingTariffs(t *testing.T) {
	r := newRig(t, ocpi.Tariffs)
	var all []string
	for i := range 6 {
		all = append(all, tariffOf(fmt.Sprint("T", i), "2026-01-01T00:00:00Z"))
	}
	r.partner.set(ocpi.Tariffs, all...)
	r.fetch(ocpi.Tariffs, true)

	// T1 is gone. T4 has moved to a page that was fetched already, as objects
	// do when one before them is deleted; the second walk finds it.
	r.partner.set(ocpi.Tariffs, all[0], all[2], all[3], all[4], all[5])
	walks := 0
	r.partner.answers(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Query().Get("offset") == "0" {
			walks++
		}
		if walks > 1 {
			return false
		}
		ocpi.WriteEnvelope(w, 200, 1000, "", []byte("["+strings.Join([]string{all[0], all[2], all[3], all[5]}, ",")+"]"))
		return true
	})
	run := r.fetch(ocpi.Tariffs, true)
	if run.Error != "" || run.Removed != 1 || walks != 2 {
		t.Errorf("after %d walks: %+v", walks, run)
	}
	if got := r.bodies(ocpi.Tariffs); len(got) != 5 || got["T1"] != "" || got["T4"] == "" {
		t.Errorf("in the hub: %v", got)
	}
}

func TestAListThatIsSuddenlyEmpty(t *testing.T) {
	for _, m := range []ocpi.Module{ocpi.Locations, ocpi.Tariffs} {
		r := newRig(t, m)
		all := locations(12)
		if m == ocpi.Tariffs {
			for i := range all {
				all[i] = tariffOf(fmt.Sprint("T", i), "2026-01-01T00:00:00Z")
			}
		}
		r.partner.set(m, all...)
		r.fetch(m, true)
		r.partner.set(m)
		run := r.fetch(m, true)
		if run.Missing != 12 || run.Removed != 0 || len(run.Problems) != 1 || !strings.Contains(run.Problems[0].Message, "nothing was removed") {
			t.Errorf("%s: %+v", m, run)
		}
		for name, body := range r.bodies(m) {
			if m == ocpi.Locations && statusOf(body) != "AVAILABLE" {
				t.Errorf("%s is %s", name, body)
			}
		}
		if n := len(r.bodies(m)); n != 12 {
			t.Errorf("%s: %d are left", m, n)
		}
	}
}

func TestObjectsThatMoveBetweenPages(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	all := locations(8)
	r.partner.set(ocpi.Locations, all...)
	r.fetch(ocpi.Locations, true)
	// When the second page is asked for, the first object has gone and a new
	// one has come to the front twice: what follows moves by one, some object is
	// seen twice, and one is on no page.
	moved := false
	r.partner.answers(func(_ http.ResponseWriter, q *http.Request) bool {
		if q.URL.Query().Get("offset") == "2" && !moved {
			moved = true
			r.partner.set(ocpi.Locations, append(all[1:8:8], locationOf("NL-CP1", "NEW", "2026-01-02T00:00:00Z"))...)
		}
		return false
	})
	run := r.fetch(ocpi.Locations, true)
	if run.Error != "" || run.Missing != 1 || run.Removed != 0 { // LOC2 was missed
		t.Errorf("%+v", run)
	}
	got := r.bodies(ocpi.Locations)
	if len(got) != 9 || statusOf(got["LOC2"]) != "AVAILABLE" || got["NEW"] == "" {
		t.Errorf("in the hub: %d, LOC2 %s", len(got), got["LOC2"])
	}
}

func TestOnlyOneProcessWrites(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	r.partner.set(ocpi.Locations, locations(2)...)
	r.fetch(ocpi.Locations, true)
	row, err := r.Store.Crawl(context.Background(), r.job(ocpi.Locations).Job)
	check(t, err)
	old := &walk{c: r.crawler(), job: job{name: row.Job}, entry: &entry{row: row}}
	r.fetch(ocpi.Locations, true) // another process has the job now
	if err := old.save(context.Background()); err == nil {
		t.Error("a process that has lost the job wrote how far it is")
	}
}
