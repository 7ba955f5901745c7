package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/config"
)

// newConfig listens on free ports of loopback and keeps its data in a
// directory of the test.
func newConfig(t *testing.T, environ ...string) *config.Config {
	t.Helper()
	t.Chdir(t.TempDir())
	c, err := config.Load("", append([]string{
		"EROAM_LISTEN=127.0.0.1:0", "EROAM_METRICS_LISTEN=127.0.0.1:0", "EROAM_DATA=" + t.TempDir(),
	}, environ...))
	check(t, err)
	return c
}

// start starts a hub, which ends with the test.
func start(t *testing.T, c *config.Config) *App {
	t.Helper()
	a, err := New(c, slog.New(slog.DiscardHandler))
	check(t, err)
	check(t, a.Start(t.Context()))
	t.Cleanup(func() { check(t, a.Stop(context.Background())) })
	return a
}

// startError starts a hub that must not start, and returns why.
func startError(t *testing.T, c *config.Config) string {
	t.Helper()
	a, err := New(c, nil)
	check(t, err)
	err = a.Start(t.Context())
	if err == nil {
		check(t, a.Stop(context.Background()))
		t.Fatal("it starts")
	}
	if len(a.undo) != 0 {
		t.Errorf("a failed start leaves %d things open", len(a.undo))
	}
	return err.Error()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// get returns the status and the body; status 0 is no answer.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	a, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	check(t, err)
	return a.StatusCode, string(text)
}

func wantStatus(t *testing.T, url string, want int) {
	t.Helper()
	if got, body := get(t, url); got != want {
		t.Errorf("GET %s: got %d %s, want %d", url, got, body, want)
	}
}

func TestStartServeStop(t *testing.T) {
	c := newConfig(t)
	a, err := New(c, nil)
	check(t, err)
	check(t, a.Start(t.Context()))
	base, metrics := "http://"+a.Addr(), "http://"+a.MetricsAddr()

	wantStatus(t, base+"/healthz", 200)
	wantStatus(t, base+"/readyz", 200)
	wantStatus(t, base+"/ocpi/versions", 401)
	wantStatus(t, base+"/api/v1/platforms", 401)
	wantStatus(t, base+"/api/v1/openapi.json", 200)
	for _, path := range []string{"/", "/metrics", "/debug/pprof/", "/apix", "/healthz/", "/favicon.ico"} {
		wantStatus(t, base+path, 404)
	}
	if status, body := get(t, metrics+"/metrics"); status != 200 || !strings.Contains(body, `eroam_build_info{version="development"} 1`) {
		t.Errorf("metrics: %d", status)
	}
	wantStatus(t, metrics+"/debug/pprof/", 200)
	wantStatus(t, metrics+"/ocpi/versions", 404)

	var where addresses
	text, err := os.ReadFile(filepath.Join(c.Data, "addresses.json"))
	check(t, err)
	check(t, json.Unmarshal(text, &where))
	want := addresses{Listen: a.Addr(), MetricsListen: a.MetricsAddr(), PublicURL: base, PID: os.Getpid()}
	if where != want {
		t.Errorf("addresses.json: got %+v, want %+v", where, want)
	}

	check(t, a.Stop(context.Background()))
	for _, url := range []string{base + "/healthz", metrics + "/metrics"} {
		wantStatus(t, url, 0)
	}
	if _, err := os.Stat(filepath.Join(c.Data, "addresses.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("addresses.json after the stop: %v", err)
	}
	check(t, a.Stop(context.Background())) // once more does nothing
}

// A request that is under way when the hub is told to stop is answered; from
// then on the hub is not ready and accepts nothing.
func TestDrain(t *testing.T) {
	c := newConfig(t)
	a, err := New(c, nil)
	check(t, err)
	check(t, a.Start(t.Context()))
	arrived, release := make(chan bool), make(chan bool)
	a.ocpi = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived <- true
		<-release
		if _, err := a.store.Seq(context.Background()); err != nil {
			t.Errorf("the database was closed under a request: %v", err)
		}
		io.WriteString(w, "done")
	})
	answer := make(chan string)
	go func() {
		_, body := get(t, "http://"+a.Addr()+"/ocpi/slow")
		answer <- body
	}()
	<-arrived
	stopped := make(chan error)
	go func() { stopped <- a.Stop(context.Background()) }()
	for { // until the listener is closed
		c, err := net.Dial("tcp", a.Addr())
		if err != nil {
			break
		}
		c.Close()
	}
	if err := a.checkReady(t.Context()); !errors.Is(err, errDraining) {
		t.Errorf("ready while draining: %v", err)
	}
	close(release)
	if body := <-answer; body != "done" {
		t.Errorf("the request under way: got %q", body)
	}
	check(t, <-stopped)
}

// What does not finish within shutdown_timeout is cut off, and the hub stops.
func TestDrainEnds(t *testing.T) {
	c := newConfig(t, "EROAM_SHUTDOWN_TIMEOUT=1ms")
	a, err := New(c, nil)
	check(t, err)
	check(t, a.Start(t.Context()))
	arrived, ended := make(chan bool), make(chan error, 1)
	a.ocpi = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-r.Context().Done()
		time.Sleep(20 * time.Millisecond) // Stop waits for it
		ended <- r.Context().Err()
	})
	go get(t, "http://"+a.Addr()+"/ocpi/slow")
	<-arrived
	check(t, a.Stop(context.Background()))
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the request has no error")
		}
	default:
		t.Error("a request is still under way after Stop")
	}
}

// While a load balancer turns away, /readyz already says no and requests are
// still served.
func TestDrainDelay(t *testing.T) {
	c := newConfig(t, "EROAM_DRAIN_DELAY=1m")
	a, err := New(c, nil)
	check(t, err)
	check(t, a.Start(t.Context()))
	stop, hurry := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- a.Stop(stop) }()
	for a.ready.Load() {
		time.Sleep(time.Millisecond)
	}
	wantStatus(t, "http://"+a.Addr()+"/readyz", 503)
	wantStatus(t, "http://"+a.Addr()+"/healthz", 200)
	wantStatus(t, "http://"+a.Addr()+"/ocpi/versions", 401)
	hurry()
	if err := <-stopped; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A part that ends by itself makes the hub not ready and is reported.
func TestFailedPart(t *testing.T) {
	a := start(t, newConfig(t))
	a.run("a part", func(context.Context) error { return errors.New("broken") })
	if err := <-a.Failed(); err == nil || err.Error() != "running a part: broken" {
		t.Errorf("got %v", err)
	}
	wantStatus(t, "http://"+a.Addr()+"/readyz", 503)
	wantStatus(t, "http://"+a.Addr()+"/healthz", 200)
}

// Stop returns when the parts have ended, the last one first.
func TestStopWaitsForTheParts(t *testing.T) {
	a, err := New(newConfig(t), nil)
	check(t, err)
	check(t, a.Start(t.Context()))
	var ended []string
	for _, name := range []string{"first", "second"} {
		a.run(name, func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(20 * time.Millisecond)
			ended = append(ended, name)
			return ctx.Err()
		})
	}
	check(t, a.Stop(context.Background()))
	if got := strings.Join(ended, " "); got != "second first" {
		t.Errorf("ended: %q", got)
	}
}
