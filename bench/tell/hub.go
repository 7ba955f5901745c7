package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/bench/usage"
	"github.com/eroam/eroam/internal/blackbox"
)

// hub is one eroam process on a data directory below the working directory.
type hub struct {
	*blackbox.Hub
	metrics string // host:port, the same at each start
}

func (l *lab) newHub(name string) (*hub, error) {
	addr, err := blackbox.FreeAddress()
	if err != nil {
		return nil, err
	}
	metrics, err := blackbox.FreeAddress()
	if err != nil {
		return nil, err
	}
	h := &hub{metrics: metrics, Hub: &blackbox.Hub{
		Binary: l.binary, Data: filepath.Join(l.o.dir, name), Addr: addr,
		// One partner sends what hundreds would.
		Settings: []string{"EROAM_METRICS_LISTEN=" + metrics, "EROAM_LOG_LEVEL=warn", "EROAM_LIMITS_CONCURRENT=2048"},
	}}
	l.hubs = append(l.hubs, h)
	return h, nil
}

// idle waits until the hub has done what it does after a start, reading what it
// keeps in memory, or after a load: until it uses little of a processor. It
// returns how long that took.
func (h *hub) idle(ctx context.Context) (time.Duration, error) {
	const most = 3 * time.Minute
	for begin := time.Now(); ; {
		before := usage.Now(h.Pid())
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
		took := time.Since(begin)
		if s := before.Since(); s.By[h.Pid()]/s.Seconds < 0.05 || took > most {
			return took - time.Second, nil
		}
	}
}

// gauge reads a metric without labels.
func (h *hub) gauge(name string) (float64, error) {
	res, err := http.Get("http://" + h.metrics + "/metrics") //nolint:noctx // a child of ours
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("the hub has no metric %s", name), lines.Err())
}

// profiled writes a CPU profile while do runs, where -profile asks for it.
func (l *lab) profiled(h *hub, name string, length time.Duration, do func() error) error {
	if l.o.profile == "" {
		return do()
	}
	done := make(chan error, 1)
	go func() {
		done <- save(filepath.Join(l.o.profile, name+".pprof"),
			fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", h.metrics, max(1, int(length.Seconds()))))
	}()
	return errors.Join(do(), <-done)
}

func save(path, url string) error {
	res, err := http.Get(url) //nolint:noctx // bounded by the length of the profile
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
}
