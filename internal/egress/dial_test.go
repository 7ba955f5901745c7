package egress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"testing"

	"github.com/eroam/eroam/internal/egress"
)

// TestDial: with a network of one's own the guard still sees every address, also
// each of those that a name stands for.
func TestDial(t *testing.T) {
	resolver := names(t, func(int, string) []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.1.0.2")}
	})
	var dialled []string
	c := egress.New(egress.Options{
		Resolver: resolver, AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")},
		Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			dialled = append(dialled, network+" "+address)
			near, far := net.Pipe()
			go func() {
				defer far.Close()
				if _, err := far.Read(make([]byte, 4096)); err == nil {
					_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
			return near, nil
		},
	})
	defer c.Close()
	for url, ok := range map[string]bool{
		"http://10.1.2.3:81/": true, "http://two.example:82/": true,
		"http://10.0.0.1:83/": false, "https://127.0.0.1/": false, "https://8.8.8.8:22/": false,
	} {
		resp, err := c.Do(t.Context(), egress.Request{Platform: "p", Method: http.MethodGet, URL: url, Timeout: long})
		if ok {
			wantBody(t, resp, err, "ok")
		} else {
			wantFailure(t, err, egress.Unreachable)
		}
	}
	slices.Sort(dialled)
	if want := []string{"tcp4 10.1.0.2:82", "tcp4 10.1.2.3:81"}; !slices.Equal(dialled, want) {
		t.Errorf("dialled %q, want %q", dialled, want)
	}
}
