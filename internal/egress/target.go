package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// maxURL bounds a URL; OCPI's own type URL has 255 characters.
const maxURL = 4096

// lookupTimeout bounds the name look-up of [Client.CheckURL].
const lookupTimeout = 2 * time.Second

// target is a URL taken apart without changing a byte of it.
type target struct {
	tls       bool
	authority string     // as written, for the Host header
	host      string     // name in lower case, or the address without brackets
	addr      netip.Addr // valid when host is a literal address
	port      uint16
	path      string // request target: begins with / and has the query
}

// key tells connections apart within a platform.
func (t target) key() connKey { return connKey{t.tls, t.port, t.host} }

func (t target) dialAddress() string {
	return net.JoinHostPort(t.host, strconv.Itoa(int(t.port)))
}

// parseTarget reads an absolute http or https URL. It is stricter than
// net/url: no user, no fragment, printable ASCII, and a host in exactly one
// spelling, so that what is checked cannot differ from what is connected to.
// The errors do not repeat the URL.
func parseTarget(raw string) (target, error) {
	var t target
	if len(raw) > maxURL {
		return t, errors.New("is too long")
	}
	if err := checkChars(raw); err != nil {
		return t, err
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	switch {
	case ok && strings.EqualFold(scheme, "https"):
		t.tls, t.port = true, 443
	case ok && strings.EqualFold(scheme, "http"):
		t.port = 80
	default:
		return t, errors.New("must begin with https://")
	}
	t.authority, t.path = rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		t.authority, t.path = rest[:i], rest[i:]
		if t.path[0] == '?' {
			t.path = "/" + t.path
		}
	}
	return t, t.parseAuthority()
}

// checkChars refuses what a URL must not have.
func checkChars(raw string) error {
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c > '~' || c == '\\' || c == '#' {
			return errors.New("has a fragment or a character that a URL must not have")
		}
	}
	return nil
}

func (t *target) parseAuthority() error {
	host, port := t.authority, ""
	bracket := strings.HasPrefix(host, "[")
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		host, port = host[:i], host[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' || port[0] == '+' {
			return errors.New("has a port that is not one")
		}
		t.port = uint16(n)
	}
	if bracket {
		inner, ok := strings.CutSuffix(host[1:], "]")
		addr, err := netip.ParseAddr(inner)
		if !ok || err != nil || !addr.Is6() || addr.Zone() != "" {
			return errors.New("has an IPv6 address that is not one")
		}
		t.host, t.addr = inner, addr
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		t.host, t.addr = host, addr
		return nil
	}
	t.host = strings.ToLower(host)
	return checkName(t.host)
}

// checkName refuses what is not a plain DNS name: user names, percent signs,
// trailing dots, and everything that some resolvers read as a number, such as
// 127.1, 0x7f.1 and 2130706433.
func checkName(name string) error {
	if name == "" || len(name) > 253 {
		return errors.New("has no host, or too long a one")
	}
	last := name
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("has a host that is not a DNS name")
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return errors.New("has a user, or a host that is not a DNS name")
			}
		}
		last = label
	}
	if last[0] >= '0' && last[0] <= '9' {
		return errors.New("has a host that is a number")
	}
	return nil
}

// CheckURL checks a URL that a partner or the operator names before it is kept.
// It must be absolute, https, without user and fragment, on an allowed port,
// and its host must not be an address that the guard refuses. Plain http,
// other ports and names that only mean something locally (one label,
// .localhost, .local, .internal) are accepted when the host is, or resolves
// to nothing but, addresses inside AllowNetworks; only then is the name looked
// up, for at most two seconds. Passing proves nothing about later: what a name
// resolves to is checked again at each connection.
//
// The error is fit for the partner: it does not say what was found at the
// address.
func (c *Client) CheckURL(raw string) error {
	t, err := parseTarget(raw)
	if err != nil {
		return fmt.Errorf("the URL %w", err)
	}
	if t.addr.IsValid() {
		if c.guard.check(netip.AddrPortFrom(t.addr, t.port), t.tls) != nil {
			return errNotAllowed
		}
		return nil
	}
	if t.tls && c.guard.portAllowed(t.port) && !localName(t.host) {
		return nil
	}
	if len(c.guard.allow) == 0 {
		return errNotAllowed
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	resolver := c.opt.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", t.host)
	if err != nil || len(addrs) == 0 {
		return errNotAllowed
	}
	for _, a := range addrs {
		if !c.guard.allowed(a) {
			return errNotAllowed
		}
	}
	return nil
}

var errNotAllowed = errors.New("the URL must be https to a public host on an allowed port")

// localName reports whether a name cannot be one of the public DNS.
func localName(host string) bool {
	dot := strings.LastIndexByte(host, '.')
	if dot < 0 {
		return true
	}
	switch host[dot+1:] {
	case "localhost", "local", "internal", "localdomain", "lan", "home", "arpa", "onion", "invalid", "test":
		return true
	}
	return false
}
