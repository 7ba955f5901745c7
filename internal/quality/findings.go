package quality

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// Finding is one thing that is odd.
type Finding struct {
	Code    Code
	Party   ocpi.PartyID
	Object  string // Location id as its owner spells it; "" when it is about the party
	Pointer string // JSON pointer into the Location
	Message string
	// Since is the last_updated of the Location, EVSE or connector that shows it:
	// it has been so at least since then. Zero when it is not known.
	Since time.Time
}

// Limits of one page.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Query selects findings.
type Query struct {
	Party  ocpi.PartyID // zero: all
	Code   Code         // 0: all
	Object string       // Location id; "" : all
	Cursor string       // Page.Next of the page before
	Limit  int          // 0: DefaultLimit; at most MaxLimit
}

// Page is a part of an answer.
type Page struct {
	Findings []Finding
	Next     string // cursor of the next page; "" on the last
	Complete bool
}

// cursor is where a page ends: findings about parties come first (born 0), then
// locations in the order in which they were first published; n findings of the
// last one were given.
type cursor struct {
	born int64
	n    int
}

// candidates is how many places are looked at in one go.
const candidates = 64

// Findings returns one page of findings as of now. Pages that follow each other
// by their cursors show each finding once that was there all the time, except in
// a Location that changed in between. A cursor of another query is an
// *ocpi.Error that names it.
func (j *Judge) Findings(ctx context.Context, q Query) (Page, error) {
	return j.FindingsAt(ctx, q, j.now())
}

// FindingsAt is Findings as if it were now.
func (j *Judge) FindingsAt(ctx context.Context, q Query, now time.Time) (Page, error) {
	at, err := q.open()
	if err != nil {
		return Page{}, err
	}
	limit := min(cmp.Or(max(0, q.Limit), DefaultLimit), MaxLimit)
	_, _, complete := j.mirror.Loaded()
	page := Page{Findings: []Finding{}, Complete: complete || j.mirror.Store == nil}
	// take adds findings of one place behind the cursor; false: the page is full.
	take := func(born int64, found []Finding) bool {
		skip := 0
		if born == at.born {
			skip = at.n
		}
		for i := skip; i < len(found); i++ {
			if len(page.Findings) == limit {
				page.Next = q.seal(at)
				return false
			}
			page.Findings = append(page.Findings, found[i])
			at = cursor{born, i + 1}
		}
		return true
	}
	if at.born == 0 && !take(0, j.aboutOwners(q)) {
		return page, nil
	}
	for after := at.born - 1; ; {
		keys := j.next(q, max(0, after), now)
		if len(keys) == 0 {
			return page, nil
		}
		for _, k := range keys {
			after = k.born
			found, err := j.ofPlace(ctx, q, k, now)
			if err != nil {
				return Page{}, err
			}
			if !take(k.born, found) {
				return page, nil
			}
		}
	}
}

// numbered is the key of a place and when it was first published.
type numbered struct {
	store.ObjectKey
	born int64
}

// next returns the first places behind one that have what the query asks for.
func (j *Judge) next(q Query, after int64, now time.Time) []numbered {
	j.mu.RLock()
	defer j.mu.RUnlock()
	var out []numbered
	worst := int64(math.MaxInt64)
	keep := func() {
		slices.SortFunc(out, func(a, b numbered) int { return cmp.Compare(a.born, b.born) })
		if out = out[:min(len(out), candidates)]; len(out) == candidates {
			worst = out[candidates-1].born
		}
	}
	sessions := j.running()
	object := ocpi.FoldID(q.Object)
	for p := range j.places.all() {
		if p.born <= after || p.born > worst || !q.Party.IsZero() && p.owner.id != q.Party || object != "" && ocpi.FoldID(p.name) != object ||
			!j.has(p, q.Code, sessions, now) {
			continue
		}
		out = append(out, numbered{store.ObjectKey{Kind: string(ocpi.Locations), Party: p.owner.id, ID: ocpi.FoldID(p.name)}, p.born})
		if len(out) >= 2*candidates {
			keep()
		}
	}
	keep()
	return out
}

// has reports whether a place has a finding of a code, or any for code 0.
func (j *Judge) has(p *place, c Code, sessions map[key][]session, now time.Time) bool {
	var n Counts
	j.count(p, sessions, now, &n)
	if c != 0 {
		return n[c] > 0
	}
	return slices.ContainsFunc(n[:], func(k int) bool { return k > 0 })
}

// count adds the findings of a place to n, those about its owner left out. The
// caller holds the lock.
func (j *Judge) count(p *place, sessions map[key][]session, now time.Time, n *Counts) {
	n.add(j.vectors.items[p.static])
	j.judge(p, sessions, now.UnixMicro(), func(c Code, _ where, _ string, _ ...any) { n[c]++ })
	unknown, others := p.unresolved()
	n[TariffUnknown] += unknown
	n[TariffOfOtherParty] += others
}

// ofPlace reads a Location and puts its findings into words, in the order of the
// codes.
func (j *Judge) ofPlace(ctx context.Context, q Query, k numbered, now time.Time) ([]Finding, error) {
	objects, err := j.bodies(ctx, []store.ObjectKey{k.ObjectKey})
	if err != nil {
		return nil, fmt.Errorf("reading a location of %s: %w", k.Party, err)
	}
	if len(objects) == 0 || objects[0].Deleted {
		return nil, nil
	}
	o := &objects[0]
	var found []Finding
	l, err := readLocation(o.Body)
	if err != nil {
		l = &location{}
	}
	out := func(c Code, at where, format string, args ...any) {
		if q.Code == 0 || q.Code == c {
			found = append(found, Finding{
				Code: c, Party: o.Party, Object: o.Name, Pointer: at.pointer(), Message: message(format, args), Since: l.since(at),
			})
		}
	}
	if err != nil {
		out(RequiredMissing, whole, "the Location cannot be read")
		return found, nil
	}
	inspect(l, j.atlas, out)
	j.mu.RLock()
	defer j.mu.RUnlock()
	var d draft
	d.name, d.key, d.born, d.at, d.owner = o.Name, keyOf(o.ObjectKey), o.Born, o.LastUpdated, &owner{id: o.Party}
	d.fill(j, l)
	j.judge(&d.place, j.running(), now.UnixMicro(), out)
	j.aboutTariffs(o.Party, l, out)
	slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(a.Code, b.Code) })
	return found, nil
}

// aboutTariffs finds tariff ids that lead nowhere. The caller holds the lock.
func (j *Judge) aboutTariffs(owner ocpi.PartyID, l *location, out emit) {
	for i := range l.EVSEs {
		for k := range l.EVSEs[i].Connectors {
			for n, id := range l.EVSEs[i].Connectors[k].TariffIDs {
				at := where{i, k, fmt.Sprintf("tariff_ids/%d", n)}
				t := j.tariffs[j.hash(ocpi.FoldID(string(id)))]
				switch {
				case t == nil || len(t.owners) == 0:
					out(TariffUnknown, at, "there is no tariff %q", string(id))
				case !owner.IsZero() && !slices.Contains(t.owners, owner):
					out(TariffOfOtherParty, at, "there is no tariff %q of %s, but one of %s", string(id), owner, t.owners[0])
				}
			}
		}
	}
}

// aboutOwners puts into words what is about a party as a whole.
func (j *Judge) aboutOwners(q Query) (found []Finding) {
	if q.Object != "" || q.Code != 0 && q.Code != UpdatedSameSecond && q.Code != UpdatedAlone {
		return nil
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	for w, b := range j.vote() {
		if !q.Party.IsZero() && q.Party != w.id {
			continue
		}
		if b.suspicious() && q.Code != UpdatedAlone {
			found = append(found, Finding{Code: UpdatedSameSecond, Party: w.id, Message: fmt.Sprintf(
				"%d of %d EVSEs, in %d Locations, are of %s", b.share, b.evses, b.places, stamp(b.second*1e6))})
		}
		if w.alone() && q.Code != UpdatedSameSecond {
			found = append(found, Finding{Code: UpdatedAlone, Party: w.id, Message: fmt.Sprintf(
				"%d of the last %d pushes changed last_updated and nothing else, %d of them to the moment at which they came in", w.quiet, w.pushes, w.stamped)})
		}
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Party.CountryCode, b.Party.CountryCode), cmp.Compare(a.Party.ID, b.Party.ID), cmp.Compare(a.Code, b.Code))
	})
	return found
}

// since is the last_updated of a part, or of what it is in.
func (l *location) since(at where) time.Time {
	var us int64
	if at.evse >= 0 && at.connector >= 0 {
		us = l.EVSEs[at.evse].Connectors[at.connector].LastUpdated.micros()
	}
	if us == 0 && at.evse >= 0 {
		us = l.EVSEs[at.evse].LastUpdated.micros()
	}
	if us == 0 {
		us = l.LastUpdated.micros()
	}
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

var errCursor = ocpi.Invalid("cursor", "is not one that an answer to this query had as next")

func (q Query) sum() uint32 { return sum32(fmt.Sprintf("%s %d %q", q.Party, q.Code, q.Object)) }

func (q Query) seal(c cursor) string {
	b := binary.BigEndian.AppendUint32(nil, q.sum())
	b = binary.AppendUvarint(b, uint64(c.born))
	b = binary.AppendUvarint(b, uint64(c.n))
	return base64.RawURLEncoding.EncodeToString(b)
}

func (q Query) open() (cursor, error) {
	if q.Cursor == "" {
		return cursor{}, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(b) < 6 || binary.BigEndian.Uint32(b) != q.sum() {
		return cursor{}, errCursor
	}
	born, n := binary.Uvarint(b[4:])
	if n <= 0 || born > 1<<62 {
		return cursor{}, errCursor
	}
	count, k := binary.Uvarint(b[4+n:])
	if k <= 0 || 4+n+k != len(b) || count > 1<<31 {
		return cursor{}, errCursor
	}
	return cursor{int64(born), int(count)}, nil
}
