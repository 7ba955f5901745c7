package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

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
