package conform

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/eroam/eroam/ocpi"
)

// checksI: commands and charging profiles. I10 to I13 are in i_profile.go.
func checksI() []Check {
	return []Check{
		must("I01", "13.2", "START_SESSION TO=CPO1 → its response_url is a hub URL, other fields are the same", i01),
		must("I02", "13.2", "CommandResponse (result, timeout, message) → relayed unchanged", i02),
		must("I03", "13.2", "CPO1 POSTs the result to the hub URL → exactly the original response_url gets it, EMSP1's token, TO=EMSP1 FROM=CPO1", i03),
		must("I04", "13.2", "… the body is the bare CommandResult", i04),
		must("I05", "13.2", "… CPO1 gets EMSP1's envelope; EMSP1 down → 4002 or 4003, not tried again", i05),
		must("I06", "13.2", "CPO2 posts to CPO1's hub URL → error, EMSP1 sees nothing", i06),
		must("I07", "13.1", "RESERVE_NOW: ACCEPTED, later CANCELED_RESERVATION on the same URL → both relayed", i07),
		must("I08", "13.2", "two commands at the same time → each result reaches its own response_url", i08),
		must("I09", "13.2", "all five commands can be routed; in 2.3.0 an unknown one as well, with response_url replaced", i09),
		should("I10", "13.2", "the hub is restarted between command and result → the result is still relayed", i10).when(alone),
		must("I11", "14.4", "chargingprofiles GET and DELETE → response_url in the query replaced and encoded, duration kept", i11),
		must("I12", "14.4", "chargingprofiles PUT → response_url in the body replaced; the result POST reaches the original", i12),
		must("I13", "14.4", "CPO1 PUT ActiveChargingProfile TO=EMSP1 → relayed to chargingprofiles SENDER", i13),
	}
}

const result = `{"result":"ACCEPTED","message":[{"language":"en","text":"Started"}]}`

// started is a command on its way: what the eMSP gave as response_url, and what
// the CPO saw instead.
type started struct {
	id       string
	original string
	at       *Request // at the CPO
	hubURL   string
}

// start sends START_SESSION.
func (t *T) start(from, to *Party) started {
	id := t.id()
	s := started{id: id, original: responseURL(from, id)}
	t.ok(t.send(from, command("START_SESSION", startSession(from, s.original, id), to)))
	s.at = t.receives(to, About(id), Of(ocpi.Commands))
	s.hubURL = jsonField(s.at, "response_url")
	t.hubURL(s.hubURL)
	return s
}

// answer POSTs a result to the URL that the CPO got.
func (t *T) answer(from *Party, hubURL, body string, to *Party) *Response {
	return t.send(from, Call{Method: http.MethodPost, URL: hubURL, Body: body, To: to})
}

// gotResult waits until the eMSP has got a POST at its original response_url.
func (t *T) gotResult(at *Party, original string) *Request {
	u, err := url.Parse(original)
	t.require(err == nil, "%v", err)
	return t.receives(at, With(http.MethodPost), func(r *Request) bool { return r.Target == u.RequestURI() })
}

func i01(t *T) {
	s := t.start(t.EMSP1, t.CPO1)
	want := startSession(t.EMSP1, s.hubURL, s.id)
	t.same("body", string(s.at.Body), want)
	t.require(s.hubURL != s.original, "response_url was not replaced")
	t.equal("path", s.at.Path, "/START_SESSION")
}

func i02(t *T) {
	id := t.id()
	data := `{"result":"REJECTED","timeout":37,"message":[{"language":"en","text":"No such EVSE"}]}`
	t.on(t.CPO1, About(id), func(_ *Request, reply *Reply) { reply.Data = data })
	r := t.ok(t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, responseURL(t.EMSP1, id), id), t.CPO1)))
	t.same("data", r.Data.Raw, data)
}

func i03(t *T) {
	s := t.start(t.EMSP1, t.CPO1)
	t.ok(t.answer(t.CPO1, s.hubURL, result, t.EMSP1))
	got := t.gotResult(t.EMSP1, s.original)
	t.equal("FROM", got.From(), t.CPO1.String())
	t.equal("TO", got.To(), t.EMSP1.String())
	t.require(got.Admitted, "the token is not EMSP1's")
}

func i04(t *T) {
	s := t.start(t.EMSP1, t.CPO1)
	t.ok(t.answer(t.CPO1, s.hubURL, result, t.EMSP1))
	t.same("body", string(t.gotResult(t.EMSP1, s.original).Body), result)
}

func i05(t *T) {
	s := t.start(t.EMSP1, t.CPO1)
	t.on(t.EMSP1, About(s.id), func(_ *Request, reply *Reply) { reply.Status, reply.Message = 2003, "said by EMSP1" })
	r := t.answer(t.CPO1, s.hubURL, result, t.EMSP1)
	t.status(r, 2003)
	t.equal("status_message", r.Message, "said by EMSP1")

	down := t.freshEMSP(t.CPO1)
	s = t.start(down, t.CPO1)
	down.Platform.Stop()
	t.status(t.answer(t.CPO1, s.hubURL, result, down), ocpi.StatusHubTimeout, ocpi.StatusHubConnection)
	if err := down.Platform.Start(); err != nil {
		t.failf("%v", err)
	}
	t.pause(max(quiet, min(t.o.StillAlive, t.o.Patience)))
	t.nothingSoFar(About(s.id), down.Platform)
}

func i06(t *T) {
	s := t.start(t.EMSP1, t.CPO1)
	t.refused(t.answer(t.CPO2, s.hubURL, result, t.EMSP1))
	t.nothing(About(s.id), t.EMSP1.Platform)
}

func i07(t *T) {
	id := t.id()
	original := responseURL(t.EMSP1, id)
	body := `{"response_url":` + quote(original) + `,"token":` + token(t.EMSP1, id) +
		`,"expiry_date":"2030-01-01T00:00:00Z","reservation_id":` + quote(id) + `,"location_id":"LOC1"}`
	t.ok(t.send(t.EMSP1, command("RESERVE_NOW", body, t.CPO1)))
	hubURL := jsonField(t.receives(t.CPO1, About(id), Of(ocpi.Commands)), "response_url")
	for _, result := range []string{`{"result":"ACCEPTED"}`, `{"result":"CANCELED_RESERVATION"}`} {
		t.ok(t.answer(t.CPO1, hubURL, result, t.EMSP1))
		t.receives(t.EMSP1, About(id), func(r *Request) bool { return string(r.Body) == result })
	}
}

func i08(t *T) {
	var first, second started
	var wg sync.WaitGroup
	id := t.id()
	starts := make(chan error, 2)
	for _, suffix := range []string{"-a", "-b"} {
		wg.Go(func() {
			c := command("START_SESSION", startSession(t.EMSP1, responseURL(t.EMSP1, id+suffix), id+suffix), t.CPO1)
			c.From = t.EMSP1
			_, err := t.try(t.EMSP1.Platform, c)
			starts <- err
		})
	}
	wg.Wait()
	for range 2 {
		if err := <-starts; err != nil {
			t.failf("%v", err)
		}
	}
	for suffix, s := range map[string]*started{"-a": &first, "-b": &second} {
		s.original = responseURL(t.EMSP1, id+suffix)
		s.hubURL = jsonField(t.receives(t.CPO1, About(id+suffix), Of(ocpi.Commands)), "response_url")
	}
	t.require(first.hubURL != second.hubURL, "both commands got %s", first.hubURL)
	t.ok(t.answer(t.CPO1, second.hubURL, `{"result":"FAILED"}`, t.EMSP1))
	t.ok(t.answer(t.CPO1, first.hubURL, `{"result":"ACCEPTED"}`, t.EMSP1))
	t.equal("result of the first", jsonField(t.gotResult(t.EMSP1, first.original), "result"), "ACCEPTED")
	t.equal("result of the second", jsonField(t.gotResult(t.EMSP1, second.original), "result"), "FAILED")
}

func i09(t *T) {
	send := func(from, to *Party, name string, fields string) {
		id := t.id()
		original := responseURL(from, id)
		body := `{"response_url":` + quote(original) + `,"x_ref":` + quote(id) + fields + `}`
		t.ok(t.send(from, command(name, body, to)))
		got := t.receives(to, About(id), Of(ocpi.Commands))
		t.equal("path", got.Path, "/"+name)
		hubURL := jsonField(got, "response_url")
		t.hubURL(hubURL)
		t.same("body", string(got.Body), with(body, "response_url", quote(hubURL)))
		t.ok(t.answer(to, hubURL, `{"result":"ACCEPTED"}`, from))
		t.gotResult(from, original)
	}
	at := `,"location_id":"LOC1","evse_uid":"E1"`
	tok := `,"token":` + token(t.EMSP1, "T-I09")
	send(t.EMSP1, t.CPO1, "START_SESSION", at+tok)
	send(t.EMSP1, t.CPO1, "STOP_SESSION", `,"session_id":"S1"`)
	send(t.EMSP1, t.CPO1, "RESERVE_NOW", at+tok+`,"expiry_date":"2030-01-01T00:00:00Z","reservation_id":"R1"`)
	send(t.EMSP1, t.CPO1, "CANCEL_RESERVATION", `,"reservation_id":"R1"`)
	send(t.EMSP1, t.CPO1, "UNLOCK_CONNECTOR", at+`,"connector_id":"1"`)
	t.has230()
	send(t.EMSP30, t.CPO30, "WARM_BATTERY", at)
}

// activeProfile is an ActiveChargingProfile.
const activeProfile = `{"start_date_time":"2024-03-01T10:00:00Z","charging_profile":{"charging_rate_unit":"A",` +
	`"charging_profile_period":[{"start_period":0,"limit":16.0}]}}`
