package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/eroam/eroam/internal/app"
	"github.com/eroam/eroam/internal/config"
)

// ServeCmd runs the hub until SIGINT or SIGTERM.
type ServeCmd struct {
	Config      string `placeholder:"FILE" env:"EROAM_CONFIG" help:"Configuration file. Default: eroam.yaml, if there is one."`
	PrintConfig bool   `help:"Print the configuration that results from the file and the environment, secrets redacted, and exit."`
	NewToken    bool   `name:"new-admin-token" help:"Replace the admin token that an earlier start made, print the new one, and run."`
}

// Help is shown under the usage line.
func (ServeCmd) Help() string {
	return `Settings come from eroam.yaml and, stronger, from the environment; docs/operate/configuration.md lists them.
At SIGTERM the hub stops taking requests, finishes those that are under way, and exits with 0.

Examples:

  $ eroam serve
  $ EROAM_LISTEN=127.0.0.1:8080 EROAM_HUB='DE*HUB' eroam serve
  $ eroam serve --config /etc/eroam/eroam.yaml --print-config`
}

// gcPercent lets the heap grow to three times what is in use before it is
// collected, where Go's own default is two: with a million EVSEs in memory a
// collection takes long. The variable GOGC is stronger.
const gcPercent = 200

// Run starts the hub, waits and stops it.
func (c *ServeCmd) Run(ctx context.Context, s Streams) error {
	cfg, err := config.Load(c.Config, os.Environ())
	if err != nil {
		return err
	}
	if c.PrintConfig {
		return cfg.Print(s.Out)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	log := app.NewLogger(cfg.Log, s.Err)
	hub, err := app.New(cfg, log)
	if err != nil {
		return err
	}
	hub.Version = versionLine()
	hub.NewAdminToken = c.NewToken
	if err := hub.Start(ctx); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "eroam listens on http://%s\nOCPI versions: %s\n", hub.Addr(), hub.VersionsURL())
	if token := hub.FirstToken(); token != "" {
		fmt.Fprintf(s.Out, "Admin token, shown only now: %s\n", token)
	}
	var failure error
	select {
	case <-ctx.Done():
	case failure = <-hub.Failed():
	}
	return errors.Join(failure, hub.Stop(context.WithoutCancel(ctx)))
}
