package egress_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/egress"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// newClient returns a client that may talk to this machine.
func newClient(t testing.TB, change func(*egress.Options)) *egress.Client {
	t.Helper()
	opt := egress.Options{AllowNetworks: loopback}
	if change != nil {
		change(&opt)
	}
	c := egress.New(opt)
	t.Cleanup(c.Close)
	return c
}

// get makes a GET for the platform "p".
func get(t testing.TB, c *egress.Client, url string, timeout time.Duration) (egress.Response, error) {
	t.Helper()
	return c.Do(t.Context(), egress.Request{Platform: "p", Method: "GET", URL: url, Timeout: timeout})
}

func wantFailure(t testing.TB, err error, want egress.Failure) {
	t.Helper()
	e, ok := errors.AsType[*egress.Error](err)
	if !ok || e.Failure != want {
		t.Fatalf("got error %v, want failure %q", err, want)
	}
}

func wantBody(t testing.TB, resp egress.Response, err error, want string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if string(resp.Body) != want {
		t.Fatalf("got status %d and body %q, want body %q", resp.Status, resp.Body, want)
	}
}

const long = 10 * time.Second // longer than anything that works takes

// TestExchange sends bodies around the sizes at which they are sent in another
// way, and a request line that must arrive as it was written.
func TestExchange(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Got", strings.Join([]string{r.Method, r.RequestURI, r.Host, r.Header.Get("Authorization"),
			r.Header.Get("Content-Type"), r.Header.Get("Accept-Encoding"), r.Header.Get("Connection")}, "|"))
		w.WriteHeader(201)
		w.Write(b)
	}))
	defer srv.Close()
	c := newClient(t, nil)
	for _, size := range []int{0, 1, 1500, 16 << 10, 16<<10 + 1, 1 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		resp, err := c.Do(t.Context(), egress.Request{
			Platform: "p", Method: "POST", URL: srv.URL + "/a%2Fb//../c?x=%20&y", Timeout: long, Body: body,
			Header: http.Header{"Authorization": {"Token abc"}, "Content-Type": {"application/json"}, "Connection": {"close"}, "Host": {"evil"}},
		})
		wantBody(t, resp, err, string(body))
		want := "POST|/a%2Fb//../c?x=%20&y|" + strings.TrimPrefix(srv.URL, "http://") + "|Token abc|application/json|identity|"
		if got := resp.Header.Get("X-Got"); got != want || resp.Status != 201 {
			t.Fatalf("got status %d and %q, want 201 and %q", resp.Status, got, want)
		}
	}
}

// TestStatusWithoutBody reads the answers that have no body although their
// header may announce one.
func TestStatusWithoutBody(t *testing.T) {
	for _, tt := range []struct{ method, answer string }{
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"},
		{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"},
		{"DELETE", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"GET", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	} {
		p := answer(t, tt.answer)
		c := newClient(t, nil)
		for range 3 {
			resp, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: tt.method, URL: p.URL, Timeout: long})
			wantBody(t, resp, err, "")
		}
		if p.conns.Load() != 1 {
			t.Errorf("%s %q: %d connections, want 1", tt.method, tt.answer, p.conns.Load())
		}
	}
}

func TestConnectionsAreReused(t *testing.T) {
	p := answer(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
	c := newClient(t, nil)
	for range 100 {
		resp, err := get(t, c, p.URL+"/x", long)
		wantBody(t, resp, err, "hello")
	}
	if n := p.conns.Load(); n != 1 {
		t.Fatalf("%d connections, want 1", n)
	}
	c.Forget("p")
	resp, err := get(t, c, p.URL, long)
	wantBody(t, resp, err, "hello")
	if n := p.conns.Load(); n != 2 {
		t.Fatalf("%d connections after Forget, want 2", n)
	}
}

// TestPoolsAreApart: a platform never gets a connection that another one opened.
func TestPoolsAreApart(t *testing.T) {
	p := answer(t, okAnswer)
	c := newClient(t, nil)
	for _, platform := range []string{"a", "b", "a", "b"} {
		_, err := c.Do(t.Context(), egress.Request{Platform: platform, URL: p.URL, Timeout: long})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := p.conns.Load(); n != 2 {
		t.Fatalf("%d connections, want one for each platform", n)
	}
}

func TestConnectionsThatMustNotBeReused(t *testing.T) {
	for name, text := range map[string]string{
		"close":             "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"http 1.0":          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"keep-alive 1 s":    "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok",
		"more than asked":   okAnswer + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
		"http 1.0 till EOF": "",
	} {
		t.Run(name, func(t *testing.T) {
			p := answer(t, text)
			if text == "" {
				p = newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
					next()
					io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nok")
				})
			}
			c := newClient(t, nil)
			for range 2 {
				resp, err := get(t, c, p.URL, long)
				wantBody(t, resp, err, "ok")
			}
			if n := p.conns.Load(); n != 2 {
				t.Fatalf("%d connections, want 2", n)
			}
		})
	}
}

func TestIdleTimeout(t *testing.T) {
	p := answer(t, okAnswer)
	c := newClient(t, func(o *egress.Options) { o.IdleTimeout = time.Nanosecond })
	for range 2 {
		resp, err := get(t, c, p.URL, long)
		wantBody(t, resp, err, "ok")
	}
	if n := p.conns.Load(); n != 2 {
		t.Fatalf("%d connections, want 2", n)
	}
}

func TestTLS(t *testing.T) {
	handled := 0
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		handled++
		io.WriteString(w, "ok")
	}))
	srv.Config.ErrorLog = discard
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()

	_, err := get(t, newClient(t, nil), srv.URL, long)
	wantFailure(t, err, egress.Unreachable)
	if handled != 0 {
		t.Fatal("a request went out over a connection that was not verified")
	}

	trusting := newClient(t, func(o *egress.Options) { o.RootCAs = []*x509.Certificate{srv.Certificate()} })
	for range 3 {
		resp, err := get(t, trusting, srv.URL, long)
		wantBody(t, resp, err, "ok")
	}
	big := bytes.Repeat([]byte("x"), 1<<20)
	if _, err := trusting.Do(t.Context(), egress.Request{Platform: "p", Method: "PUT", URL: srv.URL, Body: big, Timeout: long}); err != nil {
		t.Fatal(err)
	}
}

func TestTLSThatFails(t *testing.T) {
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.Config.ErrorLog = discard
	old.StartTLS()
	defer old.Close()
	silent := newPeer(t, "127.0.0.1:0", func(c net.Conn, _ func() bool) { io.Copy(io.Discard, c) })
	plain := answer(t, okAnswer)
	c := newClient(t, func(o *egress.Options) { o.RootCAs = []*x509.Certificate{old.Certificate()} })
	for name, url := range map[string]string{
		"tls 1.1":          old.URL,
		"silent handshake": "https" + silent.URL[4:],
		"no tls":           "https" + plain.URL[4:],
	} {
		_, err := get(t, c, url, 300*time.Millisecond)
		t.Log(name, err)
		wantFailure(t, err, egress.Unreachable)
	}
}

func TestRequestsThatAreNotSent(t *testing.T) {
	p := answer(t, okAnswer)
	c := newClient(t, nil)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, r := range map[string]egress.Request{
		"header value": {Header: http.Header{"X-Request-Id": {"a\r\nEvil: 1"}}},
		"header NUL":   {Header: http.Header{"X-Request-Id": {"a\x00"}}},
		"header name":  {Header: http.Header{"X: a\r\nEvil": {"1"}}},
		"method":       {Method: "GET / HTTP/1.1\r\nX: y\r\n\r\nGET"},
		"url":          {URL: p.URL + "/ HTTP/1.1\r\nEvil: 1\r\n\r\n"},
		"url fragment": {URL: p.URL + "/#a"},
		"url user":     {URL: "http://a:b@" + p.URL[7:]},
	} {
		r.Platform, r.Timeout = "p", long
		if r.URL == "" {
			r.URL = p.URL
		}
		_, err := c.Do(t.Context(), r)
		t.Log(name, err)
		wantFailure(t, err, egress.Unreachable)
	}
	_, err := c.Do(ended, egress.Request{Platform: "p", URL: p.URL, Timeout: long})
	wantFailure(t, err, egress.Unreachable)
	if p.conns.Load() != 0 {
		t.Fatalf("%d connections, want none", p.conns.Load())
	}
}

func TestRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = get(t, newClient(t, nil), "http://"+l.Addr().String(), long)
	wantFailure(t, err, egress.Unreachable)
}

func TestClosedClient(t *testing.T) {
	c := newClient(t, nil)
	c.Close()
	_, err := get(t, c, answer(t, okAnswer).URL, long)
	wantFailure(t, err, egress.Unreachable)
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	good, bad := answer(t, okAnswer), answer(t, "nonsense\r\n\r\n")
	c := newClient(t, func(o *egress.Options) { o.Metrics, o.MaxConns = reg, 100 })
	for _, url := range []string{good.URL, good.URL, bad.URL, "gopher://x"} {
		get(t, c, url, long)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue()
			if len(m.GetLabel()) == 0 {
				got[f.GetName()] = v
				continue
			}
			got[f.GetName()+" "+m.GetLabel()[0].GetValue()] = v
		}
	}
	want := map[string]float64{
		"eroam_egress_exchanges_total ok": 2, "eroam_egress_exchanges_total broken": 1, "eroam_egress_exchanges_total unreachable": 1, "eroam_egress_exchanges_total withdrawn": 0,
		"eroam_egress_exchanges_total timeout": 0, "eroam_egress_exchanges_total busy": 0, "eroam_egress_connections_total ok": 2,
		"eroam_egress_in_flight p": 0, "eroam_egress_idle_connections p": 1,
		"eroam_egress_connections_open": 1, "eroam_egress_connections_limit": 100,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
}
