package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/api/client"
)

// PartnerPullCmd says which lists the hub fetches from a platform.
type PartnerPullCmd struct {
	platformArg
	Modules   []string      `xor:"what" help:"What to fetch: locations, tariffs, tokens, separated by commas."`
	Stop      bool          `xor:"what" help:"Fetch nothing."`
	Parties   []string      `help:"Whose lists to ask for, such as NL-CP1. Default: all parties of the platform."`
	Every     time.Duration `help:"Between two fetches of what has changed. Default: 5m."`
	FullEvery time.Duration `help:"Between two fetches of the whole. Default: 168h."`
	Now       bool          `help:"Fetch what has changed now."`
	Full      bool          `help:"Fetch the whole now."`
	Wait      bool          `help:"With --now or --full: wait until it is fetched."`
}

// Help is shown under the usage line.
func (PartnerPullCmd) Help() string {
	return `For a platform that has lists and does not push. Flags other than --now, --full and --wait replace the settings as a whole.

Examples:

  $ eroam partner pull 4q7xk2m9p1ab --modules locations,tariffs
  $ eroam partner pull 4q7xk2m9p1ab --full --wait
  $ eroam partner pull 4q7xk2m9p1ab --stop`
}

// Run sets and fetches.
func (c *PartnerPullCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	if c.Stop || len(c.Modules) > 0 {
		_, err := hub.Update(ctx, c.ID, api.PlatformChange{Pull: &api.Pull{
			Modules: c.Modules, Parties: c.Parties, EverySeconds: int(c.Every.Seconds()), FullEverySeconds: int(c.FullEvery.Seconds()),
		}})
		if err != nil {
			return err
		}
	} else if len(c.Parties) > 0 || c.Every != 0 || c.FullEvery != 0 {
		return errors.New("--parties, --every and --full-every need --modules")
	}
	if c.Now || c.Full {
		if err := c.fetch(ctx, hub); err != nil {
			return err
		}
	}
	return p.printCrawls(ctx, hub, s, c.ID)
}

// fetch asks for the lists and, with Wait, waits until each was fetched once
// more than before.
func (c *PartnerPullCmd) fetch(ctx context.Context, hub *client.Client) error {
	before, err := crawlsOf(ctx, hub, c.ID)
	if err != nil {
		return err
	}
	if _, err := hub.Crawl(ctx, c.ID, c.Full); err != nil || !c.Wait {
		return err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := crawlsOf(ctx, hub, c.ID)
		if err != nil {
			return err
		}
		left := 0
		for job, j := range now {
			old := before[job].Last
			if j.Active && (j.Last == nil || old != nil && !j.Last.Started.After(old.Started) || c.Full && !j.Last.Full) {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func crawlsOf(ctx context.Context, hub *client.Client, platform string) (map[string]api.Crawl, error) {
	all, err := hub.Crawls(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]api.Crawl{}
	for _, j := range all {
		if platform == "" || j.Platform == platform {
			out[j.Job] = j
		}
	}
	return out, nil
}

func (c *PartnerCmd) printCrawls(ctx context.Context, hub *client.Client, s Streams, platform string) error {
	all, err := hub.Crawls(ctx)
	if err != nil {
		return err
	}
	list := []api.Crawl{}
	for _, j := range all {
		if platform == "" || j.Platform == platform {
			list = append(list, j)
		}
	}
	return c.print(s, list, func(w io.Writer) {
		fmt.Fprintln(w, "LIST\tSTATE\tKIND\tPAGES\tOBJECTS\tTAKEN\tREFUSED\tFOREIGN\tMISSING\tREMOVED\tERROR")
		for _, j := range list {
			state, run := "waiting", j.Last
			switch {
			case j.Running != nil:
				state, run = "running", j.Running
			case !j.Active:
				state = "off"
			}
			if run == nil {
				fmt.Fprintf(w, "%s\t%s\n", j.Job, state)
				continue
			}
			kind, reason := "delta", run.Error
			if run.Full {
				kind = "full"
			}
			if j.Error != "" {
				reason = j.Error
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", j.Job, state, kind, run.Pages, run.Objects, run.Taken,
				run.Refused, run.Foreign, run.Missing, run.Removed, reason)
			for _, p := range run.Problems {
				fmt.Fprintf(w, "  %s %s\n", p.Object, p.Message)
			}
		}
	})
}

// PartnerCrawlsCmd lists the lists that are fetched.
type PartnerCrawlsCmd struct{}

// Help is shown under the usage line.
func (PartnerCrawlsCmd) Help() string { return "Example:\n\n  $ eroam partner crawls" }

// Run lists.
func (c *PartnerCrawlsCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	hub, err := p.hub()
	if err != nil {
		return err
	}
	return p.printCrawls(ctx, hub, s, "")
}
