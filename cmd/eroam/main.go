// Command eroam is the hub and everything around it in one binary; see
// eroam --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line. Each command is a type in the file of its name with
// a Run method that takes the context, which ends at SIGINT and SIGTERM, and,
// where it prints, the standard streams.
type cli struct {
	Serve   ServeCmd   `cmd:"" help:"Run the hub."`
	Demo    DemoCmd    `cmd:"" help:"Show the hub at work: simulated partners on real stations."`
	Sim     SimCmd     `cmd:"" help:"Run a simulated partner."`
	Conform ConformCmd `cmd:"" help:"Check a hub or a partner against OCPI from outside."`
	Partner PartnerCmd `cmd:"" help:"Connect platforms to a running hub and say who may talk to whom."`
	Ledger  LedgerCmd  `cmd:"" help:"Prove, dispute, export and verify what was charged."`
	Tariff  TariffCmd  `cmd:"" help:"Price, check and explain OCPI tariffs; needs no hub."`
	Quality QualityCmd `cmd:"" help:"Say what is odd in locations and tariffs, before they are published; needs no hub."`
	Version VersionCmd `cmd:"" help:"Print the version."`
}

// Streams are the standard streams of the process.
type Streams struct {
	Out, Err io.Writer
}

func main() {
	os.Exit(run(os.Args[1:], Streams{os.Stdout, os.Stderr}))
}

// The exit codes: 0 is success.
const (
	exitFailed = 1 // the command ran and failed
	exitUsage  = 2 // the command line is wrong
)

// exit carries the code with which kong wants to leave, after --help.
type exit int

func run(args []string, s Streams) (code int) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case exit:
			code = int(e)
		default:
			panic(e)
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)

	var c cli
	parser, err := kong.New(&c,
		kong.Name("eroam"),
		kong.Description("An open e-roaming hub: charge point operators and e-mobility providers connect once, in OCPI."),
		kong.UsageOnError(),
		kong.Writers(s.Out, s.Err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		fmt.Fprintln(s.Err, "eroam:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.Err, "eroam: %v\n", err)
		var p *kong.ParseError
		if errors.As(err, &p) && p.Context != nil && p.Context.Command() != "" {
			fmt.Fprintf(s.Err, "Try: eroam %s --help\n", p.Context.Command())
		} else {
			fmt.Fprintln(s.Err, "Try: eroam --help")
		}
		return exitUsage
	}
	if err := k.Run(); err != nil {
		if e, ok := errors.AsType[*codeError](err); ok {
			if e.text != "" {
				fmt.Fprintln(s.Err, "eroam:", e.text)
			}
			return e.code
		}
		fmt.Fprintf(s.Err, "eroam: %v\n", err)
		return exitFailed
	}
	return 0
}
