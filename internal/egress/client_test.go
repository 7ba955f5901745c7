package egress_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

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

func wantFailure(t *testing.T, err error, want egress.Failure) {
	t.Helper()
	e, ok := errors.AsType[*egress.Error](err)
	if !ok || e.Failure != want {
		t.Fatalf("got error %v, want failure %q", err, want)
	}
}

func TestExchange(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Got", r.Method+" "+r.RequestURI+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("Accept-Encoding"))
		w.WriteHeader(201)
		w.Write(b)
	}))
	defer srv.Close()
	c := newClient(t, nil)
	for _, size := range []int{0, 1, 1500, 16 << 10, 16<<10 + 1, 1 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		h := http.Header{"Authorization": {"Token abc"}, "Content-Type": {"application/json"}, "Connection": {"close"}}
		resp, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: "POST", URL: srv.URL + "/a%2Fb//c?x=%20&y", Header: h, Body: body, Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if resp.Status != 201 || !bytes.Equal(resp.Body, body) {
			t.Fatalf("size %d: got status %d and %d bytes", size, resp.Status, len(resp.Body))
		}
		if got, want := resp.Header.Get("X-Got"), "POST /a%2Fb//c?x=%20&y Token abc application/json identity"; got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

