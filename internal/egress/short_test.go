package egress_test

import (
	"net"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
)

// With two connections for all platforms, one that is idle makes room for a third
// platform; when both are used, nothing is sent and nobody waits.
func TestConnectionsAreShort(t *testing.T) {
	c := newClient(t, func(o *egress.Options) { o.MaxConns = 2 })
	good := answer(t, okAnswer)
	for _, platform := range []string{"a", "b", "c", "a"} {
		resp, err := c.Do(t.Context(), egress.Request{Platform: platform, URL: good.URL, Timeout: long})
		wantBody(t, resp, err, "ok")
	}
	if n := good.conns.Load(); n < 3 {
		t.Errorf("%d connections for three platforms", n)
	}
	asked, release := make(chan bool, 2), make(chan bool)
	hanging := newPeer(t, "127.0.0.1:0", func(cn net.Conn, next func() bool) {
		for next() {
			asked <- true
			<-release
			if _, err := cn.Write([]byte(okAnswer)); err != nil {
				return
			}
		}
	})
	done := make(chan error, 2)
	for _, platform := range []string{"d", "e"} {
		go func() {
			_, err := c.Do(t.Context(), egress.Request{Platform: platform, URL: hanging.URL, Timeout: time.Minute})
			done <- err
		}()
	}
	<-asked
	<-asked
	before := good.seen.Load()
	_, err := c.Do(t.Context(), egress.Request{Platform: "a", URL: good.URL, Timeout: long})
	wantFailure(t, err, egress.Busy)
	if good.seen.Load() != before {
		t.Error("a request was sent for which there was no connection")
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	resp, err := c.Do(t.Context(), egress.Request{Platform: "a", URL: good.URL, Timeout: long})
	wantBody(t, resp, err, "ok")
}
