// Command tell measures the hub as the place where charge points are
// published: loading the real Dutch locations and a generated million of EVSEs,
// start and pages on that store, durable status changes a second, and the
// fan-out to hundreds and thousands of receivers, some of which hang. It prints
// a table with the targets beside and writes one JSON object a line to
// bench/out/tell.jsonl.
//
// Every hub is a real process that is spoken to over HTTP on the loopback
// interface. What is loaded and measured is noted in the working directory, so
// that an interrupted run goes on where it was; -fresh begins again.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case receiveCommand:
			exitOn(receive())
			return
		case floorCommand:
			exitOn(floor(os.Args[2:]))
			return
		}
	}
	o := options{targets: 200_000, floorOf: 40_000}
	parts := flag.String("parts", "real,million,fanout", "what to run, of: real, million, fanout")
	flag.StringVar(&o.data, "data", "", "directory with ocpi-nl/locations.jsonl.gz, which is not part of the source; without it part real is skipped")
	flag.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "eroam-bench-tell"), "working directory, kept until everything is measured")
	flag.BoolVar(&o.fresh, "fresh", false, "forget what an earlier run left in the working directory")
	flag.BoolVar(&o.keep, "keep", false, "keep the working directory at the end")
	flag.IntVar(&o.evses, "evses", 1_000_000, "EVSEs of the generated set")
	flag.Uint64Var(&o.seed, "seed", 1, "of the generated set")
	flag.IntVar(&o.requests, "requests", 200, "requests of each page")
	receivers := flag.String("receivers", "900,2750", "sizes of the fan-out")
	connections := flag.String("connections", "64,256", "connections of the status changes")
	flag.IntVar(&o.loaders, "loaders", 64, "connections while loading")
	flag.IntVar(&o.burst, "burst", 100, "status changes of a burst of the fan-out")
	flag.IntVar(&o.locations, "locations", 200, "locations of the fan-out")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds of status changes and of the fan-out")
	flag.DurationVar(&o.duration, "duration", 10*time.Second, "length of a round of status changes")
	flag.DurationVar(&o.pace, "pace", 40*time.Second, "length of the paced fan-out that gives the lag")
	flag.Float64Var(&o.share, "share", 0.5, "load of the paced fan-out, of what the burst reached")
	short := flag.Bool("short", false, "a quick try: everything small")
	flag.StringVar(&o.profile, "profile", "", "directory for CPU profiles of the hub")
	flag.StringVar(&o.binary, "eroam", "bin/eroam", "the eroam binary")
	flag.StringVar(&o.out, "out", "bench/out/tell.jsonl", "where the results go")
	flag.Parse()
	exitOn(o.lists(*parts, *receivers, *connections))
	if *short {
		o.small()
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not leave processes running
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exitOn(run(ctx, o))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	parts                              []string
	receivers, connections             []int
	data, dir, binary, out, profile    string
	fresh, keep                        bool
	evses, requests, loaders, rounds   int
	seed                               uint64
	duration, pace                     time.Duration
	share                              float64
	realLimit                          int // locations of the real set; 0: all
	locations, burst, targets, floorOf int
}

// small makes a run of about a minute out of one of half an hour.
func (o *options) small() {
	o.evses, o.realLimit = min(o.evses, 20_000), 2_000
	o.receivers, o.rounds, o.requests = []int{50}, 1, 20
	o.duration, o.pace = 3*time.Second, 12*time.Second
}

func (o *options) lists(parts, receivers, connections string) error {
	o.parts = strings.Split(parts, ",")
	for _, p := range o.parts {
		if p != "real" && p != "million" && p != "fanout" {
			return fmt.Errorf("-parts: %q is none of real, million, fanout", p)
		}
	}
	var err error
	if o.receivers, err = numbers("receivers", receivers); err != nil {
		return err
	}
	o.connections, err = numbers("connections", connections)
	return err
}

func numbers(name, list string) (out []int, err error) {
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("-%s: %q is not a positive number", name, s)
		}
		out = append(out, n)
	}
	return out, nil
}

func run(ctx context.Context, o options) error {
	l, err := newLab(o)
	if err != nil {
		return err
	}
	defer l.stop()
	for _, part := range o.parts {
		switch part {
		case "real":
			err = l.real(ctx)
		case "million":
			err = l.million(ctx)
		case "fanout":
			for _, n := range o.receivers {
				if err = l.fanout(ctx, n); err != nil {
					break
				}
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w (what was done is kept in %s; run again to go on)", part, err, o.dir)
		}
	}
	return l.report()
}
