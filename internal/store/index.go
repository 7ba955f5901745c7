package store

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/eroam/eroam/ocpi"
)

// index is what queries look at of every object, in memory: about 100 bytes an
// object. It is filled when the database is opened, kept current by the writer
// before it answers, and on a shared database by following the feed.
//
// at says of which moment it is: the end of the feed. A reader that finds the
// same number in the database sees both at one moment.
type index struct {
	seeds [2]maphash.Seed

	mu        sync.RWMutex
	at        int64
	places    map[keyHash]place
	kinds     map[string]*shelf
	owners    map[ocpi.PartyID]uint32
	audiences map[string]uint32 // "" is 0
	order     *order            // nil on a shared database, which keeps it itself
}

// keyHash stands for an ObjectKey: with 128 bits, two keys never share one.
type keyHash [2]uint64

// place is where an object is.
type place struct {
	born int64 // -born of a deleted object
	seq  int64
	loud int64
}

func (p place) row() int64    { return max(p.born, -p.born) }
func (p place) deleted() bool { return p.born < 0 }

// entry is an object of one kind that is not deleted.
type entry struct {
	born     int64
	updated  int64
	owner    uint32
	audience uint32 // gone: nothing is here any more
}

const gone = ^uint32(0)

// shelf holds the objects of one kind in order of born.
type shelf struct {
	entries []entry
	gone    int // how many entries are
	private int // how many entries have an audience
	owned   map[uint32]int
}

// change is what one object became.
type change struct {
	key      ObjectKey
	audience string
	born     int64
	seq      int64
	loud     int64
	updated  int64
	deleted  bool
}

func (c *change) place() place {
	p := place{born: c.born, seq: c.seq, loud: c.loud}
	if c.deleted {
		p.born = -c.born
	}
	return p
}

func newIndex(shared bool) *index {
	x := &index{
		seeds:  [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		places: map[keyHash]place{}, kinds: map[string]*shelf{},
		owners: map[ocpi.PartyID]uint32{}, audiences: map[string]uint32{"": 0},
	}
	if !shared {
		x.order = &order{}
	}
	return x
}

// hash reads the key as texts that end with a NUL, which no text contains.
func (x *index) hash(k ObjectKey) keyHash {
	var room [192]byte
	b := room[:0]
	for _, s := range [...]string{k.Kind, k.Party.CountryCode, k.Party.ID, k.ID} {
		b = append(append(b, s...), 0)
	}
	return keyHash{maphash.Bytes(x.seeds[0], b), maphash.Bytes(x.seeds[1], b)}
}

// place returns where the object with the key is.
func (x *index) place(k ObjectKey) (place, bool) {
	h := x.hash(k)
	x.mu.RLock()
	defer x.mu.RUnlock()
	p, ok := x.places[h]
	return p, ok
}

// end returns the moment of which the index is.
func (x *index) end() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.at
}

// follow applies what was committed right after the moment of the index, in
// order of seq, with which the feed ends at. It does nothing when something
// before it is missing.
func (x *index) follow(changes []change, from, at int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if from > x.at+1 {
		return
	}
	for i := range changes {
		x.apply(&changes[i])
	}
	x.at = max(x.at, at)
}

func (x *index) apply(c *change) {
	h := x.hash(c.key)
	old, found := x.places[h]
	if found && old.seq >= c.seq {
		return
	}
	x.places[h] = c.place()
	if x.order != nil {
		x.order.move(old.seq, c.seq, c.born)
	}
	s := x.kinds[c.key.Kind]
	if s == nil {
		s = &shelf{owned: map[uint32]int{}}
		x.kinds[c.key.Kind] = s
	}
	if c.deleted || found && old.born != c.born {
		if found && !old.deleted() {
			s.remove(old.born)
		}
		if c.deleted {
			return
		}
	}
	s.put(entry{born: c.born, updated: c.updated, owner: intern(x.owners, c.key.Party), audience: intern(x.audiences, c.audience)})
}

// intern numbers values in the order in which they appear.
func intern[K comparable](known map[K]uint32, k K) uint32 {
	n, ok := known[k]
	if !ok {
		n = uint32(len(known))
		known[k] = n
	}
	return n
}

func (s *shelf) find(born int64) (int, bool) {
	return slices.BinarySearchFunc(s.entries, born, func(e entry, born int64) int { return cmp.Compare(e.born, born) })
}

func (s *shelf) put(e entry) {
	i, found := s.find(e.born)
	switch {
	case !found:
		s.entries = slices.Insert(s.entries, i, e) // nearly always at the end
	case s.entries[i].audience == gone:
		s.gone--
	default:
		s.count(s.entries[i], -1)
	}
	s.entries[i] = e
	s.count(e, 1)
}

func (s *shelf) remove(born int64) {
	i, found := s.find(born)
	if !found || s.entries[i].audience == gone {
		return
	}
	s.count(s.entries[i], -1)
	s.entries[i].audience = gone
	if s.gone++; s.gone > 64+len(s.entries)/4 {
		s.entries = slices.DeleteFunc(s.entries, func(e entry) bool { return e.audience == gone })
		s.gone = 0
	}
}

func (s *shelf) count(e entry, n int) {
	s.owned[e.owner] += n
	if e.audience != 0 {
		s.private += n
	}
}

// order is the feed: where each change stands that is the last of its object.
type order struct {
	steps []step
	gone  int
}

type step struct {
	seq  int64
	born int64 // 0: the object has changed since
}

func (o *order) find(seq int64) (int, bool) {
	return slices.BinarySearchFunc(o.steps, seq, func(s step, seq int64) int { return cmp.Compare(s.seq, seq) })
}

// move takes an object from one place to another, which is the last.
func (o *order) move(from, to, born int64) {
	if from > 0 {
		if i, found := o.find(from); found && o.steps[i].born != 0 {
			o.steps[i].born = 0
			o.gone++
		}
	}
	o.steps = append(o.steps, step{seq: to, born: born})
	if o.gone > 1024+len(o.steps)/2 {
		o.steps = slices.DeleteFunc(o.steps, func(s step) bool { return s.born == 0 })
		o.gone = 0
	}
}

// after returns at most limit places of the feed behind seq, in order.
func (x *index) after(seq int64, limit int) []step {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, found := x.order.find(seq)
	if found {
		i++
	}
	var out []step
	for ; i < len(x.order.steps) && len(out) < limit; i++ {
		if s := x.order.steps[i]; s.born != 0 {
			out = append(out, s)
		}
	}
	return out
}
