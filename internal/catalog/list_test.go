package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/catalog"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

const self = "https://hub.example/ocpi/2.2.1/sender/locations"

func list(h *Hub, viewer *Partner, m ocpi.Module, query string) (catalog.ListResult, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return catalog.ListResult{}, err
	}
	r := catalog.ListRequest{Version: viewer.Version, Module: m, Query: q, SelfURL: self}
	if m == ocpi.HubClientInfo {
		r.Platform = h.Registry.Snapshot().Platform(viewer.Platform)
	} else {
		r.Viewer = h.Party(viewer, "")
	}
	return h.Catalog.List(context.Background(), r)
}

func mustList(t *testing.T, h *Hub, viewer *Partner, m ocpi.Module, query string) catalog.ListResult {
	t.Helper()
	r, err := list(h, viewer, m, query)
	if err != nil {
		t.Fatalf("GET %s?%s: %v", m, query, err)
	}
	return r
}

// ids returns "NL-CP1/LOC1" for each element.
func ids(t *testing.T, data []byte) []string {
	t.Helper()
	var list []struct {
		CountryCode string `json:"country_code"`
		PartyID     string `json:"party_id"`
		ID          string `json:"id"`
		UID         string `json:"uid"`
		Role        string `json:"role"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	out := []string{}
	for _, o := range list {
		out = append(out, o.CountryCode+"-"+o.PartyID+"/"+o.ID+o.UID+o.Role)
	}
	return out
}

func wantIDs(t *testing.T, who string, r catalog.ListResult, want ...string) {
	t.Helper()
	if got := ids(t, r.Data()); !slices.Equal(got, append([]string{}, want...)) || r.Total < len(want) {
		t.Errorf("%s sees %q of %d, want %q", who, got, r.Total, want)
	}
}

// H01, T9: a list holds the objects of every owner that the viewer has an
// agreement with, as they were written, and its total counts no others.
func TestListShowsWhatIsVisible(t *testing.T) {
	h := New(t, false)
	cpo1, cpo2 := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	both, half, none := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM3", ocpi.RoleEMSP))
	h.Agree("NL-CP1", "DE-EM1")
	h.Agree("NL-CP2", "DE-EM1")
	h.Agree("NL-CP1", "DE-EM2", "locations")
	h.Agree("NL-CP2", "DE-EM2", "tariffs")
	h.MustPublish(cpo1, "PUT", ocpi.Locations, "NL/CP1/LOC1", Location("LOC1", t1))
	h.MustPublish(cpo2, "PUT", ocpi.Locations, "NL/CP2/LOC1", LocationOf("NL", "CP2", "LOC1", t1))
	h.MustPublish(cpo1, "PUT", ocpi.Tariffs, "NL/CP1/T1", Tariff("T1", t1))
	h.MustPublish(both, "PUT", ocpi.Tokens, "DE/EM1/U1", Token("U1", "RFID", t1))
	for _, tt := range []struct {
		who  string
		p    *Partner
		m    ocpi.Module
		want []string
	}{
		{"an eMSP of both", both, ocpi.Locations, []string{"NL-CP1/LOC1", "NL-CP2/LOC1"}},
		{"an eMSP of one", half, ocpi.Locations, []string{"NL-CP1/LOC1"}},
		{"a stranger", none, ocpi.Locations, nil},
		{"the owner", cpo1, ocpi.Locations, []string{"NL-CP1/LOC1"}},
		{"an eMSP without the scope", half, ocpi.Tariffs, nil},
		{"an eMSP of both", both, ocpi.Tariffs, []string{"NL-CP1/T1"}},
		{"a CPO", cpo2, ocpi.Tokens, []string{"DE-EM1/U1"}},
		{"the owner", both, ocpi.Tokens, []string{"DE-EM1/U1"}},
		{"another eMSP", half, ocpi.Tokens, nil},
	} {
		r := mustList(t, h, tt.p, tt.m, "")
		wantIDs(t, tt.who+" of "+string(tt.m), r, tt.want...)
		if r.Total != len(tt.want) || r.Next != "" {
			t.Errorf("%s of %s: total %d, next %q", tt.who, tt.m, r.Total, r.Next)
		}
	}
	if got, want := string(mustList(t, h, half, ocpi.Locations, "").Data()), "["+Location("LOC1", t1)+"]"; got != want {
		t.Errorf("got %s, want the bytes of the owner", got)
	}
	h.MustPublish(cpo1, "DELETE", ocpi.Tariffs, "NL/CP1/T1", "") // F20
	if r := mustList(t, h, both, ocpi.Tariffs, ""); r.Total != 0 || string(r.Data()) != "[]" {
		t.Errorf("after the deletion: %d %s", r.Total, r.Data())
	}
	if err := h.Registry.Remove(t.Context(), cpo2.Platform); err != nil {
		t.Fatal(err)
	}
	wantIDs(t, "after an owner left, an eMSP", mustList(t, h, both, ocpi.Locations, ""), "NL-CP1/LOC1")
}

// H02, H03, H04, H06, H07, H08: pages.
func TestPaging(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	var all []string
	put := func(i int) {
		id := fmt.Sprintf("L%03d", i)
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, Location(id, fmt.Sprintf("2026-01-01T10:%02d:%02dZ", i/60, i%60)))
		all = append(all, "NL-CP1/"+id)
	}
	const n = 25
	for i := range n {
		put(i)
	}
	filter := "date_from=2026-01-01T00:00:00Z&date_to=2027-01-01T00:00:00Z&limit=10"
	first := mustList(t, h, emsp, ocpi.Locations, filter)
	wantIDs(t, "the first page", first, all[:10]...)
	if first.Total != n || first.Limit != 1000 {
		t.Errorf("total %d, limit %d", first.Total, first.Limit)
	}
	u, err := url.Parse(first.Next)
	if err != nil || !strings.HasPrefix(first.Next, self+"?") {
		t.Fatalf("next %q, err %v", first.Next, err)
	}
	for k, want := range map[string]string{"date_from": "2026-01-01T00:00:00Z", "date_to": "2027-01-01T00:00:00Z", "limit": "10", "offset": "10"} {
		if got := u.Query().Get(k); got != want {
			t.Errorf("next has %s=%s, want %s", k, got, want)
		}
	}
	// Objects that are changed or added while paging move nothing.
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/L002", `{"name":"x","last_updated":"2026-02-01T00:00:00Z"}`)
	put(n)
	var seen []string
	r := first
	for {
		seen = append(seen, ids(t, r.Data())...)
		if r.Next == "" {
			break
		}
		_, query, _ := strings.Cut(r.Next, "?")
		r = mustList(t, h, emsp, ocpi.Locations, query)
		again := mustList(t, h, emsp, ocpi.Locations, query)
		if string(again.Data()) != string(r.Data()) || again.Total != n+1 {
			t.Errorf("the same link gave another page")
		}
	}
	if !slices.Equal(seen, all) {
		t.Errorf("saw %q, want %q", seen, all)
	}
	// Offsets of the client's own making.
	wantIDs(t, "offset 20", mustList(t, h, emsp, ocpi.Locations, "offset=20"), all[20:]...)
	wantIDs(t, "offset 5 limit 2", mustList(t, h, emsp, ocpi.Locations, "offset=5&limit=2"), all[5:7]...)
	wantIDs(t, "a limit above the maximum", mustList(t, h, emsp, ocpi.Locations, "limit=1000000"), all...)
	for _, q := range []string{"offset=26", "offset=1000000000", "date_from=2030-01-01T00:00:00Z"} {
		r := mustList(t, h, emsp, ocpi.Locations, q)
		want := n + 1
		if strings.HasPrefix(q, "date") {
			want = 0
		}
		if string(r.Data()) != "[]" || r.Total != want || r.Next != "" {
			t.Errorf("%s: %s of %d, next %q", q, r.Data(), r.Total, r.Next)
		}
	}
	for _, q := range []string{"offset=-1", "limit=0", "limit=x", "date_from=yesterday", "offset=1&offset=2"} {
		_, err := list(h, emsp, ocpi.Locations, q)
		wantError(t, err, 200, 2001, q[:strings.IndexByte(q, '=')])
	}
}

// Pages are read in chunks, and end early where objects are very large.
func TestLargePages(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	var all []string
	for i := range 600 {
		id := fmt.Sprintf("L%03d", i)
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, Location(id, t1))
		all = append(all, "NL-CP1/"+id)
	}
	wantIDs(t, "a page of three chunks", mustList(t, h, emsp, ocpi.Locations, "offset=5&limit=580"), all[5:585]...)
	wantIDs(t, "all", mustList(t, h, emsp, ocpi.Locations, ""), all...)
	if r := mustList(t, h, emsp, ocpi.Locations, "limit=256"); r.Next == "" || len(ids(t, r.Data())) != 256 {
		t.Errorf("a page of one chunk has %d objects, next %q", len(ids(t, r.Data())), r.Next)
	}
	padding := `"x":"` + strings.Repeat("x", 3<<20) + `",`
	for i := range 4 {
		id := fmt.Sprintf("B%d", i)
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, strings.Replace(Location(id, t2), "{", "{"+padding, 1))
	}
	r := mustList(t, h, emsp, ocpi.Locations, "date_from="+t2)
	wantIDs(t, "a page of large objects", r, "NL-CP1/B0", "NL-CP1/B1", "NL-CP1/B2")
	_, query, _ := strings.Cut(r.Next, "?")
	r = mustList(t, h, emsp, ocpi.Locations, query)
	wantIDs(t, "the next", r, "NL-CP1/B3")
	if r.Total != 4 || r.Next != "" {
		t.Errorf("total %d, next %q", r.Total, r.Next)
	}
}

// H05: date_from is inclusive, date_to exclusive.
func TestDateBounds(t *testing.T) {
	h := New(t, true)
	cpo, emsp := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP))
	for id, at := range map[string]string{"A": t1, "B": t2, "C": t3} {
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, Location(id, at))
	}
	wantIDs(t, "from t2", mustList(t, h, emsp, ocpi.Locations, "date_from="+t2+"&date_to="+t3), "NL-CP1/B")
	if r := mustList(t, h, emsp, ocpi.Locations, "date_from="+t2); r.Total != 2 {
		t.Errorf("from t2: %d", r.Total)
	}
	if r := mustList(t, h, emsp, ocpi.Locations, "date_to="+t2); r.Total != 1 {
		t.Errorf("to t2: %d", r.Total)
	}
	// A change of an EVSE makes the location newer.
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/A/E1", `{"status":"CHARGING","last_updated":"`+t4+`"}`)
	wantIDs(t, "from t4", mustList(t, h, emsp, ocpi.Locations, "date_from="+t4), "NL-CP1/A")
}

// T18: a next link belongs to its viewer and its list, can be used again, and
// cannot be changed.
func TestCursor(t *testing.T) {
	h := New(t, true)
	cpo, emsp, thief := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	for _, id := range []string{"A", "B", "C"} {
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/"+id, Location(id, t1))
	}
	_, query, ok := strings.Cut(mustList(t, h, emsp, ocpi.Locations, "limit=1").Next, "?")
	if !ok {
		t.Fatal("no next link")
	}
	wantIDs(t, "the next page", mustList(t, h, emsp, ocpi.Locations, query), "NL-CP1/B")
	_, err := list(h, thief, ocpi.Locations, query)
	wantError(t, err, 404, 2000, "")
	_, err = list(h, emsp, ocpi.Tariffs, query)
	wantError(t, err, 404, 2000, "")
	_, err = list(h, emsp, ocpi.Locations, query+"&date_from="+t1)
	wantError(t, err, 404, 2000, "")
	q, _ := url.ParseQuery(query)
	c := q.Get("cursor")
	for i := range c {
		flipped := []byte(c)
		if flipped[i] = 'A'; c[i] == 'A' {
			flipped[i] = 'B'
		}
		_, err := list(h, emsp, ocpi.Locations, "cursor="+string(flipped))
		wantError(t, err, 200, 2001, "cursor")
	}
	for _, bad := range []string{"", "x", c + "A", c[:len(c)-2]} {
		_, err := list(h, emsp, ocpi.Locations, "cursor="+bad)
		wantError(t, err, 200, 2001, "cursor")
	}
	// The link survives a restart of the hub.
	h.Reopen()
	wantIDs(t, "after a restart", mustList(t, h, emsp, ocpi.Locations, query), "NL-CP1/B")
}

// putCDR stores a CDR as the ledger does.
func putCDR(t *testing.T, h *Hub, id string, to ocpi.PartyID) {
	t.Helper()
	err := h.Store.Write(t.Context(), func(tx *store.Tx) error {
		return tx.PutObject(&store.Object{
			ObjectKey: store.ObjectKey{Kind: "cdrs", Party: cp1, ID: ocpi.FoldID(id)}, Name: id, Version: "2.2.1",
			LastUpdated: 1, Audience: to.String(), Body: []byte(cdrBody(id, t1)),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// H09, H10: sessions and CDRs are for one party and their owner.
func TestPrivateLists(t *testing.T) {
	h := New(t, true)
	cpo, other := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO)), h.Join(ocpi.V221, one("NL-CP2", ocpi.RoleCPO))
	emsp1, emsp2 := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	em2 := ocpi.PartyID{CountryCode: "DE", ID: "EM2"}
	for id, to := range map[string]ocpi.PartyID{"S1": em1, "S2": em2} {
		if err := keep(h, cpo, "PUT", ocpi.Sessions, "NL/CP1/"+id, Session(id, to.CountryCode, to.ID, t1), to); err != nil {
			t.Fatal(err)
		}
	}
	putCDR(t, h, "C1", em1)
	since := "date_from=2026-01-01T00:00:00Z"
	wantIDs(t, "EM1", mustList(t, h, emsp1, ocpi.Sessions, since), "NL-CP1/S1")
	wantIDs(t, "EM2", mustList(t, h, emsp2, ocpi.Sessions, since), "NL-CP1/S2")
	wantIDs(t, "EM1 of CDRs", mustList(t, h, emsp1, ocpi.CDRs, ""), "NL-CP1/C1")
	for who, p := range map[string]*Partner{"EM2": emsp2, "another CPO": other} {
		if r := mustList(t, h, p, ocpi.CDRs, ""); r.Total != 0 || string(r.Data()) != "[]" {
			t.Errorf("%s sees %d CDRs: %s", who, r.Total, r.Data())
		}
	}
	for who, p := range map[string]*Partner{"EM1": emsp1, "EM2": emsp2} {
		if r := mustList(t, h, p, ocpi.Sessions, since); r.Total != 1 {
			t.Errorf("%s counts %d sessions", who, r.Total)
		}
	}
	if r := mustList(t, h, cpo, ocpi.Sessions, since); r.Total != 2 {
		t.Errorf("the owner counts %d sessions", r.Total)
	}
	_, err := list(h, emsp1, ocpi.Sessions, "")
	wantError(t, err, 200, 2001, "date_from")
}

// L01, L05, T22: client infos of related parties only, of a party with two
// roles twice, with paging; the status of one that left stays.
func TestListClientInfo(t *testing.T) {
	h := New(t, false)
	emsp, stranger := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP)), h.Join(ocpi.V221, one("DE-EM2", ocpi.RoleEMSP))
	cpo := h.Join(ocpi.V221, []party.Grant{Grant("NL-CP1", ocpi.RoleCPO), Grant("NL-CP1", ocpi.RoleEMSP)})
	h.Agree("NL-CP1", "DE-EM1")
	r := mustList(t, h, emsp, ocpi.HubClientInfo, "")
	got := ids(t, r.Data())
	slices.Sort(got)
	if !slices.Equal(got, []string{"NL-CP1/CPO", "NL-CP1/EMSP"}) || r.Total != 2 {
		t.Errorf("the eMSP sees %q of %d", got, r.Total)
	}
	one := mustList(t, h, emsp, ocpi.HubClientInfo, "limit=1")
	_, query, _ := strings.Cut(one.Next, "?")
	two := mustList(t, h, emsp, ocpi.HubClientInfo, query)
	if one.Total != 2 || two.Total != 2 || two.Next != "" || string(one.Data()) == string(two.Data()) || len(ids(t, two.Data())) != 1 {
		t.Errorf("pages %s %s", one.Data(), two.Data())
	}
	if r := mustList(t, h, stranger, ocpi.HubClientInfo, ""); r.Total != 0 {
		t.Errorf("a stranger sees %s", r.Data())
	}
	wantIDs(t, "the CPO", mustList(t, h, cpo, ocpi.HubClientInfo, ""), "DE-EM1/EMSP")
	if err := h.Registry.Remove(t.Context(), cpo.Platform); err != nil {
		t.Fatal(err)
	}
	r = mustList(t, h, emsp, ocpi.HubClientInfo, "")
	if strings.Count(string(r.Data()), `"SUSPENDED"`) != 2 {
		t.Errorf("after it left: %s", r.Data())
	}
}
