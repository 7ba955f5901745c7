package relay_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/ocpi"
)

// pair is a CPO and an eMSP at a hub.
type pair struct {
	*relaytest.Hub
	t         *testing.T
	cpo, emsp *relaytest.Partner
}

func newPair(t *testing.T, change ...func(*relay.Options)) *pair {
	t.Helper()
	h := relaytest.New(t, true, change...)
	return &pair{h, t,
		h.Join(ocpi.V221, deliverytest.Grant("NL-CP1", ocpi.RoleCPO)),
		h.Join(ocpi.V221, deliverytest.Grant("DE-EM1", ocpi.RoleEMSP))}
}

// exchange is a request of one party to another, as the ingress hands it on.
func exchange(from, to *party.Party, m ocpi.Module, i ocpi.Interface, method, path, body string) *relay.Exchange {
	path, query, _ := strings.Cut(path, "?")
	var segments []string
	if path != "" {
		segments = strings.Split(path, "/")
	}
	q, _ := url.ParseQuery(query)
	return &relay.Exchange{
		Header:  ocpi.Header{RequestID: "r", CorrelationID: "c", From: ocpi.ClaimOf(from.ID), To: ocpi.ClaimOf(to.ID)},
		Version: from.Platform.Version, RawQuery: query, Body: []byte(body), Mode: routing.Direct, Target: to, Received: time.Now(),
		Request: routing.Request{Module: m, Interface: i, Method: method, Path: segments, Query: q, From: from, To: to.ID},
	}
}

// command sends a command of the eMSP and returns the URL that the CPO got.
func (p *pair) command(name, data string) (ours string) {
	p.t.Helper()
	p.cpo.Data(data)
	n := len(p.cpo.Received())
	x := exchange(p.emsp.Party(ocpi.RoleEMSP), p.cpo.Party(ocpi.RoleCPO), ocpi.Commands, ocpi.Receiver, "POST", name,
		`{"response_url":"`+p.emsp.URL+`/result?x=1&y=2","reservation_id":"R1"}`)
	x.Request.Content.ReservationID = "R1"
	if _, err := p.Relay.Forward(context.Background(), x); err != nil {
		p.t.Fatal(err)
	}
	_, ours, _ = strings.Cut(p.cpo.Received()[n].Body, `"response_url":"`)
	ours, _, _ = strings.Cut(ours, `"`)
	return ours
}

// call uses a capability URL.
func (p *pair) call(by *relaytest.Partner, method, ours, body string) (relay.Answer, error) {
	p.t.Helper()
	id, ok := strings.CutPrefix(ours, relaytest.PublicURL+relay.PathPrefix)
	if !ok {
		p.t.Fatalf("%q is not a capability URL", ours)
	}
	return p.Relay.Callback(context.Background(), relay.Call{
		Platform: by.Platform(), ID: id, Method: method, Body: []byte(body), Received: time.Now(),
		Header: ocpi.Header{RequestID: "r2", CorrelationID: "c2"},
	})
}

func wantStatus(t *testing.T, err error, httpStatus, status int) {
	t.Helper()
	if err == nil {
		t.Errorf("succeeded, want %d and %d", httpStatus, status)
		return
	}
	if e := ocpi.AsError(err); e.HTTPStatus() != httpStatus || e.Status != status {
		t.Errorf("%d and %d (%s), want %d and %d", e.HTTPStatus(), e.Status, e.Message, httpStatus, status)
	}
}

const accepted = `{"result":"ACCEPTED","timeout":0}`

// E04, E05, E07, B02: the whole request as the partner gets it.
func TestForwardSendsExactlyThis(t *testing.T) {
	p := newPair(t)
	body := `{"id":"LoC1", "x":[1.50e0,null],"n":"\u00e9"}`
	x := exchange(p.cpo.Party(ocpi.RoleCPO), p.emsp.Party(ocpi.RoleEMSP), ocpi.Locations, ocpi.Receiver, "PUT", "nl/Cp1/LoC 1?a=%41&b", body)
	x.Header.To, x.Header.From = ocpi.Claim{CountryCode: "de", ID: "Em1"}, ocpi.Claim{CountryCode: "nl", ID: "cp1"}
	if _, err := p.Relay.Forward(context.Background(), x); err != nil {
		t.Fatal(err)
	}
	got := p.emsp.Only()
	if got.Method != "PUT" || got.URL != "/r/locations/nl/Cp1/LoC%201?a=%41&b" || got.Body != body {
		t.Errorf("the partner got %s %s %s", got.Method, got.URL, got.Body)
	}
	names := slices.Sorted(maps.Keys(got.Header))
	want := []string{"Accept-Encoding", "Authorization", "Content-Length", "Content-Type", "Ocpi-From-Country-Code", "Ocpi-From-Party-Id",
		"Ocpi-To-Country-Code", "Ocpi-To-Party-Id", "User-Agent", "X-Correlation-Id", "X-Request-Id"}
	if !slices.Equal(names, want) {
		t.Errorf("headers %v, want %v", names, want)
	}
	if id := got.Header.Get("X-Request-Id"); id == "r" || id == "" || got.Header.Get("X-Correlation-Id") != "c" {
		t.Errorf("ids %q and %q", id, got.Header.Get("X-Correlation-Id"))
	}
	for name, want := range map[string]string{"Ocpi-To-Country-Code": "de", "Ocpi-To-Party-Id": "Em1", "Ocpi-From-Country-Code": "nl", "Ocpi-From-Party-Id": "cp1"} {
		if got.Header.Get(name) != want {
			t.Errorf("%s %q, want %q", name, got.Header.Get(name), want)
		}
	}
}

// Every way in which a partner can answer, and what the sender is told.
func TestAnswers(t *testing.T) {
	p := newPair(t, func(o *relay.Options) { o.Timeout = 200 * time.Millisecond })
	const stamp = `"timestamp":"2026-01-01T00:00:00Z"`
	for name, c := range map[string]struct {
		http         int
		body         string
		wantHTTP     int
		wantStatus   int // of an error of the hub
		wantBody     string
		wantAccepted bool
	}{
		"success":              {200, `{"data":{"a":1.0},"status_code":1000,"x":1,` + stamp + `}`, 200, 0, "=", true},
		"created":              {201, `{"status_code":1000,` + stamp + `}`, 201, 0, "=", true},
		"E15 refused":          {200, `{"status_code":2001,"status_message":"no",` + stamp + `}`, 200, 0, "=", false},
		"E16 not found":        {404, `{"status_code":2004,` + stamp + `}`, 404, 0, "=", false},
		"E15 3000":             {200, `{"status_code":3000,` + stamp + `}`, 200, 0, "=", false},
		"500 with envelope":    {500, `{"status_code":3001,` + stamp + `}`, 200, 0, "=", false},
		"another hub's 4003":   {200, `{"status_code":4003,` + stamp + `}`, 200, 0, "=", false},
		"E18 401":              {401, `{"status_code":2001,` + stamp + `}`, 200, 4000, "", false},
		"403":                  {403, `{"status_code":2001,` + stamp + `}`, 200, 4000, "", false},
		"redirect":             {302, `{"status_code":1000,` + stamp + `}`, 200, 4000, "", false},
		"429":                  {429, `{"status_code":2000,` + stamp + `}`, 200, 4000, "", false},
		"E19 500":              {500, `oops`, 200, 4000, "", false},
		"502 empty":            {502, ``, 200, 4000, "", false},
		"E19 HTML":             {200, `<html>`, 200, 4000, "", false},
		"empty":                {200, ``, 200, 4000, "", false},
		"no content":           {204, ``, 200, 4000, "", false},
		"a list":               {200, `[]`, 200, 4000, "", false},
		"no status":            {200, `{"data":1}`, 200, 4000, "", false},
		"twice":                {200, `{"status_code":1000,"status_code":2000}`, 200, 4000, "", false},
		"contradicting":        {404, `{"status_code":1000,` + stamp + `}`, 200, 4000, "", false},
		"contradicting 500":    {500, `{"status_code":1000,` + stamp + `}`, 200, 4000, "", false},
		"without timestamp":    {200, `{"data":{"a":1.0},"status_code":1000}`, 200, 0, `{"data":{"a":1.0},"status_code":1000,"timestamp":`, true},
		"timestamp not a time": {200, `{"status_code":2000,"status_message":"é","timestamp":5}`, 200, 0, `{"status_code":2000,"status_message":"é","timestamp":`, false},
		"E20 over-long":        {200, strings.Repeat(" ", 100<<10), 200, 4002, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			p.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Set-Cookie", "a=b")
				if c.http == 302 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(c.http)
				_, _ = w.Write([]byte(c.body))
			})
			n := len(p.emsp.Received())
			a, err := p.Relay.Forward(context.Background(), exchange(p.cpo.Party(ocpi.RoleCPO), p.emsp.Party(ocpi.RoleEMSP),
				ocpi.Locations, ocpi.Receiver, "PUT", "NL/CP1/L", `{"id":"L"}`))
			if got := len(p.emsp.Received()) - n; got != 1 {
				t.Errorf("the partner got %d requests, want 1", got)
			}
			if c.wantStatus != 0 {
				wantStatus(t, err, c.wantHTTP, c.wantStatus)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if a.HTTP != c.wantHTTP || a.Accepted != c.wantAccepted {
				t.Errorf("HTTP %d, accepted %v; want %d, %v", a.HTTP, a.Accepted, c.wantHTTP, c.wantAccepted)
			}
			if c.wantBody == "=" && string(a.Body) != c.body || c.wantBody != "=" && !strings.HasPrefix(string(a.Body), c.wantBody) {
				t.Errorf("body %s, want %s", a.Body, c.wantBody)
			}
			if env, err := ocpi.ParseEnvelope(a.Body); err != nil || env.StatusCode != a.Status {
				t.Errorf("status %d beside body %s (%v)", a.Status, a.Body, err)
			}
		})
	}
}

// E20, E21, E25: no answer is 4002, no connection 4003; neither is tried again.
func TestNoAnswer(t *testing.T) {
	p := newPair(t, func(o *relay.Options) { o.Timeout = 100 * time.Millisecond })
	send := func() error {
		_, err := p.Relay.Forward(context.Background(), exchange(p.cpo.Party(ocpi.RoleCPO), p.emsp.Party(ocpi.RoleEMSP),
			ocpi.Locations, ocpi.Receiver, "PATCH", "NL/CP1/L", `{}`))
		return err
	}
	p.emsp.Answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	wantStatus(t, send(), 200, 4002)
	p.emsp.Answers(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	wantStatus(t, send(), 200, 4002)
	if n := len(p.emsp.Received()); n != 2 {
		t.Errorf("%d requests, want one for each", n)
	}
	p.emsp.Close()
	wantStatus(t, send(), 200, 4003)
}

// I01, I03, I10: the result finds its way after a restart, to the very URL.
func TestResponseURLIsRewrittenAndSurvivesARestart(t *testing.T) {
	p := newPair(t)
	p.cpo.Data(accepted)
	theirs := p.emsp.URL + `/res%20ult?x=1&y=2`
	body := `{ "a" : [1.0e1] ,"response\u005furl":"` + strings.ReplaceAll(theirs, "/", `\/`) + `", "token":{"response_url":"kept"}}`
	if _, err := p.Relay.Forward(context.Background(), exchange(p.emsp.Party(ocpi.RoleEMSP), p.cpo.Party(ocpi.RoleCPO),
		ocpi.Commands, ocpi.Receiver, "POST", "START_SESSION", body)); err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(p.cpo.Only().Body, relaytest.PublicURL)
	id, after, _ := strings.Cut(rest, `"`)
	if before != `{ "a" : [1.0e1] ,"response\u005furl":"` || after != `, "token":{"response_url":"kept"}}` {
		t.Errorf("the rest of the body changed: %s", p.cpo.Only().Body)
	}
	if len(strings.TrimPrefix(id, relay.PathPrefix)) < 26 {
		t.Errorf("id %q has fewer than 128 bits", id)
	}
	p.Reopen()
	if _, err := p.call(p.cpo, "POST", relaytest.PublicURL+id, `{"result":"ACCEPTED", "x":1}`); err != nil {
		t.Fatal(err)
	}
	got := p.emsp.Only()
	if got.Method != "POST" || got.URL != `/res%20ult?x=1&y=2` || got.Body != `{"result":"ACCEPTED", "x":1}` {
		t.Errorf("the result came as %s %s %s", got.Method, got.URL, got.Body)
	}
	if got.Header.Get("Ocpi-To-Party-Id") != "EM1" || got.Header.Get("Ocpi-From-Party-Id") != "CP1" || got.Header.Get("X-Correlation-Id") != "c2" {
		t.Errorf("headers %v", got.Header)
	}
	_, err := p.call(p.cpo, "POST", relaytest.PublicURL+id, `{"result":"ACCEPTED"}`)
	wantStatus(t, err, 404, 2000)
}

// I11: the query parameter is replaced, every other byte of the query stays.
func TestResponseURLInTheQuery(t *testing.T) {
	p := newPair(t)
	send := func(query string) error {
		_, err := p.Relay.Forward(context.Background(), exchange(p.emsp.Party(ocpi.RoleEMSP), p.cpo.Party(ocpi.RoleCPO),
			ocpi.ChargingProfiles, ocpi.Receiver, "GET", "S?"+query, ""))
		return err
	}
	theirs := url.QueryEscape(p.emsp.URL + "/r?a=1")
	if err := send("duration=%390&response_url=" + theirs + "&x"); err != nil {
		t.Fatal(err)
	}
	got := p.cpo.Only().URL
	if !strings.HasPrefix(got, "/r/chargingprofiles/S?duration=%390&response_url="+url.QueryEscape(relaytest.PublicURL+relay.PathPrefix)) || !strings.HasSuffix(got, "&x") {
		t.Errorf("query %s", got)
	}
	for _, query := range []string{
		"duration=90", "response_url=", "response_url=" + theirs + "&response_url=" + theirs, "response_url=" + theirs + "&response%5Furl=" + theirs,
		"response_url=" + theirs + "&Response_URL=" + theirs, "response%5Furl=" + theirs, "response_url=" + p.emsp.URL + "/r?a=1",
		"response_url=" + url.QueryEscape("http://127.0.0.1:1/x"), "response_url=%zz",
	} {
		wantStatus(t, send(query), 200, 2001)
	}
	if n := len(p.cpo.Received()); n != 1 {
		t.Errorf("%d requests were forwarded, want the first only", n)
	}
}

// I06, H13: nobody but the party it was given to can use a URL, and only with
// the method it is for.
func TestCapabilityIsBoundToItsParty(t *testing.T) {
	p := newPair(t)
	other := p.Join(ocpi.V221, deliverytest.Grant("BE-CP2", ocpi.RoleCPO))
	ours := p.command("START_SESSION", accepted)
	_, err := p.call(other, "POST", ours, `{}`)
	wantStatus(t, err, 404, 2000)
	_, err = p.call(p.emsp, "POST", ours, `{}`)
	wantStatus(t, err, 404, 2000)
	_, err = p.call(p.cpo, "GET", ours, ``)
	wantStatus(t, err, 405, 2000)
	_, err = p.call(p.cpo, "POST", ours+"A", `{}`)
	wantStatus(t, err, 404, 2000)
	if n := len(p.emsp.Received()); n != 0 {
		t.Errorf("%d requests reached the owner", n)
	}
}

// A URL for one result takes one, however many come at once.
func TestOneResultOfMany(t *testing.T) {
	p := newPair(t)
	for range 5 {
		before := len(p.emsp.Received())
		ours := p.command("START_SESSION", accepted)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { _, _ = p.call(p.cpo, "POST", ours, `{"result":"ACCEPTED"}`) })
		}
		wg.Wait()
		if n := len(p.emsp.Received()) - before; n != 1 {
			t.Fatalf("%d results were delivered, want 1", n)
		}
	}
}

// I05, I07: a result that could not be delivered may come again; those of a
// reservation may be many.
func TestResultsAgain(t *testing.T) {
	p := newPair(t)
	ours := p.command("STOP_SESSION", accepted)
	p.emsp.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	_, err := p.call(p.cpo, "POST", ours, `{"result":"ACCEPTED"}`)
	wantStatus(t, err, 200, 4000)
	p.emsp.Answers(nil)
	if _, err := p.call(p.cpo, "POST", ours, `{"result":"ACCEPTED"}`); err != nil {
		t.Errorf("the second try failed: %v", err)
	}
	ours = p.command("RESERVE_NOW", accepted)
	for _, result := range []string{"ACCEPTED", "CANCELED_RESERVATION"} {
		if _, err := p.call(p.cpo, "POST", ours, `{"result":"`+result+`"}`); err != nil {
			t.Errorf("%s: %v", result, err)
		}
	}
	got := p.emsp.Received()
	if len(got) != 4 || got[3].Body != `{"result":"CANCELED_RESERVATION"}` {
		t.Errorf("the provider got %v", got)
	}
}

// H11, H12, J01, J02: the next page and a posted CDR, through URLs of the hub.
func TestLinkAndLocation(t *testing.T) {
	p := newPair(t)
	cpo, emsp := p.cpo.Party(ocpi.RoleCPO), p.emsp.Party(ocpi.RoleEMSP)
	p.cpo.Answers(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", `</s/locations?cursor=a%2Fb>; rel="next"`)
		w.Header().Set("X-Total-Count", "12")
		w.Header().Set("X-Limit", "evil\tvalue")
		ocpi.WriteEnvelope(w, 200, 1000, "", []byte(`[]`))
	})
	a, err := p.Relay.Forward(context.Background(), exchange(emsp, cpo, ocpi.Locations, ocpi.Sender, "GET", "", ""))
	if err != nil || a.TotalCount != "12" || a.Limit != "" {
		t.Fatalf("%+v, %v", a, err)
	}
	p.Reopen()
	if _, err := p.call(p.emsp, "GET", a.Link, ""); err != nil {
		t.Fatal(err)
	}
	if got := p.cpo.Received()[1].URL; got != "/s/locations?cursor=a%2Fb" {
		t.Errorf("the next page was asked for as %s", got)
	}
	p.emsp.Answers(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/cdr/7?a=%41")
		if r.Method == http.MethodPost {
			w.Header().Set("Link", `<http://elsewhere.example/>; rel="next"`)
		}
		ocpi.WriteEnvelope(w, 201, 1000, "", nil)
	})
	a, err = p.Relay.Forward(context.Background(), exchange(p.cpo.Party(ocpi.RoleCPO), p.emsp.Party(ocpi.RoleEMSP),
		ocpi.CDRs, ocpi.Receiver, "POST", "", `{"id":"7"}`))
	if err != nil || a.HTTP != 201 || a.Link != "" {
		t.Fatalf("a CDR that was accepted: %+v, %v", a, err)
	}
	for range 2 {
		if _, err := p.call(p.cpo, "GET", a.Location, ""); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.emsp.Received()[1]; got.Method != "GET" || got.URL != "/cdr/7?a=%41" {
		t.Errorf("the CDR was asked for as %s %s", got.Method, got.URL)
	}
	_, err = p.call(p.emsp, "GET", a.Location, "")
	wantStatus(t, err, 404, 2000)
}
