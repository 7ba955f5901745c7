package quality

import (
	"slices"
	"time"
)

// Times of the checks.
const (
	unchangedFor = 30 * 24 * time.Hour
	staleFor     = 90 * 24 * time.Hour // a twin that has not changed for so long is stale
	aheadBy      = 5 * time.Minute     // of the clock; the hub accepts no later last_updated of a whole object
	sessionFor   = 5 * time.Minute     // until then messages may have passed each other
)

var long = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// judge finds what depends on time and on other objects. p need not be known; a
// place that is known under its key is taken for an older state of it. The caller
// holds the lock.
func (j *Judge) judge(p *place, sessions map[key][]session, now int64, out emit) {
	newest := p.at
	for i := range p.evses {
		e := &p.evses[i]
		at := where{i, -1, ""}
		newest = max(newest, e.at())
		if e.at() > p.at && p.at != 0 {
			out(EVSENewer, where{i, -1, "last_updated"}, "the EVSE is of %s, its Location of %s", stamp(e.at()), stamp(p.at))
		}
		j.moment(e.at(), now, where{i, -1, "last_updated"}, out)
		switch e.status() {
		case statusRemoved:
			out(StatusRemoved, where{i, -1, "status"}, "REMOVED")
		case statusUnknown:
			out(StatusUnknown, where{i, -1, "status"}, "UNKNOWN")
		}
		if all := j.doubles[e.id]; all != nil || j.first(e.id) != nil && j.first(e.id).key != p.key {
			j.twin(p, e, at, out)
		}
	}
	j.moment(p.at, now, where{-1, -1, "last_updated"}, out)
	if newest != 0 && newest < now-unchangedFor.Microseconds() {
		out(Unchanged, whole, "nothing has changed since %s", stamp(newest))
	}
	j.inSession(p, sessions[p.key], now, out)
}

func (j *Judge) moment(at, now int64, w where, out emit) {
	switch {
	case at > now+aheadBy.Microseconds():
		out(UpdatedInFuture, w, "last_updated %s is in the future", stamp(at))
	case at != 0 && at < long:
		out(UpdatedLongAgo, w, "last_updated %s is before 2015", stamp(at))
	}
}

// twin compares an EVSE with the others that have its EVSE id.
func (j *Judge) twin(p *place, e *evse, at where, out emit) {
	g := j.group(p, e.id)
	if len(g) < 2 {
		return
	}
	at.field = "evse_id"
	best := g[0]
	other := g[1]
	status := "with the same status"
	if slices.ContainsFunc(g, func(m member) bool { return m.evse.status() != best.evse.status() }) {
		status = "with different statuses"
	}
	if best.evse != e {
		out(EVSEIDTwice, at, "%s also has it, as %s of %s; here it is %s of %s (%d in all, %s)", best.place,
			best.evse.status(), stamp(best.evse.at()), e.status(), stamp(e.at()), len(g), status)
		return
	}
	out(EVSEIDClaimedTwice, at, "%s also has it, as %s of %s; here it is %s of %s and the newest (%d in all, %s)", other.place,
		other.evse.status(), stamp(other.evse.at()), e.status(), stamp(e.at()), len(g), status)
}

// first is one of the places with an EVSE id, nil when there is none.
func (j *Judge) first(id uint64) *place {
	if n, ok := j.ids[id]; ok {
		return j.places.places[n]
	}
	return nil
}

// member is one of the EVSEs with one EVSE id.
type member struct {
	place *place
	evse  *evse
}

// group returns all EVSEs with an EVSE id, the newest first; p stands for what is
// known under its key.
func (j *Judge) group(p *place, id uint64) []member {
	var g []member
	take := func(q *place) {
		for i := range q.evses {
			if q.evses[i].id == id {
				g = append(g, member{q, &q.evses[i]})
			}
		}
	}
	if p != nil {
		take(p)
	}
	known := j.doubles[id]
	if first := j.first(id); known == nil && first != nil {
		known = []*place{first}
	}
	for i, q := range known {
		if (p == nil || q.key != p.key) && !slices.Contains(known[:i], q) {
			take(q)
		}
	}
	slices.SortStableFunc(g, func(a, b member) int {
		switch {
		case a.evse.at() != b.evse.at():
			return sign(b.evse.at() - a.evse.at())
		case a.place.born != b.place.born:
			return sign(a.place.born - b.place.born)
		}
		return 0
	})
	return g
}

func sign(v int64) int {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// inSession finds EVSEs that are AVAILABLE while a session runs on them.
func (j *Judge) inSession(p *place, running []session, now int64, out emit) {
	for i := range p.evses {
		e := &p.evses[i]
		if e.status() != statusAvailable {
			continue
		}
		k := slices.IndexFunc(running, func(s session) bool {
			return s.uid == e.uid && s.since < now-sessionFor.Microseconds()
		})
		if k >= 0 {
			out(AvailableInSession, where{i, -1, "status"}, "AVAILABLE, and a session runs since %s", stamp(running[k].since))
		}
	}
}

// running sorts the sessions by place. The caller holds the lock.
func (j *Judge) running() map[key][]session {
	out := make(map[key][]session)
	for _, s := range j.sessions {
		out[s.place] = append(out[s.place], s)
	}
	return out
}

// unresolved counts the references of a place to tariffs that nobody has, and to
// those that only others have.
func (p *place) unresolved() (unknown, others int) {
	for _, r := range p.tariffs {
		switch {
		case len(r.tariff.owners) == 0:
			unknown += r.n
		case !p.owner.id.IsZero() && !slices.Contains(r.tariff.owners, p.owner.id):
			others += r.n
		}
	}
	return unknown, others
}

// stamp writes microseconds when a message is made.
type stamp int64

func (s stamp) String() string {
	if s == 0 {
		return "unknown date"
	}
	return time.UnixMicro(int64(s)).UTC().Format("2006-01-02T15:04:05.999Z")
}

func (s status) String() string { return statusNames[s] }

func (p *place) String() string { return p.owner.id.String() + " " + p.name }
