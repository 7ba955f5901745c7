package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// minAdminToken is the least length of an admin token, in characters, where
// the API can be reached from another machine.
const minAdminToken = 24

// check reports every setting that is wrong in itself or together with others,
// and fills in what follows from others.
func (c *Config) check() []error {
	var p problems
	host := p.address("listen", c.Listen, "127.0.0.1:8080")
	if c.MetricsListen != Off {
		p.address("metrics_listen", c.MetricsListen, "127.0.0.1:9090, or off")
	}
	c.checkPublicURL(&p, host)
	c.checkAdminToken(&p, host)
	c.checkHub(&p)
	if db := c.Database.Reveal(); db != "" {
		u, err := url.Parse(db)
		if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			p.addf("database", "must be the URL of a PostgreSQL database, such as postgres://eroam:password@db.example.com/eroam, or empty for SQLite")
		}
	}
	if c.Data == "" {
		p.addf("data", "must name a directory, such as ./data")
	} else if _, err := filepath.Abs(c.Data); err != nil {
		p.addf("data", "%v", err)
	}
	p.oneOf("agreements", c.Agreements, AgreementsRequired, AgreementsOpen)
	p.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	p.oneOf("log.format", c.Log.Format, "auto", "json", "text")

	within(&p, "forward_timeout", c.ForwardTimeout, 10*time.Millisecond, 50*time.Second)
	within(&p, "authorize_timeout", c.AuthorizeTimeout, 10*time.Millisecond, 50*time.Second)
	within(&p, "command_grace", c.CommandGrace, 10*time.Millisecond, time.Hour)
	within(&p, "still_alive", c.StillAlive, 10*time.Millisecond, 24*time.Hour)
	within(&p, "shutdown_timeout", c.ShutdownTimeout, 0, 10*time.Minute)
	within(&p, "drain_delay", c.DrainDelay, 0, time.Minute)
	within(&p, "trace.keep", c.Trace.Keep, time.Minute, 10*365*24*time.Hour)
	within(&p, "max_body", c.MaxBody, 1<<10, 64<<20)
	within(&p, "max_response", c.MaxResponse, 1<<10, 64<<20)
	within(&p, "trace.max_body", c.Trace.MaxBody, 0, 1<<20)
	within(&p, "trace.max_size", c.Trace.MaxSize, 16<<20, 1<<50)
	within(&p, "limits.requests_per_second", c.Limits.RequestsPerSecond, 0.01, 1e6)
	within(&p, "limits.burst", c.Limits.Burst, 1, 1_000_000)
	within(&p, "limits.concurrent", c.Limits.Concurrent, 1, 100_000)
	within(&p, "limits.outbound", c.Limits.Outbound, 1, 10_000)
	within(&p, "limits.connections", c.Limits.Connections, 1, 1_000_000)
	return p
}

func (c *Config) checkHub(p *problems) {
	id, err := ocpi.ParsePartyID(c.Hub.CountryCode, c.Hub.PartyID)
	if err != nil {
		p.addf("hub", "country_code must be two letters and party_id three letters or digits, such as US and HUB")
		return
	}
	c.Hub.CountryCode, c.Hub.PartyID = id.CountryCode, id.ID
	if c.Hub.Name == "" || len(c.Hub.Name) > 100 {
		p.addf("hub.name", "must have 1 to 100 characters")
	}
}

func (c *Config) checkPublicURL(p *problems, listenHost string) {
	if c.PublicURL == "" {
		if listenHost != "" && !loopback(listenHost) {
			p.addf("public_url", "must be set when listen (%s) is not a loopback address: the URL under which partners reach the hub, such as https://hub.example.com", c.Listen)
		}
		return
	}
	c.PublicURL = strings.TrimSuffix(c.PublicURL, "/")
	u, err := url.Parse(c.PublicURL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		p.addf("public_url", "%q is not the URL of a server: want a scheme and a host, such as https://hub.example.com", c.PublicURL)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || u.ForceQuery:
		p.addf("public_url", "%q must be a scheme and a host only, such as https://hub.example.com", u.Redacted())
	case u.Scheme == "http" && !loopback(u.Hostname()) && !c.AllowHTTP:
		p.addf("public_url", "%q is plain http outside loopback, so that tokens would cross the network readable: use https, or set allow_http: true in a closed test network", c.PublicURL)
	}
}

func (c *Config) checkAdminToken(p *problems, listenHost string) {
	t := c.AdminToken.Reveal()
	if t == "" {
		return
	}
	for i := range len(t) {
		if t[i] < 0x21 || t[i] > 0x7e {
			p.addf("admin_token", "must be printable ASCII without spaces")
			return
		}
	}
	if listenHost != "" && !loopback(listenHost) && len(t) < minAdminToken {
		p.addf("admin_token", "must have at least %d characters when listen (%s) is not a loopback address; leave it out to have one made", minAdminToken, c.Listen)
	}
}

// URL returns public_url, or its default for the address that the hub really
// listens on, without a slash at its end.
func (c *Config) URL(listening string) string {
	return cmp.Or(c.PublicURL, "http://"+listening)
}

// problems collects what is wrong, each under the key it belongs to.
type problems []error

func (p *problems) addf(key, format string, args ...any) {
	*p = append(*p, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

// address checks host:port and returns the host, "" when it is wrong.
func (p *problems) address(key, value, example string) (host string) {
	host, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		p.addf(key, "%q is not an address with a port: want one such as %s", value, example)
		return ""
	}
	if host == "" {
		return "0.0.0.0"
	}
	return host
}

func (p *problems) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		p.addf(key, "%q is not one of %s", value, strings.Join(allowed, ", "))
	}
}

func within[T cmp.Ordered](p *problems, key string, v, least, most T) {
	if v < least || v > most {
		p.addf(key, "%v is out of range: want %v to %v", v, least, most)
	}
}

// loopback reports whether host names this machine only.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// Loopback reports whether the address (host:port) can be reached from this
// machine only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopback(host)
}
