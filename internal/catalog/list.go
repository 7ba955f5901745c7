package catalog

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// maxPageBytes bounds a page besides the number of objects: it ends with the
// object that reaches this. 1,000 real locations have 2.4 MB, the largest 68 kB.
const maxPageBytes = 8 << 20

// ListRequest is a GET of a list.
type ListRequest struct {
	Viewer   *party.Party    // who asks; nil for HubClientInfo, which has no routing headers
	Platform *party.Platform // who asks for HubClientInfo
	Version  ocpi.Version
	Module   ocpi.Module
	Query    url.Values
	SelfURL  string // absolute, without a query: what links to next pages begin with
}

// ListResult is one page.
type ListResult struct {
	Objects [][]byte // the elements of the list, in the viewer's version
	Total   int      // X-Total-Count: all objects that match and that the viewer may see
	Limit   int      // X-Limit: the most objects that a page can have
	Next    string   // URL of the next page; empty on the last one
	// Tag is the entity tag of the page, quotes included. It is another whenever
	// anything of the above is.
	Tag string

	page *store.Page // what Objects are in
}

// Release ends the use of Objects. It may be left out, for garbage to be
// collected, and must not be called twice.
func (r ListResult) Release() { r.page.Release() }

// Data returns the objects as a JSON list.
func (r ListResult) Data() []byte {
	size := 2
	for _, o := range r.Objects {
		size += len(o) + 1
	}
	out := append(make([]byte, 0, size), '[')
	for i, o := range r.Objects {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, o...)
	}
	return append(out, ']')
}

// List answers GET all (OCPI 2.2.1 §4.1.8.5, paging §4.1.4.1): the objects of
// every owner that the viewer may see, oldest first in order of acceptance, with
// date_from, date_to, offset and limit applied. The owner of each stands in the
// object itself. Sessions need date_from.
//
// The link to the next page is good for 24 hours and any number of requests, of
// this viewer only. Objects that have no form in the viewer's version are left
// out of the page, but not out of the total.
func (c *Catalog) List(ctx context.Context, r ListRequest) (ListResult, error) {
	page, err := ocpi.ParsePage(r.Query)
	if err != nil {
		return ListResult{}, err
	}
	if r.Module == ocpi.Sessions && page.DateFrom.IsZero() {
		return ListResult{}, ocpi.Invalid("date_from", "is required")
	}
	now := c.now()
	after, err := c.openCursor(r, now)
	if err != nil {
		return ListResult{}, err
	}
	limit := c.o.MaxLimit
	if page.Limit > 0 {
		limit = min(limit, page.Limit)
	}
	q := store.ListQuery{Kind: string(r.Module), From: micros(page.DateFrom), To: micros(page.DateTo), AfterBorn: after}
	if after == 0 {
		q.Offset = page.Offset
	}
	q.Limit = limit
	var read *store.Page
	if r.Module == ocpi.HubClientInfo {
		read, err = c.clientInfos(ctx, r, q, now)
	} else {
		c.restrict(&q, r, now)
		read, err = c.o.Store.Page(ctx, q, maxPageBytes)
	}
	if err != nil {
		return ListResult{}, unavailable(err)
	}
	objects := read.Objects
	out := ListResult{Total: read.Total, Limit: c.o.MaxLimit, Objects: c.convert(objects, r), page: read}
	if read.More {
		out.Next = c.nextURL(r, page.Offset+len(objects), objects[len(objects)-1].Born, now)
	}
	out.Tag = c.tagOf(r, objects, &out)
	return out, nil
}

// restrict limits a query to what the viewer may see.
func (c *Catalog) restrict(q *store.ListQuery, r ListRequest, now time.Time) {
	q.Owners = []ocpi.PartyID{}
	if r.Viewer == nil {
		return
	}
	q.Owners = c.ownersFor(c.o.Registry.Snapshot(), r.Module, r.Viewer, now)
	if private(r.Module) && r.Viewer.Role.Side() != r.Module.Implementer(ocpi.Sender) {
		q.Audience = r.Viewer.ID.String()
	}
}

// clientInfos picks the status of the parties that a platform may know. Parties
// that have left are among them, so who they are is not in the registry; there
// are few enough to look at each.
func (c *Catalog) clientInfos(ctx context.Context, r ListRequest, q store.ListQuery, now time.Time) (*store.Page, error) {
	pl := r.Platform
	if pl == nil {
		pl = r.Viewer.Platform
	}
	s := c.o.Registry.Snapshot()
	infos, err := c.infos(ctx)
	if err != nil {
		return nil, err
	}
	var out store.Page
	skip := q.Offset
	for i := range infos {
		o := &infos[i]
		if q.From != 0 && o.LastUpdated < q.From || q.To != 0 && o.LastUpdated >= q.To || !knows(s, pl, o, now) {
			continue
		}
		out.Total++
		switch {
		case o.Born <= q.AfterBorn:
		case skip > 0:
			skip--
		case len(out.Objects) == q.Limit:
			out.More = true
		default:
			out.Objects = append(out.Objects, store.Listed{Born: o.Born, Seq: o.Seq, Version: o.Version, Body: o.Body})
		}
	}
	return &out, nil
}

// knows reports whether a party of the platform may see a ClientInfo.
func knows(s *party.Snapshot, pl *party.Platform, o *store.Object, now time.Time) bool {
	role := ocpi.Role(strings.ToUpper(o.ID))
	for _, p := range pl.Parties {
		if delivery.Knows(s, o.Party, role, p, now) {
			return true
		}
	}
	return false
}

// convert returns the bodies of objects in the viewer's version; those that
// have none are left out.
func (c *Catalog) convert(objects []store.Listed, r ListRequest) [][]byte {
	out := make([][]byte, 0, len(objects))
	m := convert.Message{Module: r.Module, Interface: ocpi.Sender, Method: http.MethodGet, Response: true}
	for i := range objects {
		body, _, err := convert.Body(m, ocpi.Version(objects[i].Version), r.Version, objects[i].Body)
		if err != nil {
			c.metrics.unfit.WithLabelValues(string(r.Module)).Inc()
			c.log.Info("an object is left out of a list: no form in the viewer's version",
				"module", string(r.Module), "party", text(field(objects[i].Body, "country_code"))+"-"+text(field(objects[i].Body, "party_id")), "seq", objects[i].Seq, "err", err)
			continue
		}
		out = append(out, body)
	}
	return out
}

func (c *Catalog) nextURL(r ListRequest, offset int, born int64, now time.Time) string {
	q := url.Values{}
	for _, name := range [...]string{"date_from", "date_to", "limit"} {
		if v := r.Query.Get(name); v != "" {
			q.Set(name, v)
		}
	}
	q.Set("offset", strconv.Itoa(offset))
	q.Set(cursorParam, c.sealCursor(r, born, now))
	return r.SelfURL + "?" + q.Encode()
}

// micros is t for a store.ListQuery, where 0 means no bound.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	if us := t.UnixMicro(); us != 0 {
		return us
	}
	return -1
}
