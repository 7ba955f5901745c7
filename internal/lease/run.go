package lease

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/store"
)

// looksPerBeat is how often a process looks at the others while it beats once.
const looksPerBeat = 10

// takeAtOnce bounds how many jobs one transaction takes.
const takeAtOnce = 500

// loop is what Run remembers.
type loop struct {
	beaten   time.Time           // when the last beat began that succeeded
	looked   time.Time           // when the others were last read
	seen     map[string]sighting // of all nodes
	revision int64               // of the leases when they were last settled
	failing  bool
}

// sighting is a beat and when it was first seen.
type sighting struct {
	beat int64
	at   time.Time
}

// Run keeps this process among the others until ctx ends, and leaves them then.
// Whoever has jobs must have stopped before.
func (n *Node) Run(ctx context.Context) error {
	if n.alone {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(n.o.Beat / looksPerBeat)
	defer tick.Stop()
	defer n.leave(context.WithoutCancel(ctx))
	for {
		err := n.round(ctx)
		if ctx.Err() != nil {
			return nil
		}
		n.report(err)
		select {
		case <-ctx.Done():
			return nil
		case <-n.wake:
		case <-tick.C:
		}
	}
}

// report logs a failure when it begins and when it ends.
func (n *Node) report(err error) {
	failing := err != nil
	if failing {
		n.metrics.failures.Inc()
	}
	if failing && !n.loop.failing {
		n.log.Error("out of touch with the other processes", "err", err)
	} else if !failing && n.loop.failing {
		n.log.Info("in touch with the other processes again")
	}
	n.loop.failing = failing
}

// round does what is due: join, beat, look at the others, take and give jobs.
func (n *Node) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.o.Life/3)
	defer cancel()
	id, err := n.join(ctx)
	if err != nil {
		return err
	}
	if time.Since(n.loop.beaten) >= n.o.Beat {
		if err := n.beat(ctx, id); err != nil {
			return err
		}
	}
	if err := n.endReleased(ctx); err != nil {
		return err
	}
	nodes, revision, err := n.look(ctx, id)
	if err != nil {
		return err
	}
	if nodes == nil || !n.unsettled(revision) {
		return nil
	}
	return n.settle(ctx, id, nodes, revision)
}

// join makes this process a new node, unless it is one.
func (n *Node) join(ctx context.Context) (id string, err error) {
	if id = n.ID(); id != "" {
		return id, nil
	}
	began := time.Now()
	t := &term{id: strings.ToLower(rand.Text()[:12])}
	if err := n.o.Store.JoinNode(ctx, store.Node{ID: t.id, Place: n.o.Place, Name: n.o.Name}); err != nil {
		return "", err
	}
	n.extend(t, began)
	n.loop = loop{beaten: began, seen: map[string]sighting{}, failing: n.loop.failing}
	n.mu.Lock()
	n.term = t
	n.mu.Unlock()
	n.log.Info("joined the processes that share the database", "node", t.id, "name", n.o.Name)
	return t.id, nil
}

// extend lets the grants of t hold until Life after the beginning of a beat, less
// what clocks may differ in their speed.
func (n *Node) extend(t *term, began time.Time) {
	until := began.Add(n.o.Life - n.o.Life/24)
	t.until.Store(&until)
}

func (n *Node) beat(ctx context.Context, id string) error {
	began := time.Now()
	switch err := n.o.Store.BeatNode(ctx, id); {
	case errors.Is(err, store.ErrGone):
		n.lose(err)
		return err
	case err != nil:
		return err
	}
	n.mu.Lock()
	t := n.term
	n.mu.Unlock()
	n.extend(t, began)
	n.loop.beaten = began
	return nil
}

// endReleased ends in the database what was released.
func (n *Node) endReleased(ctx context.Context) error {
	n.mu.Lock()
	ended := n.ended
	n.ended = nil
	n.mu.Unlock()
	if len(ended) == 0 {
		return nil
	}
	err := n.o.Store.EndLeases(ctx, ended)
	if err != nil {
		n.mu.Lock()
		n.ended = append(n.ended, ended...)
		n.mu.Unlock()
	}
	return err
}

// look reads the nodes and buries those that stand still. It returns the living
// ones, with this one; nil when this one is not among them.
func (n *Node) look(ctx context.Context, id string) ([]store.Node, int64, error) {
	began := time.Now()
	nodes, revision, err := n.o.Store.Nodes(ctx)
	if err != nil {
		return nil, 0, err
	}
	now := time.Now()
	if began.Sub(n.loop.looked) > n.o.Life/2 {
		clear(n.loop.seen) // what stood still may have been this process, or the database
	}
	n.loop.looked = now
	seen := make(map[string]sighting, len(nodes))
	living := make([]store.Node, 0, len(nodes))
	for _, other := range nodes {
		s, known := n.loop.seen[other.ID]
		if !known || s.beat != other.Beat {
			s = sighting{other.Beat, now}
		}
		if other.ID != id && began.Sub(s.at) >= n.o.Life {
			buried, err := n.o.Store.BuryNode(ctx, other.ID, other.Beat)
			if err != nil {
				return nil, 0, err
			}
			if buried {
				n.log.Warn("another process is dead: its jobs are given to others", "node", other.ID, "name", other.Name)
				revision = 0 // it has changed
				continue
			}
		}
		seen[other.ID] = s
		living = append(living, other)
	}
	n.loop.seen = seen
	if _, here := seen[id]; !here {
		n.lose(errMissing)
		n.poke()
		return nil, 0, nil
	}
	return living, revision, nil
}

// unsettled reports whether jobs may have to be taken or given.
func (n *Node) unsettled(revision int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dirty || revision != n.loop.revision
}

// settle compares who has which job with who is to have it. It gives away what
// others are to have, and takes what is free.
func (n *Node) settle(ctx context.Context, id string, nodes []store.Node, revision int64) error {
	leases, err := n.o.Store.Leases(ctx)
	if err != nil {
		return err
	}
	free := n.divide(id, nodes, leases)
	for jobs := range slices.Chunk(free, takeAtOnce) {
		taken, err := n.o.Store.TakeLeases(ctx, id, jobs)
		if errors.Is(err, store.ErrGone) {
			n.lose(err)
		}
		if err != nil {
			return err // what was taken nevertheless is found the next time
		}
		n.mu.Lock()
		for _, l := range taken {
			n.held[job{l.Kind, l.Name}] = &holding{epoch: l.Epoch}
		}
		n.broadcast()
		n.mu.Unlock()
	}
	n.loop.revision = revision
	return nil
}

// divide marks what is to be given away, and returns what is free and this
// process's to take.
func (n *Node) divide(id string, nodes []store.Node, leases []store.Lease) (free []store.Lease) {
	var ring []string
	for _, other := range nodes {
		if !other.Leaving {
			ring = append(ring, other.ID)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dirty = false
	taken := make(map[job]bool, len(leases))
	for _, l := range leases {
		j := job{l.Kind, l.Name}
		taken[j] = true
		if l.Node == id && n.held[j] == nil && !slices.Contains(n.ended, l) {
			n.held[j] = &holding{epoch: l.Epoch} // it was not known that it was taken
			n.broadcast()
		}
	}
	for j, h := range n.held {
		if !h.going && (n.retired || !n.shared[j.kind][j.name] || chosen(ring, j) != id) {
			n.give(j, h)
		}
	}
	for kind, names := range n.shared {
		for name := range names {
			if j := (job{kind, name}); !taken[j] && !n.retired && chosen(ring, j) == id {
				free = append(free, store.Lease{Kind: kind, Name: name})
			}
		}
	}
	return free
}

// give marks a job to be released, and releases it itself where nobody has seen
// it yet. n.mu is held.
func (n *Node) give(j job, h *holding) {
	h.going = true
	n.broadcast()
	if !h.seen {
		delete(n.held, j)
		n.ended = append(n.ended, store.Lease{Kind: j.kind, Name: j.name, Node: n.term.id, Epoch: h.epoch})
		n.poke()
	}
}

// chosen returns which node is to have a job: the one whose hash with it is the
// highest. When a node comes or goes, only the jobs that it gets or had move.
func chosen(ring []string, j job) (id string) {
	var best uint64
	for _, node := range ring {
		h := sha256.Sum256([]byte(node + "\x00" + j.kind + "\x00" + j.name))
		if n := binary.BigEndian.Uint64(h[:8]); id == "" || n > best || n == best && node > id {
			id, best = node, n
		}
	}
	return id
}

// leave ends the membership, so that the others need not wait.
func (n *Node) leave(ctx context.Context) {
	n.mu.Lock()
	t := n.term
	if t != nil {
		t.until.Store(&past)
		n.term, n.ended = nil, nil
		clear(n.held)
		n.broadcast()
	}
	n.mu.Unlock()
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, n.o.Beat)
	defer cancel()
	if err := n.o.Store.RemoveNode(ctx, t.id); err != nil {
		n.log.Warn("could not leave the other processes: they will notice", "err", err)
	}
}
