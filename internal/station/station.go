// Package station answers where one can charge: an index in memory of all
// published Locations, by position, kept in step with the feed.
//
// It holds no JSON and about 130 bytes for each EVSE. A change of an EVSE's
// status is taken from the feed without reading the Location. What a body does
// not say, or says in a way that cannot be read, is not in the index; nothing is
// refused here.
package station

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tidwall/rtree"

	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Options are what an index works with.
type Options struct {
	Store   *store.Store
	Log     *slog.Logger          // nil: nothing is logged
	Metrics prometheus.Registerer // nil: none
}

// Index is the index. Its methods may be called by any number of goroutines.
type Index struct {
	mirror feed.Mirror
	log    *slog.Logger
	seed   maphash.Seed

	mu         sync.RWMutex
	tree       rtree.RTreeGN[float32, *place] // longitude, latitude
	places     map[key]*place
	count      int // EVSEs
	unread     map[key]bool
	parties    pool[ocpi.PartyID]
	texts      pool[string] // cities and countries
	profiles   pool[string]
	connectors [][]Connector // of profiles, by slot
}

// New returns an empty index, which [Index.Run] fills.
func New(o Options) *Index {
	x := &Index{log: o.Log, seed: maphash.MakeSeed(), places: map[key]*place{}, unread: map[key]bool{}}
	if x.log == nil {
		x.log = slog.New(slog.DiscardHandler)
	}
	x.mirror = feed.Mirror{
		Store: o.Store, Kinds: []string{string(ocpi.Locations)},
		Step: x.step, Apply: x.apply, Report: x.report,
	}
	if o.Metrics != nil {
		o.Metrics.MustRegister(prometheus.NewGaugeFunc(
			prometheus.GaugeOpts{Name: "eroam_stations", Help: "Locations in the index of stations."},
			func() float64 { n, _ := x.Size(); return float64(n) }))
	}
	return x
}

// Run fills the index and keeps it in step with the feed until ctx ends; it
// returns ctx.Err(). To be called once.
func (x *Index) Run(ctx context.Context) error { return x.mirror.Run(ctx) }

// Loaded says how far the first reading is, in places of the feed.
func (x *Index) Loaded() (done, total int) {
	d, t, _ := x.mirror.Loaded()
	return int(d), int(t)
}

// Size returns how many Locations and EVSEs the index holds.
func (x *Index) Size() (stations, evses int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.places), x.count
}

// Unread returns how many Locations are published and cannot be placed, because
// their coordinates or the whole body cannot be read.
func (x *Index) Unread() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.unread)
}

func (x *Index) report(err error) {
	if err != nil {
		x.log.Warn("the index of stations cannot read the feed", "err", err)
		return
	}
	x.log.Info("the index of stations reads the feed again")
}

// step applies a change that needs no body.
func (x *Index) step(head *store.Object) bool {
	quiet := head.Loud < head.Seq
	s, isStatus := ReadStatusStep(head.Step)
	k := keyOf(head.Party, head.ID)
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.places[k]
	switch {
	case p == nil:
		return false
	case p.seq >= head.Seq:
		return true
	case p.seq != head.Prev:
		return false
	case quiet: // only last_updated has changed
	case !isStatus || p.doubled:
		return false
	default:
		hash, i := x.hash(s.UID), 0
		for i < len(p.evses) && p.evses[i].uid != hash {
			i++
		}
		if i == len(p.evses) {
			return false
		}
		p.evses[i].status = statusOf(s.Status)
	}
	p.seq, p.updated = head.Seq, head.LastUpdated
	return true
}

func (x *Index) apply(objects []store.Object) {
	readings := make([]reading, len(objects))
	errs := make([]error, len(objects))
	for i := range objects {
		if !objects[i].Deleted {
			readings[i], errs[i] = read(objects[i].Body)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range objects {
		o := &objects[i]
		k := keyOf(o.Party, o.ID)
		delete(x.unread, k)
		if !o.Deleted && errs[i] == nil {
			x.put(o, readings[i])
			continue
		}
		if p := x.places[k]; p != nil && p.seq < o.Seq {
			x.forget(k, p)
		}
		if !o.Deleted {
			x.unread[k] = true
			if !errors.Is(errs[i], errPosition) {
				x.log.Info("a location cannot be read", "party", o.Party.String(), "seq", o.Seq)
			}
		}
	}
}
