package conform

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

func i10(t *T) {
	if t.o.Restart == nil {
		t.skip("this run cannot restart the hub")
	}
	s := t.start(t.EMSP1, t.CPO1)
	if err := t.o.Restart(t.ctx); err != nil {
		t.failf("restarting the hub: %v", err)
	}
	t.notef("the hub was killed and started again")
	t.ok(t.answer(t.CPO1, s.hubURL, result, t.EMSP1))
	t.same("body", string(t.gotResult(t.EMSP1, s.original).Body), result)
}

// profileURL is a callback for the results of charging profiles.
func profileURL(p *Party, id string) string {
	return p.Platform.EndpointURL(p.Platform.Version, ocpi.ChargingProfiles, ocpi.Sender) + "/answer/" + id + "?ref=a%2Fb&n=1"
}

func i11(t *T) {
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		id := t.id()
		original := profileURL(t.EMSP1, id)
		query := "response_url=" + url.QueryEscape(original)
		if method == http.MethodGet {
			query = "duration=900&" + query
		}
		t.ok(t.send(t.EMSP1, Call{
			Method: method, Module: ocpi.ChargingProfiles, Interface: ocpi.Receiver, Path: "/" + id, Query: query, To: t.CPO1,
		}))
		got := t.receives(t.CPO1, About(id), With(method))
		t.equal("path", got.Path, "/"+id)
		hubURL := got.Query.Get("response_url")
		t.hubURL(hubURL)
		_, raw, _ := strings.Cut(got.Target, "?")
		t.require(!strings.Contains(raw, "://"), "response_url is not percent-encoded: %s", raw)
		if method == http.MethodGet {
			t.equal("duration", got.Query.Get("duration"), "900")
		}
		body := `{"result":"ACCEPTED"}`
		t.ok(t.answer(t.CPO1, hubURL, body, t.EMSP1))
		t.same("body", string(t.gotResult(t.EMSP1, original).Body), body)
	}
}

func i12(t *T) {
	id := t.id()
	original := profileURL(t.EMSP1, id)
	body := `{"charging_profile":{"charging_rate_unit":"W","min_charging_rate":11.50},"response_url":` + quote(original) + `}`
	t.ok(t.send(t.EMSP1, Call{
		Method: http.MethodPut, Module: ocpi.ChargingProfiles, Interface: ocpi.Receiver, Path: "/" + id, Body: body, To: t.CPO1,
	}))
	got := t.receives(t.CPO1, About(id), With(http.MethodPut))
	hubURL := jsonField(got, "response_url")
	t.hubURL(hubURL)
	t.same("body", string(got.Body), with(body, "response_url", quote(hubURL)))
	t.ok(t.answer(t.CPO1, hubURL, `{"result":"REJECTED"}`, t.EMSP1))
	t.equal("result", jsonField(t.gotResult(t.EMSP1, original), "result"), "REJECTED")
}

func i13(t *T) {
	id := t.id()
	t.ok(t.send(t.CPO1, Call{
		Method: http.MethodPut, Module: ocpi.ChargingProfiles, Interface: ocpi.Sender, Path: "/" + id, Body: activeProfile, To: t.EMSP1,
	}))
	got := t.receives(t.EMSP1, About(id), At(ocpi.ChargingProfiles, ocpi.Sender))
	t.equal("method", got.Method, http.MethodPut)
	t.equal("path", got.Path, "/"+id)
	t.same("body", string(got.Body), activeProfile)
}
