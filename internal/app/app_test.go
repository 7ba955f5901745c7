package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// OCPI paths reach the ingress as they were written: nothing cleans them or
// redirects.
func TestPathsOfOCPIAreNotCleaned(t *testing.T) {
	a := start(t, newConfig(t))
	var mu sync.Mutex
	var seen []string
	a.ocpi = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.URL.EscapedPath())
	})
	paths := []string{"/ocpi", "/ocpi/", "/ocpi//versions", "/ocpi/a/../b", "/ocpi/%2e%2e/api/v1/hub", "/ocpi/a%2Fb/"}
	for _, path := range paths {
		c, err := net.Dial("tcp", a.Addr())
		check(t, err)
		_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		check(t, err)
		text, err := io.ReadAll(c)
		check(t, err)
		c.Close()
		if !strings.HasPrefix(string(text), "HTTP/1.1 200") {
			t.Errorf("%s: got %.40q", path, text)
		}
	}
	if got := strings.Join(seen, " "); got != strings.Join(paths, " ") {
		t.Errorf("the ingress saw %s", got)
	}
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

func TestStartErrors(t *testing.T) {
	c := newConfig(t)
	a := start(t, c)

	same := *c
	if msg := startError(t, &same); !strings.Contains(msg, "is in use by another eroam (process ") {
		t.Errorf("a data directory in use: %s", msg)
	}
	other := newConfig(t)
	other.Listen = a.Addr()
	if msg := startError(t, other); !strings.Contains(msg, "listen: "+a.Addr()+" is in use by another process") {
		t.Errorf("a port in use: %s", msg)
	}
	other.Listen, other.MetricsListen = "127.0.0.1:0", a.Addr()
	if msg := startError(t, other); !strings.Contains(msg, "metrics_listen: "+a.Addr()+" is in use") {
		t.Errorf("a metrics port in use: %s", msg)
	}
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	none := newConfig(t)
	none.Data = file
	if msg := startError(t, none); !strings.Contains(msg, "making the data directory") {
		t.Errorf("a data directory that is a file: %s", msg)
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	gone.Close()
	away := newConfig(t, "EROAM_DATABASE=postgres://u:canary-password@"+gone.Addr().String()+"/d?connect_timeout=2")
	if msg := startError(t, away); !strings.Contains(msg, "opening the database") || strings.Contains(msg, "canary") {
		t.Errorf("a database that is away: %s", msg)
	}
}

// A start that failed leaves nothing behind: the same configuration starts once
// the cause is gone.
func TestStartAfterAFailedOne(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	c := newConfig(t)
	c.MetricsListen = l.Addr().String()
	startError(t, c)
	l.Close()
	start(t, c)
}

func TestSealKey(t *testing.T) {
	c := newConfig(t)
	name := filepath.Join(c.Data, "seal.key")
	restart := func() {
		t.Helper()
		a, err := New(c, nil)
		check(t, err)
		check(t, a.Start(t.Context()))
		check(t, a.Stop(context.Background()))
	}
	restart()
	key, err := os.ReadFile(name)
	check(t, err)
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("seal.key: %v %v", info.Mode(), err)
	}
	restart()
	if again, _ := os.ReadFile(name); !bytes.Equal(key, again) {
		t.Error("a second start changes the key")
	}

	check(t, os.Remove(name))
	if msg := startError(t, c); !strings.Contains(msg, name+" is missing, and this database was made with it") {
		t.Errorf("without the key: %s", msg)
	}
	if _, err := os.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a start without the key makes another one")
	}
	_, err = makeSealKey(name)
	check(t, err)
	if msg := startError(t, c); !strings.Contains(msg, "the sealing key is not the one that the database was written with") {
		t.Errorf("with another key: %s", msg)
	}
	check(t, os.WriteFile(name, []byte("short\n"), 0o600))
	if msg := startError(t, c); !strings.Contains(msg, "is damaged") {
		t.Errorf("with a damaged key: %s", msg)
	}
	check(t, os.WriteFile(name, key, 0o600))
	check(t, os.Chmod(name, 0o640))
	if msg := startError(t, c); !strings.Contains(msg, "chmod 600") {
		t.Errorf("with a key that others can read: %s", msg)
	}
	check(t, os.Chmod(name, 0o600))
	restart()
}

func TestAdminToken(t *testing.T) {
	c := newConfig(t)
	// try starts the hub and tells whether the tokens open the API.
	try := func(renew bool, tokens ...string) (first, opens string) {
		t.Helper()
		a, err := New(c, nil)
		check(t, err)
		a.NewAdminToken = renew
		check(t, a.Start(t.Context()))
		first = a.FirstToken()
		for _, token := range append(tokens, first) {
			r, err := http.NewRequest("GET", "http://"+a.Addr()+"/api/v1/hub", nil)
			check(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			q, err := http.DefaultClient.Do(r)
			check(t, err)
			q.Body.Close()
			if q.StatusCode == 200 {
				opens += "+"
			} else {
				opens += "-"
			}
		}
		check(t, a.Stop(context.Background()))
		return first, opens
	}
	first, opens := try(false)
	if len(first) < 50 || opens != "+" {
		t.Fatalf("the first start: %q %s", first, opens)
	}
	db, err := os.ReadFile(filepath.Join(c.Data, "eroam.db"))
	check(t, err)
	if bytes.Contains(db, []byte(first)) {
		t.Error("the token is in the database")
	}
	if again, opens := try(false, first); again != "" || opens != "+-" {
		t.Errorf("the second start: %q %s", again, opens)
	}
	second, opens := try(true, first)
	if second == "" || opens != "-+" {
		t.Errorf("a new token: %q %s", second, opens)
	}
	c.AdminToken = "from-the-configuration"
	if made, opens := try(false, second, "from-the-configuration"); made != "" || opens != "-+-" {
		t.Errorf("with a configured token: %q %s", made, opens)
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

// What memory holds is shown to this machine only.
func TestPprofOnLoopbackOnly(t *testing.T) {
	a, err := New(newConfig(t), nil)
	check(t, err)
	for _, loopback := range []bool{true, false} {
		for path, want := range map[string]bool{"/metrics": true, "/debug/pprof/": loopback, "/debug/pprof/cmdline": loopback} {
			w := httptest.NewRecorder()
			a.metricsHandler(loopback).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if got := w.Code == http.StatusOK; got != want {
				t.Errorf("%s with loopback %v: got %d", path, loopback, w.Code)
			}
		}
	}
}

func TestReadyWantsTheDatabase(t *testing.T) {
	a := start(t, newConfig(t))
	check(t, a.store.Close())
	wantStatus(t, "http://"+a.Addr()+"/readyz", 503)
	wantStatus(t, "http://"+a.Addr()+"/healthz", 200)
}

// A panic is answered, and its value, which may hold a token, is not logged.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	a, err := New(newConfig(t), slog.New(slog.NewJSONHandler(&log, nil)))
	check(t, err)
	check(t, a.Start(t.Context()))
	a.ocpi = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("canary") })
	status, body := get(t, "http://"+a.Addr()+"/ocpi/x")
	check(t, a.Stop(context.Background()))
	if status != 500 || strings.Contains(body, "canary") {
		t.Errorf("got %d %s", status, body)
	}
	if !strings.Contains(log.String(), "panic in a handler") || strings.Contains(log.String(), "canary") {
		t.Errorf("log: %s", &log)
	}
}

func TestLimitConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	limited := limitConnections(l, 2)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := limited.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	var open []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", l.Addr().String())
		check(t, err)
		defer c.Close()
	}
	open = append(open, <-accepted, <-accepted)
	if n := len(limited.(*limitListener).free); n != 2 {
		t.Errorf("%d connections count as open, want 2", n)
	}
	select {
	case <-accepted:
		t.Error("a third connection is accepted")
	default:
	}
	open[0].Close()
	open[0].Close() // counts once
	third := <-accepted
	if n := len(limited.(*limitListener).free); n != 2 {
		t.Errorf("%d connections count as open, want 2", n)
	}
	limited.Close() // while Accept waits for a free place
	if c, ok := <-accepted; ok {
		t.Errorf("accepted %v after the listener was closed", c)
	}
	third.Close()
	open[1].Close()
}

// What the system does not allow is not promised: partners and the database
// need connections too.
func TestMaxConnections(t *testing.T) {
	files, ok := maxFiles()
	if !ok {
		t.Skip("this system tells no limit of open files")
	}
	a, err := New(newConfig(t), nil)
	check(t, err)
	a.cfg.Limits.Connections = 1
	if n := a.maxConnections(); n != 1 {
		t.Errorf("got %d, want what is configured", n)
	}
	a.cfg.Limits.Connections = math.MaxInt
	if n := a.maxConnections(); n <= 0 || uint64(n) >= files {
		t.Errorf("got %d where %d files may be open", n, files)
	}
}

func TestLoggerRedacts(t *testing.T) {
	for _, format := range []string{"json", "text", "auto"} {
		var out bytes.Buffer
		log := NewLogger(config.Log{Level: "info", Format: format}, &out)
		log.Debug("not at this level")
		log.With("Token", "canary").WithGroup("request").Info("message", "authorization", "canary", "party", "NL-CP1",
			slog.Group("g", "uid", "canary", "contract_id", "canary"))
		if text := out.String(); strings.Contains(text, "canary") || !strings.Contains(text, "NL-CP1") || strings.Contains(text, "not at this level") {
			t.Errorf("%s: %s", format, text)
		}
		if format != "text" && !json.Valid(out.Bytes()) {
			t.Errorf("%s is not JSON: %s", format, &out)
		}
	}
}
