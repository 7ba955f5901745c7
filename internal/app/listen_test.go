package app

import (
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
