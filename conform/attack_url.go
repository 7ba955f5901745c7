package conform

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/eroam/eroam/ocpi"
)

// sink listens where the hub must never connect to: on the port of one number
// at several addresses of this machine.
type sink struct {
	port  string
	hits  atomic.Int64
	first sync.Map // address → what came in
}

// sink starts one. The platforms of the suite are at 127.0.0.1, so a hub that
// is checked must be allowed to connect to that address only.
func (t *T) sink() *sink {
	s := &sink{}
	ln, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.skip("this machine has no second loopback address: " + err.Error())
	}
	_, s.port, _ = net.SplitHostPort(ln.Addr().String())
	t.serve(s, ln)
	for _, host := range []string{"127.0.0.1", "::1"} {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, s.port)); err == nil {
			t.serve(s, ln)
		}
	}
	return s
}

func (t *T) serve(s *sink, ln net.Listener) {
	t.cleanup = append(t.cleanup, func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.hits.Add(1)
			s.first.Store(ln.Addr().String(), true)
			_ = conn.Close()
		}
	}()
}

// untouched fails when somebody connected.
func (t *T) untouched(s *sink, what string) {
	if s.hits.Load() == 0 {
		return
	}
	where := ""
	s.first.Range(func(k, _ any) bool { where += fmt.Sprint(k, " "); return true })
	t.failf("%s: the hub connected to %s", what, where)
}

// hostile are URLs that a hub must not call, whatever they stand for. ok is
// the host and port of a platform that it may call.
func hostile(port, ok string) []string {
	out := []string{
		// schemes
		"", "/", "//127.0.0.2:" + port + "/", "127.0.0.2:" + port, "file:///etc/passwd", "gopher://127.0.0.2:" + port + "/_x",
		"ftp://127.0.0.2:" + port + "/", "dict://127.0.0.2:" + port + "/", "ldap://127.0.0.2:" + port + "/", "unix:///var/run/docker.sock",
		"jar:http://127.0.0.2:" + port + "!/", "data:application/json,[]", "javascript:1", "ws://127.0.0.2:" + port + "/",
		"http:127.0.0.2:" + port, "http:/127.0.0.2:" + port, `http:\\127.0.0.2:` + port, "http:///127.0.0.2:" + port + "/", "http://",
		// another host than the one that a careless reader sees
		"http://" + ok + "@127.0.0.2:" + port + "/", "http://user:secret@127.0.0.2:" + port + "/", "http://user:secret@" + ok + "/",
		"http://" + ok + "%40127.0.0.2:" + port + "/", "http://" + ok + "#@127.0.0.2:" + port + "/", "http://127.0.0.2:" + port + "#@" + ok + "/",
		"http://" + ok + `\@127.0.0.2:` + port + "/", "http://127.0.0.2:" + port + `\@` + ok + "/", "http://" + ok + "/#fragment",
		"http://" + ok + " @127.0.0.2:" + port + "/", "http://" + ok + "/\r\nX-Evil: 1", "http://" + ok + "/\t", "http://" + ok + "\x00.example/",
		"http://" + ok + "/" + strings.Repeat("a", 5000),
		// ports
		"http://127.0.0.1:0/", "http://127.0.0.1:99999/", "http://127.0.0.1:-1/", "http://127.0.0.1:+80/", "http://127.0.0.1:080/",
		"https://127.0.0.2:22/", "https://127.0.0.2:25/",
	}
	for _, host := range []string{
		// this machine, in all its names
		"127.0.0.2", "127.255.255.254", "0.0.0.0", "127.2", "127.0.2", "0x7f.0.0.2", "0x7f000002", "2130706434", "0177.0.0.2", "0177.2",
		"127.0.0.02", "127.0.0.2.", "127。0。0。2", "①②⑦.⓪.⓪.②", "[::1]", "[::]", "[::127.0.0.2]", "[::ffff:127.0.0.2]", "[::ffff:7f00:2]",
		"[::ffff:0:127.0.0.2]", "[64:ff9b::7f00:2]", "[64:ff9b:1::7f00:2]", "[2002:7f00:2::]", "[2001:0:7f00:2::]", "[::1%25lo]", "[fe80::1%25lo]",
		// networks that are nobody's business
		"10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "192.0.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1",
		"240.0.0.1", "255.255.255.255", "[fd00::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[::ffff:169.254.169.254]",
	} {
		out = append(out, "http://"+host+":"+port+"/ocpi")
		if strings.HasPrefix(host, "[") || strings.HasPrefix(host, "1") {
			out = append(out, "https://"+host+"/ocpi")
		}
	}
	return out
}

func t12(t *T) {
	s := t.sink()
	guest, p := t.newcomer(), t.member()
	ok := strings.TrimPrefix(guest.BaseURL(), "http://")
	urls := hostile(s.port, ok)
	t.notef("%d URLs, sink at port %s", len(urls), s.port)
	for _, u := range urls {
		t.refused(t.credentials(guest, http.MethodPost, guest.TokenA, credentials(NewToken(), u, guest.rolesOf()...)))
		t.refused(t.credentials(p, http.MethodPut, p.Token(), credentials(NewToken(), u, p.rolesOf()...)))
		t.untouched(s, "url of the credentials "+u)
	}
	t.require(len(guest.Seen(func(*Request) bool { return true })) == 0, "the hub called %s", guest.Name)
	t.advertised(s, guest, urls)
	t.connects(s, guest, urls)
	t.responseURLs(s, urls)
	t.answered(s, urls)
	t.portsLookAlike(guest)

	// Nothing of that has changed anything.
	t.ok(t.credentials(p, http.MethodGet, p.Token(), ""))
	t.reach(t.EMSP1, p.Parties[0])
	_, r := t.post(guest)
	t.ok(r)
}

// advertised lets a platform name hostile URLs in its versions and details.
func (t *T) advertised(s *sink, guest *Platform, urls []string) {
	var evil string
	list := guest.On(Of(ocpi.VersionsModule), func(_ *Request, reply *Reply) {
		reply.Data = `[{"version":"2.2.1","url":` + quote(evil) + `}]`
	})
	for _, evil = range urls {
		_, r := t.post(guest)
		t.refused(r)
		t.untouched(s, "version details at "+evil)
	}
	list()
	details := guest.On(Of(moduleDetails), func(_ *Request, reply *Reply) {
		endpoint := func(m ocpi.Module, i ocpi.Interface, u string) string {
			return fmt.Sprintf(`{"identifier":%q,"role":%q,"url":%s}`, m, i, quote(u))
		}
		reply.Data = `{"version":"2.2.1","endpoints":[` +
			endpoint(ocpi.Credentials, ocpi.Receiver, guest.EndpointURL(ocpi.V221, ocpi.Credentials, ocpi.Receiver)) + `,` +
			endpoint(ocpi.Commands, ocpi.Receiver, guest.EndpointURL(ocpi.V221, ocpi.Commands, ocpi.Receiver)) + `,` +
			endpoint(ocpi.Locations, ocpi.Sender, evil) + `]}`
	})
	for _, evil = range urls {
		_, r := t.post(guest)
		t.refused(r)
		t.untouched(s, "endpoint at "+evil)
	}
	details()
}

// connects makes the operator believe in a hostile versions URL.
func (t *T) connects(s *sink, guest *Platform, urls []string) {
	for _, u := range urls {
		err := t.o.Operator.Connect(t.ctx, guest.ID, u, NewToken())
		if isByHand(err) {
			t.notef("connect is left out: %v", err)
			return
		}
		t.require(err != nil, "the hub connected with %s", u)
		t.untouched(s, "connect to "+u)
	}
}

// responseURLs sends commands whose result would go to a hostile URL.
func (t *T) responseURLs(s *sink, urls []string) {
	id := t.id()
	for _, u := range urls {
		t.status(t.send(t.EMSP1, command("START_SESSION", startSession(t.EMSP1, u, id), t.CPO1)), ocpi.StatusInvalidParameters)
		t.status(t.send(t.EMSP1, profile(http.MethodDelete, id, u, t.CPO1)), ocpi.StatusInvalidParameters)
	}
	t.nothing(About(id))
	t.untouched(s, "response_url")
}

// answered lets a partner answer with hostile URLs in Link and Location.
func (t *T) answered(s *sink, urls []string) {
	var evil string
	cpo := t.freshCPO(t.EMSP1)
	e := t.freshEMSP(t.CPO1)
	t.on(cpo, All(At(ocpi.Locations, ocpi.Sender), With(http.MethodGet)), func(_ *Request, reply *Reply) {
		reply.Header.Set("Link", "<"+evil+`>; rel="next"`)
	})
	t.on(e, All(Of(ocpi.CDRs), With(http.MethodPost)), func(_ *Request, reply *Reply) { reply.Header.Set("Location", evil) })
	for _, evil = range urls {
		r := t.send(t.EMSP1, list(ocpi.Locations, "", cpo))
		if next, ok := ocpi.ParseNextLink(r.Header.Values("Link")); ok {
			t.hubURL(next)
			t.as(t.EMSP1.Platform, Call{Method: http.MethodGet, URL: next, From: t.EMSP1, To: cpo})
		}
		t.untouched(s, "Link to "+evil)
		r = t.send(t.CPO1, Call{Method: http.MethodPost, Module: ocpi.CDRs, Interface: ocpi.Receiver, Body: cdr(t.CPO1, e, t.id()), To: e})
		if u := r.Header.Get("Location"); u != "" {
			t.hubURL(u)
			t.as(t.CPO1.Platform, Call{Method: http.MethodGet, URL: u, From: t.CPO1, To: e})
		}
		t.untouched(s, "Location "+evil)
	}
}

// portsLookAlike compares what the hub says of an open and of a closed port.
func (t *T) portsLookAlike(guest *Platform) {
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		open, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			continue
		}
		go func() {
			for {
				conn, err := open.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte("220 mail.example ESMTP\r\n"))
				_ = conn.Close()
			}
		}()
		closed, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		t.require(err == nil, "%v", err)
		_ = closed.Close()
		var said []string
		for _, ln := range []net.Listener{open, closed} {
			u := "http://" + ln.Addr().String() + "/versions"
			r := t.refused(t.credentials(guest, http.MethodPost, guest.TokenA, credentials(NewToken(), u, guest.rolesOf()...)))
			said = append(said, bare(r))
			if err := t.o.Operator.Connect(t.ctx, guest.ID, u, NewToken()); err != nil && !isByHand(err) {
				said[len(said)-1] += strings.ReplaceAll(err.Error(), ln.Addr().String(), "ADDRESS")
			}
		}
		_ = open.Close()
		t.equal("answer for an open port of "+host+", beside that for a closed one", withoutTimes(said[0]), withoutTimes(said[1]))
	}
}
