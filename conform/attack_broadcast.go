package conform

import (
	"net/http"

	"github.com/eroam/eroam/ocpi"
)

func t19(t *T) {
	t.has(t.Stranger)
	audience := func(p *Party) []*Platform {
		var out []*Platform
		for _, q := range t.Platforms {
			if p == nil || q != p.Platform {
				out = append(out, q)
			}
		}
		return out
	}
	// Sessions and CDRs: at most the provider of the driver gets them.
	postCDR := func(body string, to *Party) Call {
		return Call{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: body, To: to}
	}
	for _, driver := range []*Party{t.EMSP1, t.EMSP2} {
		sid, cid := t.id(), t.id()
		t.send(t.CPO1, put(ocpi.Sessions, t.CPO1, sid, session(t.CPO1, driver, sid), t.Hub))
		t.send(t.CPO1, postCDR(cdr(t.CPO1, driver, cid), t.Hub))
		t.nothing(func(r *Request) bool { return About(sid)(r) || About(cid)(r) }, audience(driver)...)
	}
	// Of a driver whose provider is unknown, has no agreement, is the sender or the hub.
	for _, driver := range []*Party{{CountryCode: "ZZ", ID: "ZZZ"}, t.Stranger, t.CPO1, t.Hub} {
		sid, cid := t.id(), t.id()
		t.refused(t.send(t.CPO1, put(ocpi.Sessions, t.CPO1, sid, session(t.CPO1, driver, sid), t.Hub)))
		t.refused(t.send(t.CPO1, postCDR(cdr(t.CPO1, driver, cid), t.Hub)))
		t.nothing(func(r *Request) bool { return About(sid)(r) || About(cid)(r) })
	}
	t.neverBroadcast()
	t.broadcastEnds()
}

// neverBroadcast sends to the hub what has one receiver by nature.
func (t *T) neverBroadcast() {
	id := t.id()
	for _, name := range []string{"START_SESSION", "STOP_SESSION", "RESERVE_NOW", "CANCEL_RESERVATION", "UNLOCK_CONNECTOR"} {
		t.refused(t.send(t.EMSP1, command(name, startSession(t.EMSP1, responseURL(t.EMSP1, id), id), t.Hub)))
	}
	t.refused(t.send(t.EMSP1, profile(http.MethodDelete, id, profileURL(t.EMSP1, id), t.Hub)))
	t.refused(t.send(t.CPO1, Call{
		Method: http.MethodPut, Module: ocpi.ChargingProfiles, Interface: ocpi.Sender, Path: "/" + id, Body: activeProfile, To: t.Hub,
	}))
	t.refused(t.send(t.EMSP1, Call{
		Method: http.MethodPut, Module: ocpi.Sessions, Interface: ocpi.Sender, Path: "/" + id + "/charging_preferences",
		Body: `{"profile_type":"FAST"}`, To: t.Hub,
	}))
	if t.CPO30 != nil && t.EMSP30 != nil {
		for _, booking := range t.bookings() {
			c := booking.call(t.CPO30, t.CPO30, id)
			c.To = t.Hub
			t.refused(t.send(t.CPO30, c))
		}
	}
	t.nothing(About(id))
}

// broadcastEnds publishes as parties of the check's own: what they publish
// reaches those who have an agreement with them, and nobody else.
func (t *T) broadcastEnds() {
	e := t.freshEMSP(t.CPO1)
	c := t.freshCPO(t.EMSP1)
	for _, x := range []struct {
		from, reaches *Party
		module        ocpi.Module
		body          func(*Party, string) string
	}{
		{e, t.CPO1, ocpi.Tokens, token},
		{c, t.EMSP1, ocpi.Locations, location},
		{c, t.EMSP1, ocpi.Tariffs, tariff},
	} {
		id := t.id()
		t.ok(t.send(x.from, put(x.module, x.from, id, x.body(x.from, id), t.Hub)))
		t.receives(x.reaches, About(id))
		var others []*Platform
		for _, p := range t.Platforms {
			if p != x.reaches.Platform {
				others = append(others, p)
			}
		}
		t.nothing(About(id), append(others, e.Platform, c.Platform)...)
	}
}
