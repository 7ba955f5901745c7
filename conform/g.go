package conform

import (
	"net/http"

	"github.com/eroam/eroam/ocpi"
)

// checksG: open routing.
func checksG() []Check {
	return []Check{
		must("G01", "4.1.8.4", "CPO1 authorize without TO, the token is known from EMSP2 → forwarded with TO=EMSP2 FROM=CPO1", g01),
		must("G02", "4.1.8.4", "… the answer has TO=CPO1 FROM=EMSP2", g02),
		must("G03", "4.1.8.4", "CDR POST or session PUT without TO → only the party of its cdr_token receives it", g03),
		must("G04", "4.1.8.4", "session PATCH without TO and cdr_token, after a PUT → same party", g04),
		should("G05", "4.1.8.4", "START_SESSION without TO, location known from one CPO → that CPO; STOP_SESSION by a known session likewise", g05),
		must("G06", "4.1.8.4", "two CPOs own the location id → error, nothing sent to either", g06),
		must("G07", "4.1.8.4", "the receiver cannot be known → every eligible party gets it, or not 1000", g07),
		should("G08", "4.1.8.4", "list GET without TO → refused (2xxx, 4xxx)", g08),
		must("G09", "12.2", "same uid, RFID of EMSP1 and APP_USER of EMSP2 → authorize goes by type, RFID when there is none", g09),
		must("G10", "12.2", "no eMSP knows the uid → never ALLOWED; 404 with 2004, or 4xxx", g10),
	}
}

// authorize asks whether a token may charge.
func authorize(uid, query string, to *Party) Call {
	return Call{Method: http.MethodPost, Module: ocpi.Tokens, Interface: ocpi.Sender, Path: "/" + uid + "/authorize", Query: query, To: to}
}

// published pushes a token of an eMSP to the hub and waits until a CPO has it.
func (t *T) publishToken(owner *Party, uid string) {
	t.ok(t.send(owner, put(ocpi.Tokens, owner, uid, token(owner, uid), t.Hub)))
}

func g01(t *T) {
	uid := t.id()
	t.publishToken(t.EMSP2, uid)
	r := t.ok(t.send(t.CPO1, authorize(uid, "", nil)))
	got := t.receives(t.EMSP2, About(uid), With(http.MethodPost))
	t.equal("FROM", got.From(), t.CPO1.String())
	t.equal("allowed", r.Data.Get("allowed").String(), "ALLOWED")
	t.never(All(About(uid), With(http.MethodPost)), t.EMSP1, t.EMSP3, t.OTHER1)
}

func g02(t *T) {
	uid := t.id()
	t.publishToken(t.EMSP2, uid)
	r := t.ok(t.send(t.CPO1, authorize(uid, "", nil)))
	t.equal("TO of the answer", r.To(), t.CPO1.String())
	t.equal("FROM of the answer", r.From(), t.EMSP2.String())
}

func g03(t *T) {
	sid, cid := t.id(), t.id()
	for id, c := range map[string]Call{
		sid: put(ocpi.Sessions, t.CPO1, sid, session(t.CPO1, t.EMSP1, sid), nil),
		cid: {Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: cdr(t.CPO1, t.EMSP1, cid)},
	} {
		t.ok(t.send(t.CPO1, c))
		got := t.receives(t.EMSP1, About(id))
		t.equal("FROM", got.From(), t.CPO1.String())
		t.never(About(id), t.EMSP2, t.EMSP3, t.TwofoldEMSP, t.NSP1, t.OTHER1)
		t.require(len(t.EMSP1.Platform.Seen(About(id))) == 1, "EMSP1's platform got %s more than once", id)
	}
}

func g04(t *T) {
	id := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Sessions, t.CPO1, id, session(t.CPO1, t.EMSP1, id), nil)))
	t.receives(t.EMSP1, About(id), With(http.MethodPut))
	t.ok(t.send(t.CPO1, Call{
		Method: http.MethodPatch, Module: ocpi.Sessions, Interface: ocpi.Receiver, Path: t.CPO1.Path(id),
		Body: `{"kwh":4.5,"last_updated":"2024-03-01T10:05:00Z"}`,
	}))
	t.receives(t.EMSP1, About(id), With(http.MethodPatch))
	t.never(About(id), t.EMSP2, t.EMSP3, t.TwofoldEMSP)
}

func g05(t *T) {
	loc := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, loc, location(t.CPO1, loc), t.Hub)))
	t.ok(t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, responseURL(t.EMSP1, loc), loc), nil)))
	t.receives(t.CPO1, About(loc), Of(ocpi.Commands))
	t.nothing(All(About(loc), Of(ocpi.Commands)), t.CPO2.Platform)

	sid := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Sessions, t.CPO1, sid, session(t.CPO1, t.EMSP1, sid), t.EMSP1)))
	stop := `{"response_url":` + quote(responseURL(t.EMSP1, sid)) + `,"session_id":` + quote(sid) + `}`
	t.ok(t.send(t.EMSP1, command("STOP_SESSION", stop, nil)))
	t.receives(t.CPO1, About(sid), Of(ocpi.Commands))
	t.nothing(All(About(sid), Of(ocpi.Commands)), t.CPO2.Platform)
}

func g06(t *T) {
	loc := t.id()
	for _, owner := range []*Party{t.CPO1, t.CPO2} {
		t.ok(t.send(owner, put(ocpi.Locations, owner, loc, location(owner, loc), t.Hub)))
	}
	t.refused(t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, responseURL(t.EMSP1, loc), loc), nil)))
	t.nothing(All(About(loc), Of(ocpi.Commands)))
}

func g07(t *T) {
	loc := t.id()
	r := t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, responseURL(t.EMSP1, loc), loc), nil))
	if r.Status != ocpi.StatusSuccess {
		return
	}
	for _, p := range []*Party{t.CPO1, t.CPO2, t.TwofoldCPO} {
		t.receives(p, About(loc), Of(ocpi.Commands))
	}
}

func g08(t *T) {
	id := t.id()
	r := t.send(t.EMSP1, list(ocpi.Locations, "x="+id, nil))
	t.require(r.Status/1000 == 2 || r.Status/1000 == 4, "want status 2xxx or 4xxx, got %s", r)
	t.nothing(About(id))
}

func g09(t *T) {
	uid := t.id()
	t.publishToken(t.EMSP1, uid)
	app := put(ocpi.Tokens, t.EMSP2, uid, with(token(t.EMSP2, uid), "type", `"APP_USER"`), t.Hub)
	app.Query = "type=APP_USER"
	t.ok(t.send(t.EMSP2, app))

	asked := All(About(uid), With(http.MethodPost))
	t.ok(t.send(t.CPO1, authorize(uid, "", nil)))
	t.receives(t.EMSP1, asked)
	t.never(asked, t.EMSP2)
	t.ok(t.send(t.CPO1, authorize(uid, "type=APP_USER", nil)))
	t.receives(t.EMSP2, asked)
	t.require(len(t.EMSP1.Platform.Seen(asked)) == 1, "EMSP1 was asked about the APP_USER token")
}

func g10(t *T) {
	uid := t.id()
	for _, p := range t.Platforms {
		t.cleanup = append(t.cleanup, p.On(All(About(uid), With(http.MethodPost)), func(_ *Request, reply *Reply) {
			reply.HTTP, reply.Status, reply.Data = http.StatusNotFound, ocpi.StatusUnknownToken, ""
		}))
	}
	r := t.send(t.CPO1, authorize(uid, "", nil))
	t.require(r.Data.Get("allowed").String() != "ALLOWED", "ALLOWED: %s", r)
	t.require(r.HTTP == http.StatusNotFound && r.Status == ocpi.StatusUnknownToken || r.Status/1000 == 4,
		"want HTTP 404 with 2004, or 4xxx, got %s", r)
}
