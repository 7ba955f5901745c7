// Package quality judges what is published: findings with a stable code for each
// object and owner ([Code], docs/quality.md), and a score for each operator. It
// refuses nothing and drops nothing.
//
// A [Judge] holds no JSON: hashes of EVSE ids, states, times and counts, about 150
// bytes for each EVSE. The words of a finding are made from the stored object
// when somebody reads them. Hashes have 64 bits and a secret seed: two ids are
// taken for one about once in 30 million hubs of a million EVSEs.
package quality

import (
	"context"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/country"
	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/station"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Bodies reads stored objects; those that are not there are left out.
type Bodies func(ctx context.Context, keys []store.ObjectKey) ([]store.Object, error)

// Options are what a judge works with.
type Options struct {
	Store  *store.Store // what [Judge.Run] follows; nil for a judge that is fed by Put
	Bodies Bodies       // nil: those of Store
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
	Atlas  *country.Atlas   // nil: the one that is built in
}

// Judge holds what the findings are made from. Its methods may be called by any
// number of goroutines.
type Judge struct {
	mirror feed.Mirror
	bodies Bodies
	log    *slog.Logger
	now    func() time.Time
	atlas  *country.Atlas
	seed   maphash.Seed

	mu       sync.RWMutex
	places   shelf
	owners   map[ocpi.PartyID]*owner
	ids      map[uint64]uint32   // the number of one place for each EVSE id
	doubles  map[uint64][]*place // all places of EVSE ids that occur more than once; one may stand here twice
	tariffs  map[uint64]*tariff
	sessions map[key]session // that run
	vectors  pool

	report      sync.Mutex // one report is made at a time
	last        *Report
	lastExpires time.Time
}

// New returns a judge that knows nothing yet.
func New(o Options) (*Judge, error) {
	j := &Judge{
		bodies: o.Bodies, log: o.Log, now: o.Now, atlas: o.Atlas, seed: maphash.MakeSeed(),
		places: shelf{numbers: map[key]uint32{}}, owners: map[ocpi.PartyID]*owner{}, ids: map[uint64]uint32{}, doubles: map[uint64][]*place{},
		tariffs: map[uint64]*tariff{}, sessions: map[key]session{},
	}
	if j.atlas == nil {
		var err error
		if j.atlas, err = country.Load(); err != nil {
			return nil, fmt.Errorf("reading where countries lie: %w", err)
		}
	}
	if j.log == nil {
		j.log = slog.New(slog.DiscardHandler)
	}
	if j.now == nil {
		j.now = time.Now
	}
	if j.bodies == nil && o.Store != nil {
		j.bodies = o.Store.Objects
	}
	j.mirror = feed.Mirror{
		Store: o.Store, Kinds: []string{string(ocpi.Locations), string(ocpi.Tariffs), string(ocpi.Sessions)},
		Step: j.step, Apply: j.apply, Report: j.failed,
	}
	return j, nil
}

// Run reads all that is published and follows the feed until ctx ends; it returns
// ctx.Err(). To be called once.
func (j *Judge) Run(ctx context.Context) error { return j.mirror.Run(ctx) }

// Loaded says how far the first reading is, in places of the feed.
func (j *Judge) Loaded() (done, total int) {
	d, t, _ := j.mirror.Loaded()
	return int(d), int(t)
}

func (j *Judge) failed(err error) {
	if err != nil {
		j.log.Warn("the judge of data quality cannot read the feed", "err", err)
		return
	}
	j.log.Info("the judge of data quality reads the feed again")
}

// Put takes in a location, tariff or session as it is now, with its body, or that
// it is deleted. An older state than the known one, by Seq, changes nothing.
func (j *Judge) Put(o store.Object) { j.apply([]store.Object{o}) }

func (j *Judge) apply(objects []store.Object) {
	drafts := make([]draft, len(objects))
	for i := range objects {
		if o := &objects[i]; !o.Deleted && o.Kind == string(ocpi.Locations) {
			drafts[i] = j.draft(o)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range objects {
		switch o := &objects[i]; ocpi.Module(o.Kind) {
		case ocpi.Locations:
			if p := j.places.get(keyOf(o.ObjectKey)); p != nil {
				if p.seq >= o.Seq {
					continue
				}
				j.forget(p)
			}
			if !o.Deleted {
				j.keep(drafts[i])
			} else if w := j.owners[o.Party]; w != nil && w.places == 0 {
				delete(j.owners, o.Party)
			}
		case ocpi.Tariffs:
			j.setTariff(o.Party, o.ID, !o.Deleted)
		case ocpi.Sessions:
			j.setSession(o)
		default: // of no interest
		}
	}
}

// step applies what needs no body: that a tariff is there, and the status of an
// EVSE.
func (j *Judge) step(head *store.Object) bool {
	switch ocpi.Module(head.Kind) {
	case ocpi.Tariffs:
		j.mu.Lock()
		defer j.mu.Unlock()
		j.setTariff(head.Party, head.ID, true)
		return true
	case ocpi.Locations:
	default:
		return false
	}
	s, isStatus := station.ReadStatusStep(head.Step)
	now := j.now().UnixMicro()
	j.mu.Lock()
	defer j.mu.Unlock()
	p := j.places.get(keyOf(head.ObjectKey))
	if p == nil {
		return false
	}
	if p.seq >= head.Seq {
		return true
	}
	p.owner.pushed(head, now)
	at := text(s.LastUpdated).micros()
	if !isStatus || p.seq != head.Prev || p.doubled || at == 0 {
		return false
	}
	uid := j.hash(s.UID)
	for i := range p.evses {
		if e := &p.evses[i]; e.uid == uid {
			e.set(at, statusOf(s.Status))
			p.seq, p.at = head.Seq, max(p.at, head.LastUpdated)
			return true
		}
	}
	return false
}
