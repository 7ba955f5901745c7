package ingress

import (
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// limits bound what each platform may use of the hub.
type limits struct {
	defaults party.Limits
	mu       sync.RWMutex
	byID     map[string]*allowance
}

// allowance is one platform's share. It is replaced when its limits change.
type allowance struct {
	limits  party.Limits
	bucket  *rate.Limiter
	running chan struct{}
}

func withDefaults(l party.Limits) party.Limits {
	if l.RequestsPerSecond <= 0 {
		l.RequestsPerSecond = 1000
	}
	if l.Burst <= 0 {
		l.Burst = burstOf(l.RequestsPerSecond)
	}
	if l.Concurrent <= 0 {
		l.Concurrent = 256
	}
	return l
}

// burstOf returns the burst of a platform for which none was agreed: what it may
// send in two seconds, and one request at least.
func burstOf(perSecond float64) int { return max(1, int(2*perSecond)) }

// enter takes a place for one request, or says that there is none: HTTP 429.
// leave must be called when the request is done.
func (l *limits) enter(p *party.Platform, now time.Time) (leave func(), err error) {
	a := l.of(p)
	if !a.bucket.AllowN(now, 1) {
		return nil, tooMany("more requests per second than agreed; wait and try again")
	}
	select {
	case a.running <- struct{}{}:
		return func() { <-a.running }, nil
	default:
		return nil, tooMany("more requests at once than agreed; wait and try again")
	}
}

func (l *limits) of(p *party.Platform) *allowance {
	l.mu.RLock()
	a := l.byID[p.ID]
	l.mu.RUnlock()
	want := merge(p.Limits, l.defaults)
	if a != nil && a.limits == want {
		return a
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.byID[p.ID]; a != nil && a.limits == want {
		return a
	}
	a = &allowance{want, rate.NewLimiter(rate.Limit(want.RequestsPerSecond), want.Burst), make(chan struct{}, want.Concurrent)}
	if l.byID == nil {
		l.byID = make(map[string]*allowance)
	}
	l.byID[p.ID] = a
	return a
}

func merge(own, defaults party.Limits) party.Limits {
	if own.RequestsPerSecond > 0 {
		defaults.RequestsPerSecond, defaults.Burst = own.RequestsPerSecond, burstOf(own.RequestsPerSecond)
	}
	if own.Burst > 0 {
		defaults.Burst = own.Burst
	}
	if own.Concurrent > 0 {
		defaults.Concurrent = own.Concurrent
	}
	return defaults
}

func tooMany(message string) error {
	return &ocpi.Error{HTTP: http.StatusTooManyRequests, Status: ocpi.StatusClientError, Message: message}
}
