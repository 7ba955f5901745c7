package station

import (
	"crypto/sha256"
	"hash/maphash"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// place is one Location, about 130 bytes for each of its EVSEs with everything
// that points to it.
type place struct {
	text                         string // id, name and address, one after another
	evses                        []evse
	seq, born, updated           int64
	lat, lon                     int32 // degrees·10⁷
	party, city, country         uint32
	idLen, nameLen               uint8
	unpublished, always, doubled bool // doubled: two EVSEs have one uid or hash
}

// corner is where a place stands in the tree, exact to a metre.
func (p *place) corner() [2]float32 {
	return [2]float32{float32(degree(p.lon)), float32(degree(p.lat))}
}

// evse is one EVSE of a place.
type evse struct {
	uid     uint64 // hash of the folded uid
	profile uint32
	status  status
}

func (p *place) id() string      { return p.text[:p.idLen] }
func (p *place) name() string    { return p.text[p.idLen : int(p.idLen)+int(p.nameLen)] }
func (p *place) address() string { return p.text[int(p.idLen)+int(p.nameLen):] }

// status is an EVSE status in a byte.
type status uint8

const (
	statusNone status = iota // none, or not one of OCPI
	statusAvailable
	statusBlocked
	statusCharging
	statusInoperative
	statusOutOfOrder
	statusPlanned
	statusRemoved
	statusReserved
	statusUnknown
	statuses
)

var statusNames = [statuses]string{"", "AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED", "UNKNOWN"}

func statusOf(text string) status {
	for s := statusAvailable; s < statuses; s++ {
		if statusNames[s] == text {
			return s
		}
	}
	return statusNone
}

// key finds a place: the beginning of a cryptographic hash, so that nobody can
// make two Locations that are taken for one.
type key [16]byte

func keyOf(party ocpi.PartyID, id string) key {
	h := sha256.Sum256([]byte(party.CountryCode + party.ID + "/" + ocpi.FoldID(id)))
	return key(h[:16])
}

// pool keeps one copy of values that many places share.
type pool[T comparable] struct {
	slots map[T]uint32
	items []T
	refs  []uint32
	free  []uint32
}

// take returns the slot of v and counts one more user of it.
func (p *pool[T]) take(v T) uint32 {
	if i, ok := p.slots[v]; ok {
		p.refs[i]++
		return i
	}
	if p.slots == nil {
		p.slots = map[T]uint32{}
	}
	var i uint32
	if n := len(p.free); n > 0 {
		i, p.free = p.free[n-1], p.free[:n-1]
		p.items[i], p.refs[i] = v, 1
	} else {
		i = uint32(len(p.items))
		p.items, p.refs = append(p.items, v), append(p.refs, 1)
	}
	p.slots[v] = i
	return i
}

// drop counts one user less; the last one frees the slot.
func (p *pool[T]) drop(i uint32) {
	if p.refs[i]--; p.refs[i] == 0 {
		var zero T
		delete(p.slots, p.items[i])
		p.items[i] = zero
		p.free = append(p.free, i)
	}
}

// put takes in a Location, in the place of what was known of it. The caller
// holds the lock.
func (x *Index) put(o *store.Object, r reading) {
	k := keyOf(o.Party, o.ID)
	if old := x.places[k]; old != nil {
		if old.seq >= o.Seq {
			return
		}
		x.forget(k, old)
	}
	id := clip(o.Name)
	p := &place{
		text: id + r.name + r.address, idLen: uint8(len(id)), nameLen: uint8(len(r.name)),
		seq: o.Seq, born: o.Born, updated: o.LastUpdated, lat: r.lat, lon: r.lon,
		party: x.parties.take(o.Party), city: x.texts.take(r.city), country: x.texts.take(r.country),
		unpublished: r.unpublished, always: r.always,
	}
	if len(r.evses) > 0 {
		p.evses = make([]evse, len(r.evses))
	}
	for i, e := range r.evses {
		uid := x.hash(ocpi.FoldID(e.uid))
		for _, other := range p.evses[:i] {
			p.doubled = p.doubled || other.uid == uid
		}
		p.evses[i] = evse{uid, x.takeProfile(e.connectors), e.status}
	}
	x.places[k] = p
	x.count += len(p.evses)
	at := p.corner()
	x.tree.Insert(at, at, p)
}

// forget takes a place out. The caller holds the lock.
func (x *Index) forget(k key, p *place) {
	at := p.corner()
	x.tree.Delete(at, at, p)
	delete(x.places, k)
	x.count -= len(p.evses)
	x.parties.drop(p.party)
	x.texts.drop(p.city)
	x.texts.drop(p.country)
	for _, e := range p.evses {
		x.profiles.drop(e.profile)
	}
}

func (x *Index) takeProfile(text string) uint32 {
	i := x.profiles.take(text)
	for int(i) >= len(x.connectors) {
		x.connectors = append(x.connectors, nil)
	}
	if x.profiles.refs[i] == 1 {
		x.connectors[i] = connectorsOf(text)
	}
	return i
}

func (x *Index) hash(text string) uint64 { return maphash.String(x.seed, text) }
