package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eroam/eroam/sim"
)

// kept is what must survive the death of the hub.
type kept struct {
	commands int // were accepted before the hub was killed and answered after
	statuses int // changes that were published while it was killed
	away     time.Duration
}

// heldCommands is how many commands wait for their results while the hub is
// killed, and changes how many EVSE states are published meanwhile.
const (
	heldCommands = 5
	changes      = 120
)

// killAndRestart kills the hub while commands wait for their results and
// broadcasts are on their way, starts it again, and checks that the results
// arrive. That no broadcast was lost is seen when everything has settled.
func (d *Demo) killAndRestart(ctx context.Context) {
	stage := d.opt.Progress.Stage("killing the hub", 0)
	release, commands := d.holdCommands(ctx)
	defer release()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i, change := range d.someChanges() {
		wg.Go(func() {
			if err := change(ctx); err != nil {
				d.problem("a status change was not acknowledged: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			d.kept.statuses++
		})
		if i == changes/3 { // some before, some while it is away
			time.Sleep(5 * time.Millisecond)
			d.hub.kill()
		}
	}
	began := time.Now()
	if err := d.hub.start(ctx); err != nil {
		d.problem("starting the hub again: %v", err)
		return
	}
	d.kept.away = time.Since(began)
	release()
	for _, cmd := range commands {
		wctx, cancel := context.WithTimeout(ctx, commandLimit)
		if res, err := cmd.Wait(wctx); err != nil {
			d.problem("%s to %s was accepted before the hub was killed, its result did not arrive: %v", cmd.Kind, cmd.Operator, err)
		} else if res != accepted {
			d.problem("%s to %s: %s", cmd.Kind, cmd.Operator, res)
		} else {
			d.kept.commands++
		}
		cancel()
	}
	wg.Wait()
	stage.Done(fmt.Sprintf("back after %.1f s; %d waiting commands answered, %d status changes published",
		d.kept.away.Seconds(), d.kept.commands, d.kept.statuses))
}

// holdCommands sends commands to an operator who holds their results back until
// release is called.
func (d *Demo) holdCommands(ctx context.Context) (release func(), commands []*sim.Command) {
	n := d.spare[0]
	release = d.cpos[n.platform].HoldResults()
	for i := range heldCommands {
		place := n.places[changes+i]
		place.Connector = "1"
		cmd, err := d.emsps[i%len(d.emsps)].Unlock(ctx, place)
		if err != nil || cmd.Response != accepted {
			d.problem("UNLOCK_CONNECTOR at %s: %v", name(place), err)
			continue
		}
		commands = append(commands, cmd)
	}
	return release, commands
}

// someChanges puts spare EVSEs of all networks out of order.
func (d *Demo) someChanges() []func(context.Context) error {
	var out []func(context.Context) error
	for i := 0; len(out) < changes && i < changes; i++ {
		for _, n := range d.spare {
			if i < len(n.places) && len(out) < changes {
				out = append(out, func(ctx context.Context) error {
					return d.cpos[n.platform].SetStatus(ctx, n.places[i], sim.OutOfOrder)
				})
			}
		}
	}
	return out
}
