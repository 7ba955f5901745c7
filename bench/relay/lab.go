package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
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
	partners   *partners
	base       string // http://host:port of the hub
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
	l.upstream = freePort()
	if _, err := l.nginx("upstream", l.upstream, fmt.Sprintf(
		`default_type application/json; return 200 '{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}';`)); err != nil {
		return err
	}
	proxy := freePort()
	pid, err := l.nginx("proxy", proxy, `proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection "";`)
	if err != nil {
		return err
	}
	l.candidates = append(l.candidates, candidate{name: "nginx", url: "http://" + proxy + "/cdrs", pid: pid})
	goProxy := freePort()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd, err := l.spawn(exec.CommandContext(ctx, self, "serve-reverse-proxy", goProxy+"="+l.upstream))
	if err != nil {
		return err
	}
	l.candidates = append(l.candidates, candidate{name: "ReverseProxy", url: "http://" + goProxy + "/cdrs", pid: cmd.Process.Pid})
	hub, err := l.hub(ctx)
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
	if l.partners != nil {
		l.partners.close()
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

func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no loopback: nothing here can work
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
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

func check(c candidate) error {
	if err := waitFor(strings.Split(c.url, "/")[2]); err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(cdr))
	if err != nil {
		return err
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
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
	if res.StatusCode != 200 || !strings.Contains(string(b), `"status_code":1000`) {
		return fmt.Errorf("answered %d %s", res.StatusCode, b)
	}
	return nil
}

// cpu returns the processor time in seconds that a process and its children
// that still run have used.
func cpu(pid int) float64 {
	total := ticks(pid)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, c := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(c); err == nil {
			total += ticks(n)
		}
	}
	return total / 100
}

func ticks(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	u, _ := strconv.ParseFloat(f[11], 64)
	s, _ := strconv.ParseFloat(f[12], 64)
	return u + s
}
