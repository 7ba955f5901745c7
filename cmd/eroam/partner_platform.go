package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/api"
)

// platformArg is the argument of the commands for one platform.
type platformArg struct {
	ID string `arg:"" name:"platform" help:"Id of the platform, as add and list print it."`
}

// PartnerShowCmd shows one platform.
type PartnerShowCmd struct{ platformArg }

// Help is shown under the usage line.
func (PartnerShowCmd) Help() string { return "Example:\n\n  $ eroam partner show 4q7xk2m9p1ab" }

// Run shows the platform.
func (c *PartnerShowCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	out, err := hub.Platform(ctx, c.ID)
	if err != nil {
		return err
	}
	return p.printPlatform(s, out)
}

func (c *PartnerCmd) printPlatform(s Streams, out api.Platform) error {
	return c.print(s, out, func(w io.Writer) {
		fmt.Fprintf(w, "platform\t%s\nname\t%s\nstate\t%s\n", out.ID, out.Name, state(out))
		fmt.Fprintf(w, "OCPI\t%s\nversions URL\t%s\ntokens\t%s\n", out.Version, out.VersionsURL, out.Encoding)
		for _, q := range out.Parties {
			fmt.Fprintf(w, "party\t%s %s %s %s\n", name(q.PartyRef), q.Role, q.Status, q.Name)
		}
		for _, e := range out.Endpoints {
			fmt.Fprintf(w, "endpoint\t%s %s %s\n", e.Module, e.Interface, e.URL)
		}
	})
}

// PartnerInviteCmd makes a new registration token.
type PartnerInviteCmd struct{ platformArg }

// Help is shown under the usage line.
func (PartnerInviteCmd) Help() string {
	return "Earlier registration tokens of the platform end.\n\nExample:\n\n  $ eroam partner invite 4q7xk2m9p1ab"
}

// Run makes the token.
func (c *PartnerInviteCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	out, err := hub.Reinvite(ctx, c.ID)
	if err != nil {
		return err
	}
	return p.printInvited(s, out)
}

// PartnerConnectCmd has the hub start the handshake.
type PartnerConnectCmd struct {
	platformArg
	VersionsURL string `required:"" help:"Versions URL that the platform gave."`
	TokenAFile  string `name:"token-a-file" default:"-" type:"path" placeholder:"FILE" help:"File with the token that the platform gave; - is standard input."`
}

// Help is shown under the usage line.
func (PartnerConnectCmd) Help() string {
	return "Example:\n\n  $ eroam partner connect 4q7xk2m9p1ab --versions-url https://cpo.example.com/ocpi/versions < token-a"
}

// errNotConnected is the outcome of a handshake that did not succeed.
var errNotConnected = errors.New("the platform is not connected")

// Run connects.
func (c *PartnerConnectCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	token, err := readToken(c.TokenAFile)
	if err != nil {
		return err
	}
	out, err := hub.Connect(ctx, c.ID, c.VersionsURL, token)
	if err != nil {
		return err
	}
	err = p.print(s, out, func(w io.Writer) {
		fmt.Fprintf(w, "state\t%s\nOCPI\t%s\n", out.Status, out.Version)
		if len(out.Missing) > 0 {
			fmt.Fprintf(w, "not offered\t%s\n", strings.Join(out.Missing, " "))
		}
		if len(out.Ignored) > 0 {
			fmt.Fprintf(w, "not granted\t%s\n", strings.Join(out.Ignored, ", "))
		}
	})
	if err == nil && out.Message != "" {
		err = fmt.Errorf("%w: %s", errNotConnected, out.Message)
	}
	return err
}

// maxToken bounds what is read of a token file, in bytes.
const maxToken = 4096

func readToken(file string) (string, error) {
	r := io.Reader(os.Stdin)
	if file != "-" && file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", fmt.Errorf("reading the platform's token: %w", err)
		}
		defer f.Close()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(r, maxToken))
	if err != nil {
		return "", fmt.Errorf("reading the platform's token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// PartnerRotateCmd replaces the tokens.
type PartnerRotateCmd struct{ platformArg }

// Help is shown under the usage line.
func (PartnerRotateCmd) Help() string {
	return "The old tokens stay valid until the new ones are first used, 24 hours at most.\n\nExample:\n\n  $ eroam partner rotate 4q7xk2m9p1ab"
}

// Run rotates.
func (c *PartnerRotateCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	out, err := hub.Rotate(ctx, c.ID)
	if err != nil {
		return err
	}
	return p.printPlatform(s, out)
}

// PartnerSuspendCmd stops a platform or lets it go on.
type PartnerSuspendCmd struct {
	platformArg
	Resume bool `help:"Let it go on."`
}

// Help is shown under the usage line.
func (PartnerSuspendCmd) Help() string {
	return "Nothing is relayed from or to a suspended platform; its data is kept.\n\nExamples:\n\n  $ eroam partner suspend 4q7xk2m9p1ab\n  $ eroam partner suspend 4q7xk2m9p1ab --resume"
}

// Run suspends or resumes.
func (c *PartnerSuspendCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	stop := !c.Resume
	out, err := hub.Update(ctx, c.ID, api.PlatformChange{Suspended: &stop})
	if err != nil {
		return err
	}
	return p.printPlatform(s, out)
}

// PartnerRemoveCmd removes a platform.
type PartnerRemoveCmd struct{ platformArg }

// Help is shown under the usage line.
func (PartnerRemoveCmd) Help() string {
	return "Its tokens end at once and its parties can be granted to another platform; agreements stay.\n\nExample:\n\n  $ eroam partner remove 4q7xk2m9p1ab"
}

// Run removes.
func (c *PartnerRemoveCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	if err := hub.Remove(ctx, c.ID); err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "removed %s\n", c.ID)
	return nil
}

// PartnerAgreeCmd makes, replaces or ends an agreement.
type PartnerAgreeCmd struct {
	ID    string    `arg:"" name:"agreement" help:"Id of the agreement: your choice."`
	CPO   string    `name:"cpo" placeholder:"CC-PID" help:"The operator of stations."`
	EMSP  string    `name:"emsp" placeholder:"CC-PID" help:"The provider."`
	Scope []string  `help:"Module ids, authorize and reservations, separated by commas. Default: everything."`
	From  time.Time `help:"Valid from, such as 2026-01-01T00:00:00Z. Default: at once."`
	To    time.Time `help:"Valid until, exclusive. Default: without end."`
	End   bool      `help:"End the agreement now."`
}

// Help is shown under the usage line.
func (PartnerAgreeCmd) Help() string {
	return `Examples:

  $ eroam partner agree cp1-em1 --cpo NL-CP1 --emsp DE-EM1
  $ eroam partner agree cp1-em1 --cpo NL-CP1 --emsp DE-EM1 --scope locations,tariffs --to 2027-01-01T00:00:00Z
  $ eroam partner agree cp1-em1 --end`
}

// Run puts or deletes.
func (c *PartnerAgreeCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	if c.End {
		if err := hub.DeleteAgreement(ctx, c.ID); err != nil {
			return err
		}
		fmt.Fprintf(s.Out, "ended %s\n", c.ID)
		return nil
	}
	if c.CPO == "" || c.EMSP == "" {
		return errors.New("an agreement needs --cpo and --emsp")
	}
	terms := api.Terms{Scope: c.Scope}
	if terms.CPO, err = parseParty("--cpo", c.CPO); err != nil {
		return err
	}
	if terms.EMSP, err = parseParty("--emsp", c.EMSP); err != nil {
		return err
	}
	if !c.From.IsZero() {
		terms.ValidFrom = &c.From
	}
	if !c.To.IsZero() {
		terms.ValidTo = &c.To
	}
	out, err := hub.PutAgreement(ctx, c.ID, terms)
	if err != nil {
		return err
	}
	return p.print(s, out, func(w io.Writer) {
		fmt.Fprintf(w, "agreement\t%s\ncpo\t%s\nprovider\t%s\n", out.ID, name(out.CPO), name(out.EMSP))
	})
}
