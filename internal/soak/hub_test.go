package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const adminToken = "soak-admin-token-0123456789abcdef"

// built is the binary, made once for all tests.
var built struct {
	once sync.Once
	path string
	err  error
}

// binary builds eroam, or takes the one that EROAM_SOAK_BINARY names.
func binary(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.path = os.Getenv("EROAM_SOAK_BINARY"); built.path != "" {
			return
		}
		var dir string
		if dir, built.err = os.MkdirTemp("", "eroam-soak-"); built.err != nil {
			return
		}
		built.path = filepath.Join(dir, "eroam")
		if out, err := exec.Command("go", "build", "-o", built.path, "github.com/eroam/eroam/cmd/eroam").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("building eroam: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.path != "" && os.Getenv("EROAM_SOAK_BINARY") == "" {
		_ = os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// hub is a hub that is killed and started again, always at the same address.
type hub struct {
	binary, data, database, listen string
	log                            *os.File
	cmd                            *exec.Cmd
	ended                          <-chan struct{} // closed when cmd has ended
	starts                         []time.Duration // until /readyz
}

func newHub(t testing.TB, database string) *hub {
	t.Helper()
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "hub.log"))
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{binary: binary(t), data: filepath.Join(dir, "data"), database: database, listen: freePort(t), log: log}
	t.Cleanup(func() {
		h.kill()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("the end of the hub's log:\n%s", b[max(0, len(b)-8000):])
		}
		_ = log.Close()
	})
	return h
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func (h *hub) url() string { return "http://" + h.listen }

// start runs the hub and returns once it is ready.
func (h *hub) start(t testing.TB) {
	t.Helper()
	if err := os.MkdirAll(h.data, 0o700); err != nil {
		t.Fatal(err)
	}
	h.cmd = exec.Command(h.binary, "serve")
	h.cmd.Dir = h.data
	h.cmd.Env = append(withoutSettings(os.Environ()), "EROAM_LISTEN="+h.listen, "EROAM_METRICS_LISTEN=off", "EROAM_DATA="+h.data, "EROAM_DATABASE="+h.database,
		"EROAM_ADMIN_TOKEN="+adminToken, "EROAM_ALLOW_NETWORKS=127.0.0.1/32", "EROAM_AGREEMENTS=open",
		"EROAM_LIMITS_REQUESTS_PER_SECOND=100000", "EROAM_LIMITS_BURST=100000")
	h.cmd.Stdout, h.cmd.Stderr = h.log, h.log
	h.cmd.SysProcAttr = endsWithParent()
	began := time.Now()
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	h.ended = ended
	go func(cmd *exec.Cmd) {
		defer close(ended)
		_ = cmd.Wait()
	}(h.cmd)
	for !ready(h.url()) {
		select {
		case <-ended:
			t.Fatal("the hub ended while starting")
		case <-time.After(2 * time.Millisecond):
		}
		if time.Since(began) > time.Minute {
			t.Fatal("the hub is not ready after a minute")
		}
	}
	h.starts = append(h.starts, time.Since(began))
}

// withoutSettings drops settings of the tests from an environment.
func withoutSettings(env []string) []string {
	return slices.DeleteFunc(env, func(kv string) bool { return strings.HasPrefix(kv, "EROAM_") })
}

func ready(url string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// kill ends the hub with SIGKILL.
func (h *hub) kill() {
	if h.cmd != nil {
		_ = h.cmd.Process.Kill()
		<-h.ended
		h.cmd = nil
	}
}

// register invites a platform of one party and plays its side of the handshake.
// It returns the token that the hub accepts from it.
func (h *hub) register(t testing.TB, p partyID, role, versions string) string {
	t.Helper()
	var invited struct {
		TokenA string `json:"token_a"`
	}
	h.post(t, h.url()+"/api/v1/platforms", "Bearer "+adminToken, map[string]any{
		"name": p.id, "token_encoding": "raw",
		"parties": []map[string]string{{"country_code": p.country, "party_id": p.id, "role": role, "name": p.id}},
	}, &invited)
	var credentials struct {
		Data struct {
			Token string `json:"token"`
		} `json:"data"`
		Message string `json:"status_message"`
	}
	h.post(t, h.url()+"/ocpi/2.2.1/credentials", "Token "+invited.TokenA, map[string]any{
		"token": "soak-token-" + p.id, "url": versions,
		"roles": []map[string]any{{"role": role, "country_code": p.country, "party_id": p.id, "business_details": map[string]string{"name": p.id}}},
	}, &credentials)
	if credentials.Data.Token == "" {
		t.Fatalf("registering %s: %s", p.id, credentials.Message)
	}
	return credentials.Data.Token
}

func (h *hub) post(t testing.TB, url, authorization string, in, out any) {
	t.Helper()
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		t.Fatalf("POST %s: %v", url, err)
	}
}
