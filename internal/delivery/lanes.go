package delivery

import (
	"context"
	"slices"
	"strings"
)

// Lanes returns the state of the lanes of this process, in order of their names.
func (d *Delivery) Lanes() []LaneState {
	var out []LaneState
	for _, l := range d.running() {
		s := l.snapshotState()
		s.Behind = max(0, d.tail.position()-s.Cursor)
		out = append(out, s)
	}
	sortLanes(out)
	return out
}

func sortLanes(lanes []LaneState) {
	slices.SortFunc(lanes, func(a, b LaneState) int { return strings.Compare(a.Lane, b.Lane) })
}

// AllLanes returns the same with the number of dead letters as people have left
// it, and in addition, where several processes share the database, what the
// database says of the lanes of the others: the cursor, up to a second old, and
// who has the lane.
func (d *Delivery) AllLanes(ctx context.Context) ([]LaneState, error) {
	out, err := d.allLanes(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := d.o.Store.LetterCounts(ctx)
	if err != nil {
		return nil, err
	}
	waiting := make(map[string]int, len(counts))
	for _, c := range counts {
		waiting[c.Lane] += c.Count
	}
	for i := range out {
		out[i].DeadLetters = waiting[out[i].Lane]
	}
	return out, nil
}

func (d *Delivery) allLanes(ctx context.Context) ([]LaneState, error) {
	out := d.Lanes()
	if !d.o.Store.Shared() {
		return out, nil
	}
	mine := make(map[string]bool, len(out))
	for _, s := range out {
		mine[s.Lane] = true
	}
	head, err := d.o.Store.Seq(ctx)
	if err != nil {
		return nil, err
	}
	cursors, err := d.o.Store.Cursors(ctx)
	if err != nil {
		return nil, err
	}
	holders, err := d.holders(ctx)
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Node = holders[out[i].Lane]
	}
	for _, pl := range d.o.Registry.Snapshot().Platforms() {
		for _, p := range pl.Parties {
			id := laneID{pl.ID, p.ID, p.Role}
			name := id.String()
			if !receives(p) || mine[name] {
				continue
			}
			s := LaneState{
				Lane: name, Receiver: id.party, Role: id.role, Platform: id.platform,
				State: LaneElsewhere, Cursor: cursors[name], Node: holders[name],
			}
			if s.Node == "" {
				s.State = LaneWaiting
			}
			s.Behind = max(0, head-s.Cursor)
			out = append(out, s)
		}
	}
	sortLanes(out)
	return out, nil
}

// holders returns the names of the nodes that have lanes, by lane.
func (d *Delivery) holders(ctx context.Context) (map[string]string, error) {
	nodes, _, err := d.o.Store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string, len(nodes))
	for _, n := range nodes {
		names[n.ID] = n.Name
	}
	leases, err := d.o.Store.Leases(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(leases))
	for _, l := range leases {
		if l.Kind == laneJobs {
			out[l.Name] = names[l.Node]
		}
	}
	return out, nil
}
