package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/mattn/go-isatty"

	"github.com/eroam/eroam/internal/demo"
)

// DemoCmd shows the hub at work on real stations.
type DemoCmd struct {
	Once    bool     `help:"End when all is done, instead of leaving the hub and the partners running."`
	JSON    bool     `help:"Print the result as JSON, and nothing else, to standard output."`
	Seed    uint64   `default:"1" help:"Another seed gives other drivers, sessions and faults; the same seed the same."`
	Speed   float64  `default:"9600" help:"How fast simulated time runs, as a factor; 9600 is a day in nine seconds."`
	Drivers int      `default:"320" help:"How many drivers try to charge."`
	State   []string `placeholder:"WA" help:"Stations of these states only; WA and NY are there."`
	KillHub bool     `help:"Kill the hub in the middle of the run and start it again."`
	Keep    string   `placeholder:"DIR" type:"path" help:"Keep the hub's data and log there."`
	Verbose bool     `short:"v" help:"Log what the simulated partners notice."`
}

// Help is shown under the usage line.
func (DemoCmd) Help() string {
	return `Starts a hub as a process of its own, connects simulated operators of real US stations and three simulated
providers, lets drivers charge across networks, and checks that every session ended in exactly one bill at the right
provider. One operator, which is made up, overcharges on purpose: the hub's ledger must hold its wrong bills, approve
and post all others, and verify without a fault. Exits with 0 only then. Afterwards everything keeps running until Ctrl-C, unless --once is given.

Examples:

  $ eroam demo
  $ eroam demo --once --json
  $ eroam demo --once --kill-hub --keep /tmp/eroam-demo`
}

// Run does the demo.
func (c *DemoCmd) Run(ctx context.Context, s Streams) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	opt := demo.Options{
		Command: []string{program, "serve"}, Seed: c.Seed, Speed: c.Speed, Drivers: c.Drivers, States: c.State,
		KillHub: c.KillHub, Dir: c.Keep, Progress: progress(s, c.JSON),
	}
	if c.Verbose {
		opt.Log = slog.New(slog.NewTextHandler(s.Err, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	d, err := demo.New(ctx, opt)
	if err != nil {
		return err
	}
	defer func() {
		if err := d.Close(); err != nil {
			fmt.Fprintln(s.Err, "eroam:", err)
		}
	}()
	result, err := d.Run(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		if err := json.MarshalWrite(s.Out, result, jsontext.WithIndent("  "), json.Deterministic(true)); err != nil {
			return err
		}
		fmt.Fprintln(s.Out)
	} else {
		result.Print(s.Out)
	}
	if !c.Once {
		stay(ctx, d, s.Err)
	}
	return result.Err()
}

// progress shows bars on a terminal and lines elsewhere.
func progress(s Streams, toErr bool) demo.Progress {
	w := s.Out
	if toErr {
		w = s.Err
	}
	if f, ok := w.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return demo.Bars(w)
	}
	return demo.Lines(w)
}

// stay leaves everything running until ctx ends.
func stay(ctx context.Context, d *demo.Demo, w io.Writer) {
	url, metrics, token, dir := d.Hub()
	fmt.Fprintf(w, `
The hub and its partners keep running. Ctrl-C ends them.
  OCPI versions  %[1]s/ocpi/versions
  admin API      %[1]s/api/v1/platforms
  admin token    %[2]s
  metrics        %[3]s
  data and log   %[4]s
Try: curl -H 'Authorization: Bearer %[2]s' %[1]s/api/v1/parties
     curl -H 'Authorization: Bearer %[2]s' '%[1]s/api/v1/cdrs?held=true'
     eroam ledger verify --data %[4]s/data
`, url, token, metrics, dir)
	<-ctx.Done()
}
