package quality

import (
	"cmp"
	"slices"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Report is the state of the data.
type Report struct {
	AsOf     time.Time
	Complete bool    // false: not everything has been read since the start
	Owners   []Owner // by country code and party id
	Total    Owner   // of all; its Score is the mean of the owners', weighted by EVSEs
	Twins    Twins
}

// Owner is the data of one party. References counts tariff ids in connectors.
type Owner struct {
	Party                                    ocpi.PartyID // zero: the Location does not say, or the total
	Locations, EVSEs, Connectors, References int
	Largest                                  int // EVSEs of the largest Location
	Counts                                   Counts
	Score                                    int // 0 to 100
}

// Twins are EVSE ids that occur more than once, REMOVED ones included.
type Twins struct {
	IDs          int // EVSE ids
	Stale        int // of these: one copy has not changed for 90 days, another has
	StatusDiffer int // of these: the copies disagree on the status
}

// reportEvery is how long a report stands: making one looks at every EVSE.
const reportEvery = 10 * time.Second

// Report returns a report that is at most ten seconds old.
func (j *Judge) Report() Report {
	j.report.Lock()
	defer j.report.Unlock()
	now := j.now()
	if j.last == nil || !now.Before(j.lastExpires) || j.last.AsOf.After(now) {
		r := j.ReportAt(now)
		j.last, j.lastExpires = &r, now.Add(reportEvery)
	}
	return *j.last
}

// ReportAt makes a report as if it were now.
func (j *Judge) ReportAt(now time.Time) Report {
	_, _, complete := j.mirror.Loaded()
	r := Report{AsOf: now.UTC(), Complete: complete || j.mirror.Store == nil}
	j.mu.RLock()
	defer j.mu.RUnlock()
	sessions := j.running()
	owners := map[*owner]*Owner{}
	for _, w := range j.owners {
		owners[w] = &Owner{Party: w.id}
	}
	for p := range j.places.all() {
		o := owners[p.owner]
		o.Locations++
		o.EVSEs += len(p.evses)
		o.Connectors += int(p.connectors)
		o.Largest = max(o.Largest, len(p.evses))
		j.count(p, sessions, now, &o.Counts)
		for _, t := range p.tariffs {
			o.References += t.n
		}
	}
	for w, v := range j.vote() {
		if v.suspicious() {
			owners[w].Counts[UpdatedSameSecond]++
		}
	}
	weighted := 0
	for w, o := range owners {
		if w.alone() {
			o.Counts[UpdatedAlone]++
		}
		o.Score = o.score()
		weighted += o.Score * o.EVSEs
		r.Owners = append(r.Owners, *o)
		r.Total.add(o)
	}
	r.Total.Score = 100
	if r.Total.EVSEs > 0 {
		r.Total.Score = weighted / r.Total.EVSEs
	}
	slices.SortFunc(r.Owners, func(a, b Owner) int {
		return cmp.Or(cmp.Compare(a.Party.CountryCode, b.Party.CountryCode), cmp.Compare(a.Party.ID, b.Party.ID))
	})
	r.Twins = j.twins(now.UnixMicro())
	return r
}

func (o *Owner) add(b *Owner) {
	o.Locations += b.Locations
	o.EVSEs += b.EVSEs
	o.Connectors += b.Connectors
	o.References += b.References
	o.Largest = max(o.Largest, b.Largest)
	for c, n := range b.Counts {
		o.Counts[c] += n
	}
}

// twins counts EVSE ids that occur more than once.
func (j *Judge) twins(now int64) (t Twins) {
	limit := now - staleFor.Microseconds()
	for id := range j.doubles {
		g := j.group(nil, id)
		t.IDs++
		if g[len(g)-1].evse.at() < limit && g[0].evse.at() >= limit {
			t.Stale++
		}
		if slices.ContainsFunc(g, func(m member) bool { return m.evse.status() != g[0].evse.status() }) {
			t.StatusDiffer++
		}
	}
	return t
}

// Bounds of the check for one second.
const (
	secondMinEVSEs  = 20
	secondMinPlaces = 5
)

// ballot finds the second in which more than half of an owner's EVSEs were
// updated, if there is one.
type ballot struct {
	second, votes        int64
	evses, places, share int
}

func (b *ballot) suspicious() bool {
	return b.evses >= secondMinEVSEs && b.places >= secondMinPlaces && 2*b.share > b.evses
}

// vote looks at all EVSEs twice: whom the first look leaves over is the only one
// that can have more than half.
func (j *Judge) vote() map[*owner]*ballot {
	out := make(map[*owner]*ballot, len(j.owners))
	for _, w := range j.owners {
		out[w] = &ballot{}
	}
	for p := range j.places.all() {
		b := out[p.owner]
		for i := range p.evses {
			switch s := p.evses[i].at() / 1e6; {
			case b.votes == 0:
				b.second, b.votes = s, 1
			case b.second == s:
				b.votes++
			default:
				b.votes--
			}
		}
	}
	for p := range j.places.all() {
		b := out[p.owner]
		b.evses += len(p.evses)
		here := false
		for i := range p.evses {
			if s := p.evses[i].at() / 1e6; s == b.second && s != 0 {
				b.share++
				here = true
			}
		}
		if here {
			b.places++
		}
	}
	return out
}

// alone reports whether at least half of enough pushes changed last_updated only.
func (w *owner) alone() bool { return w.pushes >= pushesEnough && 2*w.quiet >= w.pushes }
