package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/schollz/progressbar/v3"

	"github.com/eroam/eroam/conform"
	"github.com/eroam/eroam/ocpi"
)

// ConformCmd checks whether others keep OCPI.
type ConformCmd struct {
	Hub  ConformHubCmd  `cmd:"" help:"Check a hub: register simulated platforms with it and compare what they send with what arrives."`
	List ConformListCmd `cmd:"" help:"List the checks."`
}

// ConformListCmd prints the table of checks.
type ConformListCmd struct {
	Only []string `placeholder:"ID" help:"Only these ids; F* is a pattern."`
}

// Help is shown under the usage line.
func (ConformListCmd) Help() string { return "Example:\n\n  $ eroam conform list --only 'F*'" }

// Run prints a line for each check.
func (c *ConformListCmd) Run(s Streams) error {
	checks, err := conform.Select(conform.Checks(), c.Only...)
	if err != nil {
		return err
	}
	for _, x := range checks {
		fmt.Fprintf(s.Out, "%s  %-6s  %-12s  %s\n", x.ID, x.Level, x.Ref, x.Title)
	}
	return nil
}

// ConformHubCmd checks a hub.
type ConformHubCmd struct {
	VersionsURL string `name:"versions-url" help:"OCPI versions URL of the hub. Not needed when invitations name it."`

	AdminURL       string `name:"admin-url" help:"URL of an eroam hub, whose admin API then lets the platforms in."`
	AdminToken     string `env:"EROAM_ADMIN_TOKEN" help:"Its admin token. Better in the environment or a file: other users of this machine see the command line."`
	AdminTokenFile string `env:"EROAM_ADMIN_TOKEN_FILE" type:"path" placeholder:"FILE" help:"File with the admin token."`

	Platform  map[string]string `placeholder:"P1=TOKEN_A" help:"For any other hub: the registration token of a platform of the fixture, P1 to P10. Repeat it."`
	Platforms string            `type:"existingfile" placeholder:"FILE" help:"The same as JSON, and spare platforms for checks that need one of their own."`

	Only     []string `placeholder:"ID" help:"Only these checks; F* is a pattern."`
	Format   string   `enum:"text,json" default:"text" help:"How to print the report: ${enum}."`
	Parallel int      `default:"8" help:"Checks at the same time."`

	ForwardTimeout time.Duration `default:"5s" help:"How long the hub waits for a receiver."`
	StillAlive     time.Duration `default:"5m" help:"How long a platform may be silent before the hub asks whether it is there."`
	CommandGrace   time.Duration `default:"60s" help:"How long the hub waits for a late command result before it reports TIMEOUT."`
	MaxWait        time.Duration `default:"20s" help:"Skip checks that would have to wait for longer."`

	ListenHost string `default:"127.0.0.1" help:"Where the simulated platforms listen, on free ports."`
	PublicHost string `help:"What they call themselves in URLs, where that is something else."`
}

// Help is shown under the usage line.
func (ConformHubCmd) Help() string {
	return `Ten simulated platforms register with the hub and exchange messages through it; each check compares
what was sent with what arrived. Exit code 1 when a MUST fails. The fixture:

  P1  NL-CP1 CPO, NL-XXX CPO                 P6   DE-HB2 HUB, with DE-EM9 EMSP, DE-CP9 CPO behind it
  P2  BE-CP2 CPO, BE-EM2 EMSP                P7   SE-STR EMSP, without any agreement
  P3  DE-EM1 EMSP, DE-EM3 EMSP, NL-XXX EMSP  P8   NL-C30 CPO, OCPI 2.3.0
  P4  FR-NS1 NSP                             P9   DE-E30 EMSP, OCPI 2.3.0
  P5  FR-OT1 OTHER                           P10  FR-PT1 PTP, OCPI 2.3.0

An eroam hub lets them in through its admin API. It must be allowed to connect to them
(EROAM_ALLOW_NETWORKS=127.0.0.1/32), and is checked faster with short times:

  $ EROAM_ALLOW_NETWORKS=127.0.0.1/32 EROAM_FORWARD_TIMEOUT=1s EROAM_STILL_ALIVE=1s eroam serve
  $ export EROAM_ADMIN_TOKEN=...
  $ eroam conform hub --admin-url http://127.0.0.1:8080 --forward-timeout 1s --still-alive 1s
  $ eroam conform hub --admin-url http://127.0.0.1:8080 --only E01 --only 'F*' --format json

For any other hub, make the platforms by hand and give their registration tokens; P6 to P10 may be
left out. Checks that need more of the operator are skipped, with the reason:

  $ eroam conform hub --versions-url https://hub.example/ocpi/versions --platforms tokens.json

  {"platforms": {"P1": "TOKEN_A", "P2": "TOKEN_A", "P3": "TOKEN_A", "P4": "TOKEN_A", "P5": "TOKEN_A"},
   "spares": [{"token_a": "TOKEN_A", "roles": [{"country_code": "NL", "party_id": "SP1", "role": "CPO"}]}]}`
}

// Run runs the checks.
func (c *ConformHubCmd) Run(ctx context.Context, s Streams) error {
	operator, err := c.operator()
	if err != nil {
		return err
	}
	checks, err := conform.Select(conform.Checks(), c.Only...)
	if err != nil {
		return err
	}
	bar := progressbar.NewOptions(len(checks), progressbar.OptionSetWriter(s.Err), progressbar.OptionSetDescription("checking"),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetVisibility(isTerminal(s.Err)))
	suite, err := conform.Open(ctx, conform.Options{
		VersionsURL: c.VersionsURL, Operator: operator, Only: c.Only, Parallel: c.Parallel,
		ForwardTimeout: c.ForwardTimeout, StillAlive: c.StillAlive,
		CommandGrace: c.CommandGrace, MaxWait: c.MaxWait,
		ListenHost: c.ListenHost, PublicHost: c.PublicHost,
		Progress: func(r conform.Result) {
			bar.Describe(r.ID)
			_ = bar.Add(1) // only decoration
		},
	})
	if err != nil {
		return err
	}
	defer suite.Close()
	report := suite.Run(ctx)
	_ = bar.Finish()
	if err := ctx.Err(); err != nil {
		return err
	}
	write := report.Text
	if c.Format == "json" {
		write = report.JSON
	}
	if err := write(s.Out); err != nil {
		return err
	}
	if report.Failed() {
		return errors.New("the hub does not keep all rules of level MUST")
	}
	return nil
}

// operator is who lets the platforms in.
func (c *ConformHubCmd) operator() (conform.Operator, error) {
	if c.AdminURL != "" {
		token := c.AdminToken
		if token == "" && c.AdminTokenFile != "" {
			text, err := os.ReadFile(c.AdminTokenFile)
			if err != nil {
				return nil, fmt.Errorf("reading the admin token: %w", err)
			}
			token = strings.TrimSpace(string(text))
		}
		if token == "" {
			return nil, errors.New("the admin token is missing: set EROAM_ADMIN_TOKEN or EROAM_ADMIN_TOKEN_FILE")
		}
		return conform.NewAdmin(c.AdminURL, token), nil
	}
	m := &conform.Manual{VersionsURL: c.VersionsURL, Platforms: map[string]string{}}
	if c.Platforms != "" {
		if err := readPlatforms(c.Platforms, m); err != nil {
			return nil, err
		}
	}
	maps.Copy(m.Platforms, c.Platform)
	switch {
	case len(m.Platforms) == 0:
		return nil, errors.New("who lets the platforms in? Give --admin-url, or --platform for each of P1 to P5")
	case c.VersionsURL == "":
		return nil, errors.New("--versions-url is missing")
	}
	return m, nil
}

// readPlatforms reads the file of --platforms.
func readPlatforms(name string, m *conform.Manual) error {
	text, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return err
	}
	var file struct {
		Platforms map[string]string `json:"platforms"`
		Spares    []struct {
			VersionsURL string `json:"versions_url"`
			TokenA      string `json:"token_a"`
			Roles       []struct {
				CountryCode string    `json:"country_code"`
				PartyID     string    `json:"party_id"`
				Role        ocpi.Role `json:"role"`
			} `json:"roles"`
		} `json:"spares"`
	}
	if err := json.Unmarshal(text, &file, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	maps.Copy(m.Platforms, file.Platforms)
	for i, x := range file.Spares {
		spare := conform.Invited{ID: fmt.Sprintf("spare %d", i+1), VersionsURL: x.VersionsURL, TokenA: x.TokenA}
		for _, r := range x.Roles {
			spare.Roles = append(spare.Roles, conform.Role{CountryCode: r.CountryCode, PartyID: r.PartyID, Role: r.Role})
		}
		m.Spares = append(m.Spares, spare)
	}
	return nil
}

// isTerminal reports whether w shows what is written at once and can redraw it.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
