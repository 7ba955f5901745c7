package crawl

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// A job over three weeks of an hour's delta and a week's full run, with a run of
// ten minutes: what runs when. The clock is that of the bubble.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pull := party.PullSettings{EverySeconds: 3600}
		var s state
		begin := time.Now()
		var deltas int
		var fulls []time.Duration
		const week = 7 * 24 * time.Hour
		for time.Since(begin) < 3*week-time.Minute {
			at, full := s.due(pull, false, false)
			time.Sleep(time.Until(at))
			s.begin(full, time.Now())
			if full {
				fulls = append(fulls, time.Since(begin))
			} else {
				deltas++
				if want := s.High.Add(-overlap); s.From != want {
					t.Fatalf("a delta from %s, want %s", s.From, want)
				}
			}
			if at, now := s.due(pull, true, true); at.After(time.Now()) || now != full {
				t.Fatalf("a run under way is not gone on with")
			}
			s.Highest = time.Now()
			time.Sleep(10 * time.Minute)
			s.end(time.Now(), "", pull.Every())
		}
		if !slices.Equal(fulls, []time.Duration{0, week, 2 * week, 3 * week}) {
			t.Errorf("full runs at %v", fulls)
		}
		if deltas != 21*24-3 {
			t.Errorf("%d deltas", deltas)
		}
	})
}

func TestDue(t *testing.T) {
	now := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	pull := party.PullSettings{}
	done := state{High: now, LastStart: now, LastFull: now}
	failed := done
	failed.begin(false, now.Add(time.Minute))
	failed.end(now.Add(2*time.Minute), "it said no", pull.Every())
	never := state{}
	never.begin(true, now)
	never.end(now, "it said no", pull.Every())
	waits := done
	waits.begin(true, now)
	waits.Before = now.Add(time.Hour)
	for _, tt := range []struct {
		name         string
		s            state
		asked, whole bool
		at           time.Time
		full         bool
	}{
		{"never", state{}, false, false, time.Time{}, true},
		{"never, a delta was asked for", state{}, true, false, time.Time{}, true},
		{"done", done, false, false, now.Add(5 * time.Minute), false},
		{"asked", done, true, false, time.Time{}, false},
		{"the whole is asked", done, true, true, time.Time{}, true},
		{"failed", failed, false, false, now.Add(7 * time.Minute), false},
		{"failed, asked", failed, true, false, time.Time{}, false},
		{"the first failed", never, false, false, now.Add(5 * time.Minute), true},
		{"the partner wants to wait", waits, true, true, now.Add(time.Hour), true},
	} {
		if at, full := tt.s.due(pull, tt.asked, tt.whole); !at.Equal(tt.at) || full != tt.full {
			t.Errorf("%s: at %s, full %v; want %s, %v", tt.name, at, full, tt.at, tt.full)
		}
	}
	if failed.High != now || failed.LastFull != now || failed.Last == nil || failed.Last.Error != "it said no" {
		t.Errorf("a run that failed moved what later ones begin at: %+v", failed)
	}
}

func TestFollow(t *testing.T) {
	p := &party.Platform{VersionsURL: "https://versions.example/v", Endpoints: map[party.EndpointKey]string{
		{Module: ocpi.Locations, Interface: ocpi.Sender}: "https://cpo.example/ocpi/locations",
		{Module: ocpi.Tariffs, Interface: ocpi.Sender}:   "https://tariffs.example:8443/t",
	}}
	for link, want := range map[string]string{
		"https://cpo.example/next?a=b":       "https://cpo.example/next?a=b",
		"https://CPO.example:443/next":       "https://CPO.example:443/next",
		"?offset=2":                          "https://cpo.example/ocpi/locations?offset=2",
		"https://tariffs.example:8443/next":  "https://tariffs.example:8443/next",
		"https://versions.example/next":      "https://versions.example/next",
		"http://cpo.example/next":            "",
		"https://cpo.example:8443/next":      "",
		"https://tariffs.example/next":       "",
		"//evil.example/next":                "",
		"https://cpo.example.evil.example/":  "",
		"https://user@cpo.example/next":      "",
		"https://cpo.example/next#x":         "",
		"file:///etc/passwd":                 "",
		"https://cpo.example\\@evil.example": "",
		"%zz":                                "",
		"?" + strings.Repeat("a", 4096):      "",
	} {
		got, err := follow(p, "https://cpo.example/ocpi/locations?offset=0", link)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, error %v; want %q", link, got, err, want)
		}
	}
}

func FuzzReadPage(f *testing.F) {
	f.Add(200, []byte(`{"data":[{"id":"1"},2],"status_code":1000}`), "3", `<https://a.example/?offset=2>; rel="next"`, "5")
	f.Add(200, []byte(`{"data":{},"status_code":1000}`), "-1", `<>; rel=next`, "-5")
	f.Add(200, []byte(`{"data":[`), "99999999999999999999", ``, "Fri, 31 Dec 1999 23:59:59 GMT")
	f.Add(429, []byte(`<html>`), "", ``, "99999999999")
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, body []byte, total, link, after string) {
		h := http.Header{"X-Total-Count": {total}, "Link": {link}, "Retry-After": {after}}
		p, err := readPage(status, h, body, now)
		if err != nil {
			no, ok := err.(*refusal)
			if !ok || no.retryAfter < 0 || no.retryAfter > maxWait || len(no.Error()) > 600 || no.transient() && no.unknown() && status == 404 {
				t.Fatalf("%T %v, %s", err, err, no.retryAfter)
			}
			return
		}
		if status != 200 || p.total < -1 || len(p.objects) > maxOnPage || strings.ContainsAny(p.next, "<>") && !strings.Contains(link, "<"+p.next+">") {
			t.Fatalf("status %d gave %+v", status, p)
		}
		w := &walk{job: job{module: ocpi.Locations, party: &party.Party{ID: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, Platform: &party.Platform{}}}}
		for _, v := range p.objects {
			if !v.IsValid() {
				t.Fatalf("an object is not JSON: %q", v)
			}
			if o := w.readObject(v); o.err == nil && ocpi.CheckSegment("id", o.push.Path[2]) != nil {
				t.Fatalf("an object is published as %q", o.push.Path)
			}
		}
	})
}
