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

// Bounds of one page besides the number of objects.
const (
	firstChunk   = 32       // objects read at once to begin with: they may have 4 MiB each
	listChunk    = 256      // … once they have turned out to be of common size
	commonSize   = 64 << 10 // bytes, on average
	maxPageBytes = 8 << 20  // a page ends with the object that reaches this; 1,000 real locations have 2.4 MB, the largest 68 kB
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
	Objects [][]byte // the elements of the list, in the viewer's version
	Total   int      // X-Total-Count: all objects that match and that the viewer may see
	Limit   int      // X-Limit: the most objects that a page can have
	Next    string   // URL of the next page; empty on the last one
	// Tag is the entity tag of the page, quotes included. It is another whenever
	// anything of the above is.
	Tag string
}

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
	out := ListResult{Total: total, Limit: c.o.MaxLimit, Objects: c.convert(objects, r)}
	if more {
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

// readPage reads at most limit objects, in chunks, so that large objects end
// the page before memory does.
func (c *Catalog) readPage(ctx context.Context, q store.ListQuery, limit int) (objects []store.Object, total int, more bool, err error) {
	size, at := 0, firstChunk
	for {
		q.Limit = min(at, limit-len(objects)) + 1 // one more than needed shows whether there is more
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
		if at = firstChunk; size/len(objects) <= commonSize {
			at = listChunk
		}
	}
}

// clientInfos picks the status of the parties that a platform may know. Parties
// that have left are among them, so who they are is not in the registry; there
// are few enough to look at each.
func (c *Catalog) clientInfos(ctx context.Context, r ListRequest, q store.ListQuery, limit int, now time.Time) (objects []store.Object, total int, more bool, err error) {
	pl := r.Platform
	if pl == nil {
		pl = r.Viewer.Platform
	}
	s := c.o.Registry.Snapshot()
	infos, err := c.infos(ctx)
	if err != nil {
		return nil, 0, false, err
	}
	skip := q.Offset
	for i := range infos {
		o := &infos[i]
		if q.From != 0 && o.LastUpdated < q.From || q.To != 0 && o.LastUpdated >= q.To || !knows(s, pl, o, now) {
			continue
		}
		total++
		switch {
		case o.Born <= q.AfterBorn:
		case skip > 0:
			skip--
		case len(objects) == limit:
			more = true
		default:
			objects = append(objects, *o)
		}
	}
	return objects, total, more, nil
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
func (c *Catalog) convert(objects []store.Object, r ListRequest) [][]byte {
	out := make([][]byte, 0, len(objects))
	m := convert.Message{Module: r.Module, Interface: ocpi.Sender, Method: http.MethodGet, Response: true}
	for i := range objects {
		body, _, err := convert.Body(m, ocpi.Version(objects[i].Version), r.Version, objects[i].Body)
		if err != nil {
			c.metrics.unfit.WithLabelValues(string(r.Module)).Inc()
			c.log.Info("an object is left out of a list: no form in the viewer's version",
				"module", string(r.Module), "party", objects[i].Party.String(), "seq", objects[i].Seq, "err", err)
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
