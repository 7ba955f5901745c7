package egress_test

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
)

// t12 are URLs that must neither be kept nor asked. SINK is the port of a
// listener on all loopback addresses of this machine that must see nothing.
var t12 = strings.Fields(`
http://127.0.0.1:SINK/ https://127.0.0.1:SINK/ https://127.0.0.1/ https://127.0.0.1:8443/ https://127.8.8.8/
http://[::1]:SINK/ https://[::1]:SINK/ https://[::1]/ https://[::ffff:127.0.0.1]:SINK/ https://[::ffff:7f00:1]/
https://[::127.0.0.1]/ https://[::]/ https://[::ffff:0:127.0.0.1]/
https://169.254.169.254/latest/meta-data/ https://[fe80::1]/ https://[fe80::1%25eth0]/ https://[fd00:ec2::254]/
https://10.0.0.1/ https://172.16.0.1/ https://172.31.255.255/ https://192.168.1.1/ https://100.64.0.1/ https://100.127.255.254/
https://0.0.0.0/ https://0.0.0.0:SINK/ https://192.0.0.8/ https://192.0.2.1/ https://198.18.0.1/ https://198.19.255.255/
https://198.51.100.7/ https://203.0.113.9/ https://224.0.0.1/ https://239.255.255.250/ https://240.0.0.1/ https://255.255.255.255/
https://192.88.99.1/ https://[fd00::1]/ https://[fc00::1]/ https://[fec0::1]/ https://[ff02::1]/ https://[2001:db8::1]/ https://[3fff::1]/
https://[64:ff9b::7f00:1]/ https://[64:ff9b::10.0.0.1]/ https://[64:ff9b:1::7f00:1]/ https://[2002:7f00:1::]/ https://[2001:0:7f00:1::]/
https://[100::1]/ https://[5f00::1]/
https://0x7f.1/ https://0x7f000001/ https://2130706433/ https://127.1/ https://127.0.1/ https://017700000001/ https://0177.0.0.1/
https://127.0.0.1./ https://localhost./ https://127.0.0.1%00.example.com/ https://127。0。0。1/ https://①②⑦.0.0.1/
https://localhost:SINK/ http://localhost:SINK/ https://ip6-localhost/ https://intranet/ https://a.localhost/ https://metadata.google.internal/ https://printer.local/
https://good.example@127.0.0.1/ https://good.example:x@evil.example/ https://user@good.example/ https://@good.example/
https://good.example\@127.0.0.1/ https://127.0.0.1\.good.example/ https://good.example#@127.0.0.1/ https://good.example/#x
file:///etc/passwd gopher://127.0.0.1:SINK/_x ftp://good.example/ unix:///var/run/docker.sock http+unix://%2Fvar%2Frun%2Fdocker.sock/ ldap://good.example/
dict://127.0.0.1:SINK/ jar:https://good.example/ javascript:alert(1) data:text/plain,x //127.0.0.1/ https:/127.0.0.1/ https:127.0.0.1 https:// https:///x https://:443/
http://good.example/ https://good.example:22/ https://good.example:25/ https://good.example:SINK/ https://good.example:0/ https://good.example:65536/ https://good.example:/
https://good.example:+443/ https://good.example:0443/ https://[127.0.0.1]/ https://[::1/ https://::1/ https://good..example/ https://-good.example/ https://.good.example/
`)

func TestT12BlockedURLs(t *testing.T) {
	sink := newPeer(t, ":0", func(net.Conn, func() bool) {})
	_, port, _ := net.SplitHostPort(sink.URL[7:])
	resolver := names(t, func(int, string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("127.0.0.1")} })
	c := egress.New(egress.Options{Resolver: resolver})
	defer c.Close()
	if len(t12) < 60 {
		t.Fatalf("only %d URLs", len(t12))
	}
	for _, raw := range append(t12, "", " https://good.example/", "https://good.example/\r\nX: y", "https://good.example/\x00", "HTTPS://LOCALHOST/") {
		url := strings.ReplaceAll(raw, "SINK", port)
		if err := c.CheckURL(url); err == nil {
			t.Errorf("%q passed the check", url)
		}
		_, err := get(t, c, url, time.Second)
		if err == nil {
			t.Errorf("%q was asked", url)
			continue
		}
		wantFailure(t, err, egress.Unreachable)
	}
	if n := sink.conns.Load(); n != 0 {
		t.Fatalf("%d connections to this machine", n)
	}
}

// TestT12SameAnswer: what a partner is told does not depend on whether anything
// listens at the address.
func TestT12SameAnswer(t *testing.T) {
	open := answer(t, okAnswer)
	c := egress.New(egress.Options{})
	defer c.Close()
	a, b := c.CheckURL("https"+open.URL[4:]), c.CheckURL("https://127.0.0.1:1/")
	if a == nil || b == nil || a.Error() != b.Error() {
		t.Errorf("the check tells %q from %q", a, b)
	}
	_, err := get(t, c, "https"+open.URL[4:], long)
	wantFailure(t, err, egress.Unreachable)
	if !errors.Is(err, egress.ErrBlocked) {
		t.Errorf("got %v, want it to wrap ErrBlocked", err)
	}
}

// TestT12GoodURLs: what partners really use passes.
func TestT12GoodURLs(t *testing.T) {
	c := egress.New(egress.Options{})
	defer c.Close()
	for _, url := range []string{
		"https://ocpi.example.com/ocpi/versions", "https://ocpi.example.com:443/", "https://ocpi.example.com:8443/a?b=c&d=%2F",
		"HTTPS://OCPI.Example.Com", "https://my_host.example.com/", "https://xn--bcher-kva.example/", "https://1.ocpi.example.com",
		"https://8.8.8.8/", "https://[2606:4700::1111]:8443/x", "https://example.com?x=https://user@127.0.0.1/",
	} {
		if err := c.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestAllowedNetworks(t *testing.T) {
	resolver := names(t, func(_ int, name string) []netip.Addr {
		switch name {
		case "cpo", "cpo.lab.example":
			return []netip.Addr{netip.MustParseAddr("10.1.2.3")}
		case "mixed.lab.example":
			return []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("8.8.8.8")}
		}
		return nil
	})
	c := egress.New(egress.Options{Resolver: resolver, AllowPorts: []uint16{444},
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::ffff:10.2.0.0/112")}})
	defer c.Close()
	for url, ok := range map[string]bool{
		"http://10.1.2.3/": true, "http://10.1.2.3:81/": true, "https://10.1.2.3:9443/": true, "http://[::ffff:10.1.2.3]/": true,
		"http://10.2.0.1/": true, "http://10.3.0.1/": false, "https://10.3.0.1/": false,
		"http://cpo:8080/": true, "https://cpo/": true, "http://cpo.lab.example/": true, "https://cpo.lab.example:1234/": true,
		"http://mixed.lab.example/": false, "http://unknown.example/": false, "https://unknown.example/": false, "https://unknown.example:444/": true,
	} {
		if err := c.CheckURL(url); (err == nil) != ok {
			t.Errorf("%s: got %v, want allowed = %v", url, err, ok)
		}
	}
}

// TestT13Rebinding: a name that passes the check resolves to another address
// when it is used. 127.0.0.2 is allowed here and 127.0.0.1 is not.
func TestT13Rebinding(t *testing.T) {
	allowed, forbidden := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")
	good := newPeer(t, "127.0.0.2:0", func(c net.Conn, next func() bool) {
		for next() {
			c.Write([]byte(okAnswer))
		}
	})
	_, port, _ := net.SplitHostPort(good.URL[7:])
	sink := newPeer(t, "127.0.0.1:"+port, func(net.Conn, func() bool) {})
	resolver := names(t, func(n int, name string) []netip.Addr {
		switch {
		case strings.HasPrefix(name, "both-"):
			return []netip.Addr{forbidden, allowed}
		case n%2 == 0:
			return []netip.Addr{allowed}
		}
		return []netip.Addr{forbidden}
	})
	c := egress.New(egress.Options{Resolver: resolver, AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	defer c.Close()
	for range 100 {
		url := "http://rebind.example:" + port + "/"
		if err := c.CheckURL(url); err != nil {
			t.Fatal(err)
		}
		_, err := get(t, c, url, long)
		wantFailure(t, err, egress.Unreachable)
	}
	// Of several addresses the forbidden ones are passed over.
	for range 10 {
		resp, err := get(t, c, "http://both-x.example:"+port+"/", long)
		wantBody(t, resp, err, "ok")
		c.Forget("p")
	}
	if n := sink.conns.Load(); n != 0 {
		t.Fatalf("%d connections to the forbidden address", n)
	}
}
