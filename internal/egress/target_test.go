package egress

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// FuzzTarget: whatever is accepted means the same to net/url, and its host is
// an address or a name that cannot be read as one.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{
		"https://example.com/a?b", "http://[::1]:80/x", "https://1.2.3.4:8443", "https://EXAMPLE.com?x", "https://a@b/", "https://0x7f.1/",
		"https://a:00443/", "https://[::ffff:1.2.3.4]/%2e%2e/", "https://a_b.c-d/", "https://a%41/", "https://[1.2.3.4]/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := parseTarget(raw)
		if err != nil {
			return
		}
		u, err := url.Parse(raw)
		if err != nil {
			// net/url also looks at escapes in the path, which are the server's to judge.
			if !strings.Contains(err.Error(), "invalid URL escape") || strings.Contains(got.authority, "%") {
				t.Fatalf("%q: net/url says %v", raw, err)
			}
			return
		}
		if u.User != nil || u.Fragment != "" || !strings.EqualFold(u.Hostname(), got.host) || u.Host != got.authority {
			t.Fatalf("%q: net/url reads %#v, we read %#v", raw, u, got)
		}
		if p := u.Port(); p != "" && p != strconv.Itoa(int(got.port)) {
			t.Fatalf("%q: port %s or %d", raw, p, got.port)
		}
		if _, err := netip.ParseAddr(got.host); (err == nil) != got.addr.IsValid() {
			t.Fatalf("%q: host %q, address %v", raw, got.host, got.addr)
		}
		if got.path[0] != '/' || strings.ContainsAny(got.path, " \r\n#") {
			t.Fatalf("%q: request target %q", raw, got.path)
		}
	})
}
