package conform

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

// t09: a party that knows ids of others gets no more out of them than out of
// ids that nobody has.
func t09(t *T) {
	t.has(t.Stranger)
	w := newWindow()
	loc, tar, ses, cd, tok := t.id(), t.id(), t.id(), t.id(), t.id()
	at := func(body string, n int) string { return with(body, "last_updated", quote(w.at(n))) }
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, loc, at(location(t.CPO1, loc), 0), t.Hub)))
	t.ok(t.send(t.CPO1, put(ocpi.Tariffs, t.CPO1, tar, at(tariff(t.CPO1, tar), 1), t.Hub)))
	t.ok(t.send(t.CPO1, put(ocpi.Sessions, t.CPO1, ses, at(session(t.CPO1, t.EMSP2, ses), 2), t.Hub)))
	posted := t.ok(t.send(t.CPO1, Call{
		Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: at(cdr(t.CPO1, t.EMSP2, cd), 3), To: t.Hub,
	}))
	t.ok(t.send(t.EMSP2, put(ocpi.Tokens, t.EMSP2, tok, at(token(t.EMSP2, tok), 4), t.Hub)))
	t.lists(w, map[ocpi.Module]string{ocpi.Locations: loc, ocpi.Tariffs: tar, ocpi.Sessions: ses, ocpi.CDRs: cd, ocpi.Tokens: tok})

	call := func(method string, m ocpi.Module, i ocpi.Interface, path string) Call {
		c := Call{Method: method, Module: m, Interface: i, Path: path, To: t.Hub}
		switch method {
		case http.MethodPatch:
			c.Body = `{"last_updated":"` + lastUpdated + `"}`
		case http.MethodPut:
			c.Body = location(t.CPO1, path[strings.LastIndexByte(path, '/')+1:])
		}
		return c
	}
	for _, x := range []struct {
		who    *Party
		id     string
		module ocpi.Module
		iface  ocpi.Interface
		owner  *Party // "" in the path when nil
		to     *Party // instead of the hub
	}{
		{t.Stranger, loc, ocpi.Locations, ocpi.Sender, nil, t.Hub},
		{t.Stranger, loc, ocpi.Locations, ocpi.Sender, nil, t.CPO1},
		{t.CPO2, loc, ocpi.Locations, ocpi.Receiver, t.CPO1, t.Hub},
		{t.CPO2, tar, ocpi.Tariffs, ocpi.Receiver, t.CPO1, t.Hub},
		{t.CPO2, ses, ocpi.Sessions, ocpi.Receiver, t.CPO1, t.Hub},
		{t.EMSP1, ses, ocpi.Sessions, ocpi.Receiver, t.CPO1, t.Hub},
		{t.EMSP1, tok, ocpi.Tokens, ocpi.Receiver, t.EMSP2, t.Hub},
		{t.Stranger, tok, ocpi.Tokens, ocpi.Receiver, t.EMSP2, t.Hub},
		{t.CPO2, cd, ocpi.CDRs, ocpi.Receiver, nil, t.Hub},
		{t.EMSP1, cd, ocpi.CDRs, ocpi.Receiver, nil, t.Hub},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			unknown := t.id()
			var said [2]string
			for i, id := range []string{x.id, unknown} {
				path := "/" + id
				if x.owner != nil {
					path = x.owner.Path(id)
				}
				c := call(method, x.module, x.iface, path)
				c.To = x.to
				r := t.refused(t.send(x.who, c))
				said[i] = r.Header.Get("Location") + strings.ReplaceAll(bare(r), id, "ID")
			}
			t.equal("answer for a foreign id, beside one for an unknown id", said[0], said[1])
		}
	}
	t.location(posted)
	t.stopForeign(ses)
	t.unchanged(ocpi.Locations, t.CPO1, loc, at(location(t.CPO1, loc), 0))
	t.unchanged(ocpi.Tariffs, t.CPO1, tar, at(tariff(t.CPO1, tar), 1))
	t.unchanged(ocpi.Tokens, t.EMSP2, tok, at(token(t.EMSP2, tok), 4))
}

// lists walks every list to its end: who has no part in an object does not see
// it, and the count is of what he sees.
func (t *T) lists(w window, ids map[ocpi.Module]string) {
	for _, x := range []struct {
		viewer *Party
		module ocpi.Module
		sees   bool
	}{
		{t.EMSP1, ocpi.Locations, true}, {t.EMSP1, ocpi.Tariffs, true}, {t.EMSP2, ocpi.Sessions, true}, {t.EMSP2, ocpi.CDRs, true},
		{t.CPO1, ocpi.Tokens, true}, {t.Stranger, ocpi.Locations, false}, {t.Stranger, ocpi.Tariffs, false},
		{t.EMSP1, ocpi.Sessions, false}, {t.EMSP1, ocpi.CDRs, false}, {t.EMSP3, ocpi.CDRs, false},
	} {
		c := list(x.module, w.query()+"&limit=1", t.Hub)
		c.From = x.viewer
		all := t.follow(x.viewer.Platform, c)
		want := 0
		if x.sees {
			want = 1
		}
		t.require(len(all.items) == want, "%s sees %d of %s, want %d", x.viewer, len(all.items), x.module, want)
		t.equal("X-Total-Count", all.responses[0].Header.Get(ocpi.HeaderTotalCount), []string{"0", "1"}[want])
		if !x.sees {
			t.require(!strings.Contains(string(all.responses[0].Body), ids[x.module]), "%s sees %s", x.viewer, ids[x.module])
		}
	}
}

// location tries the URL under which a CDR was stored with other tokens.
func (t *T) location(posted *Response) {
	u := posted.Header.Get("Location")
	if u == "" {
		return
	}
	t.hubURL(u)
	last := u[len(u)-1]
	other := byte('A')
	if last == other {
		other = 'B'
	}
	for _, who := range []*Party{t.CPO2, t.EMSP1, t.EMSP2} {
		foreign := t.refused(t.send(who, Call{Method: http.MethodGet, URL: u}))
		unknown := t.refused(t.send(who, Call{Method: http.MethodGet, URL: u[:len(u)-1] + string(other)}))
		t.equal("answer for a foreign URL", bare(foreign), bare(unknown))
	}
}

// stopForeign tries to stop a session by its id alone.
func (t *T) stopForeign(sessionID string) {
	said := map[string]string{}
	for _, id := range []string{sessionID, t.id()} {
		ref := t.id()
		body := `{"response_url":` + quote(responseURL(t.Stranger, ref)) + `,"session_id":` + quote(id) + `}`
		r := t.refused(t.send(t.Stranger, command("STOP_SESSION", body, nil)))
		t.nothingSoFar(About(ref))
		said[id] = bare(r)
	}
	for id, s := range said {
		t.equal("answer for "+id, s, said[sessionID])
	}
}

// unchanged fails unless the hub has the object as its owner published it.
func (t *T) unchanged(m ocpi.Module, owner *Party, id, want string) {
	r := t.ok(t.send(owner, Call{Method: http.MethodGet, Module: m, Interface: ocpi.Receiver, Path: owner.Path(id), To: t.Hub}))
	t.same("stored object", r.Data.Raw, want)
}

// t18: next links belong to one party, and can be used more than once.
func t18(t *T) {
	w := newWindow()
	t.publish(w, 4, t.CPO1)
	first := t.getAll(t.EMSP1, w.query()+"&limit=2")
	next := t.nextOf(first)
	page := func(who *Party, u string) *Response {
		return t.send(who, Call{Method: http.MethodGet, URL: u, To: t.Hub})
	}
	want := t.ok(page(t.EMSP1, next))
	t.equal("the same page again", bare(t.ok(page(t.EMSP1, next))), bare(want))
	t.equal("X-Total-Count", want.Header.Get(ocpi.HeaderTotalCount), "4")

	others := []*Party{t.EMSP2, t.EMSP3, t.NSP1, t.CPO1}
	if t.Stranger != nil {
		others = append(others, t.Stranger)
	}
	for _, who := range others {
		r := t.refused(page(who, next))
		for _, id := range idsOf(want) {
			t.require(!strings.Contains(string(r.Body), id), "%s reads %s", who, id)
		}
	}
	t.httpStatus(t.as(t.EMSP1.Platform, Call{Method: http.MethodGet, URL: next, Authorization: "-", To: t.Hub, From: t.EMSP1}), http.StatusUnauthorized)
	for _, u := range tampered(next) {
		r := page(t.EMSP1, u)
		t.require(r.HTTP >= 400 || r.Status == ocpi.StatusInvalidParameters, "%s is answered with %s", u, r)
	}

	// A link of a partner that the hub stands in for.
	target, relayed := t.paged()
	link := t.nextOf(relayed)
	one := t.ok(t.send(t.EMSP1, Call{Method: http.MethodGet, URL: link, To: t.CPO1}))
	two := t.ok(t.send(t.EMSP1, Call{Method: http.MethodGet, URL: link, To: t.CPO1}))
	t.equal("the partner's page again", one.Data.Raw, two.Data.Raw)
	asked := func() int { return len(t.CPO1.Platform.Seen(func(r *Request) bool { return r.Target == target })) }
	before := asked()
	for _, who := range others {
		t.refused(t.send(who, Call{Method: http.MethodGet, URL: link, To: t.CPO1}))
	}
	for _, u := range []string{link + "x", link[:len(link)-1], link + "/x", link + "/..", link + "%00"} {
		t.refused(t.send(t.EMSP1, Call{Method: http.MethodGet, URL: u, To: t.CPO1}))
	}
	t.refused(t.send(t.EMSP1, Call{Method: http.MethodPost, URL: link, Body: `{"result":"ACCEPTED"}`, To: t.CPO1}))
	t.pause(quiet)
	t.require(asked() == before, "CPO1 was asked for the page %d times more", asked()-before)
}

// tampered changes the cursor in a next link in every way that is not the
// client's right: the part of the query that is neither a filter nor a limit.
func tampered(next string) []string {
	u, err := url.Parse(next)
	if err != nil {
		return nil
	}
	var out []string
	for name, values := range u.Query() {
		switch name {
		case "date_from", "date_to", "limit", "offset":
			continue
		}
		c := values[0]
		for _, v := range []string{
			"", c + "A", c[:len(c)-1], c[:len(c)/2], flip(c, 0), flip(c, len(c)/2), flip(c, len(c)-2), strings.ToUpper(c) + "=",
			"0", "-1", "../../x", c + "%00", strings.Repeat("A", 5000),
		} {
			q := u.Query()
			q.Set(name, v)
			changed := *u
			changed.RawQuery = q.Encode()
			out = append(out, changed.String())
		}
		q := u.Query()
		q.Add(name, c)
		twice := *u
		twice.RawQuery = q.Encode()
		out = append(out, twice.String())
	}
	return out
}

// flip replaces one character.
func flip(s string, i int) string {
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}
