package conform

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// profile is a request to a CPO's charging profiles that names a response_url
// in its query.
func profile(method, sessionID, responseURL string, to *Party) Call {
	return Call{
		Method: method, Module: ocpi.ChargingProfiles, Interface: ocpi.Receiver, Path: "/" + sessionID,
		Query: "response_url=" + url.QueryEscape(responseURL), To: to,
	}
}

func t16(t *T) {
	own := responseURL(t.EMSP1, "x")
	hostOf := func(u string) string { return strings.TrimPrefix(u, "http://") }
	at := hostOf(t.EMSP1.Platform.BaseURL())
	name, port, _ := strings.Cut(at, ":")
	foreign := map[string]string{
		"another eMSP":         responseURL(t.EMSP2, "x"),
		"the CPO itself":       responseURL(t.CPO1, "x"),
		"a party in no way":    responseURL(t.NSP1, "x"),
		"the hub":              t.EMSP1.Platform.HubVersionsURL,
		"another port":         "http://" + name + ":1/x",
		"no port":              "http://" + name + "/x",
		"another scheme":       "https://" + at + "/x",
		"another name":         "http://localhost:" + port + "/x",
		"a user in front":      "http://" + at + "@" + hostOf(t.EMSP2.Platform.BaseURL()) + "/x",
		"an own user in front": "http://u:p@" + at + "/x",
		"a name that goes on":  "http://" + at + ".evil.example/x",
		"no URL":               "x",
		"relative":             "/x",
		"without a scheme":     "//" + at + "/x",
		"empty":                "",
	}
	id := t.id()
	for what, u := range foreign {
		t.notef("given: response_url of %s", what)
		token := token(t.EMSP1, id)
		fields := map[string]string{
			"START_SESSION":      `,"token":` + token + `,"location_id":"LOC1"`,
			"STOP_SESSION":       `,"session_id":` + quote(id),
			"RESERVE_NOW":        `,"token":` + token + `,"expiry_date":"2030-01-01T00:00:00Z","reservation_id":` + quote(id) + `,"location_id":"LOC1"`,
			"CANCEL_RESERVATION": `,"reservation_id":` + quote(id),
			"UNLOCK_CONNECTOR":   `,"location_id":"LOC1","evse_uid":` + quote(id) + `,"connector_id":"1"`,
		}
		for name, rest := range fields {
			t.status(t.send(t.EMSP1, command(name, `{"response_url":`+quote(u)+rest+`}`, t.CPO1)), ocpi.StatusInvalidParameters)
		}
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			t.status(t.send(t.EMSP1, profile(method, id, u, t.CPO1)), ocpi.StatusInvalidParameters)
		}
		t.status(t.send(t.EMSP1, Call{
			Method: http.MethodPut, Module: ocpi.ChargingProfiles, Interface: ocpi.Receiver, Path: "/" + id, To: t.CPO1,
			Body: `{"charging_profile":{"charging_rate_unit":"W"},"response_url":` + quote(u) + `}`,
		}), ocpi.StatusInvalidParameters)
	}
	for what, body := range map[string]string{
		"missing": `{"session_id":` + quote(id) + `}`, "null": `{"response_url":null,"session_id":` + quote(id) + `}`,
		"a list":         `{"response_url":[` + quote(own) + `],"session_id":` + quote(id) + `}`,
		"twice":          `{"response_url":` + quote(own) + `,"response_url":` + quote(own) + `,"session_id":` + quote(id) + `}`,
		"twice, escaped": `{"response_url":` + quote(own) + `,"response\u005furl":` + quote(foreign["another eMSP"]) + `,"session_id":` + quote(id) + `}`,
		"in two cases":   `{"response_url":` + quote(own) + `,"Response_URL":` + quote(foreign["another eMSP"]) + `,"session_id":` + quote(id) + `}`,
	} {
		t.notef("given: response_url is %s", what)
		r := t.send(t.EMSP1, command("STOP_SESSION", body, t.CPO1))
		t.require(r.Status == ocpi.StatusInvalidParameters || r.HTTP == http.StatusBadRequest, "want 2001, got %s", r)
	}
	for what, query := range map[string]string{
		"missing":                   "duration=900",
		"empty":                     "response_url=",
		"twice":                     "response_url=" + url.QueryEscape(own) + "&response_url=" + url.QueryEscape(own),
		"twice, with another name":  "response_url=" + url.QueryEscape(own) + "&response%5Furl=" + url.QueryEscape(foreign["another eMSP"]),
		"in another letter case":    "Response_URL=" + url.QueryEscape(own),
		"a broken escape":           "response_url=" + url.QueryEscape(own) + "%zz",
		"not encoded, with a query": "response_url=" + own,
		"with a semicolon":          "response_url=" + url.QueryEscape(own) + ";x=1",
	} {
		t.notef("given: response_url in the query is %s", what)
		c := Call{Method: http.MethodDelete, Module: ocpi.ChargingProfiles, Interface: ocpi.Receiver, Path: "/" + id, Query: query, To: t.CPO1}
		first, second := t.send(t.EMSP1, c), t.send(t.EMSP1, c)
		t.require(first.Status == ocpi.StatusInvalidParameters || first.HTTP == http.StatusBadRequest, "want 2001, got %s", first)
		t.equal("the answer, again", bare(second), bare(first))
	}
	t.nothing(About(id))
}

func t17(t *T) {
	s := t.start(t.EMSP1, t.CPO1)
	results := func(id string) int {
		return len(t.EMSP1.Platform.Seen(All(About(id), With(http.MethodPost), Of(ocpi.Commands))))
	}
	for _, who := range []*Party{t.CPO2, t.EMSP1, t.EMSP2, t.NSP1} {
		t.httpStatus(t.answer(who, s.hubURL, result, t.EMSP1), http.StatusNotFound)
		forged := Call{Method: http.MethodPost, URL: s.hubURL, Body: result, From: t.CPO1, To: t.EMSP1}
		t.httpStatus(t.as(who.Platform, forged), http.StatusNotFound)
	}
	t.httpStatus(t.as(t.CPO1.Platform, Call{Method: http.MethodPost, URL: s.hubURL, Body: result, Authorization: "-"}), http.StatusUnauthorized)
	t.guess(s.hubURL)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		t.refused(t.send(t.CPO1, Call{Method: method, URL: s.hubURL, Body: result, To: t.EMSP1}))
	}
	for _, body := range []string{"[]", `"ACCEPTED"`, "", `{"result":"ACCEPTED","result":"FAILED"}`, `{"result":"ACCEPTED"`} {
		t.refused(t.answer(t.CPO1, s.hubURL, body, t.EMSP1))
	}
	t.pause(quiet)
	t.require(results(s.id) == 0, "EMSP1 got a result that its operator did not send")

	t.atOnce(s)
	t.eventually(t.o.Patience, "the result arrives", func() bool { return results(s.id) > 0 })
	t.httpStatus(t.answer(t.CPO1, s.hubURL, result, t.EMSP1), http.StatusNotFound)
	foreign := bare(t.answer(t.CPO2, s.hubURL, result, t.EMSP1))
	t.equal("answer for a used URL", bare(t.answer(t.CPO1, s.hubURL, result, t.EMSP1)), foreign)
	late := t.overdue()
	t.require(results(s.id) == 1, "EMSP1 got %d results", results(s.id))
	if late == nil {
		t.notef("TIMEOUT is left out: the hub waits for %s", t.o.CommandGrace)
		return
	}
	got := t.EMSP1.Platform.Seen(All(About(late.id), With(http.MethodPost), Of(ocpi.Commands)))
	t.require(len(got) == 1, "EMSP1 got %d results of the command without one", len(got))
	t.equal("result", jsonField(got[0], "result"), "TIMEOUT")
	t.require(got[0].Admitted, "the token is not EMSP1's")
	t.equal("FROM", got[0].From(), t.CPO1.String())
}

// guess posts to URLs that resemble one of the hub.
func (t *T) guess(hubURL string) {
	slash := strings.LastIndexByte(hubURL, '/')
	base, id := hubURL[:slash+1], hubURL[slash+1:]
	t.require(len(id) >= 22, "the hub's URL has %d characters that must be guessed, which is less than 128 bits: %s", len(id), hubURL)
	guesses := []string{
		id[:len(id)-1], id + "A", flip(id, 0), flip(id, len(id)/2), flip(id, len(id)-1), strings.ToLower(id) + "x", "x", "0", "1",
		id + "%00", id + "%20", "%2e%2e", id + "/..", id + "/x", id + ";x", strings.Repeat("A", 300),
		base64.RawURLEncoding.EncodeToString(make([]byte, 16)),
	}
	if upper := strings.ToUpper(id); upper != id {
		guesses = append(guesses, upper)
	}
	for i := range 300 {
		guesses = append(guesses, flip(flip(NewID("")+NewID("")[:len(id)%13], 0), i%5))
	}
	for _, g := range guesses {
		r, err := t.try(t.CPO1.Platform, Call{Method: http.MethodPost, URL: base + g, Body: result, From: t.CPO1, To: t.EMSP1})
		if err == nil {
			t.require(r.HTTP == http.StatusNotFound || r.Status == ocpi.StatusInvalidParameters, "guess %s: %s", g, r)
		}
	}
}

// atOnce posts one result many times at the same time: one is taken.
func (t *T) atOnce(s started) {
	const n = 20
	answers := make(chan *Response, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			body := fmt.Sprintf(`{"result":"ACCEPTED","message":[{"language":"en","text":"%d"}]}`, i)
			r, err := t.try(t.CPO1.Platform, Call{Method: http.MethodPost, URL: s.hubURL, Body: body, From: t.CPO1, To: t.EMSP1})
			if err == nil {
				answers <- r
			}
		})
	}
	wg.Wait()
	close(answers)
	taken := 0
	for r := range answers {
		if r.Status == ocpi.StatusSuccess {
			taken++
			continue
		}
		t.httpStatus(r, http.StatusNotFound)
	}
	t.require(taken == 1, "%d of %d results were taken", taken, n)
}

// overdue starts a command that the operator accepts and never answers, and
// returns when the hub must have said so. nil when that would take too long.
func (t *T) overdue() *started {
	wait := t.o.CommandGrace + t.o.Patience
	if wait > t.o.MaxWait {
		return nil
	}
	id := t.id()
	t.on(t.CPO1, All(About(id), Of(ocpi.Commands)), func(_ *Request, reply *Reply) { reply.Data = `{"result":"ACCEPTED","timeout":0}` })
	s := started{id: id, original: responseURL(t.EMSP1, id)}
	t.ok(t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, s.original, id), t.CPO1)))
	s.hubURL = jsonField(t.receives(t.CPO1, About(id), Of(ocpi.Commands)), "response_url")
	t.eventually(wait, "the hub reports TIMEOUT", func() bool {
		return len(t.EMSP1.Platform.Seen(All(About(id), With(http.MethodPost), Of(ocpi.Commands)))) > 0
	})
	t.httpStatus(t.answer(t.CPO1, s.hubURL, result, t.EMSP1), http.StatusNotFound)
	t.pause(max(quiet, 1500*time.Millisecond)) // a second TIMEOUT would come with the next look of the hub
	return &s
}
