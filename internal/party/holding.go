package party

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// draft returns the next version of s, for a change at the time now.
func (s *state) draft(now time.Time) *draft {
	return &draft{now: now, before: s, touched: make(map[string]bool), state: &state{
		revision:  s.revision + 1,
		platforms: s.platforms.next(), parties: s.parties.next(),
		tokens: s.tokens.next(), agreements: s.agreements.next(), holdings: s.holdings.next(),
	}}
}

// of returns the parties of a platform, in order.
func (s *state) of(platform string) []*partyRecord { return s.holdings.get(platform).parties }

// tokensOf returns the tokens of a platform, in order.
func (s *state) tokensOf(platform string) []*tokenRecord { return s.holdings.get(platform).tokens }

func orderOfParties(a, b *partyRecord) int {
	return cmp.Or(cmp.Compare(a.ID.Joined(), b.ID.Joined()), cmp.Compare(a.Role, b.Role))
}

func orderOfTokens(a, b *tokenRecord) int { return bytes.Compare(a.hash[:], b.hash[:]) }

// hold says what belongs to each platform.
func hold(parties map[partyKey]*partyRecord, tokens map[digest]*tokenRecord) map[string]holding {
	out := make(map[string]holding)
	for _, q := range parties {
		h := out[q.platform]
		h.parties = append(h.parties, q)
		out[q.platform] = h
	}
	for _, t := range tokens {
		h := out[t.platform]
		h.tokens = append(h.tokens, t)
		out[t.platform] = h
	}
	for _, h := range out {
		slices.SortFunc(h.parties, orderOfParties)
		slices.SortFunc(h.tokens, orderOfTokens)
	}
	return out
}

// with returns a list with e in its place, instead of one in the same place.
func with[E any](list []E, e E, order func(a, b E) int) []E {
	out := slices.Clone(list)
	i, there := slices.BinarySearchFunc(out, e, order)
	if there {
		out[i] = e
		return out
	}
	return slices.Insert(out, i, e)
}

// without returns a list without the one in the place of e.
func without[E any](list []E, e E, order func(a, b E) int) []E {
	out := slices.Clone(list)
	if i, there := slices.BinarySearchFunc(out, e, order); there {
		out = slices.Delete(out, i, i+1)
	}
	return out
}

func (d *draft) setParty(q *partyRecord) {
	d.parties.set(q.partyKey, q)
	d.hold(q.platform, func(h *holding) { h.parties = with(h.parties, q, orderOfParties) })
}

func (d *draft) dropParty(q *partyRecord) {
	d.parties.drop(q.partyKey)
	d.hold(q.platform, func(h *holding) { h.parties = without(h.parties, q, orderOfParties) })
}

func (d *draft) setToken(t *tokenRecord) {
	d.tokens.set(t.hash, t)
	d.hold(t.platform, func(h *holding) { h.tokens = with(h.tokens, t, orderOfTokens) })
}

func (d *draft) dropToken(t *tokenRecord) {
	d.tokens.drop(t.hash)
	d.hold(t.platform, func(h *holding) { h.tokens = without(h.tokens, t, orderOfTokens) })
}

func (d *draft) putAgreement(a *Agreement) {
	d.agreements.set(a.ID, a)
	d.agreed = true
}

func (d *draft) dropAgreement(id string) {
	d.agreements.drop(id)
	d.agreed = true
}

// hold changes what belongs to a platform.
func (d *draft) hold(platform string, change func(h *holding)) {
	h := d.holdings.get(platform)
	change(&h)
	if len(h.parties)+len(h.tokens) > 0 {
		d.holdings.set(platform, h)
	} else {
		d.holdings.drop(platform)
	}
	d.touched[platform] = true
}
