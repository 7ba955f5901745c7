package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/eroam/eroam/internal/api"
)

// PartnerPushCmd says what the hub pushes to a party.
type PartnerPushCmd struct {
	Party      string    `arg:"" name:"party" placeholder:"CC-PID:ROLE" help:"The receiver, such as DE-EM1:EMSP."`
	Stop       bool      `xor:"push" help:"Push nothing."`
	Everything bool      `xor:"push" help:"Push everything it is entitled to, at the hub's own pace. The other flags narrow that."`
	Rate       float64   `help:"Most requests per second."`
	InFlight   int       `help:"Most requests at the same time."`
	Countries  []string  `help:"Only objects of owners with these country codes, separated by commas."`
	Parties    []string  `help:"Only objects of these owners, such as NL-CP1, separated by commas."`
	BBox       []float64 `name:"bbox" placeholder:"MIN_LON,MIN_LAT,MAX_LON,MAX_LAT" help:"Only locations in this box, in degrees."`
	Published  bool      `help:"Leave out locations that say publish: false."`
}

// Help is shown under the usage line.
func (PartnerPushCmd) Help() string {
	return `Without flags the settings are shown; with any, they are replaced as a whole.

Examples:

  $ eroam partner push DE-EM1:EMSP
  $ eroam partner push DE-EM1:EMSP --countries NL,DE --rate 20
  $ eroam partner push DE-EM1:EMSP --stop
  $ eroam partner push DE-EM1:EMSP --everything`
}

// Run shows or replaces.
func (c *PartnerPushCmd) Run(ctx context.Context, p *PartnerCmd, s Streams) error {
	party, role, ok := strings.Cut(c.Party, ":")
	ref, err := parseParty("party", party)
	if err == nil && (!ok || role == "") {
		err = fmt.Errorf("party %s: want a role behind it, such as %s:EMSP", c.Party, party)
	}
	if err != nil {
		return err
	}
	hub, err := p.hub()
	if err != nil {
		return err
	}
	in := api.DeliverySettings{
		Rate: c.Rate, InFlight: c.InFlight, Countries: c.Countries, Parties: c.Parties, BBox: c.BBox, PublishOnly: c.Published,
	}
	if c.Stop {
		in.Push = new(bool)
	}
	set := c.Stop || c.Everything || c.Rate != 0 || c.InFlight != 0 || c.Published || len(c.Countries)+len(c.Parties)+len(c.BBox) > 0
	var out api.DeliverySettings
	if set {
		out, err = hub.SetDelivery(ctx, ref, role, in)
	} else {
		out, err = hub.Delivery(ctx, ref, role)
	}
	if err != nil {
		return err
	}
	return p.print(s, out, func(w io.Writer) {
		fmt.Fprintf(w, "push\t%t\n", out.Push == nil || *out.Push)
		for _, line := range []struct {
			name  string
			set   bool
			value any
		}{
			{"requests per second", out.Rate != 0, out.Rate}, {"in flight", out.InFlight != 0, out.InFlight},
			{"countries", len(out.Countries) > 0, strings.Join(out.Countries, " ")},
			{"owners", len(out.Parties) > 0, strings.Join(out.Parties, " ")},
			{"box", len(out.BBox) > 0, out.BBox}, {"published only", out.PublishOnly, true},
		} {
			if line.set {
				fmt.Fprintf(w, "%s\t%v\n", line.name, line.value)
			}
		}
	})
}
