package egress

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// platform is the bulkhead of one platform and its idle connections.
type platform struct {
	places chan struct{} // one per exchange in flight

	mu     sync.Mutex
	idle   []*conn // the latest used is the last
	sweep  *time.Timer
	closed bool
}

var errBusy = errors.New("too many requests to this platform are in flight")

func newPlatform(places int) *platform {
	return &platform{places: make(chan struct{}, places)}
}

// enter takes a place, waiting for at most wait.
func (p *platform) enter(ctx context.Context, wait time.Duration) error {
	select {
	case p.places <- struct{}{}:
		return nil
	default:
	}
	if wait <= 0 {
		return errBusy
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case p.places <- struct{}{}:
		return nil
	case <-timer.C:
		return errBusy
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *platform) leave() { <-p.places }

// take returns an idle connection that still works, or nil.
func (p *platform) take(key connKey, now time.Time) *conn {
	for {
		c := p.pop(key)
		if c == nil {
			return nil
		}
		if !c.expired(now) && (c.plain || c.alive()) { // a plain one is looked at when it is written to
			return c
		}
		c.Close()
	}
}

func (p *platform) pop(key connKey) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range slices.Backward(p.idle) {
		if c.key == key {
			copy(p.idle[i:], p.idle[i+1:])
			p.idle[len(p.idle)-1] = nil
			p.idle = p.idle[:len(p.idle)-1]
			return c
		}
	}
	return nil
}

// put keeps c for the next exchange, for at most keep. There are never more
// idle connections than places; the longest unused makes room.
func (p *platform) put(c *conn, keep time.Duration) {
	c.idle, c.keep, c.used = time.Now(), keep, true
	var old *conn
	p.mu.Lock()
	if p.closed {
		old = c
	} else {
		if len(p.idle) == cap(p.places) {
			old = p.idle[0]
			p.idle = append(p.idle[:0], p.idle[1:]...)
		}
		p.idle = append(p.idle, c)
		if p.sweep == nil {
			p.sweep = time.AfterFunc(sweepAfter(keep), p.expire)
		}
	}
	p.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

func (c *conn) expired(now time.Time) bool {
	return now.Sub(c.idle) >= c.keep || now.Sub(c.born) >= maxConnAge
}

// sweepAfter is when to close connections that are not used any more in keep. Those
// of thousands of platforms that were used together are not closed together.
func sweepAfter(keep time.Duration) time.Duration {
	return keep + time.Second + rand.N(max(0, keep/4)+1)
}

// expire closes what was idle for too long and comes back while anything is left.
func (p *platform) expire() {
	now := time.Now()
	var dead []*conn
	p.mu.Lock()
	kept := p.idle[:0]
	next := time.Duration(0)
	for _, c := range p.idle {
		if c.expired(now) {
			dead = append(dead, c)
			continue
		}
		kept = append(kept, c)
		next = max(next, c.keep-now.Sub(c.idle))
	}
	clear(p.idle[len(kept):])
	p.idle = kept
	if len(kept) > 0 && !p.closed {
		p.sweep.Reset(sweepAfter(next))
	} else {
		p.sweep = nil
	}
	p.mu.Unlock()
	for _, c := range dead {
		c.Close()
	}
}

func (p *platform) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	if p.sweep != nil {
		p.sweep.Stop()
	}
	p.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
}
