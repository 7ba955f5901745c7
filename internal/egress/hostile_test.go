package egress_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
)

var discard = log.New(io.Discard, "", 0)

// repeat writes text until the connection fails.
func repeat(c net.Conn, begin, text string) {
	io.WriteString(c, begin)
	block := strings.Repeat(text, 1+4096/len(text))
	for {
		if _, err := io.WriteString(c, block); err != nil {
			return
		}
	}
}

// TestT36Answers: answers that are too large, endless or cut are given up at
// the limit; only one that trickles or does not come at all takes until the
// deadline. Nobody asks twice.
func TestT36Answers(t *testing.T) {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(make([]byte, 1<<20))
	z.Close()
	const head = "HTTP/1.1 200 OK\r\n"
	for name, tt := range map[string]struct {
		want   egress.Failure
		handle func(c net.Conn)
	}{
		"huge length": {egress.Broken, func(c net.Conn) { repeat(c, head+"Content-Length: 10737418240\r\n\r\n", "x") }},
		"huge length first": {egress.Broken, func(c net.Conn) {
			io.WriteString(c, head+"Content-Length: 10737418240\r\n\r\n")
			io.Copy(io.Discard, c)
		}},
		"length overflow": {egress.Broken, func(c net.Conn) { repeat(c, head+"Content-Length: 99999999999999999999\r\n\r\n", "x") }},
		"endless chunk":   {egress.Broken, func(c net.Conn) { repeat(c, head+"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", "x") }},
		"endless chunks":  {egress.Broken, func(c net.Conn) { repeat(c, head+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n") }},
		"chunk extensions": {egress.Broken, func(c net.Conn) {
			repeat(c, head+"Transfer-Encoding: chunked\r\n\r\n", "1;"+strings.Repeat("e", 1000)+"\r\nx\r\n")
		}},
		"endless trailer": {egress.Broken, func(c net.Conn) { repeat(c, head+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n") }},
		"till EOF":        {egress.Broken, func(c net.Conn) { repeat(c, head+"\r\n", "x") }},
		"endless header":  {egress.Broken, func(c net.Conn) { repeat(c, head, "X-Y: z\r\n") }},
		"endless line":    {egress.Broken, func(c net.Conn) { repeat(c, head+"X: ", "z") }},
		"endless status":  {egress.Broken, func(c net.Conn) { repeat(c, "HTTP/1.1 200 ", "OK") }},
		"endless interim": {egress.Broken, func(c net.Conn) { repeat(c, "", "HTTP/1.1 100 Continue\r\n\r\n") }},
		"switch":          {egress.Broken, func(c net.Conn) { io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n") }},
		"gzip unasked": {egress.Broken, func(c net.Conn) {
			fmt.Fprintf(c, head+"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), &zipped)
		}},
		"two lengths":     {egress.Broken, func(c net.Conn) { io.WriteString(c, head+"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc") }},
		"garbage":         {egress.Broken, func(c net.Conn) { repeat(c, "", "\x00\xff\x17nonsense") }},
		"another http":    {egress.Broken, func(c net.Conn) { io.WriteString(c, "HTTP/2.0 200 OK\r\n\r\n") }},
		"F6 no answer":    {egress.Broken, func(net.Conn) {}},
		"F6 half header":  {egress.Broken, func(c net.Conn) { io.WriteString(c, head+"Content-Le") }},
		"F6 short body":   {egress.Broken, func(c net.Conn) { io.WriteString(c, head+"Content-Length: 100\r\n\r\n{\"data\":") }},
		"F6 short chunk":  {egress.Broken, func(c net.Conn) { io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n64\r\n{\"data\":") }},
		"F6 no last zero": {egress.Broken, func(c net.Conn) { io.WriteString(c, head+"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n") }},
		"F6 reset": {egress.Broken, func(c net.Conn) {
			io.WriteString(c, head+"Content-Length: 100\r\n\r\n{\"data\":")
			c.(*net.TCPConn).SetLinger(0)
		}},
		"drip of header": {egress.TimedOut, func(c net.Conn) { drip(c, head+"X: ") }},
		"drip of body":   {egress.TimedOut, func(c net.Conn) { drip(c, head+"Content-Length: 60000\r\n\r\n") }},
		"hang":           {egress.TimedOut, func(c net.Conn) { io.Copy(io.Discard, c) }},
	} {
		for _, lean := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s lean %v", name, lean), func(t *testing.T) {
				t.Parallel()
				p := newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
					if next() {
						tt.handle(c)
					}
				})
				timeout := long
				if tt.want == egress.TimedOut {
					timeout = 200 * time.Millisecond
				}
				c := newClient(t, func(o *egress.Options) { o.MaxResponse = 64 << 10 })
				_, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: "GET", URL: p.URL, Timeout: timeout, Lean: lean})
				wantFailure(t, err, tt.want)
				if p.seen.Load() != 1 || p.conns.Load() != 1 {
					t.Fatalf("%d requests on %d connections, want one", p.seen.Load(), p.conns.Load())
				}
			})
		}
	}
}

// drip writes begin and then a byte every few milliseconds.
func drip(c net.Conn, begin string) {
	io.WriteString(c, begin)
	for {
		if _, err := io.WriteString(c, "x"); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestLimitIsExact: a body of the limit passes, one byte more does not, with
// and without a stated length.
func TestLimitIsExact(t *testing.T) {
	const limit = 10_000
	c := newClient(t, func(o *egress.Options) { o.MaxResponse = limit })
	for _, size := range []int{limit, limit + 1} {
		body := strings.Repeat("x", size)
		for _, text := range []string{
			fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body),
			fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body),
		} {
			resp, err := get(t, c, answer(t, text).URL, long)
			if size > limit {
				wantFailure(t, err, egress.Broken)
				continue
			}
			wantBody(t, resp, err, body)
		}
	}
}

// TestT14Redirects: a redirect is an answer like any other; where it points to
// is never asked.
func TestT14Redirects(t *testing.T) {
	sink := answer(t, okAnswer)
	for _, status := range []int{301, 302, 303, 307, 308} {
		var asked atomic.Int32
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			to := sink.URL
			if r.URL.Path == "/self" {
				to = "/self"
			}
			http.Redirect(w, r, to, status)
		}))
		c := newClient(t, nil)
		for _, path := range []string{"/other", "/self"} {
			resp, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: "POST", URL: srv.URL + path, Body: []byte(`{"id":"cdr"}`), Timeout: long})
			if err != nil || resp.Status != status || resp.Header.Get("Location") == "" {
				t.Errorf("got %d, %v; want the redirect %d itself", resp.Status, err, status)
			}
		}
		srv.Close()
		if asked.Load() != 2 {
			t.Errorf("%d: asked %d times, want 2", status, asked.Load())
		}
	}
	if sink.conns.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// TestAtMostOnce: a server that reads a request and closes gets it once, also on a
// connection that worked before and whatever the method.
func TestAtMostOnce(t *testing.T) {
	for i, method := range []string{"GET", "PUT", "POST", "DELETE"} {
		p := newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
			next()
			io.WriteString(c, okAnswer)
			next() // and close
		})
		c := newClient(t, nil)
		r := egress.Request{Platform: "p", Method: method, URL: p.URL, Timeout: long, Lean: i%2 == 1}
		if _, err := c.Do(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		_, err := c.Do(t.Context(), r)
		wantFailure(t, err, egress.Broken)
		if p.seen.Load() != 2 || p.conns.Load() != 1 {
			t.Fatalf("%s: the server saw %d requests on %d connections, want 2 on 1", method, p.seen.Load(), p.conns.Load())
		}
	}
}

// TestStaleConnection: the peer closes the idle connection; the next request
// goes to a new one without a failure.
func TestStaleConnection(t *testing.T) {
	closed := make(chan bool, 10)
	p := newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
		next()
		io.WriteString(c, okAnswer)
		c.Close()
		closed <- true
	})
	c := newClient(t, nil)
	for range 5 {
		resp, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: "POST", URL: p.URL, Body: []byte("{}"), Timeout: long})
		wantBody(t, resp, err, "ok")
		<-closed
	}
	if p.seen.Load() != 5 {
		t.Fatalf("%d requests, want 5", p.seen.Load())
	}
}

// TestUnaskedAnswer: bytes that arrive on an idle connection are not taken for
// the answer to the next request.
func TestUnaskedAnswer(t *testing.T) {
	sent := make(chan bool, 1)
	p := newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
		for next() {
			io.WriteString(c, okAnswer)
			time.Sleep(20 * time.Millisecond) // so that it is not read with the first
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
			sent <- true
		}
	})
	c := newClient(t, nil)
	for range 2 {
		resp, err := get(t, c, p.URL, long)
		wantBody(t, resp, err, "ok")
		<-sent
	}
}

// TestRefusedUpload: who answers and closes before the body was read gets heard.
func TestRefusedUpload(t *testing.T) {
	p := newPeer(t, "127.0.0.1:0", func(c net.Conn, _ func() bool) {
		io.ReadFull(c, make([]byte, 1000))
		io.WriteString(c, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
		c.(*net.TCPConn).CloseWrite()
		io.CopyN(io.Discard, c, 1<<20)
	})
	resp, err := newClient(t, nil).Do(t.Context(), egress.Request{Platform: "p", Method: "POST", URL: p.URL, Body: make([]byte, 16<<20), Timeout: long})
	wantBody(t, resp, err, "big")
	if resp.Status != 413 {
		t.Fatalf("status %d, want 413", resp.Status)
	}
}

func TestCancel(t *testing.T) {
	arrived := make(chan bool)
	p := newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
		next()
		arrived <- true
		io.Copy(io.Discard, c)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := newClient(t, nil).Do(ctx, egress.Request{Platform: "p", URL: p.URL, Timeout: time.Minute})
	wantFailure(t, err, egress.TimedOut)
}

// TestLateCancel: a context that ends after its exchange does no harm to the
// next exchange on the same connection.
func TestLateCancel(t *testing.T) {
	arrived, release := make(chan bool, 1), make(chan bool, 1)
	release <- true
	p := newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
		for next() {
			arrived <- true
			<-release
			io.WriteString(c, okAnswer)
		}
	})
	c := newClient(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := c.Do(ctx, egress.Request{Platform: "p", URL: p.URL, Timeout: long}); err != nil {
		t.Fatal(err)
	}
	<-arrived
	go func() {
		<-arrived
		cancel()
		time.Sleep(20 * time.Millisecond) // for what the end of the context sets off
		release <- true
	}()
	resp, err := get(t, c, p.URL, long)
	wantBody(t, resp, err, "ok")
	if p.conns.Load() != 1 {
		t.Fatal("the connection was not reused")
	}
}

// TestBulkhead: a platform that hangs fills its own places; the others go on,
// and a place that comes free in time is used.
func TestBulkhead(t *testing.T) {
	arrived, release := make(chan bool), make(chan bool)
	hanging := newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
		for next() {
			arrived <- true
			<-release
			io.WriteString(c, okAnswer)
		}
	})
	good := answer(t, okAnswer)
	c := newClient(t, func(o *egress.Options) { o.PerPlatform, o.Wait = 2, 50*time.Millisecond })
	slow := egress.Request{Platform: "slow", URL: hanging.URL, Timeout: time.Minute}
	results := make(chan error)
	for range 2 {
		go func() {
			_, err := c.Do(context.Background(), slow)
			results <- err
		}()
		<-arrived
	}
	_, err := c.Do(t.Context(), slow)
	wantFailure(t, err, egress.Busy)
	for range 20 {
		resp, err := c.Do(t.Context(), egress.Request{Platform: "good", URL: good.URL, Timeout: long})
		wantBody(t, resp, err, "ok")
	}
	for range 2 {
		release <- true
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		<-arrived
		release <- true
	}()
	if _, err := c.Do(t.Context(), slow); err != nil {
		t.Fatal(err)
	}
	if hanging.seen.Load() != 3 {
		t.Fatalf("%d requests reached the hanging platform, want 3", hanging.seen.Load())
	}
}

// TestWaiting: with a patient bulkhead more callers than places all get through.
func TestWaiting(t *testing.T) {
	p := answer(t, okAnswer)
	c := newClient(t, func(o *egress.Options) { o.PerPlatform, o.Wait = 3, long })
	results := make(chan error)
	for range 50 {
		go func() {
			_, err := c.Do(context.Background(), egress.Request{Platform: "p", URL: p.URL, Timeout: long})
			results <- err
		}()
	}
	for range 50 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := p.conns.Load(); n > 3 {
		t.Fatalf("%d connections for 3 places", n)
	}
}

// TestFailuresReadAlike: what fails in the same way again, on another connection,
// has the same text, so that who logs what is new logs it once.
func TestFailuresReadAlike(t *testing.T) {
	for _, play := range []func(c net.Conn, next func() bool){
		func(_ net.Conn, next func() bool) {
			for next() {
				continue // no answer
			}
		},
		func(c net.Conn, next func() bool) {
			if next() {
				_ = c.(*net.TCPConn).SetLinger(0) // reset
			}
		},
	} {
		peer := newPeer(t, "127.0.0.1:0", play)
		c := newClient(t, nil)
		var texts []string
		for range 2 {
			_, err := get(t, c, peer.URL, 50*time.Millisecond)
			if err == nil {
				t.Fatal("no error")
			}
			texts = append(texts, err.Error())
		}
		if texts[0] != texts[1] {
			t.Errorf("got %q, want one text", texts)
		}
	}
}
