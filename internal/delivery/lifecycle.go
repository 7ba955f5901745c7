package delivery

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
)

const (
	superviseEvery = 200 * time.Millisecond
	persistEvery   = time.Second
	tidyEvery      = time.Minute
	// endWait is how long lanes that end with the process wait for what is in
	// flight; what takes longer is sent again by whoever has the lane next.
	endWait = time.Second
	// endTime bounds the last write of the cursors.
	endTime = 5 * time.Second
	// claimAtOnce bounds how many cursors one write claims.
	claimAtOnce = 256
)

// The kinds of jobs that processes share: a lane each, and tidying the cursors.
const (
	laneJobs = "lane"
	tidyJobs = "lane tidying"
	tidyJob  = "cursors"
)

// cycle is what supervise remembers; nobody else uses it.
type cycle struct {
	adopted *party.Snapshot
	wanted  map[string]laneID // lanes that there are to be, by name
	known   map[string]bool   // lanes of parties that exist
	tidied  bool              // no cursor is of a lane that is not known
	redo    bool              // something could not be done

	stored    map[*lane]reach // as in the database
	departing map[*lane]bool  // lanes that end when nothing is in flight
}

// supervise keeps the lanes in step with the registry and with what this process
// holds, until ctx ends.
func (d *Delivery) supervise(ctx context.Context) {
	look := time.NewTicker(superviseEvery)
	defer look.Stop()
	save := time.NewTicker(persistEvery)
	defer save.Stop()
	tidy := time.NewTicker(tidyEvery)
	defer tidy.Stop()
	c := &d.cycle
	c.stored, c.departing = make(map[*lane]reach), make(map[*lane]bool)
	for {
		changed := d.o.Lease.Changed()
		d.adopt(ctx)
		for wait := true; wait; {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				wait = false
			case <-look.C:
				d.seeOff(ctx)
				wait = !c.redo && c.adopted == d.o.Registry.Snapshot()
			case <-save.C:
				d.persist(ctx, d.running())
			case <-tidy.C:
				c.tidied, wait = false, false
			}
		}
	}
}

// adopt starts and ends lanes as the registry and the lease demand.
func (d *Delivery) adopt(ctx context.Context) {
	c := &d.cycle
	c.redo = false
	d.follow(d.o.Registry.Snapshot())
	held := d.o.Lease.Held(laneJobs)
	now := time.Now()
	var lost, ended []*lane
	for name, l := range d.running() {
		_, wanted := c.wanted[name]
		switch g, ok := held[name]; {
		case ok && g.Epoch != l.charge.epoch, !ok && over(l.charge.until(), now):
			lost = append(lost, l)
		case !wanted:
			ended = append(ended, l)
		case !ok && !c.departing[l]:
			c.departing[l] = true
			l.leave.Store(true)
			l.wake()
		}
	}
	d.drop(lost)
	d.stop(ctx, ended)
	running := d.running()
	var begin []charge
	for name, g := range held {
		if id, wanted := c.wanted[name]; !wanted {
			d.o.Lease.Release(laneJobs, name)
		} else if running[name] == nil {
			begin = append(begin, charge{id: id, epoch: g.Epoch, until: g.Until})
		}
	}
	for some := range slices.Chunk(begin, claimAtOnce) {
		d.start(ctx, some)
	}
	d.tidy(ctx)
}

// follow takes over what s says, once.
func (d *Delivery) follow(s *party.Snapshot) {
	c := &d.cycle
	if s == c.adopted {
		return
	}
	known := make(map[string]bool)
	c.wanted = make(map[string]laneID)
	for _, pl := range s.Platforms() {
		for _, p := range pl.Parties {
			id := laneID{pl.ID, p.ID, p.Role}
			name := id.String()
			known[name] = true
			if receives(p) {
				c.wanted[name] = id
			}
		}
	}
	old := c.adopted
	c.adopted = s
	for name := range c.known {
		c.tidied = c.tidied && known[name] // one that came has no cursor that is to go
	}
	c.known = known
	d.o.Lease.Share(laneJobs, slices.Collect(maps.Keys(c.wanted)))
	d.o.Lease.Share(tidyJobs, []string{tidyJob})
	// What did not change is the same in both snapshots: a registration among
	// thousands wakes no other lane.
	all := old == nil || !slices.Equal(old.Agreements(), s.Agreements())
	for _, l := range d.running() {
		if all || old.Platform(l.id.platform) != s.Platform(l.id.platform) {
			l.wake()
		}
	}
}

// running returns the lanes of this process by name, those that depart too.
func (d *Delivery) running() map[string]*lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.lanes)
}

// start claims the cursors of lanes and sets the lanes to work from there. From
// then on no earlier holder can move them.
func (d *Delivery) start(ctx context.Context, charges []charge) {
	blank := d.tail.position()
	claimed := make([]bool, len(charges))
	err := d.o.Store.Write(ctx, func(tx *store.Tx) error {
		for i := range charges {
			c := &charges[i]
			at, ok, err := tx.ClaimCursor(c.id.String(), blank, c.epoch)
			if err != nil {
				return err
			}
			c.cursor, c.level, c.blank, claimed[i] = at.Seq, at.Level, at.Blank, ok
			if c.standing, err = readStanding(at.Grants); err != nil {
				d.log.Error("a receiver is sent everything again", "party", c.id.party.String(), "err", err)
			}
		}
		return nil
	})
	if err != nil {
		d.cycle.redo = true
		if ctx.Err() == nil {
			d.log.Warn("cannot claim the cursors of lanes", "lanes", len(charges), "err", err)
		}
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, c := range charges {
		if !claimed[i] {
			continue // a later holder has it: the lease will say so
		}
		l := d.newLane(c)
		d.lanes[l.name] = l
		d.cycle.stored[l] = l.reach
		// Lanes end when they are told to, not with ctx.
		var run context.Context
		run, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
		l.begin(run)
	}
}

// drop ends lanes that are no longer this process's, at once and without a trace.
func (d *Delivery) drop(lanes []*lane) {
	for _, l := range lanes {
		l.cancel()
	}
	for _, l := range lanes {
		<-l.stopped
		d.remove(l)
	}
	if len(lanes) > 0 {
		d.log.Warn("lanes were lost to another process", "lanes", len(lanes))
	}
}

// remove forgets a lane that has ended. Where it was only lost, a later grant is
// not released.
func (d *Delivery) remove(l *lane) {
	d.mu.Lock()
	delete(d.lanes, l.name)
	d.mu.Unlock()
	delete(d.cycle.stored, l)
	delete(d.cycle.departing, l)
	d.cycle.redo = true // it may have to begin again
	if g, ok := d.o.Lease.Held(laneJobs)[l.name]; !ok || g.Epoch == l.charge.epoch {
		d.o.Lease.Release(laneJobs, l.name)
	}
}

// stop ends lanes, stores how far they came, and releases them.
func (d *Delivery) stop(ctx context.Context, lanes []*lane) {
	if len(lanes) == 0 {
		return
	}
	for _, l := range lanes {
		l.cancel()
	}
	ended := make(map[string]*lane, len(lanes))
	for _, l := range lanes {
		<-l.stopped
		ended[l.name] = l
	}
	d.persist(ctx, ended)
	for _, l := range lanes {
		d.remove(l)
	}
}

// seeOff releases the departing lanes that have ended.
func (d *Delivery) seeOff(ctx context.Context) {
	var ended []*lane
	for l := range d.cycle.departing {
		select {
		case <-l.stopped:
			ended = append(ended, l)
		default:
		}
	}
	d.stop(ctx, ended)
}

// end stops all lanes, when Run ends.
func (d *Delivery) end() {
	all := slices.Collect(maps.Values(d.running()))
	for _, l := range all {
		if !d.cycle.departing[l] {
			l.leave.Store(true)
			l.wake()
		}
	}
	wait := time.NewTimer(endWait)
	defer wait.Stop()
	for _, l := range all {
		select {
		case <-l.stopped:
			continue
		case <-wait.C:
		}
		break
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	d.stop(ctx, all)
}

// persist stores the cursors that moved, and what goes with them. What is not
// stored is sent again after a restart. A lane whose cursor belongs to another
// process by now is cancelled.
func (d *Delivery) persist(ctx context.Context, lanes map[string]*lane) {
	moved := make(map[*lane]reach)
	var moves []store.CursorMove
	for _, l := range lanes {
		r, old := l.reached(), d.cycle.stored[l]
		if r == old {
			continue
		}
		m := store.CursorMove{Lane: l.name, Epoch: l.charge.epoch, Seq: r.cursor, Level: r.level}
		if r.standing != old.standing {
			var err error
			if m.Grants, err = r.standing.encode(); err != nil {
				d.log.Error("cannot store the cursor of a lane", "party", l.to, "err", err)
				continue
			}
		}
		moved[l], moves = r, append(moves, m)
	}
	if len(moves) == 0 {
		return
	}
	var lost []string
	err := d.o.Store.Write(ctx, func(tx *store.Tx) (err error) {
		lost, err = tx.MoveCursors(moves)
		return err
	})
	if err != nil {
		d.log.Warn("cannot store the cursors of the lanes", "lanes", len(moves), "err", err)
		return
	}
	maps.Copy(d.cycle.stored, moved)
	for _, name := range lost {
		l := lanes[name]
		l.cancel()
		d.cycle.departing[l] = true // seeOff finds it; adopt begins anew where it still is ours
	}
}

// tidy drops the cursors of parties that are no longer in the hub, where that is
// the job of this process.
func (d *Delivery) tidy(ctx context.Context) {
	c := &d.cycle
	if _, mine := d.o.Lease.Held(tidyJobs)[tidyJob]; !mine {
		d.o.Lease.Release(tidyJobs, tidyJob)
		return
	}
	if c.tidied {
		return
	}
	cursors, err := d.o.Store.Cursors(ctx)
	if err == nil {
		maps.DeleteFunc(cursors, func(name string, _ int64) bool { return c.known[name] })
		if len(cursors) > 0 {
			err = d.o.Store.Write(ctx, func(tx *store.Tx) error {
				// A party that another process has just added must keep its.
				if err := tx.CheckRegistry(c.adopted.Revision); err != nil {
					return err
				}
				for name := range cursors {
					if err := tx.DeleteCursor(name); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	c.tidied = err == nil
	if err != nil && ctx.Err() == nil {
		d.log.Warn("cannot delete the cursors of parties that left", "lanes", len(cursors), "err", err)
	}
}
