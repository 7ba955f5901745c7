package quality

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/maphash"
	"slices"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// key finds an object: the beginning of a cryptographic hash.
type key [16]byte

func keyOf(k store.ObjectKey) key {
	h := sha256.Sum256([]byte(k.Kind + "/" + k.Party.CountryCode + k.Party.ID + "/" + k.ID))
	return key(h[:16])
}

// place is one Location.
type place struct {
	name       string // id as its owner spells it
	owner      *owner
	evses      []evse
	tariffs    []reference
	seq, born  int64
	at         int64 // last_updated
	key        key
	static     uint32 // in Judge.vectors: what does not change with time or with other objects
	connectors uint32
	number     uint32 // in Judge.places
	doubled    bool   // two EVSEs have one uid
}

// evse is one EVSE of a place.
type evse struct {
	uid    uint64 // hash of the folded uid
	id     uint64 // hash of the EVSE id; 0: none
	packed int64  // last_updated in microseconds · 16 + status
}

func (e *evse) set(at int64, s status) { e.packed = at<<4 | int64(s) }
func (e *evse) at() int64              { return e.packed >> 4 }
func (e *evse) status() status         { return status(e.packed & 15) }

// status is what matters of an EVSE's status.
type status uint8

const (
	statusOther status = iota
	statusAvailable
	statusRemoved
	statusUnknown
	statusCharging
	statusBlocked
	statusInoperative
	statusOutOfOrder
	statusPlanned
	statusReserved
	statuses
)

var statusNames = [statuses]string{"something else", "AVAILABLE", "REMOVED", "UNKNOWN", "CHARGING", "BLOCKED", "INOPERATIVE", "OUTOFORDER", "PLANNED", "RESERVED"}

func statusOf(name string) status {
	return status(max(0, slices.Index(statusNames[:], name)))
}

// owner is one party with locations.
type owner struct {
	id     ocpi.PartyID
	places int
	// Pushes of locations since the start, those that changed last_updated only,
	// and those of these that carry the moment at which they came in.
	pushes, quiet, stamped int
}

// Numbers of the check of last_updated that moves alone.
const (
	pushesRemembered = 2000
	pushesEnough     = 50
	stampedWithin    = 2_000_000 // microseconds
)

// pushed counts a change of a location. Old ones count less and less.
func (w *owner) pushed(head *store.Object, now int64) {
	w.pushes++
	if head.Loud < head.Seq {
		w.quiet++
		if d := head.LastUpdated - now; d > -stampedWithin && d < stampedWithin {
			w.stamped++
		}
	}
	if w.pushes >= pushesRemembered {
		w.pushes, w.quiet, w.stamped = w.pushes/2, w.quiet/2, w.stamped/2
	}
}

// tariff is a tariff id: who has a tariff of that id, and how many places name it.
type tariff struct {
	id     uint64
	owners []ocpi.PartyID
	places int
}

// reference says how many connectors of a place name a tariff.
type reference struct {
	tariff *tariff
	n      int
}

// session is one that runs.
type session struct {
	place key
	uid   uint64
	since int64
}

// draft is a place that is not known yet, made without the lock.
type draft struct {
	place
	party   ocpi.PartyID
	vector  string
	tariffs map[uint64]int // connectors by tariff id
}

// draft reads a Location.
func (j *Judge) draft(o *store.Object) draft {
	d := draft{party: o.Party, vector: unreadable}
	d.name, d.key, d.seq, d.born, d.at = o.Name, keyOf(o.ObjectKey), o.Seq, o.Born, o.LastUpdated
	l, err := readLocation(o.Body)
	if err != nil {
		return d
	}
	d.fill(j, l)
	d.vector = vector(l, j.atlas)
	return d
}

func (d *draft) fill(j *Judge, l *location) {
	if at := l.LastUpdated.micros(); at != 0 {
		d.at = at
	}
	d.evses = make([]evse, len(l.EVSEs))
	for i := range l.EVSEs {
		b, e := &l.EVSEs[i], &d.evses[i]
		e.uid = j.hash(ocpi.FoldID(string(b.UID)))
		if b.EVSEID != "" {
			e.id = j.hash(sameID(string(b.EVSEID)))
		}
		e.set(b.LastUpdated.micros(), statusOf(string(b.Status)))
		for _, other := range d.evses[:i] {
			d.doubled = d.doubled || other.uid == e.uid
		}
		d.connectors += uint32(len(b.Connectors))
		for _, c := range b.Connectors {
			for _, id := range c.TariffIDs {
				if d.tariffs == nil {
					d.tariffs = map[uint64]int{}
				}
				d.tariffs[j.hash(ocpi.FoldID(string(id)))]++
			}
		}
	}
}

// hash never gives 0.
func (j *Judge) hash(text string) uint64 { return max(1, maphash.String(j.seed, text)) }

// keep takes a place in. The caller holds the lock.
func (j *Judge) keep(d draft) {
	p := new(d.place)
	p.owner = j.owners[d.party]
	if p.owner == nil {
		p.owner = &owner{id: d.party}
		j.owners[d.party] = p.owner
	}
	p.owner.places++
	p.static = j.vectors.take(d.vector)
	for id, n := range d.tariffs {
		t := j.tariff(id)
		t.places++
		p.tariffs = append(p.tariffs, reference{t, n})
	}
	j.places.put(p)
	for _, e := range p.evses {
		switch first := j.first(e.id); {
		case e.id == 0:
		case first == nil:
			j.ids[e.id] = p.number
		default:
			if j.doubles[e.id] == nil {
				j.doubles[e.id] = []*place{first}
			}
			j.doubles[e.id] = append(j.doubles[e.id], p)
		}
	}
}

// forget takes a place out. The caller holds the lock.
func (j *Judge) forget(p *place) {
	for _, e := range p.evses {
		all := j.doubles[e.id]
		switch {
		case e.id == 0:
		case all == nil:
			delete(j.ids, e.id)
		default:
			all = slices.Delete(all, slices.Index(all, p), slices.Index(all, p)+1)
			j.ids[e.id] = all[0].number
			if j.doubles[e.id] = all; len(all) == 1 {
				delete(j.doubles, e.id)
			}
		}
	}
	for _, r := range p.tariffs {
		r.tariff.places--
		j.sweep(r.tariff)
	}
	j.vectors.drop(p.static)
	p.owner.places--
	j.places.drop(p)
}

// tariff returns the entry of a tariff id. The caller holds the lock.
func (j *Judge) tariff(id uint64) *tariff {
	t := j.tariffs[id]
	if t == nil {
		t = &tariff{id: id}
		j.tariffs[id] = t
	}
	return t
}

func (j *Judge) setTariff(owner ocpi.PartyID, id string, there bool) {
	t := j.tariff(j.hash(id))
	i := slices.Index(t.owners, owner)
	switch {
	case there && i < 0:
		t.owners = append(t.owners, owner)
	case !there && i >= 0:
		t.owners = slices.Delete(t.owners, i, i+1)
	}
	j.sweep(t)
}

// sweep takes out an entry that nobody needs.
func (j *Judge) sweep(t *tariff) {
	if t.places == 0 && len(t.owners) == 0 {
		delete(j.tariffs, t.id)
	}
}

// setSession remembers a session while its status is ACTIVE.
func (j *Judge) setSession(o *store.Object) {
	k := keyOf(o.ObjectKey)
	delete(j.sessions, k)
	if o.Deleted {
		return
	}
	b, err := readSession(o.Body)
	if err != nil || b.Status != "ACTIVE" {
		return
	}
	at := keyOf(store.ObjectKey{Kind: string(ocpi.Locations), Party: o.Party, ID: ocpi.FoldID(string(b.LocationID))})
	j.sessions[k] = session{at, j.hash(ocpi.FoldID(string(b.EVSEUID))), b.Start.micros()}
}

// pool keeps one copy of texts that many places share.
type pool struct {
	slots map[string]uint32
	items []string
	refs  []uint32
	free  []uint32
}

func (p *pool) take(v string) uint32 {
	if i, ok := p.slots[v]; ok {
		p.refs[i]++
		return i
	}
	if p.slots == nil {
		p.slots = map[string]uint32{}
	}
	i := uint32(len(p.items))
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
		p.items[i], p.refs[i] = v, 1
	} else {
		p.items, p.refs = append(p.items, v), append(p.refs, 1)
	}
	p.slots[v] = i
	return i
}

func (p *pool) drop(i uint32) {
	if p.refs[i]--; p.refs[i] == 0 {
		delete(p.slots, p.items[i])
		p.items[i] = ""
		p.free = append(p.free, i)
	}
}

// sum32 is the beginning of a hash of anything that can be written.
func sum32(text string) uint32 {
	h := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint32(h[:])
}
