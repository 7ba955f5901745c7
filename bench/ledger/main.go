// Command ledger measures the hub as the place where CDRs are accepted: durable
// intake with all checks and the price check, and what waits for a receiver that
// was away while others go on. It prints a table with the targets beside and
// appends one JSON object a line to bench/out/ledger.jsonl.
//
// The hub is a real process that is spoken to over HTTP on the loopback interface;
// the receivers, which answer at once, are in this process.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

type options struct {
	binary, dir, out, profile string
	database                  string
	cdrs, rounds, connections int
	backlog, pace             int
	paced                     time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.binary, "eroam", "bin/eroam", "the eroam binary")
	flag.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), fmt.Sprintf("eroam-bench-ledger-%d", os.Getpid())), "working directory, removed at the end")
	flag.StringVar(&o.out, "out", "bench/out/ledger.jsonl", "where the results go")
	flag.StringVar(&o.database, "database", "", "URL of an empty PostgreSQL database; SQLite where it is not given")
	flag.StringVar(&o.profile, "profile", "", "file for a CPU profile of the hub during the last round of intake")
	flag.IntVar(&o.cdrs, "cdrs", 15_000, "CDRs of a round of intake")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of intake")
	flag.IntVar(&o.connections, "connections", 64, "connections of intake")
	flag.IntVar(&o.backlog, "backlog", 36_000, "CDRs that wait for one receiver")
	flag.IntVar(&o.pace, "pace", 50, "CDRs a second for the other receivers, while the backlog waits and while it is drained")
	flag.DurationVar(&o.paced, "paced", 40*time.Second, "how long the others are measured before the receiver is back")
	short := flag.Bool("short", false, "a quick try: everything small")
	flag.Parse()
	if *short {
		o.cdrs, o.rounds, o.backlog, o.paced = 1_500, 1, 1_500, 5*time.Second
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not leave processes running
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	l, err := newLab(ctx, o)
	if err != nil {
		return err
	}
	defer l.stop()
	for _, step := range []func(context.Context) error{l.connect, l.publish, l.intake, l.drain, l.check} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return l.report()
}
