package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/api"
)

// LedgerListCmd lists CDRs.
type LedgerListCmd struct {
	CPO      string    `name:"cpo" placeholder:"CC-PID" help:"Only of this CPO."`
	EMSP     string    `name:"emsp" placeholder:"CC-PID" help:"Only for this provider."`
	State    string    `enum:",valid,refused,presented,approved,disputed,resolved" default:"" help:"Only in this state."`
	Held     bool      `help:"Only those that are held."`
	Delivery string    `enum:",waiting,delivered,refused,dead,none" default:"" help:"Only those whose delivery stands so."`
	Currency string    `help:"Only in this currency."`
	Session  string    `placeholder:"ID" help:"Only of this session."`
	From     time.Time `help:"Only received at this time or later, such as 2026-01-01T00:00:00Z."`
	To       time.Time `help:"Only received before this time."`
	After    string    `placeholder:"CURSOR" help:"Go on behind a list that ended with this cursor."`
	Limit    int       `default:"100" help:"At most so many, the oldest first."`
}

// Help is shown under the usage line.
func (LedgerListCmd) Help() string {
	return "Examples:\n\n  $ eroam ledger list --held\n  $ eroam ledger list --state disputed --emsp DE-EM1"
}

// Run lists.
func (c *LedgerListCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	q := l.query()
	for name, value := range map[string]string{
		"cpo": c.CPO, "emsp": c.EMSP, "state": c.State, "mail": c.Delivery, "currency": c.Currency, "session": c.Session, "cursor": c.After,
	} {
		set(q, name, value)
	}
	if c.Held {
		q.Set("held", "true")
	}
	setTime(q, "from", c.From)
	setTime(q, "to", c.To)
	q.Set("limit", strconv.Itoa(c.Limit))
	page, err := hub.CDRs(ctx, q)
	if err != nil {
		return err
	}
	return l.print(s, page, func(w io.Writer) {
		fmt.Fprintln(w, "CPO\tCDR\tPROVIDER\tSTATE\tDELIVERY\tRECEIVED\tNET\tGROSS\tCURRENCY")
		for i := range page.Items {
			d := &page.Items[i]
			fmt.Fprintf(w, "%s-%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", d.CountryCode, d.PartyID, d.ID, d.EMSP, standing(d), d.Mail,
				d.Received.Format(time.RFC3339), d.Net, d.Gross, d.Currency)
		}
		if page.Next != "" {
			fmt.Fprintf(w, "\nThere are more: raise --limit, or use --after %s.\n", page.Next)
		}
	})
}

func standing(d *api.CDR) string {
	if d.Held {
		return d.State + " (held)"
	}
	return d.State
}

// LedgerShowCmd shows a CDR.
type LedgerShowCmd struct {
	cdrArgs
	Explain  bool   `help:"Print how the price was computed, line by line."`
	Language string `enum:"en,es,fr" default:"en" help:"Language of the explanation: ${enum}."`
	Body     bool   `help:"Print the CDR as it came in, and nothing else."`
}

// Help is shown under the usage line.
func (LedgerShowCmd) Help() string {
	return "Examples:\n\n  $ eroam ledger show NL CP1 CDR1 --explain\n  $ eroam ledger show NL CP1 CDR1 --body | sha256sum"
}

// Run shows.
func (c *LedgerShowCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	if c.Body {
		body, err := hub.CDRBody(ctx, c.cpo(), c.ID)
		if err != nil {
			return err
		}
		_, err = s.Out.Write(body)
		return err
	}
	d, err := hub.CDR(ctx, c.cpo(), c.ID)
	if err != nil {
		return err
	}
	if err := l.printCDR(s, d); err != nil || !c.Explain || l.JSON {
		return err
	}
	text, err := hub.Explanation(ctx, c.cpo(), c.ID, c.Language)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "\n%s", text)
	return err
}

// printCDR prints what is known of a CDR.
func (c *LedgerCmd) printCDR(s Streams, d api.CDRDetail) error {
	return c.print(s, d, func(w io.Writer) {
		fmt.Fprintf(w, "CDR\t%s-%s %s\nprovider\t%s\nsession\t%s\nstate\t%s\ndelivery\t%s\n", d.CountryCode, d.PartyID, d.ID, d.EMSP, cmp.Or(d.Session, "-"), standing(&d.CDR), d.Mail)
		fmt.Fprintf(w, "total\t%s before and %s after tax %s, %s kWh\n", d.Net, d.Gross, d.Currency, d.KWh)
		if d.CreditOf != "" {
			fmt.Fprintf(w, "takes back\t%s\n", d.CreditOf)
		}
		if d.CreditedBy != "" {
			fmt.Fprintf(w, "taken back by\t%s\n", d.CreditedBy)
		}
		if d.Deadline != nil {
			fmt.Fprintf(w, "approved at\t%s, unless it is disputed before\n", d.Deadline.Format(time.RFC3339))
		}
		fmt.Fprintf(w, "SHA-256\t%s\nprice\t%s\n", d.Digest, priceWords(&d.Price))
		for _, f := range d.Findings {
			fmt.Fprintf(w, "%s %s\t%s: %s\n", f.Check, f.Severity, f.Code, f.Message)
		}
		fmt.Fprintln(w, "\nEVENT\tTIME\tKIND\tBY\tREASON")
		for _, e := range d.Events {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", e.Index, e.At, e.Kind, e.Actor, strings.TrimSpace(e.Reason+" "+e.Text))
		}
		if len(d.Next) > 0 {
			fmt.Fprintln(w, "\nNEXT\tBY")
		}
		for _, n := range d.Next {
			fmt.Fprintf(w, "%s\t%s\n", n.Action, strings.Join(n.By, ", "))
		}
	})
}

func priceWords(p *api.PriceVerdict) string {
	switch p.Verdict {
	case "not_priced":
		return "not computed: " + p.NotPriced
	case "match":
		return "as the hub computes it"
	case "mismatch":
		return fmt.Sprintf("the hub computes %s before and %s after tax", cmp.Or(p.Net, "?"), cmp.Or(p.Gross, "?"))
	}
	return p.Verdict
}

// LedgerApproveCmd approves a CDR.
type LedgerApproveCmd struct {
	cdrArgs
	Text string `help:"A note, kept in the log for both parties to see."`
}

// Help is shown under the usage line.
func (LedgerApproveCmd) Help() string {
	return "Example:\n\n  $ eroam ledger approve NL CP1 CDR1"
}

// Run approves.
func (c *LedgerApproveCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	out, err := hub.Approve(ctx, c.cpo(), c.ID, api.Approval{Party: l.Party, Text: c.Text})
	if err != nil {
		return err
	}
	return l.printCDR(s, out)
}

// LedgerDisputeCmd disputes a CDR.
type LedgerDisputeCmd struct {
	cdrArgs
	Reason string `required:"" enum:"not-our-token,no-authorization,duplicate,wrong-price,wrong-energy,wrong-time,tariff-not-published,bad-signature,late,other" help:"Why: ${enum}."`
	Text   string `help:"In words, kept in the log for both parties to see."`
}

// Help is shown under the usage line.
func (LedgerDisputeCmd) Help() string {
	return `Only the provider disputes a CDR: give its platform's token.

Example:

  $ export EROAM_PLATFORM_TOKEN=...
  $ eroam ledger dispute NL CP1 CDR1 --reason wrong-price --text 'the tariff says 0.40 per kWh'`
}

// Run disputes.
func (c *LedgerDisputeCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	out, err := hub.Dispute(ctx, c.cpo(), c.ID, api.Dispute{Party: l.Party, Reason: c.Reason, Text: c.Text})
	if err != nil {
		return err
	}
	return l.printCDR(s, out)
}

// LedgerResolveCmd ends a dispute.
type LedgerResolveCmd struct {
	cdrArgs
	Outcome string `required:"" enum:"withdrawn,rejected,forgone" help:"withdrawn, by the provider: the CDR stands; rejected, by the operator of the hub: it stands; forgone, by the CPO: nothing is owed."`
	Text    string `help:"In words, kept in the log for both parties to see."`
}

// Help is shown under the usage line.
func (LedgerResolveCmd) Help() string {
	return "Example:\n\n  $ eroam ledger resolve NL CP1 CDR1 --outcome forgone --text 'our meter was wrong'"
}

// Run resolves.
func (c *LedgerResolveCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	out, err := hub.Resolve(ctx, c.cpo(), c.ID, api.Resolution{Party: l.Party, Outcome: c.Outcome, Text: c.Text})
	if err != nil {
		return err
	}
	return l.printCDR(s, out)
}

// LedgerReleaseCmd releases a CDR.
type LedgerReleaseCmd struct {
	cdrArgs
	Text string `required:"" help:"Why, kept in the log for both parties to see."`
}

// Help is shown under the usage line.
func (LedgerReleaseCmd) Help() string {
	return "Example:\n\n  $ eroam ledger release NL CP1 CDR1 --text 'the long session was announced'"
}

// Run releases.
func (c *LedgerReleaseCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	out, err := hub.Release(ctx, c.cpo(), c.ID, c.Text)
	if err != nil {
		return err
	}
	return l.printCDR(s, out)
}
