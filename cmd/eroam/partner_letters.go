package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/eroam/eroam/internal/api"
)

// letterFlags select dead letters.
type letterFlags struct {
	Party    string    `placeholder:"CC-PID" help:"Only of this receiver."`
	Platform string    `placeholder:"ID" help:"Only of receivers on this platform."`
	Module   string    `enum:",locations,tariffs,tokens,hubclientinfo,cdrs" default:"" help:"Only of this module."`
	Code     int       `help:"Only with this HTTP or OCPI status."`
	From     time.Time `help:"Only refused or changed at this time or later, such as 2026-01-01T00:00:00Z."`
	To       time.Time `help:"Only refused or changed before this time."`
	FirstID  string    `placeholder:"ID" help:"The oldest of a range of ids."`
	LastID   string    `placeholder:"ID" help:"The newest of a range of ids."`
}

func (f letterFlags) filter() api.LetterFilter {
	return api.LetterFilter{
		Party: f.Party, Platform: f.Platform, Module: f.Module, Code: f.Code,
		From: f.From, To: f.To, FirstID: f.FirstID, LastID: f.LastID,
	}
}

// PartnerDeadLettersCmd lists what receivers refused, or shows one.
type PartnerDeadLettersCmd struct {
	ID string `arg:"" optional:"" name:"id" help:"Show this one with its exchange."`
	letterFlags
	State string `enum:",open,queued,replayed,superseded,discarded" default:"" help:"Only in this state."`
	Limit int    `default:"100" help:"At most so many, the newest first."`
}

// Help is shown under the usage line.
func (PartnerDeadLettersCmd) Help() string {
	return `A dead letter is a change that its receiver refused for good.

Examples:

  $ eroam partner dead-letters --state open --party DE-EM1
  $ eroam partner dead-letters 18c2a7f0e3b1d4005kq2mz7a`
}

// Run lists or shows.
func (c *PartnerDeadLettersCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	if c.ID != "" {
		d, err := hub.DeadLetter(ctx, c.ID)
		if err != nil {
			return err
		}
		return p.printExchange(s, d)
	}
	f := c.filter()
	f.State = c.State
	page, err := hub.DeadLetters(ctx, f, "", c.Limit)
	if err != nil {
		return err
	}
	return p.print(s, page, func(w io.Writer) {
		printLetters(w, page.Items)
		if page.Next != "" {
			fmt.Fprintf(w, "\nThere are more: raise --limit, or use --last-id.\n")
		}
	})
}

func printLetters(w io.Writer, letters []api.DeadLetter) {
	fmt.Fprintln(w, "ID\tREFUSED\tSTATE\tRECEIVER\tOBJECT\tSTATUS\tERROR")
	for _, d := range letters {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s-%s %s\t%s %s %s\t%d\t%s\n", d.ID, d.Updated.Format(time.RFC3339), d.State,
			d.CountryCode, d.PartyID, d.Role, d.Module, d.Owner, d.Object, cmp.Or(d.OCPIStatus, d.HTTPStatus), d.Error)
	}
}

func (c *PartnerCmd) printExchange(s Streams, d api.Exchange) error {
	return c.print(s, d, func(w io.Writer) {
		fmt.Fprintf(w, "%s\n\nstate\t%s\nattempts\t%d\nfirst refused\t%s\nlast refused or changed\t%s\n", d.Words, d.State, d.Attempts,
			d.Created.Format(time.RFC3339), d.Updated.Format(time.RFC3339))
		fmt.Fprintf(w, "\n%s %s\n%s\n%s\n", d.Method, d.URL, d.RequestHeader, d.Request)
		fmt.Fprintf(w, "\nHTTP %d\n%s\n%s\n", d.HTTPStatus, d.ResponseHeader, d.Response)
		switch {
		case d.Now == nil:
			fmt.Fprintln(w, "\nThe hub does not have the object any more.")
		case d.Changed:
			fmt.Fprintf(w, "\nThe object has changed since; a replay sends:\n%s\n", d.Now.Body)
		default:
			fmt.Fprintln(w, "\nThe object has not changed since: a replay sends the same state.")
		}
	})
}

// selectFlags say what to do with which letters.
type selectFlags struct {
	ID []string `arg:"" optional:"" name:"id" help:"Ids of dead letters; or else a filter."`
	letterFlags
	All    bool   `help:"Every open letter of the hub."`
	DryRun bool   `help:"Change nothing; say how many it would be, and show the newest."`
	Reason string `help:"Why; kept in the audit."`
}

// each calls do for what is selected: for each id, or once for the filter. It
// goes on until no more letters are left.
func (f selectFlags) each(ctx context.Context, p *PartnerCmd, s Streams, what string, do func(context.Context, api.Selection) (api.Selected, error)) error {
	selections := []api.Selection{{LetterFilter: f.filter(), All: f.All, DryRun: f.DryRun, Reason: f.Reason}}
	if len(f.ID) > 0 {
		selections = selections[:0]
		for _, id := range f.ID {
			selections = append(selections, api.Selection{
				LetterFilter: api.LetterFilter{FirstID: id, LastID: id}, DryRun: f.DryRun, Reason: f.Reason,
			})
		}
	}
	total := api.Selected{DryRun: f.DryRun}
	for _, sel := range selections {
		for {
			out, err := do(ctx, sel)
			if err != nil {
				return err
			}
			total.Count += out.Count
			total.First = append(total.First, out.First...)
			if !out.More || out.DryRun {
				break
			}
		}
	}
	return p.print(s, total, func(w io.Writer) {
		if f.DryRun {
			fmt.Fprintf(w, "would be %s: %d\n", what, total.Count)
			if len(total.First) > 0 {
				printLetters(w, total.First)
			}
			return
		}
		fmt.Fprintf(w, "%s: %d\n", what, total.Count)
	})
}

// PartnerReplayCmd has objects sent again.
type PartnerReplayCmd struct{ selectFlags }

// Help is shown under the usage line.
func (PartnerReplayCmd) Help() string {
	return `The object of each open dead letter is sent again, whole and in its present state, as soon as the receiver's lane gets to it.

Examples:

  $ eroam partner replay --party DE-EM1 --code 2001 --dry-run
  $ eroam partner replay --party DE-EM1 --code 2001 --reason 'DE-EM1 mended its parser'
  $ eroam partner replay 18c2a7f0e3b1d4005kq2mz7a`
}

// Run replays.
func (c *PartnerReplayCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	return c.each(ctx, p, s, "queued", hub.Replay)
}

// PartnerDiscardCmd gives dead letters up.
type PartnerDiscardCmd struct{ selectFlags }

// Help is shown under the usage line.
func (PartnerDiscardCmd) Help() string {
	return `The receiver keeps what it has of the objects until they change again. Discarded letters are deleted after 30 days.

Examples:

  $ eroam partner discard --party DE-EM1 --module tariffs --dry-run
  $ eroam partner discard 18c2a7f0e3b1d4005kq2mz7a --reason 'agreed with DE-EM1'`
}

// Run discards.
func (c *PartnerDiscardCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	return c.each(ctx, p, s, "discarded", hub.Discard)
}

// PartnerAuditCmd lists what was done.
type PartnerAuditCmd struct{}

// Help is shown under the usage line.
func (PartnerAuditCmd) Help() string {
	return "Example:\n\n  $ eroam partner audit"
}

// Run lists.
func (c *PartnerAuditCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	entries, err := hub.Audit(ctx)
	if err != nil {
		return err
	}
	return p.print(s, entries, func(w io.Writer) {
		fmt.Fprintln(w, "TIME\tWHO\tACTION\tCOUNT\tWHAT\tREASON")
		for _, e := range entries {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", e.At.Format(time.RFC3339), e.Who, e.Action, e.Count, e.Detail, e.Reason)
		}
	})
}
