// Package app builds the parts of the hub from a configuration and runs them.
// It is the only package that knows all of them.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eroam/eroam/internal/config"
)

// App is one hub in this process. Its life is New, Start, Stop; it cannot be
// started again.
type App struct {
	// Version is what openapi.json and the metric eroam_build_info say of the
	// build. To be set before Start.
	Version string

	// NewAdminToken replaces the admin token that an earlier start made. To be
	// set before Start; it has no effect where the configuration has a token.
	NewAdminToken bool

	cfg     *config.Config
	log     *slog.Logger
	metrics *prometheus.Registry

	listener        net.Listener
	metricsListener net.Listener
	ready           atomic.Bool
	requests        sync.WaitGroup // handlers that run
	firstToken      string

	parts
	failed chan error
	// undo is what Stop does, last entry first. Start adds an entry for each
	// thing that it has opened or begun.
	undo []undo
}

type undo struct {
	what string
	do   func(ctx context.Context) error
}

// New returns a hub that is not started yet. It opens nothing.
func New(cfg *config.Config, log *slog.Logger) (*App, error) {
	if cfg == nil {
		return nil, errors.New("no configuration")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &App{
		cfg: cfg, log: log, Version: "development",
		metrics: prometheus.NewRegistry(),
		failed:  make(chan error, 1),
	}, nil
}

// Start opens the data directory, the database and the listeners, starts the
// parts and returns once the hub answers on [App.Addr]. When it fails it has
// undone what it did, and the error says what an operator can change. ctx
// bounds the start only.
func (a *App) Start(ctx context.Context) error {
	if err := a.start(ctx); err != nil {
		return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

func (a *App) start(ctx context.Context) error {
	for _, w := range a.cfg.Warnings() {
		a.log.Warn("configuration", "warning", w)
	}
	if err := a.openData(); err != nil {
		return err
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	if err := a.openParts(ctx); err != nil {
		return err
	}
	a.serveMetrics()
	a.serve()
	a.ready.Store(true)
	if err := a.writeAddresses(); err != nil {
		return err
	}
	a.log.Info("ready", "listen", a.Addr(), "metrics_listen", a.MetricsAddr(),
		"public_url", a.URL(), "database", a.store.Engine(), "hub", a.cfg.Hub.Party().String())
	return nil
}

// openData makes and locks the data directory.
func (a *App) openData() error {
	if err := os.MkdirAll(a.cfg.Data, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	unlock, err := lockFile(a.lockName())
	if err != nil {
		return err
	}
	a.onStop("unlocking the data directory", func(context.Context) error { return unlock() })
	return nil
}

// lockName is the file whose lock says that this process has the data directory.
func (a *App) lockName() string { return filepath.Join(a.cfg.Data, "lock") }

// onStop has Stop do something, before what was begun earlier.
func (a *App) onStop(what string, do func(ctx context.Context) error) {
	a.undo = append(a.undo, undo{what, do})
}

// Stop ends the hub: /readyz fails, no new connections are accepted,
// requests that are under way finish within shutdown_timeout, then the parts
// end in the order opposite to their start. Everything that Start began has
// ended when it returns.
func (a *App) Stop(ctx context.Context) error {
	var errs []error
	for len(a.undo) > 0 {
		u := a.undo[len(a.undo)-1]
		a.undo = a.undo[:len(a.undo)-1]
		if err := u.do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", u.what, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	a.log.Info("stopped")
	return nil
}

// Failed delivers the error of a part that ended by itself. The hub is of no
// use then and should be stopped.
func (a *App) Failed() <-chan error { return a.failed }

// run runs a part until Stop.
func (a *App) run(what string, part func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		err := part(ctx)
		if ctx.Err() != nil {
			done <- nil
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		err = fmt.Errorf("running %s: %w", what, err)
		a.ready.Store(false)
		select {
		case a.failed <- err:
		default: // the first failure is what counts
		}
		done <- nil
	}()
	a.onStop("stopping "+what, func(context.Context) error {
		cancel()
		return <-done
	})
}

// FirstToken returns the admin token if this start made one, else "".
func (a *App) FirstToken() string { return a.firstToken }
