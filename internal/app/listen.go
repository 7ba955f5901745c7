package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/eroam/eroam/internal/config"
)

// listen opens both listeners, so that the parts know the real address.
// Connections that come before serve wait.
func (a *App) listen(ctx context.Context) error {
	l, err := open(ctx, "listen", a.cfg.Listen)
	if err != nil {
		return err
	}
	a.listener = limitConnections(l, a.maxConnections())
	a.onStop("closing the listener", func(context.Context) error { return closed(l.Close()) })
	if a.cfg.MetricsListen == config.Off {
		return nil
	}
	m, err := open(ctx, "metrics_listen", a.cfg.MetricsListen)
	if err != nil {
		return err
	}
	a.metricsListener = m
	a.onStop("closing the metrics listener", func(context.Context) error { return closed(m.Close()) })
	return nil
}

// maxConnections is the limit of the configuration, or three quarters of what
// the system allows the process, if that is less: the rest is for partners and
// the database.
func (a *App) maxConnections() int {
	n := a.cfg.Limits.Connections
	files, ok := maxFiles()
	if most := files / 4 * 3; ok && most < uint64(n) {
		a.log.Warn("fewer connections than limits.connections: the system allows too few open files", "connections", most, "files", files)
		return max(int(most), 1)
	}
	return n
}

func open(ctx context.Context, key, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s: %s is in use by another process: stop it, or set another address (port 0 takes a free one)", key, address)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// closed drops the error of closing a listener that a server has closed.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr returns the address the hub really listens on, "127.0.0.1:41234".
func (a *App) Addr() string { return a.listener.Addr().String() }

// MetricsAddr returns the address of the metrics listener, "" when it is off.
func (a *App) MetricsAddr() string {
	if a.metricsListener == nil {
		return ""
	}
	return a.metricsListener.Addr().String()
}

// URL returns the URL that every URL of the hub begins with.
func (a *App) URL() string { return a.cfg.URL(a.Addr()) }

// VersionsURL returns the URL of the OCPI versions endpoint.
func (a *App) VersionsURL() string { return a.URL() + "/ocpi/versions" }

// addresses is the content of addresses.json.
type addresses struct {
	Listen        string `json:"listen"`
	MetricsListen string `json:"metrics_listen,omitempty"`
	PublicURL     string `json:"public_url"`
	PID           int    `json:"pid"`
}

// writeAddresses tells other processes on this machine where the hub listens.
// The file appears whole, once the hub is ready, and goes away when it stops.
func (a *App) writeAddresses() error {
	name := filepath.Join(a.cfg.Data, "addresses.json")
	text, err := json.Marshal(addresses{a.Addr(), a.MetricsAddr(), a.URL(), os.Getpid()})
	if err != nil {
		return err
	}
	if err := replaceFile(name, append(text, '\n'), 0o644); err != nil {
		return err
	}
	a.onStop("removing addresses.json", func(context.Context) error {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return nil
}

// replaceFile writes a file so that a reader finds the old or the new content,
// and never a part of it.
func replaceFile(name string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}

// limitConnections bounds how many accepted connections are open. Further
// ones wait in the system's queue.
func limitConnections(l net.Listener, n int) net.Listener {
	return &limitListener{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

type limitListener struct {
	net.Listener
	free      chan struct{} // one entry for each open connection
	closed    chan struct{}
	closeOnce sync.Once
}

func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitConn{Conn: c, release: sync.OnceFunc(func() { <-l.free })}, nil
}

func (l *limitListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitConn struct {
	net.Conn
	release func()
}

func (c *limitConn) Close() error {
	err := c.Conn.Close()
	c.release()
	return err
}
