package party

import (
	"cmp"
	"slices"

	"github.com/eroam/eroam/ocpi"
)

// view is what the hot path reads.
type view struct {
	snapshot *Snapshot
	tokens   table[digest, *credential]
	headers  headerCache
}

// view builds the whole of what the hot path reads.
func (s *state) view(hub ocpi.PartyID, open bool) *view {
	var platforms []*Platform
	tokens := make(map[digest]*credential)
	for _, rec := range s.platforms.all() {
		p := s.show(rec)
		platforms = append(platforms, p)
		for _, c := range s.credentials(p) {
			tokens[c.hash] = c
		}
	}
	slices.SortFunc(platforms, orderOfPlatforms)
	v := &view{snapshot: NewSnapshot(hub, open, platforms, s.allAgreements())}
	v.snapshot.Revision, v.tokens.base = s.revision, tokens
	return v
}

// view builds the same of a draft, from the view of what was before: platforms that
// the draft did not touch are shared with it. So a registration does not cost more
// the more platforms there are.
func (d *draft) view(old *view) *view {
	o := old.snapshot
	s := &Snapshot{
		Hub: o.Hub, OpenAgreements: o.OpenAgreements, Revision: d.revision,
		platforms: slices.Clone(o.platforms), byID: o.byID.next(), parties: o.parties.next(), agreements: o.agreements, all: o.all,
	}
	v := &view{snapshot: s, tokens: old.tokens.next()}
	for id := range d.touched {
		if p := s.byID.get(id); p != nil {
			s.remove(p)
			for _, t := range d.before.tokensOf(id) {
				v.tokens.drop(t.hash)
			}
		}
		if rec := d.platforms.get(id); rec != nil {
			p := d.show(rec)
			s.add(p)
			for _, c := range d.credentials(p) {
				v.tokens.set(c.hash, c)
			}
		}
	}
	if d.agreed {
		s.all = d.allAgreements()
		s.agreements = byPair(s.all)
	}
	return v
}

// show makes of a record, and of what belongs to it, what others see.
func (s *state) show(rec *record) *Platform {
	p := rec.Platform
	for _, q := range s.of(p.ID) {
		p.Parties = append(p.Parties, &Party{
			ID: q.ID, Role: q.Role, Name: q.name, Platform: &p,
			Confirmed: q.confirmed, Status: q.status, LastUpdated: q.lastUpdated,
			Delivery: q.delivery.value(),
		})
	}
	return &p
}

// credentials are the tokens that open something for p.
func (s *state) credentials(p *Platform) []*credential {
	tokens := s.tokensOf(p.ID)
	previous := slices.ContainsFunc(tokens, func(t *tokenRecord) bool { return t.kind == KindPrevious })
	out := make([]*credential, len(tokens))
	for i, t := range tokens {
		out[i] = &credential{tokenRecord: t, platform: p, supersedes: t.kind == KindFull && previous}
	}
	return out
}

func (s *state) allAgreements() []*Agreement {
	var out []*Agreement
	for _, a := range s.agreements.all() {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *Agreement) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func orderOfPlatforms(a, b *Platform) int {
	return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// remove takes p out of a snapshot that nobody else has seen.
func (s *Snapshot) remove(p *Platform) {
	if i, there := slices.BinarySearchFunc(s.platforms, p, orderOfPlatforms); there {
		s.platforms = slices.Delete(s.platforms, i, i+1)
	}
	s.byID.drop(p.ID)
	for _, q := range p.Parties {
		var left []*Party
		for _, other := range s.parties.get(q.ID) {
			if other.Platform != p {
				left = append(left, other)
			}
		}
		if len(left) > 0 {
			s.parties.set(q.ID, left)
		} else {
			s.parties.drop(q.ID)
		}
	}
}

// add puts p into a snapshot that nobody else has seen.
func (s *Snapshot) add(p *Platform) {
	i, _ := slices.BinarySearchFunc(s.platforms, p, orderOfPlatforms)
	s.platforms = slices.Insert(s.platforms, i, p)
	s.byID.set(p.ID, p)
	for _, q := range p.Parties {
		list := append(slices.Clone(s.parties.get(q.ID)), q)
		slices.SortStableFunc(list, func(a, b *Party) int { return orderOfPlatforms(a.Platform, b.Platform) })
		s.parties.set(q.ID, list)
	}
}
