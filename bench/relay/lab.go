package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
)

// candidate is one thing that is measured: a URL and the process behind it.
type candidate struct {
	name, url string
	header    map[string]string
	pid       int
}

// lab owns every process of a run.
type lab struct {
	dir, eroam string
	upstream   string // host:port
	processes  []*exec.Cmd
	hub        *blackbox.Hub
	partners   *httptest.Server
	candidates []candidate
}

func (l *lab) start(ctx context.Context) error {
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin"); err != nil { // where Debian keeps nginx
		return err
	}
	for _, tool := range []string{"nginx", "wrk"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not installed (make deps)", tool)
		}
	}
	var addrs [4]string
	for i := range addrs {
		var err error
		if addrs[i], err = blackbox.FreeAddress(); err != nil {
			return err
		}
	}
	proxy, goProxy, eroam := addrs[1], addrs[2], addrs[3]
	l.upstream = addrs[0]
	if _, err := l.nginx("upstream", l.upstream,
		`default_type application/json; return 200 '{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}';`); err != nil {
		return err
	}
	pid, err := l.nginx("proxy", proxy, `proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";`)
	if err != nil {
		return err
	}
	l.candidates = append(l.candidates, candidate{name: "nginx", url: "http://" + proxy + "/locations/NL/CP1/LOC-17", pid: pid})
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd, err := l.spawn(exec.CommandContext(ctx, self, "serve-reverse-proxy", goProxy+"="+l.upstream))
	if err != nil {
		return err
	}
	l.candidates = append(l.candidates, candidate{name: "ReverseProxy", url: "http://" + goProxy + "/locations/NL/CP1/LOC-17", pid: cmd.Process.Pid})
	hub, err := l.startHub(ctx, eroam)
	if err != nil {
		return err
	}
	l.candidates = append(l.candidates, hub)
	for _, c := range l.candidates {
		if err := check(c); err != nil {
			return fmt.Errorf("%s does not relay: %w", c.name, err)
		}
	}
	return nil
}

func (l *lab) spawn(cmd *exec.Cmd) (*exec.Cmd, error) {
	log, err := os.Create(filepath.Join(l.dir, fmt.Sprintf("%s-%d.log", filepath.Base(cmd.Path), len(l.processes))))
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l.processes = append(l.processes, cmd)
	return cmd, nil
}

func (l *lab) stop() {
	for _, c := range l.processes {
		_ = c.Process.Signal(os.Interrupt)
		done := time.AfterFunc(5*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		done.Stop()
	}
	if l.hub != nil {
		l.hub.Stop()
	}
	if l.partners != nil {
		l.partners.Close()
	}
}

// nginx starts one nginx with its defaults for a small machine: a worker per
// processor, no access log, keep-alive on both sides.
func (l *lab) nginx(name, addr, location string) (pid int, err error) {
	conf := filepath.Join(l.dir, name+".conf")
	owner := ""
	if u, err := user.Current(); err == nil && u.Uid == "0" {
		owner = "user root;"
	}
	text := fmt.Sprintf(`%s daemon off; worker_processes auto; pid %s/%s.pid; error_log stderr error;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 1000000000; client_body_temp_path %[2]s; proxy_temp_path %[2]s; fastcgi_temp_path %[2]s; uwsgi_temp_path %[2]s; scgi_temp_path %[2]s;
upstream up { server %[4]s; keepalive 128; keepalive_requests 1000000000; }
server { listen %[5]s; location / { %[6]s } } }`, owner, l.dir, name, l.upstream, addr, location)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return 0, err
	}
	cmd, err := l.spawn(exec.Command("nginx", "-c", conf, "-p", l.dir))
	if err != nil {
		return 0, err
	}
	return cmd.Process.Pid, waitFor(addr)
}

// serveReverseProxy is Go's own reverse proxy with a transport that keeps
// enough connections.
func serveReverseProxy(arg string) error {
	listen, upstream, _ := strings.Cut(arg, "=")
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: upstream})
	p.Transport = &http.Transport{MaxIdleConnsPerHost: 256, MaxIdleConns: 256}
	s := &http.Server{Addr: listen, Handler: p, ReadHeaderTimeout: 5 * time.Second}
	return s.ListenAndServe()
}

func waitFor(addr string) error {
	for range 200 {
		if c, err := net.Dial("tcp", addr); err == nil {
			return c.Close()
		}
		time.Sleep(25 * time.Millisecond)
	}
	return fmt.Errorf("nothing listens on %s", addr)
}

// check makes sure that a candidate relays.
func check(c candidate) error {
	if err := waitFor(strings.Split(c.url, "/")[2]); err != nil {
		return err
	}
	return push(c, "check")
}

// push sends one location through a candidate; any answer but a success is an error.
func push(c candidate, correlation string) error {
	req, err := http.NewRequest(http.MethodPut, c.url, strings.NewReader(pushed))
	if err != nil {
		return err
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	req.Header.Set("X-Correlation-ID", correlation)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK || !strings.Contains(string(b), `"status_code":1000`) {
		return fmt.Errorf("%s answered %d %s", c.name, res.StatusCode, b)
	}
	return nil
}
