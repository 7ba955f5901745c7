package party

import (
	"context"
	"sync"
	"time"
)

const (
	// followSpacing is the least time between two looks for what other processes
	// have changed.
	followSpacing = 20 * time.Millisecond
	// refreshTimeout bounds one look.
	refreshTimeout = 2 * time.Second
)

// refreshing shares one look for what is new among all who ask for it.
type refreshing struct {
	mu    sync.Mutex
	began time.Time // the last one that has ended
	err   error
}

// refresh makes the view at least as new as the tables were when it was called.
// It is for the moment in which another process has changed something that a
// request already relies on: a token that it has just handed out. Any number of
// callers cost one short query each 20 ms.
func (r *Registry) refresh(ctx context.Context) error {
	if !r.o.Store.Shared() {
		return nil
	}
	asked := time.Now()
	f := &r.refreshing
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.began.After(asked) {
		return f.err
	}
	pause(ctx, followSpacing-time.Since(f.began))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
	defer cancel()
	f.began = time.Now()
	f.err = r.reload(ctx)
	return f.err
}

// reload reads the tables when they are newer than the view.
func (r *Registry) reload(ctx context.Context) error {
	revision, err := r.o.Store.RegistryRevision(ctx)
	if err != nil || revision <= r.Snapshot().Revision {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if revision <= r.state.revision {
		return nil
	}
	return r.load(ctx)
}

// newer reads the tables when another process has changed them, and reports
// whether it had. r.mu is held.
func (r *Registry) newer(ctx context.Context) bool {
	if !r.o.Store.Shared() {
		return false
	}
	before := r.state.revision
	revision, err := r.o.Store.RegistryRevision(ctx)
	if err != nil || revision <= before || r.load(ctx) != nil {
		return false
	}
	return r.state.revision > before
}

// Platform finds a platform, also one that another process has just made; nil
// when there is none.
func (r *Registry) Platform(ctx context.Context, id string) *Platform {
	if p := r.Snapshot().Platform(id); p != nil {
		return p
	}
	if err := r.refresh(ctx); err != nil {
		r.log.WarnContext(ctx, "cannot look for changes of the registry", "err", err)
	}
	return r.Snapshot().Platform(id)
}

// follow reads what other processes change, until ctx ends.
func (r *Registry) follow(ctx context.Context) {
	for ctx.Err() == nil {
		changed := r.o.Store.RegistryChanged()
		if err := r.refresh(ctx); err != nil && ctx.Err() == nil {
			r.log.WarnContext(ctx, "cannot look for changes of the registry", "err", err)
			pause(ctx, time.Second)
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
