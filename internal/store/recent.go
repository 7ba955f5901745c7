package store

import "sync"

// recent is the end of the feed, in memory: the heads of the objects that this
// process has changed last, so that those who follow the feed need no database
// while they keep up. It holds all that was committed behind from, up to to.
//
// On a shared database the changes of other processes leave gaps: it then begins
// anew behind the gap.
type recent struct {
	mu       sync.RWMutex
	from, to int64
	heads    []Object // in a circle; one without Seq stands further on, or never was
	bytes    int      // of steps in heads
}

const (
	maxRecent      = 1 << 13 // changes
	maxRecentBytes = 8 << 20 // of steps
)

// begin forgets everything; the feed ends at at.
func (r *recent) begin(at int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restart(at)
}

func (r *recent) restart(at int64) {
	clear(r.heads)
	r.from, r.to, r.bytes = at, at, 0
}

// add takes in what was committed, in order of Seq.
func (r *recent) add(heads []Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.heads == nil {
		r.heads = make([]Object, maxRecent)
	}
	for i := range heads {
		h := &heads[i]
		if h.Seq != r.to+1 {
			r.restart(h.Seq - 1)
		}
		if h.Prev > r.from {
			r.drop(h.Prev) // the object stands further on now
		}
		for r.to-r.from == maxRecent || r.bytes > 0 && r.bytes+len(h.Step) > maxRecentBytes {
			r.from++
			r.drop(r.from)
		}
		r.to = h.Seq
		*r.at(h.Seq) = *h
		r.bytes += len(h.Step)
	}
}

func (r *recent) at(seq int64) *Object { return &r.heads[seq%maxRecent] }

func (r *recent) drop(seq int64) {
	h := r.at(seq)
	r.bytes -= len(h.Step)
	*h = Object{}
}

// after returns at most limit heads behind a place, as [Store.FeedHeads] does,
// and the end of the feed at that moment as far as this process knows. It
// reports false when it does not have everything behind that place.
func (r *recent) after(seq int64, limit int) (heads []Object, end int64, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if seq < r.from || seq > r.to {
		return nil, 0, false
	}
	if n := min(int(r.to-seq), limit); n > 0 {
		heads = make([]Object, 0, n)
	}
	for ; seq < r.to && len(heads) < limit; seq++ {
		if h := r.at(seq + 1); h.Seq != 0 {
			heads = append(heads, *h)
		}
	}
	return heads, r.to, true
}
