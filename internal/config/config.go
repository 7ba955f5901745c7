// Package config reads what an operator may set: one file, then the
// environment, which wins. A key that nobody knows stops the start, because a
// mistyped setting that is silently ignored is worse than a hub that does not
// start.
package config

import (
	"net/netip"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// The values of [Config.Agreements].
const (
	AgreementsRequired = "required"
	AgreementsOpen     = "open"
)

// Off as [Config.MetricsListen] turns the metrics listener off.
const Off = "off"

// Config is everything that can be set. The doc comment of a field is what
// docs/operate/configuration.md prints; a test keeps the two in step.
//
// In the file a key has the name in the yaml tag, and a nested struct is a
// nested mapping. In the environment a value has the name in the env tag; an
// empty value counts as not set. A field of type [Secret] can also be given as
// the name of a file, in a variable with _FILE added to its name.
type Config struct {
	// Address and port of the OCPI endpoints and the admin API. Port 0 takes a
	// free port, which <data>/addresses.json then names. The hub speaks plain
	// HTTP; put a TLS proxy in front of it where it can be reached from outside.
	Listen string `yaml:"listen" env:"EROAM_LISTEN"`

	// Address and port of /metrics (Prometheus) and, on a loopback address only,
	// /debug/pprof. Nothing there is authenticated. "off" opens no such listener.
	MetricsListen string `yaml:"metrics_listen" env:"EROAM_METRICS_LISTEN"`

	// URL under which partners reach the hub, without a path; every URL that the
	// hub hands out begins with it. Empty: http:// and the listen address, which
	// is possible on a loopback address only. Must be https elsewhere, unless
	// allow_http is set.
	PublicURL string `yaml:"public_url" env:"EROAM_PUBLIC_URL"`

	// Accept a public_url that is plain http on an address that is not loopback.
	// Tokens then cross the network readable; meant for closed test networks. It
	// says nothing about the URLs of partners: see allow_networks.
	AllowHTTP bool `yaml:"allow_http" env:"EROAM_ALLOW_HTTP"`

	// Directory of the SQLite files, the sealing key and addresses.json, made if
	// it is missing. One process at a time may use it.
	Data string `yaml:"data" env:"EROAM_DATA"`

	// Empty: SQLite in the data directory. Else the URL of a PostgreSQL (15 or
	// later) database, such as postgres://eroam:password@db.example.com/eroam.
	// The trace of messages stays in the data directory in both cases.
	Database Secret `yaml:"database" env:"EROAM_DATABASE"`

	// Who the hub is on OCPI.
	Hub Hub `yaml:"hub"`

	// Bearer token of the admin API. Empty: one is made at the first start and
	// printed once; only its hash is kept. On an address that is not loopback it
	// must have at least 24 characters.
	AdminToken Secret `yaml:"admin_token" env:"EROAM_ADMIN_TOKEN"`

	// Networks whose addresses the hub may connect to although they are not
	// public (loopback, private, link-local …); partner URLs there may also be
	// http. Comma-separated in the environment. Does not restrict connections to
	// public addresses.
	AllowNetworks []netip.Prefix `yaml:"allow_networks" env:"EROAM_ALLOW_NETWORKS"`

	// Ports of partners outside allow_networks that the hub may connect to.
	AllowPorts []uint16 `yaml:"allow_ports" env:"EROAM_ALLOW_PORTS"`

	// "required": a CPO and a provider exchange messages only under an agreement.
	// "open": every CPO with every EMSP, NSP and OTHER, for labs.
	Agreements string `yaml:"agreements" env:"EROAM_AGREEMENTS"`

	// How long a partner may take to answer a forwarded request, reading its
	// answer included. After it the sender gets status 4002.
	ForwardTimeout time.Duration `yaml:"forward_timeout" env:"EROAM_FORWARD_TIMEOUT"`

	// The same for real-time authorisation, where a driver waits at the station.
	AuthorizeTimeout time.Duration `yaml:"authorize_timeout" env:"EROAM_AUTHORIZE_TIMEOUT"`

	// How long a command's result may come later than the time that the operator
	// named for it. After it the provider is told TIMEOUT, once.
	CommandGrace time.Duration `yaml:"command_grace" env:"EROAM_COMMAND_GRACE"`

	// How long a platform may be silent before the hub asks its versions URL
	// whether it is still there.
	StillAlive time.Duration `yaml:"still_alive" env:"EROAM_STILL_ALIVE"`

	// How long requests that are under way may still take after SIGTERM. What is
	// not finished then is cut off.
	ShutdownTimeout time.Duration `yaml:"shutdown_timeout" env:"EROAM_SHUTDOWN_TIMEOUT"`

	// How long after SIGTERM the hub still accepts new connections while /readyz
	// already fails, so that a load balancer can turn away. 0 with none in front.
	DrainDelay time.Duration `yaml:"drain_delay" env:"EROAM_DRAIN_DELAY"`

	// Largest body of a request that is accepted; a larger one gets HTTP 413.
	// Locations and CDRs may have four times as much.
	MaxBody Size `yaml:"max_body" env:"EROAM_MAX_BODY"`

	// Largest body that is read of a partner's answer; a larger one counts as
	// broken and the sender gets status 4002.
	MaxResponse Size `yaml:"max_response" env:"EROAM_MAX_RESPONSE"`

	// What one platform, and all of them together, may use.
	Limits Limits `yaml:"limits"`

	// The record of messages that GET /api/v1/messages searches.
	Trace Trace `yaml:"trace"`

	// The log on standard error.
	Log Log `yaml:"log"`

	warnings []string
}

// Hub is the identity of the hub.
type Hub struct {
	// Country code of the hub, two letters. The environment sets it together
	// with the party id: EROAM_HUB=US*HUB.
	CountryCode string `yaml:"country_code"`

	// Party id of the hub, three letters or digits.
	PartyID string `yaml:"party_id"`

	// Name of the hub in its business details.
	Name string `yaml:"name" env:"EROAM_HUB_NAME"`
}

// Party returns the hub's id in upper case. It is valid once [Load] has
// returned the Config.
func (h Hub) Party() ocpi.PartyID {
	id, _ := ocpi.ParsePartyID(h.CountryCode, h.PartyID)
	return id
}

// Limits bound the use of the hub. Those per platform can be set for one
// platform through the admin API.
type Limits struct {
	// Requests per second that one platform may send, on average. What is above
	// gets HTTP 429 with Retry-After.
	RequestsPerSecond float64 `yaml:"requests_per_second" env:"EROAM_LIMITS_REQUESTS_PER_SECOND"`

	// Requests that one platform may send at once after a pause.
	Burst int `yaml:"burst" env:"EROAM_LIMITS_BURST"`

	// Requests of one platform that may be under way at the same time. What is
	// above gets HTTP 429.
	Concurrent int `yaml:"concurrent" env:"EROAM_LIMITS_CONCURRENT"`

	// Requests that the hub has under way to one platform at the same time, so
	// that a partner that hangs takes none of the others' capacity. What is above
	// fails with status 4003.
	Outbound int `yaml:"outbound" env:"EROAM_LIMITS_OUTBOUND"`

	// Open connections to the listen address; each takes about 20 KiB. Further
	// ones wait unaccepted. Never more than three quarters of the files that the
	// system lets the process open.
	Connections int `yaml:"connections" env:"EROAM_LIMITS_CONNECTIONS"`
}

// Trace says what is kept of messages.
type Trace struct {
	// How long a message can be found.
	Keep time.Duration `yaml:"keep" env:"EROAM_TRACE_KEEP"`

	// Size of the file beyond which the oldest messages go earlier.
	MaxSize Size `yaml:"max_size" env:"EROAM_TRACE_MAX_SIZE"`

	// Bytes that are kept of one body, redacted; the rest is cut. 0 keeps no
	// bodies.
	MaxBody Size `yaml:"max_body" env:"EROAM_TRACE_MAX_BODY"`
}

// Log says what is logged and how.
type Log struct {
	// "debug", "info", "warn" or "error". No level logs tokens, driver ids or
	// bodies.
	Level string `yaml:"level" env:"EROAM_LOG_LEVEL"`

	// "json", "text", or "auto": text on a terminal and JSON elsewhere.
	Format string `yaml:"format" env:"EROAM_LOG_FORMAT"`
}

// Default returns what holds where nothing is set.
func Default() *Config {
	return &Config{
		Listen:           "127.0.0.1:8080",
		MetricsListen:    "127.0.0.1:9090",
		Data:             "./data",
		Hub:              Hub{CountryCode: "US", PartyID: "HUB", Name: "eroam"},
		AllowPorts:       []uint16{443, 8443},
		Agreements:       AgreementsRequired,
		ForwardTimeout:   5 * time.Second,
		AuthorizeTimeout: 2500 * time.Millisecond,
		CommandGrace:     time.Minute,
		StillAlive:       5 * time.Minute,
		ShutdownTimeout:  20 * time.Second,
		MaxBody:          1 << 20,
		MaxResponse:      4 << 20,
		Limits: Limits{
			RequestsPerSecond: 500,
			Burst:             1000,
			Concurrent:        128,
			Outbound:          64,
			Connections:       16384,
		},
		Trace: Trace{Keep: 30 * 24 * time.Hour, MaxSize: 8 << 30, MaxBody: 16 << 10},
		Log:   Log{Level: "info", Format: "auto"},
	}
}

// Warnings returns what is allowed but probably not meant, such as a variable
// EROAM_LISTN. The start logs them.
func (c *Config) Warnings() []string { return c.warnings }
