package config_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eroam/eroam/internal/config"
)

var byValue = []cmp.Option{
	cmpopts.IgnoreUnexported(config.Config{}),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

// load writes text to a file and loads it with the environment.
func load(t *testing.T, text string, environ ...string) (*config.Config, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "eroam.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(name, environ)
}

func TestNothingSetGivesTheDefaults(t *testing.T) {
	t.Chdir(t.TempDir())
	got, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(config.Default(), got, byValue...); d != "" {
		t.Error(d)
	}
	if u := got.URL("127.0.0.1:41234"); u != "http://127.0.0.1:41234" {
		t.Errorf("public_url follows the address it listens on: got %s", u)
	}
}

func TestFileThenEnvironment(t *testing.T) {
	got, err := load(t, `
listen: 127.0.0.1:1
public_url: https://hub.example.com/
hub: {country_code: de, party_id: abc, name: A hub}
allow_networks: [127.0.0.0/8, "::1"]
agreements: open
allow_ports: [443, 9443]
forward_timeout: 4s
max_body: 64KiB
database:   # nothing
limits:
  requests_per_second: 2.5
  burst: 7
trace: {keep: 24h, max_body: 0}
`,
		"EROAM_LISTEN=127.0.0.1:2", "EROAM_HUB=fr*xyz", "EROAM_LIMITS_BURST=9", "EROAM_DATA=",
		"EROAM_TRACE_KEEP=48h", "EROAM_ALLOW_NETWORKS=10.0.0.0/8, 192.168.1.1", "EROAM_ALLOW_HTTP=true", "HOME=/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Listen = "127.0.0.1:2"
	want.PublicURL = "https://hub.example.com"
	want.Hub = config.Hub{CountryCode: "FR", PartyID: "XYZ", Name: "A hub"}
	want.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.1/32")}
	want.AllowHTTP = true
	want.AllowPorts = []uint16{443, 9443}
	want.Agreements = "open"
	want.ForwardTimeout = 4 * time.Second
	want.MaxBody = 64 << 10
	want.Limits.RequestsPerSecond = 2.5
	want.Limits.Burst = 9
	want.Trace = config.Trace{Keep: 48 * time.Hour, MaxSize: 8 << 30}
	if d := cmp.Diff(want, got, byValue...); d != "" {
		t.Error(d)
	}
	if id := got.Hub.Party().String(); id != "FR-XYZ" {
		t.Errorf("hub party: got %s", id)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	empty := filepath.Join(dir, "empty")
	for name, text := range map[string]string{file: "s3cret-token\n", empty: "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := load(t, "admin_token: other", "EROAM_ADMIN_TOKEN_FILE="+file)
	if err != nil {
		t.Fatal(err)
	}
	if got.AdminToken.Reveal() != "s3cret-token" {
		t.Errorf("got %q, want the content of the file without its line end", got.AdminToken.Reveal())
	}
	for environ, want := range map[string]string{
		"EROAM_ADMIN_TOKEN_FILE=" + empty:           "is empty",
		"EROAM_ADMIN_TOKEN_FILE=" + dir + "/nobody": "no such file",
		"EROAM_LISTEN_FILE=" + file:                 "", // only secrets come from files
	} {
		_, err := load(t, "", environ)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: got %v, want %q", environ, err, want)
		}
	}
	_, err = load(t, "", "EROAM_ADMIN_TOKEN_FILE="+file, "EROAM_ADMIN_TOKEN=x")
	if err == nil || !strings.Contains(err.Error(), "both EROAM_ADMIN_TOKEN and EROAM_ADMIN_TOKEN_FILE") {
		t.Errorf("both are set: got %v", err)
	}
}

func TestErrorsSayWhatAndWhere(t *testing.T) {
	tests := []struct{ name, yaml, environ, want string }{
		{"unknown key", "listen: 127.0.0.1:1\nlisten_port: 3", "", `eroam.yaml:2: unknown key "listen_port" (known: listen, `},
		{"unknown nested key", "hub:\n  country: US", "", `eroam.yaml:2: unknown key "hub.country" (known: country_code, party_id, name)`},
		{"letter case", "Listen: x", "", `unknown key "Listen"`},
		{"twice", "data: a\nlisten: 127.0.0.1:1\ndata: b", "", "eroam.yaml:3: data is already set in line 1"},
		{"two documents", "data: a\n---\ndata: b", "", "a second document"},
		{"no mapping", "- a", "", "eroam.yaml:1: the configuration must be a mapping"},
		{"no YAML", "a: [", "", "eroam.yaml: "},
		{"nested where one value is", "listen: {a: b}", "", "eroam.yaml:1: listen must be one value"},
		{"value where nested is", "limits: 3", "", "eroam.yaml:1: limits must be a mapping"},
		{"list where one value is", "data: [a]", "", "data must be one value"},
		{"list in a list", "allow_networks: [[a]]", "", "allow_networks: each entry must be one value"},
		{"duration", "still_alive: 5", "", `eroam.yaml:1: still_alive: "5" is not a duration: want a number with a unit`},
		{"number", "limits: {burst: many}", "", `limits.burst: "many" is not a whole number`},
		{"not a number", "limits: {requests_per_second: .nan}", "", `".nan" is not a number`},
		{"size", "max_body: 4MB", "", `max_body: "4MB" is not a size`},
		{"size overflow", "max_body: 9223372036854775807GiB", "", "is not a size"},
		{"network", "allow_networks: [10.0.0.0]\nlog: {level: loud}", "", `log.level: "loud" is not one of debug, info, warn, error`},
		{"network bits", "allow_networks: 10.1.0.0/8", "", "did you mean 10.0.0.0/8"},
		{"network text", "allow_networks: localhost", "", `"localhost" is not a network`},
		{"port", "allow_ports: [443, 70000]", "", `allow_ports: "70000" is not a port`},
		{"environment", "", "EROAM_FORWARD_TIMEOUT=soon", `EROAM_FORWARD_TIMEOUT: "soon" is not a duration`},
		{"hub", "", "EROAM_HUB=GERMANY", `EROAM_HUB: "GERMANY" is not a party: want a country code and a party id, such as US*HUB`},
		{"hub in the file", "hub: {country_code: USA}", "", "hub: country_code must be two letters"},
		{"bool", "", "EROAM_ALLOW_HTTP=perhaps", `"perhaps" is neither true nor false`},
		{"listen", "listen: 8080", "", `listen: "8080" is not an address with a port`},
		{"port number", "listen: 127.0.0.1:99999", "", `listen: "127.0.0.1:99999" is not an address`},
		{"metrics", "metrics_listen: none", "", "want one such as 127.0.0.1:9090, or off"},
		{"agreements", "agreements: closed", "", `agreements: "closed" is not one of required, open`},
		{"database", "database: mysql://root:pw@h/d", "", "database: must be the URL of a PostgreSQL database"},
		{"range", "forward_timeout: 1h", "", "forward_timeout: 1h0m0s is out of range: want 10ms to 50s"},
		{"range of a size", "max_body: 1", "", "max_body: 1 is out of range: want 1KiB to 64MiB"},
		{"public_url", "public_url: hub.example.com", "", `is not the URL of a server`},
		{"public_url path", "public_url: https://hub.example.com/ocpi", "", "must be a scheme and a host only"},
		{"public_url user", "public_url: https://a:pass@hub.example.com", "", "must be a scheme and a host only"},
		{"public_url missing", "listen: 0.0.0.0:80", "", "public_url: must be set when listen (0.0.0.0:80) is not a loopback address"},
		{"public_url missing, all addresses", "listen: :80", "", "public_url: must be set"},
		{"plain http", "public_url: http://hub.example.com", "", "public_url: \"http://hub.example.com\" is plain http outside loopback"},
		{"short token outside loopback", "listen: 0.0.0.0:80\npublic_url: https://h.example.com\nadmin_token: secret", "", "admin_token: must have at least 24 characters"},
		{"token with a space", "admin_token: a b", "", "admin_token: must be printable ASCII without spaces"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.yaml, test.environ)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), "pass@") || strings.Contains(err.Error(), "pw@")) {
				t.Errorf("a secret is in the message: %v", err)
			}
		})
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := load(t, "a: 1\nb: 2", "EROAM_MAX_BODY=x")
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("want three lines, got %v", err)
	}
}

func TestUnsafeOnlyWhenSaid(t *testing.T) {
	for _, yaml := range []string{
		"public_url: http://localhost:8080",
		"public_url: http://[::1]:8080",
		"public_url: http://hub.test\nallow_http: true",
		"listen: 0.0.0.0:80\npublic_url: https://h.example.com\nadmin_token: abcdefghijklmnopqrstuvwxyz",
		"admin_token: x",
	} {
		if _, err := load(t, yaml); err != nil {
			t.Errorf("%s: %v", yaml, err)
		}
	}
}

func TestMissingFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "nobody.yaml"), nil)
	if err == nil || !strings.Contains(err.Error(), "nobody.yaml") {
		t.Errorf("a file that was named must be there: got %v", err)
	}
}

func TestUnknownVariablesWarn(t *testing.T) {
	got, err := load(t, "", "EROAM_LISTN=127.0.0.1:1", "EROAM_URL=http://127.0.0.1", "EROAM_PORT=tcp://10.0.0.1:80")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"the variable EROAM_LISTN is no setting of the hub", "the variable EROAM_PORT is no setting of the hub"}
	if d := cmp.Diff(want, got.Warnings()); d != "" {
		t.Error(d)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	const token, password = "canary-token-1234567890abcd", "canary-password"
	c, err := load(t, "admin_token: "+token+"\ndatabase: postgres://u:"+password+"@127.0.0.1/d")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %#v %s", c, c, c, c.AdminToken)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "token", c.AdminToken)
	for _, canary := range []string{token, password} {
		if strings.Contains(out.String(), canary) {
			t.Errorf("%s is printed in %s", canary, out.String())
		}
	}
	if !strings.Contains(out.String(), "admin_token: '[redacted]'") {
		t.Errorf("--print-config does not say that there is a token:\n%s", out.String())
	}
}

// What is printed is read again, so that an operator can begin with it.
func TestPrintedConfigurationLoads(t *testing.T) {
	c, err := load(t, "allow_networks: [127.0.0.0/8, 10.0.0.0/8]\nhub: {name: \"it's: a hub\"}\nlimits: {requests_per_second: 0.5}\nmetrics_listen: off")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	again, err := load(t, out.String())
	if err != nil {
		t.Fatalf("%v in:\n%s", err, out.String())
	}
	if d := cmp.Diff(c, again, append(byValue, cmpopts.EquateEmpty())...); d != "" {
		t.Error(d)
	}
}
