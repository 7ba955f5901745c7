package crawl

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// pageLimit is how many objects are asked for at once; a partner may give fewer.
const pageLimit = 200

// maxOnPage bounds what is read of one page.
const maxOnPage = 20_000

// page is an answer of a list.
type page struct {
	objects []jsontext.Value // as written
	next    string           // target of the link to the next page, as written; empty: none
	total   int              // X-Total-Count; -1: none
}

// refusal is an answer that is no page: the partner says no, or cannot.
type refusal struct {
	http, ocpi int
	message    string
	retryAfter time.Duration // as the partner wishes; 0: it did not say
}

func (r *refusal) Error() string {
	s := fmt.Sprintf("the partner answered HTTP %d", r.http)
	if r.ocpi != 0 {
		s += fmt.Sprintf(", OCPI %d", r.ocpi)
	}
	if r.message != "" {
		s += ": " + r.message
	}
	return s
}

// transient reports whether the same request may succeed later.
func (r *refusal) transient() bool {
	switch r.http {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return r.http >= 500 || r.http/100 == 2 && r.ocpi/1000 != 2
}

// unknown reports whether the partner says that there is no such object (OCPI
// 2.2.1 §4.1.7, §5.3).
func (r *refusal) unknown() bool {
	return r.http == http.StatusNotFound || r.http == http.StatusGone || r.http/100 == 2 && r.ocpi == ocpi.StatusUnknownLocation
}

// readAnswer reads the data of a successful answer. The error is a *refusal.
func readAnswer(status int, h http.Header, body []byte, now time.Time) (jsontext.Value, error) {
	no := &refusal{http: status, retryAfter: retryAfter(h, now)}
	e, err := ocpi.ParseEnvelope(body)
	if err == nil {
		no.ocpi, no.message = e.StatusCode, cut(e.StatusMessage)
	}
	switch {
	case status != http.StatusOK:
		return nil, no
	case err != nil:
		no.message = "its answer cannot be read: " + cut(err.Error())
		return nil, no
	case !e.Success():
		return nil, no
	}
	return e.Data, nil
}

// readPage reads the answer of a list. The error is a *refusal.
func readPage(status int, h http.Header, body []byte, now time.Time) (page, error) {
	data, err := readAnswer(status, h, body, now)
	if err != nil {
		return page{}, err
	}
	p := page{total: -1}
	for v, err := range ocpi.List(data) {
		if err == nil && len(p.objects) == maxOnPage {
			err = errors.New("there are too many objects on the page")
		}
		if err != nil {
			return page{}, &refusal{http: status, message: "its list cannot be read: " + cut(err.Error())}
		}
		p.objects = append(p.objects, v)
	}
	if n, err := strconv.Atoi(strings.TrimSpace(h.Get(ocpi.HeaderTotalCount))); err == nil && n >= 0 {
		p.total = n
	}
	p.next, _ = ocpi.ParseNextLink(h[ocpi.HeaderLink])
	return p, nil
}

// cut bounds a text of a partner.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// maxWait bounds what a partner can ask for with Retry-After.
const maxWait = time.Hour

func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	var wait time.Duration
	if n, err := strconv.Atoi(v); err == nil {
		wait = time.Duration(min(n, int(maxWait.Seconds()))) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		wait = t.Sub(now)
	}
	return min(max(wait, 0), maxWait)
}

// listURL is the URL of the page at an offset.
func listURL(endpoint string, from time.Time, offset, limit int) string {
	q := "offset=" + strconv.Itoa(offset) + "&limit=" + strconv.Itoa(limit)
	if !from.IsZero() {
		q = "date_from=" + from.UTC().Format("2006-01-02T15:04:05Z") + "&" + q
	}
	if strings.Contains(endpoint, "?") {
		return endpoint + "&" + q
	}
	return endpoint + "?" + q
}

// maxLink is the longest URL of a page; longer ones cannot be asked for.
const maxLink = 4096

// follow returns the URL behind a link on the page at from. It must lead to a
// place that the platform named when it registered: the token goes there.
func follow(p *party.Platform, from, link string) (string, error) {
	base, err := url.Parse(from)
	if err != nil {
		return "", errors.New("the URL of the page cannot be read")
	}
	to, err := base.Parse(link)
	switch {
	case err != nil || to.User != nil || to.Fragment != "":
		return "", errors.New("the link to the next page is not a URL")
	case len(to.String()) > maxLink:
		return "", errors.New("the link to the next page is too long")
	}
	if origin(to) == origin(base) {
		return to.String(), nil
	}
	for _, known := range append(endpoints(p), p.VersionsURL) {
		if u, err := url.Parse(known); err == nil && origin(u) == origin(to) {
			return to.String(), nil
		}
	}
	return "", errors.New("the link to the next page leads to a place that is none of the platform's endpoints")
}

func endpoints(p *party.Platform) []string {
	list := make([]string, 0, len(p.Endpoints)+1)
	for _, u := range p.Endpoints {
		list = append(list, u)
	}
	return list
}

// origin is scheme, host and port, in one spelling.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + port
}
