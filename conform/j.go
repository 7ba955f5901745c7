package conform

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// checksJ: CDRs and real-time authorisation.
func checksJ() []Check {
	return []Check{
		must("J01", "10.2", "CDR POST TO=EMSP1, answered with Location → CPO1 gets a hub Location, same HTTP status", j01),
		must("J02", "10.2", "CPO1 GETs it → EMSP1's own URL is called, the CDR comes back; CPO2 GETs it → error", j02),
		must("J03", "10.1", "credit CDR → credit fields and negative amounts arrive as they were sent", j03),
		must("J04", "12.2", "the eMSP answers HTTP 404 with 2004, or 2002 → the CPO sees the same pair", j04),
		must("J05", "12.2", "authorize with an empty body → forwarded; AuthorizationInfo with authorization_reference unchanged", j05),
	}
}

func postCDR(body string, to *Party) Call {
	return Call{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: body, To: to}
}

// stored makes EMSP1 answer a CDR with HTTP 201 and a Location of its own.
func (t *T) stored() (id, own string, r *Response) {
	id = t.id()
	own = t.EMSP1.Platform.EndpointURL(ocpi.V221, ocpi.CDRs, ocpi.Receiver) + "/kept/" + id + "?v=1%2F2"
	t.on(t.EMSP1, All(About(id), With(http.MethodPost)), func(_ *Request, reply *Reply) {
		reply.HTTP = http.StatusCreated
		reply.Header.Set("Location", own)
	})
	return id, own, t.ok(t.send(t.CPO1, postCDR(cdr(t.CPO1, t.EMSP1, id), t.EMSP1)))
}

func j01(t *T) {
	_, own, r := t.stored()
	t.httpStatus(r, http.StatusCreated)
	where := r.Header.Get("Location")
	t.hubURL(where)
	t.require(where != own, "Location was not replaced")
}

func j02(t *T) {
	id, own, r := t.stored()
	body := cdr(t.CPO1, t.EMSP1, id)
	t.on(t.EMSP1, All(About(id), With(http.MethodGet)), func(_ *Request, reply *Reply) {
		reply.HTTP, reply.Status, reply.Data = http.StatusOK, ocpi.StatusSuccess, body
	})
	where := r.Header.Get("Location")
	t.hubURL(where)
	u, err := url.Parse(own)
	t.require(err == nil, "%v", err)
	fetched := All(With(http.MethodGet), func(r *Request) bool { return r.Target == u.RequestURI() })

	t.refused(t.send(t.CPO2, Call{Method: http.MethodGet, URL: where, To: t.EMSP1}))
	t.nothing(fetched, t.EMSP1.Platform)

	got := t.ok(t.send(t.CPO1, Call{Method: http.MethodGet, URL: where, To: t.EMSP1}))
	t.same("CDR", got.Data.Raw, body)
	t.arrives(t.EMSP1.Platform, fetched)
}

func j03(t *T) {
	id := t.id()
	original := t.id()
	charged := cdr(t.CPO1, t.EMSP1, original)
	t.ok(t.send(t.CPO1, postCDR(charged, t.EMSP1)))
	body := with(charged, "id", `"`+id+`"`, "credit", "true", "credit_reference_id", `"`+original+`"`,
		"total_cost", `{"excl_vat":-10.00,"incl_vat":-12.00}`)
	t.ok(t.send(t.CPO1, postCDR(body, t.EMSP1)))
	got := t.receives(t.EMSP1, About(id))
	t.same("body", string(got.Body), body)
	for _, part := range []string{`"credit":true`, original, `-10.00`, `-12.00`} {
		t.require(strings.Contains(string(got.Body), part), "%s is spelled otherwise in %s", part, short(string(got.Body)))
	}
}

func j04(t *T) {
	for _, answer := range []Reply{
		{HTTP: http.StatusNotFound, Status: ocpi.StatusUnknownToken},
		{HTTP: http.StatusOK, Status: ocpi.StatusNotEnoughInfo},
	} {
		uid := t.id()
		t.on(t.EMSP1, About(uid), func(_ *Request, reply *Reply) {
			reply.HTTP, reply.Status, reply.Data = answer.HTTP, answer.Status, ""
		})
		r := t.send(t.CPO1, authorize(uid, "", t.EMSP1))
		t.httpStatus(r, answer.HTTP)
		t.status(r, answer.Status)
	}
}

func j05(t *T) {
	uid := t.id()
	info := `{"allowed":"ALLOWED","token":` + token(t.EMSP1, uid) + `,"authorization_reference":"AR-` + uid + `","info":{"language":"en","text":"Welcome"}}`
	t.on(t.EMSP1, About(uid), func(_ *Request, reply *Reply) { reply.Data = info })
	r := t.ok(t.send(t.CPO1, authorize(uid, "", t.EMSP1)))
	got := t.receives(t.EMSP1, About(uid))
	t.require(len(got.Body) == 0, "a body was added: %s", short(string(got.Body)))
	t.same("data", r.Data.Raw, info)
}
