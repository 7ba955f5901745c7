package delivery

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Bounds of presents.
const (
	maxPresents     = 1024
	maxPresentBytes = 16 << 20
)

// presents are the states of objects that lanes sent last, so that a change that
// many receivers get as a whole object is read from the database once.
type presents struct {
	store *store.Store

	mu      sync.Mutex
	entries map[store.ObjectKey]*whole
	order   []*whole // oldest first; entries that were replaced are in it until they come up
	bytes   int
}

// whole is an object as it was at one moment.
type whole struct {
	key     store.ObjectKey
	loaded  chan struct{} // closed when the rest is set
	seq     int64
	missing bool
	deleted bool
	message *message
	err     error
	stale   atomic.Bool // there is a newer state

	place     sync.Once
	lon, lat  float64
	located   bool
	published bool
}

// get returns the object in a state at or behind the place atLeast.
func (p *presents) get(ctx context.Context, key store.ObjectKey, atLeast int64) (*whole, error) {
	for {
		p.mu.Lock()
		w := p.entries[key]
		if w == nil {
			w = &whole{key: key, loaded: make(chan struct{})}
			if p.entries == nil {
				p.entries = make(map[store.ObjectKey]*whole)
			}
			p.entries[key] = w
			p.mu.Unlock()
			p.load(ctx, w)
			return w, w.err
		}
		p.mu.Unlock()
		select {
		case <-w.loaded:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if w.err == nil && (w.seq >= atLeast || w.missing) {
			return w, nil
		}
		p.drop(w)
	}
}

// load reads w. An error is for this caller only: others try themselves.
func (p *presents) load(ctx context.Context, w *whole) {
	defer close(w.loaded)
	o, found, err := p.store.Object(ctx, w.key)
	if err != nil || !found {
		w.err, w.missing = err, err == nil
		p.drop(w) // nothing to keep
		return
	}
	w.seq, w.deleted, w.message = o.Seq, o.Deleted, present(&o)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = append(p.order, w)
	p.bytes += len(w.message.body)
	for len(p.order) > maxPresents || p.bytes > maxPresentBytes && len(p.order) > 1 {
		old := p.order[0]
		p.order[0] = nil
		p.order = p.order[1:]
		p.bytes -= len(old.message.body)
		if p.entries[old.key] == old {
			delete(p.entries, old.key)
		}
	}
}

// expire says that the object has changed at the place seq: an older state is not
// used any more.
func (p *presents) expire(key store.ObjectKey, seq int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.entries[key]
	if w == nil {
		return
	}
	select {
	case <-w.loaded:
		if w.seq >= seq {
			return
		}
	default: // it may be read before the change
	}
	w.stale.Store(true)
	delete(p.entries, key)
}

// drop has w read anew by whoever needs it next.
func (p *presents) drop(w *whole) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.entries[w.key] == w {
		delete(p.entries, w.key)
	}
}

// where returns the coordinates of a location, if it has any that can be read,
// and whether it may be published.
func (w *whole) where() (lon, lat float64, located, published bool) {
	w.place.Do(func() {
		if ocpi.Module(w.key.Kind) != ocpi.Locations || w.deleted {
			w.published = true
			return
		}
		f := gjson.GetManyBytes(w.message.body, "coordinates.longitude", "coordinates.latitude", "publish")
		var err1, err2 error
		w.lon, err1 = strconv.ParseFloat(f[0].String(), 64)
		w.lat, err2 = strconv.ParseFloat(f[1].String(), 64)
		w.located = err1 == nil && err2 == nil
		w.published = f[2].Type != gjson.False
	})
	return w.lon, w.lat, w.located, w.published
}
