package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// hub is the hub as a child process. It is started by one goroutine; start, kill
// and stop must not overlap.
type hub struct {
	command []string // the program and its arguments
	dir     string   // holds data and hub.log
	token   string   // admin token
	listen  string   // real addresses after the first start, so that it
	metrics string   // comes back at the same place
	cmd     *exec.Cmd
	ended   chan error // gets the end of cmd
}

// addresses is what the hub writes to its data directory once it is ready.
type addresses struct {
	Listen        string `json:"listen"`
	MetricsListen string `json:"metrics_listen"`
	PID           int    `json:"pid"`
}

func (h *hub) data() string    { return filepath.Join(h.dir, "data") }
func (h *hub) logFile() string { return filepath.Join(h.dir, "hub.log") }
func (h *hub) url() string     { return "http://" + h.listen }

// start runs the hub and returns once it is ready.
func (h *hub) start(ctx context.Context) error {
	log, err := os.OpenFile(h.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening the hub's log: %w", err)
	}
	defer log.Close()
	// A file of an earlier process that was killed must not be taken for this one's.
	if err := os.Remove(filepath.Join(h.data(), "addresses.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	h.cmd = exec.Command(h.command[0], h.command[1:]...)
	h.cmd.Dir = h.dir
	h.cmd.Env = append(withoutSettings(os.Environ()), h.settings()...)
	h.cmd.Stdout, h.cmd.Stderr = log, log
	separate(h.cmd)
	if err := h.cmd.Start(); err != nil {
		return fmt.Errorf("starting the hub: %w", err)
	}
	h.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(h.cmd, h.ended)
	if err := h.waitReady(ctx); err != nil {
		h.kill()
		return err
	}
	return nil
}

// settings configure the hub in its environment.
func (h *hub) settings() []string {
	s := []string{
		"EROAM_LISTEN=" + orAny(h.listen), "EROAM_METRICS_LISTEN=" + orAny(h.metrics), "EROAM_DATA=" + h.data(),
		"EROAM_ADMIN_TOKEN=" + h.token, "EROAM_ALLOW_NETWORKS=127.0.0.0/8", "EROAM_AGREEMENTS=required", "EROAM_LOG_FORMAT=json",
		// Operators publish all they have within seconds here.
		"EROAM_LIMITS_REQUESTS_PER_SECOND=5000", "EROAM_LIMITS_BURST=5000",
	}
	return s
}

func orAny(addr string) string {
	if addr == "" {
		return "127.0.0.1:0"
	}
	return addr
}

// withoutSettings drops settings of another hub from an environment.
func withoutSettings(env []string) []string {
	var out []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "EROAM_") {
			out = append(out, kv)
		}
	}
	return out
}

// startLimit is how long a start may take.
const startLimit = 30 * time.Second

func (h *hub) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if h.readAddresses() && ready(ctx, h.url()) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-h.ended:
			h.ended <- err
			if err == nil {
				err = errors.New("exit status 0")
			}
			return fmt.Errorf("the hub ended while starting (%w); see %s", err, h.logFile())
		case <-ctx.Done():
			return fmt.Errorf("the hub is not ready: %w; see %s", ctx.Err(), h.logFile())
		}
	}
}

func (h *hub) readAddresses() bool {
	b, err := os.ReadFile(filepath.Join(h.data(), "addresses.json"))
	if err != nil {
		return false
	}
	var a addresses
	if json.Unmarshal(b, &a) != nil || a.PID != h.cmd.Process.Pid {
		return false
	}
	if _, _, err := net.SplitHostPort(a.Listen); err != nil {
		return false
	}
	h.listen, h.metrics = a.Listen, a.MetricsListen
	return true
}

func ready(ctx context.Context, url string) bool {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return false
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		return false
	}
	rs.Body.Close()
	return rs.StatusCode == http.StatusOK
}

// kill ends the hub at once, without a chance to tidy up (SIGKILL).
func (h *hub) kill() {
	if h.cmd == nil {
		return
	}
	_ = h.cmd.Process.Kill() // it may have ended
	<-h.ended                //nolint:errcheck // it was killed
	h.cmd = nil
}

// stopLimit is how long a graceful stop may take.
const stopLimit = 15 * time.Second

// stop ends the hub gracefully (SIGTERM).
func (h *hub) stop() error {
	if h.cmd == nil {
		return nil
	}
	defer func() { h.cmd = nil }()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = h.cmd.Process.Kill()
	}
	select {
	case err := <-h.ended:
		if err != nil {
			return fmt.Errorf("the hub ended with %w; see %s", err, h.logFile())
		}
		return nil
	case <-time.After(stopLimit):
		_ = h.cmd.Process.Kill()
		<-h.ended //nolint:errcheck // it was killed
		return fmt.Errorf("the hub did not stop within %s; see %s", stopLimit, h.logFile())
	}
}
