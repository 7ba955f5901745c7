package party

import (
	"context"
	"maps"
	"time"

	"github.com/eroam/eroam/internal/store"
)

// Looking after the platforms is one job, see package lease.
const (
	aliveJobs = "still alive"
	aliveJob  = "platforms"
)

// news is what processes tell each other about platforms. Only Run uses it.
type news struct {
	chief bool
	read  map[string]store.News // as last read; nil: never
	told  map[string]int64      // µs: up to when it was told that a platform was heard
}

// chief reports whether this process looks after the platforms.
func (r *Registry) chief() bool {
	g, ok := r.o.Lease.Held(aliveJobs)[aliveJob]
	if !ok {
		r.o.Lease.Release(aliveJobs, aliveJob)
		return false
	}
	until := g.Until()
	return until.IsZero() || time.Now().Before(until)
}

// shareNews tells the chief, or is told as the chief.
func (r *Registry) shareNews(ctx context.Context, chief bool) {
	if !r.o.Store.Shared() {
		return
	}
	if chief != r.news.chief {
		r.news = news{chief: chief}
	}
	exchange := r.tellNews
	if chief {
		exchange = r.readNews
	}
	if err := exchange(ctx); err != nil && ctx.Err() == nil {
		r.log.WarnContext(ctx, "cannot exchange news of platforms with other processes", "err", err)
	}
}

// readNews takes over what the others have seen since the last time. What it
// finds the first time counts as heard now.
func (r *Registry) readNews(ctx context.Context) error {
	all, err := r.o.Store.News(ctx)
	if err != nil {
		return err
	}
	s, first := r.Snapshot(), r.news.read == nil
	for id, n := range all {
		p, old := s.Platform(id), r.news.read[id]
		if p == nil {
			continue
		}
		if n.Heard > old.Heard {
			p.live.heard.Store(micros(r.now()))
		}
		if n.Failed > old.Failed && !first {
			p.live.suspect.Store(true)
		}
	}
	r.news.read = all
	return nil
}

// tellNews writes which platforms were heard here, each at most twice in the time
// after which they would be asked, and which could not be reached.
func (r *Registry) tellNews(ctx context.Context) error {
	if r.news.told == nil {
		r.news.told = make(map[string]int64)
	}
	tell, heard := make(map[string]store.News), make(map[string]int64)
	for _, p := range r.Snapshot().Platforms() {
		if p.State != StateConnected {
			continue
		}
		at := p.live.heard.Load()
		last, known := r.news.told[p.ID]
		var n store.News
		if known && at-last >= r.o.StillAlive.Microseconds()/2 {
			n.Heard = 1
		}
		if p.live.suspect.Swap(false) {
			n.Failed = 1
		}
		if !known || n.Heard > 0 {
			heard[p.ID] = at
		}
		if n != (store.News{}) {
			tell[p.ID] = n
		}
	}
	if len(tell) > 0 {
		err := r.o.Store.Write(ctx, func(tx *store.Tx) error {
			for id, n := range tell {
				if err := tx.AddNews(id, n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	maps.Copy(r.news.told, heard)
	return nil
}
