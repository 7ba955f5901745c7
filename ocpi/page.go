package ocpi

import (
	"errors"
	"net/url"
	"strconv"
	"time"
)

// Page is what a client asks of a list (OCPI 2.2.1 §4.1.4.1). DateFrom is
// inclusive and DateTo exclusive on last_updated; a zero time means no bound.
// Limit 0 means the client named none. Offset and Limit are clamped so that their
// sum does not overflow.
type Page struct {
	DateFrom, DateTo time.Time
	Offset, Limit    int
}

// ParsePage reads date_from, date_to, offset and limit. The error names the
// parameter.
func ParsePage(q url.Values) (Page, error) {
	var p Page
	var err error
	if p.DateFrom, err = pageTime(q, "date_from"); err != nil {
		return p, err
	}
	if p.DateTo, err = pageTime(q, "date_to"); err != nil {
		return p, err
	}
	if p.Offset, err = pageInt(q, "offset"); err != nil {
		return p, err
	}
	if p.Limit, err = pageInt(q, "limit"); err != nil {
		return p, err
	}
	if q.Has("limit") && p.Limit == 0 {
		return p, Invalid("limit", "must be at least 1")
	}
	return p, nil
}

func pageTime(q url.Values, name string) (time.Time, error) {
	v, err := single(q, name)
	if err != nil || v == "" {
		return time.Time{}, err
	}
	t, err := ParseTime(v)
	if err != nil {
		return time.Time{}, Invalid(name, err.Error())
	}
	return t, nil
}

func pageInt(q url.Values, name string) (int, error) {
	v, err := single(q, name)
	if err != nil || v == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(v, 10, 63)
	if err != nil && !errors.Is(err, strconv.ErrRange) || n < 0 {
		return 0, Invalid(name, "must be a whole number of at least 0")
	}
	return int(n), nil // at most 1<<62 - 1
}

func single(q url.Values, name string) (string, error) {
	v := q[name]
	switch len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", Invalid(name, "must occur once")
}
