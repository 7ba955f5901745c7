package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eroam/eroam/internal/egress"
)

// halting is a peer that answers /now at once, /wait when told to, and /hang never.
func halting(t *testing.T) (srv *httptest.Server, asked, release chan struct{}) {
	asked, release = make(chan struct{}, 8), make(chan struct{})
	srv = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/now" {
			return
		}
		asked <- struct{}{}
		ready := release
		if r.URL.Path == "/hang" {
			ready = nil
		}
		select {
		case <-ready:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(srv.Close)
	return srv, asked, release
}

// TestLasting: the end of the context of many requests breaks off the one that is
// under way, on a connection that has been used with it before; a connection that
// it was bound to serves others, and is not broken off by it any more.
func TestLasting(t *testing.T) {
	srv, asked, release := halting(t)
	for _, lean := range []bool{false, true} {
		c := newClient(t, nil)
		do := func(ctx context.Context, path string, lasting bool) error {
			_, err := c.Do(ctx, egress.Request{Platform: "p", URL: srv.URL + path, Timeout: time.Hour, Lasting: lasting, Lean: lean})
			return err
		}
		lane, end := context.WithCancelCause(t.Context())
		for range 3 {
			if err := do(lane, "/now", true); err != nil {
				t.Fatal(err)
			}
		}
		result := make(chan error)
		go func() { result <- do(lane, "/hang", true) }()
		<-asked
		gone := errors.New("the lane is gone")
		end(gone)
		err := <-result
		wantFailure(t, err, egress.TimedOut)
		if !errors.Is(err, gone) {
			t.Errorf("failed with %v, want the cause of the end", err)
		}
		wantFailure(t, do(lane, "/now", true), egress.Unreachable)

		other, endOther := context.WithCancel(t.Context())
		if err := do(other, "/now", true); err != nil { // binds the idle connection
			t.Fatal(err)
		}
		go func() { result <- do(t.Context(), "/wait", false) }()
		<-asked
		endOther() // the connection is somebody else's now
		release <- struct{}{}
		if err := <-result; err != nil {
			t.Errorf("a request after another on its connection was ended: %v", err)
		}
	}
}

// TestLastingEndsWhileIdle: a connection whose context ended while nobody used it
// is no use, and costs nobody a request.
func TestLastingEndsWhileIdle(t *testing.T) {
	srv, _, _ := halting(t)
	c := newClient(t, nil)
	for range 20 {
		lane, end := context.WithCancel(t.Context())
		if _, err := c.Do(lane, egress.Request{Platform: "p", URL: srv.URL + "/now", Timeout: long, Lasting: true}); err != nil {
			t.Fatal(err)
		}
		end()
		if _, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: "POST", URL: srv.URL + "/now", Timeout: long}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLeanInPieces reads answers that do not come in one piece, or are followed by
// something that nobody asked for.
func TestLeanInPieces(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []string
		body   string
		again  bool // the connection is used again
	}{
		{"whole", []string{okAnswer}, "ok", true},
		{"head and body", []string{okAnswer[:len(okAnswer)-2], "ok"}, "ok", true},
		{"bytes", []string{"H", "TTP/1.1 200 OK\r", "\nContent-Length: 2\r\n\r", "\no", "k"}, "ok", true},
		{"chunked", []string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "0\r\n\r\n"}, "ok", true},
		{"and more", []string{okAnswer + okAnswer}, "ok", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dials := 0
				client := egress.New(egress.Options{AllowNetworks: loopback, Dial: func(context.Context, string, string) (net.Conn, error) {
					dials++
					near, far := net.Pipe()
					go playPieces(far, c.pieces)
					return near, nil
				}})
				defer client.Close()
				for range 3 {
					resp, err := client.Do(t.Context(), egress.Request{Platform: "p", Method: "PUT", URL: "http://127.0.0.1/", Body: []byte("{}"), Timeout: long, Lean: true})
					wantBody(t, resp, err, c.body)
				}
				if want := map[bool]int{true: 1, false: 3}[c.again]; dials != want {
					t.Errorf("%d connections, want %d", dials, want)
				}
			})
		})
	}
}

// playPieces answers each request with pieces a second apart.
func playPieces(c net.Conn, pieces []string) {
	b := make([]byte, 4096)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
		for _, p := range pieces {
			time.Sleep(time.Second)
			if _, err := io.WriteString(c, p); err != nil {
				return
			}
		}
	}
}
