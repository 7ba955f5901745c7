package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/schollz/progressbar/v3"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/ocpi"
)

// QualityCmd judges files of OCPI objects as the hub judges what is published.
type QualityCmd struct {
	Locations []string `required:"" placeholder:"FILE" help:"OCPI Locations: a JSON list, an OCPI response or JSON lines, also gzipped; - is standard input. Repeat it."`
	Tariffs   []string `placeholder:"FILE" help:"OCPI Tariffs in the same forms. Without them every tariff id leads nowhere."`
	Sessions  []string `placeholder:"FILE" help:"OCPI Sessions in the same forms."`
	Now       string   `placeholder:"TIME" help:"Judge as of this time, such as 2026-06-07T20:00:00Z; the present when it is not given."`
	Format    string   `enum:"text,json" default:"text" help:"How to print: ${enum}."`
	Examples  int      `default:"3" help:"How many findings of each code to show."`
	List      bool     `help:"Print every finding on a line of its own, and no report."`
	Code      []string `placeholder:"Q01" help:"With --list: only findings of this code. Repeat it."`
}

// Help is shown under the usage line.
func (QualityCmd) Help() string {
	return `Prints what the hub would find in the data, with counts, examples and a score from 0 to 100 for each party.
docs/quality.md explains the codes. The exit code is 0 whatever is found.

  $ eroam quality --locations locations.jsonl.gz --tariffs tariffs.json
  $ curl -s https://cpo.example/ocpi/2.2.1/locations | eroam quality --locations - --format json
  $ eroam quality --locations locations.json --list --code Q01 --code Q04`
}

// Run prints the report.
func (c *QualityCmd) Run(ctx context.Context, s Streams) (err error) {
	now := time.Now()
	if c.Now != "" {
		if now, err = ocpi.ParseTime(c.Now); err != nil {
			return fmt.Errorf("--now: %w", err)
		}
	}
	codes, err := c.codes()
	if err != nil {
		return err
	}
	files, err := quality.OpenFiles(quality.Options{Now: func() time.Time { return now }})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	for _, in := range []struct {
		kind  ocpi.Module
		names []string
	}{{ocpi.Tariffs, c.Tariffs}, {ocpi.Sessions, c.Sessions}, {ocpi.Locations, c.Locations}} {
		for _, name := range in.names {
			if err := readObjects(ctx, files, in.kind, name, s); err != nil {
				return err
			}
		}
	}
	if files.Repeated > 0 {
		fmt.Fprintf(s.Err, "%d locations have the party and id of an earlier one and replace it\n", files.Repeated)
	}
	if c.List {
		return c.list(ctx, files.Judge, now, codes, s.Out)
	}
	return c.report(ctx, files.Judge, now, s.Out)
}

func (c *QualityCmd) codes() (codes []quality.Code, err error) {
	for _, text := range c.Code {
		code, ok := quality.ParseCode(text)
		if !ok {
			return nil, fmt.Errorf("--code: there is no %q; docs/quality.md has the list", text)
		}
		codes = append(codes, code)
	}
	if len(codes) > 0 && !c.List {
		return nil, errors.New("--code needs --list")
	}
	if len(codes) == 0 {
		codes = []quality.Code{0}
	}
	return codes, nil
}

// readObjects reads one file, with a progress bar where somebody looks.
func readObjects(ctx context.Context, files *quality.Files, kind ocpi.Module, name string, s Streams) error {
	var r io.Reader = os.Stdin
	size := int64(-1)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		r = f
	}
	if isTerminal(s.Err) {
		bar := progressbar.NewOptions64(size, progressbar.OptionSetWriter(s.Err), progressbar.OptionSetDescription("reading "+name),
			progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
		defer func() { _ = bar.Finish() }() // only decoration
		r = io.TeeReader(r, bar)
	}
	n, err := files.Add(ctx, kind, r)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if n == 0 {
		return fmt.Errorf("reading %s: there are no objects in it", name)
	}
	return nil
}

func (c *QualityCmd) report(ctx context.Context, judge *quality.Judge, now time.Time, out io.Writer) error {
	r := judge.ReportAt(now)
	examples, err := judge.Examples(ctx, c.Examples, now)
	if err != nil {
		return err
	}
	if c.Format == "text" {
		return r.Text(out, examples)
	}
	view := struct {
		api.QualityReport
		Examples []api.QualityFinding `json:"examples"`
	}{api.QualityView(r), []api.QualityFinding{}}
	for _, code := range quality.Codes() {
		for i := range examples[code] {
			view.Examples = append(view.Examples, api.FindingView(&examples[code][i]))
		}
	}
	return writeJSON(out, view, jsontext.WithIndent("  "))
}

// list prints all findings, by code where codes were given, else by location.
func (c *QualityCmd) list(ctx context.Context, judge *quality.Judge, now time.Time, codes []quality.Code, out io.Writer) error {
	slices.Sort(codes)
	for _, code := range slices.Compact(codes) {
		q := quality.Query{Code: code, Limit: quality.MaxLimit}
		for {
			page, err := judge.FindingsAt(ctx, q, now)
			if err != nil {
				return err
			}
			for i := range page.Findings {
				f := &page.Findings[i]
				if c.Format == "json" {
					err = writeJSON(out, api.FindingView(f))
				} else {
					_, err = fmt.Fprintln(out, f.Code, f.String())
				}
				if err != nil {
					return err
				}
			}
			if q.Cursor = page.Next; q.Cursor == "" {
				break
			}
		}
	}
	return nil
}

func writeJSON(out io.Writer, v any, o ...json.Options) error {
	text, err := json.Marshal(v, append(o, json.Deterministic(true))...)
	if err != nil {
		return err
	}
	_, err = out.Write(append(text, '\n'))
	return err
}
