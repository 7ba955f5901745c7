package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/schollz/progressbar/v3"
)

// LedgerExportCmd writes many rows.
type LedgerExportCmd struct {
	CDRs     LedgerExportCDRsCmd     `cmd:"" name:"cdrs" help:"Write CDRs."`
	Postings LedgerExportPostingsCmd `cmd:"" help:"Write postings."`
}

// Help is shown under the usage line.
func (LedgerExportCmd) Help() string {
	return "Example:\n\n  $ eroam ledger export cdrs --format csv --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z -o january.csv"
}

// exportFlags select rows.
type exportFlags struct {
	outFlag
	Format   string    `enum:"csv,jsonl" default:"csv" help:"How to write: ${enum}."`
	From     time.Time `help:"Only at this time or later, such as 2026-01-01T00:00:00Z."`
	To       time.Time `help:"Only before this time."`
	Of       string    `placeholder:"CC-PID" help:"Only what this party has a part in, on either side."`
	State    string    `enum:",valid,refused,presented,approved,disputed,resolved" default:"" help:"Only of CDRs in this state."`
	Currency string    `help:"Only in this currency."`
}

func (f *exportFlags) query(l *LedgerCmd) url.Values {
	q := l.query()
	q.Set("format", f.Format)
	for name, value := range map[string]string{"of": f.Of, "state": f.State, "currency": f.Currency} {
		set(q, name, value)
	}
	setTime(q, "from", f.From)
	setTime(q, "to", f.To)
	return q
}

// save writes the file, and shows how much has come where somebody looks.
func (f *exportFlags) save(s Streams, get func(io.Writer) error) error {
	return f.write(s, func(w io.Writer) error {
		if isTerminal(s.Err) {
			bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(s.Err), progressbar.OptionSetDescription("exporting"),
				progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
			defer func() { _ = bar.Finish() }() // only decoration
			w = io.MultiWriter(w, bar)
		}
		lines := &lineCounter{w: w}
		if err := get(lines); err != nil {
			return err
		}
		n := lines.n
		if f.Format == "csv" {
			n-- // the header
		}
		fmt.Fprintf(s.Err, "%d rows\n", n)
		return nil
	})
}

// lineCounter counts lines on their way.
type lineCounter struct {
	w io.Writer
	n int64
}

func (c *lineCounter) Write(b []byte) (int, error) {
	for _, x := range b {
		if x == '\n' {
			c.n++
		}
	}
	return c.w.Write(b)
}

// LedgerExportCDRsCmd writes CDRs.
type LedgerExportCDRsCmd struct {
	exportFlags
	Posted bool `help:"Take --from and --to as the time of posting, not of reception, and leave out what is not posted."`
}

// Help is shown under the usage line.
func (LedgerExportCDRsCmd) Help() string {
	return "The columns are in docs/operate/ledger.md. Example:\n\n  $ eroam ledger export cdrs --format jsonl --of DE-EM1 --state approved -o cdrs.jsonl"
}

// Run exports.
func (c *LedgerExportCDRsCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	q := c.query(l)
	if c.Posted {
		q.Set("posted", "true")
	}
	return c.save(s, func(w io.Writer) error { return hub.ExportCDRs(ctx, w, q) })
}

// LedgerExportPostingsCmd writes postings.
type LedgerExportPostingsCmd struct{ exportFlags }

// Help is shown under the usage line.
func (LedgerExportPostingsCmd) Help() string {
	return "The columns are in docs/operate/ledger.md. Example:\n\n  $ eroam ledger export postings --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z -o january.csv"
}

// Run exports.
func (c *LedgerExportPostingsCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	return c.save(s, func(w io.Writer) error { return hub.ExportPostings(ctx, w, c.query(l)) })
}
