// Command relay measures the hub as a relay beside nginx as a plain reverse
// proxy and beside Go's httputil.ReverseProxy: the same PUT of 1.5 kB, the same
// upstream, the same 64 connections, interleaved in one run. It prints a table
// and writes one JSON object a line to bench/out/relay.jsonl.
//
// It needs nginx and wrk, and stays on the loopback interface.
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

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve-reverse-proxy" {
		exitOn(serveReverseProxy(os.Args[2]))
		return
	}
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; each candidate runs once a round")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "length of one candidate's turn")
	flag.IntVar(&o.connections, "connections", 64, "concurrent connections")
	flag.IntVar(&o.pace, "pace", 200, "requests per second of the latency part")
	flag.StringVar(&o.binary, "eroam", "bin/eroam", "the eroam binary")
	flag.StringVar(&o.out, "out", "bench/out/relay.jsonl", "where the results go")
	flag.Parse()
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not leave the candidates running
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
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
	rounds, connections, pace int
	duration                  time.Duration
	binary, out               string
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "eroam-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	l := &lab{dir: dir, eroam: binary}
	defer l.stop()
	if err := l.start(ctx); err != nil {
		return err
	}
	fmt.Printf("relay: PUT of %d bytes, %d connections, %d rounds of %v each, interleaved\n", len(pushed), o.connections, o.rounds, o.duration)
	results := map[string][]turn{}
	for round := range o.rounds {
		for i := range l.candidates {
			c := &l.candidates[(i+round)%len(l.candidates)]
			t, err := l.load(ctx, c, o.connections, o.duration)
			if err != nil {
				return fmt.Errorf("loading %s: %w", c.name, err)
			}
			fmt.Printf("  round %d  %-18s %8.0f req/s  p50 %6.2f ms  p99 %7.2f ms  %5.1f µs CPU/req  errors %d\n",
				round+1, c.name, t.rate, t.p50, t.p99, t.cpu, t.errors)
			results[c.name] = append(results[c.name], t)
		}
	}
	pace, err := l.paced(ctx, o.pace, 15*time.Second)
	if err != nil {
		return err
	}
	return report(o, l, results, pace)
}
