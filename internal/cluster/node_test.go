//go:build linux

package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
	"github.com/eroam/eroam/internal/store/storetest"
)

const adminToken = "cluster-admin-token-0123456789abcdef"

// buildDir is where eroam is built.
var buildDir string

// binary builds eroam, once for all tests.
var binary = sync.OnceValues(func() (string, error) { return blackbox.Build(buildDir) })

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "eroam-cluster-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(buildDir)
	os.Exit(code)
}

// cluster is hub processes on one database and what stands before them.
type cluster struct {
	t        *testing.T
	binary   string
	database string
	balancer *httptest.Server // its URL is the hub's public one
	to       atomic.Pointer[node]
	sealKey  []byte
	nodes    []*node
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	path, err := binary()
	must(t, err)
	c := &cluster{t: t, database: storetest.Postgres(t), binary: path}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		u, err := url.Parse(c.to.Load().url)
		if err == nil {
			r.SetURL(u)
		}
	}}
	c.balancer = httptest.NewServer(proxy)
	t.Cleanup(c.balancer.Close)
	return c
}

// node is one process.
type node struct {
	c     *cluster
	name  string
	data  string
	url   string
	cmd   *exec.Cmd
	pid   atomic.Int64
	log   lockedBuffer
	ended chan struct{}
}

// lockedBuffer is a log that may be read while it grows.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start runs a process and returns when it is ready. All have the key of the
// first.
func (c *cluster) start(name string) *node {
	c.t.Helper()
	n := &node{c: c, name: name, data: filepath.Join(c.t.TempDir(), name)}
	if c.sealKey != nil {
		must(c.t, os.MkdirAll(n.data, 0o700))
		must(c.t, os.WriteFile(filepath.Join(n.data, "seal.key"), c.sealKey, 0o600))
	}
	n.run()
	if c.sealKey == nil {
		key, err := os.ReadFile(filepath.Join(n.data, "seal.key"))
		must(c.t, err)
		c.sealKey = key
		c.to.Store(n)
	}
	c.nodes = append(c.nodes, n)
	c.t.Cleanup(func() {
		n.kill()
		if c.t.Failed() {
			text := n.log.String()
			c.t.Logf("log of %s:\n%s", n.name, text[max(0, len(text)-6000):])
		}
	})
	return n
}

func (n *node) run() {
	t := n.c.t
	t.Helper()
	must(t, n.begin())
	for end := time.Now().Add(30 * time.Second); !n.ready(); time.Sleep(20 * time.Millisecond) {
		select {
		case <-n.ended:
			t.Fatalf("%s ended while starting:\n%s", n.name, n.log.String())
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not ready:\n%s", n.name, n.log.String())
		}
	}
}

func (n *node) begin() error {
	_ = os.Remove(filepath.Join(n.data, "addresses.json")) // of an earlier start
	n.cmd = exec.Command(n.c.binary, "serve")
	n.cmd.Dir = filepath.Dir(n.data)
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "EROAM_") })
	n.cmd.Env = append(env, "EROAM_LISTEN=127.0.0.1:0", "EROAM_METRICS_LISTEN=off", "EROAM_DATA="+n.data,
		"EROAM_DATABASE="+n.c.database, "EROAM_PUBLIC_URL="+n.c.balancer.URL, "EROAM_HUB=DE*HUB", "EROAM_ADMIN_TOKEN="+adminToken,
		"EROAM_ALLOW_NETWORKS=127.0.0.1/32", "EROAM_COMMAND_GRACE=1s", "EROAM_LOG_FORMAT=json", "EROAM_STILL_ALIVE=10m",
		"EROAM_LIMITS_REQUESTS_PER_SECOND=100000", "EROAM_LIMITS_BURST=100000")
	n.cmd.Stdout, n.cmd.Stderr = &n.log, &n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.pid.Store(int64(n.cmd.Process.Pid))
	n.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait()
	}(n.cmd, n.ended)
	return nil
}

func (n *node) ready() bool {
	text, err := os.ReadFile(filepath.Join(n.data, "addresses.json"))
	if err != nil {
		return false
	}
	var a struct {
		Listen string `json:"listen"`
	}
	if json.Unmarshal(text, &a) != nil {
		return false
	}
	n.url = "http://" + a.Listen
	resp, err := http.Get(n.url + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (n *node) signal(s syscall.Signal) {
	n.c.t.Helper()
	must(n.c.t, n.cmd.Process.Signal(s))
}

func (n *node) kill() {
	_ = n.cmd.Process.Kill() // it may have ended
	<-n.ended
}

// events returns the times at which the process logged a message.
func (n *node) events(msg string) (at []time.Time) {
	for line := range strings.Lines(n.log.String()) {
		var e struct {
			Time time.Time `json:"time"`
			Msg  string    `json:"msg"`
		}
		if json.Unmarshal([]byte(line), &e) == nil && strings.Contains(e.Msg, msg) {
			at = append(at, e.Time)
		}
	}
	return at
}

// api calls the admin API of the process.
func (n *node) api(method, path string, in, out any) {
	n.c.t.Helper()
	must(n.c.t, n.tryAPI(method, path, in, out))
}

func (n *node) tryAPI(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if in == nil {
		body = nil
	}
	_, answer, err := do(method, n.url+"/api/v1"+path, http.Header{"Authorization": {"Bearer " + adminToken}}, body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(answer, out)
}

var client = &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// do sends a request; any status but 2xx is an error.
func do(method, url string, h http.Header, body []byte) (int, []byte, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header = h.Clone()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: HTTP %d: %s", method, url, resp.StatusCode, answer)
	}
	return resp.StatusCode, answer, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits until ok, for at most limit, and returns how long it took.
func eventually(t testing.TB, what string, limit time.Duration, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > limit {
			t.Fatalf("not so after %v: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(begin)
}

var errNoSuccess = errors.New("the hub's answer is not a success")
