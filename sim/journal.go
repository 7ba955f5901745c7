package sim

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Entry is one exchange in which a platform took part.
type Entry struct {
	Time          time.Time      // real time of the request
	Sent          bool           // sent by the platform; otherwise received
	Module        ocpi.Module    //
	Interface     ocpi.Interface // of the one who received the request
	Method        string
	ID            string // last segments of the path, joined by "/"
	From, To      ocpi.Claim
	RequestID     string
	CorrelationID string
	HTTP          int // 0 where there was no answer
	Status        int // OCPI status; 0 where there was none
	Attempt       int // of a sent request, from 1
	Took          time.Duration
	Err           string // why there was no answer
}

// Success reports whether the exchange ended with a status 1xxx.
func (e Entry) Success() bool { return e.Status >= 1000 && e.Status < 2000 }

// Count is a number of exchanges of one kind.
type Count struct {
	Sent    bool
	Module  ocpi.Module
	Method  string
	Success bool
	N       int
}

// maxEntries is how many exchanges a journal holds before it drops the oldest.
const maxEntries = 100_000

// Journal remembers the exchanges of one platform: numbers of all of them, and
// the last 100,000 in full. It is safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	counts  map[Count]int // with N = 0
	entries []Entry
	next    int // where the next entry goes once entries is full
}

func (j *Journal) add(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.counts == nil {
		j.counts = make(map[Count]int)
	}
	j.counts[Count{e.Sent, e.Module, e.Method, e.Success(), 0}]++
	if len(j.entries) < maxEntries {
		j.entries = append(j.entries, e)
		return
	}
	j.entries[j.next] = e
	j.next = (j.next + 1) % maxEntries
}

// Entries returns the exchanges for which keep is true, the oldest first; nil
// keeps all.
func (j *Journal) Entries(keep func(Entry) bool) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Entry
	for i := range j.entries {
		if e := j.entries[(j.next+i)%len(j.entries)]; keep == nil || keep(e) {
			out = append(out, e)
		}
	}
	return out
}

// Counts returns the numbers of all exchanges, by module, method and outcome.
func (j *Journal) Counts() []Count {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Count
	for c, n := range j.counts {
		c.N = n
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Module, b.Module), cmp.Compare(a.Method, b.Method), boolCompare(b.Sent, a.Sent), boolCompare(b.Success, a.Success))
	})
	return out
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Count returns the number of exchanges of one module and method that were
// sent or received with success.
func (j *Journal) Count(sent bool, m ocpi.Module, method string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.counts[Count{sent, m, method, true, 0}]
}
