package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/api/client"
	"github.com/eroam/eroam/ocpi"
)

// LedgerCmd works with the ledger of CDRs: through a running hub, on its database,
// or on files by themselves.
type LedgerCmd struct {
	hubFlags
	PlatformToken     string `env:"EROAM_PLATFORM_TOKEN" help:"In place of the admin token: the credentials token with which a platform calls the hub. It sees its own CDRs only."`
	PlatformTokenFile string `env:"EROAM_PLATFORM_TOKEN_FILE" type:"path" placeholder:"FILE" help:"File with that token."`
	RawToken          bool   `help:"The platform sends its token as it is, not in base64."`
	Party             string `placeholder:"CC-PID" help:"With the token of a platform that has several parties: for which one."`

	Info        LedgerInfoCmd        `cmd:"" help:"Say how the ledger stands, and its verifier key."`
	List        LedgerListCmd        `cmd:"" help:"List CDRs."`
	Show        LedgerShowCmd        `cmd:"" help:"Show a CDR: what was found, its price, its life."`
	Approve     LedgerApproveCmd     `cmd:"" help:"Approve a CDR, which posts it."`
	Dispute     LedgerDisputeCmd     `cmd:"" help:"Dispute a CDR, as its provider."`
	Resolve     LedgerResolveCmd     `cmd:"" help:"End a dispute."`
	Release     LedgerReleaseCmd     `cmd:"" help:"Let a CDR that is held be approved by time."`
	Receipt     LedgerReceiptCmd     `cmd:"" help:"Get the proof that a CDR is in the log."`
	Evidence    LedgerEvidenceCmd    `cmd:"" help:"Get all evidence about a CDR in one file."`
	Checkpoint  LedgerCheckpointCmd  `cmd:"" help:"Get the signed state of the log."`
	Consistency LedgerConsistencyCmd `cmd:"" help:"Get the proof that the log at one checkpoint holds all of an older one."`
	Export      LedgerExportCmd      `cmd:"" help:"Write CDRs or postings as CSV or JSON lines."`

	Verify           LedgerVerifyCmd           `cmd:"" help:"Check the whole database; needs no hub."`
	CheckReceipt     LedgerCheckReceiptCmd     `cmd:"" help:"Check a receipt; needs no hub."`
	CheckEvidence    LedgerCheckEvidenceCmd    `cmd:"" help:"Check a file of evidence and compute the price again; needs no hub."`
	CheckConsistency LedgerCheckConsistencyCmd `cmd:"" help:"Check that one signed state of the log grew out of an older one; needs no hub."`
}

// Help is shown under the usage line.
func (LedgerCmd) Help() string {
	return `Example:

  $ export EROAM_URL=http://127.0.0.1:8080 EROAM_TOKEN=...
  $ eroam ledger list --held
  $ eroam ledger receipt NL CP1 CDR1 -o cdr1.receipt.json
  $ eroam ledger check-receipt cdr1.receipt.json`
}

// hub returns a client for the flags.
func (c *LedgerCmd) hub() (*client.Client, error) {
	token, err := secretOf(c.PlatformToken, c.PlatformTokenFile)
	if err != nil {
		return nil, fmt.Errorf("reading the token of the platform: %w", err)
	}
	if token == "" {
		return c.hubFlags.hub()
	}
	enc := ocpi.EncodingBase64
	if c.RawToken {
		enc = ocpi.EncodingRaw
	}
	return client.NewForPlatform(c.URL, token, enc)
}

// query is a query with what --party says.
func (c *LedgerCmd) query() url.Values {
	q := url.Values{}
	if c.Party != "" {
		q.Set("party", c.Party)
	}
	return q
}

// set adds what is given.
func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setTime(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.Format(time.RFC3339Nano))
	}
}

// cdrArgs name a CDR.
type cdrArgs struct {
	Country string `arg:"" name:"country" help:"Country code of the CPO, such as NL."`
	PartyID string `arg:"" name:"party-id" help:"Party id of the CPO, such as CP1."`
	ID      string `arg:"" name:"id" help:"Id of the CDR, in any letter case."`
}

func (a *cdrArgs) cpo() api.PartyRef {
	return api.PartyRef{CountryCode: strings.ToUpper(a.Country), PartyID: strings.ToUpper(a.PartyID)}
}

// outFlag says where a file goes.
type outFlag struct {
	Output string `short:"o" required:"" placeholder:"FILE" help:"File to write; - is standard output. One that is there is replaced, when all has been written."`
}

// write has fill write the file: all of it or nothing, readable by its owner.
func (o *outFlag) write(s Streams, fill func(io.Writer) error) error {
	if o.Output == "-" {
		return fill(s.Out)
	}
	f, err := os.CreateTemp(filepath.Dir(o.Output), filepath.Base(o.Output)+".part")
	if err != nil {
		return err
	}
	err = fill(f)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), o.Output)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// LedgerInfoCmd says how the ledger stands.
type LedgerInfoCmd struct{}

// Help is shown under the usage line.
func (LedgerInfoCmd) Help() string {
	return `Keep the verifier key when you first see it, and compare it by another way than this hub: every proof is as good as the key.

Example:

  $ eroam ledger info`
}

// Run asks and prints.
func (c *LedgerInfoCmd) Run(ctx context.Context, l *LedgerCmd, s Streams) error {
	hub, err := l.hub()
	if err != nil {
		return err
	}
	out, err := hub.Ledger(ctx)
	if err != nil {
		return err
	}
	return l.print(s, out, func(w io.Writer) {
		fmt.Fprintf(w, "events\t%d\nroot\t%s\nverifier key\t%s\nheld\t%d\nwaiting for delivery\t%d\ndelivery given up\t%d\nopen findings\t%d\n",
			out.Size, out.Root, out.VerifierKey, out.Held, out.Waiting, out.Dead, out.Findings)
		for _, state := range []string{"valid", "presented", "approved", "disputed", "resolved", "refused"} {
			if n := out.States[state]; n > 0 {
				fmt.Fprintf(w, "%s\t%d\n", state, n)
			}
		}
		for _, b := range out.Balances {
			fmt.Fprintf(w, "owed in %s\t%s\n", b.Currency, b.Debit)
		}
	})
}
