package catalog

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// Bounds of one page besides the number of objects.
const (
	listChunk    = 256     // objects read at once
	maxPageBytes = 8 << 20 // a page ends with the object that reaches this
)

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
	Data  []byte // a JSON list
	Total int    // X-Total-Count: all objects that match and that the viewer may see
	Limit int    // X-Limit: the most objects that a page can have
	Next  string // URL of the next page; empty on the last one
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
	var objects []store.Object
	var total int
	var more bool
	if r.Module == ocpi.HubClientInfo {
		objects, total, more, err = c.clientInfos(ctx, r, q, limit, now)
	} else {
		c.restrict(&q, r, now)
		objects, total, more, err = c.readPage(ctx, q, limit)
	}
	if err != nil {
		return ListResult{}, unavailable(err)
	}
	out := ListResult{Total: total, Limit: c.o.MaxLimit}
	out.Data = c.join(objects, r)
	if more {
		out.Next = c.nextURL(r, page.Offset+len(objects), objects[len(objects)-1].Born, now)
	}
	return out, nil
}

// restrict limits a query to what the viewer may see.
func (c *Catalog) restrict(q *store.ListQuery, r ListRequest, now time.Time) {
	s := c.o.Registry.Snapshot()
	side := r.Module.Implementer(ocpi.Sender)
	q.Owners = []ocpi.PartyID{}
	if r.Viewer == nil || side == ocpi.AnySide {
		return
	}
	if r.Viewer.Role.Side() == side {
		q.Owners = append(q.Owners, r.Viewer.ID)
		return
	}
	seen := make(map[ocpi.PartyID]bool)
	for _, pl := range s.Platforms() {
		for _, p := range pl.Parties {
			if p.Role.Side() == side && !seen[p.ID] && delivery.Visible(s, r.Module, p.ID, r.Viewer, now) {
				q.Owners = append(q.Owners, p.ID)
			}
			seen[p.ID] = seen[p.ID] || p.Role.Side() == side
		}
	}
	if private(r.Module) {
		q.Audience = r.Viewer.ID.String()
	}
}

// readPage reads at most limit objects, in chunks, so that large objects end
// the page before memory does.
func (c *Catalog) readPage(ctx context.Context, q store.ListQuery, limit int) (objects []store.Object, total int, more bool, err error) {
	size := 0
	for {
		q.Limit = min(listChunk, limit-len(objects)) + 1 // one more than needed shows whether there is more
		chunk, n, err := c.o.Store.List(ctx, q)
		if err != nil {
			return nil, 0, false, err
		}
		if objects == nil {
			total = n
		}
		more = len(chunk) == q.Limit
		if more {
			chunk = chunk[:len(chunk)-1]
		}
		for i := range chunk {
			objects = append(objects, chunk[i])
			if size += len(chunk[i].Body); size >= maxPageBytes {
				return objects, total, more || i+1 < len(chunk), nil
			}
		}
		if !more || len(objects) == limit {
			return objects, total, more, nil
		}
		q.AfterBorn, q.Offset = objects[len(objects)-1].Born, 0
	}
}

// clientInfos reads the status of the parties that a platform may know. Parties
// that have left are among them, so who they are is not in the registry; there
// are few enough to look at each.
func (c *Catalog) clientInfos(ctx context.Context, r ListRequest, q store.ListQuery, limit int, now time.Time) ([]store.Object, int, bool, error) {
	pl := r.Platform
	if pl == nil {
		pl = r.Viewer.Platform
	}
	after, offset := q.AfterBorn, q.Offset
	q.AfterBorn, q.Offset = 0, 0
	all, _, err := c.o.Store.List(ctx, q)
	if err != nil {
		return nil, 0, false, err
	}
	s := c.o.Registry.Snapshot()
	all = slices.DeleteFunc(all, func(o store.Object) bool {
		role := ocpi.Role(strings.ToUpper(o.ID))
		return !slices.ContainsFunc(pl.Parties, func(p *party.Party) bool { return delivery.Knows(s, o.Party, role, p, now) })
	})
	total := len(all)
	all = slices.DeleteFunc(all, func(o store.Object) bool { return o.Born <= after })
	all = all[min(offset, len(all)):]
	more := len(all) > limit
	return all[:min(limit, len(all))], total, more, nil
}

// join writes objects as a list in the viewer's version.
func (c *Catalog) join(objects []store.Object, r ListRequest) []byte {
	size := 2
	for i := range objects {
		size += len(objects[i].Body) + 1
	}
	out := append(make([]byte, 0, size), '[')
	m := convert.Message{Module: r.Module, Interface: ocpi.Sender, Method: http.MethodGet, Response: true}
	for i := range objects {
		body, _, err := convert.Body(m, ocpi.Version(objects[i].Version), r.Version, objects[i].Body)
		if err != nil {
			c.metrics.unfit.WithLabelValues(string(r.Module)).Inc()
			c.log.Info("an object is left out of a list: no form in the viewer's version",
				"module", string(r.Module), "party", objects[i].Party.String(), "seq", objects[i].Seq, "err", err)
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, body...)
	}
	return append(out, ']')
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
