// Package blackbox runs eroam as a process of its own and registers platforms with
// it, for tests and benchmarks that know the hub over HTTP only. Everything stays
// on the loopback interface.
package blackbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// AdminToken is the admin token of every Hub.
const AdminToken = "blackbox-admin-token-0123456789abcdef"

// Hub is one eroam process on a data directory, which can be ended and started
// again; one goroutine does that. Every agreement is open, no rate limit is reached.
type Hub struct {
	Binary   string   // absolute path of eroam
	Data     string   // absolute path of the data directory, made by Start; the log is beside it
	Addr     string   // host:port, the same at each start; see FreeAddress
	Settings []string // more of them, such as EROAM_LOG_LEVEL=warn

	cmd   *exec.Cmd
	ended <-chan struct{} // closed when cmd has ended
}

// FreeAddress returns a host:port on which nothing listens.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Build builds eroam into a directory and returns the path of the program. It needs
// the Go tools, and is for tests of this module.
func Build(dir string) (string, error) {
	path := filepath.Join(dir, "eroam")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/eroam/eroam/cmd/eroam").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building eroam: %w\n%s", err, out)
	}
	return path, nil
}

// URL is where the hub is.
func (h *Hub) URL() string { return "http://" + h.Addr }

// LogFile is what the hub writes its log to, at every start behind what is there.
func (h *Hub) LogFile() string { return h.Data + ".log" }

// Pid is the id of the process, which must have been started.
func (h *Hub) Pid() int { return h.cmd.Process.Pid }

// startLimit is how long a start may take.
const startLimit = 5 * time.Minute

// Start runs the hub and returns how long it took until /readyz said yes. After an
// error nothing runs.
func (h *Hub) Start(ctx context.Context) (time.Duration, error) {
	if err := os.MkdirAll(h.Data, 0o700); err != nil {
		return 0, err
	}
	log, err := os.OpenFile(h.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }() // the process has it by then
	cmd := exec.Command(h.Binary, "serve")
	cmd.Dir = h.Data
	cmd.Env = append(h.environment(), h.Settings...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = endsWithParent()
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the hub: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	h.cmd, h.ended = cmd, ended
	if err := h.waitReady(ctx); err != nil {
		h.Kill()
		return 0, fmt.Errorf("%w; see %s", err, h.LogFile())
	}
	return time.Since(began), nil
}

// environment is that of this process without its settings of eroam.
func (h *Hub) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "EROAM_") })
	return append(env, "EROAM_LISTEN="+h.Addr, "EROAM_METRICS_LISTEN=off", "EROAM_DATA="+h.Data, "EROAM_ADMIN_TOKEN="+AdminToken,
		"EROAM_ALLOW_NETWORKS=127.0.0.0/8", "EROAM_AGREEMENTS=open",
		"EROAM_LIMITS_REQUESTS_PER_SECOND=1000000", "EROAM_LIMITS_BURST=1000000")
}

func (h *Hub) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for !ready(ctx, h.URL()) {
		select {
		case <-h.ended:
			return errors.New("the hub ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("the hub is not ready: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

func ready(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
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

// Kill ends the hub at once (SIGKILL), if it runs.
func (h *Hub) Kill() {
	if h.cmd == nil {
		return
	}
	_ = h.cmd.Process.Kill() // it may have ended
	<-h.ended
	h.cmd = nil
}

// stopLimit is how long a hub may take to tidy up.
const stopLimit = time.Minute

// Stop ends the hub with a chance to tidy up (SIGTERM), if it runs; one that takes
// longer than a minute is killed.
func (h *Hub) Stop() {
	if h.cmd == nil {
		return
	}
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-h.ended:
	case <-time.After(stopLimit):
	}
	h.Kill()
}
