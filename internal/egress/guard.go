package egress

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// special lists what IANA's special-purpose address registries (RFC 6890) name
// as not being an ordinary host on the internet, multicast, and the ranges that
// embed an IPv4 address, whichever it is. On an IPv6-only host behind NAT64 the
// operator has to allow 64:ff9b::/96.
var special = parsePrefixes(
	"0.0.0.0/8",         // this network
	"10.0.0.0/8",        // private
	"100.64.0.0/10",     // carrier-grade NAT
	"127.0.0.0/8",       // loopback
	"169.254.0.0/16",    // link local, cloud metadata
	"172.16.0.0/12",     // private
	"192.0.0.0/24",      // IETF protocol assignments
	"192.0.2.0/24",      // documentation
	"192.31.196.0/24",   // AS112
	"192.52.193.0/24",   // AMT
	"192.88.99.0/24",    // 6to4 relays
	"192.168.0.0/16",    // private
	"192.175.48.0/24",   // AS112
	"198.18.0.0/15",     // benchmarks
	"198.51.100.0/24",   // documentation
	"203.0.113.0/24",    // documentation
	"224.0.0.0/4",       // multicast
	"240.0.0.0/4",       // reserved, broadcast
	"::/96",             // unspecified, loopback, IPv4-compatible
	"::ffff:0.0.0.0/96", // IPv4-mapped
	"::ffff:0:0:0/96",   // IPv4-translated
	"64:ff9b::/96",      // NAT64
	"64:ff9b:1::/48",    // NAT64, local
	"100::/64",          // discard
	"100:0:0:1::/64",    // dummy prefix
	"2001::/23",         // IETF protocol assignments: Teredo, ORCHID, benchmarks, AMT
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
	"5f00::/16",         // segment routing
	"fc00::/7",          // unique local
	"fe80::/10",         // link local
	"fec0::/10",         // site local
	"ff00::/8",          // multicast
)

func parsePrefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// ErrBlocked is wrapped by every refusal of the address guard.
var ErrBlocked = errors.New("address or port is not allowed")

// guard decides which addresses may be connected to.
type guard struct {
	allow []netip.Prefix
	ports []uint16
}

func newGuard(allow []netip.Prefix, ports []uint16) *guard {
	g := &guard{ports: ports}
	if len(ports) == 0 {
		g.ports = []uint16{443, 8443}
	}
	for _, p := range allow {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		g.allow = append(g.allow, p.Masked())
	}
	return g
}

// allowed reports whether addr lies in a network that the operator allowed.
func (g *guard) allowed(addr netip.Addr) bool {
	addr = addr.Unmap()
	return slices.ContainsFunc(g.allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// portAllowed reports whether a port may be used outside the allowed networks.
func (g *guard) portAllowed(port uint16) bool { return slices.Contains(g.ports, port) }

// check returns nil when a connection to ap may be made.
func (g *guard) check(ap netip.AddrPort, tls bool) error {
	addr := ap.Addr().Unmap()
	switch {
	case addr.Zone() != "":
		return fmt.Errorf("%w: %s has a zone", ErrBlocked, addr)
	case g.allowed(addr):
		return nil
	case !tls:
		return fmt.Errorf("%w: http to %s", ErrBlocked, addr)
	case !g.portAllowed(ap.Port()):
		return fmt.Errorf("%w: port %d of %s", ErrBlocked, ap.Port(), addr)
	case !addr.IsValid() || slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(addr) }):
		return fmt.Errorf("%w: %s is a special-purpose address", ErrBlocked, addr)
	}
	return nil
}

// control is called for every socket after its address was resolved and before
// it is connected, also for each of several addresses that are tried in turn.
func (g *guard) control(tls bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || (network != "tcp4" && network != "tcp6") {
			return fmt.Errorf("%w: %s %s", ErrBlocked, network, address)
		}
		return g.check(ap, tls)
	}
}
