package egress

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

// TestWriteFailsBeforeAnythingWasSent: the connection breaks between the look
// at it and the write. Not a byte went out, so that the request may go to
// another connection, and does.
func TestWriteFailsBeforeAnythingWasSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := make(chan string, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				r := bufio.NewReader(c)
				for {
					req, err := http.ReadRequest(r)
					if err != nil {
						return // and keeps the connection open
					}
					seen <- req.RequestURI
					io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	c := New(Options{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer c.Close()
	url := "http://" + l.Addr().String()
	if _, err := c.Do(t.Context(), Request{Platform: "p", Method: "POST", URL: url + "/1", Timeout: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	p, _ := c.platform("p")
	idle := p.idle[0]
	if err := idle.tcp.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if !idle.alive() {
		t.Skip("this system tells that the connection is half closed")
	}
	if _, err := c.Do(t.Context(), Request{Platform: "p", Method: "POST", URL: url + "/2", Timeout: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	close(seen)
	var got []string
	for s := range seen {
		got = append(got, s)
	}
	if len(got) != 2 || got[0] != "/1" || got[1] != "/2" {
		t.Fatalf("the server saw %v", got)
	}
}

// TestGuard looks at addresses that no test may connect to.
func TestGuard(t *testing.T) {
	g := newGuard([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}, nil)
	for _, tt := range []struct {
		addr string
		tls  bool
		ok   bool
	}{
		{"8.8.8.8:443", true, true}, {"8.8.8.8:8443", true, true}, {"[2606:4700::1]:443", true, true},
		{"8.8.8.8:443", false, false}, {"8.8.8.8:80", false, false}, {"[2606:4700::1]:80", false, false},
		{"8.8.8.8:22", true, false}, {"8.8.8.8:9000", true, false},
		{"10.1.2.3:80", false, true}, {"10.1.2.3:22", true, true}, {"[::ffff:10.1.2.3]:80", false, true},
		{"10.2.0.1:443", true, false}, {"[::ffff:127.0.0.1]:443", true, false}, {"[fe80::1%eth0]:443", true, false},
		{"[64:ff9b::8.8.8.8]:443", true, false},
	} {
		if err := g.check(netip.MustParseAddrPort(tt.addr), tt.tls); (err == nil) != tt.ok {
			t.Errorf("%s with TLS %v: got %v, want allowed = %v", tt.addr, tt.tls, err, tt.ok)
		}
		network := "tcp4"
		if tt.addr[0] == '[' {
			network = "tcp6"
		}
		if err := g.control(tt.tls)(t.Context(), network, tt.addr, nil); (err == nil) != tt.ok {
			t.Errorf("dialling %s with TLS %v: got %v, want allowed = %v", tt.addr, tt.tls, err, tt.ok)
		}
	}
}

// TestIdleConnectionsEnd: what nobody uses is closed without a further request,
// and there are never more idle connections than places.
func TestIdleConnectionsEnd(t *testing.T) {
	p := newPlatform(2)
	var ends []net.Conn
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 3 {
		d, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		end, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer end.Close()
		ends = append(ends, end)
		p.put(newConn(d.(*net.TCPConn), connKey{}), time.Millisecond)
	}
	if len(p.idle) != 2 {
		t.Fatalf("%d idle connections, want 2", len(p.idle))
	}
	if _, err := ends[0].Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the oldest connection is still open: %v", err)
	}
	time.Sleep(2 * time.Millisecond)
	p.expire()
	for _, end := range ends {
		if _, err := end.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("an expired connection is still open: %v", err)
		}
	}
	if p.sweep != nil {
		t.Fatal("the timer goes on although nothing is left")
	}
}

func TestKeepAliveHeader(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"timeout=5": 4 * time.Second, "timeout=5, max=1000": 4 * time.Second, "max=3, Timeout=1": 0, "timeout=0": 0,
		"timeout=x": time.Hour, "": time.Hour, "timeout=99999": time.Hour,
	} {
		if got := keepAlive(http.Header{"Keep-Alive": {value}}); got != want {
			t.Errorf("%q: got %v, want %v", value, got, want)
		}
	}
}
