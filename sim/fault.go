package sim

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Faults are the ways in which a platform misbehaves, each with its probability
// from 0 to 1 per request that it gets. They concern the functional modules;
// registration always works. The first that is drawn happens, in this order. A
// platform can also go away altogether, see [Platform.Disappear].
type Faults struct {
	Slow      float64       // answers, but only after SlowFor
	SlowFor   time.Duration // real time; default 10 s
	Refuse    float64       // closes the connection without doing or answering anything
	Error     float64       // HTTP 500, nothing done
	TooMany   float64       // HTTP 429 with Retry-After: 1, nothing done
	Garbage   float64       // does what was asked, and answers HTTP 200 with something that is not OCPI
	Truncated float64       // does what was asked, and cuts its answer off in the middle
	// Shift is of its own, beside one of the others: a list is answered as if its
	// first object had moved to the end, so that who fetches it page by page sees
	// some objects twice and others not at all.
	Shift float64
}

type fault uint8

const (
	noFault fault = iota
	slowFault
	refuseFault
	errorFault
	tooManyFault
	garbageFault
	truncatedFault
)

// faulty draws faults.
type faulty struct {
	mu     sync.Mutex
	faults Faults
	rng    *rand.Rand
}

func (f *faulty) set(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

func (f *faulty) draw() (fault, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	x := f.rng.Float64()
	for _, c := range []struct {
		p float64
		f fault
	}{
		{f.faults.Slow, slowFault}, {f.faults.Refuse, refuseFault}, {f.faults.Error, errorFault},
		{f.faults.TooMany, tooManyFault}, {f.faults.Garbage, garbageFault}, {f.faults.Truncated, truncatedFault},
	} {
		if x < c.p {
			d := f.faults.SlowFor
			if d == 0 {
				d = 10 * time.Second
			}
			return c.f, d
		}
		x -= c.p
	}
	return noFault, 0
}

// shift draws whether a list is to be answered with its objects moved.
func (f *faulty) shift() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.faults.Shift > 0 && f.rng.Float64() < f.faults.Shift
}

// before does what a fault does instead of handling the request; it reports
// whether the request is over.
func (f fault) before(w http.ResponseWriter) bool {
	switch f {
	case refuseFault:
		panic(http.ErrAbortHandler)
	case errorFault:
		ocpi.WriteEnvelope(w, http.StatusInternalServerError, ocpi.StatusServerError, "simulated fault", nil)
	case tooManyFault:
		w.Header().Set("Retry-After", "1")
		ocpi.WriteEnvelope(w, http.StatusTooManyRequests, ocpi.StatusServerError, "simulated fault", nil)
	default:
		return false
	}
	return true
}

// answer writes the body in the way of the fault.
func (f fault) answer(w http.ResponseWriter, status int, body []byte) {
	switch f {
	case garbageFault:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("<html><h1>It works!</h1>")) // nobody to tell
	case truncatedFault:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	default:
		ocpi.WriteBody(w, status, body)
	}
}
