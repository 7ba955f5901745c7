package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/ocpi"
)

// PartnerCmd connects platforms to a running hub through its admin API.
type PartnerCmd struct {
	hubFlags

	Add     PartnerAddCmd     `cmd:"" help:"Invite a platform and print what it needs to register."`
	List    PartnerListCmd    `cmd:"" help:"List platforms and agreements."`
	Show    PartnerShowCmd    `cmd:"" help:"Show a platform."`
	Invite  PartnerInviteCmd  `cmd:"" help:"Make a new registration token for a platform."`
	Connect PartnerConnectCmd `cmd:"" help:"Have the hub register with a platform that gave a token."`
	Rotate  PartnerRotateCmd  `cmd:"" help:"Replace the tokens between the hub and a platform."`
	Suspend PartnerSuspendCmd `cmd:"" help:"Stop a platform, or let it go on."`
	Remove  PartnerRemoveCmd  `cmd:"" help:"Remove a platform and free its parties."`
	Agree   PartnerAgreeCmd   `cmd:"" help:"Let a CPO and a provider exchange messages, or end that."`
	Push    PartnerPushCmd    `cmd:"" help:"Say what the hub pushes to a party, and how fast."`

	Pull        PartnerPullCmd        `cmd:"" help:"Fetch the lists of a platform that does not push."`
	Crawls      PartnerCrawlsCmd      `cmd:"" help:"List how far the lists of platforms are fetched."`
	DeadLetters PartnerDeadLettersCmd `cmd:"" help:"List what receivers refused, or show one."`
	Replay      PartnerReplayCmd      `cmd:"" help:"Have what was refused sent again."`
	Discard     PartnerDiscardCmd     `cmd:"" help:"Give up what was refused."`
	Audit       PartnerAuditCmd       `cmd:"" help:"List what was done about dead letters."`
}

// Help is shown under the usage line.
func (PartnerCmd) Help() string {
	return `Example:

  $ export EROAM_URL=http://127.0.0.1:8080 EROAM_TOKEN=...
  $ eroam partner add --name 'Example Charging' --party NL-CP1:CPO
  $ eroam partner agree cp1-em1 --cpo NL-CP1 --emsp DE-EM1`
}

// PartnerAddCmd invites a platform.
type PartnerAddCmd struct {
	Name     string   `required:"" help:"Name of the platform."`
	Party    []string `required:"" sep:"none" placeholder:"CC-PID:ROLE[:NAME]" help:"A party that the platform may speak for, such as NL-CP1:CPO. Repeat it for more."`
	Encoding string   `enum:"auto,base64,raw" default:"auto" help:"How the platform spells tokens: ${enum}."`
}

// Help is shown under the usage line.
func (PartnerAddCmd) Help() string {
	return "Example:\n\n  $ eroam partner add --name 'Example Charging' --party NL-CP1:CPO --party 'BE-CP1:CPO:Example Belgium'"
}

// Run invites the platform.
func (c *PartnerAddCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	in := api.Invitation{Name: c.Name, Encoding: c.Encoding}
	for _, text := range c.Party {
		g, err := parseGrant(text)
		if err != nil {
			return err
		}
		in.Parties = append(in.Parties, g)
	}
	hub, err := p.hub()
	if err != nil {
		return err
	}
	out, err := hub.Invite(ctx, in)
	if err != nil {
		return err
	}
	return p.printInvited(s, out)
}

func (c *PartnerCmd) printInvited(s Streams, out api.Invited) error {
	return c.print(s, out, func(w io.Writer) {
		fmt.Fprintf(w, "platform\t%s\n", out.ID)
		fmt.Fprintf(w, "versions URL\t%s\n", out.VersionsURL)
		fmt.Fprintf(w, "token\t%s\n", out.TokenA)
		fmt.Fprintf(w, "valid until\t%s\n", out.ExpiresAt.Format(time.RFC3339))
	})
}

// parseGrant reads NL-CP1:CPO or NL-CP1:CPO:Name.
func parseGrant(text string) (api.Grant, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 2 {
		return api.Grant{}, fmt.Errorf("--party %s: want a party, a role and perhaps a name, such as NL-CP1:CPO:Example", text)
	}
	ref, err := parseParty("--party", parts[0])
	if err != nil {
		return api.Grant{}, err
	}
	g := api.Grant{PartyRef: ref, Role: strings.ToUpper(parts[1])}
	if len(parts) == 3 {
		g.Name = parts[2]
	}
	return g, nil
}

func parseParty(flag, text string) (api.PartyRef, error) {
	id, err := ocpi.ParsePartyString(text)
	if err != nil {
		return api.PartyRef{}, fmt.Errorf("%s %s: want a country code and a party id, such as NL-CP1", flag, text)
	}
	return api.PartyRef{CountryCode: id.CountryCode, PartyID: id.ID}, nil
}

// PartnerListCmd lists what is connected.
type PartnerListCmd struct{}

// Help is shown under the usage line.
func (PartnerListCmd) Help() string { return "Example:\n\n  $ eroam partner list" }

// Run lists platforms, then agreements.
func (c *PartnerListCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	platforms, err := hub.Platforms(ctx)
	if err != nil {
		return err
	}
	agreements, err := hub.Agreements(ctx)
	if err != nil {
		return err
	}
	all := struct {
		Platforms  []api.Platform  `json:"platforms"`
		Agreements []api.Agreement `json:"agreements"`
	}{platforms, agreements}
	return p.print(s, all, func(w io.Writer) {
		fmt.Fprintln(w, "PLATFORM\tNAME\tSTATE\tOCPI\tPARTIES")
		for _, q := range platforms {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", q.ID, q.Name, state(q), cmp.Or(q.Version, "-"), parties(q))
		}
		if len(agreements) > 0 {
			fmt.Fprintln(w, "\nAGREEMENT\tCPO\tPROVIDER\tSCOPE")
		}
		for _, g := range agreements {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", g.ID, name(g.CPO), name(g.EMSP), cmp.Or(strings.Join(g.Scope, " "), "everything"))
		}
	})
}

func state(p api.Platform) string {
	if p.Offline {
		return p.State + " (offline)"
	}
	return p.State
}

func parties(p api.Platform) string {
	list := make([]string, len(p.Parties))
	for i, q := range p.Parties {
		list[i] = name(q.PartyRef) + ":" + q.Role
	}
	return strings.Join(list, " ")
}

func name(r api.PartyRef) string { return r.CountryCode + "-" + r.PartyID }
