package ocpi_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

func TestParsePage(t *testing.T) {
	day := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
	for query, want := range map[string]ocpi.Page{
		"":                                {},
		"offset=0&limit=1":                {Limit: 1},
		"offset=150&limit=50&x=1&x=2":     {Offset: 150, Limit: 50},
		"limit=9223372036854775807":       {Limit: 1<<62 - 1},
		"offset=99999999999999999999":     {Offset: 1<<62 - 1},
		"date_from=2024-01-02T00:00:00Z":  {DateFrom: day},
		"date_to=2024-01-02T00:00:00.0":   {DateTo: day},
		"date_from=&date_to=&offset=":     {},
		"date_from=2024-01-02T00%3A00:00": {DateFrom: day},
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ocpi.ParsePage(q); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", query, got, err)
		}
	}
	for query, field := range map[string]string{
		"limit=0": "limit", "limit=": "limit", "limit=-1": "limit", "limit=x": "limit", "limit=1.0": "limit", "limit=-99999999999999999999": "limit",
		"offset=-1": "offset", "offset=1&offset=1": "offset", "offset=0x10": "offset", "offset=1_0": "offset",
		"date_from=2024-01-02": "date_from", "date_from=2024-01-02T00:00:00%2B00:00": "date_from", "date_to=now": "date_to",
		"date_to=2024-01-02T00:00:00Z&date_to=2024-01-02T00:00:00Z": "date_to",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ocpi.ParsePage(q)
		if e := ocpi.AsError(err); err == nil || e.Status != 2001 || e.HTTPStatus() != 200 || !strings.HasPrefix(e.Message, field+": ") {
			t.Errorf("%s: got %+v, %v", query, got, err)
		}
	}
}

func FuzzPage(f *testing.F) {
	f.Add("date_from=2024-01-02T00:00:00Z&limit=5")
	f.Add("offset=%31&limit=+1")
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		p, err := ocpi.ParsePage(q)
		if err == nil && (p.Offset < 0 || p.Limit < 0 || q.Has("limit") && p.Limit == 0) {
			t.Fatalf("%q gives %+v", query, p)
		}
	})
}
