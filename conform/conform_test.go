package conform_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/conform"
	"github.com/eroam/eroam/internal/blackbox"
	"github.com/eroam/eroam/internal/store/storetest"
)

const (
	adminToken     = "conformance-admin-token-0123456789"
	forwardTimeout = time.Second
	stillAlive     = time.Second
	commandGrace   = time.Second
)

// TestHub runs every check against the built binary, on SQLite and on
// PostgreSQL. TestHub/SQLite/E01 runs one.
func TestHub(t *testing.T) {
	binary := build(t)
	t.Run("SQLite", func(t *testing.T) { testHub(t, binary, "") })
	t.Run("PostgreSQL", func(t *testing.T) { testHub(t, binary, storetest.Postgres(t)) })
}

func testHub(t *testing.T, binary, database string) {
	hub := &process{binary: binary, data: t.TempDir(), database: database, listen: "127.0.0.1:0"}
	if err := hub.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		hub.kill()
		if t.Failed() {
			t.Logf("log of the hub:\n%s", tail(hub.log.Bytes(), 8<<10))
		}
	})
	only := wanted()
	suite, err := conform.Open(t.Context(), conform.Options{
		Operator:       conform.NewAdmin(hub.url, adminToken),
		Restart:        hub.restart,
		Only:           only,
		ForwardTimeout: forwardTimeout,
		StillAlive:     stillAlive,
		CommandGrace:   commandGrace,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer suite.Close()
	report := suite.Run(t.Context())
	if report.Error != "" {
		t.Fatal(report.Error)
	}
	outOfScope := map[string]bool{"N12": true, "N13": true}
	var ids strings.Builder
	for i, r := range report.Results {
		fmt.Fprintf(&ids, "%s %-10s", r.ID, r.Outcome)
		if i%8 == 7 {
			ids.WriteByte('\n')
		}
		t.Run(r.ID, func(t *testing.T) {
			switch {
			case r.Outcome == conform.Fail:
				t.Error(r.Explain())
			case r.Outcome == conform.Skip && outOfScope[r.ID]:
				t.Skip(r.Reason)
			case r.Outcome == conform.Skip: // nothing else may be left out here
				t.Error(r.Explain())
			}
		})
	}
	t.Logf("%d checks in %.1f s: %d pass, %d divergent, %d fail, %d not in scope yet\n%s", len(report.Results), report.Took.Seconds(),
		report.Count(conform.Pass), report.Count(conform.Divergent), report.Count(conform.Fail), report.Count(conform.Skip), ids.String())
}

// wanted returns the ids that the third element of -run selects, so that one
// check can be run alone.
func wanted() []string {
	f := flag.Lookup("test.run")
	parts := strings.Split(f.Value.String(), "/")
	if len(parts) < 3 {
		return nil
	}
	pattern, err := regexp.Compile(parts[2])
	if err != nil {
		return nil
	}
	var ids []string
	for _, c := range conform.Checks() {
		if pattern.MatchString(c.ID) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

// build makes the binary once.
func build(t *testing.T) string {
	t.Helper()
	binary, err := blackbox.Build(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// process is a hub as a child process.
type process struct {
	binary, data, database string
	listen                 string   // the same port again after a restart
	env                    []string // beside what start sets, or instead of it
	url                    string
	cmd                    *exec.Cmd
	log                    bytes.Buffer
}

func (p *process) start(ctx context.Context) error {
	if err := os.Remove(p.addresses()); err != nil && !os.IsNotExist(err) {
		return err
	}
	p.cmd = exec.Command(p.binary, "serve")
	p.cmd.Dir = p.data
	p.cmd.Env = append(os.Environ(),
		"EROAM_LISTEN="+p.listen, "EROAM_METRICS_LISTEN=off", "EROAM_DATA="+p.data, "EROAM_DATABASE="+p.database,
		"EROAM_HUB=DE*HUB", "EROAM_ADMIN_TOKEN="+adminToken, "EROAM_ALLOW_NETWORKS=127.0.0.1/32",
		"EROAM_FORWARD_TIMEOUT="+forwardTimeout.String(), "EROAM_AUTHORIZE_TIMEOUT="+forwardTimeout.String(),
		"EROAM_STILL_ALIVE="+stillAlive.String(), "EROAM_COMMAND_GRACE="+commandGrace.String(), "EROAM_LOG_FORMAT=text")
	p.cmd.Env = append(p.cmd.Env, p.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.SysProcAttr = endsWithParent()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	return p.await(ctx)
}

func (p *process) addresses() string { return filepath.Join(p.data, "addresses.json") }

// await returns when the hub says that it is ready.
func (p *process) await(ctx context.Context) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return err
		}
		if p.ready() {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.kill()
	return fmt.Errorf("the hub did not become ready:\n%s", p.log.Bytes())
}

func (p *process) ready() bool {
	text, err := os.ReadFile(p.addresses())
	if err != nil {
		return false
	}
	var a struct {
		Listen    string `json:"listen"`
		PublicURL string `json:"public_url"`
		PID       int    `json:"pid"`
	}
	if json.Unmarshal(text, &a) != nil || a.PID != p.cmd.Process.Pid {
		return false
	}
	resp, err := http.Get("http://" + a.Listen + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false
	}
	p.listen, p.url = a.Listen, a.PublicURL
	return true
}

// kill ends the hub as kill -9 does.
func (p *process) kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGKILL) // it may have ended on its own
	_ = p.cmd.Wait()
}

func (p *process) restart(ctx context.Context) error {
	if p.url == "" {
		return errors.New("the hub was never ready")
	}
	p.kill()
	return p.start(ctx)
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}
