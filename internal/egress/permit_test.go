package egress_test

import (
	"errors"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
)

// TestPermit: whoever may forbid a request is asked when there is a connection,
// not before; what is forbidden does not leave, and costs no connection.
func TestPermit(t *testing.T) {
	peer := answer(t, okAnswer)
	c := newClient(t, func(o *egress.Options) { o.PerPlatform, o.Wait = 1, time.Minute })
	no := errors.New("no longer")
	for _, when := range []string{"new connection", "kept connection"} {
		_, err := c.Do(t.Context(), egress.Request{Platform: "p", URL: peer.URL, Permit: func() error { return no }})
		wantFailure(t, err, egress.Withdrawn)
		if !errors.Is(err, no) {
			t.Errorf("%s: the error is %v", when, err)
		}
	}
	if n := peer.seen.Load(); n != 0 {
		t.Fatalf("%d requests that were forbidden arrived", n)
	}
	// The second waits for the place of the first, and is asked after that.
	entered, asked := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := c.Do(t.Context(), egress.Request{Platform: "p", URL: peer.URL, Permit: func() error {
			close(entered)
			<-asked
			return nil
		}})
		first <- err
	}()
	<-entered
	second := make(chan error, 1)
	go func() {
		_, err := c.Do(t.Context(), egress.Request{Platform: "p", URL: peer.URL, Permit: func() error {
			select {
			case <-asked:
				return no
			default:
				return nil
			}
		}})
		second <- err
	}()
	close(asked)
	if err := <-first; err != nil {
		t.Error(err)
	}
	wantFailure(t, <-second, egress.Withdrawn)
	if n := peer.seen.Load(); n != 1 {
		t.Errorf("%d requests arrived, want 1", n)
	}
	resp, err := c.Do(t.Context(), egress.Request{Platform: "p", URL: peer.URL, Permit: func() error { return nil }})
	wantBody(t, resp, err, "ok")
}
