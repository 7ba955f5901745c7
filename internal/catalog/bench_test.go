package catalog_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"github.com/eroam/eroam/internal/catalog"
	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// real is a location of the Dutch open data, with the field that the copy lacks.
type real struct {
	owner *party.Party
	path  []string
	body  []byte
	evses []string
}

// realLocations returns n real locations, or skips: they are not part of the
// repository.
func realLocations(b *testing.B, n int) []real {
	b.Helper()
	dir := os.Getenv("EROAM_TEST_DATA")
	if dir == "" {
		b.Skip("SKIPPED: no real locations: EROAM_TEST_DATA is not set")
	}
	f, err := os.Open(filepath.Join(dir, "ocpi-nl", "locations.jsonl.gz"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		b.Fatal(err)
	}
	var out []real
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	owners := map[ocpi.PartyID]*party.Party{}
	for lines.Scan() && len(out) < n {
		body, err := sjson.SetBytes(bytes.Clone(lines.Bytes()), "time_zone", "Europe/Amsterdam")
		if err != nil {
			b.Fatal(err)
		}
		g := gjson.ParseBytes(body)
		id, err := ocpi.ParsePartyID(g.Get("country_code").Str, g.Get("party_id").Str)
		if err != nil {
			continue
		}
		if owners[id] == nil {
			owners[id] = &party.Party{ID: id, Role: ocpi.RoleCPO, Confirmed: true}
		}
		r := real{owner: owners[id], path: []string{id.CountryCode, id.ID, g.Get("id").Str}, body: body}
		for _, e := range g.Get("evses.#.uid").Array() {
			r.evses = append(r.evses, e.Str)
		}
		if len(r.evses) > 0 {
			out = append(out, r)
		}
	}
	return out
}

func (r *real) push(method string, path []string, body []byte) delivery.Push {
	return delivery.Push{From: r.owner, Version: ocpi.V221, Module: ocpi.Locations, Method: method, Path: path, Body: body, CorrelationID: "c"}
}

// loaded is a hub with real locations; those that break the schema are left out.
func loaded(b *testing.B, n int) (*Hub, []real) {
	b.Helper()
	all := realLocations(b, n)
	h := New(b, true)
	var kept []real
	var mu sync.Mutex
	each(64, len(all), func(i int) {
		if _, err := h.Catalog.Publish(context.Background(), all[i].push("PUT", all[i].path, all[i].body)); err == nil {
			mu.Lock()
			kept = append(kept, all[i])
			mu.Unlock()
		}
	})
	b.Logf("%d of %d locations", len(kept), len(all))
	return h, kept
}

// each calls fn for 0 … n-1 from as many goroutines as said.
func each(workers, n int, fn func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	wg.Wait()
}

// BenchmarkPatchEVSE is the hot path: EVSE statuses from 64 callers on a store
// of 12,000 real locations, durably.
func BenchmarkPatchEVSE(b *testing.B) {
	h, all := loaded(b, 12000)
	statuses := [...]string{"AVAILABLE", "CHARGING", "OUTOFORDER"}
	b.ReportAllocs()
	b.ResetTimer()
	start := time.Now()
	each(64, b.N, func(i int) {
		r := &all[rand.N(len(all))]
		body := fmt.Appendf(nil, `{"status":%q,"last_updated":%q}`, statuses[i%3], ocpi.FormatTime(time.Now()))
		path := append(r.path[:3:3], r.evses[rand.N(len(r.evses))])
		if _, err := h.Catalog.Publish(context.Background(), r.push(http.MethodPatch, path, body)); err != nil {
			b.Error(err)
		}
	})
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "patches/s")
}

// BenchmarkPutLocation is what many owners do instead: the whole location for
// one status.
func BenchmarkPutLocation(b *testing.B) {
	h, all := loaded(b, 12000)
	b.ReportAllocs()
	b.ResetTimer()
	each(64, b.N, func(i int) {
		r := &all[i%len(all)]
		now := ocpi.FormatTime(time.Now())
		body, _ := sjson.SetBytes(bytes.Clone(r.body), "evses.0.status", [...]string{"BLOCKED", "RESERVED"}[i/len(all)%2])
		body, _ = sjson.SetBytes(body, "evses.0.last_updated", now)
		body, _ = sjson.SetBytes(body, "last_updated", now)
		if _, err := h.Catalog.Publish(context.Background(), r.push(http.MethodPut, r.path, body)); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkPage reads pages of 1,000 real locations.
func BenchmarkPage(b *testing.B) {
	h, all := loaded(b, 12000)
	var grants []party.Grant
	seen := map[ocpi.PartyID]bool{}
	for _, r := range all {
		if !seen[r.owner.ID] {
			seen[r.owner.ID] = true
			grants = append(grants, party.Grant{CountryCode: r.owner.ID.CountryCode, PartyID: r.owner.ID.ID, Role: ocpi.RoleCPO, Name: "x"})
		}
	}
	h.Join(ocpi.V221, grants)
	viewer := h.Party(h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), "")
	list := func(query string) catalog.ListResult {
		q, _ := url.ParseQuery(query)
		r, err := h.Catalog.List(context.Background(), catalog.ListRequest{Viewer: viewer, Version: ocpi.V221, Module: ocpi.Locations, Query: q, SelfURL: self})
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	next, err := url.Parse(list("limit=1000&offset=5000").Next)
	if err != nil {
		b.Fatal(err)
	}
	for name, query := range map[string]string{"first": "limit=1000", "link": next.RawQuery, "offset": "offset=10000"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				r := list(query)
				n = len(r.Objects)
			}
			b.ReportMetric(float64(n), "objects")
		})
	}
}
