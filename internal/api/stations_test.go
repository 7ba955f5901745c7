package api_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/api/client"
	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/internal/station"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// newStationRig is a rig whose index and judge know the given Locations: bodies
// by party and id, "NL-CP1 LOC1".
func newStationRig(t *testing.T, locations map[string]string) *rig {
	t.Helper()
	var index *station.Index
	var judge *quality.Judge
	r := newRig(t, func(o *api.Options) {
		check(t, o.Store.Write(t.Context(), func(tx *store.Tx) error {
			for name, body := range locations {
				party, id, _ := strings.Cut(name, " ")
				p, err := ocpi.ParsePartyString(party)
				check(t, err)
				o := store.Object{ObjectKey: store.ObjectKey{Kind: "locations", Party: p, ID: ocpi.FoldID(id)}, Name: id, Version: "2.2.1", Body: []byte(body)}
				if err := tx.PutObject(&o); err != nil {
					return err
				}
			}
			return nil
		}))
		var err error
		index = station.New(station.Options{Store: o.Store})
		judge, err = quality.New(quality.Options{Store: o.Store})
		check(t, err)
		o.Stations, o.Quality = index, judge
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for _, run := range []func(context.Context) error{index.Run, judge.Run} {
		go func() { done <- run(ctx) }()
	}
	t.Cleanup(func() { cancel(); <-done; <-done })
	for _, path := range []string{"/api/v1/stations", "/api/v1/quality/findings"} {
		for end := time.Now().Add(20 * time.Second); r.call("GET", path, nil).want(200).get("complete") != "true"; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s never gets complete", path)
			}
		}
	}
	return r
}

func placed(lat, lon float64, more string) string {
	return fmt.Sprintf(`{"country_code":"NL","party_id":"CP1","id":"x","publish":true,"address":"Mill 1","city":"Ede","country":"NLD","time_zone":"Europe/Amsterdam",
		"coordinates":{"latitude":"%f","longitude":"%f"},"last_updated":"2020-01-01T00:00:00Z","evses":[{"uid":"1","evse_id":"NL*CP1*E1","status":"AVAILABLE",
		"last_updated":"2020-01-01T00:00:00Z","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,
		"max_amperage":16,"tariff_ids":["T1"],"last_updated":"2020-01-01T00:00:00Z"%s}]}]}`, lat, lon, more)
}

func TestStations(t *testing.T) {
	r := newStationRig(t, map[string]string{
		"NL-CP1 north": placed(53, 6, `,"max_electric_power":11000`),
		"NL-CP1 south": placed(51, 5, ``),
		"BE-CP2 west":  placed(52, 4, `,"max_electric_power":22000`),
	})
	cpo := func(country, party, role string) string {
		return r.call("POST", "/api/v1/platforms", fmt.Sprintf(`{"name":"P","parties":[{"country_code":%q,"party_id":%q,"role":%q,"name":"P"}]}`, country, party, role)).want(201).get("id")
	}
	cpo("NL", "CP1", "CPO")
	cpo("BE", "CP2", "CPO")
	cpo("DE", "EM1", "EMSP")
	r.call("PUT", "/api/v1/agreements/a", `{"cpo":{"country_code":"BE","party_id":"CP2"},"emsp":{"country_code":"DE","party_id":"EM1"}}`).want(201)
	for query, want := range map[string]string{
		"near=51,5":                            "south west north",
		"near=53.1,6&limit=1":                  "north",
		"bbox=3.5,51.5,6.5,53.5&near=53,6":     "north west",
		"near=52,4&min_kw=11.01":               "west south",
		"near=52,4&min_kw=11.01&viewer=DE-EM1": "west",
		"near=52,4&viewer=NL*CP1":              "south north",
		"near=52,4&viewer=BECP2":               "west",
		"near=52,4&party=NL-CP1":               "south north",
		"near=52,4&country=nl&connector=CHADEMO,IEC_62196_T2&available=true": "west south north",
		"country=BEL": "", "twentyfourseven=true": "", "connector=CHADEMO": "",
	} {
		var ids []string
		for _, s := range gjson.Get(r.call("GET", "/api/v1/stations?"+query, nil).want(200).body, "items").Array() {
			ids = append(ids, s.Get("id").String())
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	got := r.call("GET", "/api/v1/stations?near=51,5&limit=1", nil).want(200)
	for path, want := range map[string]string{
		"items.0.party_id": "CP1", "items.0.distance": "0", "items.0.max_kw": "11.04", "items.0.evses_by_status.AVAILABLE": "1",
		"items.0.connectors.0.power_type": "AC_3_PHASE", "items.0.latitude": "51", "items.0.connectors.0.count": "1",
	} {
		if got.get(path) != want {
			t.Errorf("%s: got %q, want %q", path, got.get(path), want)
		}
	}
	next := r.call("GET", "/api/v1/stations?near=51,5&limit=1&cursor="+got.get("next"), nil).want(200)
	if next.get("items.0.id") != "west" {
		t.Errorf("second page: %s", next.body)
	}
	clusters := r.call("GET", "/api/v1/stations?zoom=3", nil).want(200)
	if clusters.get("clusters.0.stations") != "3" || clusters.get("items.#") != "0" || clusters.get("clusters.0.max_kw") != "22" {
		t.Errorf("clusters: %s", clusters.body)
	}
	c, err := client.New(r.server.URL, adminToken)
	check(t, err)
	page, err := c.Stations(t.Context(), url.Values{"zoom": {"22"}})
	check(t, err)
	if len(page.Clusters) != 3 || page.Clusters[0].ID != "north" {
		t.Errorf("through the client: %+v", page)
	}
}

func TestStationsRefuse(t *testing.T) {
	r := newStationRig(t, nil)
	for query, where := range map[string]string{
		"bbox=1,2,3": "query.bbox", "near=91,0": "query.near", "near=NaN,0": "query.near", "country=XX": "query.country", "party=NL": "query.party",
		"viewer=DE": "query.viewer", "viewer=DE-EM9": "query.viewer", "connector=A,,B": "query.connector", "zoom=23": "query.zoom", "zoom=-1": "query.zoom",
		"cursor=AAAA": "query.cursor", "limit=1001": "query.limit", "limit=0": "query.limit", "min_kw=-1": "query.min_kw", "min_kw=x": "query.min_kw", "min_kw=NaN": "query.min_kw",
		"available=maybe": "query.available", "box=1": "query.box",
	} {
		if got := r.call("GET", "/api/v1/stations?"+query, nil).want(422); got.get("errors.0.location") != where {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	for query, where := range map[string]string{"party=x": "query.party", "code=Q99": "query.code", "code=q01": "query.code", "cursor=AAAA": "query.cursor", "limit=1001": "query.limit"} {
		if got := r.call("GET", "/api/v1/quality/findings?"+query, nil).want(422); got.get("errors.0.location") != where {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	r = newRig(t)
	for _, path := range []string{"stations", "quality", "quality/findings"} {
		r.call("GET", "/api/v1/"+path, nil).want(503)
	}
}

func TestQuality(t *testing.T) {
	r := newStationRig(t, map[string]string{
		"NL-CP1 LOC1": placed(52, 5, `,"max_electric_power":7590000`),
		"NL-CP1 LOC2": placed(5, 52, ``),
	})
	report := r.call("GET", "/api/v1/quality", nil).want(200)
	for path, want := range map[string]string{
		"complete": "true", "items.#": "1", "items.0.party_id": "CP1", "items.0.locations": "2", "items.0.evses": "2", "twins.evse_ids": "1",
		"items.0.counts.Q01": "1", "items.0.counts.Q03": "2", "items.0.counts.Q04": "1", "items.0.counts.Q08": "1", "items.0.counts.Q10": "2",
		"items.0.counts.Q16": "1", "items.0.counts.Q20": "", "total.counts.Q30": "1", "codes.0.code": "Q01", "codes.#": "30",
	} {
		if got := report.get(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	c, err := client.New(r.server.URL, adminToken)
	check(t, err)
	same, err := c.Quality(t.Context())
	check(t, err)
	total := 0
	for _, n := range same.Total.Counts {
		total += n
	}
	found := 0
	q := url.Values{"limit": {"3"}}
	for {
		page, err := c.Findings(t.Context(), q)
		check(t, err)
		found += len(page.Items)
		if page.Next == "" {
			break
		}
		q.Set("cursor", page.Next)
	}
	if found != total || total == 0 {
		t.Errorf("%d findings, want as many as the report counts: %d", found, total)
	}
	one := r.call("GET", "/api/v1/quality/findings?party=NL-CP1&object=LOC1&code=Q04", nil).want(200)
	if one.get("items.#") != "1" || one.get("items.0.pointer") != "/evses/0/connectors/0/max_electric_power" || one.get("items.0.since") != "2020-01-01T00:00:00Z" || one.get("items.0.severity") != "error" {
		t.Errorf("Q04: %s", one.body)
	}
}
