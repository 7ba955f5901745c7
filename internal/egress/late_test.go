package egress_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
)

// slow is a connection of which nothing can be hurried: no deadline has an
// effect, and setting one takes until the time that wait returns at. So does a
// process that was stopped and goes on.
type slow struct {
	net.Conn
	wait func()
}

func (s slow) SetDeadline(time.Time) error {
	s.wait()
	return nil
}

func (s slow) SetReadDeadline(time.Time) error  { return nil }
func (s slow) SetWriteDeadline(time.Time) error { return nil }

// TestNotAfter: the time that a request may be sent in passes after everything
// has been prepared. Not a byte of it arrives, on a new connection and on one
// that was kept.
func TestNotAfter(t *testing.T) {
	peer := answer(t, okAnswer)
	for _, kept := range []bool{false, true} {
		var limit time.Time
		wait := func() { time.Sleep(time.Until(limit)) }
		c := newClient(t, func(o *egress.Options) {
			o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return slow{conn, func() { wait() }}, err
			}
		})
		if kept {
			if _, err := c.Do(t.Context(), egress.Request{Platform: "p", URL: peer.URL + "/first"}); err != nil {
				t.Fatal(err)
			}
		}
		limit = time.Now().Add(50 * time.Millisecond)
		_, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: "PUT", URL: peer.URL + "/late", Body: []byte("{}"), NotAfter: limit})
		wantFailure(t, err, egress.Busy)
		limit = time.Time{}
		before := peer.seen.Load()
		// In time it goes out.
		resp, err := c.Do(t.Context(), egress.Request{Platform: "p", URL: peer.URL + "/early", NotAfter: time.Now().Add(time.Minute)})
		wantBody(t, resp, err, "ok")
		if n := peer.seen.Load() - before; n != 1 {
			t.Errorf("kept %v: the receiver read %d requests, want the one that was in time", kept, n)
		}
	}
}

// TestNotAfterEndsTheExchange: a receiver that hangs is not waited for beyond
// NotAfter, although the time-out is longer.
func TestNotAfterEndsTheExchange(t *testing.T) {
	peer := newPeer(t, "127.0.0.1:0", func(_ net.Conn, next func() bool) {
		for next() {
			continue // no answer
		}
	})
	c := newClient(t, nil)
	_, err := c.Do(t.Context(), egress.Request{
		Platform: "p", URL: peer.URL, Timeout: time.Hour, NotAfter: time.Now().Add(50 * time.Millisecond),
	})
	wantFailure(t, err, egress.TimedOut)
}
