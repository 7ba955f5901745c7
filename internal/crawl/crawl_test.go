package crawl

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

func TestFullThenDelta(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	all := locations(5)
	r.partner.set(ocpi.Locations, all...)
	var header http.Header
	r.partner.answers(func(_ http.ResponseWriter, q *http.Request) bool {
		header = q.Header
		return false
	})
	run := r.fetch(ocpi.Locations, false)
	if run.Error != "" || !run.Full || run.Pages != 3 || run.Objects != 5 || run.Taken != 5 || run.Total != 5 || run.Missing != 0 {
		t.Errorf("the first run: %+v", run)
	}
	if got := r.bodies(ocpi.Locations); len(got) != 5 || got["LOC4"] != all[4] {
		t.Errorf("in the hub are %d locations; LOC4 is %s", len(got), got["LOC4"])
	}
	if s := header.Get(ocpi.HeaderFromPartyID) + " " + header.Get(ocpi.HeaderToCountryCode) + header.Get(ocpi.HeaderToPartyID); s != "HUB NLCP1" {
		t.Errorf("routing headers: %s", s)
	}
	if got := r.partner.requests(); !slices.Equal(got, []string{
		"/locations?offset=0&limit=200", "/locations?limit=2&offset=2", "/locations?limit=2&offset=4",
	}) {
		t.Errorf("asked: %q", got)
	}

	changed := strings.Replace(locationOf("NL-CP1", "LOC1", "2026-01-01T00:09:00Z"), "AVAILABLE", "BLOCKED", 1)
	all[1] = changed
	r.partner.set(ocpi.Locations, all...)
	run = r.fetch(ocpi.Locations, false)
	if run.Error != "" || run.Full || run.Objects != 5 {
		t.Errorf("the second run: %+v", run)
	}
	if got := r.partner.requests(); got[0] != "/locations?date_from=2025-12-31T23:50:04Z&offset=0&limit=200" {
		t.Errorf("asked for what has changed: %q", got)
	}
	if got := r.bodies(ocpi.Locations)["LOC1"]; got != changed {
		t.Errorf("the change was not taken: %s", got)
	}
	r.fetch(ocpi.Locations, false)
	if got := r.partner.requests(); got[0] != "/locations?date_from=2025-12-31T23:59:00Z&offset=0&limit=200" {
		t.Errorf("then asked: %q", got)
	}
	j := r.job(ocpi.Locations)
	if !j.Active || j.Running != nil || j.LastFull.IsZero() || time.Until(j.Next) > 5*time.Minute || time.Until(j.Next) < 4*time.Minute {
		t.Errorf("the job: %+v", j)
	}
}

func TestOffsetsWhereThereAreNoLinks(t *testing.T) {
	for _, noTotal := range []bool{false, true} {
		t.Run(fmt.Sprint("no total ", noTotal), func(t *testing.T) {
			r := newRig(t, ocpi.Locations)
			all := locations(7)
			if noTotal { // then a page that is full may not be the last one
				for i := range pageLimit - 6 {
					all = append(all, locationOf("NL-CP1", fmt.Sprint("MORE", i), "2026-01-01T00:00:00Z"))
				}
				r.partner.limit = pageLimit
			}
			r.partner.noLink, r.partner.noTotal = true, noTotal
			r.partner.set(ocpi.Locations, all...)
			run := r.fetch(ocpi.Locations, true)
			if run.Error != "" || run.Taken != len(all) || len(r.bodies(ocpi.Locations)) != len(all) {
				t.Errorf("%d objects: %+v", len(all), run)
			}
		})
	}
}

func TestGoesOnInTheMiddleAfterARestart(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	r.partner.set(ocpi.Locations, locations(9)...)
	reached := make(chan bool, 100)
	r.partner.answers(func(w http.ResponseWriter, q *http.Request) bool {
		if q.URL.Query().Get("offset") < "4" {
			return false
		}
		ocpi.WriteEnvelope(w, 500, 3000, "down", nil)
		reached <- true
		return true
	})
	r.run()
	<-reached
	deliverytest.Eventually(t, "the failure is known", func() bool { return r.job(ocpi.Locations).Error != "" })
	r.halt()
	if j := r.job(ocpi.Locations); j.Running == nil || j.Running.Pages != 2 || !strings.Contains(j.Error, "HTTP 500, OCPI 3000: down") {
		t.Fatalf("in the middle: %+v", j)
	}
	r.egress.Forget(r.partner.id)
	r.Hub.Reopen()
	r.partner.answers(nil)
	r.partner.requests()
	begun := time.Now().Add(-time.Hour)
	r.run()
	run := r.ended(ocpi.Locations, begun)
	r.halt()
	if got := r.partner.requests(); got[0] != "/locations?limit=2&offset=4" {
		t.Errorf("after the restart it asked %q", got)
	}
	if run.Error != "" || run.Pages != 5 || run.Taken != 9 || run.Missing != 0 || len(r.bodies(ocpi.Locations)) != 9 {
		t.Errorf("the whole: %+v", run)
	}
}

func TestOneBadObjectAmongGoodOnes(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	l := locations(2)
	r.partner.limit = 100
	r.partner.set(ocpi.Locations, l[0], `17`, `null`, `{"id":"NOBODY"}`, `{"country_code":"NL","party_id":"CP1","last_updated":"2026-01-01T00:00:00Z"}`,
		strings.Replace(l[1], "LOC1", "../x", 1), strings.Replace(l[1], `"latitude":"52.0"`, `"latitude":"north"`, 1),
		locationOf("NL-CP2", "OTHER", "2026-01-01T00:00:00Z"), locationOf("NL-CP9", "FOREIGN", "2026-01-01T00:00:00Z"),
		locationOf("NL-CP1", "FUTURE", "2126-01-01T00:00:00Z"))
	run := r.fetch(ocpi.Locations, true)
	if run.Error != "" || run.Objects != 10 || run.Taken != 2 || run.Refused != 7 || run.Foreign != 1 || len(run.Problems) != 8 {
		t.Errorf("%+v", run)
	}
	for _, p := range run.Problems {
		if p.Message == "internal error" {
			t.Errorf("%q: nobody is told why it is not taken", p.Object)
		}
	}
	got := r.bodies(ocpi.Locations)
	if len(got) != 2 || got["LOC0"] == "" || got["OTHER"] == "" {
		t.Errorf("in the hub: %v", got)
	}
	o, _, err := r.Store.List(context.Background(), listOf("NL-CP2"))
	check(t, err)
	if len(o) != 1 || o[0].Name != "OTHER" {
		t.Errorf("an object of another party of the platform is not its own: %v", o)
	}
	// What lies ahead does not shut out the changes before it.
	r.partner.requests()
	r.fetch(ocpi.Locations, false)
	if got := r.partner.requests()[0]; !strings.HasPrefix(got, "/locations?date_from=2025-12-31T23:50:00Z") {
		t.Errorf("the next delta asks %s", got)
	}
}

func TestPushAndPullAtOnce(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	pushed := locationOf("NL-CP1", "LOC0", "2026-01-02T00:00:00Z")
	_, err := r.Catalog.Publish(context.Background(), r.push(pushed, "LOC0"))
	check(t, err)
	r.partner.set(ocpi.Locations, locations(2)...) // an older LOC0
	if run := r.fetch(ocpi.Locations, true); run.Error != "" || run.Taken != 2 {
		t.Errorf("%+v", run)
	}
	if got := r.bodies(ocpi.Locations)["LOC0"]; got != pushed {
		t.Errorf("a page overwrote what was pushed: %s", got)
	}
}

func TestPartnerThatFails(t *testing.T) {
	for name, fail := range map[string]func(w http.ResponseWriter){
		"5xx":       func(w http.ResponseWriter) { ocpi.WriteEnvelope(w, 503, 3000, "", nil) },
		"OCPI 3xxx": func(w http.ResponseWriter) { ocpi.WriteEnvelope(w, 200, 3000, "", nil) },
		"garbage":   func(w http.ResponseWriter) { w.Write([]byte("<html>It works!</html>")) },
		"no list":   func(w http.ResponseWriter) { ocpi.WriteEnvelope(w, 200, 1000, "", []byte(`{"id":1}`)) },
		"cut off":   func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ocpi.Locations)
			r.partner.set(ocpi.Locations, locations(6)...)
			left := 4 // every other request of the first ones fails
			r.partner.answers(func(w http.ResponseWriter, _ *http.Request) bool {
				r.partner.mu.Lock()
				left--
				bad := left > 0 && left%2 == 1
				r.partner.mu.Unlock()
				if bad {
					fail(w)
				}
				return bad
			})
			if run := r.fetch(ocpi.Locations, true); run.Error != "" || run.Taken != 6 || run.Missing != 0 {
				t.Errorf("%+v", run)
			}
		})
	}
}

func TestPartnerThatRefuses(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	r.partner.answers(func(w http.ResponseWriter, _ *http.Request) bool {
		ocpi.WriteEnvelope(w, 403, 2000, "not you", nil)
		return true
	})
	r.run()
	run := r.ended(ocpi.Locations, time.Time{})
	r.halt()
	if j := r.job(ocpi.Locations); !strings.Contains(run.Error, "HTTP 403, OCPI 2000: not you") || time.Until(j.Next) < 4*time.Minute || !j.LastFull.IsZero() {
		t.Errorf("a refusal: %+v; the job: %+v", run, j)
	}
	if n := len(r.partner.requests()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestRetryAfter(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	r.partner.answers(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Retry-After", "120")
		ocpi.WriteEnvelope(w, 429, 2000, "", nil)
		return true
	})
	r.run()
	deliverytest.Eventually(t, "the failure is known", func() bool { return r.job(ocpi.Locations).Failures > 0 })
	r.halt()
	if j := r.job(ocpi.Locations); time.Until(j.Next) < 110*time.Second || j.Failures != 1 {
		t.Errorf("goes on in %s after %d failures; want what the partner asked for", time.Until(j.Next), j.Failures)
	}
}

func TestAPageThatIsGone(t *testing.T) {
	r := newRig(t, ocpi.Locations)
	r.partner.set(ocpi.Locations, locations(6)...)
	gone := true
	r.partner.answers(func(w http.ResponseWriter, q *http.Request) bool {
		r.partner.mu.Lock()
		defer r.partner.mu.Unlock()
		if q.URL.Query().Get("offset") == "4" && gone {
			gone = false
			ocpi.WriteEnvelope(w, 410, 2000, "this link has expired", nil)
			return true
		}
		return false
	})
	run := r.fetch(ocpi.Locations, true)
	if run.Error != "" || run.Taken != 6 || run.Pages != 3 || run.Missing != 0 {
		t.Errorf("%+v", run)
	}
	if got := r.partner.requests(); len(got) != 6 {
		t.Errorf("asked %q, want the first page again", got)
	}
}

func TestLinksThatLeadAstray(t *testing.T) {
	elsewhere := make(chan string, 10)
	trap := trap(t, elsewhere)
	for name, test := range map[string]struct{ link, reason string }{
		"another host":   {trap + "/locations?offset=2", "none of the platform's endpoints"},
		"another scheme": {"https://127.0.0.1/x", "none of the platform's endpoints"},
		"a user":         {"http://a:b@127.0.0.1/x", "is not a URL"},
		"itself":         {"", "leads to the page itself"},
		"a circle":       {"/locations?offset=1&limit=%d", "goes in a circle"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ocpi.Locations)
			r.partner.set(ocpi.Locations, locations(4)...)
			n := 0
			r.partner.answers(func(w http.ResponseWriter, q *http.Request) bool {
				link := test.link
				switch n++; {
				case link == "":
					link = q.URL.RequestURI()
				case strings.Contains(link, "%d"):
					link = fmt.Sprintf(link, n%2+1)
				}
				w.Header().Set("Link", `<`+link+`>; rel="next"`)
				ocpi.WriteEnvelope(w, 200, 1000, "", []byte("["+locations(1)[0]+"]"))
				return true
			})
			run := r.fetch(ocpi.Locations, true)
			want := strings.Replace(test.reason, "goes in a circle", "go in a circle", 1)
			if !strings.Contains(run.Error, want) || n > maxIdle+1 {
				t.Errorf("after %d requests: %q; want %q", n, run.Error, want)
			}
			if run.Taken == 0 || len(r.bodies(ocpi.Locations)) != 1 {
				t.Errorf("what was on the page before is not taken: %+v", run)
			}
		})
	}
	select {
	case u := <-elsewhere:
		t.Errorf("a request went to another host: %s", u)
	default:
	}
}

func TestSwitchedOff(t *testing.T) {
	r := newRig(t) // no module
	c := r.run()
	if _, err := c.Ask(context.Background(), r.partner.id, true); err == nil {
		t.Error("asked for the lists of a platform whose lists are not fetched")
	}
	r.pull(party.PullSettings{Modules: []ocpi.Module{ocpi.Tokens}})
	r.partner.set(ocpi.Tokens, `{"country_code":"NL","party_id":"CP2","uid":"T1","type":"RFID","contract_id":"C1","issuer":"I","valid":true,"whitelist":"ALLOWED","last_updated":"2026-01-01T00:00:00Z"}`)
	r.ended(ocpi.Tokens, time.Time{})
	if got := r.bodies(ocpi.Tokens); len(got) != 1 {
		t.Errorf("tokens in the hub: %v", got)
	}
	r.pull(party.PullSettings{})
	if j := r.job(ocpi.Tokens); j.Active || j.Last == nil {
		t.Errorf("switched off: %+v", j)
	}
	r.partner.requests()
	check(t, r.Registry.Remove(context.Background(), r.partner.id))
	r.halt()
	r.run() // looks at what is left of others once
	deliverytest.Eventually(t, "what was kept of the platform is deleted", func() bool {
		rows, err := r.Store.Crawls(context.Background())
		check(t, err)
		return len(rows) == 0
	})
	if got := r.partner.requests(); len(got) > 0 {
		t.Errorf("asked after it was switched off: %q", got)
	}
}
