package conform

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

func e26(t *T) {
	id := t.id()
	body := `{"name":"new name","directions":null,"x_unknown":[1],"last_updated":"` + lastUpdated + `"}`
	t.ok(t.send(t.CPO1, Call{
		Method: http.MethodPatch, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: t.CPO1.Path(id), Body: body, To: t.EMSP1,
	}))
	got := t.receives(t.EMSP1, About(id))
	t.equal("method", got.Method, http.MethodPatch)
	t.same("body", string(got.Body), body)
}

func e27(t *T) {
	strange := func(owner *Party, id string) string {
		return with(location(owner, id), "x_new_field", `{"a":1}`, "facilities", `["HOTEL","SPACE_PORT"]`,
			"evses.0.connectors.0.standard", `"CHAOJI_9"`, "evses.0.x_inner", "null")
	}
	id := t.id()
	body := strange(t.CPO1, id)
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, t.EMSP1)))
	t.same("2.2.1 body", string(t.receives(t.EMSP1, About(id)).Body), body)

	t.has230()
	id = t.id()
	body = strange(t.CPO30, id)
	t.ok(t.send(t.CPO30, put(ocpi.Locations, t.CPO30, id, body, t.EMSP30)))
	t.same("2.3.0 body", string(t.receives(t.EMSP30, About(id)).Body), body)

	id = t.id()
	t.ok(t.send(t.CPO30, put(ocpi.Locations, t.CPO30, id, strange(t.CPO30, id), t.Hub)))
	t.receives(t.EMSP30, About(id))
}

func e28(t *T) {
	for _, to := range []*Party{t.EMSP1, t.Hub} {
		id := t.id()
		c := put(ocpi.Locations, t.CPO2, id, location(t.CPO2, id), to)
		c.From = t.CPO1
		r := t.as(t.CPO1.Platform, c)
		t.require(r.HTTP == http.StatusNotFound || r.Status/1000 == 2, "want HTTP 404 or status 2xxx, got %s", r)
		t.nothing(About(id))
	}
}

// e29 sends 200 requests at once, from five senders to three receivers. Each
// receiver says in its answer which object it was asked for.
func e29(t *T) {
	prefix := t.id()
	for _, p := range []*Party{t.CPO1, t.CPO2} {
		t.on(p, All(At(ocpi.Locations, ocpi.Sender), About(prefix)), func(r *Request, reply *Reply) {
			reply.HTTP, reply.Status, reply.Message = http.StatusOK, ocpi.StatusSuccess, ""
			reply.Data = location(t.CPO1, r.Path[1:])
			reply.Delay = time.Duration(len(r.RequestID())%7) * 5 * time.Millisecond
		})
	}
	routes := [][2]*Party{
		{t.EMSP1, t.CPO1}, {t.EMSP2, t.CPO1}, {t.NSP1, t.CPO1}, {t.OTHER1, t.CPO1},
		{t.EMSP1, t.CPO2}, {t.NSP1, t.CPO2}, {t.OTHER1, t.CPO2}, {t.EMSP3, t.CPO2},
	}
	const n = 200
	crossed := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			from, to := routes[i%len(routes)][0], routes[i%len(routes)][1]
			crossed[i] = t.ask(from, to, fmt.Sprintf("%s-%d", prefix, i))
		})
	}
	wg.Wait()
	for _, err := range crossed {
		if err != nil {
			t.failf("%v", err)
		}
	}
	t.notef("%d answers reached who had asked", n)
}

// ask makes one of the concurrent requests. A hub may ask for patience with
// HTTP 429; the answer must still carry the ids of its request.
func (t *T) ask(from, to *Party, id string) error {
	for end := time.Now().Add(20 * time.Second); ; {
		c := withIDs(Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id, From: from, To: to}, NewID("x"))
		r, err := t.client.do(t.ctx, from.Platform, c)
		switch {
		case err != nil:
			return err
		case r.Header.Get(ocpi.HeaderCorrelationID) != c.CorrelationID || r.Header.Get(ocpi.HeaderRequestID) != c.RequestID:
			return fmt.Errorf("the answer to %s carries the ids of another request: %v", id, r.Header)
		case (r.HTTP == http.StatusTooManyRequests || r.HTTP == http.StatusServiceUnavailable || r.Status/1000 == 4) && time.Now().Before(end):
			time.Sleep(50 * time.Millisecond)
			continue
		case r.Status != ocpi.StatusSuccess:
			return fmt.Errorf("asking for %s: %s", id, r)
		case r.Data.Get("id").String() != id:
			return fmt.Errorf("asked for %s and got the answer for %s", id, r.Data.Get("id"))
		}
		return nil
	}
}

func e30(t *T) {
	id := t.id()
	t.ok(t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, id, tariff(t.CPO1, id), t.EMSP1)))
	t.receives(t.EMSP1, About(id))
	t.ok(t.send(t.CPO1, Call{Method: http.MethodDelete, Module: ocpi.Tariffs, Interface: ocpi.Receiver, Path: t.CPO1.Path(id), To: t.EMSP1}))
	got := t.receives(t.EMSP1, About(id), With(http.MethodDelete))
	t.equal("path", got.Path, t.CPO1.Path(id))
}

func e31(t *T) {
	id := t.id()
	preferences := Call{
		Method: http.MethodPut, Module: ocpi.Sessions, Interface: ocpi.Sender, Path: "/" + id + "/charging_preferences",
		Body: `{"profile_type":"CHEAP","departure_time":"2024-03-01T18:00:00Z"}`, To: t.CPO1,
	}
	t.on(t.CPO1, About(id), func(_ *Request, reply *Reply) { reply.Data = `"DEPARTURE_REQUIRED"` })
	r := t.ok(t.send(t.EMSP1, preferences))
	t.equal("data", r.Data.Raw, `"DEPARTURE_REQUIRED"`)
	t.same("body", string(t.receives(t.CPO1, About(id)).Body), preferences.Body)

	t.on(t.CPO1, About(id), func(_ *Request, reply *Reply) {
		reply.HTTP, reply.Status, reply.Data = http.StatusNotFound, ocpi.StatusInvalidParameters, ""
	})
	r = t.send(t.EMSP1, preferences)
	t.httpStatus(r, http.StatusNotFound)
	t.status(r, ocpi.StatusInvalidParameters)
}
