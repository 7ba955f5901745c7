package sim

import (
	"net/http"
	"strconv"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// pageLimit is the largest number of objects in one answer, by default.
const pageLimit = 100

// listed is an object of a list.
type listed struct {
	updated time.Time
	body    func() []byte
}

// page answers a GET of a list (OCPI 2.2.1 §4.1.4). all is in order of creation.
func (p *Platform) page(k *call, all []listed) (*reply, error) {
	pg, err := ocpi.ParsePage(k.query)
	if err != nil {
		return nil, err
	}
	var match []listed
	for _, o := range all {
		if (pg.DateFrom.IsZero() || !o.updated.Before(pg.DateFrom)) && (pg.DateTo.IsZero() || o.updated.Before(pg.DateTo)) {
			match = append(match, o)
		}
	}
	if len(match) > 1 && p.faults.shift() { // the first one has moved to the end
		match = append(match[1:len(match):len(match)], match[0])
	}
	limit := p.cfg.PageLimit
	if pg.Limit > 0 {
		limit = min(limit, pg.Limit)
	}
	h := http.Header{}
	h.Set(ocpi.HeaderTotalCount, strconv.Itoa(len(match)))
	h.Set(ocpi.HeaderLimit, strconv.Itoa(p.cfg.PageLimit))
	begin := min(pg.Offset, len(match))
	end := min(begin+limit, len(match))
	if end < len(match) {
		q := k.query
		q.Set("offset", strconv.Itoa(end))
		q.Set("limit", strconv.Itoa(limit))
		h.Set(ocpi.HeaderLink, ocpi.FormatNextLink(p.url("/"+string(p.cfg.Version)+k.endpoint.path())+"?"+q.Encode()))
	}
	data := []byte{'['}
	for i, o := range match[begin:end] {
		if i > 0 {
			data = append(data, ',')
		}
		data = append(data, o.body()...)
	}
	return &reply{data: append(data, ']'), header: h}, nil
}
