package egress_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// peer is a server made of raw connections, for what net/http would not do.
type peer struct {
	URL    string
	conns  atomic.Int32 // accepted
	seen   atomic.Int32 // requests read whole
	l      net.Listener
	closed sync.WaitGroup
}

// newPeer serves each connection with handle, which gets a function that reads
// the next request and reports whether there was one.
func newPeer(t testing.TB, address string, handle func(c net.Conn, next func() bool)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{URL: "http://" + l.Addr().String(), l: l}
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	p.closed.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.conns.Add(1)
			mu.Lock()
			open[c] = true
			mu.Unlock()
			p.closed.Go(func() {
				defer c.Close()
				r := bufio.NewReader(c)
				handle(c, func() bool {
					req, err := http.ReadRequest(r)
					if err != nil {
						return false
					}
					if _, err := io.Copy(io.Discard, req.Body); err != nil {
						return false
					}
					p.seen.Add(1)
					return true
				})
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		p.closed.Wait()
	})
	return p
}

// answer is a peer that answers each request with the same bytes.
func answer(t testing.TB, text string) *peer {
	return newPeer(t, "127.0.0.1:0", func(c net.Conn, next func() bool) {
		for next() {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	})
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// names is a DNS server on loopback. It answers A queries with what list
// returns for the n-th query (from 0) and has no AAAA records.
func names(t testing.TB, list func(n int, name string) []netip.Addr) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		n := 0
		buf := make([]byte, 1500)
		for {
			size, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			q := buf[:size]
			end := 12
			var labels []string
			for q[end] != 0 {
				labels = append(labels, string(q[end+1:end+1+int(q[end])]))
				end += 1 + int(q[end])
			}
			end += 5
			kind := binary.BigEndian.Uint16(q[end-4:])
			var addrs []netip.Addr
			if kind == 1 {
				addrs = list(n, strings.ToLower(strings.Join(labels, ".")))
				n++
			}
			out := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, byte(len(addrs)), 0, 0, 0, 0}, q[12:end]...)
			for _, a := range addrs {
				v4 := a.As4()
				out = append(out, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				out = append(out, v4[:]...)
			}
			pc.WriteTo(out, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}
