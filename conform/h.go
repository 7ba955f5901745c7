package conform

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/eroam/eroam/ocpi"
	"github.com/tidwall/gjson"
)

// checksH: lists, paging and the Link header.
func checksH() []Check {
	return []Check{
		must("H01", "4.1.8.5", "EMSP1 GET locations TO=hub → objects of CPO1 and CPO2 with their own party; the answer has FROM=hub", h01),
		must("H02", "4.1.4.1", "… X-Total-Count and X-Limit are there; data ≤ min(limit, X-Limit)", h02),
		must("H03", "4.1.4.1", "not the last page → Link rel=next, absolute hub URL, filters kept; last page → no Link", h03),
		must("H04", "4.1.4.1", "following Link to the end → every object once, as many as X-Total-Count", h04),
		must("H05", "4.1.4.1", "date_from = last_updated → included; date_to = last_updated → excluded", h05),
		must("H06", "4.1.4.1", "limit above the hub's maximum → X-Limit is the maximum, also when fewer objects come back", h06),
		should("H07", "4.1.4.1", "an object is added while paging → earlier pages stay the same", h07),
		must("H08", "4.1.4.1", "offset ≥ total, or no match → 1000, [], X-Total-Count correct", h08),
		must("H09", "10, 9", "EMSP1 GET cdrs or sessions TO=hub → only objects with a cdr_token of EMSP1", h09),
		should("H10", "9.2", "sessions list without date_from TO=hub → 2001", h10),
		must("H11", "4.1.4.1", "list GET TO=CPO1, answered with a Link of its own → a hub URL at the requester; X-Total-Count, X-Limit unchanged", h11),
		must("H12", "4.1.4.1", "GET that Link with the same headers → CPO1 gets exactly its own next URL, also with opaque cursors", h12),
		must("H13", "4.1.4.1", "another party uses that Link → error, nothing forwarded", h13),
	}
}

// pages is a list that was read to its end.
type pages struct {
	items     []gjson.Result
	responses []*Response
}

func (p pages) ids() []string {
	var out []string
	for _, r := range p.responses {
		out = append(out, idsOf(r)...)
	}
	return out
}

// follow reads a list and every page that Link leads to, with the same headers.
func (t *T) follow(p *Platform, c Call) pages {
	var out pages
	for range 200 {
		r := t.ok(t.as(p, c))
		out.items = append(out.items, r.Data.Array()...)
		out.responses = append(out.responses, r)
		next, ok := ocpi.ParseNextLink(r.Header.Values("Link"))
		if !ok {
			return out
		}
		c.URL, c.Query = next, ""
	}
	t.failf("the list has no end after 200 pages")
	return out
}

// publish pushes n tariffs to the hub, one a second of the window. Owners take
// turns.
func (t *T) publish(w window, n int, owners ...*Party) (ids []string) {
	for i := range n {
		owner, id := owners[i%len(owners)], t.id()
		body := with(tariff(owner, id), "last_updated", quote(w.at(i)))
		t.ok(t.send(owner, put(ocpi.Tariffs, owner, id, body, t.Hub)))
		ids = append(ids, id)
	}
	return ids
}

func (t *T) getAll(viewer *Party, query string) *Response {
	return t.ok(t.send(viewer, list(ocpi.Tariffs, query, t.Hub)))
}

// header is a header of an answer as a number.
func (t *T) header(r *Response, name string) int {
	v := r.Header.Get(name)
	n, err := strconv.Atoi(v)
	t.require(err == nil, "%s is %q", name, v)
	return n
}

func h01(t *T) {
	w := newWindow()
	want := map[string]*Party{}
	for i, owner := range []*Party{t.CPO1, t.CPO2} {
		id := t.id()
		want[id] = owner
		body := with(location(owner, id), "last_updated", quote(w.at(i)))
		t.ok(t.send(owner, put(ocpi.Locations, owner, id, body, t.Hub)))
	}
	r := t.ok(t.send(t.EMSP1, list(ocpi.Locations, w.query(), t.Hub)))
	t.require(len(r.Data.Array()) == len(want), "%d objects, want %d: %s", len(r.Data.Array()), len(want), r)
	for _, item := range r.Data.Array() {
		owner := want[item.Get("id").String()]
		t.require(owner != nil, "unexpected object %s", short(item.Raw))
		t.equal("owner", item.Get("country_code").String()+"-"+item.Get("party_id").String(), owner.String())
	}
	t.equal("FROM of the answer", r.From(), t.Hub.String())
	t.equal("TO of the answer", r.To(), t.EMSP1.String())
	if t.Stranger != nil {
		r = t.ok(t.send(t.Stranger, list(ocpi.Locations, w.query(), t.Hub)))
		t.require(len(r.Data.Array()) == 0, "a party without agreement sees %s", r)
	}
}

func h02(t *T) {
	w := newWindow()
	t.publish(w, 3, t.CPO1, t.CPO2)
	r := t.getAll(t.EMSP1, w.query()+"&limit=2")
	t.require(t.header(r, ocpi.HeaderTotalCount) == 3, "X-Total-Count is %s, want 3", r.Header.Get(ocpi.HeaderTotalCount))
	limit := t.header(r, ocpi.HeaderLimit)
	t.require(limit >= 1, "X-Limit is %d", limit)
	t.require(len(r.Data.Array()) <= min(2, limit), "%d objects, limit 2, X-Limit %d", len(r.Data.Array()), limit)
}

func h03(t *T) {
	w := newWindow()
	t.publish(w, 3, t.CPO1)
	r := t.getAll(t.EMSP1, w.query()+"&limit=2")
	next, ok := ocpi.ParseNextLink(r.Header.Values("Link"))
	t.require(ok, "no Link on a page that is not the last: %v", r.Header)
	t.hubURL(next)
	u, err := url.Parse(next)
	t.require(err == nil, "%v", err)
	for name, want := range map[string]string{"date_from": w.at(0), "date_to": w.at(60)} {
		if got := u.Query().Get(name); got != "" && got != want {
			t.failf("%s in Link is %q, want %q", name, got, want)
		}
	}
	// A hub may keep the filters in the URL or behind a cursor: the next page
	// tells whether they were kept.
	last := t.ok(t.send(t.EMSP1, Call{Method: http.MethodGet, URL: next, To: t.Hub}))
	t.require(len(last.Data.Array()) == 1, "%d objects on the last page, want 1", len(last.Data.Array()))
	_, more := ocpi.ParseNextLink(last.Header.Values("Link"))
	t.require(!more, "Link on the last page: %s", last.Header.Get("Link"))
}

// hubURL fails unless u is an absolute URL with the host of the hub.
func (t *T) hubURL(u string) {
	got, err := url.Parse(u)
	t.require(err == nil && absolute(u), "%q is not an absolute URL", u)
	hub, err := url.Parse(t.CPO1.Platform.HubVersionsURL)
	t.require(err == nil, "%v", err)
	t.equal("host of "+u, got.Host, hub.Host)
}

func h04(t *T) {
	w := newWindow()
	ids := t.publish(w, 7, t.CPO1, t.CPO2)
	all := t.follow(t.EMSP1.Platform, Call{
		Method: http.MethodGet, Module: ocpi.Tariffs, Interface: ocpi.Sender, Query: w.query() + "&limit=2", From: t.EMSP1, To: t.Hub,
	})
	got := all.ids()
	t.require(len(got) == len(ids), "%d objects, published %d", len(got), len(ids))
	for _, id := range ids {
		n := 0
		for _, g := range got {
			if g == id {
				n++
			}
		}
		t.require(n == 1, "%s came %d times", id, n)
	}
	for _, r := range all.responses {
		t.require(t.header(r, ocpi.HeaderTotalCount) == len(ids), "X-Total-Count is %s, want %d", r.Header.Get(ocpi.HeaderTotalCount), len(ids))
	}
}

func h05(t *T) {
	w := newWindow()
	ids := t.publish(w, 2, t.CPO1)
	r := t.getAll(t.EMSP1, fmt.Sprintf("date_from=%s&date_to=%s", w.at(0), w.at(1)))
	t.require(slices.Equal(idsOf(r), ids[:1]), "got %v, want %v", idsOf(r), ids[:1])
	r = t.getAll(t.EMSP1, fmt.Sprintf("date_from=%s&date_to=%s", w.at(1), w.at(2)))
	t.require(slices.Equal(idsOf(r), ids[1:]), "got %v, want %v", idsOf(r), ids[1:])
}

func h06(t *T) {
	const huge = 1_000_000
	w := newWindow()
	t.publish(w, 2, t.CPO1)
	some := t.getAll(t.EMSP1, fmt.Sprintf("%s&limit=%d", w.query(), huge))
	none := t.getAll(t.EMSP1, fmt.Sprintf("%s&limit=%d", newWindow().query(), huge))
	limit := t.header(some, ocpi.HeaderLimit)
	t.require(limit >= 2 && limit < huge, "X-Limit is %d", limit)
	t.require(t.header(none, ocpi.HeaderLimit) == limit, "X-Limit is %d with objects and %s without", limit, none.Header.Get(ocpi.HeaderLimit))
}

func h07(t *T) {
	w := newWindow()
	t.publish(w, 4, t.CPO1)
	query := w.query() + "&limit=2"
	before := t.getAll(t.EMSP1, query)
	t.require(len(idsOf(before)) == 2, "%d objects on the first page, want 2", len(idsOf(before)))
	id := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, id, with(tariff(t.CPO1, id), "last_updated", quote(w.at(0))), t.Hub)))
	after := t.getAll(t.EMSP1, query)
	t.require(slices.Equal(idsOf(before), idsOf(after)), "the first page was %v and is %v", idsOf(before), idsOf(after))
}

func h08(t *T) {
	w := newWindow()
	t.publish(w, 2, t.CPO1)
	for query, total := range map[string]int{w.query() + "&offset=2": 2, w.query() + "&offset=9": 2, newWindow().query(): 0} {
		r := t.getAll(t.EMSP1, query)
		t.equal("data", r.Data.Raw, "[]")
		t.require(t.header(r, ocpi.HeaderTotalCount) == total, "X-Total-Count is %s, want %d", r.Header.Get(ocpi.HeaderTotalCount), total)
	}
}

func h09(t *T) {
	w := newWindow()
	mine := map[string]bool{}
	for i, driver := range []*Party{t.EMSP1, t.EMSP2, t.EMSP1, t.EMSP3} {
		sid, cid := t.id(), t.id()
		mine[sid], mine[cid] = driver == t.EMSP1, driver == t.EMSP1
		s := with(session(t.CPO1, driver, sid), "last_updated", quote(w.at(i)))
		c := with(cdr(t.CPO1, driver, cid), "last_updated", quote(w.at(i)))
		t.ok(t.send(t.CPO1, put(ocpi.Sessions, t.CPO1, sid, s, t.Hub)))
		t.ok(t.send(t.CPO1, Call{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: c, To: t.Hub}))
	}
	for _, m := range []ocpi.Module{ocpi.Sessions, ocpi.CDRs} {
		r := t.ok(t.send(t.EMSP1, list(m, w.query(), t.Hub)))
		t.require(len(idsOf(r)) == 2, "%s: %d objects, want the 2 of EMSP1: %s", m, len(idsOf(r)), r)
		t.require(t.header(r, ocpi.HeaderTotalCount) == 2, "%s: X-Total-Count is %s, want 2", m, r.Header.Get(ocpi.HeaderTotalCount))
		for _, id := range idsOf(r) {
			t.require(mine[id], "%s: %s is not of EMSP1", m, id)
		}
	}
}

func h10(t *T) {
	t.status(t.send(t.EMSP1, list(ocpi.Sessions, "", t.Hub)), ocpi.StatusInvalidParameters)
}

// paged makes CPO1 answer a list with a Link of its own, and returns that URL's
// path and query, and the answer that EMSP1 got.
func (t *T) paged() (target string, r *Response) {
	id := t.id()
	own := t.CPO1.Platform.EndpointURL(ocpi.V221, ocpi.Locations, ocpi.Sender) + "?cursor=eyJh%2Bb%2F%3D&page=" + id + "&date_from=2024-01-01T00:00:00Z"
	t.on(t.CPO1, All(At(ocpi.Locations, ocpi.Sender), About(id)), func(_ *Request, reply *Reply) {
		reply.Data = "[" + location(t.CPO1, "one") + "]"
		reply.Header.Set(ocpi.HeaderTotalCount, "41")
		reply.Header.Set(ocpi.HeaderLimit, "17")
		reply.Header.Set("Link", "<"+own+`>; rel="next"`)
	})
	r = t.ok(t.send(t.EMSP1, list(ocpi.Locations, "first="+id, t.CPO1)))
	u, err := url.Parse(own)
	t.require(err == nil, "%v", err)
	return u.RequestURI(), r
}

func (t *T) nextOf(r *Response) string {
	next, ok := ocpi.ParseNextLink(r.Header.Values("Link"))
	t.require(ok, "no Link: %v", r.Header)
	return next
}

func h11(t *T) {
	_, r := t.paged()
	t.hubURL(t.nextOf(r))
	t.equal("X-Total-Count", r.Header.Get(ocpi.HeaderTotalCount), "41")
	t.equal("X-Limit", r.Header.Get(ocpi.HeaderLimit), "17")
}

func h12(t *T) {
	want, r := t.paged()
	next := t.ok(t.send(t.EMSP1, Call{Method: http.MethodGet, URL: t.nextOf(r), To: t.CPO1}))
	t.require(len(next.Data.Array()) == 1, "the second page is %s", next)
	for _, got := range t.CPO1.Platform.Seen(All(At(ocpi.Locations, ocpi.Sender), func(r *Request) bool { return r.Target == want })) {
		t.notef("  hub → CPO1: %s", got)
		t.require(got.Admitted, "without CPO1's token")
		return
	}
	t.failf("CPO1 did not get a request for %s", want)
}

func h13(t *T) {
	want, r := t.paged()
	for _, other := range []*Party{t.EMSP2, t.NSP1} {
		t.refused(t.send(other, Call{Method: http.MethodGet, URL: t.nextOf(r), To: t.CPO1}))
	}
	t.nothing(func(r *Request) bool { return r.Target == want }, t.CPO1.Platform)
}
