package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/govalues/decimal"
	"github.com/schollz/progressbar/v3"

	"github.com/eroam/eroam/internal/app"
	"github.com/eroam/eroam/internal/config"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/tariff"
)

// LedgerVerifyCmd checks a whole database.
type LedgerVerifyCmd struct {
	Config   string `placeholder:"FILE" env:"EROAM_CONFIG" help:"Configuration of the hub, for what is not given here. Default: eroam.yaml, if there is one."`
	Data     string `placeholder:"DIR" help:"Data directory of the hub."`
	Database string `placeholder:"URL" help:"URL of the PostgreSQL database; without it, the SQLite database in --data."`
	Key      string `env:"EROAM_VERIFIER_KEY" placeholder:"KEY" help:"Verifier key that the checkpoints must be signed with. Default: the one that the data directory gives."`
}

// Help is shown under the usage line.
func (LedgerVerifyCmd) Help() string {
	return `It reads everything and changes nothing; a hub may be running. Every leaf has its hash, every checkpoint is signed and is one of these
leaves, every CDR, body, piece of evidence, posting and balance is what the leaves say.

Examples:

  $ eroam ledger verify
  $ eroam ledger verify --data /var/lib/eroam --key "$KEY"

Exit code 0: sound; 1: rows are wrong, each is named; 2: the database or the key cannot be read.`
}

// Run verifies and prints.
func (c *LedgerVerifyCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	options, err := c.where()
	if err != nil {
		return &codeError{exitInput, err.Error()}
	}
	db, err := store.OpenReader(ctx, options)
	if err != nil {
		return &codeError{exitInput, err.Error()}
	}
	defer func() { _ = db.Close() }() // nothing was written
	key, from := c.Key, "given"
	if key == "" {
		from = "of " + app.SealKeyFile(options.Dir)
		if key, err = app.VerifierKey(ctx, db, options.Dir); err != nil {
			return &codeError{exitInput, fmt.Sprintf("%v; or give --key", err)}
		}
	}
	bar := stages{w: s.Err, visible: isTerminal(s.Err)}
	start := time.Now()
	v, err := ledger.Verify(ctx, db, key, bar.at)
	bar.end()
	if err != nil {
		return &codeError{exitInput, fmt.Sprintf("reading the ledger: %v", err)}
	}
	view := struct {
		Sound bool `json:"sound"`
		ledger.Verification
		Key     string `json:"key"`
		KeyFrom string `json:"key_from"`
	}{len(v.Faults) == 0, v, key, from}
	err = l.print(s, view, func(w io.Writer) {
		for _, f := range v.Faults {
			fmt.Fprintf(w, "WRONG\t%s\n", f)
		}
		if len(v.Faults) == 0 {
			fmt.Fprintf(w, "sound\t%d events, %d checkpoints, %d CDRs, %d postings\n", v.Events, v.Checkpoints, v.CDRs, v.Postings)
		}
		fmt.Fprintf(w, "root\t%s\nkey\t%s (%s)\ntime\t%v\n", v.Root, key, from, time.Since(start).Round(time.Millisecond))
	})
	if err != nil || len(v.Faults) == 0 {
		return err
	}
	if len(v.Faults) == ledger.MaxFaults {
		return &codeError{exitFailed, fmt.Sprintf("at least %d rows are wrong; it was not read further", len(v.Faults))}
	}
	return &codeError{exitFailed, fmt.Sprintf("wrong: %d", len(v.Faults))}
}

// where says which database to read.
func (c *LedgerVerifyCmd) where() (store.Options, error) {
	cfg, err := config.Load(c.Config, os.Environ())
	if err != nil {
		return store.Options{}, err
	}
	o := store.Options{Dir: c.Data, Database: c.Database}
	if o.Dir == "" {
		o.Dir = cfg.Data
		if o.Database == "" {
			o.Database = cfg.Database.Reveal()
		}
	}
	return o, nil
}

// stages shows a bar for each thing that is read.
type stages struct {
	w       io.Writer
	visible bool
	what    string
	bar     *progressbar.ProgressBar
}

func (b *stages) at(what string, done, total int64) {
	if !b.visible {
		return
	}
	if what != b.what {
		b.end()
		b.what = what
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	_ = b.bar.Set64(min(done, total)) // only decoration
}

func (b *stages) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

// money writes minor units in units of the currency.
func money(n int64, currency string) string {
	return decimal.MustNew(n, tariff.CurrencyDecimals(currency)).String() + " " + currency
}
