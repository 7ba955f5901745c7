package delivery

import (
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// stand is where the party of a lane stands in one snapshot. It is asked three
// times for each message whether the receiver wants an object, which depends on
// the owner and not on the object; so the last answer is kept.
type stand struct {
	in    *party.Snapshot
	me    *party.Party // nil when it is not there
	until time.Time    // before then none of its agreements begins or ends by itself
	last  atomic.Pointer[ruling]
}

// ruling is whether objects of a kind and an owner are wanted.
type ruling struct {
	kind  string
	owner ocpi.PartyID
	wants bool
}

// at returns where the lane stands by v at the time now. It is safe to call
// concurrently.
func (l *lane) at(v *view, now time.Time) *stand {
	s := l.stand.Load()
	if s != nil && s.in == v.snapshot && now.Before(s.until) {
		return s
	}
	s = &stand{in: v.snapshot, me: l.id.find(v.snapshot), until: nextBound(v.agreements[l.id.party], now)}
	l.stand.Store(s)
	return s
}

// wants is the function of that name for the party of a lane, which must be there.
func (s *stand) wants(key store.ObjectKey, now time.Time) bool {
	if ocpi.Module(key.Kind) == ocpi.HubClientInfo { // depends on the agreements of others too
		return wants(s.in, s.me, key, now)
	}
	if v := s.last.Load(); v != nil && v.kind == key.Kind && v.owner == key.Party {
		return v.wants
	}
	v := &ruling{key.Kind, key.Party, wants(s.in, s.me, key, now)}
	s.last.Store(v)
	return v.wants
}
