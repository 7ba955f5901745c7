package conform

import (
	"net/http"
	"regexp"

	"github.com/eroam/eroam/ocpi"
)

var anyTime = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z?`)

// withoutTimes replaces every DateTime in a text.
func withoutTimes(s string) string { return anyTime.ReplaceAllString(s, "TIME") }

func t14(t *T) {
	other := t.member() // another platform: its port is not that of the one that redirects
	s := t.sink()
	e := t.freshEMSP(t.CPO1)
	cpo := t.freshCPO(t.EMSP1)
	targets := map[string]func(r *Request) string{
		"another host":     func(*Request) string { return "http://127.0.0.2:" + s.port + "/x" },
		"another port":     func(r *Request) string { return other.BaseURL() + r.Target },
		"https":            func(r *Request) string { return "https://" + r.Host + r.Target },
		"itself":           func(r *Request) string { return "http://" + r.Host + r.Target },
		"without a scheme": func(*Request) string { return "//127.0.0.2:" + s.port + "/x" },
		"a path":           func(*Request) string { return "/elsewhere" },
		"nowhere":          func(*Request) string { return "" },
	}
	for _, code := range []int{300, 301, 302, 303, 305, 307, 308} {
		for name, target := range targets {
			t.notef("given: HTTP %d to %s", code, name)
			redirect := func(r *Request, reply *Reply) {
				reply.HTTP, reply.Body = code, "<a>moved</a>"
				reply.Header = http.Header{"Location": {target(r)}}
			}
			id := t.id()
			stop := []func(){e.Platform.On(About(id), redirect), cpo.Platform.On(About(id), redirect)}
			for _, r := range []*Response{
				t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id+"-1", location(t.CPO1, id+"-1"), e)),
				t.send(t.CPO1, Call{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: cdr(t.CPO1, e, id+"-2"), To: e}),
				t.send(t.EMSP1, Call{Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Sender, Path: "/" + id + "-3", To: cpo}),
				t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, responseURL(t.EMSP1, id), id+"-4"), cpo)),
			} {
				t.require(r.Status/1000 == 4 && (r.HTTP < 300 || r.HTTP >= 400), "want a 4xxx envelope, got %s", r)
				t.equal("Location", r.Header.Get("Location"), "")
			}
			for _, n := range []string{"-1", "-2", "-3", "-4"} {
				got := len(e.Platform.Seen(About(id+n))) + len(cpo.Platform.Seen(About(id+n)))
				t.require(got == 1, "%s was sent %d times", id+n, got)
			}
			for _, f := range stop {
				f()
			}
			t.require(len(other.Seen(About(id))) == 0, "the redirect to another port was followed")
			t.untouched(s, "redirect")
		}
		t.handshakeRedirected(s, other, code)
	}
	t.resultRedirected(s)
}

// handshakeRedirected redirects the call-back of a registration.
func (t *T) handshakeRedirected(s *sink, other *Platform, code int) {
	p := t.newcomer()
	for _, m := range []ocpi.Module{ocpi.VersionsModule, moduleDetails} {
		stop := p.On(Of(m), func(_ *Request, reply *Reply) {
			reply.HTTP, reply.Body = code, "<a>moved</a>"
			reply.Header = http.Header{"Location": {"http://127.0.0.2:" + s.port + "/x"}}
		})
		b, r := t.post(p)
		t.status(r, ocpi.StatusCannotUseClient)
		t.require(len(p.Seen(All(Of(m), func(r *Request) bool { return r.Token == b }))) == 1, "%s was asked for more than once", m)
		stop()
		// To another platform that would answer.
		stop = p.On(Of(m), func(r *Request, reply *Reply) {
			reply.HTTP, reply.Body = code, "<a>moved</a>"
			reply.Header = http.Header{"Location": {other.BaseURL() + r.Target}}
		})
		b, r = t.post(p)
		t.status(r, ocpi.StatusCannotUseClient)
		t.require(len(other.Seen(func(r *Request) bool { return r.Token == b })) == 0, "the call-back followed, with the token")
		stop()
	}
	t.untouched(s, "redirect of a handshake")
}

// resultRedirected redirects the result of a command.
func (t *T) resultRedirected(s *sink) {
	started := t.start(t.EMSP1, t.CPO1)
	t.on(t.EMSP1, All(About(started.id), With(http.MethodPost)), func(_ *Request, reply *Reply) {
		reply.HTTP, reply.Body = http.StatusTemporaryRedirect, "<a>moved</a>"
		reply.Header = http.Header{"Location": {"http://127.0.0.2:" + s.port + "/x"}}
	})
	r := t.answer(t.CPO1, started.hubURL, result, t.EMSP1)
	t.require(r.Status/1000 == 4, "want a 4xxx envelope, got %s", r)
	t.gotResult(t.EMSP1, started.original)
	t.untouched(s, "redirect of a result")
}
