package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
)

// settleLimit is how long the last sessions, bills and broadcasts may take.
const settleLimit = 90 * time.Second

// settle waits until all sessions have ended, all bills have arrived and every
// provider has the last state of every station.
func (d *Demo) settle(ctx context.Context) error {
	total := 0
	for _, c := range d.cpos {
		total += len(c.Sessions())
	}
	stage := d.opt.Progress.Stage("settling", 0)
	began := time.Now()
	wctx, cancel := context.WithTimeout(ctx, settleLimit)
	defer cancel()
	for i, c := range d.cpos {
		if err := c.Wait(wctx); err != nil {
			d.problem("%s: sessions have not ended: %v", d.platforms[i].name, err)
		}
	}
	left := settleLimit - time.Since(began)
	d.waitFor(ctx, max(left, time.Second), func() bool { return d.billsArrived() && len(d.staleSites(1)) == 0 })
	stage.Done(fmt.Sprintf("%d sessions billed after %.1f s", total, time.Since(began).Seconds()))
	return ctx.Err()
}

func (d *Demo) billsArrived() bool {
	want, got := 0, 0
	for _, c := range d.cpos {
		want += len(c.Sessions())
	}
	for _, e := range d.emsps {
		got += e.Received().CDRs
	}
	return got >= want
}

// staleSites returns what is not at a provider as the operator last published it,
// up to limit descriptions.
func (d *Demo) staleSites(limit int) []string {
	var out []string
	for _, c := range d.cpos {
		for _, s := range c.Sites() {
			if !s.Acknowledged {
				out = append(out, fmt.Sprintf("the hub has not acknowledged the last state of %s/%s", s.Operator, s.Site.ID))
			}
			for _, e := range d.emsps {
				if why := compare(s, e); why != "" {
					out = append(out, fmt.Sprintf("%s/%s at %s: %s", s.Operator, s.Site.ID, e.Name(), why))
				}
			}
			if len(out) >= limit {
				return out
			}
		}
	}
	return out
}

// compare says how the copy of a provider differs from the site, "" where it does
// not.
func compare(s sim.SiteState, e *sim.EMSP) string {
	l, ok := e.Location(s.Operator, s.Site.ID)
	switch {
	case !ok:
		return "missing"
	case l.LastUpdated != ocpi.NewDateTime(s.Site.Updated):
		return fmt.Sprintf("last updated %s, should be %s", l.LastUpdated, ocpi.NewDateTime(s.Site.Updated))
	case len(l.EVSEs) != len(s.Site.EVSEs):
		return fmt.Sprintf("%d EVSEs, should be %d", len(l.EVSEs), len(s.Site.EVSEs))
	}
	for i, evse := range s.Site.EVSEs {
		if got := l.EVSEs[i]; got.UID != evse.UID || string(got.Status) != string(evse.Status) {
			return fmt.Sprintf("EVSE %s is %s, should be %s", got.UID, got.Status, evse.Status)
		}
	}
	return ""
}
