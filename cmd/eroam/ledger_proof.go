package main

import (
	"context"
	"fmt"
	"io"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/receipt"
)

// LedgerReceiptCmd gets a receipt.
type LedgerReceiptCmd struct {
	cdrArgs
	Event string `enum:",received,conflict,refused,presented,delivery_failed,released,approved,disputed,resolved,credited" default:"" help:"Of the newest event of this kind: ${enum}. Without it, of the reception."`
	outFlag
}

// Help is shown under the usage line.
func (LedgerReceiptCmd) Help() string {
	return "Examples:\n\n  $ eroam ledger receipt NL CP1 CDR1 -o cdr1.receipt.json\n  $ eroam ledger receipt NL CP1 CDR1 --event approved -o -"
}

// Run gets, checks and writes it.
func (c *LedgerReceiptCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	file, err := hub.Receipt(ctx, c.cpo(), c.ID, c.Event)
	if err != nil {
		return err
	}
	r, err := receipt.Parse(file)
	if err == nil {
		_, err = receipt.Check(r, "")
	}
	if err != nil {
		return fmt.Errorf("the receipt that the hub gave is no proof: %w", err)
	}
	return c.save(s, file)
}

// save writes a file as it came.
func (o *outFlag) save(s Streams, file []byte) error {
	return o.write(s, func(w io.Writer) error {
		_, err := w.Write(file)
		return err
	})
}

// LedgerEvidenceCmd gets a bundle.
type LedgerEvidenceCmd struct {
	cdrArgs
	outFlag
}

// Help is shown under the usage line.
func (LedgerEvidenceCmd) Help() string {
	return `The file has the CDR as it came in, the session, the authorisations, the tariff that counted, what was found and how the price was
computed, the messages, and the proof that it is so. Whoever has it can check it: eroam ledger check-evidence.

Example:

  $ eroam ledger evidence NL CP1 CDR1 -o cdr1.evidence.json`
}

// Run gets and writes it.
func (c *LedgerEvidenceCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	file, err := hub.Evidence(ctx, c.cpo(), c.ID)
	if err != nil {
		return err
	}
	if _, err := ledger.CheckBundle(file, ""); err != nil {
		return fmt.Errorf("what the hub gave is no evidence: %w", err)
	}
	return c.save(s, file)
}

// LedgerCheckpointCmd gets a checkpoint.
type LedgerCheckpointCmd struct {
	Size   int64  `help:"The one over so many events; without it the newest."`
	Output string `short:"o" default:"-" placeholder:"FILE" help:"File to write; - is standard output."`
}

// Help is shown under the usage line.
func (LedgerCheckpointCmd) Help() string {
	return `Keep one from time to time: nobody can change or drop what is in the log then without your seeing it.

Example:

  $ eroam ledger checkpoint -o "checkpoint.$(date +%F)"`
}

// Run gets and writes it.
func (c *LedgerCheckpointCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	out, err := hub.Checkpoint(ctx, c.Size)
	if err != nil {
		return err
	}
	o := outFlag{c.Output}
	return o.write(s, func(w io.Writer) error {
		if l.JSON {
			return printJSON(w, out)
		}
		_, err := io.WriteString(w, out.Note)
		return err
	})
}

// LedgerConsistencyCmd gets a consistency proof.
type LedgerConsistencyCmd struct {
	From int64 `arg:"" name:"from" help:"Size of the older checkpoint: its second line."`
	To   int64 `arg:"" optional:"" name:"to" help:"Size of the newer one; without it the newest."`
	outFlag
}

// Help is shown under the usage line.
func (LedgerConsistencyCmd) Help() string {
	return `Example:

  $ eroam ledger consistency 4000 4712 -o proof.json
  $ eroam ledger check-consistency checkpoint.4000 checkpoint.4712 proof.json --key "$KEY"`
}

// Run gets and writes it.
func (c *LedgerConsistencyCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	out, err := hub.Consistency(ctx, c.From, c.To)
	if err != nil {
		return err
	}
	return c.write(s, func(w io.Writer) error { return printJSON(w, out) })
}
